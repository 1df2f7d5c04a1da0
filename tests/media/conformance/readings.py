"""One file as ffmpeg reads it and as lipleak reads it, and how either compares with the original."""

import wave
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from .ffmpeg_program import ffmpeg
from .original import HEIGHT, WIDTH, Original, number_of

RATE, PER_FRAME = 16_000, 640
WINDOW = round(1.2 * RATE)
REACH = round(0.6 * RATE)


@dataclass(frozen=True, eq=False)
class Reading:
    """A clip at 25 frames per second and 16 kHz, from its first picture on.

    Args:
        frames: uint8 RGB, scaled to the original's size (T, 144, 176, 3).
        audio: int16 (640 T,) or a little more or less.
        shape: height and width as read.
        notes: what the reader says of it.
    """

    frames: np.ndarray
    audio: np.ndarray
    shape: tuple[int, int]
    notes: tuple[str, ...] = ()

    @cached_property
    def numbers(self) -> np.ndarray:
        """Which frame of the original is shown, (T,); -1 where none."""
        return np.array([number_of(frame) for frame in self.frames])

    def shift(self, original: Original, end: bool = False) -> float:
        """Milliseconds that the sound lags behind the picture at the beginning, or at the end."""
        length = min(len(self.audio), len(self.frames) * PER_FRAME)
        begin = max(length - WINDOW, 0) if end else 0
        piece = self.audio[begin : begin + WINDOW].astype(float)
        within = slice(begin // PER_FRAME, -(-(begin + WINDOW) // PER_FRAME))
        ahead = float(np.median((self.numbers - np.arange(len(self.frames)))[within]))
        shown = begin + round(ahead * PER_FRAME)
        return 1000 * (shown - _place(piece, original.audio, shown)) / RATE


def _place(piece: np.ndarray, whole: np.ndarray, near: int) -> int:
    """Where in ``whole`` this piece is heard, by cross-correlation within 0.6 s of ``near``."""
    lowest = near - REACH
    padded = np.zeros(len(piece) + 2 * REACH)
    trial = np.arange(lowest, lowest + len(padded))
    inside = (trial >= 0) & (trial < len(whole))
    padded[inside] = whole[trial[inside]]
    size = 1 << (len(padded) + len(piece)).bit_length()
    product = np.fft.irfft(np.fft.rfft(padded, size) * np.conj(np.fft.rfft(piece, size)), size)
    energy = np.concatenate([[0.0], np.cumsum(padded**2)])
    heard = np.sqrt(energy[len(piece) : len(piece) + 2 * REACH + 1] - energy[: 2 * REACH + 1]) + 1e3
    return lowest + int((product[: 2 * REACH + 1] / heard[: 2 * REACH + 1]).argmax())


def ffmpeg_reading(
    path: Path, video: str = "0:V:0", audio: str = "0:a:0", sound: Path | None = None
) -> Reading:
    """Read with ``fps=25`` and ``aresample=async=1:first_pts=0``, from the first picture to the end of the sound.

    Without ``min_hard_comp`` ffmpeg lets gaps below 0.1 s add up before it fills them.
    """
    heard, clock = path.parent / "heard.wav", path.parent / "clock.txt"
    inputs = ("-i", path) if sound is None else ("-i", path, "-i", sound)
    pictures = ffmpeg(
        *inputs,
        *("-map", video, "-fps_mode", "passthrough", "-vf", f"fps=25,scale={WIDTH}:{HEIGHT}"),
        *("-stats_enc_pre:v", clock, "-stats_enc_pre_fmt:v", "{t}"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1", "-map", audio if sound is None else "1:a:0"),
        *("-af", f"aresample=async=1:min_hard_comp=0.01{':first_pts=0' * (sound is None)}"),
        *("-ar", str(RATE), "-ac", "1", "-c:a", "pcm_s16le", heard),
    )  # fmt: skip
    frames = np.frombuffer(pictures, np.uint8).reshape(-1, HEIGHT, WIDTH, 3)
    with wave.open(str(heard)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    begin = 0 if sound else max(round(float(clock.read_text().split()[0]) * RATE), 0)
    samples = samples[begin:]
    return Reading(frames[: -(-len(samples) // PER_FRAME)], samples, (HEIGHT, WIDTH))


def lipleak_reading(path: Path, sound: Path | None = None) -> Reading:
    """Read as a run reads a clip."""
    import cv2

    from pytest_lipleak.media.clipsets import ClipFile, ClipSet

    clip = ClipSet([ClipFile("clip", path, sound)], str(path))["clip"]
    frames = [
        frame
        if frame.shape[:2] == (HEIGHT, WIDTH)
        else cv2.resize(frame, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        for frame in clip.video
    ]
    return Reading(np.stack(frames), clip.audio, (clip.video.shape[1], clip.video.shape[2]), clip.notes)
