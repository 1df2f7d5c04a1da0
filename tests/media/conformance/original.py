"""The original: 3 s of a real clip whose frames carry their own number, so that every frame can be recognised."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .ffmpeg_program import ffmpeg

WIDTH, HEIGHT, COUNT, BLOCK = 176, 144, 75, 16
SAMPLES = COUNT * 640
BITS = 8


@dataclass(frozen=True, eq=False)
class Original:
    """Frames uint8 RGB (75, 144, 176, 3) at 25 per second, sound int16 (48000,) at 16 kHz, and both in a file."""

    frames: np.ndarray
    audio: np.ndarray
    path: Path


def make_original(clip: Path, folder: Path, start: float = 0.0) -> Original:
    """Cut 3 s out of a square clip, number its frames, and write them to a lossless file."""
    cut = ("-ss", str(start), "-i", clip, "-t", str(COUNT / 25))
    scaled = f"scale={WIDTH}:{WIDTH}:flags=area,crop={WIDTH}:{HEIGHT}"
    pictures = ffmpeg(*cut, "-an", "-r", "25", "-vf", scaled, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    frames = np.frombuffer(pictures, np.uint8).reshape(-1, HEIGHT, WIDTH, 3)[:COUNT].copy()
    sound = ffmpeg(*cut, "-vn", "-ar", "16000", "-ac", "1", "-f", "s16le", "-")
    audio = np.frombuffer(sound, np.int16)[:SAMPLES].copy()
    assert len(frames) == COUNT
    assert len(audio) == SAMPLES
    for number, frame in enumerate(frames):
        _number(frame, number)
    path = folder / "original.nut"
    raw, wave = folder / "original.rgb", folder / "original.s16"
    raw.write_bytes(frames.tobytes())
    wave.write_bytes(audio.tobytes())
    picture_input = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", "25", "-i", raw)
    sound_input = ("-f", "s16le", "-ar", "16000", "-ac", "1", "-i", wave)
    # Raw pictures: the file is decoded once for every recipe, which took longer with a codec than most encoders take.
    ffmpeg(*picture_input, *sound_input, "-c:v", "rawvideo", "-pix_fmt", "bgr0", "-c:a", "pcm_s16le", path)
    raw.unlink()
    wave.unlink()
    return Original(frames, audio, path)


def _blocks(number: int) -> list[bool]:
    """White, black, the number's bits, and their parity."""
    bits = [bool(number >> bit & 1) for bit in range(BITS)]
    return [True, False, *bits, bool(sum(bits) % 2)]


def _number(frame: np.ndarray, number: int) -> None:
    for place, white in enumerate(_blocks(number)):
        frame[-BLOCK:, place * BLOCK : (place + 1) * BLOCK] = 235 if white else 16


def number_of(frame: np.ndarray) -> int:
    """The number that a frame (144, 176, 3) carries; -1 where it can't be read, as in a turned or blended picture."""
    strip = frame[-BLOCK + 4 : -4].mean(axis=(0, 2)).reshape(-1, BLOCK)[:, 4:-4].mean(axis=1)
    white, black = strip[0], strip[1]
    if white - black < 120:
        return -1
    shares = (strip[2:] - black) / (white - black)
    if (abs(shares - 0.5) < 0.25).any():
        return -1
    bits = shares > 0.5
    number = int(sum(1 << bit for bit in range(BITS) if bits[bit]))
    return number if bool(bits[:BITS].sum() % 2) == bits[BITS] else -1
