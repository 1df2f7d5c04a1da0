"""Reports on a whole run: one function and one row each, and what `lipleak report` makes of the row."""

import json
from pathlib import Path

import pytest
from corpora import corpus

from pytest_lipleak.cli import USAGE, main
from pytest_lipleak.cli import report as command
from pytest_lipleak.evaluation.results.aggregate import measure
from pytest_lipleak.evaluation.results.run_result import ModelResult, RunResult
from pytest_lipleak.report.json import document
from pytest_lipleak.report.whole_runs import RUN_FORMATS
from pytest_lipleak.verdicts.limits import Limit
from pytest_lipleak.verdicts.value_against_limit import judge

LIMITS = ("LSE-C_S < 9", "LSE-C_S < 1")


@pytest.fixture
def found() -> RunResult:
    scores = corpus(["a", "b", "c"], leak=0.5)
    limits = map(Limit.parse, LIMITS)
    return RunResult(
        (ModelResult.of(scores, [judge(each, measure(scores, each.metric)) for each in limits]),)
    )


@pytest.mark.parametrize("name", RUN_FORMATS)
def test_the_verdict_stands_in_the_first_lines(name: str, found: RunResult) -> None:
    first = RUN_FORMATS[name](found, False).splitlines()[:3]
    assert any("FAILED" in line and "1 of 2 limits broken" in line for line in first)


def test_a_new_row_is_a_format_of_the_command(
    found: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(RUN_FORMATS, "headline", lambda result, full: result.ending.headline)  # type: ignore[arg-type]
    monkeypatch.setattr(command, "FORMATS", (*command.FORMATS, "headline"))
    file = tmp_path / "report.json"
    file.write_text(json.dumps(document(found)))
    assert main(["report", str(file), "--format=headline"]) == 0
    assert capsys.readouterr().out == f"{found.ending.headline}\n"
    for several in ([str(file), str(file)], [str(file), "--table=leakage"], ["--paper=6"]):
        assert main(["report", *several, "--format=headline"]) == USAGE
        assert "--format headline: is about one report of a run" in capsys.readouterr().err
