"""Student's t distribution with whole degrees of freedom, without SciPy."""

import math
from functools import lru_cache


def t_cdf(t: float, freedom: int) -> float:
    """P(T <= t) with ``freedom`` degrees of freedom.

    Source: Abramowitz & Stegun 1964, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4.
    """
    angle = math.atan(t / math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2 == 1
    term = cosine if odd else 1.0
    series = term if freedom > 1 else 0.0
    for power in range(3 if odd else 2, freedom - 1, 2):
        term *= (power - 1) / power * cosine**2
        series += term
    inside = 2 / math.pi * (angle + sine * series) if odd else sine * series
    return 0.5 * (1 + inside)


@lru_cache(256)
def t_quantile(share: float, freedom: int) -> float:
    """The value below which the share ``share``, in (0.5, 1), of the distribution lies."""
    low, high = 0.0, 1.0
    while t_cdf(high, freedom) < share:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if t_cdf(middle, freedom) < share else (low, middle)
    return high
