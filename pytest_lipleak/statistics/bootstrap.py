"""Bootstrap intervals over clips, or over speakers where there are enough of them."""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.statistics.student import t_quantile

RESAMPLES = 2000
SEED = 20251113
CONFIDENCE = 0.95
BLOCK = 200
"""Draws taken at a time: memory stays small however many clips there are."""

Statistic = Callable[[Sequence[float]], float]
"""From the column means to the value."""

Interval = tuple[float, float]
_NORMAL = NormalDist()


def expanded_interval(
    rows: NDArray[np.float64],
    statistic: Statistic,
    *,
    confidence: float = CONFIDENCE,
    clusters: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval | None:
    """Expanded percentile interval of ``statistic(column means)``: the default.

    Percentiles further out than the nominal ones, so that few clips get the width that Student's t gives
    them. Without this, 95 % intervals of 8 normal clips miss the truth in 12 % of cases, with it in 7 %; BCa
    misses as often as plain percentiles, and collapses at the minimum of LSD, see docs/statistics.md.

    Whole rows are drawn, so the columns of a clip (its AM and XM scores, say) stay paired.

    Args:
        rows: one row per clip, one column per quantity, shape (clips, columns).
        statistic: from the column means to the value.
        confidence: coverage, in (0, 1).
        clusters: one label per row; rows of one label (speaker) are drawn together. None draws rows.
        resamples: how many bootstrap draws.
        seed: of the draws; the same rows always give the same interval.

    Returns:
        Lower and upper end, or None with fewer than two rows or clusters.

    Source: Hesterberg 2015, "What Teachers Should Know About the Bootstrap", The American Statistician 69, 4.3.
    """
    values, units = _resampled(rows, statistic, clusters, resamples, seed)
    if values is None:
        return None
    return _between(values, *expanded_shares(units, confidence))


def expanded_shares(units: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return between which shares of the bootstrap draws the expanded interval of ``units`` clips or speakers lies."""
    spread = math.sqrt(units / (units - 1)) * t_quantile((1 + confidence) / 2, units - 1)
    return _NORMAL.cdf(-spread), _NORMAL.cdf(spread)


def percentile_interval(
    rows: NDArray[np.float64],
    statistic: Statistic,
    *,
    confidence: float = CONFIDENCE,
    clusters: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval | None:
    """Percentile bootstrap interval; arguments as :func:`expanded_interval`.

    Source: Efron & Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13.
    """
    values, _ = _resampled(rows, statistic, clusters, resamples, seed)
    tail = (1 - confidence) / 2
    return None if values is None else _between(values, tail, 1 - tail)


def bca_interval(
    rows: NDArray[np.float64],
    statistic: Statistic,
    *,
    confidence: float = CONFIDENCE,
    clusters: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval | None:
    """Bias-corrected and accelerated bootstrap interval; arguments as :func:`expanded_interval`.

    Returns:
        None also where the correction does not exist: every draw lies on one side of the value.

    Source: Efron 1987, "Better Bootstrap Confidence Intervals", JASA 82.
    """
    values, _ = _resampled(rows, statistic, clusters, resamples, seed)
    if values is None:
        return None
    sums, sizes = _sums(rows, clusters)
    value = statistic((sums.sum(axis=0) / sizes.sum()).tolist())
    below = float(((values < value).mean() + (values <= value).mean()) / 2)
    if not 0 < below < 1:
        return None
    bias = _NORMAL.inv_cdf(below)
    left_out = (sums.sum(axis=0) - sums) / (sizes.sum() - sizes)[:, None]
    jackknife = np.array([statistic(means) for means in left_out.tolist()])
    deviations = jackknife.mean() - jackknife
    scale = float((deviations**2).sum()) ** 1.5
    acceleration = float((deviations**3).sum()) / (6 * scale) if scale else 0.0

    def adjusted(share: float) -> float:
        shifted = bias + _NORMAL.inv_cdf(share)
        return _NORMAL.cdf(bias + shifted / (1 - acceleration * shifted))

    tail = (1 - confidence) / 2
    return _between(values, adjusted(tail), adjusted(1 - tail))


def _resampled(
    rows: NDArray[np.float64], statistic: Statistic, clusters: Sequence[str] | None, resamples: int, seed: int
) -> tuple[NDArray[np.float64] | None, int]:
    """The statistic of every draw, and how many units were drawn from."""
    sums, sizes = _sums(rows, clusters)
    units = len(sums)
    if units < 2:
        return None, units
    draws = np.random.default_rng(seed).integers(units, size=(resamples, units))
    values: list[float] = []
    for start in range(0, resamples, BLOCK):
        block = draws[start : start + BLOCK]
        means = sums[block].sum(axis=1) / sizes[block].sum(axis=1)[:, None]
        values += [statistic(row) for row in means.tolist()]
    return np.array(values), units


def _sums(
    rows: NDArray[np.float64], clusters: Sequence[str] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum of the rows of each cluster (units, columns), and how many rows that are (units,)."""
    if clusters is None:
        return rows, np.ones(len(rows))
    labels, member = np.unique(np.array(clusters), return_inverse=True)
    sums = np.zeros((len(labels), rows.shape[1]))
    np.add.at(sums, member, rows)
    return sums, np.bincount(member, minlength=len(labels)).astype(float)


def _between(values: NDArray[np.float64], low: float, high: float) -> Interval:
    lower, upper = np.quantile(values, [low, high])
    return float(lower), float(upper)
