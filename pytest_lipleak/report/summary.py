"""What pytest prints at the end of a run: per model a verdict and a table."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_lipleak.core.conditions import Reference
from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.metrics import Metric, metric
from pytest_lipleak.core.verdicts import Measurement
from pytest_lipleak.evaluation.results.aggregate import measured
from pytest_lipleak.report.json import FAIL, INCONCLUSIVE, NOT_JUDGED, PASS, outcome, verdict_on
from pytest_lipleak.report.render import Paint
from pytest_lipleak.report.tables import WORDS, Cell
from pytest_lipleak.report.terminal import table

# A limit that could not be judged is a failed test; no limit at all is only said.
_COLOURS: Mapping[str, Mapping[str, bool]] = {
    PASS: {"green": True, "bold": True},
    FAIL: {"red": True, "bold": True},
    INCONCLUSIVE: {"yellow": True, "bold": True},
    NOT_JUDGED: {"red": True, "bold": True},
    "": {"yellow": True},
}


TOLD: Mapping[str, str] = {
    FAIL: "broken",
    NOT_JUDGED: "could not be judged",
    INCONCLUSIVE: "not settled by these clips",
}
"""Limits that are not kept, in words, worst first."""


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
        verdict: one line.
        colour: of that line, as pytest's terminal writer takes it.
        table: the lines below.
    """

    model: str
    verdict: str
    colour: Mapping[str, bool]
    table: tuple[str, ...]


def summaries(
    models: Iterable[tuple[Corpus, Mapping[str, Mapping[str, Any]]]],
    *,
    full: bool = True,
    paint: Paint | None = None,
) -> Iterator[Summary]:
    """Yield the report on each model, from its scores and its verdicts by limit.

    Args:
        models: scores and verdicts.
        full: everything, else the paper's metrics and those with a limit.
        paint: colours cells of the tables.
    """
    for corpus, verdicts in models:

        def measure(metric: Metric, corpus: Corpus = corpus) -> Measurement | None:
            return measured(corpus, metric)

        yield Summary(
            corpus.provenance.model,
            verdict_words(verdicts, corpus),
            _COLOURS[verdict_on(verdicts) if verdicts else ""],
            tuple(table(corpus, measure, limits_of(verdicts), full=full, paint=paint)),
        )


def leaks_first(verdicts: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return verdicts by limit in the order in which people should read them: leaks before lost sync and pictures."""
    return dict(sorted(verdicts.items(), key=lambda entry: not metric(entry[1]["metric"]).shows_leak))


def limits_of(verdicts: Mapping[str, Mapping[str, Any]]) -> dict[str, list[tuple[str, str]]]:
    """Return, by metric, every bound that was judged and the word for how it ended."""
    limits: dict[str, list[tuple[str, str]]] = {}
    for verdict in leaks_first(verdicts).values():
        limits.setdefault(verdict["metric"], []).append((verdict["bound"], WORDS[outcome(verdict)]))
    return limits


def unwatched(limited: Iterable[str], corpus: Corpus) -> str:
    """Say under which of the model's references no metric with a limit looks for leaks; empty where all are seen."""
    metrics = [each for each in map(metric, limited) if each.shows_leak]
    seen = {condition.reference for each in metrics for condition in each.conditions}
    unseen = [each for each in Reference if each not in seen and each not in corpus.not_applicable]
    return f"none looks for leaks under {' or '.join(unseen)}" if unseen else ""


def verdict_words(verdicts: Mapping[str, Mapping[str, Any]], corpus: Corpus) -> str:
    """Return the verdict on one model in one line."""
    if shard := corpus.provenance.shard:
        return f"NOT JUDGED: part {shard['part']}/{shard['of']}; `lipleak merge` judges all parts together"
    if not verdicts:
        return "NOT JUDGED: no limit was given"
    count = f"{len(verdicts)} limit{'s' if len(verdicts) > 1 else ''}"
    ended = {
        each: [limit for limit, verdict in leaks_first(verdicts).items() if outcome(verdict) == each]
        for each in TOLD
    }
    found = [(each, limits) for each, limits in ended.items() if limits]
    if not found:
        unseen = unwatched((verdict["metric"] for verdict in verdicts.values()), corpus)
        return "; ".join(filter(None, (f"PASSED: {count} kept", unseen)))
    (worst, limits), *rest = found
    headword = "FAILED" if worst == FAIL else worst.upper()
    head = f"{headword}: {len(limits)} of {count} {TOLD[worst]}: {', '.join(limits)}"
    more = "".join(f"; {len(limits)} {TOLD[each]}: {', '.join(limits)}" for each, limits in rest)
    return f"{head}{more}"
