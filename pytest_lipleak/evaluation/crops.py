"""Face crops of a clip and of everything generated from it, by one geometry."""

from collections.abc import Callable, Iterable
from pathlib import Path

from pytest_lipleak.core.clips import Clip, Image
from pytest_lipleak.sync.protocols import Protocol, whole_frame_crops

Cropper = Callable[[Iterable[Image]], Iterable[Image]]
"""From frames (H, W, 3) to face crops, made one after the other when they are asked for."""


class Crops:
    """Gives, for each clip, the function from frames to face crops.

    Args:
        protocol: how frames become crops.
        weights: folder with the face landmark model, for ``tracked``.
    """

    def __init__(self, protocol: Protocol, weights: Path | None = None) -> None:
        self.protocol = protocol
        self._weights = weights
        self._made: dict[str, Cropper] = {}

    def of(self, clip: Clip) -> Cropper:
        """Return the cropper of ``clip``; a tracked face's boxes come from the real clip, once.

        Raises:
            UnscorableError: no face can be followed through the clip.
        """
        if clip.digest not in self._made:
            self._made[clip.digest] = cropper(self.protocol, clip.frames, self._weights)
        return self._made[clip.digest]


def cropper(protocol: Protocol, real: Iterable[Image], weights: Path | None = None) -> Cropper:
    """Return the function from frames to face crops.

    Args:
        protocol: how frames become crops.
        real: the real clip's frames; ``tracked`` reads them once and keeps only the face's boxes.
        weights: folder with the face landmark model, for ``tracked``.

    Raises:
        UnscorableError: no face can be followed through the clip.
    """
    if protocol is not Protocol.TRACKED:
        return lambda frames: whole_frame_crops(frames, protocol)
    from pytest_lipleak.faces.tracking import crops, track

    face = track(real, weights=weights)
    return lambda frames: crops(frames, face)
