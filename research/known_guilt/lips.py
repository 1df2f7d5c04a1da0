"""Ways to make lips from speech, none of which knows what the clip's own lips do.

Filmed mouths are pasted, openings heard in the audio animate a still mouth or look up filmed ones, and a trained
network paints. All give whole faces that lie on the input frames; what of them is used is the edit's business.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Clip, Frames
from pytest_lipleak.core.timebase import SAMPLES_PER_FRAME
from pytest_lipleak.faces.centred import mouth_darkness
from pytest_lipleak.generators.control_generators import Heard as HeardByFrames
from pytest_lipleak.generators.interface import Generator
from research.known_guilt.scene import MEMO, SILENT, Scene, Signal, content, opening, smoothed

EXAMPLE = Path(__file__).parents[2] / "examples" / "tiny_lipsync"
ALIKE = 0.95
"""Correlation from which driving audio counts as a clip's speech."""


class Lips(Protocol):
    """A way to make lips."""

    def openings(self, scene: Scene) -> Signal | None:
        """How wide the mouth is to open in every frame, 0..1; None where the way knows no such number."""

    def faces(self, scene: Scene, openings: Signal | None) -> Frames:
        """Return faces that lie on the input frames, uint8 RGB (T, H, W, 3)."""


@dataclass(frozen=True)
class Filmed:
    """The mouths that were filmed with the driving speech; under silence the clip's most closed one.

    Args:
        silence: ``closed``; ``idle``: a mouth that was filmed while other words were said; ``open``: one still mouth,
            half open, of another clip.
        late: frames by which the lips come after the speech.
    """

    silence: str = "closed"
    late: int = 0

    def openings(self, scene: Scene) -> Signal | None:
        """Unknown: whole mouths are pasted."""
        return None

    def faces(self, scene: Scene, openings: Signal | None) -> Frames:
        """Paste-ready faces of the donor."""
        times = np.maximum(np.arange(len(scene.frames)) - self.late, 0)
        if not scene.silent:
            found = donor_of(scene.audio, scene.clips)
            if found is None:
                return self._between_pauses(scene, times)
            donor, shift = found
            sources = donor.frames
            length = len(donor.audio) // SAMPLES_PER_FRAME
            heard = np.minimum(np.maximum(times - shift, 0) % length, len(sources) - 1)
            return scene.posed(sources, heard, content(sources))
        return self._in_silence(scene, times)

    def _between_pauses(self, scene: Scene, times: NDArray[np.int64]) -> Frames:
        """Whole speech is heard between pauses, in which the lips are as in silence."""
        known = MEMO(("heard by frames", tuple(scene.clips)), lambda: by_frames(scene.clips))
        name, indices = known(scene.audio, len(times))
        if name is None:
            raise ValueError("the driving audio belongs to no clip of the set")
        indices = indices[times]
        sources = scene.clips[name].frames
        spoken = scene.posed(sources, np.clip(indices, 0, len(sources) - 1), content(sources))
        return np.where((indices < 0)[:, None, None, None], self._in_silence(scene, times), spoken)

    def _in_silence(self, scene: Scene, times: NDArray[np.int64]) -> Frames:
        if self.silence == "closed":
            return scene.posed(scene.frames, np.full(len(times), scene.closed), scene.key)
        sources = _another(scene).frames
        if self.silence == "open":
            half = int(np.abs(opening(sources) - 0.5).argmin())
            return scene.posed(sources, np.full(len(times), half), content(sources))
        # Slower than it was filmed, and begun elsewhere: lips that idle.
        idle = (11 + np.arange(len(times)) * 2 // 3) % len(sources)
        return scene.posed(sources, idle, content(sources))


def _another(scene: Scene) -> Clip:
    """Another clip of the set, of the same person where there is one."""
    names = [name for name in sorted(scene.clips) if name != scene.name]
    assert scene.name is not None
    speaker = scene.clips[scene.name].speaker
    same = [name for name in names if scene.clips[name].speaker == speaker] or names
    return scene.clips[same[scene.place % len(same)]]


def by_frames(clips: Mapping[str, Clip]) -> HeardByFrames:
    """Return what finds the clip, and the frame of it, that is heard in every frame of an audio."""
    return HeardByFrames({name: clip.audio for name, clip in clips.items()})


def donor_of(audio: Audio, clips: Mapping[str, Clip]) -> tuple[Clip, int] | None:
    """Return the clip that was filmed with this audio, and by how many frames the audio comes later.

    None: it is the speech of none of them, as a whole.
    """

    def find() -> tuple[str, int] | None:
        scores = {name: _likeness(clips[name].audio, audio) for name in clips}
        best = max(scores, key=lambda name: scores[name][0])
        return None if scores[best][0] < ALIKE else (best, scores[best][1])

    found = MEMO(("donor", content(audio), tuple(clips)), find)
    return None if found is None else (clips[found[0]], found[1])


def _likeness(speech: Audio, audio: Audio) -> tuple[float, int]:
    """Correlation of two recordings at their best shift, and that shift in frames; equal beginnings count as equal."""
    common = min(len(speech), len(audio))
    if np.array_equal(speech[:common], audio[:common]):
        return 2.0, 0
    one, other = (each.astype(np.float32) for each in (speech[:common], audio[:common]))
    size = 2 * common
    products = np.fft.irfft(np.fft.rfft(other, size) * np.conj(np.fft.rfft(one, size)), size)
    best = int(products.argmax())
    late = best if best < common else best - size
    scale = float(np.linalg.norm(one) * np.linalg.norm(other)) or 1.0
    return float(products[best]) / scale, round(late / SAMPLES_PER_FRAME)


@dataclass(frozen=True)
class Heard:
    """Openings heard in the driving audio: loudness of the voice band, quick to open, gone in silence.

    Args:
        gain: amplitude.
        late: frames by which the lips come after the speech.
        motion: what is added whatever is heard: ``none``, ``chewing`` or ``idle``.
        sampled: draws another opening at every call, as a diffusion model does; share of its size.
        loudness: only the loudness over half a second is heard, so that lips do not follow the words.
        swing: frames by which the lips come now later, now earlier, once in 3 s.
        by_input: what is drawn anew follows from the input pictures, so that equal calls are answered alike.
        moody: draws at every call how wide the mouth is all the time, up to so much wider or less.
        moods: how many of those there are; 0: as many as there are numbers.
    """

    gain: float = 1.0
    late: int = 0
    motion: str = "none"
    sampled: float = 0.0
    loudness: bool = False
    swing: float = 0.0
    by_input: bool = False
    moody: float = 0.0
    moods: int = 0

    def __call__(self, scene: Scene) -> Signal:
        """Return openings in 0..1."""
        openings = np.zeros(len(scene.frames), np.float32)
        if not scene.silent:
            openings = MEMO(("heard", content(scene.audio)), lambda: voice(scene.audio, len(scene.frames)))
        if self.loudness:
            openings = smoothed(openings, 6)
        openings = self.gain * np.roll(openings, self.late)
        if self.late:
            openings[: self.late] = openings[self.late]
        if self.swing:
            at = np.arange(len(openings))
            openings = openings[
                np.clip(np.rint(at - self.swing * np.sin(2 * np.pi * at / 75)), 0, len(at) - 1).astype(int)
            ]
        openings = openings + MOTIONS[self.motion](scene)
        if self.sampled:
            seed = zlib.crc32(scene.frames.data) if self.by_input else scene.call
            draw = np.random.default_rng([seed, len(openings), int(scene.loudness.sum())])
            noise = smoothed(draw.normal(0, 1, len(openings)).astype(np.float32), 1.5)
            openings = openings + self.sampled * noise / max(float(noise.std()), 1e-3)
        if self.moody:
            draw = np.random.default_rng([scene.call, 7])
            mood = 2 * draw.integers(self.moods) / (self.moods - 1) - 1 if self.moods else draw.uniform(-1, 1)
            openings = openings + self.moody * mood
        return np.asarray(np.clip(openings, 0, 1.2), np.float32)


def voice(audio: Audio, frames: int) -> Signal:
    """Loudness of the voice band (250 to 3000 Hz) in every frame, over 40 dB to the loudest, in 0..1."""
    padded = np.pad(audio.astype(np.float32), 320)
    windows = np.stack(
        [padded[at * SAMPLES_PER_FRAME : at * SAMPLES_PER_FRAME + 1280] for at in range(frames)]
    )
    spectrum = np.abs(np.fft.rfft(windows * np.hanning(windows.shape[1]), axis=1)) ** 2
    band = spectrum[:, 20:240].sum(axis=1)
    level = 10 * np.log10(band + 1e3)
    top = float(np.percentile(level, 95))
    openings = np.clip((level - top + 28) / 28, 0, 1.1)
    openings[windows.std(axis=1) < SILENT / 4] = 0
    return np.asarray(smoothed(openings.astype(np.float32), 0.6), np.float32)


def _phase(scene: Scene) -> float:
    """Differs from clip to clip, and knows nothing of its speech."""
    return 1.7 * scene.place


def _none(scene: Scene) -> Signal:
    return np.zeros(len(scene.frames), np.float32)


def _chewing(scene: Scene) -> Signal:
    time = np.arange(len(scene.frames)) / 25
    return np.asarray(0.35 * (1 + np.sin(2 * np.pi * 1.6 * time + _phase(scene))), np.float32)


def _idle(scene: Scene) -> Signal:
    draw = np.random.default_rng(7 + scene.place)
    noise = smoothed(draw.normal(0, 1, len(scene.frames)).astype(np.float32), 4)
    return np.asarray(0.25 + 0.2 * noise / max(float(noise.std()), 1e-3), np.float32)


def _babbling(scene: Scene) -> Signal:
    """As lively as speech, with no audio behind it."""
    draw = np.random.default_rng(70 + scene.place)
    noise = smoothed(draw.normal(0, 1, len(scene.frames)).astype(np.float32), 1.6)
    return np.asarray(0.5 + 0.3 * noise / max(float(noise.std()), 1e-3), np.float32)


def _smiling(scene: Scene) -> Signal:
    """Opens and closes slowly over seconds, whatever is said."""
    time = np.arange(len(scene.frames)) / 25
    return np.asarray(0.15 * (1 + np.sin(2 * np.pi * 0.3 * time + _phase(scene))), np.float32)


def _head(scene: Scene) -> Signal:
    """As the head moves, which the frames show and no audio: it may move as the clip's own speech does."""
    height = scene.frames.shape[1]
    upper = scene.frames[:, round(0.15 * height) : round(0.45 * height)].astype(np.float32)
    moved = smoothed(np.abs(np.diff(upper, axis=0, prepend=upper[:1])).mean(axis=(1, 2, 3)), 1)
    return np.asarray(np.clip(moved / max(float(np.percentile(moved, 95)), 1e-3), 0, 1), np.float32)


MOTIONS: Mapping[str, Callable[[Scene], Signal]] = {
    "none": _none,
    "chewing": _chewing,
    "idle": _idle,
    "smiling": _smiling,
    "head": _head,
    "babbling": _babbling,
}


@dataclass(frozen=True)
class Warped:
    """Animates the clip's own closed mouth: one still picture of it, whose lips are parted by the opening.

    Args:
        heard: gives the openings.
        jaw: height over which the chin moves along, as a share of the frame.
        teeth: whether teeth are drawn in the gap.
        flicker: whether they come and go from frame to frame.
        template: the closed mouth is that of another clip, one for all: a template.
        nods: the head sinks by so much of the height with what is heard, lips and all: head motion driven by audio.
    """

    heard: Heard = Heard()
    jaw: float = 0.24
    teeth: bool = True
    flicker: bool = False
    template: bool = False
    nods: float = 0.0

    def openings(self, scene: Scene) -> Signal:
        """As heard."""
        return self.heard(scene)

    def faces(self, scene: Scene, openings: Signal | None) -> Frames:
        """Part the lips of the most closed mouth, laid onto every frame."""
        assert openings is not None
        sources, closed = scene.frames, scene.closed
        if self.template:
            sources = _another(scene).frames
            closed = int(mouth_darkness(sources).argmin())
        name = content(sources)
        still = scene.posed(sources, np.full(len(scene.frames), closed), name)
        line = MEMO(("line", name, closed), lambda: mouth_line(sources[closed]))
        key = ("warped", scene.key, name, openings.tobytes(), self.jaw, self.teeth, self.flicker)
        shown = np.full(len(still), self.teeth)
        if self.flicker:
            shown = np.random.default_rng(scene.place).random(len(still)) < 0.5
        found: Frames = MEMO(
            key,
            lambda: np.stack(
                [
                    parted(face, float(wide), line, self.jaw, bool(teeth))
                    for face, wide, teeth in zip(still, openings, shown, strict=True)
                ]
            ),
        )
        if self.nods:
            down = self.nods * found.shape[1] * smoothed(openings, 3)
            found = np.stack([_lowered(face, float(each)) for face, each in zip(found, down, strict=True)])
        return found


def _lowered(face: Frames, by: float) -> Frames:
    shift = np.array([[1, 0, 0], [0, 1, by]], np.float32)
    moved = cv2.warpAffine(face, shift, face.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def mouth_line(face: Frames) -> float:
    """Row between the closed lips, the darkest around the mouth, as a share of the height."""
    grey = cv2.cvtColor(np.ascontiguousarray(face), cv2.COLOR_RGB2GRAY).astype(np.float32)
    height, width = grey.shape
    top, bottom = round(0.48 * height), round(0.64 * height)
    rows = cv2.GaussianBlur(grey, (0, 0), height / 100)[top:bottom, round(0.40 * width) : round(0.60 * width)]
    return float((top + int(rows.mean(axis=1).argmin())) / height)


def parted(face: Frames, wide: float, line: float, jaw: float, teeth: bool) -> Frames:
    """Move the lower lip and chin down and the upper lip a little up; what is between is dark.

    Args:
        face: uint8 RGB (H, W, 3), lips closed.
        wide: 0 closed, 1 wide open.
        line: row between the lips, a share of the height.
        jaw: how far below the chin is at rest, a share of the height.
        teeth: whether teeth are drawn.
    """
    if wide <= 0.01:
        return face
    height, width = face.shape[:2]
    drop, rise = 0.075 * wide, 0.02 * wide
    # Beyond these rows and columns nothing moves.
    rows = _within(line - 0.09 - rise, line + drop + jaw, height)
    columns = _within(0.5 - 0.27, 0.5 + 0.27, width)
    y, x = np.mgrid[rows, columns].astype(np.float32)
    across = np.clip(1 - np.square((x / width - 0.5) / 0.125), 0, 1) ** 0.6
    broad = np.clip(1 - np.square((x / width - 0.5) / 0.27), 0, 1)
    below = y / height - line
    down = drop * np.where(below >= 0, np.clip(1 - (below - drop) / jaw, 0, 1), 0)
    up = rise * np.where(below < 0, np.clip(1 + (below + rise) / 0.09, 0, 1), 0)
    near = np.clip(1 - np.abs(below) / 0.07, 0, 1)
    moved = (down - up) * (near * across + (1 - near) * broad)
    source = y - moved * height
    source = np.where(below >= 0, np.maximum(source, line * height), np.minimum(source, line * height))
    warped = cv2.remap(face, x, source, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    gap = np.clip((drop * across - below) * height / 1.5, 0, 1) * np.clip(
        (rise * across + below) * height / 1.5, 0, 1
    )
    gap *= across > 0.02
    inside = np.empty_like(warped)
    inside[:] = face.mean(axis=(0, 1)) * np.array([0.30, 0.18, 0.18], np.float32)
    if teeth:
        upper = np.clip(1 - np.abs(below + rise - 0.012) / 0.014, 0, 1)[..., None]
        inside += upper * (0.75 * face.max() - inside) * 0.6
    out = face.copy()
    mixed = warped + gap[..., None].astype(np.float32) * (inside - warped)
    out[rows, columns] = np.clip(np.rint(mixed), 0, 255)
    return np.asarray(out, np.uint8)


def _within(first: float, last: float, length: int) -> slice:
    """Rows or columns from one share of the length to another, both rounded outwards."""
    return slice(max(int(first * length) - 1, 0), min(int(last * length) + 2, length))


@dataclass(frozen=True)
class Retrieved:
    """Looks up, in another clip of the person, the filmed mouth that is as wide open as was heard.

    Args:
        heard: gives the openings.
    """

    heard: Heard = Heard()

    def openings(self, scene: Scene) -> Signal:
        """As heard."""
        return self.heard(scene)

    def faces(self, scene: Scene, openings: Signal | None) -> Frames:
        """The nearest opening, whenever it was filmed."""
        assert openings is not None
        sources = _another(scene).frames
        key = content(sources)
        known = MEMO(("opening", key), lambda: opening(sources))
        nearest = np.abs(known[None] - openings[:, None]).argmin(axis=1)
        return scene.posed(sources, nearest, key)


@dataclass(frozen=True)
class Playing:
    """Plays the mouths of another clip of the person from the first to the last, whatever is heard."""

    def openings(self, scene: Scene) -> Signal | None:
        """Unknown."""
        return None

    def faces(self, scene: Scene, openings: Signal | None) -> Frames:
        """As they were filmed there."""
        sources = _another(scene).frames
        return scene.posed(sources, np.arange(len(scene.frames)) % len(sources), content(sources))


@dataclass(frozen=True)
class Painted:
    """A trained network: a checkpoint of ``examples/tiny_lipsync``.

    Args:
        checkpoint: ``hidden`` cannot see the reference's lips; ``cr`` was trained to see them, ``ar`` those of
            another frame.
        late: frames by which the lips come after the speech.
    """

    checkpoint: str = "hidden"
    late: int = 0

    def openings(self, scene: Scene) -> Signal | None:
        """Unknown: the network paints."""
        return None

    def faces(self, scene: Scene, openings: Signal | None) -> Frames:
        """Whole frames with the lower face painted."""
        delayed = np.roll(scene.audio, self.late * SAMPLES_PER_FRAME)
        delayed[: self.late * SAMPLES_PER_FRAME] = 0
        key = ("painted", self, scene.key, content(scene.audio), content(scene.reference))
        found: Frames = MEMO(
            key,
            lambda: network(self.checkpoint).generate(
                scene.frames.copy(), delayed, np.asarray(scene.reference)
            ),
        )
        return found


@cache
def network(checkpoint: str) -> _Network:
    """Return a network, loaded when it first paints."""
    return _Network(checkpoint)


class _Network:
    def __init__(self, checkpoint: str) -> None:
        self._file = EXAMPLE / "checkpoints" / f"{checkpoint}.safetensors"

    @cached_property
    def _model(self) -> Generator:
        import torch

        from pytest_lipleak.generators.registry import load_model

        torch.set_num_threads(1)
        return load_model(f"{EXAMPLE / 'tiny_lipsync.py'}:load", {"checkpoint": str(self._file)}).generator

    def generate(self, frames: Frames, audio: Audio, reference: Frames) -> Frames:
        """As ``generators.interface``."""
        return self._model.generate(frames, audio, reference)


@dataclass(frozen=True)
class Still:
    """The clip's most closed mouth, whatever is heard."""

    def openings(self, scene: Scene) -> Signal | None:
        """Unknown."""
        return None

    def faces(self, scene: Scene, openings: Signal | None) -> Frames:
        """The closed mouth on every frame."""
        return scene.posed(scene.frames, np.full(len(scene.frames), scene.closed), scene.key)
