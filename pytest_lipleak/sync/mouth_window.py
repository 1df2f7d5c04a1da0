"""What the embedded expert sees of a face crop: a small grey window of mouth, chin and cheeks."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Image
from pytest_lipleak.core.errors import UnscorableError

FACE_SIZE = 160
MOUTH_ROWS = slice(55, 121)
MOUTH_COLUMNS = slice(36, 124)
"""What the network sees of a 160x160 face crop: mouth, chin and cheeks, brought to 48x64. Training cuts the same
window, so it may only change together with the weights."""
MOUTH_HEIGHT, MOUTH_WIDTH = 48, 64
MOUTH_ZOOM = (MOUTH_ROWS.stop - MOUTH_ROWS.start) / MOUTH_HEIGHT
"""Pixels of the face crop per pixel of the window, across and down."""
SQUARE_ROWS = slice(39, 127)
"""With ``MOUTH_COLUMNS`` a square about the mouth's place, so that the face can be turned in it."""
CORNER_DISTANCE = 32.0
"""Pixels between the corners of the mouth in a mouth-aligned crop: what the face crops of the training clips show."""
MOUTH_CENTRE = (79.5, 83.0)
"""Column and row of the mouth in a mouth-aligned crop, likewise."""
CORNER_SMOOTHING = 4.0
"""Standard deviation in frames of the Gaussian over the corners' places: 0.7 Hz pass, speech at 3 to 5 Hz does not."""


def mouth_windows(frames: Iterable[Image]) -> NDArray[np.uint8]:
    """The mouth window of face crops of any size, grey: T RGB images (H, W, 3) to (T, 48, 64)."""
    pixels = bytearray()
    for frame in frames:
        pixels += _mouth_window(frame).tobytes()
    return np.frombuffer(pixels, np.uint8).reshape(-1, MOUTH_HEIGHT, MOUTH_WIDTH)


def mouth_square(frame: Image) -> NDArray[np.uint8]:
    """The square around the mouth of one face crop of any size, grey, (64, 64), in the pixels of the mouth window."""
    return _grey(frame, SQUARE_ROWS, MOUTH_COLUMNS, MOUTH_WIDTH)


def turned_mouths(squares: NDArray[np.uint8], quarters: int) -> NDArray[np.uint8]:
    """Mouth windows (T, 48, 64) as of the face turned about its mouth by so many quarters of a circle, anticlockwise.

    Args:
        squares: of the face as it is, ``mouth_square`` of every frame, (T, 64, 64).
        quarters: 0 gives the windows of the face as it is, up to a pixel.
    """
    turned = np.rot90(squares, quarters, axes=(1, 2))
    above = round((MOUTH_ROWS.start - SQUARE_ROWS.start) / MOUTH_ZOOM)
    return np.ascontiguousarray(turned[:, above : above + MOUTH_HEIGHT])


def _mouth_window(frame: Image) -> NDArray[np.uint8]:
    return _grey(frame, MOUTH_ROWS, MOUTH_COLUMNS, MOUTH_HEIGHT)


def _grey(frame: Image, rows: slice, columns: slice, height: int) -> NDArray[np.uint8]:
    import cv2

    if frame.shape[:2] != (FACE_SIZE, FACE_SIZE):
        shrinks = min(frame.shape[:2]) > FACE_SIZE
        size, how = (FACE_SIZE, FACE_SIZE), cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        frame = np.asarray(cv2.resize(frame, size, interpolation=how), np.uint8)
    mouth = cv2.cvtColor(np.ascontiguousarray(frame[rows, columns]), cv2.COLOR_RGB2GRAY)
    # Averaging over areas: nothing aliases, and a window of that very size stays as it is.
    return np.asarray(cv2.resize(mouth, (MOUTH_WIDTH, height), interpolation=cv2.INTER_AREA), np.uint8)


def aligned_faces(frames: Iterable[Image], corners: NDArray[np.floating]) -> Iterator[Image]:
    """Yield face crops in which the mouth is level and in its place, uint8 RGB (160, 160, 3), for ``mouth_windows``.

    The size comes from the clip's widest usual mouth and the place from the smoothed corners, so that the crop follows
    the head and not the lips: a still face cropped by a speaker's corners shows the expert no speech.

    Args:
        frames: uint8 RGB images (H, W, 3): those the corners were measured in, or others of the same geometry, such as
            a generated clip's.
        corners: shape (T, 2, 2): x and y in pixels of the mouth corner on the image's left, then its right.

    Raises:
        ValueError: another number of frames than of corners.
    """
    import cv2

    places = _smoothed(_median_over_time(np.asarray(corners, np.float64), width=5))
    across = places[:, 1] - places[:, 0]
    scale = float(np.percentile(np.hypot(across[:, 0], across[:, 1]), 80)) / CORNER_DISTANCE
    for frame, place, (x, y) in zip(frames, places, across, strict=True):
        angle = np.arctan2(y, x)
        cos, sin = scale * np.cos(angle), scale * np.sin(angle)
        linear = np.array([[cos, -sin], [sin, cos]])
        middle, reach = place.mean(0), int(FACE_SIZE * scale)
        left, top = (max(int(value) - reach, 0) for value in middle)
        near = frame[top : int(middle[1]) + reach, left : int(middle[0]) + reach]
        if not near.size:
            raise UnscorableError("the mouth lies outside the frame; choose a clip that shows it throughout")
        if scale > 1.2:  # bilinear sampling alone would alias
            near = np.asarray(cv2.GaussianBlur(near, (0, 0), 0.4 * scale), np.uint8)
        offset = middle - (left, top) - linear @ np.array(MOUTH_CENTRE)
        face = cv2.warpAffine(
            near,
            np.column_stack([linear, offset]),
            (FACE_SIZE, FACE_SIZE),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        yield np.asarray(face, np.uint8)


def _median_over_time(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    ends = [(width // 2, width // 2)] + [(0, 0)] * (values.ndim - 1)
    spans = np.lib.stride_tricks.sliding_window_view(np.pad(values, ends, mode="edge"), width, axis=0)
    return np.asarray(np.median(spans, axis=-1))


def _smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    reach = round(4 * CORNER_SMOOTHING)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / CORNER_SMOOTHING) ** 2)
    ends = [(reach, reach)] + [(0, 0)] * (values.ndim - 1)
    spans = np.lib.stride_tricks.sliding_window_view(np.pad(values, ends, mode="edge"), len(weights), axis=0)
    return np.asarray(spans @ (weights / weights.sum()))
