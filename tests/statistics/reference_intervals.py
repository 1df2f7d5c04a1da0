"""Plain percentile and BCa intervals: references for the package's own intervals, held against SciPy's."""

from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Statistic = Callable[[Sequence[float]], float]
Interval = tuple[float, float]
_NORMAL = NormalDist()


def percentile_interval(
    rows: NDArray[np.float64],
    statistic: Statistic,
    *,
    confidence: float = 0.95,
    clusters: Sequence[str] | None = None,
    resamples: int = 2000,
    seed: int = 20251113,
) -> Interval | None:
    """Percentile bootstrap interval; arguments as ``expanded_interval``.

    Source: Efron & Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13.
    """
    values, _ = _resampled(rows, statistic, clusters, resamples, seed)
    tail = (1 - confidence) / 2
    return None if values is None else _between(values, tail, 1 - tail)


def bca_interval(
    rows: NDArray[np.float64],
    statistic: Statistic,
    *,
    confidence: float = 0.95,
    clusters: Sequence[str] | None = None,
    resamples: int = 2000,
    seed: int = 20251113,
) -> Interval | None:
    """Bias-corrected and accelerated bootstrap interval; arguments as ``expanded_interval``.

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
    sums, sizes = _sums(rows, clusters)
    if len(sums) < 2:
        return None, len(sums)
    draws = np.random.default_rng(seed).integers(len(sums), size=(resamples, len(sums)))
    means = sums[draws].sum(axis=1) / sizes[draws].sum(axis=1)[:, None]
    return np.array([statistic(row) for row in means.tolist()]), len(sums)


def _sums(
    rows: NDArray[np.float64], clusters: Sequence[str] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    labels = np.array(range(len(rows)) if clusters is None else clusters)
    every = np.unique(labels)
    return np.array([rows[labels == one].sum(axis=0) for one in every]), np.array(
        [float((labels == one).sum()) for one in every]
    )


def _between(values: NDArray[np.float64], low: float, high: float) -> Interval:
    lower, upper = np.quantile(values, [low, high])
    return float(lower), float(upper)
