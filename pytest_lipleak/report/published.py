"""Tables that papers have published, one row each: what ``lipleak report --paper`` prints beside one's own figures."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_lipleak.report.tables import Table


@dataclass(frozen=True)
class Published:
    """One table of another paper.

    Args:
        title: whose it is, and where it stands.
        better: direction of its columns, which bear the paper's own names.
        counterpart: our metric of the same idea, and why the two are not to be read digit by digit.
    """

    title: str
    better: str
    counterpart: str


PUBLISHED: Mapping[str, Published] = {
    "keysync": Published(
        "LipLeak under silence (KeySync, arXiv 2505.00497, Table 1, cross-sync; as published)",
        "lower",
        "our LipLeak[SI,AR] has their threshold and formula, other landmarks and other clips: compare models of one "
        "table, never across the two; LipLeak@real says how much of the real clip's opening it is",
    ),
    "theval": Published(
        "Silent Lip Stability (THEval, arXiv 2511.04520, scores of their repository at cfe23fe; as published)",
        "higher",
        "their scores are 1 - |model - real| / real, so that too still a mouth loses, too; our SLS is the deviation "
        "itself, lower is stiller, and SLS@real sets it over the real clip's in speech",
    ),
    "highsync": Published(
        "Closed lips under 5 s of silence (HighSync, arXiv 2605.16918; as published)",
        "higher",
        "what closed means is not published; our Closed[SI,AR] takes an aspect ratio of at most .10",
    ),
}
"""By the name that ``--paper`` takes; the figures lie in ``paper/NAME.csv``."""


def published_table(name: str) -> "Table":
    """Return the table of another paper, with its own heads and figures, the best marked as printed."""
    from pytest_lipleak.machine.resources import resource
    from pytest_lipleak.report.tables import Cell, Column, Row, Table, with_best

    about = PUBLISHED[name]
    heads, *rows = csv.reader(resource(f"paper/{name}.csv").read_text().splitlines())
    columns = tuple(Column(head, about.better) for head in heads[1:])
    found = tuple(Row(row[0], tuple(Cell(text, float(text)) for text in row[1:])) for row in rows)
    return with_best(Table(name, about.title, heads[0], columns, found, (about.counterpart,)))
