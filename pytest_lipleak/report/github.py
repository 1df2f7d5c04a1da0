"""GitHub Actions: verdict and tables in the job's summary, broken limits at the line that sets them."""

import os
from pathlib import Path
from typing import Any

import pytest

from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.endings import Verdicts, failed_lines, leaks_first
from pytest_lipleak.core.metrics.formulas import Metric
from pytest_lipleak.core.text import escaped
from pytest_lipleak.core.verdicts import Measurement, Outcome
from pytest_lipleak.evaluation.results.aggregate import measured
from pytest_lipleak.evaluation.results.run_result import RunResult
from pytest_lipleak.report.failures import remedy
from pytest_lipleak.report.render import markdown, unlinked
from pytest_lipleak.report.summary import limits_of
from pytest_lipleak.report.tables import Measure, corpus_tables
from pytest_lipleak.report.terminal import footnotes, heading


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


def write_step_summary(text: str) -> None:
    """Append to the job's summary, where GitHub Actions has one."""
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")


def step_summary(result: RunResult) -> str:
    """Return the report on a run as GitHub's Markdown: per model the verdict, then the tables."""
    parts = []
    for model, ending in zip(result.models, result.endings, strict=True):
        corpus = model.corpus

        def measure(metric: Metric, corpus: Corpus = corpus) -> Measurement | None:
            return measured(corpus, metric)

        parts += [
            f"## Lip leakage: {_inline(corpus.provenance.model)}",
            f"**{_inline(ending.headline)}**",
            _inline(heading(corpus)),
            markdown(corpus_tables(corpus, measure, limits_of(model.verdicts))),
            "\n".join(f"- {_inline(line)}" for line in _to_do(model.verdicts, measure)),
            "\n".join(f"- {_inline(note)}" for note in footnotes(corpus) if note),
        ]
    if not result.models:
        parts += ["## Lip leakage", f"**{_inline(result.ending.headline)}**"]
    parts += [f"**{_inline(line)}**" for line in failed_lines(result.end)]
    return "\n\n".join(part for part in parts if part)


def _to_do(verdicts: Verdicts, measure: Measure) -> list[str]:
    """The worst clips of every broken limit, and what to do next, each once."""
    lines, steps = [], []
    for limit, verdict in leaks_first(verdicts).items():
        if verdict.outcome is not Outcome.FAIL:
            continue
        broken = verdict.metric
        found = measure(broken)
        if found is not None and (worst := found.worst()):
            told = ", ".join(f"{clip} {value:.2f}" for clip, value in worst)
            lines.append(f"{limit}: worst clips {told}")
        steps.append(remedy(broken))
    return [*lines, *dict.fromkeys(filter(None, steps))]


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
    plain = " ".join(escaped(line) for line in text.splitlines())
    html = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return unlinked("".join(f"\\{letter}" if letter in "\\`*_[]|~$" else letter for letter in html))


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
