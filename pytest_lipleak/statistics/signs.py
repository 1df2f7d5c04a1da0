"""Sign-flip test: is the mean of paired differences above zero?"""

import numpy as np
from numpy.typing import NDArray

EXACT_UP_TO = 12
"""Up to this many differences all sign patterns are tried; beyond, a seeded sample of them."""

PATTERNS = 4096


def sign_flip_p(differences: NDArray[np.float64], seed: int = 0) -> float:
    """One-sided p of the sign-flip permutation test.

    Args:
        differences: one per clip, shape (n,); exchangeable in sign when there is no effect.
        seed: of the sampled patterns, where not all are tried.

    Returns:
        Share of sign patterns whose mean is at least the observed one; at least 1 / 2^n.

    Source: Fisher 1935, "The Design of Experiments", section 21.
    """
    count = len(differences)
    if count <= EXACT_UP_TO:
        bits = np.arange(2**count)[:, None] >> np.arange(count) & 1
    else:
        # The observed pattern counts as one of them, so that p is never 0.
        bits = np.random.default_rng(seed).integers(2, size=(PATTERNS, count))
        bits[0] = 1
    means = (np.where(bits, differences, -differences)).mean(axis=1)
    return float((means >= differences.mean() - 1e-12).mean())
