"""Panels: a part of every picture of a video, where several are shown side by side."""

from dataclasses import dataclass

import numpy as np

from pytest_lipleak.core.clips import StreamedVideo, Video
from pytest_lipleak.core.errors import InputError


@dataclass(frozen=True)
class Box:
    """A rectangle of a picture, in pixels: of one panel, where a video shows several side by side."""

    x: int
    y: int
    width: int
    height: int

    def check(self, height: int, width: int, where: str) -> None:
        """Raise ``InputError`` where it is not inside a picture of that size."""
        if self.x + self.width > width or self.y + self.height > height:
            raise InputError(
                f"{where}: the box {self} (x, y, width, height) ends at {self.x + self.width} x "
                f"{self.y + self.height}, the picture at {width} x {height} pixels"
            )

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)

    def of(self, video: Video, where: str) -> Video:
        """Return that part of a video, uint8 RGB (T, H, W, 3); raises as ``check``."""
        length, height, width, channels = video.shape
        self.check(height, width, where)
        if isinstance(video, np.ndarray):
            return np.ascontiguousarray(video[:, *self.slices])
        shape = (length, self.height, self.width, channels)
        return StreamedVideo(lambda: (np.ascontiguousarray(image[self.slices]) for image in video), shape)

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"
