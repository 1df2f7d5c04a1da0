"""Tables as plain data: what terminal, Markdown, LaTeX, CSV and HTML print alike.

A cell carries its words and, where it is a number, the number itself; ``render.py`` only lays out.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_lipleak.core.conditions import CONDITIONS, EVERY_CONDITION, Condition, Setup
from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.metrics.formulas import (
    LEAKAGE_METRICS,
    Metric,
    extra_metrics,
    metric,
    picture_families,
)
from pytest_lipleak.verdicts.limits import MIN_UNITS, Limit, Measurement, Outcome

Measure = Callable[[Metric], Measurement | None]
"""Gives a metric's measurement, or None when it was not needed or does not apply."""

Limits = Mapping[str, Sequence[tuple[str, str]]]
"""By metric name: every bound that was judged, and the word for how it ended (``ok``, ``FAILED``, ...)."""

ARROWS = {"lower": "↓", "higher": "↑", "": ""}
KEPT, BROKEN, UNSETTLED, UNJUDGED = "ok", "FAILED", "inconclusive", "not judged"
STATES = {KEPT: "pass", BROKEN: "fail", UNSETTLED: "unsettled", UNJUDGED: "fail"}
"""How a verdict's word is coloured."""

WORDS: Mapping[str, str] = dict(zip(map(str, Outcome), (KEPT, BROKEN, UNSETTLED, UNJUDGED), strict=True))
"""What a table says of each outcome."""

EXTRA_METRICS = extra_metrics()
"""Leakage metrics beyond the paper's four."""

_SETUP_ROWS: Mapping[Setup, str] = {
    Setup.AM: "against the speech that drives, the clip's own",
    Setup.XM: "against the speech that drives, another clip's",
    Setup.SI: "against the clip's own speech, which the model did not hear",
}


@dataclass(frozen=True)
class Cell:
    """One cell.

    Args:
        text: as people read it.
        value: the number behind it at full precision, or None where there is none.
        interval: its 95 % bootstrap interval, or None.
        clips: how many clips it rests on, or None.
        best: whether it is the best of its column.
        state: ``pass``, ``fail``, ``unsettled`` or empty, for colours.
        metric: name of the metric, where the value is one.
    """

    text: str
    value: float | None = None
    interval: tuple[float, float] | None = None
    clips: int | None = None
    best: bool = False
    state: str = ""
    metric: str = ""


@dataclass(frozen=True)
class Column:
    """A column's head.

    Args:
        name: of the metric or quantity; empty for remarks.
        better: ``lower``, ``higher`` or empty, which becomes the arrow.
        number: whether it holds numbers, which stand right.
    """

    name: str
    better: str = ""
    number: bool = True

    @property
    def head(self) -> str:
        """Name and arrow."""
        return f"{self.name} {ARROWS[self.better]}".rstrip()


@dataclass(frozen=True)
class Row:
    """A row: its label and one cell per column.

    Args:
        label: of the row.
        cells: one per column.
        group: rows of one group stand together and compete for the best value.
        reference: whether it is the row of the real clips, which does not compete.
        owner: the model whose row it is, in a table of several.
    """

    label: str
    cells: tuple[Cell, ...]
    group: str = ""
    reference: bool = False
    owner: str = ""


@dataclass(frozen=True)
class Table:
    """A table.

    Args:
        name: identifies it: ``conditions``, ``leakage``, ``pictures``, ``SI``, ...
        title: one line above it, may be empty.
        stub: head of the column of labels.
        columns: heads.
        rows: one cell per column each.
        notes: lines below it.
    """

    name: str
    title: str
    stub: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


NOTHING = Cell("")


def corpus_tables(corpus: Corpus, measure: Measure, limits: Limits, *, full: bool = True) -> list[Table]:
    """Return the tables on one model: conditions, leakage, pictures; those without rows are left out.

    Args:
        corpus: its scores.
        measure: gives the measurements.
        limits: what was judged.
        full: also the leakage metrics beyond the paper's four that no limit speaks of.
    """
    tables = (
        _conditions(corpus, measure),
        _leakage(measure, limits, finished=corpus.provenance.finished, full=full),
        _pictures(corpus, measure),
    )
    return [table for table in tables if table.rows]


def value_cell(found: Measurement | None) -> Cell:
    """Return the cell of a measurement: empty where it was not taken, ``none`` where it has no value."""
    if found is None:
        return NOTHING
    if not found.clips:
        return Cell("none", metric=found.metric.name, clips=0)
    return Cell(
        f"{found.value:.{found.metric.family.digits}f}",
        found.value,
        found.interval,
        found.clips,
        metric=found.metric.name,
    )


def _beside(cell: Cell, bound: str) -> Cell:
    """The cell of a value that stands beside a limit."""
    if cell.value is None or not bound:
        return cell
    return replace(cell, text=Limit.parse(f"{cell.metric} {bound}").shown(cell.value))


def with_best(table: Table) -> Table:
    """Mark, in every column with a direction and in every group of rows, the best value.

    Values that print alike are alike: all of them are marked. A value without a rival is not.
    """
    groups = {row.group for row in table.rows}
    best = {
        (group, number): _best([row.cells[number] for row in table.rows if _competes(row, group)], column)
        for group in groups
        for number, column in enumerate(table.columns)
    }
    return replace(
        table,
        rows=tuple(
            replace(
                row,
                cells=tuple(
                    replace(cell, best=_competes(row, row.group) and cell.text in best[row.group, number])
                    for number, cell in enumerate(row.cells)
                ),
            )
            for row in table.rows
        ),
    )


def _competes(row: Row, group: str) -> bool:
    return row.group == group and not row.reference


def _best(cells: Iterable[Cell], column: Column) -> set[str]:
    values = {
        cell.text: cell.value for cell in cells if cell.value is not None and not math.isnan(cell.value)
    }
    if not column.better or len(values) < 2:
        return set()
    choose = min if column.better == "lower" else max
    return {choose(values, key=lambda text: float(text))}


def _conditions(corpus: Corpus, measure: Measure) -> Table:
    columns = (
        Column("LSE-C", "higher"),
        Column("LSE-D", "lower"),
        Column("offset"),
        Column("clips"),
        Column("", number=False),
    )
    rows, real = [], _cells(corpus, measure, None)
    if any(cell.text for cell in real):
        rows.append(Row("real clips", (*real, Cell("against their own speech")), reference=True))
    for condition in CONDITIONS:
        why = corpus.why_lacking(condition)
        cells = (Cell("n/a"),) * 4 if why else _cells(corpus, measure, condition)
        if any(cell.text for cell in cells):
            words = Cell(_SETUP_ROWS[condition.setup])
            rows.append(Row(f"{condition.setup} {condition.reference}", (*cells, words)))
    return Table("conditions", "", "condition", columns, tuple(rows))


def _cells(corpus: Corpus, measure: Measure, condition: Condition | None) -> tuple[Cell, ...]:
    where = str(condition) if condition else "GT"
    confidence, distance = (measure(metric(f"{name}[{where}]")) for name in ("LSE-C", "LSE-D"))
    if confidence is None:
        return (NOTHING,) * 4
    trials = [trial for (_, of), trial in corpus.trials.items() if of == condition]
    offsets = sorted((trial.driving or trial.own).offset for trial in trials)
    middle = offsets[len(offsets) // 2] if offsets else None
    offset = NOTHING if middle is None else Cell(f"{middle:+d}", middle)
    count = Cell(str(confidence.clips), confidence.clips)
    return value_cell(confidence), value_cell(distance), offset, count


def _leakage(measure: Measure, limits: Limits, *, finished: bool, full: bool) -> Table:
    columns: tuple[Column, ...] = (
        Column("value"),
        Column("95 % interval"),
        Column("limit"),
        Column("", number=False),
    )
    rows, doses = [], []
    # The paper's four always; the others where a gate asks for them or everything is to be seen.
    names = (*LEAKAGE_METRICS, *(EXTRA_METRICS if full else ()), *limits)
    for name in dict.fromkeys(metric(name).name for name in names):
        wanted = metric(name)
        found = measure(wanted)
        judged = limits.get(name, ())
        if found is None and not judged:
            continue
        value = Cell("none", metric=name) if found is None else value_cell(found)
        interval = (
            Cell(f"[{value.interval[0]:.2f}, {value.interval[1]:.2f}]") if value.interval else _needed(found)
        )
        label = f"{wanted.label} {wanted.arrow}"
        rows += [
            Row(label, (_beside(value, bound), interval, Cell(bound), Cell(word, state=STATES.get(word, ""))))
            for bound, word in judged or [("", "")]
        ]
        doses += [dose_cell(found)] * max(len(judged), 1)
    if any(cell.text for cell in doses):
        columns = (*columns, Column("leaks like a copy of", number=False))
        rows = [replace(row, cells=(*row.cells, dose)) for row, dose in zip(rows, doses, strict=True)]
    # Of a finished video the source is known, and whether lips were copied from it is what is asked.
    stub = "source lip leakage" if finished else "leakage"
    return Table("leakage", "", stub, columns, tuple(rows))


def _needed(found: Measurement | None) -> Cell:
    """What an interval would need, in the place of one."""
    if found is None or not found.clips or found.no_interval is None or found.units >= MIN_UNITS:
        return NOTHING
    return Cell(f"needs {MIN_UNITS} {found.unit}s")


def dose_cell(found: Measurement | None) -> Cell:
    """Return the share of copied lips that a measurement amounts to, for example ``23 % [18, 29]``."""
    if found is None or found.dose is None:
        return NOTHING
    share = found.dose.share
    return Cell(found.dose.short, share if math.isfinite(share) else None)


def _pictures(corpus: Corpus, measure: Measure) -> Table:
    """One row per condition, one column per picture measure that was taken."""
    taken = {
        (name, condition and condition.cell)
        for (_, condition), values in corpus.pictures.items()
        for name in values
    }
    taken |= corpus.sets.keys()
    seen = [family for family in picture_families() if any(family.measure == name for name, _ in taken)]
    columns = tuple(Column(family.measure, family.better) for family in seen)
    rows = []
    for condition in EVERY_CONDITION:
        found = [
            measure(metric(f"{family.measure}[{condition}]"))
            if (family.measure, condition) in taken
            else None
            for family in seen
        ]
        if any(found):
            cells = tuple(value_cell(each) for each in found)
            rows.append(Row(f"{condition.setup} {condition.reference}", cells))
    return Table("pictures", "", "pictures", columns, tuple(rows))
