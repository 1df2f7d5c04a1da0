"""Models side by side; the paper's own tables are the independent reference."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_text_report import corpus, score

from pytest_lipleak.cli import GOOD, USAGE, main
from pytest_lipleak.core.conditions import CONDITIONS, Condition, Reference, Setup
from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.core.scores import LagScan, TrialScore
from pytest_lipleak.evaluation.results.aggregate import measure
from pytest_lipleak.evaluation.results.run_result import ModelResult, RunResult
from pytest_lipleak.functions import Result
from pytest_lipleak.machine.resources import resource
from pytest_lipleak.report.json import document
from pytest_lipleak.report.side_by_side import entry_of, of_several, side_by_side

TABLE_6 = list(csv.DictReader(resource("paper/table_6.csv").read_text().splitlines()))
BEST = {"LSE-C_S": min, "LSE-D_S": max, "LSD-CR": min, "LSD-AR": min}


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["report", *arguments]) == GOOD
    return capsys.readouterr().out


def test_table_6_as_published(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [line.split() for line in printed(capsys, "--paper", "6").splitlines()]
    found = {row[0]: row[1:] for row in rows if row and row[0] in {row["model"] for row in TABLE_6}}
    assert list(found) == [row["model"] for row in TABLE_6]
    for name, choose in BEST.items():
        best = choose(TABLE_6, key=lambda row: float(row[name]))["model"]
        for row in TABLE_6:
            star = "*" if row["model"] == best else ""
            assert found[row["model"]][list(BEST).index(name)] == row[name] + star


@pytest.mark.parametrize("layout", ["markdown", "latex"])
def test_table_6_for_papers(layout: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "--paper", "6", "--format", layout).splitlines()
    for row in TABLE_6:
        (line,) = [line for line in lines if row["model"] in line]
        assert re.findall(r"\d+\.\d+", line) == [row[name] for name in BEST]
        bold = re.findall(r"(?:\*\*|textbf\{)([\d.]+)", line)
        assert bold == [
            row[name]
            for name, choose in BEST.items()
            if row is choose(TABLE_6, key=lambda row: float(row[name]))
        ]


@pytest.mark.parametrize(("number", "setup", "count"), [("3", "SI", 72), ("4", "XM", 72), ("5", "AM", 84)])
def test_tables_3_to_5_hold_every_published_figure(
    number: str, setup: str, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, "--paper", number, "--format", "csv")
    found = {
        (row["label"], row["metric"].partition("[")[0].removesuffix("_S")): float(row["value"])
        for row in csv.DictReader(io.StringIO(text))
    }
    rows = csv.DictReader(resource("paper/tables_3_4_5.csv").read_text().splitlines())
    published = {
        (f"{row['model']} {row['reference']}", row["metric"]): float(row["value"])
        for row in rows
        if row["setup"] == setup
    }
    assert found == published
    assert len(found) == count


def test_a_csv_file_like_the_papers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "table.csv"
    file.write_text(resource("paper/table_6.csv").read_text())
    shipped = printed(capsys, "--paper", "6").splitlines()[1:]
    assert printed(capsys, str(file), "--table", "leakage").splitlines()[1:] == shipped


def named(found: Corpus, **changes: Any) -> Corpus:
    return replace(found, provenance=replace(found.provenance, **changes))


def leaky(name: str) -> Corpus:
    """Like ``corpus``, with silent scores that show a leak."""
    found = named(corpus(*CONDITIONS), model=name)
    for key, trial in found.trials.items():
        if str(key[1]).startswith("SI"):
            own = score(2.0, 10.0, 0)
            found.trials[key] = TrialScore(trial.clip, trial.condition, own, None, 1)
    return found


def scanned(found: Corpus, more: float = 0.0) -> Corpus:
    """With scans in which the clip's own speech stands out by ``more`` at lag 0."""
    draw = np.random.default_rng(2)
    for key in list(found.trials):
        if str(key[1]).startswith(("SI", "XM")):
            excess, lips = draw.normal(0, 0.05, (2, 6, 21))
            excess[0, 10] += more
            lips[0, 10] += more / 2
            slope = np.clip(lips[0], 0, 1)
            tables = (tuple(map(tuple, each.tolist())) for each in (excess, lips))
            found.scans[key] = LagScan(*tables, tuple(slope.tolist()), 0.2)
    return found


def test_a_notebook_calls_metrics_as_every_table_does() -> None:
    shown = Result(scanned(corpus(*CONDITIONS)), (), {})._repr_html_()
    assert "<td>LSE-C_S@floor[CR] ↓</td>" in shown
    assert "LSE-C_S@floor ↓" not in shown


def test_models_and_the_real_clips_stand_side_by_side() -> None:
    honest, leaks = scanned(named(corpus(*CONDITIONS), model="honest")), scanned(leaky("leaky"), 1.5)
    tables = {table.name: table for table in side_by_side([entry_of(honest), entry_of(leaks)])}
    assert list(tables) == ["leakage", "floor", "SI", "XM", "AM"]
    assert of_several(tables.values()) == list(tables.values())
    assert of_several(side_by_side([entry_of(honest)])) == [], "the real clips' row is no model's"
    assert [column.name for column in tables["floor"].columns] == [
        "LSE-C_S@floor[CR]", "LSE-C_S@floor[AR]", "LSE-C_XO@floor[CR]", "LSE-C_XO@floor[AR]",
        "LipCorr_S[CR]", "LipCorr_S[AR]", "LipCorr_XO[CR]", "LipCorr_XO[AR]",
    ]  # fmt: skip
    assert tables["floor"].rows[1].cells[0].value > tables["floor"].rows[0].cells[0].value + 1
    for row, measured in zip(tables["floor"].rows, (honest, leaks), strict=True):
        for column, cell in zip(tables["floor"].columns, row.cells, strict=True):
            found = measure(measured, metric(column.name))
            assert (cell.value, cell.interval) == (found.value, found.interval)
    # Of three clips no test can tell who is better: see test_tested_best.py.
    assert not any(cell.best for row in tables["leakage"].rows for cell in row.cells)
    rows = {row.label: [cell.text for cell in row.cells] for row in tables["SI"].rows}
    assert rows["real clips"] == ["3.00", "9.00"]
    assert rows["leaky AR"] == ["2.00", "10.00"]
    cell = tables["leakage"].rows[1].cells[0]
    assert (cell.value, cell.clips) == (2.0, 3)
    assert cell.interval is None, "three clips have none"


@pytest.mark.parametrize(
    "change",
    [{"expert": "syncnet v2"}, {"protocol": "tracked"}, {"clips_sha256": "0" * 64}, {"clips": "other"}],
)
def test_what_is_not_comparable_never_shares_a_table(change: dict[str, str]) -> None:
    other = named(corpus(*CONDITIONS), model="other", **change)
    tables = side_by_side([entry_of(corpus(*CONDITIONS)), entry_of(other)], ["leakage"])
    assert [[row.label for row in table.rows] for table in tables] == [["demo"], ["other"]]
    assert tables[0].title != tables[1].title
    assert of_several(tables) == [], "each stands in its own model's report"
    assert not any(cell.best for table in tables for row in table.rows for cell in row.cells)


def test_what_differs_within_a_table_is_said() -> None:
    other = named(corpus(*CONDITIONS), model="other", silence="noise")
    (table,) = side_by_side([entry_of(corpus(*CONDITIONS)), entry_of(other)], ["leakage"])
    assert "mind: silence differs: demo zeros, other noise" in table.notes
    assert len(table.notes) == 1


def test_pairs_are_spoken_of_only_where_there_are_any() -> None:
    silent = [Condition(Setup.SI, reference) for reference in Reference]
    about: dict[str, Any] = {"model": "other", "seed": 1, "pairing": {}}
    pair = [entry_of(named(corpus(*silent), pairing={})), entry_of(named(corpus(*silent), **about))]
    tables = side_by_side(pair)
    assert [table.name for table in tables] == ["leakage", "SI"]
    assert [column.name for column in tables[0].columns] == ["LSE-C_S", "LSE-D_S"], (
        "no column without a value"
    )
    assert not any(table.notes for table in tables)
    pairing = {"one": "two", "two": "three", "three": "one"}
    spoken = [named(corpus(*CONDITIONS), model=f"m{seed}", seed=seed, pairing=pairing) for seed in (0, 1)]
    tables = side_by_side([entry_of(each) for each in spoken])
    said = {table.name: any("XM pairs differs" in note for note in table.notes) for table in tables}
    assert said == {"leakage": True, "SI": False, "XM": True, "AM": False}


def write(path: Path, *models: Corpus) -> str:
    path.write_text(json.dumps(document(RunResult(tuple(map(ModelResult, models))))))
    return str(path)


def test_files_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = write(tmp_path / "old.json", scanned(leaky("model")))
    second = write(tmp_path / "new.json", named(corpus(*CONDITIONS), model="model"))
    text = printed(capsys, first, second, "--table", "leakage")
    assert f"model ({first.removesuffix('.json')})" in text, "two of one name are told apart"
    assert "0.50" in text
    data = json.loads(printed(capsys, first, second, "--json"))
    values = [row["cells"][0]["value"] for row in data["tables"][0]["rows"]]
    assert values == [2.0, 0.5]
    target = tmp_path / "deep" / "tables.tex"
    assert printed(capsys, first, "--format", "latex", "-o", str(target)) == ""
    assert target.read_text().count(r"\begin{table}") == 5


def test_one_model_is_printed_as_pytest_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, write(tmp_path / "one.json", leaky("model")))
    assert text.startswith("model: NOT JUDGED: no limit was given\n3 clips (embedded), expert embedded 1")
    assert re.search(r"^LSE-C_S ↓ +2\.00 +needs 5 clips$", text, re.MULTILINE)


def test_one_model_for_a_pull_request_begins_with_the_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(capsys, write(tmp_path / "one.json", leaky("model")), "--format", "markdown").splitlines()
    assert lines[0] == "## Lip leakage: model"
    assert lines[2] == "**NOT JUDGED: no limit was given**"
    assert any(line.startswith("| LSE-C\\_S ↓ | 2.00") for line in lines)


def test_page_of_several_reports(tmp_path: Path) -> None:
    pytest.importorskip("jinja2")
    files = [write(tmp_path / f"{name}.json", leaky(name)) for name in ("one", "two")]
    page = tmp_path / "page.html"
    assert main(["report", *files, "--format", "html", "-o", str(page)]) == GOOD
    text = page.read_text()
    assert all(f">{name}<" in text or f"{name}" in text for name in ("one", "two"))
    assert text.lstrip().lower().startswith("<!doctype html>")


VERSION_1 = {"schema": 1, "verdict": "not judged", "created": "", "unjudged": [], "results": []}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.json", None, "none.json: cannot be read"),
        ("text.json", "no json", "text.json: is no JSON file"),
        ("list.json", "[]", "is no report of pytest-lipleak"),
        ("other.json", '{"schema": 99, "results": []}', "schema 99, expected 1 or 2 or 3"),
        ("empty.json", json.dumps(VERSION_1), "nothing was measured"),
        ("bad.csv", "a,b\n1,2\n", "expected a CSV file with a column 'model'"),
        ("bad.csv", "model,LSD-XX\na,2\n", "line 2: unknown metric 'LSD-XX'"),
        ("bad.csv", "model,LSD-CR\na,much\n", "line 2: could not convert"),
    ],
)
def test_refused(
    name: str, content: str | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    assert main(["report", str(path)]) == USAGE
    out, err = capsys.readouterr()
    assert words in err
    assert out == ""


def test_nothing_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report"]) == USAGE
    assert "which report?" in capsys.readouterr().err


def test_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(printed(capsys, "--schema"))["title"].startswith("Report of pytest-lipleak")
