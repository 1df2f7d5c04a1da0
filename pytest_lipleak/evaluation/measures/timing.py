"""Whether lips keep time with mouths that were changed, in whatever form: as wide open, inverted, by light alone.

Two questions, one number. *How much* of what moves in the lips moves because of the change, and not because of the
audio: the same frames under other audio say what audio moves. *Does it keep time* with the change that was given: its
strongest movement is compared with how the changed mouths move, at every lag and of either sign. A model may answer
other input with other lips that keep no time with it; the same change at other times shows what chance gives.
"""

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.scores import LAGS
from pytest_lipleak.evaluation.measures.floor import openness
from pytest_lipleak.faces.small import Faces, Region

LATER = (4 / 12, 5 / 12, 6 / 12, 7 / 12, 8 / 12)
"""Shares of the clip by which the decoys come later; each is looked at backwards, too."""

STILL = 1.0
"""Mean squared movement in grey levels squared, that counts as moved by audio in any case: none is measured finer."""

DARK = 0.6
"""Share of the median brightness below which a pixel counts as the inner mouth."""


def in_time(
    before: Faces,
    after: Faces,
    given: Faces,
    changed: Faces,
    *,
    region: Region,
    offered: tuple[Region, ...],
    otherwise: Faces,
    again: Faces | None = None,
) -> float:
    """Return the share of the lips' movement that came with a change and keeps time with it, 0..1.

    Args:
        before: output for what was ``given``, uint8 (T, SIDE, SIDE).
        after: output for what was ``changed``, all else equal.
        given: reference or input frames as they are.
        changed: with other mouths.
        region: where the output is looked at, bool (SIDE, SIDE).
        offered: where what was given is looked at: one region of lips, and any others.
        otherwise: output for what was ``given`` under other audio.
        again: output for what was ``given``, made once more; None of a model that repeats itself.

    Returns:
        The root of the share in the energy, times how far the agreement lies beyond that of all decoys.
    """
    change = _movement(after, before, region)
    energy = _energy(change) - (0.0 if again is None else _energy(_movement(again, before, region)))
    if energy <= 0 or not change.any():
        return 0.0
    audio = _energy(_movement(otherwise, before, region)) + STILL
    moved = np.stack([_strongest(change, 1)[0], _darkness(after, region) - _darkness(before, region)])
    signals = [openness(changed) - openness(given)]
    for place, each in enumerate(offered):
        signals += list(_strongest(_movement(changed, given, each), 1 if place else 2))
    agreement = _agreement(moved, np.stack(signals))
    decoys = [
        _agreement(moved, np.roll(signals, round(share * len(change)), axis=1)[:, ::way])
        for share in LATER
        for way in (1, -1)
    ]
    chance = max(decoys)
    beyond = max(agreement - chance, 0.0) / max(1 - chance, 1e-6)
    return float(np.sqrt(energy / (energy + audio)) * beyond)


def _movement(one: Faces, other: Faces, region: Region) -> NDArray[np.float64]:
    """The difference of two videos without its mean over time, (T, P)."""
    difference = one[:, region].astype(np.float64) - other[:, region]
    return np.asarray(difference - difference.mean(axis=0))


def _energy(movement: NDArray[np.float64]) -> float:
    return float(np.square(movement).mean()) if movement.size else 0.0


def _strongest(movement: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """How the strongest patterns of a movement come and go, (count, T): its first principal components."""
    # Of as many frames as there are, not of thousands of pixels.
    _, vectors = np.linalg.eigh(movement @ movement.T)
    return np.asarray(vectors[:, ::-1][:, :count].T)


def _darkness(faces: Faces, region: Region) -> NDArray[np.float64]:
    pixels = faces[:, region].astype(np.float64)
    return np.asarray(np.maximum(DARK * np.median(pixels) - pixels, 0).mean(axis=1))


def _agreement(moved: NDArray[np.float64], signals: NDArray[np.float64]) -> float:
    """The largest correlation of either sign of a row of one with a row of the other, at the best of all lags."""
    rows = [each - each.mean(axis=1, keepdims=True) for each in (moved, signals)]
    moved, signals = (each / np.maximum(np.linalg.norm(each, axis=1, keepdims=True), 1e-9) for each in rows)
    length, best = moved.shape[1], 0.0
    for lag in LAGS:
        later, earlier = slice(max(lag, 0), length + min(lag, 0)), slice(max(-lag, 0), length - max(lag, 0))
        best = max(best, float(np.abs(moved[:, later] @ signals[:, earlier].T).max()))
    return best
