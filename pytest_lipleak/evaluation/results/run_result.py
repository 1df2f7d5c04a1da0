"""What a run found: of each model its scores and verdicts, and how the run ended. Every report is a view of it."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.evaluation.results.aggregate import every_measurement
from pytest_lipleak.verdicts.endings import (
    FINISHED,
    Ending,
    RunEnd,
    Verdicts,
    model_ending,
    run_ending,
)
from pytest_lipleak.verdicts.judged_limits import JudgedLimit
from pytest_lipleak.verdicts.limits import Verdict


@dataclass(frozen=True)
class ModelResult:
    """What was found of one model.

    Args:
        corpus: its scores.
        verdicts: by limit.
    """

    corpus: Corpus
    verdicts: Verdicts = field(default_factory=dict)

    @classmethod
    def of(cls, corpus: Corpus, verdicts: Iterable[Verdict]) -> "ModelResult":
        """Return the result of a model that was judged: of each limit its last verdict, by the limits' names."""
        last = {str(verdict.limit): verdict for verdict in verdicts}
        return cls(corpus, {limit: JudgedLimit.of(verdict) for limit, verdict in sorted(last.items())})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "ModelResult":
        """Read what ``to_dict`` wrote."""
        return cls(Corpus.from_dict(data["corpus"]), verdicts_from(data["verdicts"]))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, as one process hands it to another; floats come back to the bit."""
        return {
            "corpus": self.corpus.to_dict(),
            "verdicts": [verdict.to_dict() for verdict in self.verdicts.values()],
        }


@dataclass(frozen=True)
class RunResult:
    """What a run found.

    Args:
        models: one by one.
        end: how the run ended.
    """

    models: tuple[ModelResult, ...] = ()
    end: RunEnd = FINISHED

    @property
    def endings(self) -> list[Ending]:
        """What there is to say of each model."""
        return [model_ending(model.verdicts, model.corpus, self.end) for model in self.models]

    @property
    def ending(self) -> Ending:
        """What there is to say of all models together."""
        return run_ending(self.endings, self.end)

    @property
    def verdicts(self) -> list[JudgedLimit]:
        """Those on all models."""
        return [verdict for model in self.models for verdict in model.verdicts.values()]

    def to_records(self) -> list[dict[str, Any]]:
        """Return one flat record per model and metric, and one per limit where a metric has several.

        ``pandas.DataFrame`` takes them as they are. Each has ``model``, ``clips`` (of the set, in words), ``expert``,
        ``protocol``, ``seed``, ``metric``, ``better`` (``lower`` or ``higher``), ``value`` (a float; NaN where nothing
        could be measured), ``low`` and ``high`` of its 95 % interval, ``measured`` and ``unscored`` clips, ``p``
        against chance, ``limit`` and ``outcome`` (``pass``, ``fail``, ...); None where there is no such thing.
        """
        return [record for model in self.models for record in _records(model)]


def _records(model: ModelResult) -> Iterator[dict[str, Any]]:
    about = model.corpus.provenance
    limits: dict[str, list[JudgedLimit]] = {}
    for kept in model.verdicts.values():
        limits.setdefault(kept.metric_name, []).append(kept)
    found = {each.metric.name: each for each in every_measurement(model.corpus)}
    # A limit on what could not be measured must not be missing.
    for name in dict.fromkeys((*found, *limits)):
        each = found.get(name)
        low, high = (each and each.interval) or (None, None)
        judged: list[JudgedLimit | None] = [*limits.get(name, ())]
        for verdict in judged or [None]:
            yield {
                "model": about.model,
                "clips": about.clips,
                "expert": about.expert,
                "protocol": about.protocol,
                "seed": about.seed,
                "metric": name,
                "better": metric(name).better,
                "value": float(each.value) if each else math.nan,
                "low": low,
                "high": high,
                "measured": each.clips if each else 0,
                "unscored": len(each.unscored) if each else None,
                "p": each and each.p,
                "limit": verdict and verdict.limit,
                "outcome": verdict and str(verdict.outcome),
            }


def merged_models(pieces: Iterable[ModelResult]) -> tuple[ModelResult, ...]:
    """Put together what was measured piece by piece: per model its scores and, by limit, the last verdict.

    The order of models and verdicts does not depend on who measured what first.
    """
    models: dict[str, tuple[Corpus, dict[str, JudgedLimit]]] = {}
    for piece in pieces:
        about = piece.corpus.provenance
        name = f"{about.model} {about.clips} {about.expert} {about.protocol} {about.seed}"
        corpus, verdicts = models.setdefault(name, (piece.corpus, {}))
        corpus.absorb(piece.corpus)
        # Empty until a process needed XM.
        corpus.provenance.note_partners(about.partners)
        verdicts.update(piece.verdicts)
    return tuple(
        ModelResult(corpus, dict(sorted(verdicts.items())))
        for _, (corpus, verdicts) in sorted(models.items())
    )


def verdicts_from(data: Iterable[Mapping[str, Any]]) -> Verdicts:
    """Read verdicts, as ``JudgedLimit.to_dict`` wrote them, by limit."""
    return {verdict["limit"]: JudgedLimit.from_dict(verdict) for verdict in data}
