"""What a run found: plain data that travels between processes and is put together in any order."""

import json
import math
from itertools import permutations

from corpora import corpus

from pytest_lipleak.core.errors import InputError
from pytest_lipleak.evaluation.results.aggregate import measure
from pytest_lipleak.evaluation.results.run_result import ModelResult, RunResult, merged_models
from pytest_lipleak.report.json import document
from pytest_lipleak.verdicts.endings import Ended, RunEnd, early_end
from pytest_lipleak.verdicts.limits import Limit, Measurement, Verdict
from pytest_lipleak.verdicts.value_against_limit import judge


def piece(*clips: str, model: str = "one", limit: str | None = None) -> ModelResult:
    whole = corpus(["a", "b", "c"], leak=0.5)
    whole.provenance = type(whole.provenance)(**{**vars(whole.provenance), "model": model})
    limits = [Limit.parse(limit)] if limit else []
    verdicts = [judge(each, measure(whole, each.metric)) for each in limits]
    for key in [key for key in whole.trials if key[0] not in clips]:
        del whole.trials[key]
    return ModelResult.of(whole, verdicts)


def test_it_travels_as_text_and_comes_back_equal() -> None:
    sent = piece("a", "b", limit="LSD-CR < 0.6")
    came = ModelResult.from_dict(json.loads(json.dumps(sent.to_dict())))
    assert came == sent
    assert list(came.verdicts) == ["LSD-CR < 0.6"]


def test_who_measured_what_first_changes_nothing() -> None:
    def pieces() -> list[ModelResult]:
        return [
            piece("a", limit="LSE-C_S < 9"),
            piece("b", model="other"),
            piece("c", limit="LSD-CR < 0.6"),
            piece("b"),
        ]

    expected = [
        ("one", {"a", "b", "c"}, ["LSD-CR < 0.6", "LSE-C_S < 9"]),
        ("other", {"b"}, []),
    ]
    for order in permutations(range(4)):
        found = merged_models([pieces()[number] for number in order])
        assert [
            (m.corpus.provenance.model, {clip for clip, _ in m.corpus.trials}, list(m.verdicts))
            for m in found
        ] == expected


def test_an_early_end_takes_a_pass_back() -> None:
    kept = piece("a", "b", "c", limit="LSE-C_S < 9")
    assert RunResult((kept,)).ending.verdict == "pass"
    cut_short = RunResult((kept,), RunEnd(Ended.EARLY, "interrupted", ("another gate",)))
    assert cut_short.ending.verdict == "not judged"
    assert cut_short.endings[0].verdict == "not judged"


def test_only_what_nobody_foresaw_asks_to_be_reported() -> None:
    assert early_end(InputError("clips: clip 'a' has no partner")) == "clips: clip 'a' has no partner"
    assert (
        early_end(InputError("model.py cannot be loaded:\n  line 3\n  line 4"))
        == "model.py cannot be loaded:"
    )
    assert "unexpected ValueError: too short; please report this line" in early_end(ValueError("too short"))


def test_records_are_flat_and_say_what_the_report_says() -> None:
    judged = corpus(["a", "b", "c"], leak=0.5)
    limits = [Limit.parse(text) for text in ("LSE-C_S < 9", "LSE-C_S < 1", "LSD-CR < 0.6")]
    found = RunResult(
        (
            ModelResult.of(judged, (judge(limit, measure(judged, limit.metric)) for limit in limits)),
            piece("a", model="other"),
        )
    )
    records = found.to_records()
    report = document(found)
    metrics = [(result["provenance"]["model"], m) for result in report["results"] for m in result["metrics"]]
    # A metric with two limits stands twice.
    assert len(records) == len(metrics) + 1
    told = {(record["model"], record["metric"]): record for record in records}
    for model, expected in metrics:
        record = told[model, expected["metric"]]
        assert record["value"] == expected["value"]
        assert (record["measured"], record["p"]) == (expected["clips"], expected["p"])
    assert {(r["limit"], r["outcome"]) for r in records if r["limit"]} == {
        (verdict["limit"], verdict["outcome"])
        for result in report["results"]
        for verdict in result["verdicts"]
    }
    assert not any(isinstance(value, dict | list | tuple) for record in records for value in record.values())


def test_a_limit_on_what_could_not_be_measured_is_among_the_records() -> None:
    limit = Limit.parse("CSIM[AM,CR] > 0.5")
    nothing = Measurement(limit.metric, math.nan, None, {}, (), "expert")
    lost = ModelResult.of(corpus(["a"], leak=0.5), [Verdict(limit, nothing, "no face model")])
    (record,) = [record for record in RunResult((lost,)).to_records() if record["limit"]]
    assert math.isnan(record["value"])
    assert (record["metric"], record["measured"], record["outcome"]) == ("CSIM[AM,CR]", 0, "not judged")
