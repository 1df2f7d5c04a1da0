"""Models that only work on face crops, as generators of whole frames.

Wav2Lip and most of its successors see a square face with its lower half blacked out, and another face as
identity reference. ``FaceCrops`` does what surrounds such a network: it cuts the faces out, masks the
mouth, and pastes the result back. All videos of a clip share one geometry, that of the real clip's face
track, so that conditions differ in nothing but the model's inputs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Frames, check_frames
from pytest_lipleak.core.errors import ConfigurationError, GeneratorError
from pytest_lipleak.generators.contract import batch_of, fingerprint_of, forward

Boxes = NDArray[np.int64]
"""Left, top, right, bottom per frame in whole pixels, shape (T, 4); right and bottom are excluded."""

CENTRED_BOX = (1 / 7, 0.0, 6 / 7, 5 / 7)
"""The face in a face-centred frame: left, top, right, bottom as shares of its width and height.

SyncNet's crops reach 1.4 half sides of the face box to both sides of its centre, from its top edge to 0.8
half sides below its bottom edge (``faces.tracking``); this undoes it. The mouth, at 0.53 of such a frame's
height, comes to lie at 0.74 of the box's, well inside the lower half that Wav2Lip masks."""

LOWER_HALF = (0.5, 1.0, 0.0, 1.0)
"""Top, bottom, left, right of the mask, as shares of the crop."""

MAX_DIFFERENCE = 24.0
"""Mean difference, in grey levels, at which a reference is no longer a frame of the clip, even with another mouth."""

USUAL_68 = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip
"""Points of MediaPipe's mesh that lie nearest to the 68 of iBUG's markup, which dlib and face_alignment give:
jaw, eyebrows, nose, eyes, outer and inner lips."""

_LOOKED_AT = 24
"""Rows and columns by which frames are told apart."""


@dataclass(frozen=True, eq=False)
class ClipFace:
    """Where the face of the real clip is; handed to generators that have ``use_face``.

    Args:
        boxes: left, top, right, bottom in pixels per frame, float64 (T, 4), in the framing of SyncNet's face
            detector (forehead to chin); None when the frames are face-centred.
        find_landmarks: gives MediaPipe's face mesh, float32 (N, 478, 2), of frames uint8 (N, H, W, 3) whose
            face lies in the boxes (N, 4), or anywhere with None; NaN in frames without a face.
    """

    boxes: NDArray[np.float64] | None
    find_landmarks: Callable[[Frames, NDArray[np.float64] | None], NDArray[np.float32]] | None = None


class FaceCrops:
    """Makes a generator of a model that only works on face crops.

    The wrapped model is an object with ``generate``, or a plain function, that takes

    ``faces``
        uint8 RGB (T, size, size, 3), with zeros where the mask is,
    ``audio``
        int16 mono, 16 kHz, (640 T,), and
    ``reference``
        unmasked crops, uint8 RGB: (T, size, size, 3) under CR, (R, size, size, 3) under AR,

    and returns uint8 RGB (T, size, size, 3). Its optional attributes (see ``generators.interface``) count as
    if this had them, all but ``use_face``.

    Args:
        model: what generates faces.
        size: height and width of the crops, in pixels.
        margins: top, bottom, left, right to add to the face box, as shares of its height and width.
        pads: likewise in pixels of the frame, as Wav2Lip's ``--pads``.
        mask: top, bottom, left, right of what is hidden, as shares of the crop; None hides nothing, for
            mask-free models and for those that mask by themselves.
        feather: width of the soft edge when pasting back, as a share of the box; 0 pastes with hard edges.
    """

    def __init__(
        self,
        model: Any,
        size: int,
        *,
        margins: Sequence[float] = (0, 0, 0, 0),
        pads: Sequence[int] = (0, 0, 0, 0),
        mask: Sequence[float] | None = LOWER_HALF,
        feather: float = 0.05,
    ) -> None:
        self.model = model
        self._generate = getattr(model, "generate", model)
        if not callable(self._generate):
            raise ConfigurationError(
                f"FaceCrops got a {type(model).__name__}; expected an object with generate(faces, audio, reference), "
                "or a function of these"
            )
        self._size = _in_range("size", size, 1, 4096)
        self._margins = _four("margins", margins, -0.5, 2)
        self._pads = _four("pads", pads, -4096, 4096)
        self._mask = None if mask is None else _four("mask", mask, 0, 1)
        self._feather = _in_range("feather", feather, 0, 0.5)
        self._face = ClipFace(None)
        forward(model, self)

    @property
    def fingerprint(self) -> str | None:
        """The model's own, with this geometry; None when the model has none. Subclasses cut elsewhere."""
        own = fingerprint_of(self.model)
        if own is None:
            return None
        kind = type(self).__qualname__
        return f"{own} crops-1 {kind} {self._size} {self._margins} {self._pads} {self._mask} {self._feather}"

    @property
    def batch(self) -> int | None:
        """The model's batch, or None; halved when memory ends."""
        return batch_of(self.model)

    @batch.setter
    def batch(self, frames: int) -> None:
        """Hand a smaller batch on to the model."""
        self.model.batch = frames

    def use_face(self, face: ClipFace) -> None:
        """Remember where the face of the next clip is."""
        self._face = face

    def generate(self, frames: Frames, audio: Audio, reference: Frames) -> Frames:
        """Cut out, mask, let the model generate, and paste back; see ``generators.interface``."""
        boxes = self.boxes(frames)
        faces = cut(frames, boxes, self._size)
        identity = cut(reference, boxes[places_of(reference, frames)], self._size)
        if self._mask is not None:
            hide(faces, self._mask)
        output = self._generate(faces, audio, identity)
        try:
            check_frames(output, "the wrapped model's faces")
        except ValueError as error:
            raise GeneratorError(str(error)) from None
        if output.shape != faces.shape:
            raise GeneratorError(
                f"the wrapped model returned faces of shape {output.shape}, expected {faces.shape} as it was given"
            )
        return pasted(frames, output, boxes, self._feather)

    def boxes(self, frames: Frames) -> Boxes:
        """Return what is cut out of ``frames``: int64 (T, 4), within the frame."""
        return widened(face_boxes(frames, self._face), frames.shape[1:3], self._margins, self._pads)


def face_boxes(frames: Frames, face: ClipFace) -> NDArray[np.float64]:
    """Return the face box per frame, float64 (T, 4): tracked, or where face-centred frames have it.

    Raises:
        GeneratorError: the track is of another number of frames.
    """
    if face.boxes is None:
        height, width = frames.shape[1:3]
        return np.tile(np.array(CENTRED_BOX) * [width, height, width, height], (len(frames), 1))
    if len(face.boxes) != len(frames):
        raise GeneratorError(f"{len(frames)} frames for a face track of {len(face.boxes)}; expected as many")
    return face.boxes


def landmarks_of(frames: Frames, face: ClipFace) -> NDArray[np.float32]:
    """Return MediaPipe's face mesh in every frame, float32 (T, 478, 2), x and y in pixels.

    Raises:
        GeneratorError: a frame shows no face.
    """
    return _seen_everywhere(_finder(face)(frames, face.boxes))


def usual_landmarks(mesh: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the 68 landmarks of iBUG's markup, float32 (T, 68, 2), of MediaPipe's mesh (T, 478, 2)."""
    return mesh[:, USUAL_68]


def reference_landmarks(
    reference: Frames, frames: Frames, landmarks: NDArray[np.float32], face: ClipFace
) -> NDArray[np.float32]:
    """Return the face mesh of the references, float32 (R, 478, 2): the clip's own where they are its frames.

    Raises:
        GeneratorError: a reference resembles no frame of the clip, or shows no face.
    """
    places = places_of(reference, frames)
    if np.array_equal(frames[places], reference):
        return landmarks[places]
    boxes = None if face.boxes is None else face.boxes[places]
    return _seen_everywhere(_finder(face)(reference, boxes))


def _finder(face: ClipFace) -> Callable[[Frames, NDArray[np.float64] | None], NDArray[np.float32]]:
    if face.find_landmarks is not None:
        return face.find_landmarks
    from pytest_lipleak.faces.landmarks import FaceLandmarker

    finder = FaceLandmarker()
    return lambda frames, boxes: finder.landmarks(frames, () if boxes is None else boxes)


def _seen_everywhere(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    missing = np.asarray(np.isnan(landmarks).any(axis=(1, 2)))
    if missing.any():
        raise GeneratorError(
            f"no face landmarks in {int(missing.sum())} of {len(missing)} frames (first in frame "
            f"{int(missing.argmax())}), which this model needs"
        )
    return landmarks


def widened(
    boxes: NDArray[np.float64],
    shape: tuple[int, ...],
    margins: Sequence[float] = (0, 0, 0, 0),
    pads: Sequence[float] = (0, 0, 0, 0),
) -> Boxes:
    """Widen boxes by margins and pads (top, bottom, left, right), round down and keep them in the frame.

    Args:
        boxes: left, top, right, bottom, (T, 4).
        shape: height and width of the frame.
        margins: as shares of the box.
        pads: in pixels.

    Raises:
        GeneratorError: a box lies outside of the frame.
    """
    height, width = shape
    sides = np.stack([boxes[:, 3] - boxes[:, 1]] * 2 + [boxes[:, 2] - boxes[:, 0]] * 2, axis=1)
    top, bottom, left, right = (sides * np.asarray(margins) + np.asarray(pads)).T
    wide = np.stack(
        [boxes[:, 0] - left, boxes[:, 1] - top, boxes[:, 2] + right, boxes[:, 3] + bottom], axis=1
    )
    whole: Boxes = np.floor(np.clip(wide, 0, [width, height, width, height])).astype(np.int64)
    if (outside := ((whole[:, 2:] - whole[:, :2]) < 2).any(axis=1)).any():
        raise GeneratorError(
            f"the face lies outside of the frame in {int(outside.sum())} of {len(boxes)} frames "
            f"(first in frame {int(outside.argmax())})"
        )
    return whole


def cut(frames: Frames, boxes: Boxes, size: int) -> Frames:
    """Return the boxes' content, uint8 (T, size, size, 3), resized with OpenCV's default interpolation."""
    import cv2

    return np.stack(
        [
            cv2.resize(frame[top:bottom, left:right], (size, size))
            for frame, (left, top, right, bottom) in zip(frames, boxes, strict=True)
        ]
    )


def hide(faces: Frames, mask: Sequence[float]) -> None:
    """Black out the mask (top, bottom, left, right, as shares) in ``faces`` (T, H, W, 3), in place."""
    height, width = faces.shape[1:3]
    top, bottom, left, right = (
        int(share * side) for share, side in zip(mask, (height, height, width, width), strict=True)
    )
    faces[:, top:bottom, left:right] = 0


def pasted(frames: Frames, faces: Frames, boxes: Boxes, feather: float = 0.0) -> Frames:
    """Return a copy of ``frames`` with ``faces`` in the boxes, fading out towards edges inside of the frame."""
    import cv2

    result = frames.copy()
    height, width = frames.shape[1:3]
    for frame, face, (left, top, right, bottom) in zip(result, faces, boxes, strict=True):
        place = frame[top:bottom, left:right]
        fitted = cv2.resize(face, (right - left, bottom - top))
        if feather > 0:
            rows = _ramp(bottom - top, feather, top > 0, bottom < height)
            columns = _ramp(right - left, feather, left > 0, right < width)
            share = np.minimum(rows[:, None], columns[None])[..., None]
            fitted = np.rint(place + share * (fitted.astype(np.float32) - place))
        place[:] = fitted
    return result


def finite(made: NDArray[Any]) -> NDArray[Any]:
    """Return what a network made, if all of it is a number: as pixels, NaN would be a black mouth.

    Raises:
        GeneratorError: NaN or infinite values.
    """
    if not np.isfinite(made).all():
        raise GeneratorError(
            "the network gave NaN or infinite values; if only silence does, use --lipleak-silence=noise"
        )
    return made


def as_pixels(made: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a network's floats in 0..1 as uint8 of the same shape; truncated, not rounded, as repositories do it.

    Raises:
        GeneratorError: NaN or infinite values.
    """
    pixels: NDArray[np.uint8] = (finite(made) * 255).astype(np.uint8)
    return pixels


def _ramp(length: int, feather: float, fades_in: bool, fades_out: bool) -> NDArray[np.float32]:
    """Weight of the pasted face along one side, float32 (length,): from edge to full over ``feather``."""
    distance = np.arange(length) + 0.5
    weight = np.ones(length)
    for fades, depth in ((fades_in, distance), (fades_out, distance[::-1])):
        if fades:
            weight = np.minimum(weight, depth / max(feather * length, 0.5))
    return np.minimum(weight, 1).astype(np.float32)


def places_of(reference: Frames, frames: Frames) -> NDArray[np.int64]:
    """Return which frame of the clip each reference is, int64 (R,): it tells where the face is.

    A reference may be shifted in time, or have another mouth (a probe): the most similar frame is taken.

    Raises:
        GeneratorError: a reference resembles no frame of the clip, or has another size.
    """
    if reference.shape == frames.shape and np.array_equal(reference, frames):
        return np.arange(len(frames))
    if reference.shape[1:] != frames.shape[1:]:
        raise GeneratorError(
            f"the reference has frames of shape {reference.shape[1:]}, the clip of {frames.shape[1:]}"
        )
    rows, columns = (
        np.linspace(0, side - 1, min(_LOOKED_AT, side)).astype(int) for side in frames.shape[1:3]
    )
    seen, sought = (video[:, rows][:, :, columns].astype(np.float32) for video in (frames, reference))
    distances = np.stack([_alike_half(np.abs(seen - one).mean(axis=3)) for one in sought])
    if (strange := distances.min(axis=1) > MAX_DIFFERENCE).any():
        raise GeneratorError(
            f"reference frame {int(strange.argmax())} resembles no frame of the clip, so its face cannot be found; "
            "expected frames of the clip itself"
        )
    return np.asarray(distances.argmin(axis=1), np.int64)


def _alike_half(differences: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of the smaller half of the differences of each frame, (T, H, W) to (T,): what a probe left as it was."""
    flat = differences.reshape(len(differences), -1)
    half = flat.shape[1] // 2
    return np.asarray(np.partition(flat, half, axis=1)[:, :half].mean(axis=1), np.float32)


def one_per_frame(reference: Frames, length: int) -> Frames:
    """Return one reference per frame for models that see just one: (length, ...), the only one repeated.

    Raises:
        GeneratorError: several references for the whole clip.
    """
    if len(reference) not in (1, length):
        raise GeneratorError(
            f"got {len(reference)} reference frames, but this model sees one per frame; choose an alternative "
            "reference of one frame (first, random, silent-face, most-dissimilar)"
        )
    return np.broadcast_to(reference, (length, *reference.shape[1:]))


def _four(name: str, values: Sequence[float], low: float, high: float) -> tuple[float, ...]:
    try:
        top, bottom, left, right = (float(value) for value in values)
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"{name}={values!r}: expected four numbers (top, bottom, left, right)"
        ) from None
    for value in (top, bottom, left, right):
        _in_range(name, value, low, high)
    return top, bottom, left, right


def _in_range(name: str, value: Any, low: float, high: float) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ConfigurationError(f"{name}={value!r}: expected a number from {low:g} to {high:g}")
    return value
