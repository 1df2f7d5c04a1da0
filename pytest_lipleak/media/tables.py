"""Tables that people write by hand or export from a spreadsheet: manifests and pair lists, in any form."""

import codecs
import csv
import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from pytest_lipleak.core.errors import InputError, MissingDataError
from pytest_lipleak.core.names import escaped
from pytest_lipleak.core.number_words import counted
from pytest_lipleak.core.suggestions import meant_file

DELIMITERS = ",;\t"

INVISIBLE = dict.fromkeys(map(ord, "\ufeff\u200b\u200e\u200f\u2060"))
"""Byte order marks, where tables were joined, and what web pages and chats put between words."""

_MARKS = (
    # UTF-32's mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Args:
        where: file and line, for messages.
        cells: text by column, small letters; empty cells are left out.
    """

    where: str
    cells: dict[str, str]


def is_file(path: Path) -> bool:
    """Whether there is a file of that name: no folder, pipe or device; no name is an error, however odd."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises for names that are too long


def is_folder(path: Path) -> bool:
    """Whether there is a folder of that name; no name is an error, however odd."""
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises for names that are too long


def file_beside(folder: Path, name: str) -> Path | None:
    """Return the file that a table in ``folder`` names, or None where it is not there.

    Also where the name was written under Windows, or under macOS, which takes accents apart, while drives and archives
    put them together; or as an address, ``file://`` or with ``%20`` for a space.
    """
    slashed = name.replace("\\", "/")
    plain = unquote(slashed.removeprefix("file://"))
    spellings = (name, slashed, *(unicodedata.normalize(form, slashed) for form in ("NFC", "NFD")), plain)
    return next((path for each in spellings if is_file(path := folder / each)), None)


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text file, without their ends, in UTF-8, UTF-16 (with or without mark) or Windows-1252.

    Raises:
        MissingDataError: it cannot be read.
        InputError: it is no text.
    """
    if not is_file(path):
        raise MissingDataError(f"{path}: no such file; name a table of text{meant_file(path)}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MissingDataError(f"{path}: cannot be read ({error.strerror}); check its rights") from None
    text = _decoded(path, data).replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError(f"{path}, line {line}: holds a NUL byte, so is no table; save it as text in UTF-8")
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


def _decoded(path: Path, data: bytes) -> str:
    for encoding in _encodings(data):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
    raise InputError(
        f"{path}, line {line}: is no text in UTF-8, UTF-16 or Windows-1252; save the table as UTF-8"
    )


def _encodings(data: bytes) -> Sequence[str]:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return (encoding,)
    # Headings are of Latin letters, whose other byte is zero in UTF-16.
    beginning = data[:64]
    if len(beginning) >= 4 and len(data) % 2 == 0:
        for encoding, zeros, letters in (("utf-16-le", 1, 0), ("utf-16-be", 0, 1)):
            if not any(beginning[zeros::2]) and all(beginning[letters::2]):
                return (encoding,)
    return ("utf-8", "cp1252")


def read_table(path: Path, required: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of a table with a heading line.

    Columns are separated by commas, semicolons or tabs, whichever the heading line has; cells may stand in double
    quotes. Comment lines begin with ``#``; blank lines and rows of empty cells do not count. Headings are compared
    without regard to case and blanks; a column without a heading is not read.

    Args:
        path: the file.
        required: columns that must be there.

    Raises:
        MissingDataError: the file cannot be read.
        InputError: it is no table, lacks a column or has one twice, or a row has another number of cells; the
            message names the line.
    """
    lines = read_lines(path)
    delimiter = ","
    if lines and lines[0].strip().lower().startswith("sep=") and len(lines[0].strip()) == 5:
        # What Excel writes and reads for tables of other separators.
        delimiter, lines[0] = lines[0].strip()[4], ""
    else:
        heading = next((line for line in lines if _counts(line)), "")
        delimiter = delimiter_of(heading)
    records = _records(path, lines, delimiter)
    number, heading_cells = next(records, (1, []))
    headings = [normalised(cell) for cell in heading_cells]
    _check_headings(f"{path}, line {number}", headings, required, empty=not heading_cells, path=path)
    for number, cells in records:
        where = f"{path}, line {number}"
        # Spreadsheets pad rows with empty cells.
        while len(cells) > len(headings) and not cells[-1].strip():
            cells.pop()
        if len(cells) != len(headings):
            raise InputError(
                f"{where}: has {counted(len(cells), 'cell')}, expected {len(headings)} like the headings; write "
                f"every cell, and put double quotes around one that contains {_name_of(delimiter)}"
            )
        filled = {
            name: text for name, cell in zip(headings, cells, strict=True) if name and (text := cell.strip())
        }
        if filled:
            yield Row(where, filled)


def _counts(line: str) -> bool:
    """Whether a line is neither blank nor a comment."""
    stripped = line.strip()
    return bool(stripped) and not stripped.startswith("#")


def delimiter_of(heading: str) -> str:
    """Return the separator of a heading line: the one that occurs most outside double quotes; a comma for none."""
    outside = "".join(heading.split('"')[::2])
    return max(DELIMITERS, key=outside.count)


def normalised(heading: str) -> str:
    """Return a heading in small letters, without blanks around and invisible marks, with single blanks inside."""
    return " ".join(heading.translate(INVISIBLE).split()).lower()


def _records(path: Path, lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the cells of every record; one in quotes may be of several lines."""
    begun = 0

    def feed() -> Iterator[str]:
        nonlocal begun
        for number, line in enumerate(lines, start=1):
            if not begun:
                if not _counts(line):
                    continue
                begun = number
            yield f"{line}\n"

    reader = csv.reader(feed(), delimiter=delimiter, skipinitialspace=delimiter != "\t", strict=True)
    while True:
        begun = 0
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise InputError(
                f"{path}, line {begun}: the cells of this row cannot be told apart ({error}); is a double quote "
                'missing? One inside of a cell is written twice ("")'
            ) from None
        if cells is None:
            return
        yield begun, cells


def _check_headings(
    where: str, headings: Sequence[str], required: Sequence[str], *, empty: bool, path: Path
) -> None:
    if empty:
        return
    twice = [name for name, count in Counter(headings).items() if name and count > 1]
    if twice:
        raise InputError(
            f"{where}: two columns are called {_shown(twice[0])}; give each a heading of its own"
        )
    for name in required:
        if name not in headings:
            known = ", ".join(_shown(heading) for heading in headings if heading)
            raise InputError(
                f"{where}: no column '{name}'; found {known or 'no heading'}; the first line must name the columns, "
                "separated by commas, semicolons or tabs"
            )


def _shown(heading: str) -> str:
    return escaped(heading if len(heading) <= 40 else f"{heading[:37]}...")


def _name_of(delimiter: str) -> str:
    return {",": "a comma", ";": "a semicolon", "\t": "a tab"}.get(delimiter, repr(delimiter))
