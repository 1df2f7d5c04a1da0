"""The JSON report."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.corpus import Corpus, Provenance
from pytest_lipleak.core.errors import InputError
from pytest_lipleak.core.scores import SyncScore, TrialScore
from pytest_lipleak.evaluation.results.run_result import ModelResult, RunResult
from pytest_lipleak.report.json import FAIL, INCONCLUSIVE, NOT_JUDGED, PASS, document, read_document, schema
from pytest_lipleak.report.reading import read_report
from pytest_lipleak.verdicts.endings import RunEnd
from pytest_lipleak.verdicts.judged_limits import JudgedLimit
from pytest_lipleak.verdicts.limits import Outcome


def corpus() -> Corpus:
    about = Provenance(
        "demo", "embedded", ("one",), "embedded 1", "direct", "first", "zeros", {"one": "two"}, 0, "cpu", "0"
    )
    score = SyncScore(tuple(10 + 0.1 * n for n in range(31)), 70)
    return Corpus(about, {("one", None): TrialScore("one", None, score, score, 15)})


def of_one(verdicts: dict[str, JudgedLimit]) -> RunResult:
    return RunResult((ModelResult(corpus(), verdicts),))


def verdict(*, passed: bool, value: float = 0.5, outcome: str | None = None) -> dict[str, JudgedLimit]:
    ended = Outcome(outcome or (PASS if passed else FAIL))
    return {"LSD-CR < 1": JudgedLimit("LSD-CR < 1", "LSD-CR", "< 1", ended, value)}


@pytest.mark.parametrize(
    ("models", "unjudged", "expected"),
    [
        ([], (), NOT_JUDGED),
        ([], ("a test",), NOT_JUDGED),
        ([{}], (), NOT_JUDGED),
        ([verdict(passed=True)], (), PASS),
        ([verdict(passed=True), {}], (), NOT_JUDGED),
        ([verdict(passed=True), verdict(passed=False)], (), FAIL),
        ([verdict(passed=True)], ("a test",), NOT_JUDGED),
        ([verdict(passed=False)], ("a test",), FAIL),
        ([verdict(passed=False, outcome=INCONCLUSIVE)], (), INCONCLUSIVE),
        ([verdict(passed=False, outcome=INCONCLUSIVE), verdict(passed=True)], (), INCONCLUSIVE),
        ([verdict(passed=False, outcome=INCONCLUSIVE), verdict(passed=False, outcome=FAIL)], (), FAIL),
        (
            [verdict(passed=False, outcome=INCONCLUSIVE), verdict(passed=False, outcome=NOT_JUDGED)],
            (),
            NOT_JUDGED,
        ),
    ],
)
def test_verdict_on_top(models: list[Any], unjudged: tuple[str, ...], expected: str) -> None:
    found = tuple(ModelResult(corpus(), verdicts) for verdicts in models)
    report = document(RunResult(found, RunEnd(failed=unjudged)))
    assert report["verdict"] == expected
    assert report["unjudged"] == list(unjudged)


@pytest.mark.parametrize(("value", "told"), [(math.nan, None), (math.inf, "inf"), (-math.inf, "-inf")])
def test_a_value_that_is_no_number_is_null_or_a_word(value: float, told: str | None) -> None:
    text = json.dumps(document(of_one(verdict(passed=False, value=value))), allow_nan=False)
    assert json.loads(text)["results"][0]["verdicts"][0]["value"] == told


def test_a_limit_that_could_not_be_judged_is_not_called_broken() -> None:
    unjudged = {"LSD-AR < 1": JudgedLimit("LSD-AR < 1", "LSD-AR", "< 1", Outcome.NOT_JUDGED)}
    assert document(of_one(unjudged))["verdict"] == NOT_JUDGED
    assert document(of_one(unjudged | verdict(passed=True)))["verdict"] == NOT_JUDGED
    assert document(of_one(unjudged | verdict(passed=False)))["verdict"] == FAIL


def test_schema_refuses_what_is_no_report() -> None:
    validate = pytest.importorskip("jsonschema").validate
    good = json.loads(json.dumps(document(of_one({}))))
    validate(good, schema())
    for spoil in (
        lambda data: data.update(verdict="green"),
        lambda data: data.update(other=1),
        lambda data: data["results"][0].pop("trials"),
        lambda data: data["results"][0]["trials"][0].update(condition="AM"),
        lambda data: data["results"][0]["trials"][0]["own"]["mean_distances"].pop(),
        lambda data: data["results"][0]["provenance"].pop("weights_sha256"),
    ):
        bad = json.loads(json.dumps(good))
        spoil(bad)
        with pytest.raises(pytest.importorskip("jsonschema").ValidationError):
            validate(bad, schema())


def test_read_back_exactly() -> None:
    text = json.dumps(document(of_one({})))
    assert read_document(json.loads(text)) == [corpus()]


@pytest.mark.parametrize("data", [{}, {"schema": 99, "results": []}])
def test_another_schema_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="expected 1 or 2 or 3"):
        read_document(data)


@pytest.mark.parametrize("setup", Setup)
@pytest.mark.parametrize("reference", Reference)
def test_every_condition_that_is_written_is_read(setup: Setup, reference: Reference, tmp_path: Path) -> None:
    """Also pauses, which default gates measure: a report that holds them must serve as a baseline."""
    condition = Condition(setup, reference)
    found = corpus()
    score = found.trials["one", None].own
    found.trials["one", condition] = TrialScore("one", condition, score, score, 15, "two")
    file = tmp_path / "report.json"
    file.write_text(json.dumps(document(RunResult((ModelResult(found, {}),)))))
    (back,) = read_report(file).corpora
    assert set(back.trials) == set(found.trials)
