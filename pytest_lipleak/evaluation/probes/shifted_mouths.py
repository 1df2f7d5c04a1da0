"""How much of what was changed in a reference, or in the input frames, arrives in the output, at every lag."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.metrics.formulas import AROUND, COLOUR_ECHO, ECHO, FRAME_BY_FRAME, LATE, PAUSE, SYNC
from pytest_lipleak.core.scores import LAGS
from pytest_lipleak.evaluation.probes.echo import Layer, changed_share, echo
from pytest_lipleak.evaluation.probes.frame_by_frame import share_frame_by_frame
from pytest_lipleak.evaluation.probes.stretches import share_of_stretches
from pytest_lipleak.faces.small_faces import Faces, Region, lips_core

SAME = 0.5
"""Mean difference in grey levels below which two outputs show the same lips."""


FAR_LAGS = range(-50, 51)
"""Lags of up to two seconds: lips that come so late fit no speech, and are the clip's own all the same."""

LEAST_OVERLAP = 15
"""Frames that two videos must have in common at a lag."""

STILL = 1.0
"""Mean squared difference of two mouths, in grey levels squared, below which one is no other mouth."""

LEAST_TOLD = 0.3
"""Share of a complete copy that must be left beside chance: the largest limit that a probe has. Mouths that speak leave
.49 and more in 32 frames, .63 and more in 75 and 85 (12 clips)."""


@dataclass(frozen=True, eq=False)
class Output:
    """What is looked at of one output.

    Args:
        faces: grey, uint8 (T, SIDE, SIDE).
        means: mean distances to the clip's own speech, then to unrelated speech, (1 + K, 31); of the lips alone, where
            the rest shows what was given.
    """

    faces: Faces
    means: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Layers:
    """Outputs as they look, each in grey and in colour: (T, SIDE, SIDE), (T, SIDE, SIDE, 2).

    Args:
        before: for what was given.
        earlier: with moved mouths.
        later: with mouths that were moved as much the other way.
        otherwise: for what was given under other audio.
        again: for what was given, made once more; None of a model that repeats itself.
    """

    before: Sequence[Layer]
    earlier: Sequence[Layer]
    later: Sequence[Layer]
    otherwise: Sequence[Layer]
    again: Sequence[Layer] | None = None

    def changed(self, region: Region) -> float:
        """How much of what moves in a region changed with the mouths, in grey: see ``changed_share``."""
        return changed_share(
            self.before[0],
            self.earlier[0],
            self.later[0],
            region=region,
            otherwise=self.otherwise[0],
            again=None if self.again is None else self.again[0],
        )


@dataclass(frozen=True, eq=False)
class Given:
    """What a model was given before and after mouths were moved, and where it is looked at.

    Args:
        faces: reference or input frames as they are, uint8 (T, SIDE, SIDE).
        changed: with other mouths.
        region: where lips are looked at, bool (SIDE, SIDE).
        real: mean distances of the real clip, 31 shifts.
        moved: by how many frames mouths come earlier; negative where they come later.
        around: chin and cheeks, where they are looked at, too, bool (SIDE, SIDE).
        pauses: which frames lie in a pause of the driving speech, bool (T,); None: none does, nothing is said of them.
        other_way: with mouths that were moved as much the other way; None where they were not.
        still_counts: whether a single frame counts that is shown all the time. Of a reference it is a leak; a model may
            show one input frame, and not move, or animate it.
    """

    faces: Faces
    changed: Faces
    region: Region
    real: NDArray[np.float64]
    moved: int
    around: Region | None = None
    pauses: NDArray[np.bool_] | None = None
    other_way: Faces | None = None
    still_counts: bool = True


@dataclass(frozen=True, eq=False)
class Arrival:
    """What of a change arrives.

    Args:
        curve: the change of the output projected on the change given, one number a lag.
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


def arrivals(
    before: Output, after: Output, given: Given, layers: Layers | None, again: Output | None = None
) -> dict[str, Arrival]:
    """Say what of moved mouths arrives: in pixels of the lips and around them, in sync, as an echo.

    What chance gives is taken off: of pixels what "follows" a change that came at other times (``arrived_by_chance``),
    of sync what moves of that with unrelated speech. A model that samples anew gives another output whether anything
    was changed or not: two trials of the same show by how much, and the best of all lags of either sign is taken off
    where it is more.

    Args:
        before: output for what was given.
        after: output with moved mouths, all else equal.
        given: what was changed.
        layers: the same outputs, and others, as they look; None: mouths were moved one way alone, without an echo.
        again: output for what was given, made once more; None of a model that repeats itself.

    Returns:
        By part: "" (pixels of the lips; outside pauses where there are any), ``PAUSE``, ``AROUND``, ``LATE`` (pixels of
        the lips at far lags), ``SYNC``, ``ECHO``, ``COLOUR_ECHO`` and ``FRAME_BY_FRAME``.
    """
    parts: dict[str, tuple[Region, NDArray[np.bool_] | None, range]] = {
        "": (given.region, None if given.pauses is None else ~given.pauses, LAGS),
        LATE: (given.region, None, FAR_LAGS),
    }
    if given.pauses is not None:
        parts[PAUSE] = given.region, given.pauses, LAGS
    if given.around is not None:
        parts[AROUND] = given.around, None, LAGS
    found = {}
    for part, (region, frames, lags) in parts.items():
        rest = (given.faces, given.changed, region, frames, lags)
        curve, full = arrived(before.faces, after.faces, *rest)
        chance = arrived_by_chance(before.faces, after.faces, *rest)
        if again is not None:
            chance = max(chance, _largest(arrived(before.faces, again.faces, *rest)[0]))
        # Where next to nothing moves, as around some lips, the share of it is no matter.
        found[part] = Arrival(curve, max(full, STILL) if part == AROUND else full, chance)
    found[SYNC] = _in_sync(before, after, given, again)
    if layers is not None:
        # Judged for themselves: the larger of two in every clip would be above chance by choice.
        found |= {part: _echo(layers, given, place) for place, part in enumerate((ECHO, COLOUR_ECHO))}
        if given.other_way is not None:
            found[FRAME_BY_FRAME] = _frame_by_frame(layers, given, given.other_way)
    return found


def _echo(layers: Layers, given: Given, place: int) -> Arrival:
    found = echo(
        layers.before[place],
        layers.earlier[place],
        layers.later[place],
        moved=given.moved,
        region=given.region,
        otherwise=layers.otherwise[place],
        again=None if layers.again is None else layers.again[place],
    )
    return Arrival(np.array([found]), 1.0)


def _frame_by_frame(layers: Layers, given: Given, other_way: Faces) -> Arrival:
    before, rest = layers.before[0], (given.faces, given.changed, other_way, given.region)
    again = None if layers.again is None else layers.again[0]
    # A mouth that a model draws at every call and keeps looks like a frame given that is shown all the time.
    still_counts = given.still_counts and again is None

    def of(share: Callable[..., float]) -> Arrival:
        found = share(before, layers.earlier[0], layers.later[0], *rest, still_counts=still_counts)
        by_chance = 0.0 if again is None else share(before, again, again, *rest, still_counts=still_counts)
        return Arrival(np.array([found]), 1.0, by_chance)

    single = of(share_frame_by_frame)
    # A stretch may be held, and so says nothing of input frames.
    return max(single, of(share_of_stretches), key=lambda each: each.found) if given.still_counts else single


def _in_sync(before: Output, after: Output, given: Given, again: Output | None) -> Arrival:
    """What moved of the sync with the clip's own speech, and what of that with unrelated speech by chance."""
    curves = [
        sync_moved(old, new, given.real, given.moved)
        for old, new in zip(before.means, after.means, strict=True)
    ]
    (curve, full), *others = curves
    chance = max(float(np.mean([other.max() for other, _ in others])), 0.0) if others else 0.0
    if again is not None:
        chance = max(
            chance, _largest(sync_moved(before.means[0], again.means[0], given.real, given.moved)[0])
        )
    return Arrival(curve, full, chance)


def repeats(once: Faces, again: Faces) -> bool:
    """Whether two outputs for the same input show the same lips: to half a grey level, as compression may differ."""
    lips = lips_core()
    return float(np.abs(once[:, lips].astype(np.float64) - again[:, lips]).mean()) < SAME


def apart(one: Faces, other: Faces) -> float:
    """By how much two outputs differ anywhere in the face: mean, in grey levels; 0 of outputs that are the same."""
    return float(np.abs(one.astype(np.int16) - other).mean(dtype=np.float64))


def _largest(curve: NDArray[np.float64]) -> float:
    return float(np.abs(curve).max())


def arrived(
    before: Faces,
    after: Faces,
    given: Faces,
    changed: Faces,
    region: Region,
    frames: NDArray[np.bool_] | None = None,
    lags: range = LAGS,
) -> tuple[NDArray[np.float64], float]:
    """Project the change of an output on the change of what the model was given, at every lag.

    Args:
        before: output for what was ``given``, uint8 (T, SIDE, SIDE).
        after: output for what was ``changed``, all else equal.
        given: reference or input frames as they are.
        changed: with other mouths.
        region: where it is looked at, bool (SIDE, SIDE).
        frames: of the output, that are looked at, bool (T,); None: all.
        lags: in frames, positive where the output comes later.

    Returns:
        Mean over frames and pixels of the product of both changes, one number a lag; and the mean square of the change
        given, which a complete copy would give at its lag.
    """
    arriving = after[:, region].astype(np.float64) - before[:, region]
    offered = changed[:, region].astype(np.float64) - given[:, region]
    places = np.arange(len(arriving)) if frames is None else np.flatnonzero(frames)
    if not places.size or not offered.size:
        return np.zeros(len(lags)), 0.0
    return _at_lags(arriving, offered, places, lags), float((_moving(offered)[places] ** 2).mean())


def arrived_by_chance(
    before: Faces,
    after: Faces,
    given: Faces,
    changed: Faces,
    region: Region,
    frames: NDArray[np.bool_] | None = None,
    lags: range = LAGS,
) -> float:
    """What the best lag of ``arrived`` gives where the change given comes at other times than it came.

    A model may answer other input by other lips that do not follow it: it looks for a still mouth, say, and finds
    another one. Time reversed, half a clip later, and both: nothing follows these, and the mean of the best lags is
    chance. Lags that reach half a clip would find what comes half a clip later, so among those all is reversed.
    Arguments as of ``arrived``.
    """
    arriving = after[:, region].astype(np.float64) - before[:, region]
    offered = changed[:, region].astype(np.float64) - given[:, region]
    places = np.arange(len(arriving)) if frames is None else np.flatnonzero(frames)
    if not places.size or not offered.size or not arriving.any():
        return 0.0
    half = len(offered) // 2
    later = np.roll(offered, half, axis=0)
    other = later if lags == LAGS else np.roll(offered, half // 2, axis=0)[::-1]
    bests = [_at_lags(arriving, decoy, places, lags).max() for decoy in (offered[::-1], other, later[::-1])]
    return max(float(np.mean(bests)), 0.0)


def told_from_chance(given: Faces, changed: Faces, region: Region) -> float:
    """Return which share of a complete copy is left beside what chance gives of it; none of one that keeps a beat.

    A mouth that opens and closes in one rhythm looks alike at all times, so a copy of it follows the change at other
    times as well.

    Args:
        given: what a model is given, uint8 (T, SIDE, SIDE).
        changed: with other mouths.
        region: where lips are looked at, bool (SIDE, SIDE).
    """
    curve, _ = arrived(given, changed, given, changed, region)
    best = float(curve.max())
    return 1 - arrived_by_chance(given, changed, given, changed, region) / best if best > 0 else 0.0


def _at_lags(
    arriving: NDArray[np.float64], offered: NDArray[np.float64], places: NDArray[np.int64], lags: range
) -> NDArray[np.float64]:
    # Lips move: a still mouth that came out as another still mouth is no movement that followed.
    arriving = np.asarray(arriving - arriving[places].mean(axis=0), np.float32)
    offered = np.asarray(_moving(offered), np.float32)
    looked_at = np.zeros((len(arriving), 1), np.float32)
    looked_at[places] = 1
    arriving *= looked_at
    found = []
    for lag in lags:
        low = max(lag, 0)
        # Beyond the length of a short clip nothing is common; a negative end would count from the other one.
        high = max(min(len(arriving), len(offered) + lag), low)
        count = int(looked_at[low:high].sum())
        if count < min(LEAST_OVERLAP, len(places)):
            found.append(0.0)
            continue
        product = np.vdot(arriving[low:high], offered[low - lag : high - lag])
        found.append(float(product) / (count * arriving.shape[1]))
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
