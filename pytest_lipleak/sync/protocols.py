"""From a clip's frames to the face crops that a sync expert sees, by named protocol.

Scores of different protocols are never compared; the name travels with every score.
"""

from collections.abc import Iterable
from enum import StrEnum

from pytest_lipleak.core.clips import Image
from pytest_lipleak.sync.jpeg import encoder, jpeg_frames


class Protocol(StrEnum):
    """How frames become face crops."""

    LRS = "lrs"
    """Face-centred clips such as LRS2: the whole frame, after ffmpeg's MJPEG. The paper's numbers."""
    DIRECT = "direct"
    """Like ``lrs``, with frames used as decoded, without the JPEG step."""
    TRACKED = "tracked"
    """Video in the wild: the face is detected, tracked and cropped; tracks come from the real clip."""


def whole_frame_crops(frames: Iterable[Image], protocol: Protocol) -> Iterable[Image]:
    """Return the crops of a face-centred clip, one after the other: uint8 RGB (H, W, 3), all of the frame."""
    return jpeg_frames(frames) if protocol is Protocol.LRS else frames


def protocol_notes(protocol: Protocol) -> tuple[str, ...]:
    """What a report must say of how frames became crops: under ``lrs``, who encoded them."""
    return (f"JPEG step by {encoder()}",) if protocol is Protocol.LRS else ()
