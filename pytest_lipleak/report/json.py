"""The JSON report: the verdict on top, and everything needed to recompute the metrics."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.errors import InputError
from pytest_lipleak.core.verdicts import Verdict

SCHEMA_VERSION = 1

PASS, FAIL, NOT_JUDGED = "pass", "fail", "not judged"


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
            **corpus.to_dict(),
        }
        for corpus, verdicts in models
    ]
    verdicts = {FAIL} if unjudged else {str(result["verdict"]) for result in results}
    overall = next((verdict for verdict in (FAIL, NOT_JUDGED, PASS) if verdict in verdicts), NOT_JUDGED)
    return {"schema": SCHEMA_VERSION, "verdict": overall, "unjudged": list(unjudged), "results": results}


def verdict_on(verdicts: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the verdict on one model: ``pass`` needs at least one limit, and every one kept."""
    if not verdicts:
        return NOT_JUDGED
    return PASS if all(verdict["passed"] for verdict in verdicts.values()) else FAIL


def verdict_data(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as plain data."""
    return {
        "limit": str(verdict.limit),
        "metric": verdict.limit.metric.name,
        "bound": f"{verdict.limit.operator} {verdict.limit.value:g}",
        "value": float(verdict.measurement.value),
        "clips": verdict.measurement.clips,
        "passed": verdict.passed,
        "headline": verdict.headline,
    }


def read_document(data: Mapping[str, Any]) -> list[Corpus]:
    """Read the scores back.

    Raises:
        InputError: another schema version.
    """
    if data.get("schema") != SCHEMA_VERSION:
        raise InputError(f"report has schema {data.get('schema')!r}, expected {SCHEMA_VERSION}")
    return [Corpus.from_dict(result) for result in data["results"]]


def _finite(verdict: Mapping[str, Any]) -> dict[str, Any]:
    value = verdict["value"]
    return {**verdict, "value": value if math.isfinite(value) else None}
