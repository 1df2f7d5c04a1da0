"""Small grey faces, noted when a video is first looked at: nobody decodes it again for them soon after."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Image
from pytest_lipleak.core.held_arrays import HeldArrays
from pytest_lipleak.faces.small_faces import (
    SIDE,
    Chroma,
    Face,
    Faces,
    chroma_faces,
    grey_face,
    grey_faces,
    stacked,
)

NOTED = 50_000_000
"""Bytes of them that are held; those that were asked for longest ago are let go."""


class NotedFaces:
    """The small grey faces of the videos that were looked at last, by any name."""

    def __init__(self) -> None:
        self._noted = HeldArrays(NOTED)

    def through(self, name: str, crops: Iterable[Image]) -> Iterator[Image]:
        """Yield the face crops of a video, uint8 RGB (H, W, 3), and note them, unless it is too long to be held."""
        seen: list[Face] = []
        for crop in crops:
            if len(seen) * SIDE**2 <= NOTED:
                seen.append(grey_face(crop))
            yield crop
        if len(seen) * SIDE**2 <= NOTED:
            self._noted.hold(name, stacked(seen))

    def of(self, name: str, crops: Iterable[Image]) -> Faces:
        """Return the small grey faces of a video, uint8 (T, SIDE, SIDE), those noted or, without such, of its crops."""
        return self._found(name, lambda: grey_faces(crops))

    def colour_of(self, name: str, crops: Iterable[Image]) -> Chroma:
        """Return what of them is colour, uint8 (T, SIDE, SIDE, 2), likewise."""
        return self._found(f"{name} in colour", lambda: chroma_faces(crops))

    def _found(self, name: str, make: Callable[[], NDArray[np.uint8]]) -> NDArray[np.uint8]:
        found = self._noted.get(name)
        if found is None:
            found = make()
            self._noted.hold(name, found)
        return found
