"""What pytest prints at the end of a run: per model a verdict and a table."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.metrics import Metric
from pytest_lipleak.core.verdicts import Measurement
from pytest_lipleak.evaluation.aggregate import measured
from pytest_lipleak.report.json import FAIL, NOT_JUDGED, PASS, verdict_on
from pytest_lipleak.report.terminal import table

_COLOURS: Mapping[str, Mapping[str, bool]] = {
    PASS: {"green": True, "bold": True},
    FAIL: {"red": True, "bold": True},
    NOT_JUDGED: {"yellow": True},
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

        limits: dict[str, list[tuple[str, bool]]] = {}
        for verdict in verdicts.values():
            limits.setdefault(verdict["metric"], []).append((verdict["bound"], verdict["passed"]))
        yield Summary(
            corpus.provenance.model,
            _words(verdicts, corpus.provenance.shard),
            _COLOURS[verdict_on(verdicts)],
            tuple(table(corpus, measure, limits)),
        )


def _words(verdicts: Mapping[str, Mapping[str, Any]], shard: Mapping[str, Any]) -> str:
    if shard:
        return f"NOT JUDGED: part {shard['part']}/{shard['of']}; `lipleak merge` judges all parts together"
    if not verdicts:
        return "NOT JUDGED: no limit was given"
    count = f"{len(verdicts)} limit{'s' if len(verdicts) > 1 else ''}"
    broken = [limit for limit, verdict in verdicts.items() if not verdict["passed"]]
    if broken:
        return f"FAILED: {len(broken)} of {count} broken: {', '.join(broken)}"
    return f"PASSED: {count} kept"
