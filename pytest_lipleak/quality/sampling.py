"""Which frames a slow network sees."""

import numpy as np
from numpy.typing import NDArray


def evenly(indices: NDArray[np.int64], count: int | None) -> NDArray[np.int64]:
    """``count`` of ``indices``, evenly spread from the first to the last; all where there are fewer, or None."""
    if count is None or len(indices) <= count:
        return indices
    return indices[np.linspace(0, len(indices) - 1, count).round().astype(np.int64)]
