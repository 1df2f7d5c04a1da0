"""What a run keeps of a verdict, whether it judged itself or was read from a report."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_lipleak.core.metrics.formulas import Metric, metric
from pytest_lipleak.core.plain_numbers import number_of, plain_number
from pytest_lipleak.verdicts.limits import Outcome, Verdict


@dataclass(frozen=True)
class JudgedLimit:
    """A limit and how it was judged; unlike a ``Verdict`` it needs no scores.

    Args:
        limit: in full, for example ``LSD-CR < 0.6``.
        metric_name: what it is about.
        bound: the limit without the metric, for example ``< 0.6``.
        outcome: how it was judged.
        value: of the metric; NaN where it could not be measured, infinite for the PSNR of identical pictures.
        clips: how many the value was averaged over.
        interval: that was judged or is shown, or None; ``no_interval`` says why.
        confidence: coverage of the interval that had to keep the limit; None where the value itself was compared.
        alpha: the p at or below which a limit on an excess is broken; None for other limits.
        p: how often chance would give such scores; None where no chance was drawn.
        reason: why it did not pass; None where it did.
        hollow: why keeping the limit says nothing; None where it says something.
        offenders: clips that break a limit on the worst clip by themselves, worst first.
        headline: one line that stands alone.
    """

    limit: str
    metric_name: str
    bound: str
    outcome: Outcome
    value: float = math.nan
    clips: int = 0
    interval: tuple[float, float] | None = None
    no_interval: str | None = None
    confidence: float | None = None
    alpha: float | None = None
    p: float | None = None
    reason: str | None = None
    hollow: str | None = None
    offenders: tuple[str, ...] = ()
    headline: str = ""

    @property
    def metric(self) -> Metric:
        """What it is about."""
        return metric(self.metric_name)

    @property
    def shows_leak(self) -> bool:
        """Whether breaking this limit means a leak."""
        return self.metric.shows_leak

    @property
    def passed(self) -> bool:
        """Whether the limit is kept."""
        return self.outcome is Outcome.PASS

    @property
    def judged(self) -> bool:
        """Whether the limit was found kept or broken; False when that could not be told."""
        return self.outcome in (Outcome.PASS, Outcome.FAIL)

    @classmethod
    def of(cls, verdict: Verdict) -> "JudgedLimit":
        """Return what is kept of a verdict."""
        limit, measurement = verdict.limit, verdict.measurement
        return cls(
            str(limit),
            limit.metric.name,
            limit.bound,
            verdict.outcome,
            float(measurement.value),
            measurement.clips,
            measurement.interval,
            measurement.no_interval,
            limit.confidence,
            limit.alpha,
            measurement.p,
            verdict.reason,
            verdict.hollow,
            tuple(verdict.offenders),
            verdict.headline,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as reports and other processes read it; see ``verdict`` in ``report/schema.json``."""
        return {
            "limit": self.limit,
            "metric": self.metric_name,
            "bound": self.bound,
            "value": plain_number(self.value),
            "clips": self.clips,
            "interval": list(self.interval) if self.interval else None,
            "no_interval": self.no_interval,
            "confidence": self.confidence,
            "alpha": self.alpha,
            "p": self.p,
            "passed": self.passed,
            "judged": self.judged,
            "outcome": str(self.outcome),
            "reason": self.reason,
            "hollow": self.hollow,
            "offenders": list(self.offenders),
            "headline": self.headline,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "JudgedLimit":
        """Read what ``to_dict`` wrote, in this version or an earlier one; floats come back to the bit."""
        low, high = data.get("interval") or (None, None)
        return cls(
            data["limit"],
            data["metric"],
            data["bound"],
            outcome_in(data),
            number_of(data["value"]),
            data.get("clips", 0),
            None if low is None else (number_of(low), number_of(high)),
            data.get("no_interval"),
            data.get("confidence"),
            data.get("alpha"),
            data.get("p"),
            data.get("reason"),
            data.get("hollow"),
            tuple(data.get("offenders") or ()),
            data.get("headline", ""),
        )


def outcome_in(data: Mapping[str, Any]) -> Outcome:
    """Return how a verdict of a report ended."""
    if "outcome" in data:
        return Outcome(data["outcome"])
    # A report written before there was that word.
    return Outcome.PASS if data["passed"] else Outcome.FAIL if data["judged"] else Outcome.NOT_JUDGED
