"""Wav2Lip's adapter: the tensors that its network sees under CR and AR."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from scenes import refuses_nan

from pytest_lipleak.core.errors import ConfigurationError, WeightsError
from pytest_lipleak.generators.checkout import Checkout
from pytest_lipleak.generators.mel import mel_windows
from pytest_lipleak.generators.registry import load_model

torch = pytest.importorskip("torch")

STAND_IN = {
    "models/__init__.py": "from .wav2lip import Wav2Lip\n",
    "models/conv.py": "from torch import nn\nclass Conv2d(nn.Conv2d):\n    pass\n",
    "models/wav2lip.py": """
import torch
from torch import nn
from .conv import Conv2d

class Wav2Lip(nn.Module):
    def __init__(self):
        super().__init__()
        self.face = Conv2d(6, 3, 3, padding=1)
        self.audio = nn.Linear(80 * 16, 3)

    def forward(self, audio_sequences, face_sequences):
        assert audio_sequences.shape[1:] == (1, 80, 16)
        assert face_sequences.shape[1:] == (6, 96, 96)
        heard = self.audio(audio_sequences.flatten(1))[:, :, None, None]
        return torch.sigmoid(self.face(face_sequences) + heard)
""",
}


@pytest.fixture
def files(checkout_of: Callable, tmp_path: Path) -> dict[str, str]:
    """A checkout, and a checkpoint of random weights as training writes it."""
    repo = checkout_of("Wav2Lip", STAND_IN)
    torch.manual_seed(0)
    network = Checkout("wav2lip", repo, (), "").attribute("models.wav2lip", "Wav2Lip")()
    state = {f"module.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": state, "optimizer": None, "global_step": 1}, tmp_path / "checkpoint.pth")
    return {"repo": str(repo), "checkpoint": str(tmp_path / "checkpoint.pth")}


def watched(generator: Any) -> list[tuple[np.ndarray, ...]]:
    """Every call of the network from now on: mel, pictures, output."""
    calls: list[tuple[np.ndarray, ...]] = []
    generator.model.network.register_forward_hook(
        lambda module, given, made: calls.append((*(each.numpy() for each in given), made.numpy()))
    )
    return calls


def crops(frames: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """What Wav2Lip's inference.py makes of the boxes: BGR in 0..1, (T, 3, 96, 96)."""
    faces = [
        cv2.resize(frame[y1:y2, x1:x2], (96, 96))
        for frame, (x1, y1, x2, y2) in zip(frames, boxes, strict=True)
    ]
    return np.stack(faces)[..., ::-1].transpose(0, 3, 1, 2) / 255


def test_the_network_sees_a_masked_face_and_the_reference_that_is_asked_for(files: dict, scene: Any) -> None:
    generator: Any = load_model("wav2lip", {**files, "batch": 3}).generator
    generator.use_face(scene.face)
    calls = watched(generator)
    output = {
        name: generator.generate(scene.frames.copy(), scene.audio, reference)
        for name, reference in (("CR", scene.frames), ("AR", scene.frames[:1]))
    }
    boxes = generator.boxes(scene.frames)
    current = crops(scene.frames, boxes)
    expected = {"CR": current, "AR": np.repeat(current[:1], len(current), axis=0)}
    batches = -(-len(current) // 3)
    for name, seen in (("CR", calls[:batches]), ("AR", calls[batches:])):
        mel, pictures, made = (np.concatenate(parts) for parts in zip(*seen, strict=True))
        np.testing.assert_array_equal(mel[:, 0], mel_windows(scene.audio, len(current)))
        np.testing.assert_allclose(pictures[:, :3, :48], current[:, :, :48], atol=1e-6)
        assert not pictures[:, :3, 48:].any()
        np.testing.assert_allclose(pictures[:, 3:], expected[name], atol=1e-6)
        for frame, face, (x1, y1, x2, y2) in zip(output[name], made, boxes, strict=True):
            face = (face.transpose(1, 2, 0)[..., ::-1] * 255).astype(np.uint8)
            np.testing.assert_array_equal(frame[y1:y2, x1:x2], cv2.resize(face, (x2 - x1, y2 - y1)))
        outside = output[name].copy()
        for frame, real, (x1, y1, x2, y2) in zip(outside, scene.frames, boxes, strict=True):
            frame[y1:y2, x1:x2] = real[y1:y2, x1:x2]
        np.testing.assert_array_equal(outside, scene.frames)
    made = [np.concatenate([call[2] for call in seen]) for seen in (calls[:batches], calls[batches:])]
    assert np.abs(made[0] - made[1])[1:].max() > 0
    np.testing.assert_array_equal(output["CR"][0], output["AR"][0])


def test_the_mask_hides_the_mouth(files: dict, scene: Any) -> None:
    """Darken the mouth: the network sees the same, its reference aside."""
    generator: Any = load_model("wav2lip", files).generator
    generator.use_face(scene.face)
    reference = scene.frames[:1]
    calls = watched(generator)
    generator.generate(scene.frames.copy(), scene.audio, reference)
    painted = scene.frames.copy()
    for frame, (x1, y1, x2, y2) in zip(painted, generator.boxes(painted), strict=True):
        height = y2 - y1
        frame[y1 + int(0.55 * height) : y1 + int(0.95 * height), x1 + 5 : x2 - 5] //= 2
    generator.generate(painted, scene.audio, reference)
    np.testing.assert_array_equal(calls[0][1][:, :3], calls[1][1][:, :3])


@pytest.mark.parametrize("kind", ["stand-in"], indirect=True)
def test_the_fingerprint_names_code_weights_and_geometry(files: dict, tmp_path: Path) -> None:
    first = load_model("wav2lip", files).fingerprint
    assert load_model("wav2lip", files).fingerprint == first
    assert load_model("wav2lip", {**files, "pads": (0, 0, 0, 0)}).fingerprint != first
    with (Path(files["repo"]) / "models" / "conv.py").open("a") as file:
        file.write("# changed\n")
    assert load_model("wav2lip", files).fingerprint != first


@pytest.mark.parametrize("kind", ["stand-in"], indirect=True)
def test_what_does_not_fit_is_named(files: dict, tmp_path: Path) -> None:
    def load(**other: Any) -> None:
        load_model("wav2lip", {**files, **other})

    with pytest.raises(
        ConfigurationError, match="repo=absent is no folder; expected a checkout of Rudrabha/Wav2Lip"
    ):
        load(repo="absent")
    with pytest.raises(ConfigurationError, match=r"has no models/wav2lip\.py"):
        load(repo=str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"checkpoint=absent\.pth: no such file"):
        load(checkpoint="absent.pth")
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(WeightsError, match=r"text\.pth: cannot be read as plain weights"):
        load(checkpoint=str(tmp_path / "text.pth"))
    torch.save({"state_dict": {"renderer.weight": torch.zeros(3)}}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"is no checkpoint of wav2lip.*missing.*1 parameters unknown"):
        load(checkpoint=str(tmp_path / "other.pth"))


@pytest.mark.parametrize("kind", ["stand-in"], indirect=True)
def test_a_package_that_the_checkout_needs_is_named(files: dict) -> None:
    (Path(files["repo"]) / "models" / "conv.py").write_text("import a_strange_package\n")
    with pytest.raises(ConfigurationError, match=r"needs the package 'a_strange_package'.*pip install"):
        load_model("wav2lip", files)


@pytest.mark.parametrize("kind", ["stand-in"], indirect=True)
def test_nan_is_no_black_mouth(files: dict, scene: Any) -> None:
    generator: Any = load_model("wav2lip", files).generator
    refuses_nan(generator, generator.model.network, scene)
