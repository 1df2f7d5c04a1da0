"""IP_LAP (Zhong et al. 2023): the networks of the user's checkout, in process.

Two networks in a row. The first predicts the landmarks of lips and jaw from audio, pose and 15 reference
landmark sets; the second renders the masked face from the drawn landmarks and 25 reference pictures with
their landmarks drawn. Under AR both sets come from the alternative reference, ordered by how open the lips
are and spread evenly over that order, as the repository does it over the whole clip; the strategy
``multiple-25`` gives it frames evenly spread in time. Under CR all 15 and all 25 are the current frame.

What differs from the repository: the first frames are generated like all others instead of repeating the
third; the face is blended in along MediaPipe's face oval and brows instead of face_alignment's contour.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Frames
from pytest_lipleak.faces.landmarks import INNER_CONTOUR, OUTER_LIPS
from pytest_lipleak.generators.catalogue import ModelCard
from pytest_lipleak.generators.checkout import Checkout, checkpoint_file, load_weights, torch_for
from pytest_lipleak.generators.facecrops import (
    ClipFace,
    as_pixels,
    cut,
    landmarks_of,
    pasted,
    reference_landmarks,
    widened,
)
from pytest_lipleak.generators.mel import mel_windows

CARD = ModelCard(
    name="ip_lap",
    summary="IP_LAP (Zhong et al. 2023), 128x128, mel and landmarks",
    factory="pytest_lipleak.generators.systems.ip_lap:IPLAP",
    supports=("CR", "AR"),
    alternative_reference="multiple-25",
    repository="Weizhi-Zhong/IP_LAP",
    arguments={
        "repo": "folder of the checkout",
        "checkpoint": "renderer_checkpoint.pth",
        "landmarks": "landmarkgenerator_checkpoint.pth",
    },
    packages=("torch", "torchvision", "librosa", "ai_edge_litert"),
    licence="Apache-2.0",
)

SIZE = 128
PICTURES, LANDMARK_SETS = 25, 15
"""References of the renderer, and of the landmark generator."""

WINDOW = 5
"""Frames that the landmark generator sees at once; the middle one is rendered."""

PAD = 25
"""Pixels around the landmarks that belong to the face."""

CHEEKS = (162, 127, 234, 93, 323, 454, 356, 389)
BROWS = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46, 336, 296, 334, 293, 300, 276, 283, 282, 295, 285)
NOSE = (168, 6, 197, 195, 5, 48, 115, 220, 45, 4, 275, 440, 344, 278)
EYES = (
    33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7,
    362, 398, 384, 385, 386, 387, 388, 466, 263, 249, 390, 373, 374, 380, 381, 382,
)  # fmt: skip
JAW = (132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361)
POSE = (*CHEEKS, *BROWS, *NOSE, *EYES)
CONTENT = (*JAW, *OUTER_LIPS, *INNER_CONTOUR)
"""Points of MediaPipe's mesh in the networks' order: 74 that tell the pose, 57 that speech moves."""

LINES: tuple[tuple[int, ...], ...] = (
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
    (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
    (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
    (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
    (263, 249, 390, 373, 374, 380, 381, 382, 362),
    (263, 466, 388, 387, 386, 385, 384, 398, 362),
    (276, 283, 282, 295, 285),
    (300, 293, 334, 296, 336),
    (33, 7, 163, 144, 145, 153, 154, 155, 133),
    (33, 246, 161, 160, 159, 158, 157, 173, 133),
    (46, 53, 52, 65, 55),
    (70, 63, 105, 66, 107),
    (389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152),
    (152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162),
    (168, 6, 197, 195, 5, 4, 45, 220, 115, 48),
    (4, 275, 440, 344, 278),
)
"""What is drawn: MediaPipe's contours of lips, eyes, brows, jaw and nose."""

COLOUR = (224, 224, 224)
UPPER_LIP, LOWER_LIP = 0, 17
BLUR, BLUR_SIGMA = (21, 21), 11
"""Of the blend between generated face and frame."""

AUDIO_SHIFT = -2
"""Frame i hears the mel window that begins at frame i - 2."""


class IPLAP:
    """The generator.

    Args:
        repo: folder of a checkout of Weizhi-Zhong/IP_LAP.
        checkpoint: the renderer's weights.
        landmarks: the landmark generator's weights.
        device: torch device.
    """

    supports = CARD.supports
    alternative_reference = CARD.alternative_reference

    def __init__(self, repo: str, checkpoint: str, landmarks: str, device: str = "cpu") -> None:
        self._torch = torch_for(CARD.name)
        needs = ("models/video_renderer.py", "models/landmark_generator.py")
        # The package's own __init__ imports its audio code, which needs the package lws and which is not used here.
        checkout = Checkout(CARD.name, repo, needs, CARD.repository, bare=("models",))
        paths = checkpoint_file(CARD.name, checkpoint), checkpoint_file(CARD.name, landmarks, "landmarks")
        with checkout.active():
            # Not the whole Renderer: it would download VGG-19 for a loss that generating does not need.
            renderer = self._torch.nn.Module()
            renderer.flow_module = checkout.attribute("models.video_renderer", "DenseFlowNetwork")()
            renderer.translation = checkout.attribute("models.video_renderer", "TranslationNetwork")()
            generator = checkout.attribute("models.landmark_generator", "Landmark_generator")(
                T=WINDOW, d_model=512, nlayers=4, nhead=4, dim_feedforward=1024, dropout=0.1
            )
        self.renderer: Any = load_weights(CARD.name, renderer, paths[0], skip="perceptual.").to(device)
        self.landmark_generator: Any = load_weights(CARD.name, generator, paths[1]).to(device)
        self.fingerprint = checkout.fingerprint(*paths)
        self._device = device
        self._face = ClipFace(None)

    def use_face(self, face: ClipFace) -> None:
        """Remember where the face of the next clip is."""
        self._face = face

    def generate(self, frames: Frames, audio: Audio, reference: Frames) -> Frames:
        """Generate; see ``generators.interface``."""
        mesh = landmarks_of(frames, self._face)
        clip = _Faces(frames, mesh)
        others = _Faces(reference, reference_landmarks(reference, frames, mesh, self._face))
        mel = mel_windows(audio, len(frames), AUDIO_SHIFT)[:, None]
        per_frame = len(reference) == len(frames)
        spread = others.by_openness()
        faces = np.empty((len(frames), SIZE, SIZE, 3), np.uint8)
        with self._torch.inference_mode(), self._cuda_calls_go_to_the_device():
            shared = None if per_frame else self._references(others, _spread(spread, PICTURES))
            for index in range(len(frames)):
                sets = [index] * LANDMARK_SETS if per_frame else _spread(spread, LANDMARK_SETS)
                # One picture of the current frame stands for 25: their weighted mean is the same.
                pictures = shared or self._references(others, [index])
                faces[index] = self._face_of(index, clip, mel, others.points[sets], pictures)
        return clip.blended(pasted(frames, faces, clip.boxes))

    def _face_of(
        self, index: int, clip: "_Faces", mel: NDArray[np.float32], sets: NDArray[np.float32], pictures: Any
    ) -> NDArray[np.uint8]:
        """Generate one frame's face, uint8 RGB (128, 128, 3); ``sets`` are reference landmarks (15, 2, 131)."""
        around = np.clip(np.arange(index - WINDOW // 2, index + WINDOW // 2 + 1), 0, len(clip.points) - 1)
        heard, pose = (
            self._tensor(mel[around])[None],
            self._tensor(clip.points[around][:, :, : len(POSE)])[None],
        )
        reference = self._tensor(sets)[None]
        content = self.landmark_generator(
            heard, pose, reference[..., : len(POSE)], reference[..., len(POSE) :]
        )
        predicted = self._torch.cat([pose[0], content], dim=2).cpu().numpy()
        drawn = [sketch(points, clip.boxes[frame]) for points, frame in zip(predicted, around, strict=True)]
        target = self._tensor(_channels_first(np.stack(drawn)))[None]
        warped = self.renderer.flow_module(*pictures, target)
        masked = clip.pictures[index : index + 1].copy()
        masked[:, :, SIZE // 2 :] = 0
        given = self._torch.cat([self._tensor(masked), target.flatten(1, 2)], dim=1)
        h1, h2, picture = warped
        made = self.renderer.translation(given, picture, h1, h2, heard[:, WINDOW // 2 : WINDOW // 2 + 1])
        return as_pixels(made[0].cpu().numpy().transpose(1, 2, 0)[..., ::-1])

    def _references(self, faces: "_Faces", indices: list[int]) -> Any:
        """Pictures and drawn landmarks of the renderer's references, both (1, N, 3, 128, 128)."""
        drawn = np.stack([sketch(faces.points[index], faces.boxes[index]) for index in indices])
        return self._tensor(faces.pictures[indices])[None], self._tensor(_channels_first(drawn))[None]

    def _tensor(self, values: Any) -> Any:
        return self._torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(self._device)

    @contextmanager
    def _cuda_calls_go_to_the_device(self) -> Iterator[None]:
        """The landmark generator calls ``.cuda()`` on tensors that it makes; let them follow the device."""
        original = self._torch.Tensor.cuda
        self._torch.Tensor.cuda = lambda tensor, *given, **named: tensor.to(self._device)
        try:
            yield
        finally:
            self._torch.Tensor.cuda = original


class _Faces:
    """Frames as the networks see them.

    Args:
        frames: uint8 RGB (T, H, W, 3).
        mesh: MediaPipe's landmarks, (T, 478, 2).
    """

    def __init__(self, frames: Frames, mesh: NDArray[np.float32]) -> None:
        self._frames = frames
        self._mesh = mesh
        points = mesh[:, [*POSE, *CONTENT]].astype(np.float64)
        extremes = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
        self.boxes = widened(extremes, frames.shape[1:3], pads=(PAD,) * 4)
        corner, side = self.boxes[:, None, :2], (self.boxes[:, 2:] - self.boxes[:, :2])[:, None]
        self.points: NDArray[np.float32] = ((points - corner) / side).transpose(0, 2, 1).astype(np.float32)
        """x and y as shares of the box, (T, 2, 131)."""
        self.pictures = _channels_first(cut(frames, self.boxes, SIZE)[..., ::-1])
        """BGR in 0..1, (T, 3, 128, 128)."""

    def by_openness(self) -> list[int]:
        """Indices of the frames, ordered by the distance between the lips' outer edges."""
        height, width = self._frames.shape[1:3]
        gap = (self._mesh[:, UPPER_LIP] - self._mesh[:, LOWER_LIP]) / [width, height]
        return [int(index) for index in np.argsort(np.linalg.norm(gap, axis=1), kind="stable")]

    def blended(self, generated: Frames) -> Frames:
        """Generated frames within the face's contour, the real ones around it."""
        import cv2

        output = np.empty_like(generated)
        for index, (real, made) in enumerate(zip(self._frames, generated, strict=True)):
            contour = cv2.convexHull(self._mesh[index, [*CHEEKS, *JAW, *BROWS]].astype(np.int32))
            mask = np.zeros(real.shape[:2], np.uint8)
            cv2.fillConvexPoly(mask, contour, 255)
            share = cv2.GaussianBlur(mask, BLUR, BLUR_SIGMA)[..., None] / 255
            output[index] = made * share + real * (1 - share)
        return output


def sketch(points: NDArray[np.float32], box: NDArray[np.int64]) -> NDArray[np.float64]:
    """Draw landmarks as lines, float64 (128, 128, 3) in 0..255.

    Args:
        points: x and y as shares of the box, (2, 131), in the networks' order; those outside are not drawn.
        box: whose proportions the drawing has before it is squeezed into a square.
    """
    import cv2

    width, height = (int(side) for side in box[2:] - box[:2])
    shorter = min(width, height)
    canvas = np.zeros((height * SIZE // shorter, width * SIZE // shorter, 3))
    limits = np.array([canvas.shape[1], canvas.shape[0]])
    places = {
        name: tuple(int(value) for value in np.minimum(np.floor(point * limits), limits - 1))
        for name, point in zip((*POSE, *CONTENT), points.T, strict=True)
        if ((point >= 0) & (point <= 1)).all()
    }
    for line in LINES:
        for one, other in pairwise(line):
            if one in places and other in places:
                cv2.line(canvas, places[one], places[other], COLOUR, 1)
    return np.asarray(cv2.resize(canvas, (SIZE, SIZE)), np.float64)


def _spread(indices: list[int], count: int) -> list[int]:
    return [indices[int(place)] for place in np.linspace(0, len(indices) - 1, count)]


def _channels_first(pictures: NDArray[Any]) -> NDArray[np.float32]:
    return pictures.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
