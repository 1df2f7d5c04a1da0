"""Which part of a traceback people see: their own lines and the words of the error, none of our code."""

import contextlib
import functools
import traceback
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from pytest_lipleak.core.errors import GeneratorError, LipleakError
from pytest_lipleak.core.text import printable
from pytest_lipleak.report.failures import UNSCORED

_NOT_THE_USERS = (
    Path(__file__).resolve().parent.parent,
    *(Path(str(find_spec(name).origin)).resolve().parent for name in ("pytest", "_pytest", "pluggy")),  # type: ignore[union-attr]
    # What stands between two lines of ours: cached properties, contexts.
    *(Path(str(module.__file__)).resolve() for module in (functools, contextlib)),
)

RAISED = "what the model raised"
"""Title of the section that holds the model's own traceback."""

_MEASURE = ("pytest_lipleak.evaluation.", "pytest_lipleak.generators.")
"""Modules that run a model's code; none of them skips a test."""


def shorten(
    report: pytest.TestReport, excinfo: pytest.ExceptionInfo[BaseException], item: pytest.Item
) -> None:
    """Reword the report of an error that pytest-lipleak raised on purpose; any other is left as it is.

    The user's lines that led to it stay. Where there are none (a gate, a fixture of ours), the words stand
    alone. What a model raised is added as a section, with the model's own lines. ``--full-trace`` shows all.
    """
    error = excinfo.value
    if report.skipped and isinstance(report.longrepr, tuple) and not _is_users(report.longrepr[0]):
        # Skipped by an assertion or gate of ours: point at the test instead.
        path, line, _ = item.reportinfo()
        report.longrepr = (str(path), (line or 0) + 1, report.longrepr[2])
    config = item.config
    if not report.failed or not isinstance(error, LipleakError) or config.getoption("fulltrace", False):
        return
    user_lines = [entry for entry in excinfo.traceback if _is_users(entry.path)]
    if user_lines and config.getoption("tbstyle", "auto") != "native":
        style: Any = "short" if config.getoption("tbstyle", "auto") == "short" else "long"
        shown: Any = excinfo.getrepr(style=style, tbfilter=_only_users, funcargs=True, chain=False)
    else:
        shown = excinfo.getrepr(style="value", chain=False)
    # The class name before the words says nothing that the words do not.
    shown.reprcrash.message = str(error).partition("\n")[0]
    report.longrepr = shown
    if isinstance(error, GeneratorError) and (origin := _origin(error)):
        report.sections.append((RAISED, origin))


OURS = "lipleak_worded"
"""Attribute of a report that tells an error of ours; xdist carries it."""


def is_ours(excinfo: pytest.ExceptionInfo[BaseException]) -> bool:
    """Whether we worded an error: one of our own kinds, or of our assertions."""
    raised_by = str(excinfo.traceback[-1].frame.f_globals.get("__name__")) if excinfo.traceback else ""
    return isinstance(excinfo.value, LipleakError) or raised_by.startswith("pytest_lipleak.")


def say_once(reports: Iterable[pytest.TestReport]) -> None:
    """Keep what a model raised, and why a video has no score, under the first of the reports, in the order of printing;
    the others name that one. Reports of errors that are not ours stay as they are.

    A model that is broken fails every test in the same way, and a file that cannot be read every limit on it.
    """
    shown: dict[str, str] = {}
    for report in reports:
        if not getattr(report, OURS, False):
            continue
        _name_where_it_is_told(report, shown)
        for at, (title, text) in enumerate(report.sections):
            if title != RAISED:
                continue
            name = report.head_line or report.nodeid
            first = shown.setdefault(text, name)
            if first != name:
                report.sections[at] = (title, f"the same as in {first}, above: {text.splitlines()[-1]}\n")


LONG = 150
"""Letters of a message from which on it is not repeated."""


def _name_where_it_is_told(report: pytest.TestReport, shown: dict[str, str]) -> None:
    """Put in place of what stands under an earlier report, by ``shown``, the name of that report: a message that is
    long, and why a video has no score.
    """
    name = report.head_line or report.nodeid

    def told(line: str, *, is_message: bool) -> str:
        before, found, why = line.partition(UNSCORED)
        video, said, _ = why.partition(": ")
        if found and said and before.strip() in ("", "E"):
            brief = f"{before}{found}{video}: as under"
        elif is_message and len(line) > LONG:
            why, brief = line.removeprefix("E").strip(), f"{line[: LONG // 2].rstrip()}...: as under"
        else:
            return line
        first = shown.setdefault(why, name)
        return line if first == name else f"{brief} {first}, above"

    def each(lines: list[str]) -> list[str]:
        message = next((at for at, line in enumerate(lines) if line.startswith("E")), 0)
        return [told(line, is_message=at == message) for at, line in enumerate(lines)]

    whole: Any = report.longrepr
    if isinstance(whole, str):
        report.longrepr = "\n".join(each(whole.split("\n")))
    for entry in getattr(getattr(whole, "reprtraceback", None), "reprentries", ()):
        entry.lines[:] = each(entry.lines)


def refuse_skip(report: pytest.TestReport, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
    """Let a test fail whose model skipped it, or called its failure expected, while it was measured.

    A test may skip itself, and a fixture its tests; what is measured may not choose what it is judged by.
    """
    if not report.skipped or not isinstance(excinfo.value, (pytest.skip.Exception, pytest.xfail.Exception)):
        return
    if not any(
        str(entry.frame.f_globals.get("__name__")).startswith(_MEASURE) for entry in excinfo.traceback
    ):
        return
    report.outcome = "failed"
    report.longrepr = printable(
        f"could not be judged: the model raised {type(excinfo.value).__name__} of pytest ({excinfo.value}); only a "
        "test itself, or its fixtures, may skip"
    )
    if hasattr(report, "wasxfail"):
        del report.wasxfail


def _only_users(excinfo: pytest.ExceptionInfo[BaseException]) -> Any:
    return excinfo.traceback.filter(lambda entry: _is_users(entry.path))


def _is_users(path: Path | str) -> bool:
    resolved = Path(path).resolve()
    return not str(path).startswith("<frozen") and not any(map(resolved.is_relative_to, _NOT_THE_USERS))


def _origin(error: BaseException) -> str:
    """The traceback of the error that the user's model raised, without our frames; empty if it raised none."""
    cause = error.__cause__
    while isinstance(cause, LipleakError):
        cause = cause.__cause__
    if cause is None:
        return ""
    told = traceback.TracebackException.from_exception(cause)
    told.stack = traceback.StackSummary.from_list([f for f in told.stack if _is_users(f.filename)])
    return printable("".join(told.format())) if told.stack else ""
