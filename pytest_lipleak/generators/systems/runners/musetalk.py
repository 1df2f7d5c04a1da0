"""Runs MuseTalk from the folder of its checkout, with its own or the first frame as reference.

Its VAE gives the network the latents of the masked face and, behind them, of the reference. To have the first
frame as reference, the latter are kept from the first face. The seed makes the VAE's sampling repeatable. With
landmarks that are known beforehand, mmpose and a face detector are not needed. Needs nothing of pytest-lipleak.
"""

import argparse
import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

REFERENCE_CHANNELS = slice(4, 8)
"""Of the latents (1, 8, 32, 32)."""


LANDMARKS_MODULE = "musetalk.utils.preprocessing"
"""Where the program takes its face boxes from; loads mmpose and a face detector."""

NOSE = 29
"""Of the 68 landmarks: the boundary between what is kept and what is generated."""


def face_boxes(landmarks: Any, shift: int = 0) -> list[tuple[int, int, int, int]]:
    """Return left, top, right, bottom per frame as the program makes them of its 68 landmarks, (T, 68, 2).

    The nose bridge lies half-way between top and bottom.
    """
    boxes = []
    for points in landmarks.astype(int):
        left, bottom_right = points[:, 0].min(), points.max(axis=0)
        middle = points[NOSE, 1] + shift
        top = max(0, 2 * middle - bottom_right[1])
        boxes.append((max(0, int(left)), int(top), int(bottom_right[0]), int(bottom_right[1])))
    return boxes


def know_faces(path: str) -> None:
    """Put a module in place of the one that finds faces; it reads the landmarks (T, 68, 2) of a NumPy file."""
    module: Any = ModuleType(LANDMARKS_MODULE)
    module.coord_placeholder = (0.0, 0.0, 0.0, 0.0)
    module.read_imgs = lambda paths: [importlib.import_module("cv2").imread(one) for one in paths]

    def get_landmark_and_bbox(paths: list[str], shift: int = 0) -> Any:
        known = importlib.import_module("numpy").load(path)
        if len(known) != len(paths):
            raise ValueError(f"landmarks of {len(known)} frames for a video of {len(paths)}")
        return face_boxes(known, shift), module.read_imgs(paths)

    module.get_landmark_and_bbox = get_landmark_and_bbox
    sys.modules[LANDMARKS_MODULE] = module


def keep_first_reference(vae: Any) -> None:
    """Let the VAE give the reference latents of the first face it encodes for all others."""
    encode = vae.get_latents_for_unet
    first: list[Any] = []

    def latents(face: Any) -> Any:
        made = encode(face)
        first.append(made[:, REFERENCE_CHANNELS])
        made[:, REFERENCE_CHANNELS] = first[0]
        return made

    vae.get_latents_for_unet = latents


def main() -> None:
    """Run as ``scripts.inference`` does, with ``--reference`` and without a configuration file."""
    parser = argparse.ArgumentParser()
    for name in ("video", "audio", "output", "workdir", "unet_model_path", "unet_config", "version"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--reference", choices=("current", "first"), required=True)
    parser.add_argument("--landmarks")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    task = {"task_0": {"video_path": given.video, "audio_path": given.audio, "result_name": given.output}}
    configuration = Path(given.workdir) / "task.yaml"
    configuration.write_text(json.dumps(task))  # JSON is YAML
    # In place of this file's own folder: a module there would go before the checkout's package of its name, which
    # has no __init__.py.
    sys.path[0] = str(Path.cwd())
    if given.landmarks:
        know_faces(given.landmarks)
    program: Any = importlib.import_module("scripts.inference")
    importlib.import_module("torch").manual_seed(given.seed)
    if given.reference == "first":
        load = program.load_all_model

        def load_all_model(*rest: Any, **named: Any) -> Any:
            models = load(*rest, **named)
            keep_first_reference(models[0])
            return models

        program.load_all_model = load_all_model
    program.main(
        argparse.Namespace(
            inference_config=str(configuration),
            result_dir=str(Path(given.workdir) / "results"),
            output_vid_name=None,
            unet_model_path=given.unet_model_path,
            unet_config=given.unet_config,
            version=given.version,
            ffmpeg_path="",
            gpu_id=0,
            vae_type="sd-vae",
            whisper_dir="./models/whisper",
            bbox_shift=0,
            extra_margin=10,
            fps=25,
            audio_padding_length_left=2,
            audio_padding_length_right=2,
            batch_size=8,
            use_saved_coord=False,
            saved_coord=False,
            use_float16=False,
            parsing_mode="jaw",
            left_cheek_width=90,
            right_cheek_width=90,
        )
    )


if __name__ == "__main__":
    main()
