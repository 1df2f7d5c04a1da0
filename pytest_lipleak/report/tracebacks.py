"""Which part of a traceback people see: their own lines and the words of the error, none of our code."""

import traceback
from pathlib import Path
from typing import Any

import pytest

from pytest_lipleak.core.errors import LipleakError

_OURS = Path(__file__).resolve().parent.parent
_PYTEST = tuple(Path(module.__file__).resolve().parent for module in (pytest, __import__("_pytest"), __import__("pluggy")))


def shorten(report: pytest.TestReport, excinfo: pytest.ExceptionInfo[BaseException], config: pytest.Config) -> None:
    """Reword the report of an error that pytest-lipleak raised on purpose; any other is left as it is.

    The user's lines that led to it stay. Where there are none (a gate, a fixture of ours), the words stand
    alone. What a model raised is added as a section, with the model's own lines. ``--full-trace`` shows all.
    """
    error = excinfo.value
    if not isinstance(error, LipleakError) or config.getoption("fulltrace", False):
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
    if origin := _origin(error):
        report.sections.append(("what the model raised", origin))


def _only_users(excinfo: pytest.ExceptionInfo[BaseException]) -> Any:
    return excinfo.traceback.filter(lambda entry: _is_users(entry.path))


def _is_users(path: Path | str) -> bool:
    resolved = Path(path).resolve()
    return not any(resolved.is_relative_to(folder) for folder in (_OURS, *_PYTEST))


def _origin(error: BaseException) -> str:
    """The traceback of the error that the user's model raised, without our frames; empty if it raised none."""
    cause = error.__cause__
    while isinstance(cause, LipleakError):
        cause = cause.__cause__
    if cause is None:
        return ""
    told = traceback.TracebackException.from_exception(cause)
    told.stack = traceback.StackSummary.from_list([f for f in told.stack if _is_users(f.filename)])
    return "".join(told.format()) if told.stack else ""
