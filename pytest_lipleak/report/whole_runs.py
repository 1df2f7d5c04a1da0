"""Reports on a whole run, the verdict first: each is a function of what the run found, and a row of ``RUN_FORMATS``.

What they are made with is imported inside of them: ``lipleak --help`` lists their names and loads no scores.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_lipleak.evaluation.results.run_result import RunResult


def terminal(result: "RunResult", full: bool) -> str:
    """Return what pytest prints at its end; ``full``: all metrics."""
    from pytest_lipleak.report.summary import summaries
    from pytest_lipleak.verdicts.endings import failed_lines

    lines = []
    for summary in summaries(result, full=full):
        lines += [f"{summary.model}: {summary.verdict}", *summary.table]
    if not result.models:
        lines.append(result.ending.headline)
    return "\n".join([*lines, *failed_lines(result.end)])


def markdown(result: "RunResult", full: bool) -> str:
    """Return what GitHub shows of a job; it has all metrics."""
    from pytest_lipleak.report.github_summary import step_summary

    return step_summary(result)


RUN_FORMATS: Mapping[str, Callable[["RunResult", bool], str]] = {
    "terminal": terminal,
    "markdown": markdown,
}
"""By the name that ``lipleak report --format`` takes."""
