"""Are scores more than chance? A randomisation test over all clips."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

DRAWS = 9999
SEED = 20251113


def audios_drawn(
    counts: Sequence[int], clusters: Sequence[str] | None, draws: int = DRAWS, seed: int = SEED
) -> Iterator[NDArray[np.int64]]:
    """For each clip in turn, which of its 1 + K audios plays the part of the own one in each draw; 0 is the own.

    A speaker's clips may all agree with one voice or rhythm more than with another. So one number is drawn for all
    clips of a cluster: they take their own audios together, or unrelated ones of the same place in the order.

    Args:
        counts: K of each clip.
        clusters: one label per clip; None draws for each clip alone.
        draws: how many.
        seed: of the draws.
    """
    labels = [str(number) for number in range(len(counts))] if clusters is None else clusters
    generator = np.random.default_rng(seed)
    shares: dict[str, NDArray[np.float64]] = {}
    for count, label in zip(counts, labels, strict=True):
        if label not in shares:
            shares[label] = generator.random(draws)
        yield (shares[label] * (1 + count)).astype(np.int64)


def least_p(counts: Sequence[int], clusters: Sequence[str] | None = None, draws: int = DRAWS) -> float:
    """The smallest p that can be expected of clips with these counts of null scores; 1 without clips."""
    labels = [str(number) for number in range(len(counts))] if clusters is None else clusters
    by_label = dict(zip(labels, counts, strict=True))
    by_chance = float(np.prod([1 / (1 + count) for count in by_label.values()])) if counts else 1.0
    return max(by_chance, 1 / (1 + draws))
