"""Small grey faces, and where the mouth is in them: what is looked at in pictures alone."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Image

SIDE = 80
"""Height and width of the grey faces that regions and lips are measured in: half of a 160 x 160 crop."""

LIPS_CENTRE = (0.58, 0.50)
LIPS_RADII = (0.105, 0.125)
"""Ellipse of the lips in a face crop, as shares of its height and width. Models edit at least this much."""

CORE_RADII = (0.07, 0.085)
"""The middle of it, which even a soft-edged edit of the lips alone replaces wholly."""

JAW_CENTRE = (0.71, 0.50)
JAW_RADII = (0.25, 0.34)
"""Ellipse of the lower face, from the nose to below the chin; eyes and nose, which show the pose, lie above it."""

Face = NDArray[np.uint8]
"""A grey face crop, uint8 (SIDE, SIDE)."""

Faces = NDArray[np.uint8]
"""Grey face crops, uint8 (T, SIDE, SIDE)."""

Chroma = NDArray[np.uint8]
"""What of face crops is colour and not light, uint8 (T, SIDE, SIDE, 2)."""

Region = NDArray[np.bool_]
"""Pixels of a face crop, bool (SIDE, SIDE)."""


def grey_faces(crops: Iterable[Image]) -> Faces:
    """Bring face crops, uint8 RGB (H, W, 3), to grey and to one size: uint8 (T, SIDE, SIDE)."""
    return stacked([grey_face(crop) for crop in crops])


def grey_face(crop: Image) -> Face:
    """Bring one face crop, uint8 RGB (H, W, 3), to grey and to one size."""
    import cv2

    grey = cv2.cvtColor(np.ascontiguousarray(crop), cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def chroma_faces(crops: Iterable[Image]) -> Chroma:
    """Bring face crops, uint8 RGB (H, W, 3), to one size and take their light out: Cr and Cb, uint8 (T, SIDE, SIDE, 2).

    A difference of 1 in grey and in these are about as strong (ITU-R BT.601).
    """
    import cv2

    found = np.empty((0, SIDE, SIDE, 2), np.uint8)
    small = [
        cv2.resize(np.ascontiguousarray(crop), (SIDE, SIDE), interpolation=cv2.INTER_AREA) for crop in crops
    ]
    return np.stack([cv2.cvtColor(each, cv2.COLOR_RGB2YCrCb)[..., 1:] for each in small]) if small else found


def stacked(small: Sequence[Face]) -> Faces:
    """Return small grey faces as one array, uint8 (T, SIDE, SIDE)."""
    return np.stack(small) if small else np.empty((0, SIDE, SIDE), np.uint8)


def lips_region() -> Region:
    """The lips of a face crop."""
    return _ellipse(LIPS_CENTRE, LIPS_RADII)


def lips_core() -> Region:
    """The middle of the lips, where nothing of the clip itself is left in any edit."""
    return _ellipse(LIPS_CENTRE, CORE_RADII)


def lower_face() -> Region:
    """Everything below the nose that moves in speech: lips, cheeks, chin, and the line of the jaw."""
    return _ellipse(JAW_CENTRE, JAW_RADII)


def blended(before: Iterable[Image], after: Iterable[Image], region: Region) -> Iterator[Image]:
    """Yield the crops of ``before`` with those of ``after`` in ``region`` alone, uint8 RGB (H, W, 3)."""
    for old, new in zip(before, after, strict=True):
        patch = soft_patch(region, *old.shape[:2])
        yield patch.into(old, new[patch.place])


@dataclass(frozen=True, eq=False)
class Patch:
    """Where something is mixed into a picture: of a feathered mask, the rectangle outside of which it is 0.

    Args:
        place: rows and columns.
        weight: what of the other picture counts there, float32 (h, w, 1) in 0..1.
    """

    place: tuple[slice, slice]
    weight: NDArray[np.float32]

    @classmethod
    def of(cls, mask: NDArray[np.float32]) -> "Patch":
        """Return that of a mask, float32 (H, W, 1)."""
        rows, columns = (np.flatnonzero(mask[..., 0].any(axis=axis)) for axis in (1, 0))
        place = tuple(slice(int(at[0]), int(at[-1]) + 1) if at.size else slice(0) for at in (rows, columns))
        weight = mask[place].copy()  # and not a view, which would hold the whole mask
        weight.setflags(write=False)
        return cls((place[0], place[1]), weight)

    @cached_property
    def _of_colours(self) -> NDArray[np.float32]:
        """The weight of each colour: what is spread while it is multiplied takes three times as long."""
        return np.repeat(self.weight, 3, axis=2)

    def into(self, picture: Image, other: NDArray[np.float32] | Image) -> Image:
        """Return a picture, uint8 RGB (H, W, 3), with what ``other``, (h, w, 3), is of it in this place mixed in."""
        mixed = np.array(picture)
        self.mix(mixed[self.place], other)
        return mixed

    def mix(self, part: Image, other: NDArray[np.float32] | Image) -> None:
        """Mix ``other`` into this place of a picture, uint8 RGB (h, w, 3), where it stands."""
        before = part.astype(np.float32)
        mixed = np.subtract(other, before, dtype=np.float32)
        mixed *= self._of_colours
        mixed += before
        np.rint(mixed, out=mixed)
        part[:] = np.clip(mixed, 0, 255, out=mixed)


@cache
def _ellipse(centre: tuple[float, float], radii: tuple[float, float]) -> Region:
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE
    region = np.asarray(np.hypot((y - centre[0]) / radii[0], (x - centre[1]) / radii[1]) <= 1)
    region.setflags(write=False)
    return region


def enlarged(region: Region, pixels: int) -> Region:
    """Return a region with as many pixels more on every side."""
    import cv2

    size = 2 * pixels + 1
    return np.asarray(cv2.dilate(region.astype(np.uint8), np.ones((size, size), np.uint8)) > 0)


def soft(region: Region, height: int, width: int) -> NDArray[np.float32]:
    """A region as weights of a picture of that size, its edge faded over a few pixels, float32 (height, width, 1)."""
    import cv2

    large = cv2.resize(region.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    blurred = cv2.GaussianBlur(large, (0, 0), 1.5 * max(height, width) / SIDE)
    return np.asarray(np.clip(blurred, 0, 1)[..., None], np.float32)


def soft_patch(region: Region, height: int, width: int) -> Patch:
    """Return ``soft`` as what is mixed into a picture of that size."""
    return _soft_patch(region.tobytes(), height, width)


@lru_cache(64)
def _soft_patch(region: bytes, height: int, width: int) -> Patch:
    return Patch.of(soft(np.frombuffer(region, np.bool_).reshape(SIDE, SIDE), height, width))
