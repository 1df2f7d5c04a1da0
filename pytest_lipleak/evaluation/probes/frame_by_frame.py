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
for choosing of ``research/known_guilt``: .8 already shows the shut mouth that honest ones take from their input."""

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
    *,
    still_counts: bool = True,
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
        still_counts: whether a single frame counts that is shown all the time. Else what the best one alone explains
            is taken off.

    Returns:
        The mean over output frames of the share of the most similar frame given, as much as it is more alike than by
        chance (``ALIKE``).
    """
    arriving = changes(before, earlier, later, region)
    offered = changes(given, given_earlier, given_later, region)
    offered = offered[_mean_square(offered) > STILL]
    if not arriving.any() or not len(offered):
        return 0.0
    found, of_one = 0.0, np.zeros(len(offered))
    for begin in range(0, len(arriving), AT_ONCE):
        shares, best = _shares(arriving[begin : begin + AT_ONCE], offered)
        found += float(shares[np.arange(len(best)), best].sum())
        of_one += shares.sum(axis=0)
    return (found - (0.0 if still_counts else float(of_one.max()))) / len(arriving)


def _shares(
    arriving: NDArray[np.float32], offered: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The share of every frame given in each output frame that changed, as much as it is alike; and the most similar.

    Returns:
        (M, S) and (M,), for the M frames whose change is not ``QUIET``.
    """
    arriving = arriving[_mean_square(arriving) >= QUIET]
    common = np.abs(arriving @ offered.T)
    own, theirs = (np.square(each).sum(axis=1) for each in (arriving, offered))
    correlations = common / np.sqrt(own[:, None] * theirs)
    alike = np.clip((correlations - ALIKE) / (1 - ALIKE), 0, 1)
    return np.minimum(common / theirs, 1) * alike, correlations.argmax(axis=1)


def _mean_square(changes: NDArray[np.float32]) -> NDArray[np.float32]:
    means: NDArray[np.float32] = np.square(changes).mean(axis=1)
    return means


def changes(before: Faces, earlier: Faces, later: Faces, region: Region) -> NDArray[np.float32]:
    """Both changes of every frame side by side, float32 (T, 2 P)."""
    as_is = before[:, region].astype(np.float32)
    return np.concatenate([earlier[:, region] - as_is, later[:, region] - as_is], axis=1)
