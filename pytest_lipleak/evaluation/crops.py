"""Face crops of a clip and of everything generated from it, by one geometry."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Clip, Image
from pytest_lipleak.sync.expert import SyncExpert
from pytest_lipleak.sync.protocols import Protocol, whole_frame_crops

if TYPE_CHECKING:
    from pytest_lipleak.faces.tracking import FaceTrack


@dataclass(frozen=True)
class Cropper:
    """The function from frames to face crops, made one after the other when they are asked for.

    Args:
        protocol: how frames become crops.
        track: where the face is, under ``tracked``.
    """

    protocol: Protocol
    track: "FaceTrack | None" = None

    def __call__(self, frames: Iterable[Image]) -> Iterable[Image]:
        """Yield the face crop of every RGB frame (H, W, 3)."""
        if self.track is None:
            return whole_frame_crops(frames, self.protocol)
        from pytest_lipleak.faces.tracking import crops

        return crops(frames, self.track)

    @property
    def notes(self) -> tuple[str, ...]:
        """What readers must know of the track: relaxed minima, several faces."""
        return self.track.notes if self.track else ()

    @property
    def boxes(self) -> NDArray[np.float64] | None:
        """Left, top, right and bottom of the face per frame, (T, 4); None for face-centred frames."""
        return self.track.boxes if self.track else None


class Crops:
    """Gives every clip its cropper; a tracked face's boxes come from the real clip, once.

    Args:
        protocol: how frames become crops.
        weights: folder with the face landmark model, for ``tracked``.
        face: whose face where several are seen, ``largest`` or ``speaking``.
        expert: that tells who speaks.
    """

    def __init__(
        self,
        protocol: Protocol,
        weights: Path | None,
        face: str = "largest",
        expert: SyncExpert | None = None,
    ) -> None:
        self.protocol = protocol
        self._weights = weights
        self._face = face
        self._expert = expert
        self._made: dict[str, Cropper] = {}

    def of(self, clip: Clip) -> Cropper:
        """Return the cropper of ``clip``.

        Raises:
            UnscorableError: no face can be followed through the clip.
        """
        if clip.digest not in self._made:
            self._made[clip.digest] = self.through(clip.frames, clip.audio)
        return self._made[clip.digest]

    def through(self, frames: Iterable[Image], audio: Audio) -> Cropper:
        """Return the cropper of these frames, which ``tracked`` reads once, or twice to see who speaks."""
        if self.protocol is not Protocol.TRACKED:
            return Cropper(self.protocol)
        from pytest_lipleak.faces.tracking import FacePolicy, track

        face = FacePolicy(self._face)
        return Cropper(
            self.protocol,
            track(frames, weights=self._weights, policy=face, expert=self._expert, audio=audio),
        )
