"""SyncNet v2 as ONNX graphs, built from its weights: batch norm folded, uint8 frames in.

The video tower is exactly fully convolutional in time, because only its first layer spans five
frames. That layer becomes a 2-D convolution over 15 channels (five frames of BGR), which saves the
copying of frames into windows. The audio tower pads in time, so it is run window by window.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.errors import MissingExtraError
from pytest_lipleak.sync.architecture import Conv, Linear, Pool, indexed
from pytest_lipleak.sync.weights import StateDict

BN_EPS = 1e-5
OPSET = 17
GRAPH_VERSION = 2
"""Part of the cached file's name; raise it when the graph changes."""


def video_graph(state: StateDict) -> bytes:
    """Return the video tower: ``frames`` uint8 (n + 4, 224, 224, 3) BGR to ``embedding`` (n, 1024)."""
    builder = _Builder(state)
    builder.node("Transpose", ["frames"], "planes", perm=[0, 3, 1, 2])
    last = np.iinfo(np.int64).max
    for step in range(5):
        bounds = [
            builder.constant(f"{edge}{step}", np.array([value], np.int64))
            for edge, value in (("from", step), ("to", step - 4 if step < 4 else last), ("axis", 0))
        ]
        builder.node("Slice", ["planes", *bounds], f"slice{step}")
    # Stacked as bytes, cast afterwards: a quarter of the memory.
    builder.node("Concat", [f"slice{step}" for step in range(5)], "bytes", axis=1)
    builder.node("Cast", ["bytes"], "stacked", to=1)
    output = builder.tower("stacked", "netcnnlip", "netfclip")
    return builder.model(output, ("frames", 2, ["frames", 224, 224, 3]))


def audio_graph(state: StateDict) -> bytes:
    """Return the audio tower: ``mfcc`` float32 (n, 1, 13, 20) to ``embedding`` (n, 1024)."""
    builder = _Builder(state)
    output = builder.tower("mfcc", "netcnnaud", "netfcaud")
    return builder.model(output, ("mfcc", 1, ["windows", 1, 13, 20]))


class _Builder:
    def __init__(self, state: StateDict) -> None:
        try:
            import onnx
        except ImportError as error:
            raise MissingExtraError("Converting SyncNet weights", "onnx", "syncnet") from error
        self.onnx = onnx
        self.state = state
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, name: str, value: NDArray[Any]) -> str:
        self.constants.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def tower(self, source: str, convolutions: str, head: str) -> str:
        for index, layer in indexed(convolutions):
            source = self._layer(source, f"{convolutions}.{index}", layer)
        source = self.node("Flatten", [source], f"{head}.input")
        for index, layer in indexed(head):
            source = self._layer(source, f"{head}.{index}", layer)
        return source

    def _layer(self, source: str, name: str, layer: Conv | Pool | Linear) -> str:
        if isinstance(layer, Pool):
            kernel, stride, padding = (edges[-2:] for edges in (layer.kernel, layer.stride, layer.padding))
            if kernel == (1, 1):
                return source
            return self.node(
                "MaxPool", [source], f"{name}.out", kernel_shape=kernel, strides=stride, pads=padding * 2
            )
        normalised = isinstance(layer, Conv) or layer.normalised
        weight, bias = self._folded(name, normalised)
        if isinstance(layer, Conv):
            if weight.ndim == 5:
                # (out, in, time, y, x) to (out, time x in, y, x): frames are stacked as channels.
                weight = weight.transpose(0, 2, 1, 3, 4).reshape(len(weight), -1, *weight.shape[3:])
            parameters = [self.constant(f"{name}.w", weight), self.constant(f"{name}.b", bias)]
            stride, padding = layer.stride[-2:], layer.padding[-2:]
            source = self.node("Conv", [source, *parameters], f"{name}.sum", strides=stride, pads=padding * 2)
        else:
            parameters = [self.constant(f"{name}.w", weight), self.constant(f"{name}.b", bias)]
            source = self.node("Gemm", [source, *parameters], f"{name}.sum", transB=1)
        return self.node("Relu", [source], f"{name}.out") if normalised else source

    def _folded(self, name: str, normalised: bool) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        weight = self.state[f"{name}.weight"].astype(np.float64)
        bias = self.state[f"{name}.bias"].astype(np.float64)
        if normalised:
            part, index = name.rsplit(".", 1)
            norm = f"{part}.{int(index) + 1}"
            gain, shift, mean, variance = (
                self.state[f"{norm}.{key}"].astype(np.float64)
                for key in ("weight", "bias", "running_mean", "running_var")
            )
            scale = gain / np.sqrt(variance + BN_EPS)
            weight = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
            bias = (bias - mean) * scale + shift
        return weight.astype(np.float32), bias.astype(np.float32)

    def model(self, output: str, source: tuple[str, int, list[str | int]]) -> bytes:
        helper = self.onnx.helper
        self.node("Identity", [output], "embedding")
        name, kind, shape = source
        graph = helper.make_graph(
            self.nodes,
            "syncnet_v2",
            [helper.make_tensor_value_info(name, kind, shape)],
            [helper.make_tensor_value_info("embedding", 1, ["windows", 1024])],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
        self.onnx.checker.check_model(model)
        return bytes(model.SerializeToString())
