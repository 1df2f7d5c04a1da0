"""Of which of many clips was a video made: what each looks like and how it moves, compared with all of them at once.

For videos whose heads the model poses by itself, so that neither place nor movement need be the clip's. A few
kilobytes are held of a clip.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.faces.small_faces import SIDE, Faces
from pytest_lipleak.faces.source_match import QUICK, SMOOTHED, UPPER, averaged

FRAMES = 75
"""Frames of a clip from its beginning whose movement is compared, 3 s."""

GRID = (4, 10)
"""Rows and columns of the upper face in which movement is compared."""

FINE = (UPPER // 2, SIDE // 2)
"""Likewise, in which looks are compared."""

SHADED = 6.0
"""Sigma, in pixels of ``SIDE``, of what is taken out of looks: light and shade, by which strangers are alike."""

TURNED = (-8.0, -4.0, 0.0, 4.0, 8.0)
GROWN = (0.84, 0.92, 1.0, 1.09, 1.19)
SHIFTED = (-8.0, -4.0, 0.0, 4.0, 8.0)
"""Degrees, sizes, and pixels of ``SIDE`` right and down, in which a head is compared: the best of all counts."""

LATE = 2
"""Frames by which movement may be early or late."""

BLOCK = 256
"""Clips that are compared in one go."""


@dataclass(frozen=True)
class Traits:
    """What is compared of a clip.

    Args:
        look: its mean upper face, float16 (P,) of length 1.
        quick: the quick movements of its upper face, float16 (T, D), T at most ``FRAMES``.
    """

    look: NDArray[np.float16]
    quick: NDArray[np.float16]


@dataclass(frozen=True)
class Likeness:
    """How much a video is like a clip: correlations of looks, at the best pose, and of quick movements."""

    look: float
    quick: float


def traits_of(faces: Faces) -> Traits:
    """Return what is compared of a clip.

    Args:
        faces: its small grey faces, uint8 (T, SIDE, SIDE).
    """
    look = _looks([_mean(faces)])[0]
    return Traits(look.astype(np.float16), _quick(faces[:FRAMES]).astype(np.float16))


def likeness(faces: Faces, clips: Mapping[str, Traits]) -> dict[str, Likeness]:
    """Return how much a video is like each of many clips.

    Args:
        faces: of the video, from its beginning, uint8 (T, SIDE, SIDE).
        clips: what they are called, and their traits.
    """
    poses = _looks(_posed(_mean(faces))).T
    moved = _Moved(faces)
    names = list(clips)
    found: dict[str, Likeness] = {}
    for first in range(0, len(names), BLOCK):
        block = names[first : first + BLOCK]
        looks = (np.stack([clips[name].look for name in block]).astype(np.float32) @ poses).max(axis=1)
        quick = moved.alike([clips[name].quick for name in block])
        found |= {name: Likeness(float(looks[at]), float(quick[at])) for at, name in enumerate(block)}
    return found


class _Moved:
    """The quick movements of a video, earlier and later.

    Args:
        faces: uint8 (T, SIDE, SIDE).
    """

    def __init__(self, faces: Faces) -> None:
        rows = _quick(faces[: FRAMES + LATE]).astype(np.float32)
        self._late = []
        for late in range(-LATE, LATE + 1):
            # What lies beyond its ends moves not at all.
            shifted = np.zeros((FRAMES, rows.shape[1]), np.float32)
            part = rows[max(0, late) : FRAMES + late]
            shifted[max(0, -late) : max(0, -late) + len(part)] = part
            self._late.append(shifted)

    def alike(self, clips: Iterable[NDArray[np.float16]]) -> NDArray[np.float32]:
        """Return the correlation with the quick movements of each clip, at the best of all shifts, (N,)."""
        given = [each.astype(np.float32) for each in clips]
        whole = np.zeros((len(given), FRAMES, self._late[0].shape[1]), np.float32)
        for at, each in enumerate(given):
            whole[at, : len(each)] = each
        flat, ends = whole.reshape(len(given), -1), np.array([len(each) for each in given])
        size = np.linalg.norm(flat, axis=1)
        found = []
        for shifted in self._late:
            # Of a short clip, no more of the video counts than it has frames.
            theirs = np.sqrt(np.append(0, np.cumsum(np.square(shifted).sum(axis=1))))[ends]
            found.append(flat @ shifted.ravel() / np.maximum(size * theirs, 1e-6))
        return np.asarray(np.max(found, axis=0), np.float32)


def _mean(faces: Faces) -> NDArray[np.float32]:
    return np.asarray(faces.mean(axis=0, dtype=np.float64), np.float32)


def _posed(mean: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    import cv2

    return [
        np.asarray(
            cv2.warpAffine(mean, pose, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
            np.float32,
        )
        for pose in _poses()
    ]


@cache
def _poses() -> list[NDArray[np.float64]]:
    import cv2

    found = []
    for degrees, size, right, down in product(TURNED, GROWN, SHIFTED, SHIFTED):
        pose = np.asarray(cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), degrees, size), np.float64)
        pose[:, 2] += right, down
        found.append(pose)
    return found


def _looks(means: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Upper faces without light and shade, each of mean 0 and length 1, (N, P)."""
    import cv2

    rows = []
    for mean in means:
        lines = mean - cv2.GaussianBlur(mean, (0, 0), SHADED)
        row = cv2.resize(lines[:UPPER], FINE[::-1], interpolation=cv2.INTER_AREA).ravel()
        rows.append(row - row.mean())
    stacked = np.stack(rows)
    return np.asarray(stacked / np.maximum(np.linalg.norm(stacked, axis=1, keepdims=True), 1e-6), np.float32)


def _quick(faces: Faces) -> NDArray[np.float64]:
    """How an upper face moves, without what is slower than a second, in ``GRID`` places, (T, D)."""
    import cv2

    small = [cv2.resize(face[:UPPER], GRID[::-1], interpolation=cv2.INTER_AREA).ravel() for face in faces]
    rows = np.stack(small).astype(np.float64)
    rows -= rows.mean(axis=1, keepdims=True)
    return averaged(rows, SMOOTHED) - averaged(rows, QUICK)
