"""Face detection: MediaPipe's short-range BlazeFace, with second looks for faces it can't see at first.

Source: Bazarevsky et al. 2019, "BlazeFace", and MediaPipe's ``face_detection_short_range`` graph, whose
boxes and keypoints are reproduced. The network sees 128x128 pixels, so a face much smaller than the frame
is found askew or not at all; hence every face is looked at again from close by, and frames without a face
are searched in parts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.faces.landmark_networks import DETECTOR, Network

Image = NDArray[np.uint8]
"""RGB, shape (H, W, 3)."""

INPUT = 128
"""Height and width of the network's input, in pixels."""

MIN_SCORE = 0.5
"""Least probability of a face, MediaPipe's default."""

MERGE_IOU = 0.3
"""Boxes that overlap more are the same face and are averaged by score, as in MediaPipe."""

CLOSE_UP = 2.0
"""Side of the second look, in sides of the face box found by the first one."""

RIGHT_EYE, LEFT_EYE, NOSE, MOUTH = range(4)
"""Rows of ``Face.keypoints``; right and left are the person's own."""

_LAYERS = ((8, 2), (16, 6))
"""Stride of each anchor grid in pixels, and anchors per cell."""


@dataclass(frozen=True, eq=False)
class Face:
    """A detected face.

    Args:
        box: left, top, right, bottom in pixels, float64 (4,); square, from mid-forehead to chin.
        keypoints: x and y in pixels of right eye, left eye, nose tip, mouth, right ear, left ear,
            float64 (6, 2).
        score: probability of being a face, 0..1.
    """

    box: NDArray[np.float64]
    keypoints: NDArray[np.float64]
    score: float

    @property
    def side(self) -> float:
        """Longer side of the box, in pixels."""
        return float(max(self.box[2] - self.box[0], self.box[3] - self.box[1]))

    @property
    def centre(self) -> NDArray[np.float64]:
        """Middle of the box: x and y in pixels."""
        return (self.box[:2] + self.box[2:]) / 2


class FaceDetector:
    """Finds faces in single images. Not to be shared between threads.

    Args:
        weights: folder with ``face_landmarker.task``, or None to use the download folder.
        threads: for the CPU.
    """

    def __init__(self, weights: Path | None = None, threads: int = 1) -> None:
        self._network = Network(DETECTOR, weights, threads)

    def detect(self, image: Image, hint: NDArray[np.float64] | None = None) -> list[Face]:
        """Return the faces in ``image``, largest first; none when there is none.

        Args:
            image: uint8 RGB, shape (H, W, 3).
            hint: a box (4,) near which a face was lately; looked at before the parts of the frame.
        """
        faces = [self._from_close_by(image, face) for face in self.glance(image)]
        if not faces and hint is not None:
            faces = self._look(image, *_around(hint))
        if not faces:
            faces = self._search(image)
        return sorted(_distinct(faces), key=lambda face: -face.side)

    def glance(self, image: Image) -> list[Face]:
        """Return what one look at the whole image finds: MediaPipe's own answer."""
        height, width = image.shape[:2]
        side = max(height, width)
        return self._look(image, (width - side) / 2, (height - side) / 2, side)

    def _from_close_by(self, image: Image, face: Face) -> Face:
        """The same face, seen larger; unchanged when the second look does not find it."""
        again = self._look(image, *_around(face.box))
        return max(again, key=lambda other: overlap(face.box, other.box), default=face)

    def _search(self, image: Image) -> list[Face]:
        faces = [face for view in _views(*image.shape[:2]) for face in self._look(image, *view)]
        return [self._from_close_by(image, face) for face in _distinct(faces)]

    def _look(self, image: Image, left: float, top: float, side: float) -> list[Face]:
        """Detect in one square of ``image``, which may reach beyond it (black there)."""
        import cv2

        scale = side / INPUT
        view = cv2.warpAffine(
            image,
            np.array([[scale, 0, left], [0, scale, top]]),
            (INPUT, INPUT),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
        )
        boxes, scores = self._network(view.astype(np.float32) / np.float32(127.5) - 1)
        points, probabilities = _decoded(boxes[0], scores[0, :, 0])
        points = points * scale + np.array([left, top])
        return [
            Face(merged[:2].ravel(), merged[2:], score) for merged, score in _merged(points, probabilities)
        ]


def overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Intersection over union of two boxes (left, top, right, bottom), 0..1."""
    # In plain floats: four numbers are too few for NumPy, and this runs for every pair of boxes.
    left, top, right, bottom = one.tolist()
    other_left, other_top, other_right, other_bottom = other.tolist()
    width = max(min(right, other_right) - max(left, other_left), 0.0)
    shared = width * max(min(bottom, other_bottom) - max(top, other_top), 0.0)
    area = (right - left) * (bottom - top)
    union = area + (other_right - other_left) * (other_bottom - other_top) - shared
    return shared / union if union > 0 else 0.0


@cache
def _anchors() -> NDArray[np.float64]:
    """Centres of the 896 anchors in pixels of the input, (896, 2)."""
    grids = []
    for stride, per_cell in _LAYERS:
        rows, columns = np.mgrid[: INPUT // stride, : INPUT // stride] + 0.5
        grids.append(np.repeat(np.stack([columns.ravel(), rows.ravel()], 1) * stride, per_cell, axis=0))
    return np.concatenate(grids)


def _decoded(
    raw: NDArray[np.float32], logits: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points (N, 8, 2) in input pixels: top left, bottom right, six keypoints; and probabilities (N,)."""
    probabilities = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -100, 100)))
    faces = probabilities > MIN_SCORE
    numbers = raw[faces].astype(np.float64).reshape(-1, 8, 2)
    centre, half = numbers[:, 0], numbers[:, 1] / 2
    points = np.concatenate([(centre - half)[:, None], (centre + half)[:, None], numbers[:, 2:]], axis=1)
    return points + _anchors()[faces][:, None], probabilities[faces]


def _merged(
    points: NDArray[np.float64], probabilities: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.float64], float]]:
    """MediaPipe's weighted suppression: average all that overlap the most probable one, then go on."""
    rest = np.argsort(-probabilities, kind="stable")
    while len(rest):
        best = points[rest[0], :2].ravel()
        same = np.array([overlap(best, points[index, :2].ravel()) > MERGE_IOU for index in rest])
        same[0] = True
        group = rest[same]
        yield np.average(points[group], axis=0, weights=probabilities[group]), float(probabilities[rest[0]])
        rest = rest[~same]


def _distinct(faces: list[Face]) -> list[Face]:
    """Drop faces that overlap a more probable one: two looks found the same."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(overlap(face.box, other.box) <= MERGE_IOU for other in kept):
            kept.append(face)
    return kept


def _around(box: NDArray[np.float64]) -> tuple[float, float, float]:
    side = CLOSE_UP * float(max(box[2] - box[0], box[3] - box[1]))
    return float(box[0] + box[2] - side) / 2, float(box[1] + box[3] - side) / 2, side


def _views(height: int, width: int) -> Iterator[tuple[float, float, float]]:
    """Squares (left, top, side) to search: from afar for faces that fill the frame, then closer and closer."""
    longer, shorter = max(height, width), min(height, width)
    yield (width - 2 * longer) / 2, (height - 2 * longer) / 2, 2.0 * longer
    for side in (shorter, shorter // 2):
        if side < INPUT // 2:  # a face in there would be smaller than the network can use
            return
        for top in _starts(height, side):
            for left in _starts(width, side):
                yield left, top, float(side)


def _starts(length: int, side: int) -> NDArray[np.float64]:
    """Where squares start that cover ``length`` and overlap by half or more."""
    return np.linspace(0, length - side, -(-2 * (length - side) // max(side, 1)) + 1)
