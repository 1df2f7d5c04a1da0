"""What the wild does to a clip, applied on purpose: changes of face crops and of audio."""

from __future__ import annotations

import io
from collections.abc import Callable

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
Audio = NDArray[np.int16]


def h264(frames: Frames, crf: int) -> Frames:
    """Encoded and decoded by x264 at ``crf``."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(crf), "preset": "veryfast"}
        stream.thread_count = 1
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    buffer.seek(0)
    with av.open(buffer) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def each(change: Callable[[Frames], Frames]) -> Callable[[Frames], Frames]:
    """A change of one frame as a change of a clip."""
    return lambda frames: np.stack([change(frame) for frame in frames])


def noisy(frames: Frames) -> Frames:
    """Independent noise on every pixel."""
    rng = np.random.default_rng(0)
    return np.stack([np.clip(f + rng.normal(0, 10, f.shape), 0, 255).astype(np.uint8) for f in frames])


def jittered(frames: Frames) -> Frames:
    """Each frame moved by up to 10 % of the crop."""
    rng = np.random.default_rng(0)
    reach = 0.1 * frames.shape[1]
    moved = []
    for frame in frames:
        dx, dy = rng.uniform(-reach, reach, 2)
        matrix = np.array([[1, 0, dx], [0, 1, dy]])
        moved.append(cv2.warpAffine(frame, matrix, frame.shape[1::-1], borderMode=cv2.BORDER_REPLICATE))
    return np.stack(moved)


def moved(frames: Frames) -> Frames:
    """The whole clip moved by 10 % of the crop to the side and 5 % down."""
    height, width = frames.shape[1:3]
    matrix = np.array([[1, 0, 0.1 * width], [0, 1, 0.05 * height]])
    return np.stack(
        [cv2.warpAffine(f, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE) for f in frames]
    )


def halved(frame: Frames) -> Frames:
    """To half the size and back."""
    height, width = frame.shape[:2]
    small = cv2.resize(frame, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def narrowed(frame: Frames) -> Frames:
    """Squeezed to 70 % of its width about the middle, as a head turned by 45 degrees is foreshortened."""
    height, width = frame.shape[:2]
    matrix = np.array([[0.7, 0, 0.15 * width], [0, 1.0, 0]])
    return cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


def tilted(frame: Frames) -> Frames:
    """Turned by 30 degrees about the mouth."""
    height, width = frame.shape[:2]
    matrix = cv2.getRotationMatrix2D((0.5 * width, 0.52 * height), 30, 1)
    return cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


def _turned(frame: Frames, axis: float, near: float, far: float) -> Frames:
    """Squeeze the two sides of a vertical line, at -1 to 1 across the picture, by a factor each."""
    height, width = frame.shape[:2]
    across = np.linspace(-1, 1, width)
    places = np.where(across < axis, near * (across - axis), far * (across - axis))
    columns = np.clip((places + 1) * (width - 1) / 2, 0, width - 1).astype(np.float32)
    rows = np.arange(height, dtype=np.float32)
    return cv2.remap(frame, np.tile(columns, (height, 1)), np.tile(rows[:, None], width), cv2.INTER_LINEAR)


def profiled(frame: Frames) -> Frames:
    """A profile's foreshortening: half as wide, and the far half of the mouth a quarter as wide as the near one."""
    return _turned(frame, 0.15, 1.25, 5)


def half_hidden(frames: Frames) -> Frames:
    """A dark textured disk, as of a microphone, before the left half of the mouth; it sways."""
    height, width = frames.shape[1:3]
    rows, columns = np.mgrid[:height, :width]
    grain = np.random.default_rng(0).integers(20, 70, (height, width, 1), dtype=np.uint8)
    out = frames.copy()
    for number, frame in enumerate(out):
        middle = (0.56 + 0.01 * np.sin(number / 7)) * height, (0.36 + 0.01 * np.cos(number / 9)) * width
        inside = np.hypot(rows - middle[0], columns - middle[1]) < 0.14 * width
        frame[inside] = grain[inside]
    return out


def hidden(frames: Frames) -> Frames:
    """A hand before the whole mouth: a plain patch of the colour of the cheek."""
    height, width = frames.shape[1:3]
    out = frames.copy()
    skin = np.median(
        frames[:, int(0.4 * height) : int(0.5 * height), int(0.25 * width) : int(0.35 * width)], (1, 2)
    )
    out[:, int(0.42 * height) : int(0.68 * height), int(0.28 * width) : int(0.72 * width)] = skin[
        :, None, None
    ]
    return out


def turned_far(frame: Frames) -> Frames:
    """A head turned by about 70 degrees: a third as wide, hardly anything of the far half."""
    return _turned(frame, 0.1, 2.2, 12)


def lying(frame: Frames) -> Frames:
    """Turned by 90 degrees about the mouth: a person who lies."""
    height, width = frame.shape[:2]
    matrix = cv2.getRotationMatrix2D((0.5 * width, 0.52 * height), 90, 1)
    return cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


def hand(frames: Frames) -> Frames:
    """Four fingers of the colour of the cheek before the mouth and chin; they come and go every three seconds."""
    height, width = frames.shape[1:3]
    box = slice(int(0.4 * height), int(0.5 * height)), slice(int(0.25 * width), int(0.35 * width))
    skin = np.median(frames[:, *box], (0, 1, 2))
    out = frames.copy()
    for number, frame in enumerate(out):
        away = 0.12 * height * (1 + np.sin(2 * np.pi * number / 75))
        for finger in range(4):
            row = (0.54 + 0.085 * finger) * height + away
            tip = round((0.74 - 0.03 * abs(finger - 1)) * width), round(row - 0.04 * height)
            root = round(0.1 * width), round(row + 0.12 * height)
            cv2.line(frame, root, tip, (0.55 * skin).tolist(), round(0.095 * height), cv2.LINE_AA)
            cv2.line(frame, root, tip, (0.9 * skin).tolist(), round(0.08 * height), cv2.LINE_AA)
    return out


def old_film(frames: Frames) -> Frames:
    """Black and white at 12.5 pictures a second, little contrast, grain in lumps, scratches and flicker."""
    rng = np.random.default_rng(0)
    count, height, width = frames.shape[:3]
    grey = frames[np.arange(count) // 2 * 2] @ np.array([0.299, 0.587, 0.114])
    lumps = rng.normal(0, 14, (count, height // 4, width // 4)).repeat(4, 1).repeat(4, 2)
    film = 120 + 0.4 * (grey - 120) + lumps[:, :height, :width]
    film *= rng.normal(1, 0.06, (count, 1, 1))
    for column in rng.integers(0, width, 3):
        film[rng.random(count) < 0.5, :, column] += 60
    return np.repeat(np.clip(film, 0, 255).astype(np.uint8)[..., None], 3, axis=3)


def drawn(frame: Frames) -> Frames:
    """As drawn: flat colours in four steps, dark outlines."""
    smooth = frame
    for _ in range(4):
        smooth = cv2.bilateralFilter(smooth, 9, 40, 7)
    flat = smooth // 64 * 64 + 32
    lines = cv2.adaptiveThreshold(
        cv2.cvtColor(smooth, cv2.COLOR_RGB2GRAY), 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 9, 4
    )
    return np.where(lines[..., None] > 0, flat, 20).astype(np.uint8)


def mix(audio: Audio, noise: NDArray[np.float64], decibel: float) -> Audio:
    """``noise`` added at a signal-to-noise ratio of ``decibel``."""
    speech = audio.astype(np.float64)
    gain = np.sqrt(np.mean(speech**2) / max(np.mean(noise**2), 1e-9)) * 10 ** (-decibel / 20)
    return np.clip(np.rint(speech + gain * noise), -32768, 32767).astype(np.int16)


def music(audio: Audio, other: Audio) -> Audio:
    """A sequence of three-note chords, 5 dB under the speech."""
    rng = np.random.default_rng(0)
    time = np.arange(len(audio)) / 16_000
    sound = np.zeros(len(audio))
    for _ in range(3):
        pitch = 130 * 2 ** (rng.integers(0, 24, int(time[-1] / 0.4) + 1) / 12)
        phase = np.cumsum(pitch[(time / 0.4).astype(int)]) / 16_000
        sound += sum(np.sin(2 * np.pi * k * phase) / k for k in (1, 2, 3, 4))
    return mix(audio, sound, 5)


PIXEL_CHANGES: dict[str, Callable[[Frames], Frames]] = {
    "H.264 crf 23": lambda f: h264(f, 23),
    "H.264 crf 35": lambda f: h264(f, 35),
    "H.264 crf 45": lambda f: h264(f, 45),
    "Gaussian blur, sigma 2 of 160": each(lambda f: cv2.GaussianBlur(f, (0, 0), 2)),
    "noise, sigma 10 of 255": noisy,
    "brightness x 0.5": each(lambda f: (f * 0.5).astype(np.uint8)),
    "gamma 0.5 (brighter)": each(lambda f: (255 * (f / 255) ** 0.5).astype(np.uint8)),
    "crop jitter 10 %, every frame": jittered,
    "crop moved 10 %": moved,
    "half resolution": each(halved),
    "mirrored": lambda f: np.ascontiguousarray(f[:, :, ::-1]),
    "face narrowed to 70 %": each(narrowed),
    "static mouth: must be chance": lambda f: np.repeat(f[len(f) // 2][None], len(f), axis=0),
}

HARD_VIEWS: dict[str, Callable[[Frames], Frames]] = {
    "as it is": lambda f: f,
    "tilted by 30 degrees": each(tilted),
    "profile": each(profiled),
    "half of the mouth hidden": half_hidden,
    "the mouth hidden": hidden,
    "turned far away": each(turned_far),
    "lying": each(lying),
}
"""Faces that an expert must judge right or refuse."""

PICTURED: dict[str, Callable[[Frames], Frames]] = HARD_VIEWS | {
    "upside down": lambda f: np.ascontiguousarray(f[:, ::-1, ::-1]),
    "a hand at the mouth": hand,
    "old film": old_film,
    "old film and a hand": lambda f: old_film(hand(f)),
    "drawn": each(drawn),
}
"""What is shown as pictures with what the expert says: where it is known to be weak."""

AUDIO_CHANGES: dict[str, Callable[[Audio, Audio], Audio]] = {
    "white noise, 8 dB": lambda a, o: mix(a, np.random.default_rng(0).normal(size=len(a)), 8),
    "other speech, 8 dB": lambda a, o: mix(a, np.resize(o, len(a)).astype(np.float64), 8),
    "music, 5 dB": music,
    "a tenth of the volume": lambda a, o: np.rint(a * 0.1).astype(np.int16),
    "silence: must be chance": lambda a, o: np.zeros_like(a),
}
