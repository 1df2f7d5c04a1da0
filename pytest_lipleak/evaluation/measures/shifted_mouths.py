"""How much of what was changed in a reference, or in the input frames, arrives in the output, at every lag."""

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.scores import LAGS
from pytest_lipleak.faces.small import Faces, Region


def arrived(
    before: Faces, after: Faces, given: Faces, changed: Faces, region: Region
) -> tuple[NDArray[np.float64], float]:
    """Project the change of an output on the change of what the model was given, at every lag.

    Args:
        before: output for what was ``given``, uint8 (T, SIDE, SIDE).
        after: output for what was ``changed``, all else equal.
        given: reference or input frames as they are.
        changed: with other mouths.
        region: where it is looked at, bool (SIDE, SIDE).

    Returns:
        Mean over frames and pixels of the product of both changes, (21,), at lags -10..10, positive where the output
        comes later; and the mean square of the change given, which a complete copy would give at its lag.
    """
    arriving = after[:, region].astype(np.float64) - before[:, region]
    offered = changed[:, region].astype(np.float64) - given[:, region]
    found = []
    for lag in LAGS:
        out = arriving[max(lag, 0) : len(arriving) + min(lag, 0)]
        source = offered[max(-lag, 0) : len(offered) + min(-lag, 0)]
        found.append(float((out * source).mean()) if out.size else 0.0)
    return np.array(found), float((offered**2).mean()) if offered.size else 0.0


def sync_moved(
    before: NDArray[np.floating], after: NDArray[np.floating], real: NDArray[np.floating], frames: int
) -> tuple[NDArray[np.float64], float]:
    """Project the change of an output's sync with the clip's own speech on that of a complete copy, at every lag.

    It also sees lips that open and close with the changed ones and share no pixel with them.

    Args:
        before: mean distances of the output for what was given, 31 shifts.
        after: likewise, with mouths that come ``frames`` earlier.
        real: of the real clip.
        frames: by how many; negative where they come later.

    Returns:
        As ``arrived``: sums over shifts, (21,), and what a complete copy would give.
    """
    change = _confidence(after) - _confidence(before)
    own = _confidence(real)
    # Index j of the distances is shift j - 15, offset 15 - j: lips that come earlier dip at a larger index.
    full = _shifted(own, frames) - own
    moved = [float(change @ _shifted(full, -lag)) for lag in LAGS]
    return np.array(moved), float(full @ full)


def _confidence(mean_distances: NDArray[np.floating]) -> NDArray[np.float64]:
    means = np.asarray(mean_distances, np.float64)
    return np.asarray(np.median(means) - means)


def _shifted(values: NDArray[np.float64], places: int) -> NDArray[np.float64]:
    """``values`` moved to larger indices, 0 where they come from outside."""
    moved = np.zeros_like(values)
    size = len(values)
    moved[max(places, 0) : size + min(places, 0)] = values[max(-places, 0) : size + min(-places, 0)]
    return moved
