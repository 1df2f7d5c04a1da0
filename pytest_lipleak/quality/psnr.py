"""Peak signal-to-noise ratio (PSNR) of generated frames to the real ones."""

import math

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Video
from pytest_lipleak.quality.regions import Boxes, check_pair, cut, whole

PEAK = 255.0


def psnr(output: Video, real: Video, boxes: Boxes | None = None) -> NDArray[np.float64]:
    """PSNR per frame in decibels over all colour channels; infinite for identical pictures.

    Args:
        output: generated frames, uint8 RGB, shape (T, H, W, 3).
        real: the clip's own frames, of the same shape.
        boxes: what to compare, (T, 4), see ``quality.regions``; None for the whole frame.

    Returns:
        float64 (T,), from 0 to infinity; equal to ``skimage.metrics.peak_signal_noise_ratio``.

    Raises:
        ValueError: shapes or dtypes differ.
    """
    check_pair(output, real, boxes)
    regions = whole(real) if boxes is None else boxes
    errors = np.array(
        [
            _mean_square(cut(one, box), cut(other, box))
            for one, other, box in zip(output, real, regions, strict=True)
        ]
    )
    with np.errstate(divide="ignore"):
        return np.asarray(10 * np.log10(PEAK**2 / errors))


def mean_psnr(per_frame: NDArray[np.float64]) -> float:
    """Mean over frames, in decibels: of the frames that differ, and infinite only when none does.

    One frame passed through unchanged must not make a whole clip perfect, so identical frames count only
    when all are; how many there are is worth a note.
    """
    if not len(per_frame):
        return math.nan
    different = per_frame[~np.isposinf(per_frame)]
    return float(different.mean()) if len(different) else math.inf


def _mean_square(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    import cv2

    # Squared differences of bytes fit an exact sum in float64.
    total = cv2.norm(np.ascontiguousarray(one), np.ascontiguousarray(other), cv2.NORM_L2SQR)
    return float(total) / one.size
