"""A clip: a real talking-face video with its own speech."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.timebase import SAMPLES_PER_FRAME

Image = NDArray[np.uint8]
"""One RGB picture, shape (H, W, 3)."""

Frames = NDArray[np.uint8]
"""RGB video, shape (T, H, W, 3), 25 frames per second."""

Audio = NDArray[np.int16]
"""Mono audio, shape (N,), 16,000 samples per second."""


@dataclass(frozen=True, eq=False)
class Clip:
    """A real talking-face video with its own speech, ready to be measured.

    Args:
        name: unique within its clip set; used in reports.
        frames: uint8 RGB, shape (T, H, W, 3), 25 frames per second.
        audio: int16 mono, shape (640 T,), 16 kHz: exactly as long as the frames.
        speaker: who speaks, where known.
        notes: what was converted while reading (frame rate, sample rate, lengths).
    """

    name: str
    frames: Frames
    audio: Audio
    speaker: str | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_frames(self.frames, f"clip {self.name!r}")
        check_audio(self.audio, f"clip {self.name!r}")
        expected = len(self.frames) * SAMPLES_PER_FRAME
        if len(self.audio) != expected:
            raise ValueError(
                f"clip {self.name!r}: {len(self.audio)} audio samples for {len(self.frames)} frames; "
                f"expected exactly {expected}"
            )

    @cached_property
    def digest(self) -> str:
        """SHA-256 over frames and audio: what the clip *is*, whatever file it came from."""
        return digest_of(self.frames, self.audio)


def digest_of(*arrays: NDArray[Any]) -> str:
    """Return the SHA-256 over shapes, dtypes and contents of ``arrays``, as 64 hex digits."""
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(f"{array.dtype.str}{array.shape}".encode())
        sha.update(np.ascontiguousarray(array).data)
    return sha.hexdigest()


def check_frames(frames: Any, owner: str) -> None:
    """Raise ``ValueError`` unless ``frames`` is uint8 of shape (T, H, W, 3) with T, H, W > 0."""
    if not isinstance(frames, np.ndarray):
        raise ValueError(f"{owner}: frames are a {type(frames).__name__}, expected a NumPy array")
    if frames.dtype.kind == "f" and np.isnan(frames).any():
        raise ValueError(f"{owner}: frames contain NaN, expected uint8 RGB in 0..255")
    if frames.dtype != np.uint8:
        raise ValueError(
            f"{owner}: frames have dtype {frames.dtype}, expected uint8 RGB in 0..255 "
            "(scale, round and clip before returning them)"
        )
    if frames.ndim != 4 or frames.shape[-1] != 3 or 0 in frames.shape:
        raise ValueError(f"{owner}: frames have shape {frames.shape}, expected (T, H, W, 3), none of them 0")


def check_audio(audio: Any, owner: str) -> None:
    """Raise ``ValueError`` unless ``audio`` is int16 of shape (N,)."""
    if not isinstance(audio, np.ndarray) or audio.dtype != np.int16 or audio.ndim != 1:
        got = (
            f"{audio.dtype} of shape {audio.shape}" if isinstance(audio, np.ndarray) else type(audio).__name__
        )
        raise ValueError(f"{owner}: audio is {got}, expected int16 of shape (N,), mono, 16 kHz")
