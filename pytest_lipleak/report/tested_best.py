"""Which model of a table is the best: only one that a paired test sets above every other."""

from collections.abc import Mapping
from dataclasses import replace

from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.errors import LipleakError
from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.evaluation.comparison import paired_difference
from pytest_lipleak.report.tables import Row, Table

ALPHA = 0.05
"""How often a column may mark a best one that is none."""

NOTE = (
    "best: better than every other model of its column and group in a paired bootstrap over clips (95 %, Bonferroni "
    "over the others); no mark where that is not so"
)


def with_tested_best(table: Table, corpora: Mapping[str, Corpus]) -> Table:
    """Mark, in every column and every group of rows, the value that beats all others, clip by clip.

    Args:
        table: whose rows name their owner.
        corpora: the scores of each owner; XM columns are compared only where both had the same pairs.
    """
    marks: set[tuple[int, int]] = set()
    for number, column in enumerate(table.columns):
        for group in {row.group for row in table.rows}:
            rivals = [
                place
                for place, row in enumerate(table.rows)
                if row.group == group and not row.reference and row.cells[number].value is not None
            ]
            if column.better and len(rivals) > 1:
                choose = min if column.better == "lower" else max
                best = choose(rivals, key=lambda place: float(table.rows[place].cells[number].value or 0.0))
                others = [table.rows[place] for place in rivals if place != best]
                if all(_beats(table.rows[best], row, number, corpora, len(others)) for row in others):
                    marks.add((best, number))
    rows = tuple(
        replace(
            row,
            cells=tuple(
                replace(cell, best=(place, number) in marks) for number, cell in enumerate(row.cells)
            ),
        )
        for place, row in enumerate(table.rows)
    )
    return replace(table, rows=rows)


def _beats(best: Row, other: Row, number: int, corpora: Mapping[str, Corpus], rivals: int) -> bool:
    """Whether the whole interval of the paired difference lies on the better side."""
    name = best.cells[number].metric
    if name != other.cells[number].metric:
        return False
    wanted = metric(name)
    try:
        found = paired_difference(
            wanted, corpora[other.owner], corpora[best.owner], confidence=1 - ALPHA / rivals
        )
    except LipleakError:
        return False
    if found.interval is None:
        return False
    low, high = found.interval
    return high < 0 if wanted.better == "lower" else low > 0
