"""Mouth opening: what lips do when they should rest, and whose opening they repeat.

What other papers measure of the same is in ``lips_at_rest``, by their own formulas and thresholds. Ours are below;
results come with the sensitivity to them. All work on the mouth aspect ratio (MAR) of
``faces.landmarks.mouth_opening``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.timebase import FRAME_RATE

Opening = NDArray[np.floating]
"""Mouth aspect ratio per frame, shape (T,); NaN in frames without a face."""

OPEN = 0.10
"""A mouth with a larger aspect ratio is open.

In 14 real clips, closed lips measure 0.00 to 0.03 and tremble by 0.001 to 0.007 under camera grain, while speech
reaches 0.3 to 0.5 and is beyond 0.10 in 27 to 93 % of its frames. So 0.10 is above rest and tremble, below speech."""

SENSITIVITY = (0.05, 0.10, 0.15, 0.20)
"""Thresholds around ``OPEN`` for which the share is reported, to show how much hangs on the choice."""

LEAST_SPREAD = 0.01
"""Standard deviation of the reference opening below which no slope can be told: landmarks tremble as much."""


def open_share(opening: Opening, threshold: float = OPEN) -> float:
    """Share of frames with an open mouth, 0..1; NaN when no frame has a face."""
    seen = opening[np.isfinite(opening)]
    return float((seen > threshold).mean()) if len(seen) else math.nan


def open_shares(opening: Opening, thresholds: Sequence[float] = SENSITIVITY) -> dict[float, float]:
    """:func:`open_share` at several thresholds: the sensitivity of the verdict to the choice."""
    return {threshold: open_share(opening, threshold) for threshold in thresholds}


def motion_energy(opening: Opening) -> float:
    """Mean squared speed of opening and closing, in (MAR per second)^2; NaN without two frames in a row.

    0 for a still mouth however far open it is. In 14 real clips, 0.7 to 3.9 in speech, and 0.0001 to 0.08 for a
    closed mouth repeated under camera grain, where only the landmarks tremble.
    """
    speed = np.diff(opening.astype(np.float64)) * FRAME_RATE
    speed = speed[np.isfinite(speed)]
    return float(np.square(speed).mean()) if len(speed) else math.nan


@dataclass(frozen=True)
class OpeningSlope:
    """Linear fit of one opening on another, frame by frame.

    Args:
        slope: opening gained per opening of the reference; 1 for a copy, 0 without any influence.
        intercept: opening where the reference is closed.
        correlation: Pearson's, -1..1.
        frames: how many frames had both.
    """

    slope: float
    intercept: float
    correlation: float
    frames: int


def opening_slope(output: Opening, reference: Opening) -> OpeningSlope:
    """How far the output's mouth opens when the reference's does: dose and response of leakage.

    Under silence the mouth should not open at all, so any slope on the opening in the reference frames is
    leakage, *static* leakage too: a mouth that repeats one wide-open reference is still, which sync scores can't
    see. Pool the frames of several clips or references where one reference never moves.

    Args:
        output: opening per generated frame, (T,).
        reference: opening of the frame that was its reference, (T,).

    Returns:
        The least-squares line; slope, intercept and correlation NaN where the reference hardly moves
        (standard deviation below 0.01) or fewer than three frames have both.

    Raises:
        ValueError: lengths differ.
    """
    if output.shape != reference.shape:
        raise ValueError(f"openings of shape {output.shape} and {reference.shape}, expected equal ones")
    both = np.isfinite(output) & np.isfinite(reference)
    x, y = reference[both].astype(np.float64), output[both].astype(np.float64)
    if len(x) < 3 or x.std() < LEAST_SPREAD:
        return OpeningSlope(math.nan, math.nan, math.nan, len(x))
    dx, dy = x - x.mean(), y - y.mean()
    slope = float(dx @ dy / (dx @ dx))
    spread = float(np.sqrt((dx @ dx) * (dy @ dy)))
    correlation = float(dx @ dy) / spread if spread > 0 else 0.0
    return OpeningSlope(slope, float(y.mean() - slope * x.mean()), correlation, len(x))
