"""Videos of files, decoded: anew by whoever asks, or once for all processes of a run."""

from pytest_lipleak.core.clips import Frames
from pytest_lipleak.media.timeline import Timeline
from pytest_lipleak.media.video import OpenedVideo, read_video


class Decoding:
    """Decodes every file anew."""

    def opened(self, timeline: Timeline) -> OpenedVideo:
        """Return the video of a file, as :func:`pytest_lipleak.media.video.read_video` does."""
        return read_video(timeline)

    def found(self, timeline: Timeline) -> Frames | None:
        """Return the frames of a file that need not be decoded, uint8 RGB (T, H, W, 3); None where there are none."""
        return None
