"""The only place where the bench asks pytest-lipleak: one generator, one clip set, what was measured, the verdict."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_lipleak import Evaluation
from pytest_lipleak.core.defaults import DEFAULT_GATES
from pytest_lipleak.core.errors import NotApplicableError
from pytest_lipleak.core.verdicts import Limit
from pytest_lipleak.evaluation.make.store import Store
from pytest_lipleak.evaluation.plan.choices import Plan
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.media.clipsets import ClipSet
from pytest_lipleak.sync.expert import SyncExpert
from pytest_lipleak.sync.protocols import Protocol
from research.known_guilt.generator import KnownGuilt

LEAK, DEAF, PASSED = "leaks", "does not follow the audio", "passed"


@dataclass(frozen=True)
class Judged:
    """What came out for one generator on one set.

    Args:
        verdict: one of the words above.
        reasons: limits that were broken.
        statistics: value by metric.
        by_clip: likewise, value by clip.
    """

    verdict: str
    reasons: list[str] = field(default_factory=list)
    statistics: Mapping[str, float] = field(default_factory=dict)
    by_clip: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON; what is not finite becomes None."""
        return {
            "verdict": self.verdict,
            "reasons": self.reasons,
            "statistics": {name: _number(value) for name, value in self.statistics.items()},
            "by_clip": {
                name: {clip: _number(value) for clip, value in values.items()}
                for name, values in self.by_clip.items()
            },
        }


def _number(value: float) -> float | None:
    return round(float(value), 5) if math.isfinite(value) else None


def judged(generator: KnownGuilt, clips: ClipSet, expert: SyncExpert) -> Judged:
    """Measure with the default gates, each limit for the reference that the generator has."""
    with tempfile.TemporaryDirectory(prefix="known-guilt-") as folder:
        evaluation = Evaluation(
            clips,
            Model(generator.member.name, generator),
            expert,
            Plan(Protocol.DIRECT),
            Store(Path(folder)),
        )
        reasons, statistics, by_clip = [], {}, {}
        for gate in DEFAULT_GATES["embedded", "direct"]:
            try:
                verdict = evaluation.judge(Limit.parse(gate))
            except NotApplicableError:
                continue
            name = verdict.limit.metric.name
            statistics[name] = verdict.measurement.value
            by_clip[name] = verdict.measurement.per_clip
            if not verdict.passed:
                reasons.append(gate)
    leaks = [reason for reason in reasons if ">" not in reason]
    return Judged(LEAK if leaks else DEAF if reasons else PASSED, reasons, statistics, by_clip)
