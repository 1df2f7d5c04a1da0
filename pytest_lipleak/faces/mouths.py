"""Mouths of other frames in a face that stays: what a reference looks like when only its lips differ."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Frames, Image
from pytest_lipleak.faces.centred import mouth_images

CENTRE = (0.58, 0.50)
RADII = (0.17, 0.22)
"""Ellipse of mouth and chin in a face-centred frame, as shares of its height and width."""

FEATHER = 0.35
"""Share of the radius over which the other mouth fades out."""

AROUND = (1 / 5, 0.0, 1 / 5, 2 / 5)
"""What a face-centred frame shows beyond the face box: left, top, right, bottom, as shares of the box."""


def with_other_mouths(frames: Frames, boxes: NDArray[np.float64] | None = None) -> Frames:
    """Give every frame the mouth of the frame of the clip whose mouth differs most from its own.

    Eyes, pose and background stay: what a model makes of such a reference differs from what it makes of the
    real one by the lips it copied.

    Args:
        frames: uint8 RGB, shape (T, H, W, 3).
        boxes: face box per frame, (T, 4): left, top, right, bottom; None for face-centred frames.

    Returns:
        uint8 RGB, shape (T, H, W, 3).
    """
    places = list(places_of(frames.shape, boxes))
    looks = mouth_images(
        np.stack([_resized(frame[place]) for frame, place in zip(frames, places, strict=True)])
    )
    other = _most_different(looks)
    result = frames.copy()
    for index, place in enumerate(places):
        target = result[index][place]
        height, width = target.shape[:2]
        mouth = _resized(frames[other[index]][places[other[index]]], (width, height)).astype(np.float32)
        mask = _mask(height, width)
        target[:] = np.rint(target + mask * (mouth - target))
    return result


def mouth_mask(shape: tuple[int, ...], boxes: NDArray[np.float64] | None = None) -> NDArray[np.bool_]:
    """Return where the mouth is in frames of ``shape`` (T, H, W, 3): bool (T, H, W)."""
    found = np.zeros(shape[:3], bool)
    for index, place in enumerate(places_of(shape, boxes)):
        region = found[index][place]
        region[:] = _mask(*region.shape)[..., 0] > 0
    return found


def places_of(shape: tuple[int, ...], boxes: NDArray[np.float64] | None) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of what a face-centred frame would show of each frame of a video of ``shape`` (T, H, W, 3)."""
    count, height, width = shape[:3]
    if boxes is None:
        yield from [(slice(0, height), slice(0, width))] * count
        return
    for left, top, right, bottom in boxes:
        sides = np.array([right - left, bottom - top] * 2) * AROUND
        low = np.clip(np.floor([top - sides[1], left - sides[0]]), 0, [height - 2, width - 2]).astype(int)
        high = np.clip(np.ceil([bottom + sides[3], right + sides[2]]), low + 2, [height, width]).astype(int)
        yield slice(low[0], high[0]), slice(low[1], high[1])


def _resized(image: Image, size: tuple[int, int] = (96, 96)) -> Image:
    import cv2

    return np.asarray(cv2.resize(np.ascontiguousarray(image), size), np.uint8)


def _most_different(looks: NDArray[np.float32]) -> NDArray[np.int64]:
    flat = looks.reshape(len(looks), -1).astype(np.float64)
    squares = (flat**2).sum(axis=1)
    distances = squares[:, None] + squares[None] - 2 * flat @ flat.T
    return np.asarray(distances.argmax(axis=1), np.int64)


def _mask(height: int, width: int) -> NDArray[np.float32]:
    """Feathered ellipse over the mouth, float32 (H, W, 1) in 0..1."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    radius = np.hypot(((y + 0.5) / height - CENTRE[0]) / RADII[0], ((x + 0.5) / width - CENTRE[1]) / RADII[1])
    mask: NDArray[np.float32] = np.clip((1 - radius) / FEATHER, 0, 1)[..., None]
    return mask
