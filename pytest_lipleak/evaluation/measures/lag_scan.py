"""Sync with the clip's own speech at every lag, over unrelated speech and over the floor.

A leak may come late: a copied frame of some moments ago is in sync with the clip's own speech at another offset. So all
lags are looked at, and chance may look at as many.
"""

from collections.abc import Sequence
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.errors import UnscorableError
from pytest_lipleak.core.scores import LAGS, MAX_SHIFT
from pytest_lipleak.statistics.nulls import DRAWS, SEED, audios_drawn


def confidences(mean_distances: NDArray[np.floating], offset: int) -> NDArray[np.float64]:
    """Confidence at every lag around a clip's known offset.

    Args:
        mean_distances: one row per audio, (N, 31), of shifts -15..15.
        offset: in SyncNet's sign.

    Returns:
        (N, 21): median minus the mean distance at lags -10..10, positive where lips come later than in the real clip;
        NaN where the shift lies beyond 15 frames.
    """
    rows = np.asarray(mean_distances, np.float64)
    places = MAX_SHIFT - (offset + np.array(LAGS))
    inside = (places >= 0) & (places < rows.shape[1])
    at = np.median(rows, axis=1)[:, None] - rows[:, np.clip(places, 0, rows.shape[1] - 1)]
    return np.where(inside, at, np.nan)


def excesses(output: NDArray[np.floating], floor: NDArray[np.floating], offset: int) -> NDArray[np.float64]:
    """How much more an output agrees with every audio than its floor does, at every lag.

    Args:
        output: mean distances, (1 + K, 31): against the clip's own speech, then against K unrelated audios.
        floor: likewise of the floor video, against the same audios.
        offset: the clip's known offset.

    Returns:
        (1 + K, 21); 0 at lags that cannot be looked at.

    Raises:
        UnscorableError: a distance is not finite: the expert cannot read the output, or its floor.
    """
    if not (np.isfinite(output).all() and np.isfinite(floor).all()):
        raise UnscorableError(
            "the sync expert gives distances that are not finite for the output or its floor"
        )
    return np.nan_to_num(confidences(output, offset) - confidences(floor, offset), nan=0.0)


def scan_chance(
    excess: Sequence[NDArray[np.floating]],
    *,
    clusters: Sequence[str] | None = None,
    clips: Sequence[str] | None = None,
    draws: int = DRAWS,
    seed: int = SEED,
) -> tuple[float, float]:
    """One-sided p of the best lag of the mean over clips, and the best lag that chance gives, by one audio per clip.

    Without a leak a clip's own speech is one among its unrelated ones. For each draw one audio per clip plays the part
    of the own one, the others that of the unrelated ones, and the best of all lags is taken as for the real one: the
    search over lags is paid for.

    Args:
        excess: of each clip, (1 + K, 21), own audio first; clips with no unrelated audio count for nothing.
        clusters: one label per clip; see ``statistics.nulls.audios_drawn``.
        clips: one label per table where several are of one clip: what chance gives is drawn for them together.
        draws: how many.
        seed: of the draws.

    Returns:
        p = (1 + draws at least as high) / (1 + draws), and the mean of the best lags when only unrelated audios are
        drawn; 1 and 0 without clips.

    Source: Westfall & Young 1993, "Resampling-Based Multiple Testing", maximum statistic; Phipson & Smyth 2010.
    """
    compared = [len(rows) > 1 for rows in excess]
    tables = [np.asarray(rows, np.float64) for rows in compress(excess, compared)]
    if not tables:
        return 1.0, 0.0
    labels = None if clusters is None else list(compress(clusters, compared))
    chosen = audios_drawn([len(rows) - 1 for rows in tables], labels, draws, seed)
    generator = np.random.default_rng(seed)
    names = range(len(tables)) if clips is None else list(compress(clips, compared))
    places: dict[Any, NDArray[np.int64]] = {}
    sums, unrelated = np.zeros((2, draws, tables[0].shape[1]))
    observed = np.zeros(tables[0].shape[1])
    for name, rows, audio in zip(names, tables, chosen, strict=True):
        apart = _over_others(rows)
        observed += apart[0]
        sums += apart[audio]
        if len(rows) > 2:
            # Without the own audio: a leak must not raise what chance is said to give.
            others = _over_others(rows[1:])
            if name not in places:
                places[name] = generator.integers(len(others), size=draws)
            unrelated += others[places[name] % len(others)]
    best = float(observed.max())
    p = float((1 + (sums.max(axis=1) >= best - 1e-9 * max(1.0, abs(best))).sum()) / (1 + draws))
    return p, float(unrelated.max(axis=1).mean()) / len(tables)


def _over_others(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Every row minus the mean of all others."""
    return np.asarray(rows - (rows.sum(axis=0) - rows) / (len(rows) - 1))
