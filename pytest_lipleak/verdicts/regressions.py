"""How much worse than a baseline a metric may get, and how much worse it got."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.core.metrics.formulas import Metric, metric
from pytest_lipleak.verdicts.limits import Limit

FLOOR = 0.05
"""Least change of a sync metric that counts when an allowance is relative: a tenth of nearly nothing is noise."""

DEFAULT_ALLOWANCES = tuple(
    text.format(reference)
    for text in (
        "LSE-C_S[{}] > +10% +0.1",
        "LSE-C_S@floor[{}] > +10% +0.1",
        "LSE-C_XO@floor[{}] > +10% +0.1",
        "LipCorr_S[{}] > +0.1",
        "LipCorr_XO[{}] > +0.1",
        "LSE-C[AM,{}] < -10% -0.1",
        "LSE-C[XM,{}] < -10% -0.1",
    )
    for reference in ("CR", "AR")
)
"""What ``assert_no_regression`` holds when nothing else is asked for: the means of the default gates, the paper's
silent score, which any baseline holds, and sync with other speech. LSD is the difference of sync with its own and with
other speech, and adds nothing that one of them would not show."""

_NUMBER = r"(?P<{0}>[+-]\s*\d+(?:\.\d*)?|[+-]\s*\.\d+)\s*(?P<{0}_percent>%?)"
_ALLOWANCE = re.compile(
    rf"(?P<metric>[^<>=]+)(?P<operator>[<>])\s*{_NUMBER.format('first')}(?:\s+{_NUMBER.format('second')})?\s*"
)
_EXAMPLE = "'LSD-CR > +0.1', 'LSD-CR > +10% +0.05' or, where higher is better, 'LSE-C[XM,CR] < -0.2'"


@dataclass(frozen=True)
class Allowance:
    """How much worse than its baseline a metric may be, for example ``LSD-CR > +10% +0.05``.

    Args:
        metric: which metric.
        absolute: in the metric's own unit, 0 or more.
        relative: as a share of the baseline, 0 or more. The larger of the two is allowed.
    """

    metric: Metric
    absolute: float
    relative: float = 0.0

    def __str__(self) -> str:
        sign, operator = ("+", ">") if self.metric.better == "lower" else ("-", "<")
        share = f"{sign}{100 * self.relative:g}% " if self.relative else ""
        return f"{self.metric.name} {operator} {share}{sign}{self.absolute:g}"

    @classmethod
    def parse(cls, text: str) -> "Allowance":
        """Read what must not happen: ``METRIC > +NUMBER``, ``METRIC > +SHARE%`` or both; ``<`` and ``-`` where
        higher is better.

        A share of a sync metric alone counts only beyond ``FLOOR``.

        Raises:
            ConfigurationError: it does not parse, the metric is unknown, or the direction is an improvement.
        """
        match = _ALLOWANCE.fullmatch(text.strip())
        if match is None:
            raise ConfigurationError(f"cannot read the regression {text!r}; expected {_EXAMPLE}")
        wanted = metric(match["metric"].strip())
        sign, operator = ("+", ">") if wanted.better == "lower" else ("-", "<")
        numbers = [match["first"], match["second"]] if match["second"] else [match["first"]]
        if match["operator"] != operator or any(number[0] != sign for number in numbers):
            raise ConfigurationError(
                f"{text!r}: for {wanted.name} {wanted.better} is better, so a regression is {wanted.name} {operator} "
                f"{sign}NUMBER"
            )
        values: dict[bool, float] = {}
        for name in ("first", "second")[: len(numbers)]:
            share = bool(match[f"{name}_percent"])
            if share in values:
                raise ConfigurationError(
                    f"{text!r}: give one share and one absolute number; expected {_EXAMPLE}"
                )
            values[share] = abs(float(match[name].replace(" ", "")))
        if False not in values and wanted.is_picture:
            raise ConfigurationError(
                f"{text!r}: {wanted.name} has a unit of its own; say beside the share what change counts at least, "
                f"for example '{wanted.name} {operator} {sign}10% {sign}0.01'"
            )
        return cls(wanted, values.get(False, FLOOR), values.get(True, 0.0) / 100)

    def allowed(self, baseline: float) -> float:
        """Return by how much the metric may be worse than ``baseline``, 0 or more."""
        return max(self.absolute, self.relative * abs(baseline))

    def limit(self, baseline: float) -> Limit:
        """Return the limit that the metric must keep, given its baseline."""
        if self.metric.better == "lower":
            # A baseline may lie below 0 by chance, and nothing is better than that; one that is no number stays none.
            return Limit(self.metric, "<=", max(baseline + self.allowed(baseline), self.metric.family.best))
        return Limit(self.metric, ">=", baseline - self.allowed(baseline))


@dataclass(frozen=True)
class Difference:
    """A metric in two results on the same clips.

    Args:
        metric: which metric.
        before: its value in the baseline, over ``per_clip``.
        after: its value now, over the same clips.
        interval: 95 % bootstrap interval of ``after - before``, clips drawn jointly; None with fewer than two
            clips and for distances between sets of frames.
        per_clip: the difference of each clip that has a score in both.
        lost: clips with a score in one of them only.
    """

    metric: Metric
    before: float
    after: float
    interval: tuple[float, float] | None
    per_clip: Mapping[str, float] = field(default_factory=dict)
    lost: tuple[str, ...] = ()

    @property
    def value(self) -> float:
        """After minus before."""
        return self.after - self.before

    @property
    def trend(self) -> str:
        """``better`` or ``worse`` when the whole interval lies on one side of zero, ``same`` when nothing changed
        at all, else ``unclear``.
        """
        if self.value == 0 and (self.interval is None or self.interval == (0.0, 0.0)):
            return "same"
        if self.interval is None or self.interval[0] <= 0 <= self.interval[1]:
            return "unclear"
        return "worse" if (self.value > 0) == (self.metric.better == "lower") else "better"

    def __str__(self) -> str:
        interval = f" [{self.interval[0]:+.2f}, {self.interval[1]:+.2f}]" if self.interval else ""
        return f"{self.metric.name} {self.before:.3f} -> {self.after:.3f}: {self.value:+.3f}{interval} {self.trend}"
