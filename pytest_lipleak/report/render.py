"""Lay out tables: aligned text, Markdown, LaTeX, CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_lipleak.core.text import escaped

if TYPE_CHECKING:
    # The command line asks for the names of the formats alone.
    from pytest_lipleak.report.tables import Cell, Row, Table

Paint = Callable[[str, "Cell"], str]
"""Colours the text of a cell, or makes it bold, without changing its width on the screen."""


def plain(words: str) -> str:
    """Return text of a report, which may be anybody's, on one line."""
    return escaped(words)


def starred(text: str) -> str:
    """Mark the best where nothing can be bold."""
    return f"{text}*"


def text_lines(table: Table, paint: Paint | None = None) -> list[str]:
    """Return the table as aligned lines; a star stands behind a best value.

    Args:
        table: to lay out.
        paint: how cells are shown beyond that; None leaves them plain.
    """
    starring = any(cell.best for row in table.rows for cell in row.cells)
    rows = [[table.stub, *(column.head for column in table.columns)]]
    rows += [
        [
            plain(row.label),
            *(
                _starred(cell, starring and c.number)
                for c, cell in zip(table.columns, row.cells, strict=True)
            ),
        ]
        for row in table.rows
    ]
    left = [True, *(not column.number for column in table.columns)]
    widths = [max(len(row[number]) for row in rows) for number in range(len(left))]
    lines = []
    for number, row in enumerate(rows):
        padded = [
            text.ljust(width) if to_left else text.rjust(width)
            for text, width, to_left in zip(row, widths, left, strict=True)
        ]
        if paint is not None and number:
            padded[1:] = [
                text.replace(plain, paint(plain, cell)) if plain else text
                for text, plain, cell in zip(padded[1:], row[1:], table.rows[number - 1].cells, strict=True)
            ]
        lines.append("  ".join(padded).rstrip())
        if number and number < len(rows) - 1 and _ends_group(table.rows, number - 1):
            lines.append("")
    return lines


def _starred(cell: Cell, starring: bool) -> str:
    # A space in the star's place keeps the numbers under one another.
    words = plain(cell.text)
    return starred(words) if cell.best else f"{words} " if starring else words


def _ends_group(rows: Sequence[Row], number: int) -> bool:
    return rows[number].group != rows[number + 1].group


def text(tables: Iterable[Table], paint: Paint | None = None) -> str:
    """Return the tables one under the other, as a terminal shows them; a star stands behind the best."""
    return "\n\n".join(
        "\n".join([*_titled(plain(table.title)), *text_lines(table, paint), *map(plain, table.notes)])
        for table in tables
    )


def markdown(tables: Iterable[Table]) -> str:
    """Return the tables as GitHub's Markdown, the best in bold."""
    return "\n\n".join("\n".join(_markdown(table)) for table in tables)


def unlinked(markdown: str) -> str:
    """Return text for GitHub in which nobody is mentioned, no issue referred to, and no bare address a link."""
    return re.sub(
        r"(?<!\w)@(?=\w)|#(?=\d)|:(?=//)|(?<=\bwww)(?=\.)", r"\g<0><!-- -->", markdown, flags=re.IGNORECASE
    )


def _markdown(table: Table) -> list[str]:
    def line(texts: Iterable[str]) -> str:
        return f"| {' | '.join(texts)} |"

    def escaped(cell: str) -> str:
        # Brackets stay readable: one that would begin a link's address does not.
        return unlinked(re.sub(r"([|*_<`~$\\]|\](?=[(\[]))", r"\\\1", plain(cell)))

    def shown(cell: Cell) -> str:
        marked = f"**{escaped(cell.text)}**" if cell.best else escaped(cell.text)
        return f"**{marked}**" if cell.state in ("fail", "unsettled") else marked

    from pytest_lipleak.report.tables import Column

    columns = [Column(table.stub, number=False), *table.columns]
    return [
        *([f"### {escaped(table.title)}", ""] if table.title else []),
        line(escaped(column.head) for column in columns),
        line("---:" if column.number else ":---" for column in columns),
        *(line([escaped(row.label), *map(shown, row.cells)]) for row in table.rows),
        *(f"\n{escaped(note)}" for note in table.notes),
    ]


_LATEX: Mapping[str, str] = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "−": "$-$",
}


def latex(tables: Iterable[Table]) -> str:
    r"""Return the tables for LaTeX with ``\usepackage{booktabs,graphicx}``, the best in bold.

    What is wider than a column of text is scaled to it.
    """
    return "\n\n".join("\n".join(_latex(table)) for table in tables)


def _latex(table: Table) -> list[str]:
    def escaped(words: str) -> str:
        return "".join(_LATEX.get(letter, letter) for letter in plain(words))

    def shown(cell: Cell) -> str:
        words = escaped(cell.text)
        # A minus of mathematics, not a hyphen.
        words = re.sub(r"^-(?=\d)", "$-$", words)
        return rf"\textbf{{{words}}}" if cell.best else words

    def line(texts: Iterable[str]) -> str:
        return f"{' & '.join(texts)} \\\\"

    body = []
    wide = _points(table) > TEXT_WIDTH
    for number, row in enumerate(table.rows):
        body.append(line([escaped(row.label), *map(shown, row.cells)]))
        if number < len(table.rows) - 1 and _ends_group(table.rows, number):
            body.append(r"\midrule")
    return [
        r"\begin{table}",
        r"\centering",
        *([rf"\caption{{{escaped(table.title)}}}"] if table.title else []),
        *([r"\resizebox{\linewidth}{!}{%"] if wide else []),
        rf"\begin{{tabular}}{{l{''.join('r' if column.number else 'l' for column in table.columns)}}}",
        r"\toprule",
        line(escaped(head) for head in (table.stub, *(column.head for column in table.columns))),
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}}" if wide else r"\end{tabular}",
        *(rf"\\ {escaped(note)}" for note in table.notes),
        r"\end{table}",
    ]


TEXT_WIDTH = 345
"""Points across the text of LaTeX's article class in its usual size; columns of journals are narrower."""


def _points(table: Table) -> float:
    """About how wide LaTeX sets a table: five points a letter, six on either side of a column."""
    rows = [
        [table.stub, *(column.head for column in table.columns)],
        *([row.label, *(cell.text for cell in row.cells)] for row in table.rows),
    ]
    return sum(5 * max(map(len, column)) + 12 for column in zip(*rows, strict=True))


def no_formula(words: str) -> str:
    """Return text for a cell of a spreadsheet, which takes what begins with one of these signs for a formula.

    Numbers stay numbers, negative ones, too.
    """
    words = plain(words)
    try:
        float(words.rstrip(" %*"))
    except ValueError:
        return (
            f"'{words}" if words.lstrip()[:1] in ("=", "+", "-", "@", "|", "%", "\uff1d", "\uff0b") else words
        )
    return words


CSV_COLUMNS = (
    "table", "title", "group", "label", "metric", "better", "value", "low", "high", "clips", "best", "text",
)  # fmt: skip


def comma_separated(tables: Iterable[Table]) -> str:
    """Return every number on a line of its own, at full precision, with its interval (low, high)."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for table in tables:
        for row in table.rows:
            for column, cell in zip(table.columns, row.cells, strict=True):
                if cell.value is None and not cell.text:
                    continue
                low, high = (repr(end) for end in cell.interval) if cell.interval else ("", "")
                value = "" if cell.value is None else repr(cell.value)
                clips = "" if cell.clips is None else cell.clips
                name = cell.metric or column.name
                writer.writerow(
                    (
                        table.name, no_formula(table.title), row.group, no_formula(row.label), name, column.better,
                        value, low, high, clips, int(cell.best), no_formula(cell.text),
                    )
                )  # fmt: skip
    return file.getvalue().rstrip("\n")


def _titled(title: str) -> list[str]:
    return [title, ""] if title else []


FORMATS: Mapping[str, Callable[[Iterable[Table]], str]] = {
    "terminal": text,
    "markdown": markdown,
    "latex": latex,
    "csv": comma_separated,
}
"""By the name that ``lipleak report --format`` takes."""
