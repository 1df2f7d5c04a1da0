"""The only place where the bench asks pytest-lipleak for a verdict: what was measured in, the gates' answers out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.metrics.default_gates import DEFAULT_GATES
from pytest_lipleak.core.metrics.formulas import Audio, Metric
from pytest_lipleak.core.scores import LagScan
from pytest_lipleak.evaluation.measures.lag_scan import scan_chance
from pytest_lipleak.evaluation.results.resampling_units import voices
from pytest_lipleak.verdicts.limits import Limit
from pytest_lipleak.verdicts.value_against_limit import FAR, SUITE, SUITE_ALPHA
from research.known_guilt.measuring import provenance, shares

LEAK, DEAF, PASSED = "leaks", "does not follow the audio", "passed"
OPEN = "inconclusive"
"""Chance may have given what breaks a limit."""

DRAWS = 999
"""Of what chance gives."""

Line = Mapping[str, Any]
"""One generator on one clip set, as ``run`` writes it."""


@dataclass(frozen=True)
class Judged:
    """What the default gates say.

    Args:
        verdict: one of the words above.
        broken: gates that were broken, with their values.
        values: value by metric.
    """

    verdict: str
    broken: Sequence[str] = field(default_factory=tuple)
    values: Mapping[str, float] = field(default_factory=dict)


@cache
def gates() -> tuple[Limit, ...]:
    """The default gates of the embedded expert for face-centred clips."""
    return tuple(map(Limit.parse, DEFAULT_GATES["embedded", "direct"]))


def gates_in(options: str) -> tuple[Limit, ...]:
    """The gates of a file that ``lipleak calibrate --gates`` wrote: an option a line."""
    lines = (line.partition("--lipleak-gate=") for line in options.splitlines())
    return tuple(Limit.parse(limit) for before, _, limit in lines if limit and not before)


def gates_of(line: Line, limits: Sequence[Limit]) -> list[Limit]:
    """Those of the reference that the generator has, as in a run."""
    reference = "AR" if line["alternative"] else "CR"
    return [limit for limit in limits if limit.metric.conditions[0].reference == reference]


def asks_whether_lips_follow(limit: Limit) -> bool:
    """Whether a gate is about lips that follow the driving audio, and not about leaks."""
    return limit.metric.columns[0].audio is Audio.DRIVING and not limit.metric.is_probe


def judged(line: Line, limits: Sequence[Limit] | None = None) -> Judged:
    """Judge what was measured of one generator on one clip set, by the default gates or others."""
    corpus = corpus_of(line)
    leaks, by_chance, deaf, values = [], [], [], {}
    for limit in gates_of(line, gates() if limits is None else limits):
        if asks_whether_lips_follow(limit):
            measured = f"LSE-C[{limit.metric.conditions[0].setup}]"
            heard = [clip[measured] for clip in line["clips"].values() if measured in clip]
            value = sum(heard) / len(heard) if heard else math.nan
            if heard and not limit.holds(value):
                deaf.append(f"{limit} ({value:.2f})")
        else:
            rows = rows_of(corpus, limit.metric)
            if rows is None:
                continue
            value = value_of(limit.metric, rows)
            if not limit.holds(value):
                (by_chance if _chance_may_give(corpus, limit, value) else leaks).append(
                    f"{limit} ({value:.2f})"
                )
        values[limit.metric.name] = round(float(value), 4)
    verdict = LEAK if leaks else OPEN if by_chance else DEAF if deaf else PASSED
    return Judged(verdict, [*leaks, *by_chance, *deaf], values)


def _chance_may_give(corpus: Corpus, limit: Limit, value: float) -> bool:
    """Whether the product calls it inconclusive, as ``verdicts.limits`` has it: few clips break a limit by chance."""
    if not limit.metric.has_p or value >= FAR * limit.value:
        return False
    return _chance(corpus, limit.metric, _clips_of(corpus, limit.metric))[0] > SUITE_ALPHA / SUITE


def _clips_of(corpus: Corpus, metric: Metric) -> list[str]:
    columns = [corpus.column(column) for column in metric.columns]
    return [clip for clip in corpus.provenance.clip_names if all(clip in column for column in columns)]


def _chance(corpus: Corpus, metric: Metric, clips: Sequence[str]) -> tuple[float, float]:
    """The p of a metric over lags, and what chance gives of its best lag."""
    scans = [corpus.scans[clip, metric.columns[0].condition] for clip in clips]
    scanned = [np.array(scan.lips if metric.is_lips else scan.excess) for scan in scans]
    return scan_chance(scanned, draws=DRAWS, clusters=voices(corpus, clips))


def rows_of(corpus: Corpus, metric: Metric) -> NDArray[np.float64] | None:
    """What a metric rests on, one row per clip; None where nothing of it was measured.

    As ``results.aggregate.measure`` does it, without the interval, and with fewer draws of what chance gives: here
    hundreds of sets are judged. A test holds both to one value.
    """
    columns = [corpus.column(column) for column in metric.columns]
    clips = _clips_of(corpus, metric)
    if not clips:
        # A limit that is left out would be a pass.
        if metric.is_probe and any(columns):
            lacking = [str(each) for each, found in zip(metric.columns, columns, strict=True) if not found]
            raise ValueError(
                f"{metric.name}: measured by a version without {', '.join(lacking)}; run it again"
            )
        return None
    rows = np.array([[column[clip] for column in columns] for clip in clips], np.float64)
    if metric.over_lags and metric.has_p:
        rows[:, [column.competes for column in metric.columns]] -= _chance(corpus, metric, clips)[1]
    return rows


def value_of(metric: Metric, rows: NDArray[np.float64]) -> float:
    """The value over all clips, of their rows."""
    if metric.worst:
        return float(np.max([metric.combine(row.tolist()) for row in rows]))
    return float(metric.combine(rows.mean(axis=0).tolist()))


def corpus_of(line: Line) -> Corpus:
    """Put what was measured where the product's own aggregation looks for it."""
    reference = Reference("AR" if line["alternative"] else "CR")
    about = provenance(line["member"], line["set"], line["clips"], line["speakers"])
    corpus = Corpus(about)
    for name, clip in line["clips"].items():
        for setup in ("SI", "XM"):
            scan = clip[setup]
            corpus.scans[name, Condition(Setup(setup), reference)] = LagScan(
                tuple(map(tuple, scan["excess"])),
                tuple(map(tuple, scan["lips"])),
                tuple(scan["slope"]),
                clip["region"],
            )
        for probe, found in clip.get("probes", {}).items():
            measure, _, setup = probe.removesuffix("]").partition("[")
            condition = Condition(Setup(setup), reference)
            if name not in about.probed(measure, condition):
                continue
            corpus.pictures.setdefault((name, condition), {}).update(shares(found, measure))
    return corpus
