"""Pictures that go with the run: where nothing of it is kept, they lie on disk as they lie in memory."""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Frames
from pytest_lipleak.core.held_arrays import HeldArrays
from pytest_lipleak.media.decoding import Decoding
from pytest_lipleak.media.timeline import Timeline
from pytest_lipleak.media.video import HELD, OpenedVideo, raw_frames, write_raw
from pytest_lipleak.store.keys import key_of
from pytest_lipleak.store.store import Store

MOST = 1_500_000_000
"""Bytes that a process writes of such pictures at most, of each kind, for all models that it measures."""

LEAST_FREE = 5_000_000_000
"""Bytes that must be left on the disk."""

_taken: Counter[tuple[Path, str]] = Counter()
"""Bytes that this process wrote, by store and kind."""


class RawRoom:
    """How many pictures may still be written without compressing them: none to a store that outlives the run.

    Args:
        store: where they are written.
        kind: what they are.
    """

    def __init__(self, store: Store, kind: str) -> None:
        self._store = store
        self._name = store.folder, kind

    def takes(self, size: int) -> bool:
        """Whether there is room for so many bytes; it is taken then."""
        left = MOST - _taken[self._name] if self._store.passing else 0
        fits = size <= min(left, HELD) and shutil.disk_usage(self._store.folder).free > LEAST_FREE + size
        _taken[self._name] += size if fits else 0
        return fits


class RunPictures(HeldArrays):
    """Videos by name, uint8 RGB (T, H, W, 3): on disk where there is room, and mapped; in memory else, the latest.

    Args:
        store: where they are written.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(HELD)
        self._store = store
        self._room = RawRoom(store, "moved mouths")

    def get(self, name: str) -> NDArray[np.uint8] | None:
        """Return a video, if it is there."""
        found: NDArray[np.uint8] | None = super().get(name)
        if found is None and self._store.passing:
            path = self._store.find("pictures.npy", key_of(name=name))
            found = None if path is None else raw_frames(path)
        return found

    def hold(self, name: str, array: NDArray[np.uint8]) -> None:
        """Hold a video by this name."""
        if self._room.takes(array.nbytes):
            self._store.get_or_make("pictures.npy", key_of(name=name), lambda path: write_raw(path, array))
        else:
            super().hold(name, array)


class SharedDecoding(Decoding):
    """Decodes the pictures of each file once a run, whichever process comes first, while there is room for them.

    Args:
        store: that goes with the run, and that its processes share.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._room = RawRoom(store, "real clips")

    def opened(self, timeline: Timeline) -> OpenedVideo:
        """Return the video of a file."""
        fresh: list[OpenedVideo] = []

        def decode() -> dict[str, Any]:
            video = super(SharedDecoding, self).opened(timeline)
            fresh.append(video)
            frames = video.video
            if isinstance(frames, np.ndarray) and self._room.takes(frames.nbytes):
                self._store.get_or_make("frames.npy", _key(timeline), lambda path: write_raw(path, frames))
            return {"notes": video.notes}

        known = self._store.data("decoded", _key(timeline), decode)
        if fresh:
            return fresh[0]
        frames = self.found(timeline)
        return super().opened(timeline) if frames is None else OpenedVideo(frames, tuple(known["notes"]))

    def found(self, timeline: Timeline) -> Frames | None:
        """Return the frames of a file, if it was decoded and there was room for them."""
        path = self._store.find("frames.npy", _key(timeline))
        return None if path is None else raw_frames(path)


def _key(timeline: Timeline) -> str:
    return key_of(file=str(timeline.path.absolute()), state=timeline.state)
