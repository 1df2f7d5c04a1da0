"""What a sync expert says of one video against one audio."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, median
from typing import Any

from pytest_lipleak.core.conditions import Condition

MAX_SHIFT = 15
"""Shifts run from -15 to 15 frames, as in the SyncNet demo code."""

SHIFTS = 2 * MAX_SHIFT + 1

SAME_PEAK = 2
"""Offsets up to so many frames from the best one fit nearly as well by themselves: windows see five frames."""

LAGS = range(-10, 11)
"""Lags at which leaks are sought, in frames around a clip's known offset; positive: lips later than in the clip."""


@dataclass(frozen=True)
class SyncScore:
    """Mean distance between video and audio at every shift, and what follows from it.

    Args:
        mean_distances: mean over windows of the distance between video window i and audio window
            i + k, for k = -15..15 (31 values, index j is shift j - 15).
        windows: how many windows were averaged.
        window_confidence: LSE-C of each window at the best shift, median-filtered (may be empty).

    Source: ``SyncNetInstance.evaluate`` of the SyncNet demo code and Wav2Lip's ``calc_scores``.
    """

    mean_distances: tuple[float, ...]
    windows: int
    window_confidence: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.mean_distances) != SHIFTS:
            raise ValueError(f"{len(self.mean_distances)} mean distances, expected {SHIFTS}")
        if not all(math.isfinite(distance) for distance in self.mean_distances):
            raise ValueError("mean distances contain NaN or infinity; such a score must never be judged")

    @property
    def lse_d(self) -> float:
        """LSE-D: the smallest mean distance. Lower means better sync."""
        return min(self.mean_distances)

    @property
    def lse_c(self) -> float:
        """LSE-C: median minus smallest mean distance. Higher means better sync."""
        return median(self.mean_distances) - self.lse_d

    @property
    def offset(self) -> int:
        """Best shift in frames, in SyncNet's sign: positive when the audio comes before the lips."""
        return MAX_SHIFT - self.mean_distances.index(self.lse_d)

    @property
    def rival(self) -> int:
        """The best offset that lies more than ``SAME_PEAK`` frames from the best of all, in SyncNet's sign."""
        best = MAX_SHIFT - self.offset
        far = [shift for shift in range(SHIFTS) if abs(shift - best) > SAME_PEAK]
        return MAX_SHIFT - min(far, key=self.mean_distances.__getitem__)

    def distance_at(self, offset: int) -> float:
        """Mean distance at a known offset (SyncNet's sign, -15..15)."""
        return self.mean_distances[MAX_SHIFT - offset]

    def confidence_at(self, offset: int) -> float:
        """Median minus the mean distance at a known offset; negative when other shifts fit better."""
        return median(self.mean_distances) - self.distance_at(offset)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready data; ``from_dict`` reads it back exactly."""
        return {
            "mean_distances": list(self.mean_distances),
            "windows": self.windows,
            "window_confidence": list(self.window_confidence),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "SyncScore":
        """Read what ``to_dict`` wrote."""
        return cls(
            tuple(data["mean_distances"]),
            data["windows"],
            tuple(data["window_confidence"]),
        )


@dataclass(frozen=True)
class LagScan:
    """What one output has of its clip's own speech and lips at every lag of ``LAGS``, over its floor.

    Many metrics look at one scan, and again for every table and interval: what follows from it is found once.

    Args:
        excess: confidence of the output minus that of its floor, 21 lags a row: against the clip's own speech, then
            against unrelated audios.
        lips: correlation of the output's lips with others', 21 lags a row: with the clip's own, then with those of
            unrelated clips.
        slope: share of the clip's own lip movement that is in the output's, at each lag.
        region: share of the face that the model edits.
    """

    excess: tuple[tuple[float, ...], ...]
    lips: tuple[tuple[float, ...], ...]
    slope: tuple[float, ...]
    region: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready data; ``from_dict`` reads it back exactly."""
        return {
            "excess": [list(row) for row in self.excess],
            "lips": [list(r) for r in self.lips],
            "slope": self.slope,
            "region": self.region,
        }

    @cached_property
    def own_excess(self) -> list[float]:
        """The clip's own speech over unrelated audios, lag by lag."""
        return over_unrelated(self.excess)

    @cached_property
    def own_lips(self) -> list[float]:
        """The clip's own lips over those of unrelated clips, lag by lag."""
        return over_unrelated(self.lips)

    @cached_property
    def best_excess(self) -> float:
        """How far the own speech stands above every unrelated one, each at its own best lag."""
        return above_chance(self.excess, max)

    @cached_property
    def best_lips(self) -> float:
        """How far the own lips stand above all unrelated ones, each at their own best lag."""
        return above_chance(self.lips, max)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "LagScan":
        """Read what ``to_dict`` wrote."""
        excess, lips = (tuple(map(tuple, data[name])) for name in ("excess", "lips"))
        return cls(excess, lips, tuple(data["slope"]), data["region"])


def over_unrelated(rows: Sequence[Sequence[float]]) -> list[float]:
    """Return the first row of a table minus the mean of the others, lag by lag."""
    own, *others = rows
    return [value - fmean(column) for value, column in zip(own, zip(*others, strict=True), strict=True)]


LEAST_UNRELATED = 3
"""Fewer unrelated rows say nothing of what the best lag of a single clip gives by chance: with two of them, honest
lips stood above both by .35 (four clips, other speech)."""


def above_chance(rows: Sequence[Sequence[float]], chance: Callable[[list[float]], float]) -> float:
    """Return how far the first row at its best lag stands above the others, each at its own best lag.

    Every row is taken over the mean of the others, the first one left out of theirs.

    Args:
        rows: of 21 lags; the clip's own first, then unrelated ones.
        chance: what of the others' bests counts: ``mean`` or ``max``.

    Returns:
        The difference; 0 with fewer than ``LEAST_UNRELATED`` unrelated rows, which show no chance.
    """
    _, *others = rows
    if len(others) < LEAST_UNRELATED:
        return 0.0
    sums = [sum(column) for column in zip(*others, strict=True)]
    count = len(others) - 1
    bests = [
        max(value - (total - value) / count for value, total in zip(row, sums, strict=True)) for row in others
    ]
    return max(over_unrelated(rows)) - chance(bests)


def rank_p(observed: float, null: Sequence[float]) -> float:
    """Return (1 + null scores at least as high) / (1 + null scores).

    Source: Phipson & Smyth 2010, "Permutation P-values Should Never Be Zero", SAGMB 9.
    """
    return (1 + sum(score >= observed for score in null)) / (1 + len(null))


ONE_COLOUR = "every frame is of one colour"
"""Noted of a video that shows nothing: it has no lips, and what it scores is chance."""

POSED = "poses the head by itself, as the table says: that it was made of this clip was not checked"
"""Noted of a finished video whose movement belongs to no clip."""


@dataclass(frozen=True)
class TrialScore:
    """The scores of one trial: one clip generated under one condition.

    Args:
        clip: name of the clip.
        condition: the condition, or None for the real clip (the ground-truth row).
        driving: score against the audio that drove the generator; None under silence.
        own: score against the clip's own audio, whatever drove the generator.
        own_offset: the clip's known audio-video offset, measured on the real clip.
        partner: the clip whose audio drove the generator, under XM.
        notes: what happened to the output (frames trimmed, padded, ...).
        video: where the generated video was kept, if it was.
    """

    clip: str
    condition: Condition | None
    own: SyncScore
    driving: SyncScore | None
    own_offset: int
    partner: str | None = None
    notes: tuple[str, ...] = ()
    video: str | None = None


@dataclass(frozen=True)
class Unscored:
    """A trial that could not be scored, with the reason.

    Args:
        clip: name of the clip.
        condition: the condition, or None for the real clip.
        reason: why, in words.
        measure: the picture measure that could not be taken, or None for the sync score.
    """

    clip: str
    condition: Condition | None
    reason: str
    measure: str | None = None

    @property
    def name(self) -> str:
        """Which video it is, in words: ``anna_1 [SI,CR]``, or ``anna_1`` for the real clip."""
        return f"{self.clip} [{self.condition}]" if self.condition else self.clip


ENDS_EARLY = "finished videos of it end there"
"""In a note on a real clip, and in the reason why it could not be scored: it is shorter than its file for the sake of
what was made of it."""


def cut_notes(notes: Iterable[str]) -> Iterator[str]:
    """Yield those notes on a real clip that say so."""
    return (note for note in notes if ENDS_EARLY in note)


@dataclass(frozen=True)
class SetScore:
    """A distance between the set of all generated frames of a condition and the set of all real ones.

    Args:
        value: the distance, for example FID.
        frames: how many generated frames it rests on.
        per_clip: a diagnostic per clip that names the worst ones.
        warning: why the value means little, or None.
    """

    value: float
    frames: int
    per_clip: Mapping[str, float]
    warning: str | None = None
