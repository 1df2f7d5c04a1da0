"""The recipes of docs/recipes.md, run as they stand on a report; a consumer that is not installed skips its own."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from doc_blocks import ROOT, Block, blocks

from pytest_lipleak import evaluate
from pytest_lipleak.cli import main
from pytest_lipleak.media.clipsets import EMBEDDED, open_clips

GATES = ["LSE-C_S[CR] < 1.0", "LSE-C[AM,CR] > 1.0"]
RECIPES = {
    name: block
    for block in blocks(ROOT / "docs" / "recipes.md")
    for name in ("pandas", "mlflow", "huggingface_hub", "smaller.json")
    if name in block.code
}


def copy(frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return frames


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clips = open_clips(EMBEDDED)
    given = {name: (clips[name].frames[:75], clips[name].audio[: 75 * 640]) for name in ("anna_1", "omar_1")}
    result = evaluate(copy, given, GATES, expert="embedded")
    file = tmp_path_factory.mktemp("report") / "report.json"
    file.write_text(json.dumps(result.to_dict()), encoding="utf-8")
    return file


@pytest.fixture
def here(report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the report, in which the recipe runs."""
    (tmp_path / "report.json").write_bytes(report.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def metrics(here: Path) -> dict[str, float]:
    (result,) = json.loads((here / "report.json").read_text(encoding="utf-8"))["results"]
    return {each["metric"]: each["value"] for each in result["metrics"]}


def run(block: Block) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "recipe"}
    exec(compile(block.code, str(block), "exec"), names)
    return names


def test_every_recipe_is_run_and_short() -> None:
    found = [block for block in blocks(ROOT / "docs" / "recipes.md") if block.language == "python"]
    assert sorted(map(str, found)) == sorted(map(str, RECIPES.values()))
    for block in found:
        lines = [line for line in block.code.splitlines() if line.strip() and "import" not in line]
        assert len(lines) <= 12, str(block)


def test_pandas(here: Path) -> None:
    pytest.importorskip("pandas")
    assert main(["report", "report.json", "--format", "records", "-o", "records.csv"]) == 0
    found = run(RECIPES["pandas"])
    with (here / "records.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert found["clips"].shape == (2, len({row["metric"] for row in rows}))
    for row in rows:
        assert found["clips"].loc[row["clip"], row["metric"]] == float(row["value"])
    assert found["worst"]["value"].iloc[0] == max(float(r["value"]) for r in rows if r["better"] == "lower")


def test_mlflow(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((here / "runs").as_uri())
    run(RECIPES["mlflow"])
    (found,) = mlflow.MlflowClient().search_runs(["0"])
    assert found.data.tags["lipleak.verdict"] == "fail"
    logged = sorted(found.data.metrics.values())
    assert logged == pytest.approx(sorted(value for value in metrics(here).values() if value is not None))
    assert found.data.metrics["LSE-C_S"] == pytest.approx(metrics(here)["LSE-C_S"])


def test_hugging_face(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hub = pytest.importorskip("huggingface_hub")
    run(RECIPES["huggingface_hub"])
    printed = capsys.readouterr().out
    card = hub.ModelCard(f"---\n{printed}\n---\n")
    values = {each.metric_type: each.metric_value for each in card.data.eval_results}
    assert values == {name: value for name, value in metrics(here).items() if value is not None}


def test_github_action_benchmark(here: Path) -> None:
    """What the action asks of a custom file: a list of entries with ``name``, ``unit`` and a number as ``value``."""
    run(RECIPES["smaller.json"])
    found = {}
    for name in ("smaller.json", "bigger.json"):
        entries = json.loads((here / name).read_text(encoding="utf-8"))
        assert entries
        assert all(set(entry) == {"name", "unit", "value"} for entry in entries)
        found |= {entry["name"]: entry["value"] for entry in entries}
    assert found == {name: value for name, value in metrics(here).items() if value is not None}
    smaller = json.loads((here / "smaller.json").read_text(encoding="utf-8"))
    assert "LSE-C_S" in {entry["name"] for entry in smaller}
