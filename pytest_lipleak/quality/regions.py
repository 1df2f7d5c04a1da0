"""Which part of the picture is compared: all of it, or the mouth, where a talking-face model does its work."""

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Video
from pytest_lipleak.faces.centred import mouth_region
from pytest_lipleak.faces.landmarks import LIPS, Landmarks, face_size

Boxes = NDArray[np.int64]
"""Left, top, right (excluded), bottom (excluded) per frame, in pixels, shape (T, 4)."""

WIDTH, HEIGHT = 0.9, 0.7
"""Size of the mouth region, as shares of the distance between the outer eye corners: lips, chin and cheeks' edge."""

SMALLEST = 11
"""Least width and height of a region: one window of SSIM."""


def whole(frames: Video) -> Boxes:
    """The whole frame, (T, 4)."""
    count, height, width = frames.shape[:3]
    return np.tile(np.array([0, 0, width, height]), (count, 1))


def centred_mouth(frames: Video) -> Boxes:
    """The mouth region of face-centred frames (LRS2, SyncNet crops), where no landmarks are needed; (T, 4)."""
    rows, columns = mouth_region(frames)
    return np.tile(np.array([columns.start, rows.start, columns.stop, rows.stop]), (len(frames), 1))


def mouth(landmarks: Landmarks, height: int, width: int) -> Boxes:
    """The mouth region around the lips of every frame of ``height`` by ``width``.

    Take the landmarks of the *real* clip for both videos: the same pixels are compared. All boxes of a clip are
    equally large; frames without a face take the box of the nearest frame that has one.

    Args:
        landmarks: float32 (T, 478, 2), NaN in frames without a face.
        height: of the frames, in pixels.
        width: likewise.

    Returns:
        int64 (T, 4), inside the frame.

    Raises:
        ValueError: no frame has a face, or the frame is smaller than a region can be.
    """
    if min(height, width) < SMALLEST:
        raise ValueError(f"frames of {width}x{height}, expected at least {SMALLEST}x{SMALLEST}")
    middles = landmarks[:, LIPS].mean(axis=1).astype(np.float64)
    seen = np.flatnonzero(np.isfinite(middles[:, 0]))
    if not len(seen):
        raise ValueError("no frame shows a face, so there is no mouth region")
    nearest = seen[np.abs(np.arange(len(middles))[:, None] - seen).argmin(axis=1)]
    yardstick = float(np.nanmedian(face_size(landmarks)))
    size = np.array(
        [
            min(max(round(share * yardstick), SMALLEST), length)
            for share, length in ((WIDTH, width), (HEIGHT, height))
        ]
    )
    corner = np.rint(middles[nearest] - size / 2).astype(np.int64)
    corner = np.clip(corner, 0, np.array([width, height]) - size)
    return np.concatenate([corner, corner + size], axis=1)


def cut(frame: NDArray[np.uint8], box: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The part of ``frame`` (H, W, 3) in ``box`` (4,), as a view."""
    left, top, right, bottom = box
    return frame[top:bottom, left:right]


def check_pair(output: Video, real: Video, boxes: Boxes | None) -> None:
    """Raise ``ValueError`` unless both videos have one shape and every frame its box."""
    if output.shape != real.shape:
        raise ValueError(
            f"generated frames of shape {output.shape}, expected {real.shape} like the real ones"
        )
    dtypes = [video.dtype for video in (output, real) if isinstance(video, np.ndarray)]
    if any(dtype != np.uint8 for dtype in dtypes):
        raise ValueError(f"frames of dtype {' and '.join(map(str, dtypes))}, expected uint8")
    if boxes is not None and boxes.shape != (len(real), 4):
        raise ValueError(f"boxes of shape {boxes.shape}, expected {(len(real), 4)}")
