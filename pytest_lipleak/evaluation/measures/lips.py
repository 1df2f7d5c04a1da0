"""Lips against lips: does the output's mouth move as the clip's own mouth does, at any lag?

Both mouths are looked at in the same pixels of the face. What moves there with the head alone moves in every output; a
still mouth of the clip, carried along with the head, shows it, and is partialled out of both.
"""

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.scores import LAGS
from pytest_lipleak.faces.small_faces import Faces, lips_core

SLOW = 15
"""Frames of the moving mean that is taken out: light and pose change over seconds, lips over tenths of them."""

Movement = NDArray[np.float32]
"""How pixels of the lips differ from their moving mean, (T, P)."""


def movement(faces: Faces) -> Movement:
    """Return what moves in the middle of the lips, slow change apart: grey faces (T, SIDE, SIDE) to float32 (T, P)."""
    pixels = faces[:, lips_core()].astype(np.float32)
    return pixels - _moving_mean(pixels, min(SLOW, len(pixels)))


def _moving_mean(values: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Mean over up to ``width`` frames around each; fewer at the ends."""
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    reach = width // 2
    places = np.arange(len(values))
    low, high = np.maximum(places - reach, 0), np.minimum(places + reach + 1, len(values))
    return np.asarray((sums[high] - sums[low]) / (high - low)[:, None], np.float32)


def without(moved: Movement, floor: Movement) -> Movement:
    """Return a movement without its part along the floor's, by least squares over all frames and pixels.

    Both (T, P).
    """
    size = float(np.vdot(floor, floor))
    return moved - np.float32(float(np.vdot(floor, moved)) / size if size > 0 else 0.0) * floor


def correlations(output: Movement, lips: Movement) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Correlation of two movements at every lag, and the slope of ``output`` on ``lips``.

    Args:
        output: (T, P), floor taken out.
        lips: (V, P), floor taken out; of another length for other clips, the common part counts.

    Returns:
        Two arrays (21,): at lags -10..10, positive where the output comes later. 0 where one does not move, or fewer
        than ten frames are common.
    """
    found = np.zeros((2, len(LAGS)))
    for place, lag in enumerate(LAGS):
        one = output[max(lag, 0) :]
        other = lips[max(-lag, 0) :]
        length = min(len(one), len(other))
        if length < len(LAGS) // 2:
            continue
        one, other = one[:length], other[:length]
        product, own = float(np.vdot(one, other)), float(np.vdot(other, other))
        size = float(np.sqrt(np.vdot(one, one) * own))
        if size > 0:
            found[:, place] = product / size, product / own
    return found[0], found[1]
