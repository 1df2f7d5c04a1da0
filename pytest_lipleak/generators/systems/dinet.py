"""DINet (Zhang et al. 2023): the network of the user's checkout, in process.

The reference is the network's second input: five pictures of the person, fifteen channels RGB in 0..1. The
repository draws five frames of the clip without a seed; here they are those of the strategy ``multiple``,
evenly spread, and under CR all five are the current frame. Other things that differ from the repository:
landmarks are MediaPipe's instead of OpenFace's, a reference's crop has the size that inference gives its
frame (the repository varies it at random by up to 10 %), and a face near the edge is completed by repeating
the edge, where the repository refuses the video.
"""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Frames
from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.core.timebase import SAMPLE_RATE
from pytest_lipleak.generators.catalogue import ModelCard
from pytest_lipleak.generators.checkout import Checkout, checkpoint_file, load_weights, torch_for
from pytest_lipleak.generators.facecrops import ClipFace, finite, landmarks_of, reference_landmarks

CARD = ModelCard(
    name="dinet",
    summary="DINet (Zhang et al. 2023), 416x320, DeepSpeech",
    factory="pytest_lipleak.generators.systems.dinet:DINet",
    supports=("CR", "AR"),
    alternative_reference="multiple",
    repository="MRzzm/DINet",
    arguments={
        "repo": "folder of the checkout",
        "checkpoint": "clip_training_DINet_256mouth.pth",
        "deepspeech": "output_graph.pb, the DeepSpeech graph",
    },
    packages=("torch", "tensorflow", "python_speech_features", "ai_edge_litert"),
    licence="none stated",
    remarks="optional: batch",
)

WIDTH, HEIGHT = 320, 416
MASK = (slice(128, 384), slice(32, 288))
"""Rows and columns of the crop that are blacked out."""

KEPT = 12 / 13
"""Share of the generated crop's height that is pasted back: its last quarter radius is not."""

REFERENCES = 5
NOSE_BRIDGE, NOSE_BASE, MOUTH_LEFT, MOUTH_RIGHT, CHIN = 5, 2, 61, 291, 152
"""Of MediaPipe's mesh: points 29, 33, 48, 54 and 8 of the 68 that the repository takes from OpenFace."""

SCALE = 1.05
CONTEXT = 2
"""Frames on either side whose audio features, and face sizes, belong to a frame."""


class DINet:
    """The generator.

    Args:
        repo: folder of a checkout of MRzzm/DINet.
        checkpoint: its weights, with ``state_dict`` and ``net_g`` inside.
        deepspeech: the frozen TensorFlow graph that makes audio features.
        device: torch device.
        batch: frames at once.
    """

    supports = CARD.supports
    alternative_reference = CARD.alternative_reference

    def __init__(
        self, repo: str, checkpoint: str, deepspeech: str, device: str = "cpu", batch: int = 8
    ) -> None:
        self._torch = torch_for(CARD.name)
        checkout = Checkout(CARD.name, repo, ("models/DINet.py", "sync_batchnorm"), CARD.repository)
        path, graph = (
            checkpoint_file(CARD.name, checkpoint),
            checkpoint_file(CARD.name, deepspeech, "deepspeech"),
        )
        with checkout.active():
            network = checkout.attribute("models.DINet", "DINet")(3, 3 * REFERENCES, 29)
        self.network: Any = load_weights(CARD.name, network, path, within=("state_dict", "net_g")).to(device)
        self.fingerprint = checkout.fingerprint(path, graph)
        self.batch = batch
        self.hear: Any = DeepSpeech(graph)
        self._device = device
        self._face = ClipFace(None)

    def use_face(self, face: ClipFace) -> None:
        """Remember where the face of the next clip is."""
        self._face = face

    def generate(self, frames: Frames, audio: Audio, reference: Frames) -> Frames:
        """Generate; see ``generators.interface``."""
        landmarks = landmarks_of(frames, self._face)
        own = crops_of(landmarks)
        per_frame = len(reference) == len(frames)
        others = crops_of(reference_landmarks(reference, frames, landmarks, self._face), in_a_row=per_frame)
        margin = max(beyond(own, frames), beyond(others, frames))
        identity = cut(padded(reference, margin), others + margin)
        if not per_frame:
            identity = identity[np.linspace(0, len(identity) - 1, REFERENCES).round().astype(int)]
        output = padded(frames, margin)
        faces = cut(output, own + margin)
        faces[:, MASK[0], MASK[1]] = 0
        heard = np.pad(self.hear(audio, len(frames)), ((CONTEXT, CONTEXT), (0, 0)), mode="edge")
        for start in range(0, len(frames), self.batch):
            which = range(start, min(start + self.batch, len(frames)))
            windows = np.stack([heard[i : i + 2 * CONTEXT + 1].T for i in which])
            several = [np.stack([identity[i]] * REFERENCES) if per_frame else identity for i in which]
            made = self._made(faces[start : start + self.batch], np.stack(several), windows)
            for i, face in zip(which, made, strict=True):
                paste(output[i], face, own[i] + margin)
        height, width = frames.shape[1:3]
        return np.ascontiguousarray(output[:, margin : margin + height, margin : margin + width])

    def _made(self, faces: Frames, identity: Frames, heard: NDArray[np.float32]) -> NDArray[np.float32]:
        """Generated crops, float32 (B, 416, 320, 3) in 0..255; identity is (B, 5, 416, 320, 3)."""
        side_by_side = np.concatenate(list(identity.transpose(1, 0, 2, 3, 4)), axis=-1)
        given = (_channels_first(faces), _channels_first(side_by_side), heard)
        with self._torch.inference_mode():
            tensors = (self._torch.from_numpy(np.ascontiguousarray(each, np.float32)) for each in given)
            made = self.network(*(tensor.to(self._device) for tensor in tensors)).cpu().numpy()
        scaled: NDArray[np.float32] = finite(made).transpose(0, 2, 3, 1) * 255
        return scaled


def _channels_first(faces: Frames) -> NDArray[np.float32]:
    return faces.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)


def crops_of(landmarks: NDArray[np.float32], in_a_row: bool = True) -> NDArray[np.int64]:
    """Return what the repository cuts out: left, top, right, bottom, int64 (T, 4), maybe beyond the frame.

    Args:
        landmarks: MediaPipe's mesh, (T, 478, 2).
        in_a_row: whether these are frames one after the other, whose sizes steady each other.
    """
    points = landmarks.astype(np.int64)
    chin = points[:, CHIN, 1] - points[:, NOSE_BRIDGE, 1]
    mouth = points[:, MOUTH_RIGHT, 0] - points[:, MOUTH_LEFT, 0]
    radius = np.maximum(chin, mouth) * SCALE // 2
    if in_a_row:
        radius = np.lib.stride_tricks.sliding_window_view(
            np.pad(radius, CONTEXT, mode="edge"), 2 * CONTEXT + 1
        ).max(1)
    r = ((radius / 4).astype(np.int64) + 1) * 4
    x, y = points[:, NOSE_BASE, 0], points[:, NOSE_BRIDGE, 1]
    return np.stack([x - r - r // 4, y - r, x + r + r // 4, y + 2 * r + r // 4], axis=1)


def beyond(boxes: NDArray[np.int64], frames: Frames) -> int:
    """By how many pixels boxes reach beyond the frame, at most."""
    height, width = frames.shape[1:3]
    return int(max(0, -boxes[:, :2].min(), boxes[:, 2].max() - width, boxes[:, 3].max() - height))


def padded(frames: Frames, margin: int) -> Frames:
    """Return a copy with its edges repeated ``margin`` pixels beyond the frame."""
    return np.pad(frames, ((0, 0), (margin, margin), (margin, margin), (0, 0)), mode="edge")


def cut(frames: Frames, boxes: NDArray[np.int64]) -> Frames:
    """Return the boxes' content, uint8 (T, 416, 320, 3)."""
    import cv2

    return np.stack(
        [
            cv2.resize(frame[y1:y2, x1:x2], (WIDTH, HEIGHT))
            for frame, (x1, y1, x2, y2) in zip(frames, boxes, strict=True)
        ]
    )


def paste(frame: NDArray[np.uint8], face: NDArray[np.float32], box: NDArray[np.int64]) -> None:
    """Put a generated crop, float (416, 320, 3), back in place, but for its lowest part."""
    import cv2

    x1, y1, x2, y2 = box
    rows = round((y2 - y1) * KEPT)
    frame[y1 : y1 + rows, x1:x2] = cv2.resize(face, (int(x2 - x1), int(y2 - y1)))[:rows]


class DeepSpeech:
    """DeepSpeech 0.1's logits, 25 a second; loaded when first heard.

    Source: the DeepSpeech input of Mozilla's release, as ``utils/deep_speech.py`` of the repository makes it.

    Args:
        graph: the frozen TensorFlow graph.
    """

    CEPSTRA = 26
    STRIDES = 9
    """Cepstral coefficients, and how many steps of 20 ms before and after are seen together."""

    def __init__(self, graph: Path) -> None:
        self._path = graph
        self._session: Any = None

    def __call__(self, audio: Audio, length: int) -> NDArray[np.float32]:
        """Return the logits of ``length`` frames, float32 (length, 29)."""
        mfcc = _imported("python_speech_features").mfcc
        steps = mfcc(audio, samplerate=SAMPLE_RATE, numcep=self.CEPSTRA)[::2]
        empty = np.zeros((self.STRIDES, self.CEPSTRA))
        seen = np.lib.stride_tricks.sliding_window_view(
            np.concatenate([empty, steps, empty]), (2 * self.STRIDES + 1, self.CEPSTRA)
        ).reshape(len(steps), -1)
        logits = self._run((seen - seen.mean()) / seen.std())[::2]
        # A frame more or less than the clip has: the last one is repeated, or dropped.
        return logits[np.minimum(np.arange(length), len(logits) - 1)].astype(np.float32)

    def _run(self, seen: NDArray[np.float64]) -> NDArray[np.float32]:
        if self._session is None:
            self._session = _session(self._path)
        given = {"deepspeech/input_node:0": seen[None], "deepspeech/input_lengths:0": [len(seen)]}
        logits: NDArray[np.float32] = self._session.run("deepspeech/logits:0", feed_dict=given)[:, 0]
        return logits


def _session(path: Path) -> Any:
    tensorflow = _imported("tensorflow")
    definition = tensorflow.compat.v1.GraphDef()
    definition.ParseFromString(path.read_bytes())
    graph = tensorflow.Graph()
    with graph.as_default():
        tensorflow.import_graph_def(definition, name="deepspeech")
    return tensorflow.compat.v1.Session(graph=graph)


def _imported(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ConfigurationError(
            f"model {CARD.name!r} needs the package {package!r}, which is not installed, for its audio features; "
            f"install it with: pip install {package}"
        ) from error
