"""CPU time by stage."""

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


def cpu_seconds() -> float:
    """CPU time of this process and its ended children, in seconds."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class Stopwatch:
    """Adds up CPU seconds by stage.

    Args:
        device: on a GPU each stage waits for its end, so that wall time would be its own.
    """

    def __init__(self, device: str = "cpu") -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._device = device

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time what happens inside."""
        began = cpu_seconds()
        yield
        if self._device.startswith("cuda"):
            import torch

            torch.cuda.synchronize()
        self.seconds[stage] += cpu_seconds() - began
