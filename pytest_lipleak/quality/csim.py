"""CSIM: is it still the same person? Cosine between ArcFace embeddings of generated and real face.

Source: Deng et al. 2019, "ArcFace". The default network is InsightFace's MobileFaceNet trained on
WebFace600K (``w600k_mbf.onnx``), whose licence allows **research use only**; name an ONNX file of your own
for anything else. Values of different networks are not comparable.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Video, picked
from pytest_lipleak.core.errors import WeightsError
from pytest_lipleak.faces.landmarks import EYE_CORNERS, MOUTH_CORNERS, NOSE_TIP, Landmarks
from pytest_lipleak.machine.model_files import ModelFile, obtain
from pytest_lipleak.quality.sampling import evenly

ARCFACE = ModelFile(
    "w600k_mbf.onnx",
    "https://github.com/yakhyo/uniface/releases/download/weights/w600k_mbf.onnx",
    "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f",
    "InsightFace model zoo: non-commercial research use only",
    "ArcFace, for CSIM",
)

SIZE = 112
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Where both eyes, nose tip and mouth corners lie in an aligned face, in pixels: ArcFace's own."""

FRAMES = 16
"""Frames of a clip that are compared by default, evenly spread: identity does not change from frame to frame."""

BATCH = 8


def require_recogniser(weights: Path | None = None, *, model: Path | None = None) -> None:
    """See to it that the network is at hand, without loading it; arguments and errors as ``FaceRecogniser``."""
    if model is None:
        obtain(ARCFACE, weights)


class FaceRecogniser:
    """An ArcFace network on ONNX Runtime.

    Args:
        weights: the weights folder, or None to use the download folder.
        model: an ONNX file of your own instead of the default network, with input (N, 3, 112, 112), RGB scaled
            to -1..1, and output (N, D).
        threads: for the CPU; 0 lets the runtime choose.

    Raises:
        WeightsError: the default file can't be had or is not the published one; ``model`` is no such network.
    """

    def __init__(self, weights: Path | None = None, *, model: Path | None = None, threads: int = 0) -> None:
        self._session = _session(model or obtain(ARCFACE, weights), threads)
        source = self._session.get_inputs()[0]
        if list(source.shape[1:]) != [3, SIZE, SIZE]:
            raise WeightsError(
                f"{model}: takes input of shape {source.shape}, expected (N, 3, {SIZE}, {SIZE}) as ArcFace does"
            )
        self._source = source.name
        self._batch = BATCH if not isinstance(source.shape[0], int) else source.shape[0]

    def embed(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed aligned faces.

        Args:
            faces: uint8 RGB, shape (N, 112, 112, 3).

        Returns:
            float32 (N, D), of unit length.
        """
        pixels = (faces.astype(np.float32) - 127.5) / 127.5
        planes = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
        pieces = [
            self._session.run(None, {self._source: planes[start : start + self._batch]})[0]
            for start in range(0, len(planes), self._batch)
        ]
        raw = np.concatenate(pieces) if pieces else np.empty((0, 1), np.float32)
        return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), np.float32)


def csim(
    output: Video,
    real: Video,
    output_landmarks: Landmarks,
    real_landmarks: Landmarks,
    recogniser: FaceRecogniser,
    frames: int | None = FRAMES,
) -> NDArray[np.float64]:
    """Cosine between the faces in generated and real frames: 1 for the same picture, about 0 for strangers.

    Args:
        output: generated frames, uint8 RGB, shape (T, H, W, 3).
        real: the clip's own frames, as many.
        output_landmarks: of the generated frames, float32 (T, 478, 2); frames without a face are left out.
        real_landmarks: of the real frames.
        recogniser: the network.
        frames: how many frames to compare, evenly spread; None for all.

    Returns:
        float64, one value per compared frame, in [-1, 1]; empty when no frame shows both faces.

    Raises:
        ValueError: the videos or their landmarks are not equally long.
    """
    lengths = {len(each) for each in (output, real, output_landmarks, real_landmarks)}
    if len(lengths) > 1:
        raise ValueError(f"frames and landmarks of {sorted(lengths)} frames, expected equally many")
    both = np.isfinite(output_landmarks[:, 0, 0]) & np.isfinite(real_landmarks[:, 0, 0])
    chosen = evenly(np.flatnonzero(both), frames)
    if not len(chosen):
        return np.empty(0)
    one, other = (
        recogniser.embed(
            np.stack(
                [aligned(*each) for each in zip(picked(video, chosen.tolist()), mesh[chosen], strict=True)]
            )
        )
        for video, mesh in ((output, output_landmarks), (real, real_landmarks))
    )
    return np.asarray(np.einsum("nd,nd->n", one, other), np.float64)


def aligned(frame: NDArray[np.uint8], mesh: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The face turned and scaled so that its five points meet ArcFace's template: uint8 RGB (112, 112, 3).

    Args:
        frame: uint8 RGB (H, W, 3).
        mesh: landmarks of the face in it, float32 (478, 2).
    """
    import cv2

    linear, offset = similarity(five_points(mesh), TEMPLATE)
    scale = np.sqrt(abs(np.linalg.det(linear)))
    if scale < 0.5:  # bilinear sampling alone would alias
        frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), 0.4 / scale), np.uint8)
    return np.asarray(cv2.warpAffine(frame, np.column_stack([linear, offset]), (SIZE, SIZE)), np.uint8)


def five_points(mesh: NDArray[np.float32]) -> NDArray[np.float64]:
    """Middle of either eye, nose tip and mouth corners, image's left before right: float64 (5, 2)."""
    eyes = [mesh[list(corners)].mean(axis=0) for corners in EYE_CORNERS]
    return np.stack([*eyes, mesh[NOSE_TIP], *mesh[list(MOUTH_CORNERS)]]).astype(np.float64)


def similarity(
    source: NDArray[np.float64], target: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least-squares rotation and scale (2, 2) and shift (2,) from ``source`` to ``target`` points (N, 2).

    Without reflection (Umeyama 1991). In the plane, both follow from one complex regression.
    """
    z = (source - source.mean(axis=0)) @ np.array([1, 1j])
    w = (target - target.mean(axis=0)) @ np.array([1, 1j])
    turn = np.vdot(z, w) / np.vdot(z, z).real
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return linear, target.mean(axis=0) - linear @ source.mean(axis=0)


def _session(path: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own exception classes are not public
        raise WeightsError(f"{path}: cannot be read as an ONNX network ({error})") from error
