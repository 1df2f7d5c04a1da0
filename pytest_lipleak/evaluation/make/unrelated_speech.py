"""Scores against speech that has nothing to do with a clip: what chance gives."""

import random
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio
from pytest_lipleak.core.scores import MAX_SHIFT
from pytest_lipleak.media.clipsets import ClipSet
from pytest_lipleak.sync.distances import shifted_means
from pytest_lipleak.sync.expert import Embeddings

AUDIOS = 50
"""Unrelated audios that a trial is scored against."""

ENOUGH = 8
"""With so many other recordings none is used a second time."""

NEAREST = 25
"""A recording that is used again begins at least this many frames (1 s) away from where it began first."""

MIN_START_DISTANCE = 5
"""Beginnings in one recording lie at least this many frames apart: one window, so that no window is heard twice."""

POOL_BYTES = 64_000_000
"""Embedded speech kept; a larger clip set lends the first recordings of a seeded order."""

LEAST_POOL = 8


class UnrelatedSpeech:
    """The speech of a clip set as null audio for its clips.

    Whole recordings are embedded, each once, and shared by all clips and conditions: a null audio then costs only
    distances. Every recording begins at its beginning, as it drives generators under XM, so that what sentences
    have in common (a pause first, one rhythm) is part of the null. Only where there are fewer than ``ENOUGH`` of
    them they are used again, circularly shifted by 1 s and more. (Shifts lack that common rhythm: with 40 of them
    among 50 null audios, a generator without leak stood 0.40 above them on GRID, and 0.07 above unshifted ones.)
    The clip's own recording is never among them.

    Args:
        clips: whose speech.
        embed: gives the sync expert's embeddings of an audio, float32 (V, D).
        seed: of the order in which recordings are taken.
    """

    def __init__(self, clips: ClipSet, embed: Callable[[Audio], Embeddings], seed: int) -> None:
        self._clips = clips
        self._embed = embed
        self._seed = seed
        self._pool: dict[str, Embeddings] | None = None

    @property
    def identity(self) -> list[object]:
        """What the null audios depend on, for keys of what is stored."""
        return [
            self._clips.speech_digest,
            self._seed,
            AUDIOS,
            ENOUGH,
            NEAREST,
            MIN_START_DISTANCE,
            POOL_BYTES,
            LEAST_POOL,
        ]

    def scores(self, video: Embeddings, clip: str, count: int = AUDIOS) -> list[float]:
        """Return the LSE-C of a video, each by its best shift, against up to ``count`` audios of its own length.

        Args:
            video: embeddings, float32 (W, D).
            clip: its clip.
            count: how many audios; fewer where the other recordings do not hold as many.
        """
        found = self.mean_distances(video, (clip,), count)
        lse_c: list[float] = (np.median(found, axis=1) - found.min(axis=1)).tolist()
        return lse_c

    def mean_distances(self, video: Embeddings, related: Iterable[str], count: int) -> NDArray[np.float64]:
        """Mean distances of a video to up to ``count`` unrelated audios, (K, 31), the same audios for every video.

        Args:
            video: embeddings, float32 (W, D).
            related: clips whose speech is not unrelated.
            count: how many audios; fewer where the other recordings do not hold as many.
        """
        others = [self.pool[name] for name in self.others(related)]
        means = [np.empty((0, 2 * MAX_SHIFT + 1))]
        for rows, starts in zip(others, beginnings(list(map(len, others)), count), strict=True):
            if len(starts):
                means.append(shifted_means(video, rows, starts))
        return np.concatenate(means)

    def others(self, related: Iterable[str]) -> list[str]:
        """Clips of the pool whose speech is none of these clips', in seeded order."""
        known = tuple(related)
        return [name for name in self.pool if not any(self._clips.same_speech(name, own) for own in known)]

    @property
    def pool(self) -> dict[str, Embeddings]:
        """Embedded recordings by clip name, in seeded order; speeches that occur twice stand in it once."""
        if self._pool is None:
            names = list(self._clips)
            random.Random(f"lipleak unrelated {self._seed}").shuffle(names)
            self._pool = {}
            for name in names:
                used = sum(rows.nbytes for rows in self._pool.values())
                if len(self._pool) > AUDIOS + 1 or (used > POOL_BYTES and len(self._pool) >= LEAST_POOL):
                    break
                if any(self._clips.same_speech(name, other) for other in self._pool):
                    continue
                rows = self._embed(self._clips.speech(name))
                if len(rows):
                    self._pool[name] = rows
        return self._pool


def beginnings(lengths: list[int], count: int) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Where stretches begin in each recording, in rows: the beginning of each first, then shifts, evenly spread.

    Args:
        lengths: rows of each recording.
        count: how many stretches are wanted in all; fewer are returned where recordings do not hold as many.
    """
    wanted = [1 if index < count else 0 for index in range(len(lengths))]
    if len(lengths) >= ENOUGH:
        count = min(count, len(lengths))
    room = [max((length - 2 * NEAREST) // MIN_START_DISTANCE + 1, 0) for length in lengths]
    # Round by round, so that no recording lends much more than another.
    while sum(wanted) < count and any(have - 1 < most for have, most in zip(wanted, room, strict=True)):
        for index, most in enumerate(room):
            if wanted[index] - 1 < most and sum(wanted) < count:
                wanted[index] += 1
    return [
        np.concatenate(
            [np.zeros(min(have, 1)), np.linspace(NEAREST, length - NEAREST, max(have - 1, 0))]
        ).astype(np.int64)
        for have, length in zip(wanted, lengths, strict=True)
    ]
