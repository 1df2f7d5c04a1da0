"""Limits, and the verdict of a measured value against one."""

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.core.metrics import Metric, metric
from pytest_lipleak.core.scores import Unscored

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_LIMIT = re.compile(r"(?P<metric>[^<>=]+)(?P<operator><=|>=|<|>)(?P<value>[^<>=]+)")


@dataclass(frozen=True)
class Limit:
    """A metric and the bound it must keep, for example ``LSD-CR < 0.6``."""

    metric: Metric
    operator: str
    value: float

    def __post_init__(self) -> None:
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
        return f"{self.metric.name} {self.operator} {self.value:g}"

    @classmethod
    def parse(cls, text: str) -> "Limit":
        """Read ``METRIC < NUMBER`` (also <=, >, >=).

        Raises:
            ConfigurationError: it does not parse, the metric is unknown, or the limit points the wrong way.
        """
        match = _LIMIT.fullmatch(text.strip())
        if match is None:
            raise ConfigurationError(
                f"cannot read the gate {text!r}; expected METRIC < NUMBER, for example 'LSD-CR < 0.6'"
            )
        try:
            value = float(match["value"])
        except ValueError:
            raise ConfigurationError(
                f"cannot read the gate {text!r}: {match['value'].strip()!r} is not a number"
            ) from None
        return cls(metric(match["metric"].strip()), match["operator"], value)

    def holds(self, value: float) -> bool:
        """Whether ``value`` keeps the limit. NaN never does."""
        return _OPERATORS[self.operator](value, self.value)


@dataclass(frozen=True)
class Measurement:
    """A metric's value on a clip set.

    Args:
        metric: which metric.
        value: the value, from the means over clips.
        interval: 95 % bootstrap interval over clips, or None with fewer than two clips.
        per_clip: the metric of each clip alone, a diagnostic that names the worst clips.
        unscored: takes that should have counted and could not be scored.
        expert: label of the sync expert whose scale this is.
        videos: where generated videos were kept, by clip.
        warning: why the value means little, or None.
    """

    metric: Metric
    value: float
    interval: tuple[float, float] | None
    per_clip: Mapping[str, float]
    unscored: tuple[Unscored, ...]
    expert: str
    videos: Mapping[str, str] = field(default_factory=dict)
    warning: str | None = None

    @property
    def clips(self) -> int:
        """How many clips the value was averaged over."""
        return len(self.per_clip)

    def worst(self, count: int = 3) -> list[tuple[str, float]]:
        """Return the clips that look worst by themselves, worst first."""
        sign = -1 if self.metric.better == "lower" else 1
        return sorted(self.per_clip.items(), key=lambda item: (sign * item[1], item[0]))[:count]

    def __str__(self) -> str:
        interval = f" [{self.interval[0]:.2f}, {self.interval[1]:.2f}]" if self.interval else ""
        lost = len({entry.clip for entry in self.unscored} - self.per_clip.keys())
        clips = (
            f"{self.clips}{f' of {self.clips + lost}' if lost else ''} clip{'s' if self.clips != 1 else ''}"
        )
        judge = clips if self.metric.is_picture else f"{clips}, expert {self.expert}"
        return f"{self.metric.name} = {self.value:.3f}{interval} ({judge})"


@dataclass(frozen=True)
class Verdict:
    """Whether a measurement keeps a limit, and why not."""

    limit: Limit
    measurement: Measurement
    reason: str | None = None

    @property
    def passed(self) -> bool:
        """True only for a finite value over at least one clip, all clips scored, that keeps the limit."""
        return self.reason is None

    @property
    def judged(self) -> bool:
        """False when it failed because the value could not be told or must not be believed."""
        return self.passed or self.reason == _broken(self.limit)

    @property
    def headline(self) -> str:
        """One line that stands alone: metric, value, interval, limit, number of clips."""
        return f"{self.measurement}: {self.reason or f'keeps {self.limit}'}"


def judge(limit: Limit, measurement: Measurement, *, allow_unscored: bool = False) -> Verdict:
    """Compare a measurement with a limit; whatever cannot be judged fails with its reason."""
    return Verdict(limit, measurement, _objection(limit, measurement, allow_unscored))


def _objection(limit: Limit, measurement: Measurement, allow_unscored: bool) -> str | None:
    if measurement.clips == 0:
        return f"no clip was scored, so {limit} cannot be judged"
    if measurement.unscored and not allow_unscored:
        return f"{len(measurement.unscored)} takes could not be scored, so {limit} cannot be judged"
    if math.isnan(measurement.value) or (math.isinf(measurement.value) and not limit.metric.unbounded):
        return f"the value is not a number, so {limit} cannot be judged"
    if not limit.holds(measurement.value):
        return _broken(limit)
    return None


def _broken(limit: Limit) -> str:
    return f"not {limit.operator} {limit.value:g}"
