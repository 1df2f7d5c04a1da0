"""SyncNet weights from a seed, so that the network can be tested where the published ones are not.

The recipe is part of the golden numbers (``golden/README.md`` of the shared data): one stream of normal
numbers through the reference network's own state dict.
"""

from math import prod
from pathlib import Path

import numpy as np

from pytest_lipleak.sync.architecture import parameter_shapes

SEED = 20251113


def seeded_state(seed: int = SEED) -> dict[str, np.ndarray]:
    """Build the state dict of the golden numbers."""
    stream = np.random.RandomState(seed)
    state = {name: _tensor(stream, name, shape) for name, shape in parameter_shapes().items()}
    state["netcnnlip.0.weight"] *= 0.01
    state["netcnnaud.0.weight"] *= 0.05
    return {
        name: value if name.endswith("num_batches_tracked") else value.astype(np.float32)
        for name, value in state.items()
    }


def _tensor(stream: np.random.RandomState, name: str, shape: tuple[int, ...]) -> np.ndarray:
    if name.endswith("num_batches_tracked"):
        return np.zeros((), np.int64)
    x = stream.standard_normal(shape)
    if len(shape) >= 2:
        return x * np.sqrt(2 / prod(shape[1:]))
    if name.endswith("running_var"):
        return 1 + 0.1 * np.abs(x)
    if name.endswith("weight"):
        return 1 + 0.1 * x
    return 0.1 * x


def save(path: Path, state: dict[str, np.ndarray]) -> Path:
    """Write a state dict as the published file is written."""
    import torch

    torch.save({name: torch.from_numpy(np.array(value)) for name, value in state.items()}, path)
    return path
