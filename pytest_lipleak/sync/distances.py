"""Distances between video and audio embeddings at 31 shifts."""

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.scores import MAX_SHIFT, SHIFTS
from pytest_lipleak.sync.expert import Embeddings

EPS = 1e-6
"""Added to every difference, as in ``torch.nn.functional.pairwise_distance``."""


def distances(video: Embeddings, audio: Embeddings) -> NDArray[np.float32]:
    """Euclidean distance between video window i and audio window i + k, for k = -15..15.

    Args:
        video: float32, shape (W, D).
        audio: float32, shape (V, D). Windows beyond the shorter of the two are left out; before the
            first and after the last, audio is zero, as in the SyncNet demo code (``calc_pdist``).

    Returns:
        float32, shape (min(W, V), 31).
    """
    windows = min(len(video), len(audio))
    padded = np.pad(audio[:windows], ((MAX_SHIFT, MAX_SHIFT), (0, 0)))
    result = np.empty((windows, SHIFTS), np.float32)
    for shift in range(SHIFTS):
        difference = video[:windows] - padded[shift : shift + windows] + np.float32(EPS)
        result[:, shift] = np.sqrt(np.einsum("wd,wd->w", difference, difference))
    return result
