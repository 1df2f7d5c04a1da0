"""ONNX files as models: tiny graphs whose output is known, in every layout that exports come in."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_lipleak.core.errors import ConfigurationError, GeneratorError
from pytest_lipleak.generators.contract import declared_by
from pytest_lipleak.generators.facecrops import FaceCrops
from pytest_lipleak.generators.mel import mel_windows
from pytest_lipleak.generators.registry import check_name, load_model

onnx = pytest.importorskip("onnx")
pytest.importorskip("librosa")

LENGTH, SIZE = 7, 32
RNG = np.random.default_rng(0)
FRAMES = RNG.integers(0, 256, (LENGTH, 64, 64, 3)).astype(np.uint8)
AUDIO = (3000 * RNG.normal(size=640 * LENGTH)).astype(np.int16)
WEIGHTS = (0.5, 0.3, 0.1)
"""Of the reference's three channels: a network knows its colours."""
MELS = {"NCHW": (1, 80, 16), "NHWC": (80, 16, 1), "flat": (80, 16)}


def write_network(
    path: Path,
    *,
    faces_last: bool = False,
    mel: str = "NCHW",
    swapped: bool = False,
    half: bool = False,
    batch: int | str = "N",
    size: int | str = SIZE,
    factor: float = 1.0,
    extra_output: bool = False,
) -> Path:
    """Save a network that gives ``factor * (0.25 masked + WEIGHTS reference + (mean mel + 4) / 64)``."""
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    kind = onnx.TensorProto.FLOAT16 if half else onnx.TensorProto.FLOAT
    number = np.float16 if half else np.float32
    axis = 3 if faces_last else 1

    def constant(name: str, values: Any, dtype: Any = number) -> Any:
        return numpy_helper.from_array(np.asarray(values, dtype), name)

    square = (size, size)
    mel_shape = (batch, *MELS[mel])
    inputs = [
        helper.make_tensor_value_info("indiv_mels", kind, mel_shape),
        helper.make_tensor_value_info(
            "img", kind, (batch, *square, 6) if faces_last else (batch, 6, *square)
        ),
    ]
    outputs = [
        helper.make_tensor_value_info("out", kind, (batch, *square, 3) if faces_last else (batch, 3, *square))
    ]
    if extra_output:
        outputs.append(helper.make_tensor_value_info("level", kind, (batch, 1, 1, 1)))
    nodes = [
        helper.make_node("Split", ["img", "halves"], ["masked", "reference"], axis=axis),
        helper.make_node("Mul", ["masked", "quarter"], ["a"]),
        helper.make_node("Mul", ["reference", "half"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["c"]),
        helper.make_node("ReduceMean", ["indiv_mels"], ["mean"], axes=list(range(1, 1 + len(MELS[mel])))),
        helper.make_node("Reshape", ["mean", "column"], ["level"]),
        helper.make_node("Add", ["level", "four"], ["raised"]),
        helper.make_node("Mul", ["raised", "small"], ["d"]),
        helper.make_node("Add", ["c", "d"], ["e"]),
        helper.make_node("Mul", ["e", "factor"], ["out"]),
    ]
    weights = WEIGHTS if faces_last else np.reshape(WEIGHTS, (3, 1, 1))
    constants = [
        constant("halves", [3, 3], np.int64), constant("quarter", 0.25), constant("half", weights),
        constant("four", 4), constant("small", 1 / 64), constant("factor", factor),
        constant("column", [-1, 1, 1, 1], np.int64),
    ]  # fmt: skip
    graph = helper.make_graph(nodes, "g", inputs[:: -1 if swapped else 1], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def faces_of(model: Any, reference: np.ndarray) -> np.ndarray:
    """What the loaded network makes of whole frames, without cutting and pasting."""
    faces = FRAMES[:, :SIZE, :SIZE].copy()
    faces[:, SIZE // 2 :] = 0
    return model.generator._generate(faces, AUDIO, reference[:, :SIZE, :SIZE])


def expected(
    reference: np.ndarray, weights: Sequence[float] = WEIGHTS[::-1], *, swapped: bool = False
) -> np.ndarray:
    """The same by NumPy; BGR by default, so the weights of RGB are the other way round."""
    faces = FRAMES[:, :SIZE, :SIZE] / 255
    faces[:, SIZE // 2 :] = 0
    level = mel_windows(AUDIO, LENGTH).mean(axis=(1, 2))[:, None, None, None]
    first, second = (faces, reference[:, :SIZE, :SIZE] / 255)[:: -1 if swapped else 1]
    return 255 * (0.25 * first + np.array(weights) * second + (level + 4) / 64)


LAYOUTS = [
    {},
    {"faces_last": True},
    {"mel": "NHWC", "swapped": True},
    {"mel": "flat"},
    {"half": True},
    {"batch": 4},
    {"batch": 1, "faces_last": True, "mel": "NHWC"},
    {"size": "S"},
    {"extra_output": True},
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("reference", [FRAMES, FRAMES[3:4]], ids=["CR", "AR"])
def test_every_layout_gives_the_same_faces(
    tmp_path: Path, layout: dict[str, Any], reference: np.ndarray
) -> None:
    arguments = {"size": SIZE} if "size" in layout else {}
    model = load_model(str(write_network(tmp_path / "m.onnx", **layout)), {"batch": 3, **arguments})
    # Truncated to whole grey levels; half precision is good to about a thousandth.
    tolerance = 1.3 if layout.get("half") else 1.001
    difference = expected(reference) - faces_of(model, reference)
    assert difference.min() > -0.3 if layout.get("half") else difference.min() > -1e-3
    assert difference.max() < tolerance


def test_a_whole_clip(tmp_path: Path) -> None:
    """Pasted where the face is; CR and AR differ, and nothing changes outside of the box."""
    model = load_model(str(write_network(tmp_path / "m.onnx")), {"pads": (0, 0, 0, 0)})
    assert isinstance(model.generator, FaceCrops)
    assert declared_by(model.generator).references == ("CR", "AR")
    current, other = (
        model.generator.generate(FRAMES, AUDIO, reference) for reference in (FRAMES, FRAMES[:1])
    )
    assert current.shape == FRAMES.shape
    np.testing.assert_array_equal(current[0], other[0])
    assert (current[1:] != other[1:]).mean() > 0.1
    (left, top, right, bottom) = model.generator.boxes(FRAMES)[0]
    outside = np.ones(FRAMES.shape[1:3], bool)
    outside[top:bottom, left:right] = False
    assert outside.any()
    np.testing.assert_array_equal(current[:, outside], FRAMES[:, outside])


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ({"colour": "rgb"}, {"weights": WEIGHTS}),
        ({"reference_first": True}, {"swapped": True}),
    ],
)
def test_colours_and_halves_in_another_order(
    tmp_path: Path, arguments: dict[str, Any], wanted: dict[str, Any]
) -> None:
    made = faces_of(load_model(str(write_network(tmp_path / "m.onnx")), arguments), FRAMES[:1])
    difference = expected(FRAMES[:1], **wanted) - made
    assert difference.min() > -1e-3
    assert difference.max() < 1.001
    assert np.abs(expected(FRAMES[:1]) - made).max() > 20


def test_batches_can_be_halved_where_the_graph_leaves_them_open(tmp_path: Path) -> None:
    assert load_model(str(write_network(tmp_path / "m.onnx")), {"batch": 8}).generator.batch == 8  # type: ignore[attr-defined]
    fixed = load_model(str(write_network(tmp_path / "m.onnx", batch=4))).generator
    assert fixed.batch is None  # type: ignore[attr-defined]


REFUSED = [
    ({"factor": 3.0}, "the network gave values from "),
    ({"factor": float("nan")}, "the network gave NaN or infinite values; if only silence does"),
]


@pytest.mark.parametrize(("layout", "words"), REFUSED)
def test_output_that_is_no_face_is_refused(tmp_path: Path, layout: dict[str, Any], words: str) -> None:
    model = load_model(str(write_network(tmp_path / "m.onnx", **layout)))
    with pytest.raises(GeneratorError, match=words):
        model.generator.generate(FRAMES, AUDIO, FRAMES)


def write_other(path: Path, **shapes: tuple[Any, ...]) -> str:
    """Save a network with these inputs that gives the first one."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    inputs = [helper.make_tensor_value_info(name, kind, shape) for name, shape in shapes.items()]
    first, shape = next(iter(shapes.items()))
    output = helper.make_tensor_value_info("out", kind, shape)
    graph = helper.make_graph([helper.make_node("Identity", [first], ["out"])], "g", inputs, [output])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return str(path)


OTHERS = [
    (
        {"x": ("N", 3, 96, 96)},
        "its inputs are not those of Wav2Lip; it takes x (N,3,96,96) and gives out (N,3,96,96)",
    ),
    ({"x": ("N", 6, 96, 96), "y": ("N", 1, 29, 16)}, "its inputs are not those of Wav2Lip"),
    ({"x": ("N", 6, 96, 128), "y": ("N", 1, 80, 16)}, "its inputs are not those of Wav2Lip"),
    ({"x": ("N", 6, 96, 96), "y": ("N", 1, 80, 16)}, "0 of its outputs are faces"),
    ({"x": ("N", 6, "H", "W"), "y": ("N", 1, 80, 16)}, "give the argument size"),
    ({"x": (2, 6, 96, 96), "y": (1, 1, 80, 16)}, "0 of its outputs are faces"),
]


@pytest.mark.parametrize(("shapes", "words"), OTHERS)
def test_another_network_is_refused_with_its_shapes(
    tmp_path: Path, shapes: dict[str, tuple[Any, ...]], words: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_model(write_other(tmp_path / "other.onnx", **shapes))
    assert words in str(caught.value)
    assert "expected a mel (N,1,80,16) and faces (N,6,96,96)" in str(caught.value)


ARGUMENTS = [
    ({"size": 64}, "argument size=64, but it takes faces of 32 x 32"),
    ({"colour": "bgrx"}, "expected bgr or rgb"),
    ({"batch": 0}, "argument batch=0"),
    ({"steps": 3}, "it takes (path, device, size"),
]


@pytest.mark.parametrize(("arguments", "words"), ARGUMENTS)
def test_an_argument_that_cannot_work_is_refused(
    tmp_path: Path, arguments: dict[str, Any], words: str
) -> None:
    path = str(write_network(tmp_path / "m.onnx"))
    with pytest.raises(ConfigurationError) as caught:
        load_model(path, arguments)
    assert words in str(caught.value)


def test_files_and_devices_that_are_not_there(tmp_path: Path) -> None:
    for check in (check_name, load_model):
        with pytest.raises(ConfigurationError, match="no such file"):
            check(str(tmp_path / "missing.onnx"))
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(ConfigurationError, match="cannot be loaded as an ONNX network"):
        load_model(str(tmp_path / "text.onnx"))
    path = str(write_network(tmp_path / "m.onnx"))
    check_name(path)
    with pytest.raises(ConfigurationError, match="run on cpu or cuda, not on 'mps'"):
        load_model(path, device="mps")
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises(ConfigurationError, match="ONNX Runtime has only CPUExecutionProvider"):
            load_model(path, device="cuda:0")


def test_the_fingerprint_follows_graph_and_external_weights(tmp_path: Path) -> None:
    def fingerprint() -> str | None:
        return load_model(str(tmp_path / "m.onnx")).fingerprint

    write_network(tmp_path / "m.onnx")
    plain = fingerprint()
    write_network(tmp_path / "m.onnx", factor=0.5)
    other = fingerprint()
    model = onnx.load(tmp_path / "m.onnx")
    (quarter,) = (each for each in model.graph.initializer if each.name == "quarter")
    onnx.external_data_helper.set_external_data(quarter, location="m.weights")
    onnx.save(model, tmp_path / "m.onnx")
    external = fingerprint()
    assert (tmp_path / "m.weights").read_bytes() == np.float32(0.25).tobytes()
    (tmp_path / "m.weights").write_bytes(np.float32(0.125).tobytes())
    assert len({plain, other, external, fingerprint()}) == 4
