"""Generated videos that are equal to the bit: a model that makes no use of its reference makes the same under any."""

import hashlib
from collections.abc import Callable

import numpy as np

from pytest_lipleak.core.clips import Frames
from pytest_lipleak.store.keys import key_of
from pytest_lipleak.store.store import Store


class EqualVideos:
    """Finds, of the videos that a run made, one that is equal to another, whichever of its processes made them.

    Args:
        store: that goes with the run, and that its processes share.
        frames_of: gives the frames of a video by its key, uint8 RGB (T, H, W, 3), None where they are not at hand.
    """

    def __init__(self, store: Store, frames_of: Callable[[str], Frames | None]) -> None:
        self._store = store
        self._frames_of = frames_of
        self._first: dict[str, str] = {}

    def first(self, key: str) -> str:
        """Return the key of the video that was made first of those that are equal to this one."""
        known = self._first.get(key)
        if known is None and self._store.passing and self._store.find("equal.json", _name_of(key)):
            known = self._first[key] = self._note_equal(key, key)
        return known or key

    def note(self, key: str, clip: str, frames: Frames) -> str | None:
        """Note what a video shows; return the key of one of the same clip that is equal, picture by picture, if any.

        ``clip``: the digest of the real clip, by which the video is cropped.
        """
        looks = key_of(clip=clip, looks=_looks_of(frames))
        first: str = self._store.data("alike", looks, lambda: key)
        other = None if first == key else self._frames_of(first)
        equal = other is not None and _equal(frames, other)
        self._first[key] = self._note_equal(key, first) if equal else key
        return first if equal else None

    def _note_equal(self, key: str, first: str) -> str:
        noted: str = self._store.data("equal", _name_of(key), lambda: first)
        return noted


def _name_of(key: str) -> str:
    return key_of(video=key)


def _looks_of(frames: Frames) -> str:
    """What tells most videos apart that differ: a hash of three pictures."""
    digest = hashlib.sha256()
    for index in (0, len(frames) // 2, len(frames) - 1):
        digest.update(np.ascontiguousarray(frames[index]).data)
    return digest.hexdigest()


def _equal(frames: Frames, others: Frames) -> bool:
    # Picture by picture: the first that differs ends it, and nothing large is made.
    return frames.shape == others.shape and all(map(np.array_equal, frames, others))
