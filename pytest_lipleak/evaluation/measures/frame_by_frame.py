"""From which frame of the reference, or of the input, the lips of each output frame come, in whatever order.

One lag fits a copy that comes late. It does not fit one that runs backwards, at another speed, with a lag that grows,
that holds a mouth for a second, draws its frames at random, or whose sign turns. Mouths are moved twice, earlier and
later, so each frame of an output changes twice. If it was made from one frame of what was given, both of its changes
look like both changes of that frame, with either sign. No map of time is assumed.
"""

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.faces.small_faces import Faces, Region

ALIKE = 0.85
"""Correlation of changes from which on they count: among all frames one is a little like any other. Chosen on the sets
for choosing of ``research/known_guilt``: .8 already shows the closed mouth that honest models take from their input."""

QUIET = 0.25
"""Mean square of an output's change, in grey levels squared, below which nothing changed in a frame."""

STILL = 1.0
"""Mean square of the change given, in grey levels squared, below which the mouth did not move in a frame."""

AT_ONCE = 256
"""Output frames that are compared with all others at once: a long clip holds no table of all against all."""


def share_frame_by_frame(
    before: Faces,
    earlier: Faces,
    later: Faces,
    given: Faces,
    given_earlier: Faces,
    given_later: Faces,
    region: Region,
) -> float:
    """Return the share of mouths given that is in the output, each frame for itself; 0 to 1.

    Args:
        before: output for what was given as it is, uint8 (T, SIDE, SIDE).
        earlier: output for mouths that come earlier, all else equal.
        later: output for mouths that come later.
        given: reference or input frames as they are.
        given_earlier: their mouths earlier.
        given_later: their mouths later.
        region: where both are looked at, bool (SIDE, SIDE).

    Returns:
        The mean over output frames of the share of the most similar frame given, as much as it is more alike than by
        chance (``ALIKE``).
    """
    arriving = _changes(before, earlier, later, region)
    offered = _changes(given, given_earlier, given_later, region)
    offered = offered[_mean_square(offered) > STILL]
    if not arriving.any() or not len(offered):
        return 0.0
    blocks = range(0, len(arriving), AT_ONCE)
    shares = sum(float(_shares(arriving[begin : begin + AT_ONCE], offered).sum()) for begin in blocks)
    return shares / len(arriving)


def _shares(arriving: NDArray[np.float32], offered: NDArray[np.float32]) -> NDArray[np.float64]:
    """The share of the most similar frame in each output frame, as much as it is alike, (T,)."""
    moved = _mean_square(arriving) >= QUIET
    found = np.zeros(len(arriving))
    common = np.abs(arriving[moved] @ offered.T)
    own, theirs = (np.square(each).sum(axis=1) for each in (arriving[moved], offered))
    correlations = common / np.sqrt(own[:, None] * theirs)
    best = correlations.argmax(axis=1)
    each = np.arange(len(best))
    alike = np.clip((correlations[each, best] - ALIKE) / (1 - ALIKE), 0, 1)
    found[moved] = np.minimum(common[each, best] / theirs[best], 1) * alike
    return found


def _mean_square(changes: NDArray[np.float32]) -> NDArray[np.float32]:
    means: NDArray[np.float32] = np.square(changes).mean(axis=1)
    return means


def _changes(before: Faces, earlier: Faces, later: Faces, region: Region) -> NDArray[np.float32]:
    """Both changes of every frame side by side, float32 (T, 2 P)."""
    as_is = before[:, region].astype(np.float32)
    return np.concatenate([earlier[:, region] - as_is, later[:, region] - as_is], axis=1)
