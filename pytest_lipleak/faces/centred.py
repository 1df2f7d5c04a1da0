"""Where the mouth is in a face-centred frame, such as LRS2's or a SyncNet crop.

No detector is involved: these crops put every face at the same place (design of the ``lrs`` protocol).
"""

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Video

MOUTH_ROWS = (0.40, 0.70)
"""Top and bottom of the mouth region, as shares of the frame's height."""

MOUTH_COLUMNS = (0.30, 0.70)
"""Left and right of the mouth region, as shares of the frame's width."""


MOUTH_BELOW_CENTRE = 0.48
"""Where the mouth lies below the middle of a face box in S3FD's framing, in half sides: in published crops at 0.53 of
the height, whose top is one half side above the middle and whose bottom 1.8 below."""

FACE_SHARE = (0.5, 1.1)
"""Side of such a box in shares of the frame's shorter side, where the face fills the frame. A SyncNet crop has 0.71."""

MOUTH_REACH = 0.1
"""How far from the middle of the mouth region the mouth may lie, in shares of the frame: in face crops (embedded clips,
GRID, 6 of generated talkers) it lies at 0.47 to 0.57 of the height and 0.48 to 0.54 of the width."""

MOST_OFF = 0.2
"""Share of the frames in which face or mouth may lie elsewhere."""


def is_centred(boxes: NDArray[np.float64], height: int, width: int) -> bool:
    """Whether frames are face crops already: the face fills them, and its mouth lies amid the mouth region.

    Args:
        boxes: left, top, right, bottom of the face where it was seen, in S3FD's framing, float64 (N, 4), N > 0.
        height: of the frames, and
        width: likewise.
    """
    share = (boxes[:, 2] - boxes[:, 0]) / min(height, width)
    fits = (FACE_SHARE[0] <= share) & (share <= FACE_SHARE[1])
    for place, (low, high) in zip(_mouths(boxes, height, width), (MOUTH_ROWS, MOUTH_COLUMNS), strict=True):
        fits &= np.abs(place - (low + high) / 2) <= MOUTH_REACH
    return bool(fits.mean() >= 1 - MOST_OFF)


def _mouths(boxes: NDArray[np.float64], height: int, width: int) -> tuple[NDArray[np.float64], ...]:
    """How far down and across the mouths of faces lie, in shares of the frame."""
    half = (boxes[:, 2] - boxes[:, 0]) / 2
    down = boxes[:, [1, 3]].mean(axis=1) + MOUTH_BELOW_CENTRE * half
    return down / height, boxes[:, [0, 2]].mean(axis=1) / width


def mouth_elsewhere(boxes: NDArray[np.float64], height: int, width: int) -> str:
    """Where the mouth lies, if that is not even in the mouth region; empty where it is.

    The middle of the mouth, over the frames the median; arguments as of ``is_centred``. The region is
    where lips are looked for, so this asks for no limit of its own.
    """
    down, across = (float(np.median(place)) for place in _mouths(boxes, height, width))
    if MOUTH_ROWS[0] <= down <= MOUTH_ROWS[1] and MOUTH_COLUMNS[0] <= across <= MOUTH_COLUMNS[1]:
        return ""
    return f"{down:.2f} of the height and {across:.2f} of the width"


def mouth_region(frames: Video) -> tuple[slice, slice]:
    """Return the rows and columns of the mouth region of ``frames`` (T, H, W, 3)."""
    height, width = frames.shape[1:3]
    rows, columns = (
        slice(round(low * size), round(high * size))
        for (low, high), size in ((MOUTH_ROWS, height), (MOUTH_COLUMNS, width))
    )
    return rows, columns


def mouth_images(frames: Video, size: tuple[int, int] = (32, 24)) -> NDArray[np.float32]:
    """Grey mouth regions scaled to ``size`` (width, height), float32 (T, height, width) in 0..255."""
    import cv2

    rows, columns = mouth_region(frames)
    return np.stack(
        [
            cv2.resize(
                cv2.cvtColor(np.ascontiguousarray(frame[rows, columns]), cv2.COLOR_RGB2GRAY),
                size,
                interpolation=cv2.INTER_AREA,
            ).astype(np.float32)
            for frame in frames
        ]
    )


def mouth_darkness(frames: Video) -> NDArray[np.float32]:
    """How much of the inner mouth shows, per frame, float32 (T,); larger means more open.

    An open mouth is dark: the measure is the mean of what lies below 60 % of the region's median
    brightness. It orders the frames of one clip; it is no absolute opening.
    """
    return darkness(mouth_images(frames))


def darkness(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """As ``mouth_darkness``, of grey mouth regions, float32 (T, height, width)."""
    dark = 0.6 * np.median(images)
    shadow: NDArray[np.float32] = np.maximum(dark - images, 0).mean(axis=(1, 2))
    return shadow
