"""Short clips, real and embedded, and folders of files, for the tests of adapters."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_lipleak.core.errors import GeneratorError
from pytest_lipleak.generators.facecrops import ClipFace
from pytest_lipleak.media.clipsets import open_clips

LENGTH = 8
"""Frames of the clip: few, because random weights need no more."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A short clip and where its face is."""

    frames: np.ndarray
    audio: np.ndarray
    face: ClipFace

    @property
    def silence(self) -> np.ndarray:
        return np.random.default_rng(0).normal(0, 30, len(self.audio)).astype(np.int16)


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def centred() -> Scene:
    clip = open_clips("embedded")["mara_1"]
    part = slice(30, 30 + LENGTH)
    audio = clip.audio[30 * 640 : (30 + LENGTH) * 640]
    return Scene(clip.frames[part], audio, ClipFace(None, invented_landmarks))


def invented_landmarks(frames: np.ndarray, boxes: np.ndarray | None) -> np.ndarray:
    """A mesh of which only nose, mouth corners and chin are where the face has them, and which sways."""
    mesh = np.random.default_rng(0).uniform((35, 20), (125, 120), (478, 2))
    for point, place in {5: (80, 62), 2: (80, 74), 61: (66, 86), 291: (94, 86), 152: (80, 112)}.items():
        mesh[point] = place
    sway = np.round(frames[:, ::40, ::40].mean(axis=(1, 2, 3)) % 3)
    return (mesh + sway[:, None, None]).astype(np.float32)


def tracked(shared: Path) -> Scene:
    from pytest_lipleak.faces.detection import FaceDetector
    from pytest_lipleak.faces.landmarks import FaceLandmarker
    from pytest_lipleak.faces.tracking import reframed

    weights = shared / "weights"
    clip = open_clips(shared / "clips" / "grid_bbaf2n.mpg")["grid_bbaf2n"]
    # The word "white" is spoken here: the mouth moves.
    part = slice(34, 34 + LENGTH)
    detector = FaceDetector(weights)
    boxes = np.stack([reframed(detector.detect(frame)[0]) for frame in clip.frames[part]])

    def landmarks(frames: np.ndarray, boxes: np.ndarray | None) -> np.ndarray:
        return FaceLandmarker(weights).landmarks(frames, () if boxes is None else boxes)

    audio = clip.audio[34 * 640 : (34 + LENGTH) * 640]
    return Scene(clip.frames[part], audio, ClipFace(boxes, landmarks))


def refuses_nan(generator: Any, network: Any, scene: Scene) -> None:
    """Let one value of what the network makes be NaN, and see that no picture comes of it."""

    def spoilt(module: Any, given: Any, made: Any) -> None:
        picture = made[0] if isinstance(made, tuple) else made
        picture[-1, 0, -1, -1] = float("nan")

    network.register_forward_hook(spoilt)
    generator.use_face(scene.face)
    with pytest.raises(GeneratorError, match="the network gave NaN or infinite values"):
        generator.generate(scene.frames, scene.audio, scene.frames)
