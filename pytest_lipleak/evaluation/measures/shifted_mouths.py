"""How much of what was changed in a reference, or in the input frames, arrives in the output, at every lag."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.metrics.formulas import PAUSE, SYNC
from pytest_lipleak.core.scores import LAGS
from pytest_lipleak.faces.small import Faces, Region, lips_core

SAME = 0.5
"""Mean difference in grey levels below which two outputs show the same lips."""


@dataclass(frozen=True, eq=False)
class Output:
    """What is looked at of one output.

    Args:
        faces: grey, uint8 (T, SIDE, SIDE).
        means: mean distances to the clip's own speech, 31 shifts.
    """

    faces: Faces
    means: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Given:
    """What a model was given before and after mouths were moved, and where it is looked at.

    Args:
        faces: reference or input frames as they are, uint8 (T, SIDE, SIDE).
        changed: with other mouths.
        region: where pixels are looked at, bool (SIDE, SIDE).
        real: mean distances of the real clip, 31 shifts.
        moved: by how many frames mouths come earlier; negative where they come later.
        pauses: which frames lie in a pause of the driving speech, bool (T,); None: none does, nothing is said of them.
    """

    faces: Faces
    changed: Faces
    region: Region
    real: NDArray[np.float64]
    moved: int
    pauses: NDArray[np.bool_] | None = None


@dataclass(frozen=True, eq=False)
class Arrival:
    """What of a change arrives.

    Args:
        curve: the change of the output projected on the change given, at lags -10..10.
        full: what a complete copy would give.
        chance: what the best lag gives of a change that did not come so, see ``arrived_by_chance``, or where that is
            more, of none at all: the model was only asked again.
    """

    curve: NDArray[np.float64]
    full: float
    chance: float = 0.0

    @property
    def found(self) -> float:
        """The best lag, over chance; 0 where chance gives more."""
        best = float(self.curve.max())
        return best if self.chance == 0 else max(best - self.chance, 0.0)


def arrivals(before: Output, after: Output, given: Given, again: Output | None = None) -> dict[str, Arrival]:
    """Say what of moved mouths arrives: in pixels, in their sync with the clip's speech, in pixels during pauses.

    What chance gives is taken off: what "follows" a change that came at other times (``arrived_by_chance``), of pixels.
    A model that samples anew gives another output whether anything was changed or not: two trials of the same show by
    how much, and the best of all lags of either sign is taken off where it is more.

    Args:
        before: output for what was given.
        after: output with moved mouths, all else equal.
        given: what was changed.
        again: output for what was given, made once more; None of a model that repeats itself.

    Returns:
        By part: "" (pixels; outside pauses where there are any), ``SYNC``, ``PAUSE``.
    """
    parts = {"": None if given.pauses is None else ~given.pauses}
    if given.pauses is not None:
        parts[PAUSE] = given.pauses
    found = {}
    for part, frames in parts.items():
        rest = (given.faces, given.changed, given.region, frames)
        curve, full = arrived(before.faces, after.faces, *rest)
        chance = arrived_by_chance(before.faces, after.faces, *rest)
        if again is not None:
            chance = max(chance, _largest(arrived(before.faces, again.faces, *rest)[0]))
        found[part] = Arrival(curve, full, chance)
    curve, full = sync_moved(before.means, after.means, given.real, given.moved)
    chance = (
        0.0 if again is None else _largest(sync_moved(before.means, again.means, given.real, given.moved)[0])
    )
    return {**found, SYNC: Arrival(curve, full, chance)}


def repeats(once: Faces, again: Faces) -> bool:
    """Whether two outputs for the same input show the same lips: to half a grey level, as compression may differ."""
    lips = lips_core()
    return float(np.abs(once[:, lips].astype(np.float64) - again[:, lips]).mean()) < SAME


def _largest(curve: NDArray[np.float64]) -> float:
    return float(np.abs(curve).max())


def arrived(
    before: Faces,
    after: Faces,
    given: Faces,
    changed: Faces,
    region: Region,
    frames: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.float64], float]:
    """Project the change of an output on the change of what the model was given, at every lag.

    Args:
        before: output for what was ``given``, uint8 (T, SIDE, SIDE).
        after: output for what was ``changed``, all else equal.
        given: reference or input frames as they are.
        changed: with other mouths.
        region: where it is looked at, bool (SIDE, SIDE).
        frames: of the output, that are looked at, bool (T,); None: all.

    Returns:
        Mean over frames and pixels of the product of both changes, (21,), at lags -10..10, positive where the output
        comes later; and the mean square of the change given, which a complete copy would give at its lag.
    """
    arriving = after[:, region].astype(np.float64) - before[:, region]
    offered = changed[:, region].astype(np.float64) - given[:, region]
    places = np.arange(len(arriving)) if frames is None else np.flatnonzero(frames)
    if not places.size or not offered.size:
        return np.zeros(len(LAGS)), 0.0
    return _at_lags(arriving, offered, places), float((_moving(offered[places]) ** 2).mean())


def arrived_by_chance(
    before: Faces,
    after: Faces,
    given: Faces,
    changed: Faces,
    region: Region,
    frames: NDArray[np.bool_] | None = None,
) -> float:
    """What the best lag of ``arrived`` gives where the change given comes at other times than it came.

    A model may answer other input by other lips that do not follow it: it looks for a still mouth, say, and finds
    another one. Time reversed, half a clip later, and both: nothing follows these, and the mean of the best lags is
    chance. Arguments as of ``arrived``.
    """
    arriving = after[:, region].astype(np.float64) - before[:, region]
    offered = changed[:, region].astype(np.float64) - given[:, region]
    places = np.arange(len(arriving)) if frames is None else np.flatnonzero(frames)
    if not places.size or not offered.size or not arriving.any():
        return 0.0
    later = np.roll(offered, len(offered) // 2, axis=0)
    bests = [_at_lags(arriving, decoy, places).max() for decoy in (offered[::-1], later, later[::-1])]
    return max(float(np.mean(bests)), 0.0)


def _at_lags(
    arriving: NDArray[np.float64], offered: NDArray[np.float64], places: NDArray[np.int64]
) -> NDArray[np.float64]:
    found = []
    for lag in LAGS:
        inside = places[(places >= lag) & (places - lag < len(offered))]
        # Lips move: a still mouth that came out as another still mouth is no movement that followed.
        products = arriving[inside] * _moving(offered[inside - lag])
        found.append(float(products.mean()) if products.size else 0.0)
    return np.array(found)


def _moving(change: NDArray[np.float64]) -> NDArray[np.float64]:
    """A change without its mean over time, (T, P)."""
    return change - change.mean(axis=0) if len(change) else change


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
