"""Confidence sequences: intervals that hold at every number of clips at once, so that one may stop when settled."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PRIOR = 3.0
"""Scale of the effects that the mixture expects, in standard deviations of a clip: leaks that matter are several
times as large as the clips differ. Any choice is valid; this one stops early for large effects."""


FIRST = 12
"""Clips (or speakers, where those are the units) before a sequence gives an interval, where scores may be skewed."""

SKEWED = 0.7
"""Skewness of the values so far, either way, at which a sequence gives no interval yet. With ``FIRST``, even lognormal
values (skewness 6) are outside as seldom as said; normal ones seldom wait."""


def mean_sequence(
    values: NDArray[np.float64], alpha: float, first: int = 2, skewed: float = math.inf
) -> NDArray[np.float64]:
    """Confidence sequence for the mean of normal values with unknown variance.

    With x_1..x_n, hypothetical mean m, S = sum (x_i - m) and V = sum (x_i - m)^2, the scale-invariant likelihood
    ratio of a normal mixture N(0, c^2) over the standardised effect against no effect is

        E_n(m) = (1 + n c^2)^(-1/2) (1 - c^2 S^2 / ((1 + n c^2) V))^(-n/2),

    a nonnegative martingale at the true mean, so P(E_n(mean) >= 1/alpha for any n) <= alpha (Ville). The interval
    after n values holds every m with E_n(m) < 1/alpha.

    Args:
        values: in the order in which they came, shape (..., n); each row is a sequence of its own.
        alpha: how often the true mean may ever lie outside.
        first: how many values there must be before an interval is given; more make it hold better for values that
            are not normal.
        skewed: skewness of the values so far from which on they give no interval.

    Returns:
        Lower and upper end after 1, 2, ..., n values, shape (..., n, 2), never widening; infinite before ``first``.

    Source: Lai 1976, "On Confidence Sequences", Annals of Statistics 4; Wang & Ramdas 2025, "Anytime-valid t-tests and
    confidence sequences for Gaussian means with unknown variance", Sequential Analysis 44. Exact for normal values;
    sums over many windows, as clips' scores are, come near that.
    """
    count = np.arange(1, values.shape[-1] + 1)
    means = np.cumsum(values, axis=-1) / count
    squares = np.maximum(np.cumsum(values**2, axis=-1) - count * means**2, 0)
    # E_n(m) < 1/alpha where S^2/V stays below this; S and V written by the mean and the squares around it.
    weight = 1 + count * PRIOR**2
    reach = (1 - (np.sqrt(weight) / alpha) ** (-2 / count)) * weight / PRIOR**2
    with np.errstate(divide="ignore", invalid="ignore"):
        half = np.sqrt(np.where(reach < count, squares * reach / (count * (count - reach)), np.inf))
    half[..., : max(first, 2) - 1] = np.inf
    if math.isfinite(skewed):
        half[np.abs(_skewness(values)) >= skewed] = np.inf
    low = np.maximum.accumulate(means - half, axis=-1)
    high = np.minimum.accumulate(means + half, axis=-1)
    return np.stack([low, high], axis=-1)


def _skewness(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sample skewness of the first 1, 2, ..., n values; 0 where they do not vary."""
    count = np.arange(1, values.shape[-1] + 1)
    centred = values - values.mean(axis=-1, keepdims=True)
    one, two, three = (np.cumsum(centred**power, axis=-1) / count for power in (1, 2, 3))
    variance = np.maximum(two - one**2, 0)
    third = three - 3 * one * two + 2 * one**3
    steady = variance <= 1e-12 * np.maximum(two, 1e-300)
    return np.asarray(np.where(steady, 0.0, third / np.where(steady, 1.0, variance) ** 1.5))


def difference_sequence(
    rows: NDArray[np.float64],
    pairs: Sequence[tuple[int, int]],
    alpha: float,
    first: int = 2,
    skewed: float = math.inf,
) -> NDArray[np.float64]:
    """Confidence sequence for the average of |mean difference| over pairs of columns: LSD.

    Each paired difference has a sequence at ``alpha / len(pairs)``; all hold together by the union bound, and so
    does interval arithmetic on their absolute values.

    Args:
        rows: in the order in which clips came, shape (..., n, columns).
        pairs: of columns, for LSD ((C_AM, C_XM), (D_AM, D_XM)).
        alpha: how often the true value may ever lie outside.
        first: as there.
        skewed: as there.

    Returns:
        As :func:`mean_sequence`, shape (..., n, 2).
    """
    ends = []
    for one, other in pairs:
        found = mean_sequence(rows[..., one] - rows[..., other], alpha / len(pairs), first, skewed)
        low, high = found[..., 0], found[..., 1]
        ends.append(
            np.stack([np.maximum(np.maximum(low, -high), 0), np.maximum(np.abs(low), np.abs(high))], -1)
        )
    return np.asarray(np.mean(ends, axis=0))
