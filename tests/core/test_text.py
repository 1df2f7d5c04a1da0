"""What strangers say is shown on terminals and in logs without obeying it."""

import csv
import io
import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lipleak.core.errors import GeneratorError, LipleakError, with_message
from pytest_lipleak.core.text import LONGEST_TEXT, printable
from pytest_lipleak.report.github_summary import _inline
from pytest_lipleak.report.render import comma_separated, latex, markdown, no_formula, text
from pytest_lipleak.report.tables import Cell, Column, Row, Table


def runner_obeys(log: str) -> bool:
    """As GitHub's runner reads a log: ``::command::`` on a trimmed line, ``##[command]`` anywhere."""
    return any(line.strip().startswith("::") or "##[" in line for line in re.split(r"[\r\n]", log))


COMMANDS = [
    "::error::x",
    "  ::set-env name=A::b",
    "a\n::error::x",
    "a\r::stop::x",
    "a\r\n\t::x",
    "##[error]x",
    "a ##[x]",
    ":::x",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_error_of_ours_commands_githubs_runner(command: str) -> None:
    assert runner_obeys(command)
    assert not runner_obeys(str(LipleakError(command)))
    assert not runner_obeys(str(with_message(GeneratorError, command)))


@given(st.text(alphabet=st.sampled_from(":#[ \t\n\r\x1b\u202eax")) | st.text())
def test_nothing_is_obeyed_and_twice_is_once(words: str) -> None:
    shown = printable(words)
    assert not runner_obeys(shown)
    assert all(letter in "\n\t" or not ("\x00" <= letter < " " or letter == "\x7f") for letter in shown)
    assert printable(shown) == shown
    shown.encode()


def test_plain_words_stay() -> None:
    words = "model 'é': a\n  line: 1::2 # [x]\n\tnode tests/a.py::test"
    assert printable(words) == words


def test_escape_sequences_are_written_out() -> None:
    assert printable("\x1b[2J\x1b]0;title\x07") == r"\x1b[2J\x1b]0;title\x07"


def test_a_hundred_megabytes_of_message_are_cut_and_both_ends_stay() -> None:
    error = GeneratorError("model 'm': " + "\x1b" * 100_000_000 + "; set another device")
    assert len(str(error)) < 5 * LONGEST_TEXT
    assert str(error).startswith("model 'm': ")
    assert str(error).endswith("; set another device")
    assert re.search(r"\[\.\.\. \d{8} characters are left out \.\.\.\]", str(error))


def test_an_error_travels_between_processes() -> None:
    error = GeneratorError("a\n::error::\x1b")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1", "\r=1", " =1", "\uff1d1"]
NUMBERS = ["-0.31", "+3", "0.5", "-inf", "12 %", "-0.31*", "1e-5"]


@pytest.mark.parametrize("words", FORMULAS)
def test_no_cell_of_a_spreadsheet_begins_a_formula(words: str) -> None:
    table = Table("SI", words, "model", (Column("LSD-CR", "lower"),), (Row(words, (Cell(words, -0.31),)),))
    _, row = csv.reader(io.StringIO(comma_separated([table])))
    assert [cell for cell in row if cell.lstrip()[:1] in ("=", "+", "-", "@", "\uff1d") and cell] == ["-0.31"]


@pytest.mark.parametrize("words", NUMBERS)
def test_numbers_stay_numbers(words: str) -> None:
    assert no_formula(words) == words


EVIL = "a|b\n\n<script>alert(1)</script>[x](javascript:1)![y](http://t/x.png)\n::error::z\x1b[2J"


def table_of(words: str) -> Table:
    return Table("SI", words, "model", (Column("LSD-CR", "lower"),), (Row(words, (Cell(words),)),), (words,))


@pytest.mark.parametrize("render", [text, markdown, latex, comma_separated])
def test_tables_keep_a_name_in_its_cell(render: object) -> None:
    shown, plain = (render([table_of(words)]) for words in (EVIL, "a" * len(EVIL)))  # type: ignore[operator]
    assert "\x1b" not in shown
    assert not runner_obeys(shown)
    assert len(shown.splitlines()) == len(plain.splitlines())


def test_a_name_in_markdown_is_text() -> None:
    row = next(line for line in markdown([table_of(EVIL)]).splitlines() if line.startswith("| a"))
    for shown in (row, _inline(EVIL)):
        assert "\n" not in shown
        assert "\x1b" not in shown
        assert not re.search(r"(?<!\\)\]\(", shown)
        # An empty comment cuts what would become a link.
        assert not re.search(r"(?<!\\)<", shown.replace("<!-- -->", ""))
