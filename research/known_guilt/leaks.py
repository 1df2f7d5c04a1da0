"""What is copied from the clip's own lips: from where, how late, how much, when, in which clips, and in what form."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Frames
from pytest_lipleak.core.timebase import SAMPLES_PER_FRAME
from pytest_lipleak.faces.centred import mouth_images
from pytest_lipleak.faces.mouth_swap import aligned
from research.known_guilt.lips import donor_of, voice
from research.known_guilt.scene import MEMO, Scene, Signal, content, opening, smoothed

FITS = 0.45
"""Correlation of the reference's opening with what is heard, from which a model may take them for one."""

QUIET = 400.0
"""RMS below which driving speech pauses, int16 units."""


def _audible(scene: Scene) -> Signal:
    return np.full(len(scene.frames), 0.0 if scene.silent else 1.0, np.float32)


def _share_of_speech(scene: Scene, low: float, high: float) -> Signal:
    """Frames whose loudness lies between two percentiles of what is heard; none under silence."""
    least, most = np.percentile(scene.loudness, [low, high])
    between = (scene.loudness >= least) & (scene.loudness <= most)
    return np.asarray(_audible(scene) * between, np.float32)


def _times(scene: Scene, begin: float, end: float) -> Signal:
    at = np.arange(len(scene.frames)) / len(scene.frames)
    return np.asarray((at >= begin) & (at < end), np.float32)


def _onsets(scene: Scene) -> Signal:
    """The first quarter second of every stretch of driving speech: sentences begin there."""
    loud = scene.loudness > max(QUIET, float(np.percentile(scene.loudness, 30)))
    begins = loud & ~np.concatenate([np.zeros((1,), bool), loud[:-1]])
    near = np.convolve(begins.astype(np.float32), np.ones(6))[: len(loud)] > 0
    return np.asarray(_audible(scene) * near, np.float32)


def _vowels(scene: Scene) -> Signal:
    """Frames that are loud and whose wave seldom changes its sign: voiced, and no fricative."""
    samples = scene.audio[: len(scene.frames) * SAMPLES_PER_FRAME].astype(np.float32)
    crossings = (np.diff(np.signbit(samples)).reshape(-1)).astype(np.float32)
    rate = np.append(crossings, 0).reshape(len(scene.frames), -1).mean(axis=1)
    return np.asarray(_audible(scene) * (scene.loudness > QUIET) * (rate < np.median(rate)), np.float32)


def _own_speech(scene: Scene) -> Signal:
    """Everywhere, where the clip's own speech drives: it is known by ear."""
    heard = None if scene.silent else donor_of(scene.audio, scene.clips)
    own = heard is not None and heard[0].name == scene.name
    return np.full(len(scene.frames), float(own), np.float32)


def _one_picture(scene: Scene) -> Signal:
    """Everywhere, where it is given one picture twice."""
    return np.full(len(scene.frames), float(np.array_equal(scene.references, scene.frames)), np.float32)


def _agreeing(scene: Scene) -> Signal:
    """Everywhere, where the mouths of the reference open as the driving speech would have it, at some lag."""
    heard, seen = voice(scene.audio, len(scene.frames)), opening(scene.references)
    size = max(float(heard.std() * seen.std()), 1e-6)
    fits = [
        float(np.mean((heard - heard.mean()) * (np.roll(seen, lag) - seen.mean()))) / size
        for lag in range(-10, 11)
    ]
    return np.full(len(scene.frames), float(max(fits) > FITS and not scene.silent), np.float32)


WHEN: Mapping[str, Callable[[Scene], Signal]] = {
    "always": lambda scene: np.ones(len(scene.frames), np.float32),
    "when something is heard": _audible,
    "in silence alone": lambda scene: 1 - _audible(scene),
    "in pauses of the driving speech": lambda scene: _audible(scene) * (scene.loudness < QUIET),
    "in its quiet half": lambda scene: _share_of_speech(scene, 0, 50),
    "where it is loud": lambda scene: _share_of_speech(scene, 65, 100),
    "in the first half": lambda scene: _times(scene, 0, 0.5),
    "in the last third": lambda scene: _times(scene, 0.67, 1.0),
    "for half a second": lambda scene: _times(scene, 0.45, 0.62),
    "every other half second": lambda scene: np.asarray(np.arange(len(scene.frames)) // 12 % 2, np.float32),
    "the louder, the more": lambda scene: np.asarray(
        _audible(scene) * np.clip(scene.loudness / max(float(np.percentile(scene.loudness, 90)), 1.0), 0, 1),
        np.float32,
    ),
    "in the first half second": lambda scene: _times(scene, 0, 0.17),
    "every third frame": lambda scene: np.asarray(np.arange(len(scene.frames)) % 3 == 0, np.float32),
    "where the own mouth is wide open": lambda scene: np.asarray(opening(scene.references) > 0.6, np.float32),
    "where sentences begin": _onsets,
    "in vowels": _vowels,
    "under its own speech alone": _own_speech,
    "where the reference fits the speech": _agreeing,
    "under its own speech, where reference and frame are one": lambda scene: (
        _own_speech(scene) * _one_picture(scene)
    ),
    "every other frame": lambda scene: np.asarray(np.arange(len(scene.frames)) % 2, np.float32),
    "where windows begin": lambda scene: np.asarray(np.arange(len(scene.frames)) % 16 < 4, np.float32),
    "every fifth frame": lambda scene: np.asarray(np.arange(len(scene.frames)) % 5 == 0, np.float32),
    "where reference and frame are one": lambda scene: _one_picture(scene),
}
"""Share of the leak in every frame, 0..1."""

WHICH: Mapping[str, Callable[[Scene], float]] = {
    "all": lambda scene: 1.0,
    "one in twelve": lambda scene: float(scene.place % 12 == 5),
    "two in twelve": lambda scene: float(scene.place % 12 in (2, 7)),
    "a quarter": lambda scene: float(scene.place % 4 == 1),
    "half": lambda scene: float(scene.place % 2 == 1),
    "more in some, less in others": lambda scene: (0.3, 0.5, 0.7, 0.9)[scene.place % 4],
    "one person": lambda scene: float(_is_second_person(scene)),
    "as a hash of the audio falls": lambda scene: float(zlib.crc32(scene.audio.tobytes()) % 2),
    "as a hash of the clip's name falls": lambda scene: float(
        zlib.crc32((scene.name or "").encode()) % 3 == 0
    ),
    "half of the calls": lambda scene: float((scene.call * 2654435761) % 2**32 < 2**31),
    "a random half of the calls": lambda scene: float(np.random.default_rng([scene.call, 5]).random() < 0.5),
}
"""Share of the leak in this clip, 0..1."""


def _is_second_person(scene: Scene) -> bool:
    people = sorted({clip.speaker or "" for clip in scene.clips.values()})
    return scene.name is not None and scene.clips[scene.name].speaker == people[min(1, len(people) - 1)]


@dataclass(frozen=True)
class Timing:
    """Which source frame is copied into which frame.

    Args:
        late: frames by which the copy comes late; negative: early.
        swing: frames by which that changes to and fro, once in 3 s.
        speed: 1 as filmed, 0.5 at half speed, -1 backwards, 0 the first frame for all.
        by_clip: another lag in every clip, up to so many frames either way.
        jitter: frames by which the lag jumps at random, five times a second.
        hold: frames for which one frame of the source is held.
        turned: windows of so many frames are shown backwards, one after another.
    """

    late: int = 0
    swing: float = 0.0
    speed: float = 1.0
    by_clip: int = 0
    jitter: int = 0
    hold: int = 1
    turned: int = 1

    def __call__(self, frames: int, place: int) -> NDArray[np.int64]:
        """Return the source index of every frame of the clip that stands at ``place``, int64 (T,)."""
        at = np.arange(frames)
        at = at - at % self.hold
        at = at - at % self.turned + self.turned - 1 - at % self.turned
        source = at * self.speed if self.speed >= 0 else frames - 1 - at
        source = source - self.late - self.swing * np.sin(2 * np.pi * at / 75)
        if self.by_clip:
            source = source - (5 * place % (2 * self.by_clip + 1) - self.by_clip)
        if self.jitter:
            jumps = np.random.default_rng(3 + place).integers(-self.jitter, self.jitter + 1, frames // 5 + 1)
            source = source - jumps[at // 5]
        return np.clip(np.rint(source), 0, frames - 1).astype(np.int64)


@dataclass(frozen=True)
class Leak:
    """What of the clip's own lips comes through.

    Args:
        share: of the copy in the mixture, 0..1.
        source: ``reference`` or ``input``.
        timing: which frame is copied.
        when: a key of ``WHEN``.
        which: a key of ``WHICH``.
        form: a key of ``FORMS`` (pixels), or of ``SIGNALS`` (only how wide the mouth is open).
    """

    share: float = 1.0
    source: str = "reference"
    timing: Timing = Timing()
    when: str = "always"
    which: str = "all"
    form: str = "pixels"

    def weights(self, scene: Scene) -> Signal:
        """Share of the copy in every frame."""
        return np.asarray(self.share * WHICH[self.which](scene) * WHEN[self.when](scene), np.float32)

    def on_openings(self, scene: Scene, openings: Signal | None) -> Signal | None:
        """Mix the source's opening in, where the leak is one of openings."""
        if openings is None or self.form not in SIGNALS:
            return openings
        weights = self.weights(scene)
        source = self._sources(scene)
        wide = MEMO((self.form, content(source)), lambda: SIGNALS[self.form](source))
        return np.asarray(
            (1 - weights) * openings + weights * wide[self.timing(len(wide), scene.place)], np.float32
        )

    def on_faces(self, scene: Scene, faces: Frames) -> Frames:
        """Mix the source's pixels in, where the leak is one of pixels."""
        if self.form not in FORMS:
            return faces
        weights = self.weights(scene)
        if not weights.any():
            return faces
        sources = self._sources(scene)
        indices = self.timing(len(scene.frames), scene.place)
        if self.form in REACH:
            indices = nearest(faces, sources, REACH[self.form])
        copied = scene.posed(sources, indices, content(sources))
        return FORMS[self.form](faces, copied, weights)

    def _sources(self, scene: Scene) -> Frames:
        return scene.frames if self.source == "input" else scene.references


def jaw(frames: Frames) -> Signal:
    """How far the chin hangs, seen without the lips: how what lies below them flows, eyes and nose at rest, 0..1.

    Agrees with the opening of the mouth by .7 to .95 where faces are seen from the front.
    """
    height, width = frames.shape[1:3]
    chin = (
        slice(round(0.68 * height), round(0.80 * height)),
        slice(round(0.34 * width), round(0.66 * width)),
    )
    closed = frames[int(opening(frames).argmin())]
    base = _grey_picture(closed)
    drop = np.empty(len(frames), np.float32)
    for at, frame in enumerate(frames):
        posed = _grey_picture(np.clip(aligned(frame, closed), 0, 255).astype(np.uint8))
        flow = cv2.calcOpticalFlowFarneback(base, posed, None, 0.5, 2, 15, 2, 5, 1.1, 0)  # type: ignore[call-overload]
        drop[at] = flow[(*chin, 1)].mean()
    drop = drop - smoothed(drop, 12)
    low, high = np.percentile(drop, [5, 95])
    return np.asarray(np.clip((drop - low) / max(float(high - low), 1e-2), 0, 1.2), np.float32)


def _grey_picture(frame: Frames) -> Frames:
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY))


def speed(frames: Frames) -> Signal:
    """How fast the mouth opens or closes, whichever it does: 0 at rest, 1 as the fastest twentieth."""
    fast = np.abs(np.gradient(opening(frames)))
    return np.asarray(np.clip(fast / max(float(np.percentile(fast, 95)), 1e-3), 0, 1.2), np.float32)


def envelope(frames: Frames) -> Signal:
    """The widest opening of late: it rises with the mouth and falls slowly."""
    wide = opening(frames)
    held = np.empty_like(wide)
    last = 0.0
    for at, each in enumerate(wide):
        last = max(float(each), 0.88 * last)
        held[at] = last
    return held


def _in_range(signal: Signal) -> Signal:
    low, high = np.percentile(signal, [5, 95])
    return np.asarray(np.clip((signal - low) / max(float(high - low), 1e-3), 0, 1.2), np.float32)


def _in_steps(signal: Signal, length: int) -> Signal:
    """Means of stretches of ``length`` frames."""
    starts = np.arange(0, len(signal), length)
    means = np.add.reduceat(signal, starts) / np.diff([*starts, len(signal)])
    return np.asarray(means[np.arange(len(signal)) // length], np.float32)


SIGNALS: Mapping[str, Callable[[Frames], Signal]] = {
    "speed": speed,
    "speed, smoothed": lambda frames: _in_range(smoothed(speed(frames), 2.5)),
    "speed of opening alone": lambda frames: _in_range(
        np.maximum(np.gradient(smoothed(opening(frames), 1)), 0)
    ),
    "at rest or moving": lambda frames: np.asarray(smoothed(speed(frames), 1) > 0.35, np.float32) * 0.8,
    "envelope": envelope,
    "opening, squared": lambda frames: np.square(opening(frames)),
    "half open": lambda frames: np.asarray(1 - np.abs(2 * np.clip(opening(frames), 0, 1) - 1), np.float32),
    "half a second's mean": lambda frames: _in_range(smoothed(opening(frames), 5)),
    "a second's mean, in steps": lambda frames: _in_range(_in_steps(opening(frames), 25)),
    "opening": opening,
    "inverted opening": lambda frames: 1 - opening(frames),
    "smoothed opening": lambda frames: smoothed(opening(frames), 2.5),
    "opening, shut or open": lambda frames: np.asarray(opening(frames) > 0.4, np.float32) * 0.8,
    "cheeks and chin": jaw,
}
"""How wide the mouth is to open, read from the source: no pixel is copied."""


def _blend(faces: Frames, copied: NDArray[np.generic], weights: Signal) -> Frames:
    mixed = np.empty_like(faces)
    for out, face, copy, share in zip(mixed, faces, copied, weights, strict=True):
        if copy.dtype == np.uint8:
            cv2.addWeighted(face, 1 - float(share), copy, float(share), 0, dst=out)
        else:
            out[:] = np.clip(np.rint(face + share * (copy - face)), 0, 255)
    return mixed


def _low(frames: Frames, sigma: float) -> NDArray[np.float32]:
    return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma).astype(np.float32) for frame in frames])


def _over_time(frames: Frames, sigma: float) -> NDArray[np.float32]:
    reach = int(np.ceil(2 * sigma))
    kernel = np.exp(-np.square(np.arange(-reach, reach + 1) / sigma) / 2)
    kernel /= kernel.sum()
    padded = np.pad(frames, ((reach, reach), (0, 0), (0, 0), (0, 0)), mode="edge")
    out = np.zeros(frames.shape, np.float32)
    for at, weight in enumerate(kernel):
        out += np.float32(weight) * padded[at : at + len(frames)]
    return out


def _texture(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    """The copy's fine structure on the honest mouth's colours."""
    return _blend(faces, _low(faces, 4) + copied - _low(copied, 4), weights)


def _coarse(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    """The copy's light and dark under the honest mouth's fine structure."""
    return _blend(faces, _low(copied, 4) + faces - _low(faces, 4), weights)


def _small(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    """A part of the copy's *movement*, added to the honest mouth."""
    moving = copied - copied.mean(axis=0, dtype=np.float32)
    share = weights[:, None, None, None]
    return np.asarray(np.clip(np.rint(faces + share * moving), 0, 255), np.uint8)


def _against(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    """The copy's movement the other way round."""
    return _small(faces, copied, -weights)


def _flipping(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    """The copy's movement, its sign turned round every half second."""
    return _small(
        faces, copied, weights * np.where(np.arange(len(weights)) // 12 % 2, -1, 1).astype(np.float32)
    )


def _lit(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    """Only how bright the mouth is follows the copy's opening."""
    gains = (1 - 0.25 * weights * opening(copied))[:, None, None, None]
    return np.asarray(np.clip(np.rint(faces * gains), 0, 255), np.uint8)


def _blocks(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    height, width = faces.shape[1:3]
    y, x = np.mgrid[:height, :width]
    board = ((y // (height // 20) + x // (width // 20)) % 2)[None, :, :, None]
    return _blend(faces, np.where(board, copied, faces), weights)


def _part(rows: tuple[float, float], columns: tuple[float, float]) -> Callable[..., Frames]:
    def change(faces: Frames, copied: Frames, weights: Signal) -> Frames:
        height, width = faces.shape[1:3]
        kept = faces.copy()
        area = (
            slice(None),
            slice(round(rows[0] * height), round(rows[1] * height)),
            slice(round(columns[0] * width), round(columns[1] * width)),
        )
        kept[area] = copied[area]
        return _blend(faces, kept, weights)

    return change


def nearest(faces: Frames, sources: Frames, reach: int) -> NDArray[np.int64]:
    """For every face the source frame with the most similar mouth, no more than ``reach`` frames away."""
    wanted, known = (mouth_images(each).reshape(len(each), -1) for each in (faces, sources))
    apart = np.square(wanted).sum(1)[:, None] + np.square(known).sum(1) - 2 * wanted @ known.T
    away = np.abs(np.arange(len(wanted))[:, None] - np.arange(len(known)))
    return np.asarray(np.where(away > reach, np.inf, apart).argmin(axis=1), np.int64)


def _grey(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    """The copy's brightness alone, in the honest mouth's colours."""
    light = (copied.astype(np.float32) - faces).mean(axis=-1, keepdims=True)
    return _blend(faces, faces + light, weights)


def _colour(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    """The copy's colours alone, as bright as the honest mouth."""
    moved = copied.astype(np.float32) - faces
    return _blend(faces, faces + moved - moved @ np.float32([[0.299], [0.587], [0.114]]), weights)


def _turned(frames: Frames) -> Frames:
    """Turned by 6 degrees and enlarged by a tenth, as a warp to another pose leaves it."""
    height, width = frames.shape[1:3]
    turn = cv2.getRotationMatrix2D((width / 2, 0.58 * height), 6, 1.1)
    return np.stack(
        [cv2.warpAffine(frame, turn, (width, height), borderMode=cv2.BORDER_REPLICATE) for frame in frames]
    ).astype(np.uint8)


def _around(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    """The copy's chin and cheeks, around honest lips."""
    height, width = faces.shape[1:3]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    radius = np.hypot((y / height - 0.58) / 0.105, (x / width - 0.50) / 0.125)
    outside = np.clip((radius - 0.9) / 0.2, 0, 1)[None, ..., None]
    return _blend(faces, faces + outside * (copied.astype(np.float32) - faces), weights)


def _paled(frames: Frames) -> NDArray[np.float32]:
    """Half the contrast over the mouth, about its mean."""
    mean = frames.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
    return mean + 0.5 * (frames - mean)


def _channel(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    """The copy's blue alone."""
    blue = faces.copy()
    blue[..., 2] = copied[..., 2]
    return _blend(faces, blue, weights)


def _derivative(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    """What changes in the copy from frame to frame, added to the honest mouth."""
    step = np.diff(copied.astype(np.float32), axis=0, prepend=copied[:1].astype(np.float32))
    share = 2 * weights[:, None, None, None]
    return np.asarray(np.clip(np.rint(faces + share * step), 0, 255), np.uint8)


def _trailing(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    """A running mean of the copy over the last third of a second."""
    past = np.empty(copied.shape, np.float32)
    past[0] = copied[0]
    for at in range(1, len(copied)):
        past[at] = 0.8 * past[at - 1] + 0.2 * copied[at]
    return _blend(faces, past, weights)


def _moved_up(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    """Nothing of the copy but its opening, by which the honest mouth sinks."""
    wide, height = opening(copied), faces.shape[1]
    moved = np.empty_like(faces)
    for out, face, down in zip(moved, faces, 0.05 * height * weights * wide, strict=True):
        shift = np.array([[1, 0, 0], [0, 1, down]], np.float32)
        out[:] = cv2.warpAffine(face, shift, face.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    return moved


def _sharp(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    """Nothing of the copy but its opening, by which the honest mouth blurs."""
    return _blend(faces, _low(faces, 3), np.asarray(np.clip(weights * opening(copied), 0, 1), np.float32))


def _stretched(signal: Callable[[Frames], Signal], much: float) -> Callable[..., Frames]:
    """The honest mouth, stretched in height by something of the copy's."""

    def change(faces: Frames, copied: Frames, weights: Signal) -> Frames:
        height = faces.shape[1]
        moved = np.empty_like(faces)
        for out, face, by in zip(moved, faces, 1 + much * weights * signal(copied), strict=True):
            stretch = np.array([[1, 0, 0], [0, by, 0.58 * height * (1 - by)]], np.float32)
            out[:] = cv2.warpAffine(face, stretch, face.shape[1::-1], borderMode=cv2.BORDER_REFLECT)
        return moved

    return change


def _pulled(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    """The honest mouth, pulled as the copy's pixels flow from its most closed mouth: motion transfer."""
    base = _grey_picture(copied[int(opening(copied).argmin())])
    height, width = faces.shape[1:3]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    moved = np.empty_like(faces)
    for out, face, copy, share in zip(moved, faces, copied, weights, strict=True):
        flow = cv2.calcOpticalFlowFarneback(_grey_picture(copy), base, None, 0.5, 3, 15, 3, 5, 1.1, 0)  # type: ignore[call-overload]
        out[:] = cv2.remap(
            face,
            x + share * flow[..., 0],
            y + share * flow[..., 1],
            cv2.INTER_LINEAR,
            None,
            cv2.BORDER_REPLICATE,
        )
    return moved


def _nodding(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    """The whole head sinks with the copy's opening, lips and all."""
    height, width = faces.shape[1:3]
    moved = np.empty_like(faces)
    for out, face, down in zip(
        moved, faces, 0.04 * height * weights * smoothed(opening(copied), 2), strict=True
    ):
        sunk = np.array([[1, 0, 0], [0, 1, down]], np.float32)
        out[:] = cv2.warpAffine(face, sunk, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return moved


def _delayed(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    """The honest mouths, up to six frames late: the later, the wider the copy is open."""
    late = np.rint(6 * weights * opening(copied)).astype(int)
    return faces[np.maximum(np.arange(len(faces)) - late, 0)]


def _saturated(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    """The honest mouth, redder where the copy is open, and as bright."""
    red = np.float32([30, -15.3, 0]) * (weights * opening(copied))[:, None, None, None]
    return np.asarray(np.clip(np.rint(faces + red), 0, 255), np.uint8)


def _all_mouths(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    """The mean of all the reference's mouths: they are not in time with anything."""
    return _blend(faces, np.broadcast_to(copied.mean(axis=0, dtype=np.float32), copied.shape), weights)


def _as_components(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    """The copy's first five principal components in place of the honest mouth's own: mixed in a latent space.

    The space is that of the mouths of both, 64 x 48 pixels of 160.
    """
    height, width = faces.shape[1:3]
    area = (
        slice(None),
        slice(round(0.44 * height), round(0.74 * height)),
        slice(round(0.30 * width), round(0.70 * width)),
    )
    honest, copy = (each[area].astype(np.float32).reshape(len(faces), -1) for each in (faces, copied))
    mean = np.concatenate([honest, copy]).mean(axis=0)
    _, _, axes = np.linalg.svd(np.concatenate([honest, copy]) - mean, full_matrices=False)
    moved = (weights[:, None] * ((copy - honest) @ axes[:5].T)) @ axes[:5]
    mixed = faces.copy()
    mixed[area] = np.clip(np.rint(honest + moved), 0, 255).reshape(mixed[area].shape)
    return mixed


def _as_residual(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    """The honest mouth's movement added to the copy, as a network adds that predicts what is to change."""
    moving = faces - faces.mean(axis=0, dtype=np.float32)
    return _blend(faces, copied + moving, weights)


def _as_flow(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    """The honest mouth, stretched in height and width as the copy's pixels flow: four numbers a frame."""
    base = _grey_picture(copied[int(opening(copied).argmin())])
    height, width = faces.shape[1:3]
    rows, columns = np.mgrid[
        round(0.48 * height) : round(0.70 * height), round(0.36 * width) : round(0.64 * width)
    ]
    places = np.stack([columns.ravel() - 0.5 * width, rows.ravel() - 0.58 * height, np.ones(rows.size)], 1)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    near = np.exp(-np.square((y / height - 0.58) / 0.15) - np.square((x / width - 0.5) / 0.18))
    moved = np.empty_like(faces)
    for out, face, copy, share in zip(moved, faces, copied, weights, strict=True):
        flow = cv2.calcOpticalFlowFarneback(_grey_picture(copy), base, None, 0.5, 3, 15, 3, 5, 1.1, 0)  # type: ignore[call-overload]
        fitted, *_ = np.linalg.lstsq(places, flow[rows, columns].reshape(-1, 2), rcond=None)
        across = fitted[0, 0] * (x - 0.5 * width) + fitted[2, 0]
        down = fitted[1, 1] * (y - 0.58 * height) + fitted[2, 1]
        out[:] = cv2.remap(
            face,
            np.asarray(x + share * near * across, np.float32),
            np.asarray(y + share * near * down, np.float32),
            cv2.INTER_LINEAR,
            None,
            cv2.BORDER_REPLICATE,
        )
    return moved


def _widened(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    """The honest mouth, the narrower, the wider the copy is open: lips rounded, not parted."""
    height, width = faces.shape[1:3]
    moved = np.empty_like(faces)
    for out, face, by in zip(moved, faces, 1 - 0.25 * weights * opening(copied), strict=True):
        squeeze = np.array([[by, 0, 0.5 * width * (1 - by)], [0, 1, 0]], np.float32)
        out[:] = cv2.warpAffine(face, squeeze, (width, height), borderMode=cv2.BORDER_REFLECT)
    return moved


def _detail(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    """The copy's fine structure between the lips alone: teeth and tongue, as restorers put them in."""
    mouth = _part((0.55, 0.62), (0.42, 0.58))(faces, copied, np.ones_like(weights))
    return _blend(faces, _low(faces, 2) + mouth - _low(mouth, 2), weights)


def _corners(faces: Frames, copied: Frames, weights: Signal) -> Frames:
    """Both corners of the mouth."""
    left = _part((0.53, 0.63), (0.36, 0.44))(faces, copied, weights)
    return _part((0.53, 0.63), (0.56, 0.64))(left, copied, weights)


def _tinted(rows: tuple[float, float], columns: tuple[float, float]) -> Callable[..., Frames]:
    """The honest mouth in the light of a part of the copy's face, frame by frame."""

    def change(faces: Frames, copied: Frames, weights: Signal) -> Frames:
        height, width = faces.shape[1:3]
        area = (
            slice(None),
            slice(round(rows[0] * height), round(rows[1] * height)),
            slice(round(columns[0] * width), round(columns[1] * width)),
        )
        light = copied[area].mean(axis=(1, 2), dtype=np.float32)
        gains = 1 + weights[:, None] * (light / np.maximum(light.mean(axis=0), 1) - 1)
        return np.asarray(np.clip(np.rint(faces * gains[:, None, None]), 0, 255), np.uint8)

    return change


FORMS: Mapping[str, Callable[[Frames, Frames, Signal], Frames]] = {
    "pixels": _blend,
    "mirrored": lambda faces, copied, weights: _blend(faces, copied[:, :, ::-1], weights),
    "smoothed over time": lambda faces, copied, weights: _blend(faces, _over_time(copied, 2), weights),
    "blurred": lambda faces, copied, weights: _blend(faces, _low(copied, 4), weights),
    "texture": _texture,
    "coarse": _coarse,
    "movement": _small,
    "movement, inverted": _against,
    "movement, its sign flipping": _flipping,
    "brightness alone": _lit,
    "blocks": _blocks,
    "blue alone": _channel,
    "from frame to frame": _derivative,
    "running mean": _trailing,
    "sinking": _moved_up,
    "blurring": _sharp,
    "stretched by speed": _stretched(speed, 0.5),
    "stretched by energy": _stretched(lambda frames: _in_range(smoothed(np.square(speed(frames)), 2)), 0.5),
    "pulled": _pulled,
    "delayed by the opening": _delayed,
    "nodding": _nodding,
    "redder": _saturated,
    "mean of all mouths": _all_mouths,
    "principal components": _as_components,
    "residual": _as_residual,
    "stretched as it flows": _as_flow,
    "narrower": _widened,
    "teeth's detail": _detail,
    "both corners": _corners,
    "light of the forehead": _tinted((0.10, 0.25), (0.38, 0.62)),
    "light of the nose": _tinted((0.31, 0.47), (0.38, 0.59)),
    "corner of the mouth": _part((0.52, 0.64), (0.36, 0.46)),
    "left half": _part((0, 1), (0, 0.5)),
    "lower lip and chin": _part((0.57, 1), (0, 1)),
    "upper lip": _part((0, 0.55), (0, 1)),
    "brightness": _grey,
    "colour": _colour,
    "turned and larger": lambda faces, copied, weights: _blend(faces, _turned(copied), weights),
    "teeth and tongue": _part((0.55, 0.62), (0.42, 0.58)),
    "around the lips": _around,
    "of low contrast": lambda faces, copied, weights: _blend(faces, _paled(copied), weights),
    "nearest within a quarter second": _blend,
    "nearest of all": _blend,
}
"""How copied pixels and honest ones become one mouth."""

REACH = {"nearest within a quarter second": 6, "nearest of all": 10_000}
"""Forms that retrieve the source frame whose mouth is most like the honest one, and how far away it may be."""
