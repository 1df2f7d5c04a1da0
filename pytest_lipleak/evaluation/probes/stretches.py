"""From which stretches of the reference the lips of an output come, where single frames are lost in noise.

Compression and grain blur a small share of a copy so far that no frame is plainly like another (``frame_by_frame``).
A third of a second is, where frames keep their order for so long: at a lag, backwards, at another speed or held.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.evaluation.probes.frame_by_frame import QUIET, STILL, changes
from pytest_lipleak.faces.small_faces import Faces, Region

LENGTH = 8
"""Frames of a stretch: a third of a second at 25 frames a second."""

STEP = 4
"""Frames from the begin of one stretch of the output to that of the next."""

SPEEDS = (1.0, -1.0, 0.0, 0.5, -0.5, 2.0, -2.0, 1.5)
"""At which a stretch of the reference is looked through, in frames a frame."""

ALIKE = 0.5
"""Correlation of changes from which on they count: among all stretches and speeds one is a little like any other."""


def share_of_stretches(
    before: Faces,
    earlier: Faces,
    later: Faces,
    given: Faces,
    given_earlier: Faces,
    given_later: Faces,
    region: Region,
    *,
    still_counts: bool = True,
) -> float:
    """Return the share of the reference's mouths that is in the output, stretch by stretch; 0 to 1.

    Args:
        before: output for the reference as it is, uint8 (T, SIDE, SIDE).
        earlier: output for mouths that come earlier, all else equal.
        later: output for mouths that come later.
        given: the reference as it is.
        given_earlier: its mouths earlier.
        given_later: its mouths later.
        region: where both are looked at, bool (SIDE, SIDE).
        still_counts: whether a frame counts that is held.

    Returns:
        The mean over stretches of the best share, as much as it is more alike than by chance (``ALIKE``).
    """
    arriving = changes(before, earlier, later, region)
    offered = changes(given, given_earlier, given_later, region)
    if not arriving.any() or not offered.any():
        return 0.0
    own, theirs = np.square(arriving).sum(axis=1), np.square(offered).sum(axis=1)
    pixels = LENGTH * offered.shape[1]
    frames = len(arriving)
    speeds = [speed for speed in SPEEDS if speed or still_counts]
    found = []
    for begin in range(0, frames - LENGTH + 1, STEP):
        stretch = np.arange(begin, begin + LENGTH)
        energy = float(own[stretch].sum())
        quiet = energy / pixels < QUIET
        # Stretch by stretch: all frames against all would not be held for a long clip.
        found.append(0.0 if quiet else _best(arriving[stretch] @ offered.T, energy, theirs, pixels, speeds))
    return float(np.mean(found)) if found else 0.0


def _best(
    products: NDArray[np.float32],
    energy: float,
    theirs: NDArray[np.float32],
    pixels: int,
    speeds: Sequence[float],
) -> float:
    """The share of the most similar stretch of the reference, as much as it is alike; ``products``: (LENGTH, T)."""
    alike, share = 0.0, 0.0
    frames = len(theirs)
    for speed in speeds:
        places = np.arange(frames)[:, None] + np.floor(speed * np.arange(LENGTH)).astype(int)
        places = places[(places.min(axis=1) >= 0) & (places.max(axis=1) < frames)]
        offered = theirs[places].sum(axis=1)
        places, offered = places[offered / pixels > STILL], offered[offered / pixels > STILL]
        if not len(places):
            continue
        common = np.abs(products[np.arange(LENGTH), places].sum(axis=1))
        correlations = common / np.sqrt(offered * energy)
        best = int(np.argmax(correlations))
        if correlations[best] > alike:
            alike, share = float(correlations[best]), float(common[best] / offered[best])
    return min(share, 1.0) * max(alike - ALIKE, 0.0) / (1 - ALIKE)
