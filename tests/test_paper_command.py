"""``lipleak paper`` and other papers' tables."""

import csv
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_lipleak.cli import GOOD, NOT_JUDGED, USAGE, main, paper
from pytest_lipleak.core.choices import MEASURE_GROUPS
from pytest_lipleak.core.errors import GeneratorError, NotApplicableError, WeightsError
from pytest_lipleak.core.metrics.groups import GROUPS, metrics_in
from pytest_lipleak.evaluation.measure_groups import measure_group
from pytest_lipleak.evaluation.results.run_result import RunResult
from pytest_lipleak.machine.resources import resource
from pytest_lipleak.report.json import document
from pytest_lipleak.verdicts.endings import BEGUN

sys.path.insert(0, str(Path(__file__).parent / "report"))
from corpora import corpus, report

if TYPE_CHECKING:
    from pytest_lipleak.evaluation.evaluation import Evaluation

NAMES = [f"clip{number}" for number in range(6)]


@pytest.fixture
def reports(tmp_path: Path) -> list[str]:
    files = []
    for name, leak in (("honest", 0.0), ("copy", 1.0)):
        data = report(corpus(NAMES, leak=leak))
        data["results"][0]["provenance"]["model"] = name
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(data))
        files.append(str(path))
    return files


def test_tables_of_reports(reports: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["paper", *reports, "--column", "LSE-C[AM,CR]"]) == GOOD
    out = capsys.readouterr().out
    heads = ("Leakage (", "Silent input (", "Audio mismatched (", "Audio matched (", "Also measured (")
    places = [out.index(head) for head in heads]
    assert places == sorted(places)
    lines = [line for line in out.splitlines() if line.startswith("honest ")]
    assert "[" in lines[0]
    assert "*" in lines[0]


@pytest.mark.parametrize(("layout", "sign"), [("latex", r"\textbf{"), ("markdown", "**"), ("csv", ",1,")])
def test_tables_for_papers(reports: list[str], layout: str, sign: str, tmp_path: Path) -> None:
    target = tmp_path / "tables"
    assert main(["paper", *reports, "--format", layout, "-o", str(target)]) == GOOD
    assert sign in target.read_text()


def test_the_caption_says_whose_run_ended_early(
    reports: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["paper", *reports]) == GOOD
    assert "ended early" not in capsys.readouterr().out
    data = json.loads(Path(reports[1]).read_text())
    data["run"] |= {"ended": "early", "why": "interrupted by the user", "not_run": ["LSD-CR < 0.6"]}
    Path(reports[1]).write_text(json.dumps(data))
    for layout in ("terminal", "markdown", "latex"):
        assert main(["paper", *reports, "--format", layout]) == GOOD
        out = capsys.readouterr().out
        assert "copy: its run ended early (interrupted by the user): cells may be missing" in out
        assert "honest: its run" not in out


def test_a_report_that_lacks_what_was_asked_is_no_success(
    reports: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(reports[1])
    path.write_text(json.dumps(json.loads(path.read_text()) | {"unjudged": ["LSD-CR, LSD-AR"]}))
    assert main(["paper", *reports]) == NOT_JUDGED
    shown = capsys.readouterr()
    assert "Leakage (" in shown.out, "the tables of the rest"
    assert f"{path}: its run could not measure or judge LSD-CR, LSD-AR" in shown.err
    assert reports[0] not in shown.err


def test_what_cannot_be_read_or_made(reports: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["paper", *reports, "--column", "LipCorr_S"]) == USAGE
    assert "--column LipCorr_S: no report holds it" in capsys.readouterr().err
    assert main(["paper", reports[0], reports[0]]) == USAGE
    assert "is named twice" in capsys.readouterr().err
    assert main(["paper", "absent.json"]) == USAGE


def test_models_are_measured_each_in_a_process_of_its_own(
    reports: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[list[str]] = []

    class Done:
        def __init__(self, returncode: int) -> None:
            self.returncode = returncode

    def measured(command: list[str], **_: object) -> Done:
        calls.append(command)
        model = command[command.index("--model") + 1]
        if model == "broken":
            return Done(USAGE)
        begun = json.dumps(document(RunResult(end=BEGUN)))
        text = begun if model == "killed" else Path(reports[0]).read_text()
        Path(command[command.index("--json") + 1]).write_text(text)
        return Done(NOT_JUDGED if model in ("partly", "killed") else GOOD)

    monkeypatch.setattr(paper.subprocess, "run", measured)
    assert main(["paper", "whole", reports[1], "--clips", "embedded", "--seed=3"]) == GOOD
    assert {"--measure=paper", "--gate=none"} <= set(calls[0])
    assert {"--clips=embedded", "--seed=3"} <= set(calls[0])
    assert main(["paper", "whole", "--column", "LipCorr_S"]) == USAGE, "the stand-in measured no such column"
    assert "--measure=all" in calls[1]
    capsys.readouterr()
    assert main(["paper", "whole", "partly", "broken", "--reports", str(tmp_path / "kept")]) == NOT_JUDGED
    out, err = capsys.readouterr()
    assert "Leakage (" in out
    assert "partly could not be measured as a whole: some of what was asked" in err
    assert "broken could not be measured as a whole: it stands in no table" in err
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["partly.json", "whole.json"]
    assert main(["paper", "broken"]) == USAGE
    assert main(["paper", "whole", "killed"]) == NOT_JUDGED, "the others' tables are printed"
    out, err = capsys.readouterr()
    assert "Leakage (" in out
    assert "killed could not be measured as a whole: it stands in no table" in err
    assert main(["paper", "killed"]) == NOT_JUDGED


def test_two_of_one_name_are_told_apart(
    reports: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = tmp_path / "before" / "honest.json"
    elsewhere.parent.mkdir()
    data = report(corpus(NAMES, leak=0.1))
    data["results"][0]["provenance"]["model"] = "honest"
    elsewhere.write_text(json.dumps(data))
    assert main(["paper", reports[0], str(elsewhere), "--format", "csv"]) == GOOD
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    labels = {row["label"] for row in rows if row["table"] == "leakage"}
    assert labels == {f"honest ({reports[0]})", f"honest ({elsewhere})"}


def test_parts_of_different_clips_do_not_stand_in_one_table(
    reports: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for number, file in enumerate(reports, start=1):
        data = json.loads(Path(file).read_text())
        data["results"][0]["provenance"]["shard"] = {"part": number, "of": 2, "clips": NAMES}
        Path(file).write_text(json.dumps(data))
    assert main(["paper", *reports]) == GOOD
    out = capsys.readouterr().out
    assert out.count("Leakage (") == 2
    assert "(a list), part 2 of 2" in out


def test_groups_hold_what_they_say() -> None:
    assert tuple(GROUPS) == MEASURE_GROUPS
    names = {group: {each.name for each in metrics_in(group)} for group in GROUPS}
    assert names["conditions"] < names["paper"] < names["all"]
    assert names["leak"] | names["pictures"] == names["all"]
    assert {"LSD-CR", "FID[SI,AR]", "CSIM[XM,CR]", "LMD[AM,CR]"} <= names["paper"]
    assert {"LipCorr_S", "LipLeak[SI,AR]", "SLS@real[SI,CR]", "REF_shift[PA,CR]"} <= names["leak"]
    # Under other speech the real lips are no target, and in pauses of speech nothing is measured unasked.
    assert not {"LMD[XM,CR]", "SLS[AM,CR]"} & names["all"]


def test_one_metric_that_cannot_be_measured_keeps_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Stub:
        corpus = corpus(NAMES)

        def measure(self, each: Any) -> Any:
            asked.append(each.name)
            if each.family.measure == "FID":
                raise WeightsError("could not download the network\nand more")
            if each.name == "SSIM[AM,CR]":
                raise GeneratorError("the model failed")
            if each.name == "LSD-AR":
                raise NotApplicableError("no AR")
            unscored = [SimpleNamespace(reason="it is too short")] if each.name == "LSD-CR" else []
            return SimpleNamespace(clips=0 if unscored else 6, unscored=unscored)

    lost = measure_group(cast("Evaluation", Stub()), "paper")
    assert lost[0] == "LSD-CR: no clip has a value; the first because it is too short"
    assert lost[1] == "SSIM[AM,CR]: the model failed"
    assert lost[2].startswith("FID[AM,CR], FID[AM,AR], FID[XM,CR]")
    assert lost[2].endswith("FID[SI,AR]: could not download the network")
    assert len(lost) == 3
    assert [name for name in asked if name.startswith("FID")] == ["FID[AM,CR]"], "tried once"
    assert asked[-1] == "LMD[AM,AR]"


@pytest.mark.parametrize("name", ["keysync", "theval", "highsync"])
def test_other_papers_tables_as_published(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--paper", name, "--format", "csv"]) == GOOD
    printed = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    shipped = list(csv.DictReader(resource(f"paper/{name}.csv").read_text().splitlines()))
    wanted = [
        (row["model"], head, float(text)) for row in shipped for head, text in row.items() if head != "model"
    ]
    assert [(row["label"], row["metric"], float(row["value"])) for row in printed] == wanted


def test_keysync_leads_its_own_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--paper", "keysync"]) == GOOD
    out = capsys.readouterr().out
    assert [line.split() for line in out.splitlines() if line.endswith("*")] == [["KeySync", "0.16*"]]
    assert "never across the two" in out
