"""The JSON report: the verdict on top, and everything needed to recompute the metrics.

``schema.json`` beside this file describes it; what is added here is added there.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.errors import InputError
from pytest_lipleak.core.plain_numbers import plain_number
from pytest_lipleak.evaluation.results.aggregate import every_measurement, suspicions
from pytest_lipleak.evaluation.results.dose_curves import curve_for
from pytest_lipleak.evaluation.results.run_result import ModelResult, RunResult, verdicts_from
from pytest_lipleak.verdicts.endings import Ended, Ending, Finding, RunEnd, run_of_all
from pytest_lipleak.verdicts.limits import Measurement, Outcome

SCHEMA_VERSION = 3
READ_VERSIONS = (1, 2, SCHEMA_VERSION)
"""Version 1 does not say how its run ended; 1 and 2 have the names of ``RENAMED``."""

RENAMED = {"takes": "trials", "objection": "expert_unfit"}
"""Names in the results of versions 1 and 2, and what they are called since."""

PASS, FAIL, INCONCLUSIVE, NOT_JUDGED = map(str, Outcome)


def document(result: RunResult) -> dict[str, Any]:
    """Return the report on a run as plain data, with a value that is not a number as null."""
    return {
        "schema": SCHEMA_VERSION,
        **result.ending.to_dict(),
        **run_data(result.end),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "results": [
            {
                **ending.to_dict(),
                "verdicts": [verdict.to_dict() for verdict in model.verdicts.values()],
                "metrics": [
                    _metric_data(found)
                    for found in every_measurement(
                        model.corpus, (verdict.metric_name for verdict in model.verdicts.values())
                    )
                ],
                "warnings": suspicions(model.corpus),
                **model.corpus.to_dict(),
            }
            for model, ending in zip(result.models, result.endings, strict=True)
        ],
    }


def endings_of(data: Mapping[str, Any], corpora: Sequence[Corpus]) -> tuple[Ending, list[Ending]]:
    """Return what a report says: of all models together, and of each.

    Args:
        data: the document.
        corpora: as ``read_document`` reads them from it.
    """
    result = result_of(data, corpora)
    models, whole = result.endings, result.ending
    if result.end.ended == Ended.UNKNOWN and data.get("verdict") == FAIL and whole.verdict != FAIL:
        # Version 1 called a run failed in which a test failed for another reason than a limit.
        head = Finding.BROKEN.head
        whole = replace(whole, finding=Finding.BROKEN, headline=f"{head}: {whole.brief}")
    return whole, models


def result_of(data: Mapping[str, Any], corpora: Sequence[Corpus]) -> RunResult:
    """Return what a report found.

    Args:
        data: the document.
        corpora: as ``read_document`` reads them from it.
    """
    models = (
        ModelResult(corpus, verdicts_from(result["verdicts"]))
        for result, corpus in zip(data["results"], corpora, strict=True)
    )
    return RunResult(tuple(models), RunEnd.of_report(data))


def together(reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one report of the models of several; it is as whole as the least whole of them."""
    if len(reports) == 1:
        return dict(reports[0])
    runs = [RunEnd.of_report(report) for report in reports]
    results = [result for report in reports for result in report["results"]]
    whole = {**reports[0], "schema": SCHEMA_VERSION, "results": results, **run_data(run_of_all(runs))}
    ending, _ = endings_of(whole, read_document(whole))
    return whole | ending.to_dict()


def run_data(run: RunEnd) -> dict[str, Any]:
    """Return what a report says of how its run ended."""
    return {"run": run.to_dict(), "unjudged": list(run.failed)}


def _metric_data(measurement: Measurement) -> dict[str, Any]:
    return {
        "metric": measurement.metric.name,
        "better": measurement.metric.better,
        "value": plain_number(measurement.value),
        "interval": measurement.interval and [plain_number(end) for end in measurement.interval],
        "no_interval": measurement.no_interval,
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


def with_current_names(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a report of any version under the names of this one; whether it is a report is not looked at."""
    results = data.get("results")
    if data.get("schema") == SCHEMA_VERSION or not isinstance(results, list):
        return dict(data)
    renamed = [
        {RENAMED.get(name, name): value for name, value in result.items()}
        if isinstance(result, dict)
        else result
        for result in results
    ]
    return {**data, "results": renamed}


def read_document(data: Mapping[str, Any]) -> list[Corpus]:
    """Read the scores back.

    Raises:
        InputError: another schema version.
    """
    if data.get("schema") not in READ_VERSIONS:
        raise InputError(
            f"report has schema {data.get('schema')!r}, expected {' or '.join(map(str, READ_VERSIONS))}"
        )
    corpora = [Corpus.from_dict(result) for result in with_current_names(data)["results"]]
    for corpus in corpora:
        corpus.curve, _ = curve_for(corpus.provenance)
    return corpora
