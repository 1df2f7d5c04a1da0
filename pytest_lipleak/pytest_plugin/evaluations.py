"""The evaluations of one process of a session, and what of each is already reported."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_lipleak.evaluation.evaluation import Evaluation
    from pytest_lipleak.verdicts.limits import Verdict


class Evaluations:
    """One evaluation per model object and name."""

    def __init__(self) -> None:
        self._ledgers: dict[tuple[int, str | None], _Ledger] = {}

    def of(self, candidate: Any, name: str | None, begin: "Callable[[], Evaluation]") -> "Evaluation":
        """Return the evaluation of a model.

        Args:
            candidate: a model, a generator or a function.
            name: what reports call it; one object may stand for several models, as where a fixture reconfigures it
                for each parameter.
            begin: makes the evaluation where there is none.
        """
        key = id(candidate), name
        if key not in self._ledgers:
            evaluation = begin()
            evaluation.deferred_skips = []
            self._ledgers[key] = _Ledger(candidate, evaluation)
        return self._ledgers[key].evaluation

    def new_verdicts(self) -> "list[Verdict]":
        """Return the verdicts since the last call, for the report of the test that caused them."""
        return [verdict for ledger in self._ledgers.values() for verdict in ledger.new_verdicts()]

    def deferred_skips(self) -> list[str]:
        """Return why assertions could not be decided since the last call, each reason once."""
        reasons: dict[str, None] = {}
        for ledger in self._ledgers.values():
            if waiting := ledger.evaluation.deferred_skips:
                reasons |= dict.fromkeys(waiting)
                waiting.clear()
        return list(reasons)

    def fresh_results(self) -> list[dict[str, Any]]:
        """Return what this process measured since the last call, as plain data."""
        return [result for ledger in self._ledgers.values() if (result := ledger.fresh_results())]


@dataclass
class _Ledger:
    """What is already reported of one model's evaluation."""

    candidate: Any
    """Kept, so that its ``id`` stays its own."""
    evaluation: "Evaluation"
    reported: int = 0
    handed_on: dict[str, dict[Any, Any]] = field(default_factory=dict)
    verdicts_handed_on: int = 0

    def new_verdicts(self) -> "list[Verdict]":
        verdicts = self.evaluation.verdicts[self.reported :]
        self.reported += len(verdicts)
        return verdicts

    def fresh_results(self) -> dict[str, Any] | None:
        fresh: Any = self._fresh_scores()
        verdicts = self.evaluation.verdicts[self.verdicts_handed_on :]
        if not any(fresh.values()) and not verdicts:
            return None
        self.verdicts_handed_on += len(verdicts)
        part = replace(self.evaluation.corpus, **fresh)
        from pytest_lipleak.evaluation.results.run_result import ModelResult

        return ModelResult.of(part, verdicts).to_dict()

    def _fresh_scores(self) -> dict[str, dict[Any, Any]]:
        """Return, for every table of the corpus, the entries that are new or were added to."""
        corpus = self.evaluation.corpus
        tables = {entry.name: getattr(corpus, entry.name) for entry in fields(corpus)}
        fresh: dict[str, dict[Any, Any]] = {}
        for name, table in tables.items():
            if isinstance(table, dict) and name != "not_applicable":
                known = self.handed_on.setdefault(name, {})
                fresh[name] = {key: entry for key, entry in table.items() if known.get(key) != entry}
                known.update({key: copy(entry) for key, entry in fresh[name].items()})
        return fresh
