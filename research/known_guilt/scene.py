"""What one call of a generator is about, and which clip it is: what all parts of the bench's generators look at."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Clip, Frames
from pytest_lipleak.core.timebase import SAMPLES_PER_FRAME
from pytest_lipleak.faces.centred import mouth_darkness
from pytest_lipleak.faces.mouth_swap import aligned

Signal = NDArray[np.float32]
"""One number per frame, float32 (T,)."""

SILENT = 100.0
"""Driving audio quieter than this (RMS, int16 units, -50 dBFS) is silence."""

KEPT = 72
"""Videos that are kept in memory because other generators of the bench begin with the same."""


class Memo:
    """The latest results of costly steps, by content: members of the bench differ in little."""

    def __init__(self, most: int = KEPT) -> None:
        self._most = most
        self._known: OrderedDict[tuple[Any, ...], Any] = OrderedDict()

    def __call__(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """Return what ``make`` gave for this key; whoever gets it must not change it."""
        if key not in self._known:
            self._known[key] = make()
        self._known.move_to_end(key)
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return self._known[key]


MEMO = Memo()


def content(array: NDArray[Any]) -> str:
    """Name an array by what is in it; of pictures every third row and column is looked at."""
    seen = array[:, ::3, ::3] if array.ndim == 4 else array
    return hashlib.blake2b(np.ascontiguousarray(seen).data, digest_size=12).hexdigest() + str(array.shape)


@dataclass(frozen=True, eq=False)
class Scene:
    """One call of ``generate``.

    Args:
        frames: uint8 RGB (T, H, W, 3).
        audio: drives, int16 (640 T,).
        reference: uint8 RGB, one per frame or (R, H, W, 3).
        clips: the clip set, by name.
        call: how many calls the generator had before.
    """

    frames: Frames
    audio: Audio
    reference: Frames
    clips: Mapping[str, Clip] = field(default_factory=dict)
    call: int = 0

    @cached_property
    def key(self) -> str:
        """Names the input frames."""
        return content(self.frames)

    @cached_property
    def loudness(self) -> Signal:
        """RMS of the driving audio in every frame, int16 units."""
        samples = self.audio[: len(self.frames) * SAMPLES_PER_FRAME].astype(np.float32)
        return np.asarray(np.sqrt(np.square(samples).reshape(len(self.frames), -1).mean(axis=1)), np.float32)

    @property
    def silent(self) -> bool:
        """Whether the driving audio is silence."""
        return float(np.sqrt(np.square(self.loudness).mean())) < SILENT

    @cached_property
    def closed(self) -> int:
        """Index of the input frame whose mouth is most closed."""
        return int(MEMO(("closed", self.key), lambda: mouth_darkness(self.frames).argmin()))

    @cached_property
    def references(self) -> Frames:
        """One reference frame per frame."""
        if len(self.reference) == len(self.frames):
            return self.reference
        return np.broadcast_to(self.reference[:1], self.frames.shape)

    @cached_property
    def name(self) -> str | None:
        """Which clip this is, told by the upper third of its first frame; None without clips."""
        if not self.clips:
            return None
        rows = self.frames.shape[1] // 3

        def apart(name: str) -> float:
            first = next(iter(self.clips[name].video))
            if first.shape != self.frames.shape[1:]:
                return float("inf")
            return float(np.abs(first[:rows].astype(np.int16) - self.frames[0, :rows]).mean())

        return str(MEMO(("name", self.key, tuple(self.clips)), lambda: min(self.clips, key=apart)))

    @property
    def place(self) -> int:
        """Where the clip stands in the sorted list of clips."""
        return 0 if self.name is None else sorted(self.clips).index(self.name)

    def posed(self, sources: Frames, indices: NDArray[np.int64], name: str) -> Frames:
        """Return ``sources`` at ``indices``, one per frame, each moved onto the face of its frame.

        Args:
            sources: uint8 RGB (N, H, W, 3).
            indices: int64 (T,).
            name: of ``sources``, by content.
        """

        def make() -> Frames:
            faces = np.empty_like(self.frames)
            for at, (index, frame) in enumerate(zip(indices, self.frames, strict=True)):
                faces[at] = np.clip(np.rint(aligned(sources[index], frame)), 0, 255)
            return faces

        found: Frames = MEMO(("posed", self.key, name, indices.tobytes()), make)
        return found


def opening(frames: Frames) -> Signal:
    """How wide the mouth is open in every frame: 0 as the most closed twentieth, 1 as the widest."""
    dark = mouth_darkness(frames)
    low, high = np.percentile(dark, [5, 95])
    return np.asarray(np.clip((dark - low) / max(float(high - low), 1e-3), 0, 1.2), np.float32)


def smoothed(signal: Signal, sigma: float) -> Signal:
    """A Gaussian over time, sigma in frames; the ends are repeated."""
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-np.square(np.arange(-reach, reach + 1) / sigma) / 2)
    padded = np.pad(signal, reach, mode="edge")
    return np.asarray(np.convolve(padded, kernel / kernel.sum(), "valid"), np.float32)
