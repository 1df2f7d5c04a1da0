"""Trained weights -> one ONNX file with both towers, batch norm folded, weights in fp16.

    python -m research.training.export RUN/expert.pt fixtures/expert/embedded.onnx

Several runs in place of one give the mean of their weights, which only makes sense for runs with one beginning.

The fp16 weights are cast to fp32 inside the graph (ONNX Runtime folds the casts when it loads the file): half the size,
fp32 arithmetic. The export ends with a comparison against PyTorch.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from research.training.network import Expert

OPSET = 17


class Graph:
    """Collects nodes and fp16 initialisers in the order of the layers."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def weight(self, value: np.ndarray) -> str:
        """An fp16 initialiser and its cast; returns the fp32 name."""
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(value.astype(np.float16), name + "_half"))
        self.nodes.append(helper.make_node("Cast", [name + "_half"], [name], to=TensorProto.FLOAT))
        return name

    def add(self, kind: str, inputs: list[str], **attributes: object) -> str:
        """One node; returns its output."""
        output = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def conv(self, source: str, conv: nn.Conv2d, norm: nn.BatchNorm2d | None) -> str:
        """A convolution with its batch norm folded in."""
        weight, bias = fold(conv, norm)
        pads = list(conv.padding) * 2
        return self.add(
            "Conv", [source, self.weight(weight), self.weight(bias)], strides=list(conv.stride), pads=pads
        )

    def tower(self, source: str, layers: nn.Module) -> str:
        """All layers of a tower in order."""
        flat = [m for m in layers.modules() if not list(m.children())]
        for i, layer in enumerate(flat):
            following = flat[i + 1] if i + 1 < len(flat) else None
            if isinstance(layer, nn.Conv2d):
                source = self.conv(
                    source, layer, following if isinstance(following, nn.BatchNorm2d) else None
                )
            elif isinstance(layer, nn.ReLU):
                source = self.add("Relu", [source])
            elif isinstance(layer, nn.Flatten):
                source = self.add("Flatten", [source])
            elif isinstance(layer, nn.Linear):
                inputs = [
                    source,
                    self.weight(layer.weight.detach().numpy()),
                    self.weight(layer.bias.detach().numpy()),
                ]
                source = self.add("Gemm", inputs, transB=1)
        return source


def fold(conv: nn.Conv2d, norm: nn.BatchNorm2d | None) -> tuple[np.ndarray, np.ndarray]:
    """Convolution and batch norm as one convolution with bias."""
    weight = conv.weight.detach().double()
    bias = torch.zeros(len(weight), dtype=torch.double) if conv.bias is None else conv.bias.detach().double()
    if norm is not None:
        gain = norm.weight.detach().double() / torch.sqrt(norm.running_var.double() + norm.eps)
        weight = weight * gain[:, None, None, None]
        bias = (bias - norm.running_mean.double()) * gain + norm.bias.detach().double()
    return weight.numpy(), bias.numpy()


def export(expert: Expert, path: Path, note: str) -> None:
    """Write the file; outputs ``video`` (N, 128) and ``audio`` (1, 128, 1, rows) are not yet normalised."""
    expert.eval()
    graph = Graph()
    video = graph.tower("frames", expert.video.layers)
    audio = graph.tower("mel", nn.Sequential(expert.audio.layers, expert.audio.last))
    graph.nodes += [
        helper.make_node("Identity", [video], ["video"]),
        helper.make_node("Identity", [audio], ["audio"]),
    ]
    inputs = [
        helper.make_tensor_value_info("frames", TensorProto.FLOAT, ["N", 5, 48, 64]),
        helper.make_tensor_value_info("mel", TensorProto.FLOAT, [1, 1, 40, "M"]),
    ]
    outputs = [
        helper.make_tensor_value_info("video", TensorProto.FLOAT, ["N", 128]),
        helper.make_tensor_value_info("audio", TensorProto.FLOAT, [1, 128, 1, "R"]),
    ]
    body = helper.make_graph(graph.nodes, "embedded_lip_sync_expert", inputs, outputs, graph.weights)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    helper.set_model_props(model, {"name": "pytest-lipleak embedded expert", "training": note})
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())


def compare(expert: Expert, path: Path) -> float:
    """Largest difference of unit embeddings between PyTorch fp32 and the file."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    torch.manual_seed(0)
    frames, mel = torch.randn(1, 24, 48, 64), torch.randn(1, 96, 40)
    windows = frames[0].unfold(0, 5, 1).permute(0, 3, 1, 2).contiguous().numpy()
    video, audio = session.run(
        ["video", "audio"], {"frames": windows, "mel": mel.transpose(1, 2)[None].numpy()}
    )
    audio = audio[0, :, 0].T
    with torch.no_grad():
        expected = expert.video(frames)[0].numpy(), expert.audio(mel)[0].numpy()
    units = [raw / np.linalg.norm(raw, axis=1, keepdims=True) for raw in (video, audio)]
    return max(float(np.abs(a - b).max()) for a, b in zip(units, expected, strict=True))


def mean(runs: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The mean of several runs' weights and batch norm statistics; counters are the first run's."""
    return {
        name: torch.stack([run[name] for run in runs]).mean(0) if value.is_floating_point() else value
        for name, value in runs[0].items()
    }


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("onnx", type=Path)
    parser.add_argument("--note", default="")
    arguments = parser.parse_args()
    expert = Expert()
    expert.load_state_dict(mean([torch.load(file, weights_only=True) for file in arguments.weights]))
    export(expert, arguments.onnx, arguments.note)
    content = arguments.onnx.read_bytes()
    print(f"{arguments.onnx}: {len(content):,} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")
    print(f"largest difference from PyTorch: {compare(expert, arguments.onnx):.1e}")


if __name__ == "__main__":
    main()
