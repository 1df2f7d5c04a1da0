"""DINet's adapter: five references, and a crop that its landmarks decide."""

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from scenes import refuses_nan

from pytest_lipleak.core.errors import ConfigurationError, WeightsError
from pytest_lipleak.generators.checkout import Checkout
from pytest_lipleak.generators.facecrops import ClipFace
from pytest_lipleak.generators.registry import load_model
from pytest_lipleak.generators.systems.dinet import DeepSpeech, crops_of

torch = pytest.importorskip("torch")

STAND_IN = {
    "sync_batchnorm/__init__.py": "from torch.nn import BatchNorm2d as SynchronizedBatchNorm2d\n",
    "models/DINet.py": """
import torch
from torch import nn
from sync_batchnorm import SynchronizedBatchNorm2d

class DINet(nn.Module):
    def __init__(self, source_channel, ref_channel, audio_channel):
        super().__init__()
        assert (source_channel, ref_channel, audio_channel) == (3, 15, 29)
        self.pictures = nn.Conv2d(18, 3, 3, padding=1)
        self.audio = nn.Linear(29 * 5, 3)
        self.norm = SynchronizedBatchNorm2d(3)

    def forward(self, source_img, ref_img, audio_feature):
        heard = self.audio(audio_feature.flatten(1))[:, :, None, None]
        return torch.sigmoid(self.norm(self.pictures(torch.cat([source_img, ref_img], 1)) + heard))
""",
}


@pytest.fixture
def files(checkout_of: Callable, tmp_path: Path) -> dict[str, Any]:
    """A checkout, and a checkpoint of random weights as training writes it."""
    repo = checkout_of("DINet", STAND_IN)
    torch.manual_seed(0)
    network = Checkout("dinet", repo, (), "").attribute("models.DINet", "DINet")(3, 15, 29)
    state = {f"module.{name}": value for name, value in network.state_dict().items()}
    torch.save(
        {"epoch": 1, "state_dict": {"net_g": state}, "optimizer": {"net_g": {}}}, tmp_path / "dinet.pth"
    )
    (tmp_path / "graph.pb").write_bytes(b"a graph")
    return {
        "repo": str(repo),
        "checkpoint": str(tmp_path / "dinet.pth"),
        "deepspeech": str(tmp_path / "graph.pb"),
    }


@pytest.fixture
def short(scene: Any, kind: str) -> Any:
    """As few frames as show what is meant: the real network is slow on a CPU."""
    count = 2 if kind == "repository" else len(scene.frames)
    boxes = scene.face.boxes
    face = ClipFace(None if boxes is None else boxes[:count], scene.face.find_landmarks)
    return replace(scene, frames=scene.frames[:count], face=face)


def test_the_network_sees_a_masked_face_and_five_references(files: dict, short: Any) -> None:
    frames = short.frames
    generator: Any = load_model("dinet", {**files, "batch": 1}).generator
    generator.use_face(short.face)
    heard = np.random.default_rng(0).normal(size=(len(frames), 29)).astype(np.float32)
    generator.hear = lambda audio, length: heard[:length]
    calls: list[list[np.ndarray]] = []
    made: list[np.ndarray] = []

    def watch(module: Any, given: Any, result: Any) -> None:
        calls.append([each.numpy().copy() for each in given])
        made.append(result.numpy().copy())

    generator.network.register_forward_hook(watch)
    output = {
        name: generator.generate(frames.copy(), short.audio, reference)
        for name, reference in (("CR", frames), ("AR", frames[-1:]))
    }
    assert len(calls) == 2 * len(frames)
    boxes = crops_of(short.face.find_landmarks(frames, short.face.boxes))
    padded = [cv2.copyMakeBorder(frame, *[200] * 4, cv2.BORDER_REPLICATE) for frame in frames]
    current = [
        cv2.resize(frame[y1 + 200 : y2 + 200, x1 + 200 : x2 + 200], (320, 416)).transpose(2, 0, 1) / 255
        for frame, (x1, y1, x2, y2) in zip(padded, boxes, strict=True)
    ]
    for index in range(len(frames)):
        for offset, wanted in ((0, index), (len(frames), len(frames) - 1)):
            source, reference, audio = calls[offset + index]
            visible = source[0].copy()
            assert not visible[:, 128:384, 32:288].any()
            expected = current[index].copy()
            expected[:, 128:384, 32:288] = 0
            np.testing.assert_allclose(visible, expected, atol=1e-6)
            np.testing.assert_allclose(reference[0], np.concatenate([current[wanted]] * 5), atol=1e-6)
            around = np.clip(np.arange(index - 2, index + 3), 0, len(frames) - 1)
            np.testing.assert_array_equal(audio[0], heard[around].T)
    # Looked at before rounding: random weights of the real network change a picture by less than a grey level.
    assert (made[0] != made[len(frames)]).any()
    for index, (x1, y1, x2, y2) in enumerate(boxes):
        outside = np.ones(frames.shape[1:3], bool)
        outside[max(y1, 0) : y2, max(x1, 0) : x2] = False
        np.testing.assert_array_equal(output["CR"][index][outside], frames[index][outside])
        assert (output["CR"][index][~outside] != frames[index][~outside]).mean() > 0.5


@pytest.mark.parametrize("kind", ["stand-in"], indirect=True)
def test_five_references_fill_the_fifteen_channels_in_order(files: dict, short: Any) -> None:
    frames = short.frames
    generator: Any = load_model("dinet", files).generator
    generator.use_face(short.face)
    generator.hear = lambda audio, length: np.zeros((length, 29), np.float32)
    seen: list[np.ndarray] = []
    generator.network.register_forward_pre_hook(lambda module, given: seen.append(given[1].numpy()))
    generator.generate(frames.copy(), short.audio, frames)
    generator.generate(frames.copy(), short.audio, frames[[0, 2, 4, 6, 7]])
    several = seen[1][0].reshape(5, 3, 416, 320)
    for one, index in zip(several[:3], (0, 2, 4), strict=True):
        # A single reference's crop is its own, that of a frame in a row steadied by its neighbours.
        assert np.abs(one - seen[0][index][:3]).mean() < 0.15
    assert len({one.tobytes() for one in several}) == 5


def test_deepspeech_hears_25_times_a_second(tmp_path: Path) -> None:
    pytest.importorskip("python_speech_features")
    ears = DeepSpeech(tmp_path / "graph.pb")
    seen: list[np.ndarray] = []

    def run(windows: np.ndarray) -> np.ndarray:
        seen.append(windows)
        return np.repeat(np.arange(len(windows), dtype=np.float32)[:, None], 29, axis=1)

    ears._run = run  # type: ignore[method-assign]
    for audio in (
        np.random.default_rng(0).integers(-9000, 9000, 25 * 640).astype(np.int16),
        np.zeros(25 * 640, np.int16),
    ):
        heard = ears(audio, 25)
        assert heard[:24, 0].tolist() == list(range(0, 48, 2))
        assert heard.shape == (25, 29)
        windows = seen.pop()
        assert windows.shape[1] == 19 * 26
        assert np.isfinite(windows).all()
        assert abs(windows.mean()) < 1e-9
        assert abs(windows.std() - 1) < 1e-9
        # The middle of a window is the step itself; the first one has nothing before it.
        np.testing.assert_array_equal(windows[0, 9 * 26 : 10 * 26], windows[1, 8 * 26 : 9 * 26])


@pytest.mark.parametrize("kind", ["stand-in"], indirect=True)
def test_what_is_missing_is_named(files: dict, short: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"deepspeech=absent\.pb: no such file"):
        load_model("dinet", {**files, "deepspeech": "absent.pb"})
    torch.save({"state_dict": {"net_g": {"weight": torch.zeros(2)}}}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="is no checkpoint of dinet"):
        load_model("dinet", {**files, "checkpoint": str(tmp_path / "other.pth")})
    if find_spec("tensorflow") is None:
        generator: Any = load_model("dinet", files).generator
        generator.use_face(short.face)
        with pytest.raises(ConfigurationError, match="pip install tensorflow"):
            generator.generate(short.frames, short.audio, short.frames)


@pytest.mark.parametrize("kind", ["stand-in"], indirect=True)
def test_nan_is_no_black_mouth(files: dict, short: Any) -> None:
    generator: Any = load_model("dinet", files).generator
    generator.hear = lambda audio, length: np.zeros((length, 29), np.float32)
    refuses_nan(generator, generator.network, short)
