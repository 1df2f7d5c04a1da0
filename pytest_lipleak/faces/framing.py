"""Do faces fill the frames, as face crops do, or stand somewhere in them? So which protocol fits?"""

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Image
from pytest_lipleak.faces.centred import is_centred, mouth_elsewhere
from pytest_lipleak.faces.detection import FaceDetector
from pytest_lipleak.faces.landmark_networks import faces_at_hand
from pytest_lipleak.faces.tracking import survey
from pytest_lipleak.sync.protocols import Protocol

LOOKS, APART = 5, 5
"""So many frames of a clip are looked at, and so far apart: its first second."""

ELSEWHERE = "faces do not fill the frames"
NOT_LOOKED = (
    "whether faces fill the frames was not checked: no face model is here; if not, name protocol tracked"
)


def fitting_protocol(
    default: Protocol, clips: Iterable[Iterable[Image]], weights: Path | None = None
) -> tuple[Protocol, str]:
    """Return the protocol that fits, and what is to be said of it: ``tracked`` where a face is elsewhere.

    Nothing is downloaded for the question: where the face model is not at hand, the default is returned.

    Args:
        default: for frames that are face crops.
        clips: their frames, uint8 RGB (H, W, 3), 25 fps; only the first second of each is read.
        weights: folder with the face model, or None to use the download folder.
    """
    if default is Protocol.TRACKED:
        return default, ""
    if not faces_at_hand(weights):
        return default, NOT_LOOKED
    detector = FaceDetector(weights)
    if any(fills_frame(frames, detector) is False for frames in clips):
        return Protocol.TRACKED, ELSEWHERE
    return default, ""


def fills_frame(frames: Iterable[Image], detector: FaceDetector) -> bool | None:
    """Whether a clip's frames are face crops; None where no face is seen in its first second."""
    boxes, height, width = _looked_at(frames, detector)
    return is_centred(boxes, height, width) if len(boxes) else None


def mouths_elsewhere(clips: Mapping[str, Iterable[Image]], weights: Path | None = None) -> dict[str, str]:
    """Where the mouths of clips lie, by clip, of those that lie outside of the mouth region of face crops.

    Arguments as of ``fitting_protocol``; where the face model is not at hand, nothing is known.
    """
    if not faces_at_hand(weights):
        return {}
    detector = FaceDetector(weights)
    found = {}
    for name, frames in clips.items():
        boxes, height, width = _looked_at(frames, detector)
        if len(boxes) and (place := mouth_elsewhere(boxes, height, width)):
            found[name] = place
    return found


def _looked_at(frames: Iterable[Image], detector: FaceDetector) -> tuple[NDArray[np.float64], int, int]:
    """The boxes of the face in a clip's first second, and the height and width of its frames."""
    looked = list(islice(frames, 0, LOOKS * APART, APART))
    height, width = looked[0].shape[:2]
    return survey(looked, detector).boxes, height, width
