"""Whether two clips of one recording also show the same pictures: then one is a copy of the other."""

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Clip, Image, Video, picked
from pytest_lipleak.core.timebase import FRAME_RATE

LEAST_SHARE = 0.8
"""Two clips that have less than this share of the shorter one in common are two, cut from one recording."""

COMPARED = 25
"""Frames that are compared, evenly spread."""

SIZE = 24
"""Width and height to which they are reduced."""

SAME_MOTION = 0.8
"""Correlation of what changes from frame to frame; of other pictures it is near 0, of a new mouth far below."""

SAME_SCENE = 0.98
"""Correlation of what stays, for pictures that do not move."""

STILL = 1.0
"""Pictures that change by less than so many grey levels do not move."""


def is_copy(one: Clip, other: Clip, lag: float) -> bool:
    """Whether two clips of one recording show the same video, re-encoded, scaled or cut as it may be.

    Args:
        one: a clip.
        other: another that holds the same recording.
        lag: how many seconds later it is heard there.
    """
    shift = round(lag * FRAME_RATE)
    begin, end = max(0, -shift), min(len(one.video), len(other.video) - shift)
    if end - begin < LEAST_SHARE * min(len(one.video), len(other.video)):
        return False
    return any(
        _same_pictures(one.video, other.video, begin + 1, end - 1, shift + near) for near in (0, -1, 1)
    )


def _same_pictures(one: Video, other: Video, begin: int, end: int, shift: int) -> bool:
    begin, end = max(begin, -shift), min(end, len(other) - shift)
    frames = (
        np.unique(np.linspace(begin, end - 1, COMPARED).round().astype(int)).tolist() if end > begin else []
    )
    if len(frames) < 2:
        return False
    first, second = _reduced(one, frames), _reduced(other, [frame + shift for frame in frames])
    moving = [pictures - pictures.mean(axis=0) for pictures in (first, second)]
    if max(float(np.abs(each).mean()) for each in moving) < STILL:
        scenes = [pictures.mean(axis=0) - pictures.mean() for pictures in (first, second)]
        return _correlation(*scenes) >= SAME_SCENE
    return _correlation(*moving) >= SAME_MOTION


def _reduced(video: Video, frames: list[int]) -> NDArray[np.float32]:
    return np.stack([_small(image) for image in picked(video, frames)])


def _small(image: Image) -> NDArray[np.float32]:
    import cv2

    grey = image.mean(axis=2, dtype=np.float32)
    return np.asarray(cv2.resize(grey, (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.float32)


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    size = float(np.sqrt(np.vdot(one, one) * np.vdot(other, other)))
    return float(np.vdot(one, other)) / size if size > 0 else 1.0 if np.array_equal(one, other) else 0.0
