"""GitHub Actions: verdict and tables in the job's summary, broken limits at the line that sets them."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.metrics import Metric
from pytest_lipleak.core.verdicts import Measurement
from pytest_lipleak.evaluation.results.aggregate import measured
from pytest_lipleak.report.render import markdown
from pytest_lipleak.report.summary import limits_of, verdict_words
from pytest_lipleak.report.tables import corpus_tables
from pytest_lipleak.report.terminal import footnotes, heading

Judged = tuple[Sequence[tuple[Corpus, Mapping[str, Mapping[str, Any]]]], Sequence[str]]
"""Per model its scores and verdicts by limit; and the tests that failed for another reason than a limit."""


class GitHub:
    """Hooks of the process that reports; registered only where GitHub Actions runs it.

    Args:
        config: pytest's.
        judged: gives what was measured, when all is done.
    """

    def __init__(self, config: pytest.Config, judged: Callable[[], Judged]) -> None:
        self._config = config
        self._judged = judged
        self._annotations: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note where a failed test of ours stands."""
        if report.failed and "lipleak" in report.keywords:
            file, line = _place(report, self._config)
            words = _first_line(report)
            limit = words.partition(" = ")[0]
            title = f"lip leakage: {limit}" if limit != words else "lip leakage"
            self._annotations[report.nodeid] = annotation("error", words, file=file, line=line, title=title)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Append verdict and tables to the job's summary, once."""
        found, unjudged = self._judged()
        path = os.environ.get("GITHUB_STEP_SUMMARY")
        if path and (found or unjudged):
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(f"{step_summary(found, unjudged)}\n")

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the annotations; GitHub reads them from the log and shows the first ten of a step."""
        if os.environ.get("GITHUB_ACTIONS"):
            for command in self._annotations.values():
                terminalreporter.write_line(command)


def step_summary(
    models: Sequence[tuple[Corpus, Mapping[str, Mapping[str, Any]]]], unjudged: Sequence[str] = ()
) -> str:
    """Return the report on a run as GitHub's Markdown: per model the verdict, then the tables."""
    parts = []
    for corpus, verdicts in models:

        def measure(metric: Metric, corpus: Corpus = corpus) -> Measurement | None:
            return measured(corpus, metric)

        parts += [
            f"## Lip leakage: {_inline(corpus.provenance.model)}",
            f"**{_inline(verdict_words(verdicts, corpus))}**",
            _inline(heading(corpus)),
            markdown(corpus_tables(corpus, measure, limits_of(verdicts))),
            "\n".join(f"- {_inline(note)}" for note in footnotes(corpus) if note),
        ]
    parts += [f"**NOT JUDGED: {_inline(test)} failed for another reason than a limit**" for test in unjudged]
    return "\n\n".join(part for part in parts if part)


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


def _inline(text: str) -> str:
    """A name as text, whatever signs of Markdown or HTML it holds."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{letter}" if letter in "\\`*_[]|" else letter for letter in escaped)


def _first_line(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message if crash is not None else report.longreprtext)
    return text.strip().partition("\n")[0].removeprefix("AssertionError: ")


def _place(report: pytest.TestReport, config: pytest.Config) -> tuple[str | None, int | None]:
    """File, relative to the repository, and line, from 1: of the gate in its file, of the assertion in its test."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if report.nodeid.startswith("lipleak::") or crash is None:
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
