"""Windows of several short videos in one call of a network: few windows leave a GPU idle."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.sync.expert import WINDOW_FRAMES, Embeddings

SPANNED = WINDOW_FRAMES - 1
"""Windows that see the end of one video and the beginning of the next: computed, and left out."""


@dataclass(eq=False)
class _Video:
    frames: NDArray[np.uint8]
    beside: list["_Video"] = field(repr=False)
    rows: Embeddings | None = None


class Gathered:
    """Embeds videos that are begun one by one; those that wait are embedded together when the first is asked for.

    Their frames lie one after the other in time. A call that fails (a GPU's memory may end) fails for the video that
    was asked for; the others are embedded one by one then.

    Args:
        tower: embeds the windows of frames (n + 4, H, W, 3): (n, D).
        most: windows of one call.
    """

    def __init__(self, tower: Callable[[NDArray[Any]], Embeddings], most: int) -> None:
        self._tower = tower
        self._most = most
        self._waiting: list[_Video] = []

    def begin(self, frames: NDArray[np.uint8]) -> Callable[[], Embeddings]:
        """Let frames (n + 4, H, W, 3) of one size wait; return what gives the embeddings (n, D) of their windows."""
        if sum(len(video.frames) for video in self._waiting) + len(frames) - SPANNED > self._most:
            self._waiting = []
        video = _Video(frames, self._waiting)
        self._waiting.append(video)
        return partial(self._rows, video)

    def _rows(self, video: _Video) -> Embeddings:
        if video.rows is None:
            together = [*video.beside] if video in video.beside else [video]
            video.beside.clear()
            rows = self._tower(np.concatenate([each.frames for each in together]))
            start = 0
            for each in together:
                each.rows = rows[start : start + len(each.frames) - SPANNED]
                start += len(each.frames)
        assert video.rows is not None
        return video.rows
