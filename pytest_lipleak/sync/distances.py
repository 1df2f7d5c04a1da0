"""Distances between video and audio embeddings at 31 shifts."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.scores import MAX_SHIFT, SHIFTS
from pytest_lipleak.sync.expert import Distances, Embeddings

BLOCK = 512
"""Windows at a time in ``shifted_means``: minutes of video need no more memory than seconds."""

EPS = 1e-6
"""Added to every difference, as in ``torch.nn.functional.pairwise_distance``."""


def distances(video: Embeddings, audio: Embeddings) -> Distances:
    """Euclidean distance between video window i and audio window i + k, for k = -15..15.

    Args:
        video: float32, shape (W, D).
        audio: float32, shape (V, D). Windows beyond the shorter of the two are left out; before the
            first and after the last, audio is zero, as in the SyncNet demo code (``calc_pdist``).

    Returns:
        float32, shape (min(W, V), 31).
    """
    return streamed_distances([video], [audio])


def streamed_distances(video: Iterable[Embeddings], audio: Iterable[Embeddings]) -> Distances:
    """As :func:`distances`, from pieces that come one after the other; only the last few rows are kept.

    Args:
        video: pieces (n, D) in order; all but the last of its pieces as long as audio's.
        audio: likewise.
    """
    results = []
    seen = heard = None
    for new_video, new_audio in zip(video, audio, strict=False):
        if seen is None or heard is None:
            seen, heard = new_video[:0], np.zeros((MAX_SHIFT, new_audio.shape[1]), np.float32)
        both = min(len(new_video), len(new_audio))
        seen, heard = (
            np.concatenate([old, new[:both]]) for old, new in ((seen, new_video), (heard, new_audio))
        )
        # The last 15 windows wait for the audio after them, or for the end.
        ready = max(len(seen) - MAX_SHIFT, 0)
        results.append(_between(seen[:ready], heard[: ready + 2 * MAX_SHIFT]))
        seen, heard = seen[ready:], heard[ready:]
    if seen is None or heard is None:
        return np.empty((0, SHIFTS), np.float32)
    results.append(_between(seen, np.pad(heard, ((0, MAX_SHIFT), (0, 0)))))
    return np.concatenate(results)


def shifted_means(video: Embeddings, audio: Embeddings, starts: NDArray[np.integer]) -> NDArray[np.float64]:
    """Mean distances of a video to stretches of one recording, which is embedded once.

    A stretch begins at row ``start`` of the recording, goes on at its beginning when it ends, and is as long as the
    video: rows are cut, no audio is spliced, so no window hears a splice. Beyond both ends of the stretch audio is
    zero, as in :func:`distances`.

    Args:
        video: float32, shape (W, D).
        audio: float32, shape (V, D), V above 0; the whole recording.
        starts: first rows of the stretches, shape (S,).

    Returns:
        Shape (S, 31), for shifts -15..15. Equal to the means of ``distances(video, stretch)`` up to rounding.
    """
    heard = np.asarray(audio, np.float64)
    windows, loudness = len(video), (heard**2).sum(1)
    sums = np.zeros((len(starts), SHIFTS))
    for first in range(0, windows, BLOCK):
        seen = np.asarray(video[first : first + BLOCK], np.float64)
        size = (seen**2).sum(1)[:, None]
        apart = np.sqrt(np.maximum(size + loudness - 2 * seen @ heard.T, 0))
        row = np.arange(len(seen))[:, None]
        column = first + row + np.arange(-MAX_SHIFT, MAX_SHIFT + 1)
        inside = (column >= 0) & (column < windows)
        for number, start in enumerate(starts):
            there = apart[row, (column + start) % len(heard)]
            sums[number] += np.where(inside, there, np.sqrt(size)).sum(axis=0)
    return sums / windows


def _between(video: Embeddings, audio: Embeddings) -> Distances:
    """Distances of n video windows to the n + 30 audio windows around them, (n, 31)."""
    windows = len(video)
    result = np.empty((windows, SHIFTS), np.float32)
    for shift in range(SHIFTS):
        difference = video - audio[shift : shift + windows] + np.float32(EPS)
        result[:, shift] = np.sqrt(np.einsum("wd,wd->w", difference, difference))
    return result
