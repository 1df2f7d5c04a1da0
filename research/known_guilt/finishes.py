"""What happens to the pictures after the lips were made: none of it is a leak."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import av
import cv2
import numpy as np

from pytest_lipleak.core.clips import Frames
from pytest_lipleak.faces.mouth_swap import aligned

MOUTH = (slice(None), slice(64, 124), slice(40, 120))
"""The mouth in a frame of 160 x 160."""


def h264(crf: int) -> Callable[[Frames], Frames]:
    """H.264 at a constant rate factor, there and back."""

    def change(frames: Frames) -> Frames:
        target = io.BytesIO()
        with av.open(target, "w", format="mp4") as container:
            options = {"crf": str(crf), "threads": "1", "preset": "veryfast"}
            stream = container.add_stream("libx264", rate=25, options=options)
            stream.height, stream.width = frames.shape[1:3]
            stream.pix_fmt = "yuv420p"
            for frame in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
            container.mux(stream.encode())
        target.seek(0)
        with av.open(target, "r") as coded:
            images = [frame.to_ndarray(format="rgb24") for frame in coded.decode(video=0)]
        return np.stack(images).astype(np.uint8)

    return change


def jpeg(quality: int) -> Callable[[Frames], Frames]:
    """Every frame through JPEG."""

    def change(frames: Frames) -> Frames:
        flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
        coded = (cv2.imencode(".jpg", frame, flags)[1] for frame in frames)
        return np.stack([np.asarray(cv2.imdecode(each, cv2.IMREAD_COLOR), np.uint8) for each in coded])

    return change


def noise(sigma: float) -> Callable[[Frames], Frames]:
    """Gaussian noise, other in every frame and call."""
    draw = np.random.default_rng(5)

    def change(frames: Frames) -> Frames:
        noisy = frames + draw.normal(0, sigma, frames.shape).astype(np.float32)
        return np.asarray(np.clip(np.rint(noisy), 0, 255), np.uint8)

    return change


def blur(sigma: float) -> Callable[[Frames], Frames]:
    """Gaussian blur of the mouth, sigma in pixels of 160."""

    def change(frames: Frames) -> Frames:
        changed = frames.copy()
        changed[MOUTH] = [cv2.GaussianBlur(frame, (0, 0), sigma) for frame in frames[MOUTH]]
        return changed

    return change


def low_resolution(width: int) -> Callable[[Frames], Frames]:
    """The mouth at ``width`` pixels, enlarged again, as a small network paints it."""

    def change(frames: Frames) -> Frames:
        changed = frames.copy()
        for at, mouth in enumerate(frames[MOUTH]):
            small = cv2.resize(mouth, (width, width * 3 // 4), interpolation=cv2.INTER_AREA)
            changed[at, MOUTH[1], MOUTH[2]] = cv2.resize(
                small, mouth.shape[1::-1], interpolation=cv2.INTER_LINEAR
            )
        return changed

    return change


def held(every: int) -> Callable[[Frames], Frames]:
    """Every ``every``-th frame is shown for so many."""

    def change(frames: Frames) -> Frames:
        return frames[np.arange(len(frames)) // every * every]

    return change


def last_repeated(count: int) -> Callable[[Frames], Frames]:
    """The output ends early, and its last frame is repeated ``count`` times."""

    def change(frames: Frames) -> Frames:
        return frames[np.minimum(np.arange(len(frames)), len(frames) - 1 - count)]

    return change


def tinted(frames: Frames) -> Frames:
    """Another white balance and gamma in the mouth, flickering slowly."""
    changed = frames.copy()
    swing = 1 + 0.06 * np.sin(np.arange(len(frames)) / 9)
    gains = (np.array([1.08, 1.0, 0.93]) * swing[:, None])[:, None, None].astype(np.float32)
    changed[MOUTH] = np.clip(np.rint(frames[MOUTH] * gains), 0, 255)
    return changed


def sharpened(frames: Frames) -> Frames:
    """An unsharp mask, as a face restorer leaves it."""
    changed = frames.copy()
    for at, mouth in enumerate(frames[MOUTH]):
        soft = cv2.GaussianBlur(mouth, (0, 0), 2)
        changed[at, MOUTH[1], MOUTH[2]] = cv2.addWeighted(mouth, 1.8, soft, -0.8, 0)
    return changed


def jittered(frames: Frames) -> Frames:
    """The whole frame shakes by up to a pixel and a half, as a face track that is not smoothed leaves it."""
    moves = np.random.default_rng(9).uniform(-1.5, 1.5, (len(frames), 2))
    return _moved(frames, moves, np.zeros(len(frames)))


def reposed(frames: Frames) -> Frames:
    """The whole head is shown from elsewhere: 4 pixels aside, turning slowly by some degrees."""
    at = np.arange(len(frames))
    moves = np.stack([4 + 2 * np.sin(at / 19), -3 + 1.5 * np.cos(at / 23)], 1)
    return _moved(frames, moves, 4 * np.sin(at / 27))


def _moved(frames: Frames, moves: np.ndarray, degrees: np.ndarray) -> Frames:
    height, width = frames.shape[1:3]
    output = np.empty_like(frames)
    for at, frame in enumerate(frames):
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(degrees[at]), 1.0)
        turn[:, 2] += moves[at]
        output[at] = cv2.warpAffine(frame, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return output


def softened(frames: Frames) -> Frames:
    """The whole frame at half its size, enlarged again."""
    height, width = frames.shape[1:3]
    small = (cv2.resize(frame, (width // 2, height // 2), interpolation=cv2.INTER_AREA) for frame in frames)
    return np.stack([cv2.resize(each, (width, height)) for each in small]).astype(np.uint8)


def averaged(frames: Frames) -> Frames:
    """Every frame is the mean of itself and its neighbours: smoothed over time, as video models do."""
    padded = np.pad(frames, ((1, 1), (0, 0), (0, 0), (0, 0)), mode="edge").astype(np.float32)
    return np.asarray(np.rint((padded[:-2] + padded[1:-1] + padded[2:]) / 3), np.uint8)


def recoloured(frames: Frames) -> Frames:
    """The whole face in other colours, warmer and of less contrast."""
    changed = 20 + frames * np.array([0.92, 0.86, 0.78], np.float32)
    return np.asarray(np.clip(np.rint(changed), 0, 255), np.uint8)


def trembling(frames: Frames) -> Frames:
    """The mouth alone shakes by up to a pixel, as a paste-back that is not smoothed leaves it."""
    changed = frames.copy()
    moves = np.random.default_rng(13).uniform(-1, 1, (len(frames), 2))
    changed[MOUTH] = _moved(frames, moves, np.zeros(len(frames)))[MOUTH]
    return changed


def blended_between(frames: Frames) -> Frames:
    """Every third frame is made, those between are blends."""
    at = np.arange(len(frames))
    low = at // 3 * 3
    high = np.minimum(low + 3, low[-1])
    share = ((at - low) / 3)[:, None, None, None].astype(np.float32)
    return np.asarray(np.rint((1 - share) * frames[low] + share * frames[high]), np.uint8)


def restored(frames: Frames) -> Frames:
    """The whole face through a sharpening filter, as a face restorer leaves it."""
    soft = (cv2.GaussianBlur(frame, (0, 0), 1.5) for frame in frames)
    sharp = [cv2.addWeighted(frame, 1.7, low, -0.7, 0) for frame, low in zip(frames, soft, strict=True)]
    return np.stack(sharp).astype(np.uint8)


def smoothed_skin(frames: Frames) -> Frames:
    """An edge-preserving filter over the whole face, sharpened after, as restoration networks leave it."""
    smooth = (cv2.bilateralFilter(np.ascontiguousarray(frame), 7, 30, 5) for frame in frames)
    return np.stack(
        [cv2.addWeighted(each, 1.3, cv2.GaussianBlur(each, (0, 0), 1), -0.3, 0) for each in smooth]
    ).astype(np.uint8)


def drifting(frames: Frames) -> Frames:
    """Every frame is made from the one before it: a fifth of that stays, and colours drift away."""
    changed = np.empty_like(frames)
    last = frames[0].astype(np.float32)
    for at, frame in enumerate(frames):
        last = 0.2 * last + 0.8 * frame
        drift = np.array([0.10, 0.0, -0.10], np.float32) * at
        changed[at] = np.clip(np.rint(last + drift), 0, 255)
    return changed


def graded(frames: Frames) -> Frames:
    """A film's colours: an S-shaped curve, darker corners, and light that swells and fades slowly."""
    levels = np.arange(256) / 255
    curve = (255 * (levels + 0.08 * np.sin(2 * np.pi * (levels - 0.5)))).clip(0, 255)
    height, width = frames.shape[1:3]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    corners = 1 - 0.35 * np.square(np.hypot(y / height - 0.5, x / width - 0.5))
    light = 1 + 0.05 * np.sin(np.arange(len(frames)) / 14)
    shown = curve[frames].astype(np.float32) * corners[None, ..., None] * light[:, None, None, None]
    return np.asarray(np.clip(np.rint(shown), 0, 255), np.uint8)


def hue_flickering(frames: Frames) -> Frames:
    """Colours come out a little otherwise in every frame, as a network gives them that paints frame by frame."""
    draw = np.random.default_rng(17)
    shown = frames + draw.normal(0, 5, (len(frames), 1, 1, 3)) + draw.normal(0, 2, (1, *frames.shape[1:3], 3))
    return np.asarray(np.clip(np.rint(shown), 0, 255), np.uint8)


def stabilised(frames: Frames) -> Frames:
    """Every frame is moved so that eyes and nose lie where they lie in the first: the head rests."""
    return np.stack([np.clip(np.rint(aligned(frame, frames[0])), 0, 255) for frame in frames]).astype(
        np.uint8
    )


def bearded(frames: Frames) -> Frames:
    """A beard of a fixed texture over mouth and chin, as a network paints one that it learnt."""
    height, width = frames.shape[1:3]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    hair = np.random.default_rng(21).normal(0, 1, (height, width)).astype(np.float32)
    place = np.clip(1.2 - np.hypot((y / height - 0.66) / 0.16, (x / width - 0.5) / 0.2), 0, 0.5)
    shade = 1 - place * (0.5 + 0.3 * cv2.GaussianBlur(hair, (0, 0), 0.7))
    return np.asarray(np.clip(np.rint(frames * shade[None, ..., None]), 0, 255), np.uint8)


def in_windows(frames: Frames) -> Frames:
    """Windows of 16 frames, each in colours of its own, with blends of four between: as diffusion makes long videos."""
    draw = np.random.default_rng(int(frames[:, ::7, ::7].sum()) % 2**32)
    at = np.arange(len(frames))
    gains = 1 + draw.normal(0, 0.03, (len(frames) // 16 + 2, 3))
    towards = np.clip((at % 16 - 12) / 4, 0, 1)[:, None]
    shown = (1 - towards) * gains[at // 16] + towards * gains[at // 16 + 1]
    return np.asarray(np.clip(np.rint(frames * shown[:, None, None].astype(np.float32)), 0, 255), np.uint8)


def smoothed_both_ways(frames: Frames) -> Frames:
    """A second pass over the video: running means forwards and backwards, which hold frames before and after."""
    smooth = frames.astype(np.float32)
    for order in (range(1, len(frames)), range(len(frames) - 2, -1, -1)):
        step = 1 if order.step > 0 else -1
        for at in order:
            smooth[at] = 0.6 * smooth[at] + 0.4 * smooth[at - step]
    return np.asarray(np.rint(smooth), np.uint8)


def equalised(frames: Frames) -> Frames:
    """Contrast equalised by places (CLAHE), frame by frame: some restoring steps end so."""
    levels = cv2.createCLAHE(2.0, (4, 4))
    changed = np.empty_like(frames)
    for out, frame in zip(changed, frames, strict=True):
        colours = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2LAB)
        colours[..., 0] = levels.apply(colours[..., 0])
        out[:] = cv2.cvtColor(colours, cv2.COLOR_LAB2RGB)
    return changed


def resampled(rate: float) -> Callable[[Frames], Frames]:
    """Made at another frame rate, and brought to 25 a second by blends of two neighbours."""

    def change(frames: Frames) -> Frames:
        last = len(frames) - 1
        made = np.clip(np.rint(np.arange(int(last * rate / 25) + 2) * 25 / rate).astype(int), 0, last)
        place = np.arange(len(frames)) * rate / 25
        low = np.minimum(place.astype(int), len(made) - 2)
        share = np.clip(place - low, 0, 1).astype(np.float32)[:, None, None, None]
        mixed = (1 - share) * frames[made[low]] + share * frames[made[low + 1]]
        return np.asarray(np.rint(mixed), np.uint8)

    return change


def swaying(frames: Frames) -> Frames:
    """The whole head sways and turns at random, smoothly: a pose that a model draws for itself."""
    draw = np.random.default_rng(int(frames[:, ::7, ::7].sum()) % 2**32)
    steps = np.cumsum(draw.normal(0, 0.35, (len(frames), 3)), axis=0)
    steps -= np.stack([np.convolve(each, np.ones(25) / 25, "same") for each in steps.T], 1)
    return _moved(frames, steps[:, :2], steps[:, 2])


FINISHES: Mapping[str, Callable[[Frames], Frames]] = {
    "H.264 crf 23": h264(23),
    "H.264 crf 35": h264(35),
    "JPEG 30": jpeg(30),
    "noise 10": noise(10),
    "blur 3": blur(3),
    "20 pixels wide": low_resolution(20),
    "half frame rate": held(2),
    "third of the frame rate": held(3),
    "last 10 frames repeated": last_repeated(10),
    "tinted": tinted,
    "sharpened": sharpened,
    "whole frame jittered": jittered,
    "whole frame at half size": softened,
    "whole face restored": restored,
    "re-posed": reposed,
    "averaged over three frames": averaged,
    "whole face recoloured": recoloured,
    "mouth trembling": trembling,
    "H.264 crf 42": h264(42),
    "smoothed and sharpened": smoothed_skin,
    "drifting": drifting,
    "colour graded": graded,
    "bearded": bearded,
    "hue flickers": hue_flickering,
    "stabilised": stabilised,
    "fifth of the frame rate": held(5),
    "every third frame, blended between": blended_between,
    "windows of 16 frames": in_windows,
    "smoothed both ways": smoothed_both_ways,
    "contrast equalised": equalised,
    "made at 20 frames a second": resampled(20),
    "made at 30 frames a second": resampled(30),
    "head sways": swaying,
}
