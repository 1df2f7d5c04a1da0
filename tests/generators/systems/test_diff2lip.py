"""Diff2Lip's adapter: what its network sees at every step under CR and AR."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scenes import refuses_nan

from pytest_lipleak.core.errors import WeightsError
from pytest_lipleak.generators.checkout import Checkout
from pytest_lipleak.generators.facecrops import ClipFace, cut
from pytest_lipleak.generators.mel import mel_windows
from pytest_lipleak.generators.registry import load_model
from pytest_lipleak.generators.systems.diff2lip import ARCHITECTURE

torch = pytest.importorskip("torch")

MODULE = "guided_diffusion.script_util"
STAND_IN = {
    "guided-diffusion/guided_diffusion/__init__.py": "",
    "guided-diffusion/guided_diffusion/script_util.py": """
import torch
from torch import nn

def tfg_model_and_diffusion_defaults():
    return {"image_size": 64, "use_fp16": False, "dropout": 0.0}

def tfg_create_model_and_diffusion(image_size, timestep_respacing, **options):
    assert image_size == 128 and options["use_ref"] and options["nrefer"] == 1
    return TFGModel(), Sampler(int(timestep_respacing.removeprefix("ddim")))

class TFGModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.picture = nn.Conv2d(9, 3, 3, padding=1)
        self.audio = nn.Linear(80 * 16, 3)

    def forward(self, x, timesteps, cond_img=None, mask=None, ref_img=None, indiv_mels=None):
        x = x * mask + (1 - mask) * cond_img
        heard = self.audio(indiv_mels.flatten(1))[:, :, None, None]
        return self.picture(torch.cat([x, cond_img, ref_img], 1)) + heard

class Sampler:
    def __init__(self, steps):
        self.steps = steps

    def ddim_sample_loop(self, model, shape, noise, clip_denoised, model_kwargs):
        made = noise
        for step in range(self.steps):
            made = model(made, torch.full((shape[0],), step), **model_kwargs).clamp(-1, 1)
        return made
""",
}


@pytest.fixture
def files(checkout_of: Callable, kind: str, tmp_path: Path) -> dict[str, Any]:
    """A checkout, and a checkpoint of random weights: a bare state dict."""
    repo = checkout_of("diff2lip", STAND_IN)
    if kind == "repository":
        for package in ("blobfile", "tensorboard"):
            pytest.importorskip(package)
        pytest.importorskip("mpi4py.MPI", exc_type=(ImportError, RuntimeError))
    torch.manual_seed(0)
    checkout = Checkout("diff2lip", repo, (), "", ("guided-diffusion",))
    defaults = checkout.attribute(MODULE, "tfg_model_and_diffusion_defaults")()
    create = checkout.attribute(MODULE, "tfg_create_model_and_diffusion")
    with checkout.active():
        network, _ = create(**{**defaults, **ARCHITECTURE, "timestep_respacing": "ddim2"})
    # The repository's own initial weights end in zeros, which no input can change.
    state = {name: torch.randn_like(value) * 0.05 for name, value in network.state_dict().items()}
    torch.save(state, tmp_path / "checkpoint.pt")
    return {"repo": str(repo), "checkpoint": str(tmp_path / "checkpoint.pt"), "steps": 2, "batch": 2}


@pytest.fixture
def short(scene: Any) -> Any:
    """Three frames: the real network is slow on a CPU."""
    boxes = scene.face.boxes
    return replace(scene, frames=scene.frames[:3], face=ClipFace(None if boxes is None else boxes[:3]))


def test_the_network_sees_a_noisy_mouth_and_the_reference_that_is_asked_for(files: dict, short: Any) -> None:
    frames, audio = short.frames, short.audio
    generator: Any = load_model("diff2lip", files).generator
    generator.use_face(short.face)
    calls: list[dict[str, np.ndarray]] = []
    generator.model.network.register_forward_pre_hook(
        lambda module, given, named: calls.append({name: value.numpy() for name, value in named.items()}),
        with_kwargs=True,
    )
    output = {
        name: generator.generate(frames.copy(), audio, reference)
        for name, reference in (("CR", frames), ("AR", frames[:1]))
    }
    boxes = generator.boxes(frames)
    current = cut(frames, boxes, 128).transpose(0, 3, 1, 2) / 127.5 - 1
    expected = {"CR": current, "AR": np.repeat(current[:1], 3, axis=0)}
    assert [len(call["ref_img"]) for call in calls] == [2, 2, 1, 1] * 2
    for name, seen in (("CR", calls[0:4:2]), ("AR", calls[4:8:2])):
        given = {key: np.concatenate([call[key] for call in seen]) for key in seen[0]}
        np.testing.assert_allclose(given["ref_img"], expected[name], atol=1e-6)
        np.testing.assert_allclose(given["cond_img"][:, :, :64], current[:, :, :64], atol=1e-6)
        noise = given["cond_img"][:, :, 64:]
        np.testing.assert_array_equal(noise[1:], noise[:-1])
        assert 0.9 < noise.std() < 1.1
        np.testing.assert_array_equal(given["indiv_mels"], mel_windows(audio, 3, shift=-1))
        assert not given["mask"][:, :, :64].any()
        assert given["mask"][:, :, 64:].all()
    assert output["CR"].shape == frames.shape
    np.testing.assert_array_equal(output["CR"][0], output["AR"][0])
    assert (output["CR"][1:] != output["AR"][1:]).any()
    for frame, other, real, (x1, y1, x2, y2) in zip(output["CR"], output["AR"], frames, boxes, strict=True):
        middle = (y1 + y2) // 2
        np.testing.assert_allclose(frame[y1 : middle - 2, x1:x2], real[y1 : middle - 2, x1:x2], atol=60)
        frame[y1:y2, x1:x2] = other[y1:y2, x1:x2] = real[y1:y2, x1:x2]
        np.testing.assert_array_equal(frame, real)
        np.testing.assert_array_equal(other, real)


@pytest.mark.parametrize("kind", ["stand-in"], indirect=True)
def test_the_same_seed_gives_the_same(files: dict, short: Any) -> None:
    frames, audio = short.frames, short.audio
    generator: Any = load_model("diff2lip", {**files, "steps": 3}).generator
    generator.use_face(short.face)
    first, again = (generator.generate(frames.copy(), audio, frames) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (
        load_model("diff2lip", {**files, "seed": 8}).fingerprint != load_model("diff2lip", files).fingerprint
    )


@pytest.mark.parametrize("kind", ["stand-in"], indirect=True)
def test_weights_of_another_model_are_refused(files: dict, tmp_path: Path) -> None:
    torch.save({"state_dict": {"weight": torch.zeros(2)}}, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match="is no checkpoint of diff2lip"):
        load_model("diff2lip", {**files, "checkpoint": str(tmp_path / "other.pt")})


@pytest.mark.parametrize("kind", ["stand-in"], indirect=True)
def test_nan_is_no_black_mouth(files: dict, short: Any) -> None:
    generator: Any = load_model("diff2lip", files).generator
    refuses_nan(generator, generator.model.network, short)
