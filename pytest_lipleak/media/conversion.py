"""Frames of any rate, even an uneven one, as 25 a second."""

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING

from pytest_lipleak.core.timebase import FRAME_RATE

if TYPE_CHECKING:
    from av import VideoFrame

SLACK = 5e-4
"""Seconds: time stamps are rounded to the container's clock."""


class Conversion:
    """Which frame is on the screen at every 1/25 s.

    Args:
        rate: frames per second that the file states; None where it states nothing.
    """

    def __init__(self, rate: Fraction | None) -> None:
        self.notes: tuple[str, ...] = ()
        self._rate = rate or Fraction(FRAME_RATE)

    def apply(self, frames: Iterator[tuple[float, "VideoFrame"]]) -> Iterator["VideoFrame"]:
        """Yield the frames, which come with their times in seconds, at 25 fps; ``notes`` are complete afterwards."""
        period = 1 / float(self._rate)
        steady = self._rate == FRAME_RATE
        came, start, time = 0, 0.0, 0.0
        went, shown = 0, 0
        on_screen: VideoFrame | None = None
        waiting: deque[VideoFrame] = deque()
        for stamp, frame in frames:
            start = start if came else stamp
            time = stamp - start
            # A gap (dropped frames, a damaged stretch) would shift all that follows against the sound.
            steady = steady and abs(time - came * period) < 0.5 / FRAME_RATE
            time = came * period if steady else time
            while on_screen is not None and shown / FRAME_RATE + SLACK < time:
                waiting.append(on_screen)
                shown += 1
            # Where the video ends is rounded: what is shown last may lie beyond it.
            while waiting and (went + 0.5) / FRAME_RATE < time:
                yield waiting.popleft()
                went += 1
            on_screen, came = frame, came + 1
        if on_screen is None:
            return
        time += period if steady else _duration(on_screen, period)
        length = max(round(time * FRAME_RATE), went, 1)
        waiting.extend([on_screen] * (length - shown))
        yield from islice(waiting, length - went)
        if not steady:
            what = "frame rate" if self._rate != FRAME_RATE else "uneven frame rate"
            self.notes = (
                f"{what} converted from {float(self._rate):g} to {FRAME_RATE} ({came} to {length} frames)",
            )


def _duration(frame: "VideoFrame", period: float) -> float:
    """How long the last frame is shown: as it says; where it says nothing, as long as frames are on average."""
    stated = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else 0.0
    return stated or period
