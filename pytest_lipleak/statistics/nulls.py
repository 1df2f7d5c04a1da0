"""Are scores more than chance? A randomisation test over all clips."""

from collections.abc import Sequence

import numpy as np

DRAWS = 9999
SEED = 20251113


def chance_p(
    observed: Sequence[float], nulls: Sequence[Sequence[float]], *, draws: int = DRAWS, seed: int = SEED
) -> float:
    """One-sided p of the sum of the clips' scores, by drawing for each clip one of its own and its null scores.

    Without an effect a clip's own audio is one among its unrelated ones, so each of its 1 + K scores is as likely to
    be the observed one. The test needs no distribution, holds for any number of clips and null scores, and is never
    0: p = (1 + draws whose sum is at least the observed one) / (1 + draws).

    Args:
        observed: one score per clip.
        nulls: the scores of each clip against unrelated audios.
        draws: how many.
        seed: of the draws.

    Returns:
        p; 1 without clips.

    Source: Fisher 1935, "The Design of Experiments"; Phipson & Smyth 2010, "Permutation P-values Should Never Be
    Zero", SAGMB 9.
    """
    generator = np.random.default_rng(seed)
    sums = np.zeros(draws)
    for own, null in zip(observed, nulls, strict=True):
        scores = np.array([own, *null])
        sums += scores[generator.integers(len(scores), size=draws)]
    total = float(np.sum(observed))
    # Rounding must not count for the model: a draw of all observed scores is as high as they are.
    return float((1 + (sums >= total - 1e-9 * max(1.0, abs(total))).sum()) / (1 + draws))


def least_p(counts: Sequence[int], draws: int = DRAWS) -> float:
    """The smallest p that can be expected of clips with these counts of null scores; 1 without clips."""
    by_chance = float(np.prod([1 / (1 + count) for count in counts])) if counts else 1.0
    return max(by_chance, 1 / (1 + draws))
