"""SyncNet v2 as the plain torch network, layer by layer as published.

The reference that the ONNX graphs are tested against, and the way to score on CUDA.
"""

from collections import OrderedDict
from typing import Any

from pytest_lipleak.core.errors import MissingExtraError
from pytest_lipleak.sync.architecture import PARTS, Conv, Pool, indexed
from pytest_lipleak.sync.weights import StateDict


def build(state: StateDict) -> Any:
    """Return a ``torch.nn.ModuleDict`` of the four parts in evaluation mode, with ``state`` loaded.

    State-dict names are those of the published file (``netcnnaud.0.weight``, ...).
    """
    try:
        import torch
        from torch import nn
    except ImportError as error:
        raise MissingExtraError("SyncNet on torch", "torch", "syncnet") from error

    parts = nn.ModuleDict()
    for part in PARTS:
        modules: OrderedDict[str, Any] = OrderedDict()
        for index, layer in indexed(part):
            if isinstance(layer, Pool):
                pool = nn.MaxPool3d if len(layer.kernel) == 3 else nn.MaxPool2d
                modules[str(index)] = pool(layer.kernel, layer.stride, layer.padding)
            elif isinstance(layer, Conv):
                three = len(layer.kernel) == 3
                convolution: Any = nn.Conv3d if three else nn.Conv2d
                modules[str(index)] = convolution(
                    layer.inputs, layer.outputs, layer.kernel, layer.stride, layer.padding
                )
                modules[str(index + 1)] = (nn.BatchNorm3d if three else nn.BatchNorm2d)(layer.outputs)
                modules[str(index + 2)] = nn.ReLU()
            else:
                modules[str(index)] = nn.Linear(layer.inputs, layer.outputs)
                if layer.normalised:
                    modules[str(index + 1)] = nn.BatchNorm1d(layer.outputs)
                    modules[str(index + 2)] = nn.ReLU()
        parts[part] = nn.Sequential(modules)
    tensors = {name: torch.from_numpy(value.copy()) for name, value in state.items()}
    missing = [
        key for key in parts.load_state_dict(tensors, strict=False).missing_keys if "num_batches" not in key
    ]
    if missing:
        raise AssertionError(f"state dict lacks {missing}")
    return parts.eval().requires_grad_(False)
