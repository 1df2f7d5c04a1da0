"""Where a model changes the picture: output against input, over time.

The region is what an honest model of this kind has to redraw. Everything outside it is the clip itself and moves with
the clip's own speech in every output, so it says nothing about leaks (``floor.py``).
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.faces.small_faces import SIDE, Face, Faces, Region, lips_region

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
    region = lips_region().copy()
    steepness = detail(inputs)
    for change in changes_over_time(list(outputs), inputs):
        region |= _hull(_changed(change, steepness))
    return region


def changes_over_time(outputs: Sequence[Faces], inputs: Faces) -> list[NDArray[np.float32]]:
    """Standard deviation over time of each output minus input, brightness and contrast apart, float32 (SIDE, SIDE).

    Each output frame is first fitted to its input frame, by gain and offset, on the upper face.
    """
    for output in outputs:
        if output.shape != inputs.shape:
            raise ValueError(f"outputs of shape {output.shape}, expected {inputs.shape} like the inputs")
    upper = slice(0, round(UPPER_FACE * SIDE))
    total = np.zeros((len(outputs), SIDE, SIDE))
    squares = np.zeros((len(outputs), SIDE, SIDE))
    # Frame by frame, so that an input frame is blurred once for all outputs.
    for given, *made in zip(inputs, *outputs, strict=True):
        goal = _blurred(given)
        for place, frame in enumerate(made):
            change = np.asarray(_fitted(_blurred(frame), goal, upper) - goal, np.float64)
            total[place] += change
            squares[place] += change**2
    variance = squares / len(inputs) - (total / len(inputs)) ** 2
    return list(np.sqrt(np.maximum(variance, 0)).astype(np.float32))


def _blurred(face: Face) -> NDArray[np.float32]:
    import cv2

    return np.asarray(cv2.GaussianBlur(face.astype(np.float32), (0, 0), BLUR), np.float32)


def _fitted(picture: NDArray[np.float32], goal: NDArray[np.float32], rows: slice) -> NDArray[np.float32]:
    from_, to = picture[rows].ravel(), goal[rows].ravel()
    spread = float(from_.var())
    # A black frame has no contrast to fit.
    gain = _covariance(from_, to) / spread if spread > 1 else 1.0
    gain = float(np.clip(gain, 0.5, 2.0))
    return np.asarray(gain * (picture - from_.mean()) + to.mean(), np.float32)


def _covariance(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """As ``np.cov`` of two series with ``bias``, to the bit, in half the time."""
    both = np.array([one, other], np.float64)
    both -= both.mean(axis=1)[:, None]
    return float((both @ both.T)[0, 1] * (1 / both.shape[1]))


def detail(inputs: Faces) -> NDArray[np.float32]:
    """How steep brightness is in every pixel, mean over time, in grey levels per pixel, float32 (SIDE, SIDE).

    Compression, and a frame redrawn aside, change steep places more.
    """
    total = np.zeros((SIDE, SIDE), np.float32)
    some = inputs[:: max(len(inputs) // 25, 1)]
    for face in some:
        total += np.hypot(*np.gradient(_blurred(face)))
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
