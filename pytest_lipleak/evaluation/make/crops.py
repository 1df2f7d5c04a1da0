"""Face crops of a clip and of everything generated from it, by one geometry."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Clip, Image
from pytest_lipleak.core.version import __version__
from pytest_lipleak.machine.libraries import OPENCV
from pytest_lipleak.store.keys import key_of, versions_of
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.expert import SyncExpert
from pytest_lipleak.sync.protocols import Protocol, whole_frame_crops

if TYPE_CHECKING:
    from pytest_lipleak.faces.tracking import FaceTrack

KEPT_CROPPERS = 1000
"""Of clips that were asked for last; the tracks of others are found in the store again."""

Boxes = NDArray[np.float64]
LandmarkFinder = Callable[[Clip, Boxes], NDArray[np.float32]]
"""From a real clip and its face boxes (T, 4) to its face landmarks, float32 (T, 478, 2)."""


@dataclass(frozen=True, eq=False)
class Cropper:
    """The function from frames to face crops, made one after the other when they are asked for.

    Args:
        protocol: how frames become crops.
        track: where the face is, under ``tracked``.
        corners: of the mouth in every frame, (T, 2, 2), where the crops are to be mouth-aligned.
        remarks: what readers must know of these crops beyond the track.
    """

    protocol: Protocol
    track: "FaceTrack | None" = None
    corners: NDArray[np.float32] | None = None
    remarks: tuple[str, ...] = ()

    def __call__(self, frames: Iterable[Image]) -> Iterable[Image]:
        """Yield the face crop of every RGB frame (H, W, 3)."""
        if self.corners is not None:
            from pytest_lipleak.sync.mouth_window import aligned_faces

            return aligned_faces(frames, self.corners)
        if self.track is None:
            return whole_frame_crops(frames, self.protocol)
        from pytest_lipleak.faces.tracking import crops

        return crops(frames, self.track)

    @property
    def notes(self) -> tuple[str, ...]:
        """What readers must know of the crops: relaxed minima, several faces, a mouth that was not found."""
        return (*(self.track.notes if self.track else ()), *self.remarks)

    @property
    def boxes(self) -> NDArray[np.float64] | None:
        """Left, top, right and bottom of the face per frame, (T, 4); None for face-centred frames."""
        return self.track.boxes if self.track else None


_ROWS = ("x", "y", "half_size")


class Crops:
    """Gives every clip its cropper; face boxes and mouth corners come from the real clip, once.

    An expert that judges mouth-aligned crops better (``mouth_aligned``) gets them under ``tracked``. Generated trials
    are cropped by the corners of the real clip, so that generated lips never move the crop. A clip whose landmarks are
    found in too few frames keeps plain face crops, in all its trials, and its notes say so.

    Args:
        protocol: how frames become crops.
        weights: folder with the face landmark model, for ``tracked``.
        face: whose face where several are seen, ``largest`` or ``speaking``.
        expert: that judges the crops, and tells who speaks.
        retrack: generated videos are tracked anew. All crops are then plain: corners measured on generated lips would
            move with them.
        landmarks: finds the landmarks of a real clip, for example through a store; by default they are sought.
        store: where tracks of real clips are kept, or None.
    """

    def __init__(
        self,
        protocol: Protocol,
        weights: Path | None,
        face: str = "largest",
        expert: SyncExpert | None = None,
        *,
        retrack: bool = False,
        landmarks: LandmarkFinder | None = None,
        store: Store | None = None,
    ) -> None:
        self.protocol = protocol
        self._weights = weights
        self._face = face
        self._expert = expert
        self._landmarks = landmarks
        self._store = store
        self._made: OrderedDict[str, Cropper] = OrderedDict()
        wanted = protocol is Protocol.TRACKED and bool(getattr(expert, "mouth_aligned", False))
        self.aligned = wanted and not retrack
        self.notes: tuple[str, ...] = ()
        """What readers must know of all crops; part of the keys of what is made from them."""
        if wanted:
            self.notes = (MOUTH_ALIGNED if self.aligned else NOT_ALIGNED,)

    def of(self, clip: Clip) -> Cropper:
        """Return the cropper of ``clip``.

        Raises:
            UnscorableError: no face can be followed through the clip.
        """
        if clip.digest not in self._made:
            find = self._landmarks
            by_clip = None if find is None else lambda boxes: find(clip, boxes)
            self._made[clip.digest] = self._through(clip.video, self._known_track(clip), by_clip)
            while len(self._made) > KEPT_CROPPERS:
                self._made.popitem(last=False)
        self._made.move_to_end(clip.digest)
        return self._made[clip.digest]

    def through(
        self,
        frames: Iterable[Image],
        audio: Audio,
        landmarks: Callable[[Boxes], NDArray[np.float32]] | None = None,
    ) -> Cropper:
        """Return the cropper of these frames.

        Under ``tracked`` they are read once to follow the face, once more to see who speaks, and once more to find the
        mouth.
        """
        return self._through(frames, self.track(frames, audio), landmarks)

    def track(self, frames: Iterable[Image], audio: Audio) -> "FaceTrack | None":
        """Follow the face through frames, under ``tracked``; ``None`` under other protocols, where it fills them.

        Raises:
            UnscorableError: no face can be followed.
        """
        if self.protocol is not Protocol.TRACKED:
            return None
        from pytest_lipleak.faces.tracking import FacePolicy, track

        face = FacePolicy(self._face)
        return track(frames, weights=self._weights, policy=face, expert=self._expert, audio=audio)

    def _known_track(self, clip: Clip) -> "FaceTrack | None":
        """A real clip's track, from the store where it was followed before."""
        if self._store is None or self.protocol is not Protocol.TRACKED:
            return self.track(clip.video, clip.audio)
        from pytest_lipleak.faces.tracking import FacePolicy, FaceTrack

        def compute() -> dict[str, Any]:
            found = self.track(clip.video, clip.audio)
            assert found is not None
            return {name: getattr(found, name).tolist() for name in _ROWS} | {"notes": found.notes}

        identity = None if self._expert is None else self._expert.identity
        key = key_of(
            clip=clip.digest,
            face=self._face,
            # It is asked only who speaks.
            expert=None if identity is None or self._face == "largest" else identity.weights_sha256,
            libraries=versions_of("ai-edge-litert", "numpy", OPENCV, "onnxruntime"),
            package=__version__,
        )
        known = self._store.data("track", key, compute, about={"clip": clip.name})
        x, y, half_size = (np.array(known[name], np.float64) for name in _ROWS)
        return FaceTrack(x, y, half_size, FacePolicy(self._face), tuple(known["notes"]))

    def _through(
        self,
        frames: Iterable[Image],
        followed: "FaceTrack | None",
        landmarks: Callable[[Boxes], NDArray[np.float32]] | None,
    ) -> Cropper:
        if followed is None or not self.aligned:
            return Cropper(self.protocol, followed)
        from pytest_lipleak.faces.landmarks import FaceLandmarker, steady_corners

        boxes = followed.boxes
        found = landmarks(boxes) if landmarks else FaceLandmarker(self._weights).landmarks(frames, boxes)
        corners = steady_corners(found)
        if corners is not None:
            return Cropper(self.protocol, followed, corners)
        seen = int(np.isfinite(found[:, 0, 0]).sum())
        remark = (
            f"face landmarks in {seen} of {len(found)} frames only: plain face crops, not mouth-aligned ones"
        )
        return Cropper(self.protocol, followed, remarks=(remark,))


MOUTH_ALIGNED = "mouth-aligned crops, by the mouth corners of the real clip"
NOT_ALIGNED = "plain face crops: mouths are not aligned where the face is tracked anew in generated videos"
