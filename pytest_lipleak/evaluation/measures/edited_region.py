"""Where a model changes the picture: output against input, over time.

The region is what an honest model of this kind has to redraw. Everything outside it is the clip itself and moves with
the clip's own speech in every output, so it says nothing about leaks (``floor.py``).
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.faces.small import SIDE, Faces, Region, lips_region

UPPER_FACE = 0.40
"""Share of the height above which models of the mouth change nothing but brightness: where noise is measured."""

BLUR = 1.0
"""Standard deviation in pixels of the blur that takes out single pixels of noise."""

RIM = 3
"""Pixels at the edge of the frame that count for nothing."""

LEAST_CHANGE = 0.8
"""Grey levels, standard deviation over time: rounding and mild compression stay below it."""

OVER_NOISE = 3.0
"""A changed pixel changes by more than this many times what the upper face does where it is as steep."""

SHARE_OF_STRONGEST = 0.25
"""And by more than this share of the 99th percentile: compression smears a small edit beyond its edge."""


def edited_region(outputs: Iterable[Faces], inputs: Faces) -> Region:
    """Return where a model changes the faces that it is given, over all its outputs of one clip.

    Args:
        outputs: of one clip, each uint8 (T, SIDE, SIDE).
        inputs: the clip, uint8 (T, SIDE, SIDE).

    Returns:
        bool (SIDE, SIDE): the union of the convex hulls of what changes, and the lips, always: a model that returns its
        input changes nothing, and its lips are the clip's own all the same.
    """
    region = lips_region()
    for output in outputs:
        region |= _hull(_changed(change_over_time(output, inputs), detail(inputs)))
    return region


def change_over_time(output: Faces, inputs: Faces) -> NDArray[np.float32]:
    """Standard deviation over time of output minus input, brightness and contrast apart, float32 (SIDE, SIDE).

    Each output frame is first fitted to its input frame, by gain and offset, on the upper face.
    """
    import cv2

    if output.shape != inputs.shape:
        raise ValueError(f"outputs of shape {output.shape}, expected {inputs.shape} like the inputs")
    upper = slice(0, round(UPPER_FACE * SIDE))
    total = np.zeros((SIDE, SIDE))
    squares = np.zeros((SIDE, SIDE))
    for made, given in zip(output, inputs, strict=True):
        picture, goal = (cv2.GaussianBlur(each.astype(np.float32), (0, 0), BLUR) for each in (made, given))
        change = np.asarray(_fitted(picture, goal, upper) - goal, np.float64)
        total += change
        squares += change**2
    variance = squares / len(inputs) - (total / len(inputs)) ** 2
    return np.sqrt(np.maximum(variance, 0)).astype(np.float32)


def _fitted(picture: NDArray[np.float32], goal: NDArray[np.float32], rows: slice) -> NDArray[np.float32]:
    from_, to = picture[rows].ravel(), goal[rows].ravel()
    spread = float(from_.var())
    # A black frame has no contrast to fit.
    gain = float(np.cov(from_, to, bias=True)[0, 1]) / spread if spread > 1 else 1.0
    gain = float(np.clip(gain, 0.5, 2.0))
    return np.asarray(gain * (picture - from_.mean()) + to.mean(), np.float32)


def detail(inputs: Faces) -> NDArray[np.float32]:
    """How steep brightness is in every pixel, mean over time, in grey levels per pixel, float32 (SIDE, SIDE).

    Compression, and a frame redrawn aside, change steep places more.
    """
    import cv2

    total = np.zeros((SIDE, SIDE), np.float32)
    some = inputs[:: max(len(inputs) // 25, 1)]
    for face in some:
        smooth = cv2.GaussianBlur(face.astype(np.float32), (0, 0), BLUR)
        total += np.hypot(*np.gradient(smooth))
    return np.asarray(total / max(len(some), 1), np.float32)


def _changed(change: NDArray[np.float32], steepness: NDArray[np.float32]) -> Region:
    """The connected part of what changes beyond noise that holds most of the lips; nothing where none does."""
    import cv2

    upper = slice(RIM, round(UPPER_FACE * SIDE))
    scale = steepness + max(float(np.median(steepness[upper])), 1.0)
    noise = float(np.median(change[upper] / scale[upper])) * scale
    strongest = float(np.percentile(change, 99))
    beyond = change > np.maximum(OVER_NOISE * noise, max(LEAST_CHANGE, SHARE_OF_STRONGEST * strongest))
    # At the frame's rim, pictures that were moved show what they do not hold.
    beyond[:RIM] = beyond[-RIM:] = beyond[:, :RIM] = beyond[:, -RIM:] = False
    opened = cv2.morphologyEx(beyond.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels = cv2.connectedComponents(opened)
    on_lips = np.bincount(np.asarray(labels)[lips_region()], minlength=count)[1:]
    if not on_lips.any():
        return np.zeros((SIDE, SIDE), bool)
    return np.asarray(labels == 1 + int(on_lips.argmax()))


def _hull(region: Region) -> Region:
    import cv2

    filled = np.zeros(region.shape, np.uint8)
    if region.any():
        y, x = np.nonzero(region)
        corners = cv2.convexHull(np.stack([x, y], 1).astype(np.int32))
        cv2.fillConvexPoly(filled, corners, 1)
    return filled > 0
