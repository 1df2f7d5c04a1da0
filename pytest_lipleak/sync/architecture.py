"""SyncNet v2 as a table: the one description that the torch network and the ONNX graph are built from.

Source: Chung & Zisserman 2016, "Out of time: automated lip sync in the wild", and its demo code.
Every layer counts in the state-dict index, pooling and ReLU included.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Conv:
    """Convolution, batch norm, ReLU."""

    inputs: int
    outputs: int
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]


@dataclass(frozen=True)
class Pool:
    """Max pooling."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]


@dataclass(frozen=True)
class Linear:
    """Fully connected layer, followed by batch norm and ReLU where ``normalised``."""

    inputs: int
    outputs: int
    normalised: bool


Layer = Conv | Pool | Linear


def _audio(inputs: int, outputs: int, kernel: tuple[int, int] = (3, 3), padding: int = 1) -> Conv:
    return Conv(inputs, outputs, kernel, (1, 1), (padding, padding))


def _video(inputs: int, outputs: int, kernel: tuple[int, int, int], stride: int, padding: int) -> Conv:
    return Conv(inputs, outputs, kernel, (1, stride, stride), (0, padding, padding))


def _video_pool(padding: int) -> Pool:
    return Pool((1, 3, 3), (1, 2, 2), (0, padding, padding))


_HEAD: tuple[Layer, ...] = (Linear(512, 512, normalised=True), Linear(512, 1024, normalised=False))

AUDIO_TOWER: dict[str, tuple[Layer, ...]] = {
    "netcnnaud": (
        _audio(1, 64),
        Pool((1, 1), (1, 1), (0, 0)),
        _audio(64, 192),
        Pool((3, 3), (1, 2), (0, 0)),
        _audio(192, 384),
        _audio(384, 256),
        _audio(256, 256),
        Pool((3, 3), (2, 2), (0, 0)),
        _audio(256, 512, (5, 4), padding=0),
    ),
    "netfcaud": _HEAD,
}
VIDEO_TOWER: dict[str, tuple[Layer, ...]] = {
    "netfclip": _HEAD,
    "netcnnlip": (
        _video(3, 96, (5, 7, 7), 2, 0),
        _video_pool(0),
        _video(96, 256, (1, 5, 5), 2, 1),
        _video_pool(1),
        _video(256, 256, (1, 3, 3), 1, 1),
        _video(256, 256, (1, 3, 3), 1, 1),
        _video(256, 256, (1, 3, 3), 1, 1),
        _video_pool(0),
        _video(256, 512, (1, 6, 6), 1, 0),
    ),
}
PARTS: dict[str, tuple[Layer, ...]] = {**AUDIO_TOWER, **VIDEO_TOWER}
"""All four parts, in the order of the published state dict."""


def indexed(part: str) -> Iterator[tuple[int, Layer]]:
    """Yield the layers of a part with their state-dict index."""
    index = 0
    for layer in PARTS[part]:
        yield index, layer
        index += 3 if isinstance(layer, Conv) or (isinstance(layer, Linear) and layer.normalised) else 1


def parameter_shapes() -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of the state dict, in its own order."""
    shapes: dict[str, tuple[int, ...]] = {}
    for part in PARTS:
        for index, layer in indexed(part):
            if isinstance(layer, Pool):
                continue
            kernel = layer.kernel if isinstance(layer, Conv) else ()
            shapes[f"{part}.{index}.weight"] = (layer.outputs, layer.inputs, *kernel)
            shapes[f"{part}.{index}.bias"] = (layer.outputs,)
            if isinstance(layer, Conv) or layer.normalised:
                for name in ("weight", "bias", "running_mean", "running_var"):
                    shapes[f"{part}.{index + 1}.{name}"] = (layer.outputs,)
                shapes[f"{part}.{index + 1}.num_batches_tracked"] = ()
    return shapes
