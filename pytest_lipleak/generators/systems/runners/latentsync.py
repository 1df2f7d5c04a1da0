"""Runs LatentSync from the folder of its checkout, with its own or the first frame as reference.

Its pipeline encodes the reference in ``prepare_image_latents``; a subclass hands it the first face. The
pixels that are pasted back around the mouth stay those of the current frame. Needs nothing of pytest-lipleak.
"""

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any


def first_reference(pipeline: Any) -> Any:
    """Return the pipeline class, with the first face it is shown as reference of all frames."""

    class FirstReference(pipeline):  # type: ignore[misc]
        """The pipeline with another reference."""

        def prepare_image_latents(self, images: Any, *rest: Any, **named: Any) -> Any:
            """Encode the first face as often as faces are given, (N, 3, H, W)."""
            if not hasattr(self, "_first_face"):
                self._first_face = images[:1]
            return super().prepare_image_latents(self._first_face[[0] * len(images)], *rest, **named)

    return FirstReference


def main() -> None:
    """Run as ``scripts.inference`` does, with ``--reference``."""
    parser = argparse.ArgumentParser()
    for name in (
        "unet_config_path",
        "inference_ckpt_path",
        "video_path",
        "audio_path",
        "video_out_path",
        "temp_dir",
    ):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--reference", choices=("current", "first"), required=True)
    parser.add_argument("--inference_steps", type=int, default=20)
    parser.add_argument("--guidance_scale", type=float, default=1.5)
    parser.add_argument("--seed", type=int, default=1247)
    options = parser.parse_args()
    options.enable_deepcache = False
    sys.path.insert(0, str(Path.cwd()))
    program: Any = importlib.import_module("scripts.inference")
    if options.reference == "first":
        program.LipsyncPipeline = first_reference(program.LipsyncPipeline)
    program.main(importlib.import_module("omegaconf").OmegaConf.load(options.unet_config_path), options)


if __name__ == "__main__":
    main()
