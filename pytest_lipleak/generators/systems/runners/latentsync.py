"""Runs LatentSync from the folder of its checkout, with its own or the first frame as reference.

Its pipeline encodes the reference in ``prepare_image_latents``; a subclass hands it the first face. The
pixels that are pasted back around the mouth stay those of the current frame. Without CUDA, what the script
puts there stays on the CPU. Needs nothing of pytest-lipleak.
"""

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

PLACES = {
    **dict(zip((43, 48, 49, 51, 50), range(17, 22), strict=True)),
    **dict(zip(range(101, 106), range(22, 27), strict=True)),
    74: 29,
    86: 30,
    77: 31,
    83: 35,
}
"""Of the 106 points of its face detector, those that place the face, eyebrows and nose, among the usual 68."""


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


def staying_on_cpu(pipeline: Any) -> Any:
    """Return the pipeline class, which no ``to("cuda")`` moves."""

    class StayingOnCPU(pipeline):  # type: ignore[misc]
        """The pipeline where it is."""

        def to(self, *_: Any, **__: Any) -> Any:
            """Stay."""
            return self

    return StayingOnCPU


class KnownFaces:
    """In place of its face detector: landmarks that are known beforehand, frame after frame.

    Args:
        path: of the 68 landmarks, float (T, 68, 2) in pixels, a NumPy file.
    """

    def __init__(self, path: str) -> None:
        self._landmarks = iter(importlib.import_module("numpy").load(path))

    def __call__(self, frame: Any) -> tuple[tuple[int, ...], Any]:
        """Return the face box and its 106 landmarks; only those that place the face are set."""
        known = next(self._landmarks)
        points = importlib.import_module("numpy").zeros((106, 2))
        points[list(PLACES)] = known[list(PLACES.values())]
        return tuple(int(side) for side in (*known.min(axis=0), *known.max(axis=0))), points


def image_processor(module: Any, cuda: bool, landmarks: str | None) -> Any:
    """Return what makes the pipeline's image processor: on the CPU, or with known faces, where that is asked for."""
    make = module.ImageProcessor

    def made(resolution: int, device: str, mask_image: Any) -> Any:
        own_faces = cuda and landmarks is None
        # On the "cpu" it makes no face detector.
        processor = make(resolution, device=device if own_faces else "cpu", mask_image=mask_image)
        if not own_faces:
            torch = importlib.import_module("torch")
            # Half precision, its default, is for CUDA.
            options = (
                {"device": device, "dtype": torch.float16}
                if cuda
                else {"device": "cpu", "dtype": torch.float32}
            )
            processor.restorer = type(processor.restorer)(resolution=resolution, **options)
            detector = importlib.import_module("latentsync.utils.face_detector").FaceDetector
            # Its detector runs on the CPU where ONNX Runtime finds no CUDA, whatever it is called.
            processor.face_detector = KnownFaces(landmarks) if landmarks else detector("cuda")
        return processor

    return made


def main() -> None:
    """Run as ``scripts.inference`` does, with ``--reference``, with or without CUDA."""
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
    parser.add_argument("--landmarks")
    parser.add_argument("--inference_steps", type=int, default=20)
    parser.add_argument("--guidance_scale", type=float, default=1.5)
    parser.add_argument("--seed", type=int, default=1247)
    options = parser.parse_args()
    options.enable_deepcache = False
    # In place of this file's own folder: a module there would go before the checkout's package of its name, which
    # has no __init__.py.
    sys.path[0] = str(Path.cwd())
    program: Any = importlib.import_module("scripts.inference")
    cuda = importlib.import_module("torch").cuda.is_available()
    if not cuda:
        encoder = program.Audio2Feature
        program.Audio2Feature = lambda **named: encoder(**{**named, "device": "cpu"})
        program.LipsyncPipeline = staying_on_cpu(program.LipsyncPipeline)
    module: Any = importlib.import_module("latentsync.pipelines.lipsync_pipeline")
    module.ImageProcessor = image_processor(module, cuda, options.landmarks)
    if options.reference == "first":
        program.LipsyncPipeline = first_reference(program.LipsyncPipeline)
    program.main(importlib.import_module("omegaconf").OmegaConf.load(options.unet_config_path), options)


if __name__ == "__main__":
    main()
