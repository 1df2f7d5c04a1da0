"""Systems that run as programs, from their real repositories, on the CPU, with small random weights.

The checkouts lie in the folder LIPLEAK_REPOSITORIES; REPOSITORIES_PYTHON is the interpreter of an
environment with their packages, this one without it. The checkouts' code is run as it is, in a copy that holds
the weights; ``programs/spy.py`` writes down what the networks are given.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scenes import LENGTH, Scene, tracked

from pytest_lipleak.generators.facecrops import landmarks_of
from pytest_lipleak.generators.registry import load_model

PROGRAMS = Path(__file__).parent / "programs"
OUTER_LIPS = slice(48, 60)
"""Of the 68 landmarks."""


@dataclass
class Run:
    """What came of one clip under one reference."""

    output: np.ndarray
    seen: dict[str, np.ndarray] = field(repr=False)

    def given(self, network: str, argument: str = "0") -> list[np.ndarray]:
        """What all calls of a network were given, in order."""
        return [
            self.seen[key]
            for key in sorted(self.seen)
            if key.startswith(f"{network}/") and key.endswith(f"/{argument}")
        ]


@pytest.fixture
def scene(shared: Path) -> Scene:
    pytest.importorskip("ai_edge_litert")
    return tracked(shared)


@pytest.fixture
def runs_of(
    repositories: Path, scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Run a system on the scene under its references; return the runs by reference."""
    python = os.environ.get("REPOSITORIES_PYTHON", sys.executable)

    def runs(name: str, folder: str, packages: str, networks: str, given: dict[str, Any]) -> dict[str, Run]:
        if not (repositories / folder).is_dir():
            pytest.skip(f"no checkout {folder} in {repositories}")
        missing = (
            f"import importlib.util as u; print(*(p for p in '{packages}'.split() if u.find_spec(p) is None))"
        )
        lacks = subprocess.run(
            [python, "-c", missing], capture_output=True, text=True, check=True
        ).stdout.split()
        if lacks:
            pytest.skip(f"{python} has no {', '.join(lacks)}; set REPOSITORIES_PYTHON to one that has")
        repo = tmp_path / folder
        shutil.copytree(
            repositories / folder, repo, ignore=shutil.ignore_patterns(".git", "*.mp4", "*.gif", "*.wav")
        )
        environment = {**os.environ, "PYTHONPATH": str(repo)}
        subprocess.run([python, PROGRAMS / f"weights_{name}.py"], cwd=repo, env=environment, check=True)
        spied = tmp_path / "python"
        spied.write_text(f'#!/bin/sh\nexec "{python}" "{PROGRAMS / "spy.py"}" "$@"\n')
        spied.chmod(0o755)
        monkeypatch.setenv("SPY_CLASSES", networks)
        made = {}
        for reference in ("CR", "AR"):
            monkeypatch.setenv("SPY_FILE", str(tmp_path / f"{reference}.npz"))
            files = {
                key: str(repo / value)
                for key, value in given.items()
                if key in ("checkpoint", "interpolation")
            }
            arguments = {**given, **files, "repo": str(repo), "python": str(spied)}
            generator: Any = load_model(name, arguments).generator
            if reference not in generator.supports:
                continue
            if hasattr(generator, "use_face"):
                generator.use_face(scene.face)
            identity = scene.frames if reference == "CR" else scene.frames[:1]
            output = generator.generate(scene.frames.copy(), scene.audio, identity)
            assert output.shape == scene.frames.shape
            made[reference] = Run(output, dict(np.load(tmp_path / f"{reference}.npz")))
        return made

    return runs


def lips_of(scene: Scene) -> np.ndarray:
    """Where the lips are in the frames, bool (T, H, W), by the landmarks of MediaPipe's mesh."""
    import cv2

    from pytest_lipleak.faces.landmarks import OUTER_LIPS

    masks = np.zeros(scene.frames.shape[:3], np.uint8)
    for mask, points in zip(masks, landmarks_of(scene.frames, scene.face)[:, list(OUTER_LIPS)], strict=True):
        cv2.fillPoly(mask, [points.round().astype(np.int32)], 1)
    return masks.astype(bool)


def looks_at_references(runs: dict[str, Run], scene: Scene) -> None:
    """The face around the mouth changed, and otherwise under CR than under AR; far from it nothing did."""
    lips = lips_of(scene)
    changed = {
        name: np.abs(run.output.astype(float) - scene.frames).mean(axis=-1) for name, run in runs.items()
    }
    height, width = scene.frames.shape[1:3]
    for difference in changed.values():
        assert difference[lips].mean() > 20
        # The programs hand back lossy video.
        assert difference[:, : height // 10].mean() < 4
        assert difference[:, :, : width // 10].mean() < 4
    between = np.abs(runs["CR"].output.astype(float) - runs["AR"].output).mean(axis=-1)
    assert between[lips].mean() > 1


def test_latentsync(runs_of: Callable[..., Any], scene: Scene) -> None:
    """Of the U-Net's 13 channels the last four are the reference's latents; all others are alike under CR and AR."""
    runs = runs_of(
        "latentsync",
        "LatentSync",
        "torch diffusers accelerate omegaconf einops kornia decord DeepCache ffmpeg torchvision imageio matplotlib",
        "UNet3DConditionModel,Encoder",
        {
            "checkpoint": "latentsync_unet.pt",
            "config": "configs/unet/small.yaml",
            "steps": 2,
            "faces": "track",
        },
    )
    (masked, current), (also_masked, first) = (runs[name].given("Encoder") for name in ("CR", "AR"))
    np.testing.assert_array_equal(masked, also_masked)
    np.testing.assert_array_equal(first, np.broadcast_to(current[:1], first.shape))
    assert (np.abs(current[1:LENGTH] - current[:1]).max(axis=(1, 2, 3)) > 0.1).all()
    hidden = (masked[0] == 0).all(axis=0)
    assert 0.3 < hidden.mean() < 0.6
    # What is shown is shown as it is, but for the mask's soft edge.
    assert (masked == current).all(axis=(0, 1)).mean() > 0.4
    # The lower third of the aligned face, where the mouth is, is hidden across its middle.
    assert hidden[80:96, 32:96].all()
    for one, other in zip(*(runs[name].given("UNet3DConditionModel") for name in ("CR", "AR")), strict=True):
        assert one.shape[1] == 13
        np.testing.assert_array_equal(one[:, 4:9], other[:, 4:9])
        np.testing.assert_array_equal(one[:, 9:, 0], other[:, 9:, 0])
        assert (one[:, 9:, 1:LENGTH] != other[:, 9:, 1:LENGTH]).any(axis=(0, 1, 3, 4)).all()
    (heard, *_), (heard_again, *_) = (
        runs[name].given("UNet3DConditionModel", "encoder_hidden_states") for name in ("CR", "AR")
    )
    np.testing.assert_array_equal(heard, heard_again)
    assert (heard[len(heard) // 2 :] != 0).any()
    looks_at_references(runs, scene)


def test_musetalk(runs_of: Callable[..., Any], scene: Scene) -> None:
    """Of the U-Net's 8 channels the last four are the reference's latents; the first four are of the masked face."""
    runs = runs_of(
        "musetalk",
        "MuseTalk",
        "torch diffusers transformers omegaconf einops librosa cv2 torchvision",
        "UNet2DConditionModel,Encoder",
        {
            "checkpoint": "models/musetalkV15/unet.pth",
            "faces": "track",
        },
    )
    (current,), (first,) = (runs[name].given("UNet2DConditionModel") for name in ("CR", "AR"))
    assert current.shape == (LENGTH, 8, 32, 32)
    np.testing.assert_array_equal(current[:, :4], first[:, :4])
    np.testing.assert_array_equal(first[:, 4:], np.broadcast_to(current[:1, 4:], first[:, 4:].shape))
    assert (np.abs(current[1:, 4:] - current[:1, 4:]).max(axis=(1, 2, 3)) > 0.1).all()
    pictures = np.concatenate(runs["CR"].given("Encoder"))
    masked, unmasked = pictures[::2], pictures[1::2]
    assert len(masked) == LENGTH
    assert (masked[:, :, 128:] == -1).all()
    np.testing.assert_array_equal(masked[:, :, :128], unmasked[:, :, :128])
    looks_at_references(runs, scene)


@pytest.mark.slow
def test_videoretalking(runs_of: Callable[..., Any], scene: Scene) -> None:
    """Its lip network sees the masked face and, behind it, the stabilised frame: of the current, or the first one."""
    runs = runs_of(
        "videoretalking",
        "video-retalking",
        "torch torchvision dlib basicsr kornia einops librosa scipy skimage cv2",
        "DNet,ENet",
        {"checkpoint": "checkpoints/LNet.pth"},
    )
    current, first = (np.concatenate(runs[name].given("DNet")) for name in ("CR", "AR"))
    assert len(current) == LENGTH
    np.testing.assert_array_equal(first, np.broadcast_to(current[:1], first.shape))
    assert (np.abs(current[1:] - current[:1]).max(axis=(1, 2, 3)) > 0.1).all()
    # What the stabilised frame is moved to is the current frame's pose, under AR, too.
    poses, same_poses = (np.concatenate(runs[name].given("DNet", "1")) for name in ("CR", "AR"))
    assert poses.shape == same_poses.shape == (LENGTH, 73, 26)
    (seen,), (seen_first,) = (runs[name].given("ENet", "1") for name in ("CR", "AR"))
    np.testing.assert_array_equal(seen[:, :3], seen_first[:, :3])
    assert not seen[:, :3, 192:].any()
    assert (seen[:, 3:] != seen_first[:, 3:]).any()
    (heard,), (heard_again,) = (runs[name].given("ENet", "0") for name in ("CR", "AR"))
    np.testing.assert_array_equal(heard, heard_again)
    looks_at_references(runs, scene)


@pytest.mark.slow
def test_keysync(runs_of: Callable[..., Any], scene: Scene) -> None:
    """Its condition is the first frame's latents in all frames; what it is to fill in is masked."""
    runs = runs_of(
        "keysync",
        "keysync",
        "torch diffusers transformers omegaconf fire face_alignment pytorch_lightning open_clip torchaudio av clint",
        "DubbingWrapper",
        {"checkpoint": "keyframe.pt", "interpolation": "interpolation.pt", "faces": "track"},
    )
    assert list(runs) == ["AR"]
    condition, kept, hidden = (
        runs["AR"].given("DubbingWrapper", key)[0] for key in ("concat", "gt", "masks")
    )
    # Three guidances: without a condition, and twice with it, scaled as the latents of the first key frame, frame 0.
    assert not condition[0].any()
    for one, latents in zip(condition[1:], kept[1:, :, 0], strict=True):
        np.testing.assert_allclose(one * 0.18215, latents, atol=1e-5)
    assert np.abs(condition[2] * 0.18215 - kept[2, :, 2]).max() > 0.1
    # In latents of 64 x 64, the box of the mouth below the nose is for the network to fill in.
    assert (hidden[2, :, :, 40:50, 25:40] == 1).all()
    assert not hidden[2, :, :, :24].any()
    face = np.abs(runs["AR"].output.astype(float) - scene.frames).mean(axis=-1)
    assert face[lips_of(scene)].mean() > 20
