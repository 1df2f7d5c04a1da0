"""Bootstrap intervals over clips, or over speakers where there are enough of them."""

import math
from collections.abc import Callable, Sequence
from itertools import product
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.student import t_quantile
from pytest_lipleak.core.verdicts import MIN_UNITS

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
    them. Without this, 95 % intervals of 8 normal clips miss the truth in 12 % of cases, with it in 7 %, see
    docs/statistics.md.

    Whole rows are drawn, so the columns of a clip (its AM and XM scores, say) stay paired.

    Args:
        rows: one row per clip, one column per quantity, shape (clips, columns).
        statistic: from the column means to the value.
        confidence: coverage, in (0, 1).
        clusters: one label per row; rows of one label (speaker) are drawn together. None draws rows.
        resamples: how many bootstrap draws.
        seed: of the draws; the same rows always give the same interval.

    Returns:
        Lower and upper end, or None with fewer than ``MIN_UNITS`` rows or clusters: what they give misses the
        truth too often, whatever method makes it.

    Source: Hesterberg 2015, "What Teachers Should Know About the Bootstrap", The American Statistician 69, 4.3.
    """
    values, units = _resampled(rows, statistic, clusters, resamples, seed)
    if values is None:
        return None
    return _between(values, *expanded_shares(units, confidence))


def distance_interval(
    rows: NDArray[np.float64],
    pairs: Sequence[tuple[int, int]],
    *,
    confidence: float = CONFIDENCE,
    clusters: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval | None:
    """Interval of the average of |mean difference| over pairs of columns: LSD. It can hold 0.

    Draws of an absolute value are never below 0, so their percentiles leave out a true 0. But such an average is the
    largest of its signed versions, sum(s_i d_i) / n over all signs s_i, and each of those is linear: the upper end is
    the largest of their upper ends, the lower end the largest of their lower ends, or 0. The one whose signs are right
    alone decides the upper end; any may spoil the lower one, so its error is shared among the directions.

    Args:
        rows: one row per clip, shape (clips, columns).
        pairs: of columns, for LSD ((C_AM, C_XM), (D_AM, D_XM)).
        confidence: least coverage, in (0, 1); others as :func:`expanded_interval`.
        clusters: as there.
        resamples: as there.
        seed: as there.

    Returns:
        As :func:`expanded_interval`.
    """
    signs = np.array(list(product((1, -1), repeat=len(pairs)))) / len(pairs)
    signed = np.stack([rows[:, one] - rows[:, other] for one, other in pairs], axis=1) @ signs.T
    directions = len(signs) // 2
    sharper = 1 - (1 - confidence) / directions
    ends = []
    for column in signed.T:
        values, units = _resampled(column[:, None], lambda means: means[0], clusters, resamples, seed)
        if values is None:
            return None
        low, high = expanded_shares(units, sharper)[0], expanded_shares(units, confidence)[1]
        ends.append(_between(values, low, high))
    return max(0.0, *(low for low, _ in ends)), max(high for _, high in ends)


def expanded_shares(units: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return between which shares of the bootstrap draws the expanded interval of ``units`` clips or speakers lies."""
    spread = math.sqrt(units / (units - 1)) * t_quantile((1 + confidence) / 2, units - 1)
    return _NORMAL.cdf(-spread), _NORMAL.cdf(spread)


def _resampled(
    rows: NDArray[np.float64], statistic: Statistic, clusters: Sequence[str] | None, resamples: int, seed: int
) -> tuple[NDArray[np.float64] | None, int]:
    """The statistic of every draw, and how many units were drawn from."""
    sums, sizes = _sums(rows, clusters)
    units = len(sums)
    if units < MIN_UNITS:
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
