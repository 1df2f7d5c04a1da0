"""What pytest prints at the end of a run: per model a verdict and a table."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.metrics import Metric
from pytest_lipleak.core.verdicts import Measurement
from pytest_lipleak.evaluation.aggregate import measured
from pytest_lipleak.report.json import FAIL, NOT_JUDGED, PASS, verdict_on
from pytest_lipleak.report.tables import BROKEN, KEPT, UNJUDGED
from pytest_lipleak.report.terminal import table

# A limit that could not be judged is a failed test; no limit at all is only said.
_COLOURS: Mapping[str, Mapping[str, bool]] = {
    PASS: {"green": True, "bold": True},
    FAIL: {"red": True, "bold": True},
    NOT_JUDGED: {"red": True, "bold": True},
    "": {"yellow": True},
}


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


def summaries(models: Iterable[tuple[Corpus, Mapping[str, Mapping[str, Any]]]]) -> Iterator[Summary]:
    """Yield the report on each model, from its scores and its verdicts by limit."""
    for corpus, verdicts in models:

        def measure(metric: Metric, corpus: Corpus = corpus) -> Measurement | None:
            return measured(corpus, metric)

        limits: dict[str, list[tuple[str, str]]] = {}
        for verdict in verdicts.values():
            limits.setdefault(verdict["metric"], []).append((verdict["bound"], _word(verdict)))
        yield Summary(
            corpus.provenance.model,
            _words(verdicts, corpus.provenance.shard),
            _COLOURS[verdict_on(verdicts) if verdicts else ""],
            tuple(table(corpus, measure, limits)),
        )


def _word(verdict: Mapping[str, Any]) -> str:
    return KEPT if verdict["passed"] else BROKEN if verdict["judged"] else UNJUDGED


def _words(verdicts: Mapping[str, Mapping[str, Any]], shard: Mapping[str, Any]) -> str:
    if shard:
        return f"NOT JUDGED: part {shard['part']}/{shard['of']}; `lipleak merge` judges all parts together"
    if not verdicts:
        return "NOT JUDGED: no limit was given"
    count = f"{len(verdicts)} limit{'s' if len(verdicts) > 1 else ''}"
    broken = [limit for limit, verdict in verdicts.items() if verdict["judged"] and not verdict["passed"]]
    unjudged = [limit for limit, verdict in verdicts.items() if not verdict["judged"]]
    told = f"could not be judged: {', '.join(unjudged)}"
    if broken:
        rest = f"; {len(unjudged)} {told}" if unjudged else ""
        return f"FAILED: {len(broken)} of {count} broken: {', '.join(broken)}{rest}"
    return f"NOT JUDGED: {len(unjudged)} of {count} {told}" if unjudged else f"PASSED: {count} kept"
