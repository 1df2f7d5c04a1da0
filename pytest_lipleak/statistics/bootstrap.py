"""Bootstrap intervals over clips."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
SEED = 20251113
CONFIDENCE = 0.95


def percentile_interval(
    rows: NDArray[np.float64],
    statistic: Callable[[Sequence[float]], float],
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> tuple[float, float] | None:
    """Percentile bootstrap interval of ``statistic(column means)`` over clips.

    Whole rows are drawn, so the columns of a clip (its AM and XM scores, say) stay paired.

    Args:
        rows: one row per clip, one column per quantity, shape (clips, columns).
        statistic: from the column means to the value.
        confidence: coverage, in (0, 1).
        resamples: how many bootstrap draws.
        seed: of the draws; the same rows always give the same interval.

    Returns:
        Lower and upper end, or None with fewer than two clips.

    Source: Efron & Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13.
    """
    clips = len(rows)
    if clips < 2:
        return None
    draws = np.random.default_rng(seed).integers(clips, size=(resamples, clips))
    values = [statistic(means) for means in rows[draws].mean(axis=1).tolist()]
    tail = 50 * (1 - confidence)
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)
