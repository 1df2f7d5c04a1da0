"""IP_LAP's adapter: reference landmarks and reference pictures of both networks."""

import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from scenes import refuses_nan

from pytest_lipleak.core.errors import ConfigurationError, WeightsError
from pytest_lipleak.generators.checkout import Checkout
from pytest_lipleak.generators.facecrops import ClipFace
from pytest_lipleak.generators.mel import mel_windows
from pytest_lipleak.generators.registry import load_model
from pytest_lipleak.generators.systems.ip_lap import CONTENT, LINES, POSE, sketch

torch = pytest.importorskip("torch")

STAND_IN = {
    "models/__init__.py": "import a_package_for_audio_that_nobody_needs\n",
    "models/landmark_generator.py": """
import torch
from torch import nn

class Landmark_generator(nn.Module):
    def __init__(self, T, d_model, nlayers, nhead, dim_feedforward, dropout=0.1):
        super().__init__()
        assert (T, d_model, nlayers, nhead, dim_feedforward) == (5, 512, 4, 4, 1024)
        self.hear = nn.Linear(80 * 16, 57 * 2)
        self.remember = nn.Linear(131 * 2, 57 * 2)

    def forward(self, T_mels, T_pose, Nl_pose, Nl_content):
        assert T_mels.shape == (1, 5, 1, 80, 16) and T_pose.shape == (1, 5, 2, 74)
        known = torch.cat([Nl_pose, Nl_content], 3).flatten(2).mean(1)
        marks = torch.ones(1).cuda() * torch.sigmoid(self.hear(T_mels.flatten(2)[0]) / 50 + self.remember(known) / 50)
        return marks.reshape(5, 2, 57)
""",
    "models/video_renderer.py": """
import torch
from torch import nn

class DenseFlowNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.Conv2d(21, 3, 1)

    def forward(self, ref_N_frame_img, ref_N_frame_sketch, T_driving_sketch):
        driving = T_driving_sketch.flatten(1, 2)
        both = torch.cat([ref_N_frame_img.mean(1), ref_N_frame_sketch.mean(1), driving], 1)
        mixed = self.mix(both)
        return mixed, mixed * 2, mixed * 3

class TranslationNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.Conv2d(18, 3, 1)
        self.hear = nn.Linear(80 * 16, 3)

    def forward(self, translation_input, wrapped_ref, wrapped_h1, wrapped_h2, T_mels):
        assert T_mels.shape == (1, 1, 1, 80, 16)
        heard = self.hear(T_mels.flatten(2)[0])[:, :, None, None]
        return torch.sigmoid(self.mix(translation_input) + wrapped_ref + heard)
""",
}


@pytest.fixture
def files(
    checkout_of: Callable, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """A checkout, and two checkpoints of random weights as training writes them."""
    repo = checkout_of("IP_LAP", STAND_IN)
    if kind == "repository":
        # Imported for a loss only, and no version of it goes with every torch.
        monkeypatch.setitem(sys.modules, "torchvision", ModuleType("torchvision"))
    torch.manual_seed(0)
    checkout = Checkout("ip_lap", repo, (), "", bare=("models",))
    flow = checkout.attribute("models.video_renderer", "DenseFlowNetwork")()
    translation = checkout.attribute("models.video_renderer", "TranslationNetwork")()
    landmarks = checkout.attribute("models.landmark_generator", "Landmark_generator")(
        T=5, d_model=512, nlayers=4, nhead=4, dim_feedforward=1024, dropout=0.1
    )
    renderer = {f"module.flow_module.{name}": value for name, value in flow.state_dict().items()}
    renderer |= {f"module.translation.{name}": value for name, value in translation.state_dict().items()}
    renderer |= {"module.perceptual.network.0.weight": torch.zeros(1)}
    torch.save({"state_dict": renderer}, tmp_path / "renderer.pth")
    torch.save({"state_dict": landmarks.state_dict()}, tmp_path / "landmarks.pth")
    return {
        "repo": str(repo),
        "checkpoint": str(tmp_path / "renderer.pth"),
        "landmarks": str(tmp_path / "landmarks.pth"),
    }


@pytest.fixture
def short(scene: Any, kind: str) -> Any:
    """As few frames as show what is meant: the real networks are slow on a CPU."""
    count = 3 if kind == "repository" else len(scene.frames)
    boxes = scene.face.boxes
    face = ClipFace(None if boxes is None else boxes[:count], scene.face.find_landmarks)
    return replace(scene, frames=scene.frames[:count], face=face)


def test_both_networks_see_the_references_that_are_asked_for(files: dict, short: Any) -> None:
    frames, count = short.frames, len(short.frames)
    generator: Any = load_model("ip_lap", files).generator
    generator.use_face(short.face)
    calls: dict[str, list[list[np.ndarray]]] = {"landmarks": [], "flow": [], "translation": []}
    for name, module in (
        ("landmarks", generator.landmark_generator),
        ("flow", generator.renderer.flow_module),
        ("translation", generator.renderer.translation),
    ):
        module.register_forward_pre_hook(
            lambda module, given, name=name: calls[name].append([each.numpy().copy() for each in given])
        )
    made: list[np.ndarray] = []
    generator.renderer.translation.register_forward_hook(
        lambda module, given, result: made.append(result.numpy().copy())
    )
    output = {
        name: generator.generate(frames.copy(), short.audio, reference)
        for name, reference in (("CR", frames), ("AR", frames[[0, count - 1]]))
    }
    assert [len(seen) for seen in calls.values()] == [2 * count] * 3

    mesh = short.face.find_landmarks(frames, short.face.boxes)
    points = mesh[:, [*POSE, *CONTENT]]
    height, width = frames.shape[1:3]
    corners = np.concatenate([points.min(1) - 25, points.max(1) + 25], 1)
    boxes = np.clip(corners, 0, [width, height, width, height]).astype(int)
    shares = [(p - b[:2]) / (b[2:] - b[:2]) for p, b in zip(points, boxes, strict=True)]
    pictures = [
        cv2.resize(frame[y1:y2, x1:x2, ::-1], (128, 128)).transpose(2, 0, 1) / 255
        for frame, (x1, y1, x2, y2) in zip(frames, boxes, strict=True)
    ]
    openness = np.linalg.norm((mesh[:, 0] - mesh[:, 17]) / [width, height], axis=1)
    ordered = sorted((0, count - 1), key=lambda index: openness[index])
    mel = mel_windows(short.audio, count, shift=-2)
    for index in range(count):
        around = np.clip(np.arange(index - 2, index + 3), 0, count - 1)
        for condition, offset in (("CR", 0), ("AR", count)):
            heard, pose, known_pose, known_content = calls["landmarks"][offset + index]
            np.testing.assert_array_equal(heard[0, :, 0], mel[around])
            np.testing.assert_allclose(pose[0], [shares[each].T[:, :74] for each in around], atol=1e-4)
            known = np.concatenate([known_pose, known_content], axis=3)[0]
            # 14 of 15, and 24 of 25, round down to the first of two.
            wanted = [index] * 15 if condition == "CR" else [ordered[0]] * 14 + [ordered[1]]
            np.testing.assert_allclose(known, [shares[each].T for each in wanted], atol=1e-4)
            shown, drawn, _ = calls["flow"][offset + index]
            wanted = [index] if condition == "CR" else [ordered[0]] * 24 + [ordered[1]]
            np.testing.assert_allclose(shown[0], [pictures[each] for each in wanted], atol=1e-6)
            assert drawn.shape == shown.shape
            assert 0.01 < (drawn > 0.3).mean() < 0.3
            given, *_, window = calls["translation"][offset + index]
            assert not given[0, :3, 64:].any()
            np.testing.assert_allclose(given[0, :3, :64], pictures[index][:, :64], atol=1e-6)
            np.testing.assert_array_equal(window[0, 0, 0], mel[index])
    # Looked at before rounding: random weights of the real networks change a picture by less than a grey level.
    assert (made[1] != made[count + 1]).any()
    for index, (x1, y1, x2, y2) in enumerate(boxes):
        outside = np.ones((height, width), bool)
        outside[y1:y2, x1:x2] = False
        np.testing.assert_array_equal(output["AR"][index][outside], frames[index][outside])
        assert (output["AR"][index] != frames[index]).any()


def test_all_points_are_known_once_and_lines_join_them() -> None:
    assert len(POSE) == 74
    assert len(CONTENT) == 57
    assert len({*POSE, *CONTENT}) == 131
    edges = {frozenset(pair) for line in LINES for pair in pairwise(line)}
    # Lips 40, eyes 2 x 16, brows 2 x 8, oval 24, nose 13.
    assert len(edges) == 40 + 32 + 16 + 24 + 13
    assert {point for line in LINES for point in line} == {*POSE, *CONTENT}


def test_a_sketch_keeps_the_proportions_of_the_box() -> None:
    points = np.full((2, 131), -1.0, np.float32)
    names = (*POSE, *CONTENT)
    for name, place in {61: (0.25, 0.5), 146: (0.75, 0.5)}.items():
        points[:, names.index(name)] = place
    drawn = sketch(points, np.array([0, 0, 100, 200]))
    rows, columns = np.nonzero(drawn[..., 0])
    assert drawn.shape == (128, 128, 3)
    assert set(rows) <= {63, 64}
    assert (columns.min(), columns.max()) == (32, 96)


@pytest.mark.parametrize("kind", ["stand-in"], indirect=True)
def test_what_does_not_fit_is_named(files: dict) -> None:
    with pytest.raises(ConfigurationError, match=r"landmarks=absent\.pth: no such file"):
        load_model("ip_lap", {**files, "landmarks": "absent.pth"})
    with pytest.raises(WeightsError, match=r"renderer\.pth: is no checkpoint of ip_lap"):
        load_model("ip_lap", {**files, "landmarks": files["checkpoint"]})


@pytest.mark.parametrize("kind", ["stand-in"], indirect=True)
def test_nan_is_no_black_mouth(files: dict, short: Any) -> None:
    generator: Any = load_model("ip_lap", files).generator
    refuses_nan(generator, generator.renderer.translation, short)
