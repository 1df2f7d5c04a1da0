"""The formulas are the paper's: its Table 6 follows from its Tables 3 to 5 (Yaman et al. 2025)."""

import csv
from pathlib import Path

import pytest

from pytest_lipleak.core.metrics.formulas import LEAKAGE_METRICS, metric
from pytest_lipleak.machine.resources import resource

SCORES, LEAKAGE = "tables_3_4_5.csv", "table_6.csv"


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(resource(f"paper/{name}").read_text().splitlines()))


PUBLISHED = {
    (row["model"], f"{row['setup']},{row['reference']}", row["metric"]): float(row["value"])
    for row in rows(SCORES)
}


def from_published_scores(model: str, name: str) -> float:
    wanted = metric(name)
    return wanted.combine(
        [PUBLISHED[model, str(column.condition), column.measure] for column in wanted.columns]
    )


CELLS = [(row["model"], name, float(row[name])) for row in rows(LEAKAGE) for name in LEAKAGE_METRICS]


def test_table_6_is_the_whole_table() -> None:
    assert [row["model"] for row in rows(LEAKAGE)] == [
        "Wav2Lip", "TalkLip", "IPLAP", "AVTFG", "PLGAN", "Diff2Lip",
    ]  # fmt: skip
    assert set(rows(LEAKAGE)[0]) == {"model", *LEAKAGE_METRICS}


@pytest.mark.parametrize(("model", "name", "cell"), CELLS)
def test_every_cell_of_table_6_follows(model: str, name: str, cell: float) -> None:
    # 0.01 because the authors computed LSD from unrounded scores.
    assert from_published_scores(model, name) == pytest.approx(cell, abs=0.01 + 1e-9)


@pytest.mark.parametrize(("model", "name", "cell"), [cell for cell in CELLS if cell[1].endswith("_S")])
def test_silent_scores_of_table_6_are_the_current_reference_column(
    model: str, name: str, cell: float
) -> None:
    assert cell == PUBLISHED[model, "SI,CR", name.removesuffix("_S")]
    assert from_published_scores(model, f"{name}[AR]") == PUBLISHED[model, "SI,AR", name.removesuffix("_S")]


@pytest.mark.parametrize("name", [SCORES, LEAKAGE])
def test_shipped_tables_are_the_originals(shared: Path, name: str) -> None:
    assert resource(f"paper/{name}").read_bytes() == (shared / "paper" / name).read_bytes()
