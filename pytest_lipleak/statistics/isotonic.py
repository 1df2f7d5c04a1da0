"""Monotone curves: the nearest nondecreasing one, and where it reaches a value."""

import numpy as np
from numpy.typing import NDArray

Curves = NDArray[np.float64]
"""One curve per row, shape (..., n)."""


def nondecreasing(values: Curves) -> Curves:
    """Return the least-squares nondecreasing fit of every row, all points weighing the same.

    Args:
        values: shape (..., n); n is small, memory grows with its square.

    Source: the max-min formula of Robertson, Wright & Dykstra 1988, "Order Restricted Statistical Inference",
    section 1.4; the same as pooling adjacent violators, without a loop over rows.
    """
    count = values.shape[-1]
    sums = np.concatenate([np.zeros((*values.shape[:-1], 1)), np.cumsum(values, axis=-1)], axis=-1)
    start, end = np.arange(count)[:, None], np.arange(count)[None, :]
    width = np.maximum(end - start + 1, 1)
    means = (sums[..., None, 1:] - sums[..., :-1, None]) / width
    means = np.where(end >= start, means, np.nan)  # [..., first, last] of a block
    # The largest, over first <= i, of the smallest mean over last >= i.
    smallest = np.fmin.accumulate(means[..., ::-1], axis=-1)[..., ::-1]
    fitted = np.fmax.accumulate(smallest, axis=-2)
    return np.asarray(np.diagonal(fitted, axis1=-2, axis2=-1))


def reached(
    places: NDArray[np.float64], curves: Curves, values: NDArray[np.float64]
) -> tuple[Curves, Curves]:
    """Return the first and the last place at which each curve, joined by straight lines, has its value.

    They differ where the curve is flat. A value below the curve gives minus infinity, one above it infinity.

    Args:
        places: increasing, shape (n,).
        curves: nondecreasing rows, shape (m, n).
        values: one per curve, shape (m,).
    """
    first = _first(places, curves, values)
    last = -_first(-places[::-1], -curves[:, ::-1], -values)
    below, above = values < curves[:, 0], values > curves[:, -1]
    for found in (first, last):
        found[below], found[above] = -np.inf, np.inf
    return first, last


def _first(places: NDArray[np.float64], curves: Curves, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where each curve first is at least as high as its value, in between the ends."""
    after = np.clip((curves < values[:, None]).sum(axis=1), 0, curves.shape[1] - 1)
    row, before = np.arange(len(curves)), np.maximum(after - 1, 0)
    low, rise = curves[row, before], curves[row, after] - curves[row, before]
    share = np.divide(values - low, rise, out=np.ones_like(values), where=rise > 0)
    return np.asarray(places[before] + np.minimum(share, 1) * (places[after] - places[before]))
