"""Face landmarks: MediaPipe's 478-point mesh per frame, and the mouth in it.

Source: MediaPipe's ``face_landmarker`` graph (Kartynnik et al. 2019). In the first frame the region of the
face comes from the detector and is then centred on the landmarks themselves, as in MediaPipe's video
mode, which makes up for a detector box that sits askew; no temporal smoothing is applied.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.faces.detection import LEFT_EYE, RIGHT_EYE, Face, FaceDetector, Image
from pytest_lipleak.faces.landmark_networks import LANDMARKS, Network

Landmarks = NDArray[np.float32]
"""x and y in pixels, shape (T, 478, 2); NaN in frames without a face."""

POINTS = 478
INPUT = 256
"""Height and width of the network's input, in pixels."""

MARGIN = 1.5
"""Side of the region the network sees, in sides of the face box; MediaPipe's."""

MIN_PRESENCE = 0.5
"""Least probability that the region shows a face; MediaPipe's default."""

SETTLING = 2
"""Further passes in the first frame, each on the region that the one before found."""

MOUTH_CORNERS = (61, 291)
"""Outer mouth corners: the one on the image's left, then the one on its right."""

INNER_CORNERS = (78, 308)
INNER_LIPS = ((82, 87), (13, 14), (312, 317))
"""Points of the upper inner lip and those below them on the lower one."""

OUTER_LIPS = (
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146,
)  # fmt: skip
"""The outer lip contour, clockwise in the image, from the corner on its left."""

INNER_CONTOUR = (
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95,
)  # fmt: skip
LIPS = (*OUTER_LIPS, *INNER_CONTOUR)
"""All 40 points of the lips."""

MOST_MISSING = 0.3
"""Share of frames without a face up to which the mouth's place is interpolated."""

EYE_CORNERS = ((33, 133), (362, 263))
"""Outer and inner corner of the eye on the image's left; inner and outer of the one on its right."""

NOSE_TIP = 1
FOREHEAD, CHIN = 10, 152


class FaceLandmarker:
    """Finds the face mesh, frame after frame. Not to be shared between threads.

    Args:
        weights: folder with ``face_landmarker.task``, or None to use the download folder.
        threads: for the CPU.
    """

    def __init__(self, weights: Path | None = None, threads: int = 1) -> None:
        self._network = Network(LANDMARKS, weights, threads)
        self._detector = FaceDetector(weights, threads)

    def landmarks(self, frames: Iterable[Image], boxes: Iterable[NDArray[np.float64]] = ()) -> Landmarks:
        """Return the landmarks of one face in every frame.

        Args:
            frames: uint8 RGB images (H, W, 3), for example an array (T, H, W, 3) or a decoder.
            boxes: face box (left, top, right, bottom) per frame, from a face track, where several faces
                can be seen; without it the face is the largest in the first frame, followed from there
                and sought anew where it is lost.

        Returns:
            float32, shape (T, 478, 2), x and y in pixels; NaN in frames without a face.
        """
        followed: NDArray[np.float32] | None = None
        result = []
        remaining = iter(boxes)
        for frame in frames:
            box = next(remaining, None)
            if followed is not None and (box is None or _inside(followed, box)):
                followed = self._mesh(frame, *_region_of_mesh(followed))
            else:
                followed = None
            if followed is None:
                followed = self._found_anew(frame, box)
            result.append(followed)
        missing = np.full((POINTS, 2), np.nan, np.float32)
        if not result:
            return np.empty((0, POINTS, 2), np.float32)
        return np.stack([missing if mesh is None else mesh for mesh in result])

    def _found_anew(self, image: Image, box: NDArray[np.float64] | None) -> NDArray[np.float32] | None:
        faces = self._detector.detect(image, box)
        if box is not None:
            middle = (box[:2] + box[2:]) / 2
            faces = [face for face in faces if _contains(box, face.centre)]
            faces.sort(key=lambda face: float(np.linalg.norm(face.centre - middle)))
        if not faces:
            return None
        # The first pass may fail on a box that sits askew while the next one settles, so judge only the last.
        mesh, present = self._pass(image, *_region_of_face(faces[0]))
        for _ in range(SETTLING):
            mesh, present = self._pass(image, *_region_of_mesh(mesh))
        return mesh if present else None

    def _mesh(
        self, image: Image, centre: NDArray[np.float64], side: float, angle: float
    ) -> NDArray[np.float32] | None:
        mesh, present = self._pass(image, centre, side, angle)
        return mesh if present else None

    def _pass(
        self, image: Image, centre: NDArray[np.float64], side: float, angle: float
    ) -> tuple[NDArray[np.float32], bool]:
        """Run the network on a turned square of ``image``; landmarks and whether it shows a face."""
        import cv2

        cos, sin = (side / INPUT * turn(angle) for turn in (np.cos, np.sin))
        turned = np.array([[cos, -sin], [sin, cos]])
        origin = centre - turned @ np.full(2, INPUT / 2)
        view = cv2.warpAffine(
            image,
            np.column_stack([turned, origin]),
            (INPUT, INPUT),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        points, presence, *_ = self._network(view.astype(np.float32) / np.float32(255))
        mesh = points.reshape(POINTS, 3)[:, :2] @ turned.T + origin
        probability = 1 / (1 + np.exp(-float(presence.ravel()[0])))
        return mesh.astype(np.float32), probability > MIN_PRESENCE


def _region_of_face(face: Face) -> tuple[NDArray[np.float64], float, float]:
    across = face.keypoints[LEFT_EYE] - face.keypoints[RIGHT_EYE]
    return face.centre, MARGIN * face.side, float(np.arctan2(across[1], across[0]))


def _region_of_mesh(mesh: NDArray[np.float32]) -> tuple[NDArray[np.float64], float, float]:
    low, high = mesh.min(0).astype(np.float64), mesh.max(0).astype(np.float64)
    across = mesh[EYE_CORNERS[1][1]] - mesh[EYE_CORNERS[0][0]]
    side = MARGIN * float((high - low).max())
    return (low + high) / 2, side, float(np.arctan2(across[1], across[0]))


def _contains(box: NDArray[np.float64], point: NDArray[np.float64]) -> bool:
    return bool((box[:2] <= point).all() and (point <= box[2:]).all())


def _inside(mesh: NDArray[np.float32], box: NDArray[np.float64]) -> bool:
    return _contains(box, mesh.mean(0))


def mouth_corners(landmarks: Landmarks) -> NDArray[np.float32]:
    """Outer mouth corners, float32 (T, 2, 2): x and y of the one on the image's left, then on its right."""
    return landmarks[:, MOUTH_CORNERS]


def steady_corners(landmarks: Landmarks) -> NDArray[np.float32] | None:
    """As :func:`mouth_corners`, without gaps: frames without a face take their corners from their neighbours.

    Returns:
        float32 (T, 2, 2), or None where more than ``MOST_MISSING`` of the frames show no face.
    """
    corners = mouth_corners(landmarks)
    seen = np.isfinite(corners[:, 0, 0])
    if not len(seen) or seen.mean() < 1 - MOST_MISSING:
        return None
    flat, time = corners.reshape(len(corners), 4), np.arange(len(corners))
    columns = [np.interp(time, time[seen], flat[seen, side]) for side in range(4)]
    return np.stack(columns, 1).reshape(-1, 2, 2).astype(np.float32)


def mouth_opening(landmarks: Landmarks) -> NDArray[np.float32]:
    """Mouth aspect ratio (MAR) per frame, float32 (T,): height of the gap between the lips by its width.

    The height is the mean over three pairs of inner-lip points, the width that between the inner corners;
    0 with closed lips, about 0.1 where lips part in speech, up to 1 in a yawn; NaN without a face.
    """
    upper, lower = np.array(INNER_LIPS).T
    height = np.linalg.norm(landmarks[:, upper] - landmarks[:, lower], axis=-1).mean(axis=1)
    left, right = INNER_CORNERS
    width = np.linalg.norm(landmarks[:, left] - landmarks[:, right], axis=-1)
    return np.asarray(height / np.maximum(width, 1e-6), np.float32)


def face_size(landmarks: Landmarks) -> NDArray[np.float32]:
    """Distance in pixels between the outer corners of the eyes per frame, float32 (T,); NaN without a face.

    The usual yardstick for landmark errors (interocular distance): speech does not change it.
    """
    left, right = EYE_CORNERS[0][0], EYE_CORNERS[1][1]
    return np.asarray(np.linalg.norm(landmarks[:, left] - landmarks[:, right], axis=-1), np.float32)
