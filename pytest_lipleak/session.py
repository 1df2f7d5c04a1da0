"""One pytest session's evaluations: built from the settings when first needed, collected for the reports."""

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from copy import copy
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lipleak import xdist
from pytest_lipleak.settings.options import Settings
from pytest_lipleak.workbench import Workbench

if TYPE_CHECKING:
    from pytest_lipleak.core.corpus import Corpus
    from pytest_lipleak.core.endings import Ending, RunEnd
    from pytest_lipleak.core.verdicts import Verdict
    from pytest_lipleak.evaluation.evaluation import Evaluation
    from pytest_lipleak.evaluation.make.progress import Progress
    from pytest_lipleak.report.progress import ProgressLine


NOT_STARTED = "the run ended before any test"


class LipleakSession(Workbench):
    """What the plugin knows during one run; hangs on pytest's stash.

    Args:
        config: pytest's.
        settings: resolved.
    """

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        super().__init__(
            settings,
            config.invocation_params.dir,
            run=xdist.run_id(config),
            position=xdist.position(config),
            first=xdist.worker_input(config) is None,
        )
        self.config = config
        self.results: list[dict[str, Any]] = []
        self.failed_tests: dict[str, list[str]] = {}
        """Node ids of failed tests that measure leakage, with the limits that each of them judged."""
        self.skipped_tests = 0
        """How many tests that measure leakage were skipped: the model does not have what they ask about."""
        self.collected: dict[str, None] = {}
        """Node ids of the tests that judge."""
        self.deselected = 0
        """How many of them the user left out."""
        self.finished_tests: set[str] = set()
        """Node ids of the tests that ran to their end."""
        self.stopped: str | None = NOT_STARTED
        """Why the run ended early; None where it came to its end."""
        self.refusal = ""
        """Why the run was refused after collection."""
        self.has_begun = False
        self.unsaved: list[str] = []
        """What was asked for and is not written, a report or the baseline, and why."""
        self.compared: list[tuple[str, list[str], str | None]] = []
        """The comparison with the baseline, see ``comparisons``."""
        self._line: ProgressLine | None = None
        self._ledgers: dict[tuple[int, str | None], _Ledger] = {}

    @property
    def measures(self) -> bool:
        """Whether tests will run; ``--collect-only`` lists them."""
        return not self.config.option.collectonly

    @property
    def only_sets_up(self) -> bool:
        """Whether pytest sets fixtures up, or shows how it would, and calls no test."""
        return any(self.config.getoption(name, False) for name in ("setuponly", "setupplan"))

    def check(self) -> None:
        """Refuse at once what cannot work, before anything is loaded or generated.

        Raises:
            pytest.UsageError: a setting names something that is not there, or cannot be read.
        """
        from pytest_lipleak.core.errors import LipleakError

        try:
            super().check()
        except LipleakError as error:
            raise pytest.UsageError(str(error)) from None

    def evaluation(self, candidate: Any, name: str | None = None) -> "Evaluation":
        """Return the evaluation of a model, one per model object and run.

        Args:
            candidate: a model, a generator or a function.
            name: what reports call it, where it does not know; two models of one name must be one model.
        """
        # One object may stand for several models: a fixture that reconfigures it for each parameter.
        key = (id(candidate), None if candidate is self._model else name)
        if key not in self._ledgers:
            from pytest_lipleak.generators.registry import as_model

            self._warn_where_not_shared(candidate)
            evaluation = self.new_evaluation(as_model(candidate, key[1]))
            evaluation.put_off = []
            self._ledgers[key] = _Ledger(candidate, evaluation)
        return self._ledgers[key].evaluation

    def _warn_where_not_shared(self, candidate: Any) -> None:
        """Say where --lipleak-workers-per-gpu is not kept: a fixture's own model is held by every worker.

        One that stands around the session's model has asked for that.
        """
        if self.settings.machine.workers_per_gpu and not self.alone and self._model is None:
            name = getattr(candidate, "name", None) or type(candidate).__name__
            warnings.warn(
                f"--lipleak-workers-per-gpu does not count for {name}: the fixture lipleak_model returns a model of "
                "its own, and every worker holds it; name it with --lipleak-model instead, or let the fixture return "
                "a generator around the model of the fixture that it overrides",
                RuntimeWarning,
                stacklevel=3,
            )

    def on_give_up(self, text: str) -> None:
        """Say, past pytest's capturing, why this process ends."""
        capture: Any = self.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            print(f"\nlipleak: {text}", file=sys.__stderr__, flush=True)

    def progress(self) -> "Progress":
        """Where progress is shown: a line of the terminal, from workers by way of a file; nowhere with -q."""
        from pytest_lipleak.report.progress import FileProgress, ProgressLine, silent

        has_terminal = self.config.pluginmanager.hasplugin("terminalreporter")
        if self.config.get_verbosity() < 0 or not (has_terminal or not self.first):
            return silent
        if not self.first:
            return FileProgress(self._told / self._worker)
        self._line = self._line or ProgressLine(self.config)
        return self._line

    def resume_line(self) -> None:
        """Give the terminal's line back to pytest, which is about to write a test's result."""
        if self._line is not None:
            self._line.resume()

    @property
    def _told(self) -> Path:
        """Where workers write what they do."""
        return self.folder / "progress"

    @property
    def _worker(self) -> str:
        return f"gw{self.position[0]}.txt"

    def watch_workers(self) -> "Callable[[], None]":
        """Begin to show what the workers do; return what ends it."""
        reporter: Any = self.config.pluginmanager.getplugin("terminalreporter")
        if self.settings.inputs.model is None or reporter is None or self.config.get_verbosity() < 0:
            return lambda: None
        from pytest_lipleak.report.progress import WorkersProgress

        def write(text: str) -> None:
            reporter.ensure_newline()
            reporter.write_line(text)

        progress = WorkersProgress(self._told, write)
        progress.start()
        return progress.stop

    def new_verdicts(self) -> list["Verdict"]:
        """Return the verdicts since the last call, for the report of the test that caused them."""
        return [verdict for ledger in self._ledgers.values() for verdict in ledger.new_verdicts()]

    def put_off(self) -> list[str]:
        """Return why assertions could not be decided since the last call, each reason once."""
        reasons: dict[str, None] = {}
        for ledger in self._ledgers.values():
            if waiting := ledger.evaluation.put_off:
                reasons |= dict.fromkeys(waiting)
                waiting.clear()
        return list(reasons)

    def fresh_results(self) -> list[dict[str, Any]]:
        """Return what this process measured since the last call, as plain data."""
        return [result for ledger in self._ledgers.values() if (result := ledger.fresh_results())]

    def merged(self) -> "list[Result]":
        """Return what all processes measured, one entry per model."""
        found = merged(self.results)
        for corpus, _ in found:
            corpus.curve, _ = self.dose_curve(corpus)
        return found

    def run_end(self, found: "Sequence[Result]") -> "RunEnd":
        """Return how the run ended: normally only where everything that judges ran, and nothing stopped the run."""
        from pytest_lipleak.core.endings import Ended, RunEnd

        not_run = tuple(test for test in self.collected if test not in self.finished_tests)
        return RunEnd(
            Ended.FINISHED if self.stopped is None else Ended.EARLY,
            self.refusal or self.stopped or ("the run ended before everything was judged" if not_run else ""),
            not_run,
            tuple(self.unjudged(found)),
            self.deselected,
            self.skipped_tests if self.only_skipped() else 0,
        )

    def ending(self) -> "Ending":
        """Return what there is to say of all models of the run together."""
        from pytest_lipleak.core.endings import model_ending, run_ending

        found = self.merged()
        run = self.run_end(found)
        return run_ending([model_ending(verdicts, corpus, run) for corpus, verdicts in found], run)

    @property
    def judges_something(self) -> bool:
        """Whether this run has, or would have had, anything to say about a model."""
        return bool(self.results or (self.judges_model and (self.collected or self.failed_tests)))

    def came_to_its_end(self) -> bool:
        """Whether nothing that judges is missing; of a run that judges no model, always."""
        if not (self.judges_model and self.has_begun):
            return True
        return self.run_end([]).is_whole and not self.only_sets_up

    def crashed(self, error: BaseException) -> None:
        """Take back a report that is written: the run did not come to its end, after all."""
        from pytest_lipleak.core.endings import early_end

        if not self.first or not self.has_begun:
            return
        is_refusal = isinstance(error, pytest.UsageError)
        self.stopped = self.stopped or (
            str(error) if is_refusal else f"the end of the run failed: {early_end(error)}"
        )
        with suppress(Exception):  # whatever crashes now, the report of the beginning stands
            self.unsaved += self.write_reports()

    def write_step_summary(self) -> None:
        """Write verdict and tables into the job's summary on GitHub."""
        if not self.judges_something:
            return
        from pytest_lipleak.report.github import step_summary, write_step_summary

        found = self.merged()
        run = self.run_end(found)
        if found or not run.is_whole or run.failed:
            write_step_summary(step_summary(found, run))

    def expect(self, collected: xdist.Collected) -> None:
        """Take what was collected; every worker collects the same."""
        tests, deselected = collected
        self.collected.update(dict.fromkeys(tests))
        self.deselected = max(self.deselected, deselected)

    def unjudged(self, found: "Sequence[Result]") -> list[str]:
        """Return the tests that failed though none of the limits they judged is broken."""
        broken = {v["limit"] for _, verdicts in found for v in verdicts.values() if not v["passed"]}
        return [test for test, limits in self.failed_tests.items() if not broken.intersection(limits)]

    def only_skipped(self) -> bool:
        """Whether a model is named and no limit was judged because every test of it was skipped."""
        judged = any(verdict["judged"] for result in self.results for verdict in result["verdicts"])
        # A shard leaves all judging to `lipleak merge`.
        whole = self.settings.inputs.model is not None and self.settings.machine.shard is None
        return whole and self.skipped_tests > 0 and not judged

    def check_outputs(self) -> None:
        """Refuse at once what could not be written at the end; said by the first process alone.

        Raises:
            pytest.UsageError: a path that cannot be written.
        """
        if not self.first or not any(self.settings.outputs):
            return
        from pytest_lipleak.core.errors import LipleakError

        try:
            super().check_outputs()
        except LipleakError as error:
            raise pytest.UsageError(str(error)) from None

    def forget_old_report(self) -> None:
        """Remove the reports of an earlier run, so that a run that ends early leaves none that lies."""
        if self.settings.inputs.model is not None and self.measures and xdist.run_id(self.config) is None:
            from pytest_lipleak.core.errors import LipleakError

            try:
                self.forget_reports()
            except LipleakError as error:
                raise pytest.UsageError(str(error)) from None

    @property
    def judges_model(self) -> bool:
        """Whether this run judges a model, as far as is known."""
        return self.measures and (self.settings.inputs.model is not None or bool(self.collected))

    def begin(self) -> None:
        """Write, before anything is measured, the report of a run that has judged nothing yet."""
        self.has_begun = True
        if self.judges_model and xdist.run_id(self.config) is None:
            self.begin_report(tuple(self.collected))

    def write_reports(self) -> list[str]:
        """Write the reports that are asked for, even when nothing was measured: old ones would lie.

        Returns:
            What is not written, and why.
        """
        settings = self.settings
        asked_for = settings.outputs.json is not None or settings.outputs.html is not None
        if not asked_for or not self.measures or not (self.judges_model or self.results):
            return []
        from pytest_lipleak.report.json import document

        found = self.merged()
        return self.write(document(found, run=self.run_end(found)))

    def save_baseline(self) -> str | None:
        """Write the baseline where one is asked for; return why that was not possible, or None."""
        if not self.measures or self.settings.outputs.save_baseline is None:
            return None
        found = self.merged()
        return self.save_as_baseline(found, self.run_end(found))

    def comparisons(self) -> "Iterator[tuple[str, list[str], str | None]]":
        """Yield, per model, its name, the lines of its comparison with the baseline, and why there is none."""
        return self.compare_with_baseline(corpus for corpus, _ in self.merged())


@dataclass
class _Ledger:
    """What is already reported of one model's evaluation."""

    candidate: Any
    """Kept, so that its ``id`` stays its own."""
    evaluation: "Evaluation"
    reported: int = 0
    handed_on: dict[str, dict[Any, Any]] = field(default_factory=dict)
    verdicts_handed_on: int = 0

    def new_verdicts(self) -> list["Verdict"]:
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
        from pytest_lipleak.report.json import verdict_data

        return {"corpus": part.to_dict(), "verdicts": [verdict_data(verdict) for verdict in verdicts]}

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
        # A null says nothing without its take, which may have been handed on by an earlier test.
        fresh["takes"] |= {key: corpus.takes[key] for key in fresh["nulls"]}
        return fresh


KEY = pytest.StashKey[LipleakSession]()


Result = tuple["Corpus", dict[str, dict[str, Any]]]
"""A model's scores, and its verdicts by limit."""


def merged(results: Sequence[Mapping[str, Any]]) -> list[Result]:
    """Merge what was measured piece by piece: per model its corpus and, by limit, the last verdict.

    The order of models and verdicts does not depend on who measured what first.
    """
    if not results:
        return []  # every run of pytest ends here: without an import when nothing was measured
    from pytest_lipleak.core.corpus import Corpus

    models: dict[str, tuple[Corpus, dict[str, dict[str, Any]]]] = {}
    for result in results:
        part = Corpus.from_dict(result["corpus"])
        about = part.provenance
        name = f"{about.model} {about.clips} {about.expert} {about.protocol} {about.seed}"
        corpus, verdicts = models.setdefault(name, (part, {}))
        corpus.absorb(part)
        # Empty until a process needed XM.
        corpus.provenance.pairing.update(about.pairing)  # type: ignore[attr-defined]
        verdicts.update({verdict["limit"]: verdict for verdict in result["verdicts"]})
    return [(corpus, dict(sorted(verdicts.items()))) for _, (corpus, verdicts) in sorted(models.items())]
