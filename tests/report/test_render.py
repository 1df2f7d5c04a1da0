"""Tables as text, Markdown, LaTeX and CSV carry the same numbers."""

import csv
import io
import re
from dataclasses import replace

import pytest

from pytest_lipleak.report.render import FORMATS, comma_separated, latex, markdown, text, text_lines, unlinked
from pytest_lipleak.report.tables import Cell, Column, Row, Table, with_best


def number(value: float, **more: object) -> Cell:
    return Cell(f"{value:.2f}", value, **more)  # type: ignore[arg-type]


TABLE = Table(
    "leakage",
    "One & two: 100 %",
    "model",
    (Column("LSD-CR", "lower"), Column("LSE-C", "higher"), Column("", number=False)),
    (
        Row("real clips", (Cell(""), number(9.0), Cell("")), reference=True),
        Row("a_b|c", (number(0.567891, interval=(0.1, 0.9), clips=12), number(3.0), Cell("x"))),
        Row("Wav2Lip", (number(-0.2), number(3.001), Cell("", state="fail"))),
        Row("other", (Cell("none"), number(1.0), Cell(""))),
    ),
    ("a note",),
)


def best(table: Table) -> list[tuple[str, str]]:
    return [(row.label, cell.text) for row in table.rows for cell in row.cells if cell.best]


def test_the_best_by_direction_and_ties_as_printed() -> None:
    # The real clips do not compete, and 3.00 and 3.001 print alike.
    assert best(with_best(TABLE)) == [("a_b|c", "3.00"), ("Wav2Lip", "-0.20"), ("Wav2Lip", "3.00")]


def test_every_group_has_its_best_and_a_lone_value_none() -> None:
    column = (Column("LSD-CR", "lower"),)
    rows = [("a", 1.0, "CR"), ("b", 2.0, "CR"), ("a", 5.0, "AR"), ("b", 4.0, "AR"), ("a", 3.0, "other")]
    grouped = Table("t", "", "model", column, tuple(Row(m, (number(v),), g) for m, v, g in rows))
    assert best(with_best(grouped)) == [("a", "1.00"), ("b", "4.00")]


def test_nan_is_never_the_best() -> None:
    rows = tuple(Row(str(v), (Cell(f"{v:.2f}", v),)) for v in (float("nan"), 1.0, 2.0))
    assert best(with_best(Table("t", "", "m", (Column("LSD-CR", "lower"),), rows))) == [("1.0", "1.00")]


def test_text_is_aligned_and_stars_the_best() -> None:
    lines = text_lines(with_best(TABLE))
    assert lines[0] == "model       LSD-CR ↓  LSE-C ↑"
    assert lines[2:] == [
        "a_b|c          0.57     3.00*  x",
        "Wav2Lip       -0.20*    3.00*",
        "other          none     1.00",
    ]
    bold = text_lines(with_best(TABLE), lambda words, cell: f"<{words}>" if cell.best else words)
    assert [re.sub("[<>]", "", line) for line in bold] == lines, "bold takes no room"
    assert bold[3] == "Wav2Lip       <-0.20*>    <3.00*>"


def test_markdown_is_escaped_and_bold() -> None:
    lines = markdown([with_best(TABLE)]).splitlines()
    assert lines[0] == "### One & two: 100 %"
    assert lines[2:4] == ["| model | LSD-CR ↓ | LSE-C ↑ |  |", "| :--- | ---: | ---: | :--- |"]
    assert r"| a\_b\|c | 0.57 | **3.00** | x |" in lines
    # As many cells everywhere, counted as GitHub does: an escaped bar is none.
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines if line.startswith("|")} == {5}


def test_markdown_mentions_and_links_nobody() -> None:
    assert unlinked("@everyone (@a/b) #12 https://e.x www.e.x") == (
        "@<!-- -->everyone (@<!-- -->a/b) #<!-- -->12 https:<!-- -->//e.x www<!-- -->.e.x"
    )
    assert unlinked("LSE-C_S@floor < 0.4 @ p 0.01") == "LSE-C_S@floor < 0.4 @ p 0.01"


def test_latex_is_booktabs_and_escaped() -> None:
    written = latex([with_best(TABLE)])
    assert r"\caption{One \& two: 100 \%}" in written
    assert r"\begin{tabular}{lrrl}" in written
    assert r"model & LSD-CR $\downarrow$ & LSE-C $\uparrow$ &  \\" in written
    assert r"a\_b|c & 0.57 & \textbf{3.00} & x \\" in written
    assert r"Wav2Lip & \textbf{$-$0.20} & \textbf{3.00} &  \\" in written
    assert [written.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
    assert written.count("{") == written.count("}")
    rows = [line for line in written.splitlines() if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {3}


def test_latex_scales_what_is_wider_than_the_text() -> None:
    wide = replace(TABLE, rows=tuple(replace(row, label=row.label + " of nobody" * 5) for row in TABLE.rows))
    assert r"\resizebox" not in latex([TABLE])
    (scaled,) = re.findall(
        r"\\resizebox\{\\linewidth\}\{!\}\{%\n\\begin\{tabular\}.*?\\end\{tabular\}\}",
        latex([wide]),
        re.DOTALL,
    )
    assert scaled.count("{") == scaled.count("}")


def test_csv_keeps_every_digit() -> None:
    rows = list(csv.DictReader(io.StringIO(comma_separated([with_best(TABLE)]))))
    (found,) = [row for row in rows if row["label"] == "a_b|c" and row["metric"] == "LSD-CR"]
    assert float(found["value"]) == 0.567891
    assert (float(found["low"]), float(found["high"]), found["clips"], found["best"]) == (0.1, 0.9, "12", "0")
    assert [row["best"] for row in rows if row["label"] == "Wav2Lip" and row["metric"]] == ["1", "1"]
    assert [row["text"] for row in rows if row["label"] == "other"] == ["none", "1.00"]


@pytest.mark.parametrize("name", FORMATS)
def test_two_tables_are_kept_apart(name: str) -> None:
    once, twice = FORMATS[name]([TABLE]), FORMATS[name]([TABLE, TABLE])
    assert once.count("Wav2Lip") * 2 == twice.count("Wav2Lip")
    assert FORMATS[name]([]).count("Wav2Lip") == 0


def test_plain_text_has_no_stars_where_nothing_is_best() -> None:
    assert "*" not in text([TABLE])
