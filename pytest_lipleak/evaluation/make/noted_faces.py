"""Small grey faces, noted while a sync expert looks at a video: nobody decodes it again for them soon after."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator

from pytest_lipleak.core.clips import Image
from pytest_lipleak.faces.small import SIDE, Face, Faces, grey_face, grey_faces, stacked

NOTED = 50_000_000
"""Bytes of them that are held; those that were asked for longest ago are let go."""


class NotedFaces:
    """The small grey faces of the videos that were looked at last, by any name."""

    def __init__(self) -> None:
        self._noted: OrderedDict[str, Faces] = OrderedDict()
        self._size = 0

    def through(self, name: str, crops: Iterable[Image]) -> Iterator[Image]:
        """Yield the face crops of a video, uint8 RGB (H, W, 3), and note them, unless it is too long to be held."""
        seen: list[Face] = []
        for crop in crops:
            if len(seen) * SIDE**2 <= NOTED:
                seen.append(grey_face(crop))
            yield crop
        if len(seen) * SIDE**2 <= NOTED:
            self._note(name, stacked(seen))

    def of(self, name: str, crops: Iterable[Image]) -> Faces:
        """Return the small grey faces of a video, uint8 (T, SIDE, SIDE), those noted or, without such, of its crops."""
        if name not in self._noted:
            return grey_faces(crops)
        self._noted.move_to_end(name)
        return self._noted[name]

    def _note(self, name: str, faces: Faces) -> None:
        self._size += faces.nbytes - (self._noted[name].nbytes if name in self._noted else 0)
        self._noted[name] = faces
        self._noted.move_to_end(name)
        while self._size > NOTED:
            _, dropped = self._noted.popitem(last=False)
            self._size -= dropped.nbytes
