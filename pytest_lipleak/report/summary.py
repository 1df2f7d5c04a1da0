"""What pytest prints at the end of a run: per model a verdict and a table."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.metrics.formulas import Metric
from pytest_lipleak.evaluation.results.aggregate import measured
from pytest_lipleak.evaluation.results.run_result import RunResult
from pytest_lipleak.report.render import Paint
from pytest_lipleak.report.tables import WORDS, Cell
from pytest_lipleak.report.text_report import table
from pytest_lipleak.verdicts.endings import (
    Ending,
    Finding,
    Verdicts,
    leaks_first,
)
from pytest_lipleak.verdicts.limits import Measurement
from pytest_lipleak.verdicts.unjudged import unjudged_lines

COLOURS: Mapping[Finding, Mapping[str, bool]] = {
    Finding.PASSED: {"green": True, "bold": True},
    Finding.LEAKS: {"red": True, "bold": True},
    Finding.BROKEN: {"red": True, "bold": True},
    Finding.INCONCLUSIVE: {"yellow": True, "bold": True},
    Finding.NOT_JUDGED: {"red": True, "bold": True},
}
_ONLY_SAID: Mapping[str, bool] = {"yellow": True}
"""A limit that could not be judged is a failed test; no limit at all is only said."""

_CELLS: Mapping[str, Mapping[str, bool]] = {
    "pass": {"green": True},
    "fail": {"red": True, "bold": True},
    "unsettled": {"yellow": True, "bold": True},
}
"""Colours of a cell by its state."""


def painted(markup: Callable[..., str]) -> Paint:
    """Return what colours the cells of a table that say how a limit ended.

    Args:
        markup: of pytest's terminal writer; it colours nothing where pytest does not.
    """

    def paint(text: str, cell: Cell) -> str:
        return markup(text, **_CELLS[cell.state]) if cell.state else text

    return paint


@dataclass(frozen=True)
class Summary:
    """The report on one model.

    Args:
        model: its name.
        ending: what there is to say first.
        colour: of its headline, as pytest's terminal writer takes it.
        lines: gives those below.
    """

    model: str
    ending: Ending
    colour: Mapping[str, bool]
    lines: Callable[[], list[str]]

    @cached_property
    def table(self) -> tuple[str, ...]:
        """The lines below; nothing is computed for them where the verdict alone is printed."""
        return tuple(self.lines())

    @property
    def verdict(self) -> str:
        """The headline."""
        return self.ending.headline


def summaries(
    result: RunResult,
    *,
    full: bool = True,
    paint: Paint | None = None,
) -> Iterator[Summary]:
    """Yield the report on each model of a run.

    Args:
        result: what the run found.
        full: everything, else the paper's metrics and those with a limit.
        paint: colours cells of the tables.
    """
    for model, ending in zip(result.models, result.endings, strict=True):
        corpus, verdicts = model.corpus, model.verdicts

        def measure(metric: Metric, corpus: Corpus = corpus) -> Measurement | None:
            return measured(corpus, metric)

        yield Summary(
            corpus.provenance.model,
            ending,
            COLOURS[ending.finding] if verdicts or not result.end.is_whole else _ONLY_SAID,
            partial(
                table,
                corpus,
                measure,
                limits_of(verdicts),
                unjudged=unjudged_lines(leaks_first(verdicts).values()),
                full=full,
                paint=paint,
            ),
        )


def limits_of(verdicts: Verdicts) -> dict[str, list[tuple[str, str]]]:
    """Return, by metric, every bound that was judged and the word for how it ended."""
    limits: dict[str, list[tuple[str, str]]] = {}
    for verdict in leaks_first(verdicts).values():
        limits.setdefault(verdict.metric_name, []).append((verdict.bound, WORDS[verdict.outcome]))
    return limits
