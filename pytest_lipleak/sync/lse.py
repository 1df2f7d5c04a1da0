"""From embeddings to LSE-C, LSE-D and offset."""

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.errors import UnscorableError
from pytest_lipleak.core.scores import SyncScore
from pytest_lipleak.sync.distances import distances
from pytest_lipleak.sync.expert import MIN_FRAMES, Distances, Embeddings

RELIABLE_WINDOWS = 15
"""Below this many windows the zero padding dominates; such scores are flagged."""


def short_warning(windows: int) -> str:
    """The words that flag a score over too few windows."""
    return f"only {windows} windows (fewer than {RELIABLE_WINDOWS}): the score is unreliable"


def score(video: Embeddings, audio: Embeddings) -> SyncScore:
    """Score video against audio, both embedded by the same expert.

    Raises:
        UnscorableError: fewer than 6 usable frames, or embeddings that are not finite.
    """
    return score_of(distances(video, audio))


def score_of(by_window: Distances) -> SyncScore:
    """Score a clip from the distances of its windows, (W, 31); see ``score``."""
    windows = len(by_window)
    if windows < 1:
        raise UnscorableError(f"fewer than {MIN_FRAMES} usable frames, so there is no window to score")
    if not np.isfinite(by_window).all():
        raise UnscorableError("the sync expert returned embeddings that are not finite")
    means = by_window.mean(axis=0, dtype=np.float64)
    best = by_window[:, int(means.argmin())]
    confidence = median_filter(np.median(means) - best, 9)
    return SyncScore(tuple(means.tolist()), windows, tuple(confidence.tolist()))


def median_filter(values: NDArray[np.floating], width: int) -> NDArray[np.float64]:
    """Running median with zeros beyond the ends, as ``scipy.signal.medfilt``; ``width`` is odd."""
    padded = np.pad(np.asarray(values, np.float64), width // 2)
    windows: NDArray[np.float64] = np.lib.stride_tricks.sliding_window_view(padded, width)
    return np.asarray(np.median(windows, axis=1))
