"""Generated videos that are equal to the bit: a model that makes no use of its reference makes the same under any."""

import hashlib
from collections.abc import Callable

import numpy as np

from pytest_lipleak.core.clips import Frames

MOST = 10_000
"""Videos that are remembered; of more, those that were made first are forgotten."""


class EqualVideos:
    """Finds, of the videos that were made, one that is equal to another.

    Args:
        frames_of: gives the frames of a video by its key, uint8 RGB (T, H, W, 3), None where they are not at hand.
    """

    def __init__(self, frames_of: Callable[[str], Frames | None]) -> None:
        self._frames_of = frames_of
        self._alike: dict[bytes, str] = {}
        self._first: dict[str, str] = {}

    def first(self, key: str) -> str:
        """Return the key of the video that was made first of those that are equal to this one."""
        return self._first.get(key, key)

    def note(self, key: str, clip: str, frames: Frames) -> str | None:
        """Note what a video shows; return the key of one of the same clip that is equal, picture by picture, if any.

        ``clip``: the digest of the real clip, by which the video is cropped.
        """
        looks = _looks_of(clip, frames)
        known = self._alike.get(looks)
        other = None if known is None else self._frames_of(known)
        if known is None or other is None or not _equal(frames, other):
            self._alike[looks] = key
            if len(self._alike) > MOST:
                del self._alike[next(iter(self._alike))]
            return None
        self._first[key] = known
        return known


def _looks_of(clip: str, frames: Frames) -> bytes:
    """What tells most videos apart that differ: their clips, and a hash of three pictures."""
    digest = hashlib.sha256(clip.encode())
    for index in (0, len(frames) // 2, len(frames) - 1):
        digest.update(np.ascontiguousarray(frames[index]).data)
    return digest.digest()


def _equal(frames: Frames, others: Frames) -> bool:
    # Picture by picture: the first that differs ends it, and nothing large is made.
    return frames.shape == others.shape and all(map(np.array_equal, frames, others))
