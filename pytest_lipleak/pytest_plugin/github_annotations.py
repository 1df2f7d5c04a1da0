"""On GitHub Actions: broken limits as marks at the line that sets them."""

import os
from pathlib import Path
from typing import Any

import pytest


class GitHub:
    """Hooks of the process that reports; registered only where GitHub Actions runs it.

    Args:
        config: pytest's.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._annotations: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note where a failed test of ours stands."""
        if report.failed and "lipleak" in report.keywords:
            file, line = _place(report, self._config)
            words = _first_line(report)
            limit = words.partition(" = ")[0]
            title = f"lip leakage: {limit}" if limit != words else "lip leakage"
            self._annotations[report.nodeid] = annotation("error", words, file=file, line=line, title=title)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the annotations; GitHub reads them from the log and shows the first ten of a step."""
        if os.environ.get("GITHUB_ACTIONS"):
            for command in self._annotations.values():
                terminalreporter.write_line(command)


def _first_line(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message if crash is not None else report.longreprtext)
    return text.strip().partition("\n")[0].removeprefix("AssertionError: ")


def _place(report: pytest.TestReport, config: pytest.Config) -> tuple[str | None, int | None]:
    """File, relative to the repository, and line, from 1: of the gate in its file, of the assertion in its test."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if not report.location[0].endswith(".py") or crash is None:
        where, line, _ = report.location
        path, number = config.rootpath / where, None if line is None else line + 1
    else:
        path, number = config.rootpath / crash.path, crash.lineno
    if not path.is_file():
        return None, None
    repository = Path(os.environ.get("GITHUB_WORKSPACE") or config.rootpath).resolve()
    resolved = path.resolve()
    inside = resolved.is_relative_to(repository)
    return (resolved.relative_to(repository) if inside else resolved).as_posix(), number


def annotation(kind: str, message: str, *, file: str | None, line: int | None, title: str) -> str:
    """Return a workflow command that GitHub shows beside a line of the change.

    Args:
        kind: ``error``, ``warning`` or ``notice``.
        message: what is shown; further lines are kept.
        file: relative to the repository, or None.
        line: from 1, or None for the file as a whole.
        title: above the message.
    """
    places = {"file": file, "line": line, "title": title}
    told = ",".join(f"{name}={_property(str(value))}" for name, value in places.items() if value is not None)
    return f"::{kind} {told}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
