"""Models whose memory grows call by call: said before memory ends."""

import os
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Any

from pytest_lipleak.core.remarks import remark

WARM_UP = 2
"""Calls that may allocate once and for all."""

CALLS = 8
"""Calls after these over which memory must have grown steadily."""

GROWTH = 1_000_000_000
"""Bytes that it must have grown by; caches of this package stay below half of that."""


def resident() -> int | None:
    """Bytes of memory that this process occupies, or None where the system does not say."""
    import psutil

    try:
        return int(_this_process(os.getpid()).memory_info().rss)
    except psutil.Error:
        return None


@lru_cache(1)
def _this_process(pid: int) -> Any:
    """This process, which is looked up once: that takes longer than to ask it."""
    import psutil

    return psutil.Process(pid)


class MemoryWatch:
    """Warns, once, of a model that keeps what it made.

    Args:
        model: its name.
        size: gives the bytes that this process occupies, or None.
        growth: bytes beyond which it is said.
    """

    def __init__(self, model: str, size: Callable[[], int | None] = resident, growth: int = GROWTH) -> None:
        self._model = model
        self._size = size
        self._growth = growth
        self._sizes: list[int] = []
        self._told = False

    def note(self) -> None:
        """Look at the process after a call of the model."""
        size = self._size()
        if size is None or self._told:
            return
        self._sizes.append(size)
        sizes = self._sizes[WARM_UP:]
        steps = [after - before for before, after in pairwise(sizes)]
        steady = len(steps) >= CALLS and sum(step > 0 for step in steps) >= 0.75 * len(steps)
        if not steady or sizes[-1] - sizes[0] < self._growth:
            return
        self._told = True
        grown, each = sizes[-1] - sizes[0], (sizes[-1] - sizes[0]) / len(steps)
        remark(
            f"model {self._model!r}: this process has grown by {grown / 1e9:.1f} GB over {len(steps)} calls of "
            f"generate(), {each / 1e6:.0f} MB a call: the model seems to keep what it made (a list, a cache without "
            "limit, gradients for want of torch.no_grad()); until that is mended, spread the clips over several "
            "runs (--lipleak-shard)"
        )
