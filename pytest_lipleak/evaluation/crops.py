"""Face crops of a clip and of everything generated from it, by one geometry."""

from collections.abc import Callable
from pathlib import Path

from pytest_lipleak.core.clips import Clip, Frames
from pytest_lipleak.sync.protocols import Protocol, whole_frame_crops

Cropper = Callable[[Frames], Frames]


class Crops:
    """Gives, for each clip, the function from frames to face crops.

    Args:
        protocol: how frames become crops.
        weights: folder with the face landmark model, for ``tracked``.
    """

    def __init__(self, protocol: Protocol, weights: Path | None = None) -> None:
        self.protocol = protocol
        self._weights = weights
        self._tracked: dict[str, Cropper] = {}

    def of(self, clip: Clip) -> Cropper:
        """Return the cropper of ``clip``; a tracked face's boxes come from the real clip, once.

        Raises:
            UnscorableError: no face can be followed through the clip.
        """
        if self.protocol is not Protocol.TRACKED:
            return lambda frames: whole_frame_crops(frames, self.protocol)
        if clip.digest not in self._tracked:
            from pytest_lipleak.faces.tracking import crop, track

            found = track(clip.frames, weights=self._weights)
            self._tracked[clip.digest] = lambda frames: crop(frames, found)
        return self._tracked[clip.digest]
