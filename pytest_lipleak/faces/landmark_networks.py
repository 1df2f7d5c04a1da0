"""MediaPipe's Face Landmarker bundle: its networks, run by LiteRT without the ``mediapipe`` package.

``mediapipe`` installs opencv-contrib-python, which overwrites this package's cv2: only one of
them can own ``cv2``. The bundle is a zip of TensorFlow Lite files, and LiteRT alone runs them.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.errors import MissingExtraError, WeightsError
from pytest_lipleak.machine.model_files import ModelFile, locate, obtain

FACE_LANDMARKER = ModelFile(
    "face_landmarker.task",
    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task",
    "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
    "Apache-2.0 (Google MediaPipe)",
    "the face model, for protocol tracked and for landmarks",
)
DETECTOR = "face_detector.tflite"
LANDMARKS = "face_landmarks_detector.tflite"


def require_faces(weights: Path | None = None) -> None:
    """See to it that faces can be found, without loading anything; the model is downloaded where it is not at hand.

    Args:
        weights: the weights folder, or None to use the download folder.

    Raises:
        MissingExtraError: LiteRT is not installed.
        WeightsError: the bundle can't be had, or is not the published one.
    """
    if find_spec("ai_edge_litert") is None:
        raise MissingExtraError("Face detection", "ai-edge-litert", "faces")
    obtain(FACE_LANDMARKER, weights)


def faces_at_hand(weights: Path | None = None) -> bool:
    """Whether faces can be found without a download."""
    folder = weights.parent if weights is not None and weights.is_file() else weights
    found = locate(FACE_LANDMARKER.name, folder) or locate(FACE_LANDMARKER.name, None)
    return found is not None and find_spec("ai_edge_litert") is not None


class Network:
    """One network of the bundle. Not to be shared between threads.

    Args:
        part: file name inside the bundle.
        weights: the weights folder, or None to use the download folder.
        threads: for the CPU.

    Raises:
        MissingExtraError: LiteRT is not installed.
        WeightsError: the bundle can't be had, or is not the published one.
    """

    def __init__(self, part: str, weights: Path | None = None, threads: int = 1) -> None:
        interpreter = _interpreter_class()  # before anything is downloaded for it
        content = _unpacked(obtain(FACE_LANDMARKER, weights), part)
        self._interpreter = interpreter(model_content=content, num_threads=threads)
        self._interpreter.allocate_tensors()
        (source,) = self._interpreter.get_input_details()
        self._source = source["index"]
        self._outputs = [detail["index"] for detail in self._interpreter.get_output_details()]

    def __call__(self, image: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Run on one image, float32 (H, W, 3) in the network's own range; returns its outputs in order."""
        self._interpreter.set_tensor(self._source, image[None])
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(output) for output in self._outputs]


@cache
def _unpacked(bundle: Path, part: str) -> bytes:
    try:
        with ZipFile(bundle) as archive:
            return archive.read(part)
    except (BadZipFile, KeyError) as error:
        raise WeightsError(f"{bundle}: holds no {part}; expected MediaPipe's Face Landmarker") from error


def _interpreter_class() -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise MissingExtraError("Face detection", "ai-edge-litert", "faces") from error
    return Interpreter
