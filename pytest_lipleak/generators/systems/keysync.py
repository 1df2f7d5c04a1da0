"""KeySync (Bigata et al. 2025): runs in its own environment.

Its reference is one frame of the clip for all others: the first, at the commit that was looked at
(``random_cond_idx = 0``). So there is no current reference. It works on square heads of 512 pixels; we cut them
out and paste them back. It generates windows of 14 frames that share one, and leaves out what fills none: up to
12 frames at the end. We repeat the last frame until all windows are full, and cut that off again.
"""

from typing import Any

import numpy as np

from pytest_lipleak.core.clips import Audio, Frames, held
from pytest_lipleak.core.timebase import SAMPLES_PER_FRAME
from pytest_lipleak.generators.catalogue import ModelCard
from pytest_lipleak.generators.facecrops import ClipFace, FaceCrops
from pytest_lipleak.generators.systems.program import known_faces, program, runner

CARD = ModelCard(
    name="keysync",
    summary="KeySync (Bigata et al. 2025), 512x512, HuBERT and WavLM, two stages of latent diffusion",
    factory="pytest_lipleak.generators.systems.keysync:keysync",
    supports=("AR",),
    alternative_reference="first",
    repository="antonibigata/keysync",
    arguments={
        "repo": "folder of the checkout",
        "checkpoint": "the keyframe model's weights",
        "interpolation": "the interpolation model's weights",
    },
    own_environment=True,
    licence="Apache-2.0",
    remarks="no current reference; AR is the first frame only; slow without CUDA; optional: python=ENVIRONMENT, "
    "keyframes_config, interpolation_config, seed, faces=track",
)

SIZE = 512
HEAD = (0.35, 0.35, 0.35, 0.35)
"""Top, bottom, left and right that belong to the head beyond the face box, as shares of it."""

WINDOW, STEP = 14, 13
"""Frames that are generated at once, and from one window to the next."""

CONFIGS = "scripts/sampling/configs"


def keysync(
    repo: str,
    checkpoint: str,
    interpolation: str,
    device: str = "cuda",
    python: str | None = None,
    keyframes_config: str = f"{CONFIGS}/keyframe.yaml",
    interpolation_config: str = f"{CONFIGS}/interpolation.yaml",
    seed: int = 23,
    faces: str = "own",
) -> FaceCrops:
    """Build the generator.

    Args:
        repo: folder of a checkout of antonibigata/keysync, with WavLM's weights in ``pretrained_models``.
        checkpoint: the keyframe model's weights.
        interpolation: the interpolation model's weights.
        device: ``cuda:N`` shows the program that device only.
        python: interpreter, or folder of the environment, that has KeySync's packages.
        keyframes_config: of the keyframe model, from the checkout on; it must fit the weights.
        interpolation_config: likewise of the interpolation model.
        seed: of the noise.
        faces: ``own`` detector of the program, or ``track``, the clip's shared face track: needs no weights of
            a detector.
    """
    heads = program(
        CARD,
        f"python '{runner('keysync')}' --keyframes_config '{keyframes_config}' --interpolation_config "
        f"'{interpolation_config}' --keyframes {{checkpoint}} --interpolation {{interpolation}} --seed {{seed}} "
        f"--video {{video}} --audio {{audio}} --folder {{workdir}}/made{known_faces(CARD.name, faces)}",
        repo=repo,
        needs=("scripts/sampling/dubbing_pipeline_raw.py", "sgm", keyframes_config, interpolation_config),
        checkpoints={"checkpoint": checkpoint, "interpolation": interpolation},
        device=device,
        python=python,
        seed=seed,
        result="{workdir}/made/*.mp4",
    )
    return Heads(heads, SIZE, margins=HEAD, mask=None)


class Heads(FaceCrops):
    """Heads as the program takes them: a video of whole windows, whose face is the clip's."""

    def __init__(self, model: Any, size: int, **geometry: Any) -> None:
        super().__init__(model, size, **geometry)
        self._generate = self._in_whole_windows

    def use_face(self, face: ClipFace) -> None:
        """Remember where the face of the next clip is, and that heads are full of it."""
        super().use_face(face)
        self.model.remember_face(ClipFace(None, face.find_landmarks))

    def _in_whole_windows(self, faces: Frames, audio: Audio, reference: Frames) -> Frames:
        missing = max(WINDOW - len(faces), -(len(faces) - WINDOW) % STEP)
        faces_and_more = np.concatenate([faces, np.repeat(faces[-1:], missing, axis=0)])
        heard = np.pad(audio, (0, missing * SAMPLES_PER_FRAME))
        made = held(self.model.generate(faces_and_more, heard, reference))
        return made[: len(faces)]
