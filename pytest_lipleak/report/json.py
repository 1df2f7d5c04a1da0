"""The JSON report: the verdict on top, and everything needed to recompute the metrics.

``schema.json`` beside this file describes it; what is added here is added there.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.errors import InputError, MissingDataError
from pytest_lipleak.core.verdicts import Measurement, Outcome, Verdict
from pytest_lipleak.evaluation.results.aggregate import every_measurement, suspicions
from pytest_lipleak.evaluation.results.dose import curve_for

SCHEMA_VERSION = 1

PASS, FAIL, INCONCLUSIVE, NOT_JUDGED = map(str, Outcome)


def document(
    models: Iterable[tuple[Corpus, Mapping[str, Mapping[str, Any]]]], unjudged: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the report as plain data, with a value that is not a number as null.

    Args:
        models: scores of each model, and its verdicts by limit.
        unjudged: tests that failed for another reason than a limit.
    """
    results = [
        {
            "verdict": verdict_on(verdicts),
            "verdicts": [_finite(verdict) for verdict in verdicts.values()],
            "metrics": [_metric_data(measurement) for measurement in every_measurement(corpus)],
            "warnings": suspicions(corpus),
            **corpus.to_dict(),
        }
        for corpus, verdicts in models
    ]
    overall = FAIL if unjudged else worst_of([str(result["verdict"]) for result in results])
    return {
        "schema": SCHEMA_VERSION,
        "verdict": overall,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "unjudged": list(unjudged),
        "results": results,
    }


def verdict_on(verdicts: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the verdict on one model: ``pass`` needs at least one limit, and every one kept.

    ``fail`` needs a limit that was judged and is broken; a limit that could not be judged is neither.
    ``inconclusive``: nothing is broken, and all that is not kept is what this many clips could not settle.
    """
    return worst_of([outcome(verdict) for verdict in verdicts.values()])


def worst_of(outcomes: Sequence[str]) -> str:
    """Return the worst of these outcomes; of none, that nothing was judged."""
    return next((each for each in (FAIL, NOT_JUDGED, INCONCLUSIVE, PASS) if each in outcomes), NOT_JUDGED)


def outcome(verdict: Mapping[str, Any]) -> str:
    """Return how a verdict ended: one of the words of ``Outcome``."""
    if "outcome" in verdict:
        return str(verdict["outcome"])
    # A report written before there was that word.
    return PASS if verdict["passed"] else FAIL if verdict["judged"] else NOT_JUDGED


def verdict_data(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as plain data."""
    interval = verdict.measurement.interval
    return {
        "limit": str(verdict.limit),
        "metric": verdict.limit.metric.name,
        "bound": verdict.limit.bound,
        "value": float(verdict.measurement.value),
        "clips": verdict.measurement.clips,
        "interval": list(interval) if interval else None,
        "confidence": verdict.limit.confidence,
        "alpha": verdict.limit.alpha,
        "p": verdict.measurement.p,
        "passed": verdict.passed,
        "judged": verdict.judged,
        "outcome": str(verdict.outcome),
        "reason": verdict.reason,
        "headline": verdict.headline,
    }


def _metric_data(measurement: Measurement) -> dict[str, Any]:
    return {
        "metric": measurement.metric.name,
        "better": measurement.metric.better,
        "value": plain_number(measurement.value),
        "interval": measurement.interval and [plain_number(end) for end in measurement.interval],
        "clips": measurement.clips,
        "p": measurement.p,
        "unscored": len(measurement.unscored),
        "warning": measurement.warning,
        "dose": measurement.dose.to_dict() if measurement.dose else None,
    }


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the report."""
    text = files("pytest_lipleak.report").joinpath("schema.json").read_text(encoding="utf-8")
    described: dict[str, Any] = json.loads(text)
    return described


def read_document(data: Mapping[str, Any]) -> list[Corpus]:
    """Read the scores back.

    Raises:
        InputError: another schema version.
    """
    if data.get("schema") != SCHEMA_VERSION:
        raise InputError(f"report has schema {data.get('schema')!r}, expected {SCHEMA_VERSION}")
    corpora = [Corpus.from_dict(result) for result in data["results"]]
    for corpus in corpora:
        corpus.curve, _ = curve_for(corpus.provenance)
    return corpora


@dataclass(frozen=True)
class Report:
    """A report that was read from a file.

    Args:
        data: the document, as :func:`document` made it.
        corpora: the scores of each of its models; at least one.
    """

    data: dict[str, Any]
    corpora: list[Corpus]


def read_report(path: Path) -> Report:
    """Read a report, a baseline or a part: they are the same file.

    Raises:
        MissingDataError: the file cannot be read.
        InputError: it is no report, or nothing was measured in it.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        corpora = read_document(data)
    except OSError as error:
        raise MissingDataError(f"{path}: cannot be read ({error.strerror})") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is no JSON file, so is no report of pytest-lipleak ({error})") from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: is no report of pytest-lipleak ({type(error).__name__}: {error})"
        ) from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if not corpora:
        raise InputError(f"{path}: nothing was measured in it; run it again")
    return Report(data, corpora)


def _finite(verdict: Mapping[str, Any]) -> dict[str, Any]:
    return {**verdict, "value": plain_number(verdict["value"])}


def plain_data(value: Any) -> Any:
    """Return plain data with every number as reports have it."""
    if isinstance(value, float):
        return plain_number(value)
    if isinstance(value, dict):
        return {name: plain_data(inner) for name, inner in value.items()}
    return [plain_data(inner) for inner in value] if isinstance(value, list | tuple) else value


def plain_number(value: float) -> float | str | None:
    """Return a number as the report has it.

    JSON has no infinity, which is the PSNR of identical pictures, and no NaN, which is no value at all.
    """
    return None if math.isnan(value) else value if math.isfinite(value) else str(value)
