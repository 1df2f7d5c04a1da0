"""Plain data of judging: a limit (a rule on a metric), a measured value, the verdict of one against the other."""

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from pytest_lipleak.core.dose import Dose
from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.core.metrics.formulas import Metric, metric
from pytest_lipleak.core.number_words import counted
from pytest_lipleak.core.scores import ENDS_EARLY, Unscored

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_LIMIT = re.compile(
    r"(?P<metric>[^<>=]+)(?P<operator><=|>=|<|>)(?P<value>[^<>=@]+)"
    r"(@\s*(?:p\s*(?P<alpha>[^<>=@%]+)|(?P<percent>[^<>=@%p]+?)\s*%\s*))?"
)

_SEVERAL = (
    "of several, each has an option --lipleak-gate of its own, or a line (a string) in the ini key lipleak_gates, or "
    "they stand in the variable LIPLEAK_GATES with ';' between them"
)

MIN_UNITS = 5
"""Fewer clips (or speakers, where several clips are of one) have no interval and give no bound verdict: intervals over
so few of them miss the truth too often, whatever method makes them."""


class Outcome(StrEnum):
    """How a verdict ended."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    """The interval lies on both sides of the limit, there are too few clips for one, or chance may give the value."""
    NOT_JUDGED = "not judged"
    """The value could not be told, or must not be believed."""


@dataclass(frozen=True)
class Rules:
    """How values become verdicts: the user's choices.

    Args:
        allow_unscored: judge the rest when some clips cannot be scored.
        confidence: of limits that name none: None compares the value itself, as papers do; a number such as
            0.95 wants the whole interval of that coverage on one side of the limit.
        inconclusive: what a test does whose verdict is inconclusive: ``fail``, ``skip`` or ``warn``.
        sequential: measure clip by clip until the verdict is settled; a limit that names no confidence then has
            ``confidence``, or 0.95.
    """

    allow_unscored: bool = False
    confidence: float | None = None
    inconclusive: str = "fail"
    sequential: bool = False

    def applied_to(self, limit: "Limit") -> "Limit":
        """Return ``limit`` with these rules' confidence where it names none."""
        own = limit.confidence is not None or limit.alpha is not None
        default = self.confidence or (0.95 if self.sequential else None)
        return limit if own else replace(limit, confidence=default)


@dataclass(frozen=True)
class Limit:
    """A metric and the bound it must keep, for example ``LSD-CR < 0.6``.

    Args:
        metric: which.
        operator: ``<``, ``<=``, ``>`` or ``>=``, pointing to where the metric is better.
        value: finite.
        confidence: coverage of the interval that must lie wholly on the good side, in [0.5, 1), written
            ``LSD-CR < 0.6 @ 95%``; None compares the value itself.
        alpha: for excesses over unrelated audio, written ``LSE-C_S@floor < 0.4 @ p 0.01``: the limit is broken
            when the excess is beyond the value and chance would give such scores with p of at most alpha.
        by_default: whether it counts because no limit was given. Nobody asked for it by name, so it is left out, and
            not *not judged*, where the clips are too few for it; no part of what a limit is.
    """

    metric: Metric
    operator: str
    value: float
    confidence: float | None = None
    alpha: float | None = None
    by_default: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        if self.alpha is not None and not 0 < self.alpha <= 0.5:
            raise ConfigurationError(
                f"the limit of {self.metric.name}: alpha {self.alpha:g} is not allowed; give 0.5 or less, for example "
                "0.01"
            )
        if self.alpha is not None and (not self.metric.has_p or self.confidence is not None):
            raise ConfigurationError(
                f"{self.metric.name}: only what is compared with chance has a p value (LSE-C_S@floor, LipCorr_XO and "
                "their kin), and it takes no confidence beside it"
            )
        check_confidence(self.confidence, f"the limit of {self.metric.name}")
        if self.operator not in _OPERATORS:
            raise ConfigurationError(
                f"unknown operator {self.operator!r}; use one of {', '.join(_OPERATORS)}"
            )
        if not math.isfinite(self.value):
            raise ConfigurationError(
                f"the limit of {self.metric.name} is {self.value}, expected a finite number"
            )
        points_down = self.operator.startswith("<")
        if points_down != (self.metric.better == "lower"):
            better = "<" if self.metric.better == "lower" else ">"
            raise ConfigurationError(
                f"{self}: for {self.metric.name} {self.metric.better} is better, so this limit would pass "
                f"when the model gets worse; write {self.metric.name} {better} {self.value:g}"
            )

    def __str__(self) -> str:
        return f"{self.metric.name} {self.bound}"

    @property
    def bound(self) -> str:
        """The limit without its metric, as tables print it."""
        return f"{self.operator} {self.value:g}{self._how}"

    @property
    def exact(self) -> str:
        """The limit as text that ``parse`` reads back without any rounding."""
        return f"{self.metric.name} {self.operator} {self.value!r}{self._how}"

    @property
    def _how(self) -> str:
        if self.alpha is not None:
            return f" @ p {self.alpha!r}"
        return "" if self.confidence is None else f" @ {percent(self.confidence)}%"

    @classmethod
    def parse(cls, text: str) -> "Limit":
        """Read ``METRIC < NUMBER`` (also <=, >, >=), and ``METRIC < NUMBER @ 95%`` for a bound verdict.

        Raises:
            ConfigurationError: it does not parse, the metric is unknown, or the limit points the wrong way.
        """
        match = _LIMIT.fullmatch(text.strip())
        if match is None:
            several = len(re.findall("[<>]", text)) > 1
            raise ConfigurationError(
                f"cannot read the gate {text!r}; expected METRIC < NUMBER, for example 'LSD-CR < 0.6'"
                + (f"; {_SEVERAL}" if several else "")
            )
        value = _number(text, match["value"])
        confidence = None if match["percent"] is None else _number(text, match["percent"]) / 100
        alpha = None if match["alpha"] is None else _number(text, match["alpha"])
        return cls(metric(match["metric"].strip()), match["operator"], value, confidence, alpha)

    @property
    def kept_by_nothing(self) -> str | None:
        """Why a perfect model would break the limit, so that breaking it says nothing; None where one would keep it."""
        best = self.metric.family.best
        if self.holds(best):
            return None
        side = "above" if self.metric.better == "lower" else "below"
        scale = f"{self.metric.name} is {best:g} at best"
        return f"{scale}, so a perfect model would break {self}; give a limit {side} {best:g}"

    def holds(self, value: float) -> bool:
        """Whether ``value`` keeps the limit. NaN never does."""
        return _OPERATORS[self.operator](value, self.value)

    def shown(self, value: float) -> str:
        """Return a value with so many digits behind the point that it is seen on which side of the limit it lies."""

        def side(number: float) -> tuple[bool, bool]:
            return number > self.value, number < self.value

        digits = self.metric.family.digits
        texts = (f"{value:.{more}f}" for more in range(digits, digits + 4))
        return next((text for text in texts if side(float(text)) == side(value)), str(value))


def check_confidence(confidence: float | None, owner: str) -> None:
    """Raise ``ConfigurationError`` unless ``confidence`` is None or in [0.5, 1)."""
    if confidence is not None and not 0.5 <= confidence < 1:
        raise ConfigurationError(
            f"{owner}: confidence {confidence:g} is not allowed; give a share from 0.5 to below 1, for example 0.95 "
            "(in a gate, a percentage: @ 95%)"
        )


def _number(gate: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigurationError(f"cannot read the gate {gate!r}: {text.strip()!r} is not a number") from None


def percent(share: float) -> str:
    """Return a share as the number of a percentage, for example ``97.5``."""
    return f"{100 * share:.10g}"


@dataclass(frozen=True)
class Measurement:
    """A metric's value on a clip set.

    Args:
        metric: which metric.
        value: the value, from the means over clips.
        interval: bootstrap interval over clips or speakers, or None; ``no_interval`` says why.
        per_clip: the metric of each clip alone, a diagnostic that names the worst clips.
        unscored: trials that should have counted and could not be scored.
        expert: label of the sync expert whose scale this is.
        videos: where generated videos were kept, by clip.
        warning: why the value means little, or None.
        confidence: coverage of the interval.
        speakers: how many speakers the clips are of, where several are of one (under XM also: driven by one speech);
            they are then drawn for the interval. None where each clip stands for itself.
        planned: of a sequential run, how many clips there are; None where all were measured at once.
        p: of an excess over unrelated audio: how often chance would give such scores, over all clips.
        least_p: the smallest p that these clips and that many unrelated audios can give.
        dose: the share of copied lips that it amounts to, where there is a scale for it.
        full_copy: what a full copy of the clip's lips would score, where that is known from the real clips.
        compared: of what looks at every lag: with how many unrelated recordings a clip is compared at least.
        blank: how many of the clips have a video that shows nothing, every frame of one colour.
        finished: whether the videos were finished before: nothing can be made anew.
        set_aside: real clips that the expert cannot judge, so few that the others are judged without them; see
            ``set_aside_of``.
        unreached: of a probe of finished videos: clips in which nothing shows that the model was given what was
            changed, with the differences of ``REACHED`` and the most of ``REDRAWN``, in grey levels; infinity where no
            second output for the same is there.
        parts: of a probe that looks in several ways: what each found, the largest of which is the value.
    """

    metric: Metric
    value: float
    interval: tuple[float, float] | None
    per_clip: Mapping[str, float]
    unscored: tuple[Unscored, ...]
    expert: str
    videos: Mapping[str, str] = field(default_factory=dict)
    warning: str | None = None
    confidence: float = 0.95
    speakers: int | None = None
    planned: int | None = None
    p: float | None = None
    least_p: float | None = None
    dose: Dose | None = None
    full_copy: float | None = None
    compared: int | None = None
    blank: int = 0
    finished: bool = False
    set_aside: tuple[Unscored, ...] = ()
    unreached: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    parts: Mapping[str, float] = field(default_factory=dict)

    @property
    def clips(self) -> int:
        """How many clips the value was averaged over."""
        return len(self.per_clip)

    @property
    def lost(self) -> tuple[Unscored, ...]:
        """Those of ``unscored`` for whose sake nothing is judged, unless somebody allows it."""
        return tuple(entry for entry in self.unscored if entry not in self.set_aside)

    @property
    def units(self) -> int:
        """How many independent pieces the interval rests on: speakers, or clips where each stands for itself."""
        return self.clips if self.speakers is None else self.speakers

    @property
    def unit(self) -> str:
        """What those are: ``clip`` or ``speaker``."""
        return "clip" if self.speakers is None else "speaker"

    @property
    def no_interval(self) -> str | None:
        """Why there is no interval, where one could be expected; None where there is one."""
        if self.interval is not None or self.metric.worst or self.metric.over_sets:
            return None
        if self.units < MIN_UNITS:
            have = (
                "" if self.speakers is None else f"; these are {counted(self.clips, 'clip')} of {self.units}"
            )
            return f"an interval needs at least {MIN_UNITS} {self.unit}s{have}"
        if self.planned is not None:
            return "the scores so far are too few or too skewed for an interval that holds at any number of clips"
        if all(map(math.isfinite, self.per_clip.values())):
            # Speakers and speeches are drawn: what drives is counted where clips have several partners alone.
            return f"an interval needs at least {MIN_UNITS} different speeches that drive"
        return "a score is not finite"

    def worst(self, count: int = 3) -> list[tuple[str, float]]:
        """Return the clips that look worst by themselves, worst first."""
        sign = -1 if self.metric.better == "lower" else 1
        return sorted(self.per_clip.items(), key=lambda item: (sign * item[1], item[0]))[:count]

    def __str__(self) -> str:
        interval = f" [{self.interval[0]:.2f}, {self.interval[1]:.2f}]" if self.interval else ""
        if interval and self.confidence != 0.95:
            interval += f" at {percent(self.confidence)} %"
        lost = len({entry.clip for entry in self.unscored} - self.per_clip.keys())
        every = self.planned or self.clips + lost
        part = "" if every == self.clips else f"{self.clips} of "
        who = f" of {counted(self.speakers, 'speaker')}" if self.speakers else ""
        clips = f"{part}{counted(every, 'clip')}{who}"
        chance = "" if self.p is None else f", p = {self.p:.2g}"
        judge = clips if self.metric.is_picture else f"{clips}{chance}, expert {self.expert}"
        return f"{self.metric.name} = {self.value:.3f}{interval} ({judge})"


LEAST_LEFT = 12
"""Clips that are enough for a verdict without those that the expert cannot judge: as many as the sets have on which the
default limits were chosen."""

MOST_SET_ASIDE = 0.1
"""The largest share of the clips that a verdict does without: of more, something is wrong with the clips."""


def set_aside_of(planned: int, unscored: Iterable[Unscored]) -> tuple[Unscored, ...]:
    """Return which clips a verdict may do without, though nobody allowed it; none where they are too many.

    The real clip alone decides that: it cannot be judged, whatever a model makes of it. An output that cannot be
    scored is never set aside, nor a real clip that was cut because finished videos of it end early.

    Args:
        planned: how many clips are to be measured.
        unscored: what could not be scored of them.
    """
    refused = [entry for entry in unscored if entry.condition is None and ENDS_EARLY not in entry.reason]
    are_few = len(refused) <= MOST_SET_ASIDE * planned and planned - len(refused) >= LEAST_LEFT
    return tuple(refused) if are_few else ()


@dataclass(frozen=True)
class Verdict:
    """Whether a measurement keeps a limit, and why not.

    Args:
        limit: the limit.
        measurement: what was measured.
        reason: why it does not pass; None when it does.
        outcome: how it ended; only ``judge`` says ``PASS``.
    """

    limit: Limit
    measurement: Measurement
    reason: str | None = None
    outcome: Outcome = Outcome.NOT_JUDGED

    @property
    def passed(self) -> bool:
        """True only for a finite value over at least one clip, all clips scored, that keeps the limit.

        At a confidence, only where the whole interval keeps it.
        """
        return self.outcome is Outcome.PASS

    @property
    def inconclusive(self) -> bool:
        """Whether more clips could settle it."""
        return self.outcome is Outcome.INCONCLUSIVE

    @property
    def judged(self) -> bool:
        """Whether the limit was found kept or broken; False when that could not be told."""
        return self.outcome in (Outcome.PASS, Outcome.FAIL)

    @property
    def hollow(self) -> str | None:
        """Why keeping the limit says nothing: a full copy would keep it, too, or whatever there is. None where it says
        something.
        """
        if not self.passed:
            return None
        copy, poorest = self.measurement.full_copy, self.limit.metric.family.poorest
        if copy is None or not self.limit.holds(copy):
            if poorest is None or not self.limit.holds(poorest):
                return None
            return f"no model can break {self.limit}: nothing scores worse than {poorest:g}; choose another limit"
        kept = f"a full copy of the lips would keep {self.limit}, too"
        below = "below" if self.limit.metric.better == "lower" else "above"
        return f"{kept}: it scores about {copy:.2f}; choose a limit well {below} that, or judge by the default gates"

    @property
    def offenders(self) -> tuple[str, ...]:
        """Clips that break a limit on the worst clip by themselves, worst first."""
        if not self.limit.metric.worst or self.passed:
            return ()
        worst = self.measurement.worst(self.measurement.clips)
        return tuple(clip for clip, value in worst if not self.limit.holds(value))

    @property
    def headline(self) -> str:
        """One line that stands alone: metric, value, interval, limit, number of clips."""
        kept = f"keeps {self.limit}" + (f"; but {self.hollow}" if self.hollow else "")
        return f"{self.measurement}: {self.reason or kept}"
