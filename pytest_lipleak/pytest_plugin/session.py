"""One session of pytest: the run that it has, the tests that judge, what they found, the reports of it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lipleak.pytest_plugin import xdist
from pytest_lipleak.pytest_plugin.display import Display
from pytest_lipleak.pytest_plugin.evaluations import Evaluations
from pytest_lipleak.pytest_plugin.judging_tests import JudgingTests
from pytest_lipleak.settings.options import Settings

if TYPE_CHECKING:
    from pytest_lipleak.evaluation.evaluation import Evaluation
    from pytest_lipleak.evaluation.results.run_result import RunResult
    from pytest_lipleak.run.process import Process
    from pytest_lipleak.run.run import Run
    from pytest_lipleak.verdicts.endings import RunEnd
    from pytest_lipleak.verdicts.limits import Limit


class LipleakSession:
    """What the plugin knows during one run; hangs on pytest's stash.

    Args:
        config: pytest's.
        settings: resolved.
    """

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self.config = config
        self.settings = settings
        self.is_controller = xdist.worker_input(config) is None
        """Whether this process reports; with xdist, the others measure."""
        self.default_gates = False
        """Whether the expert's default limits count where none is given."""
        self.tests = JudgingTests()
        self.evaluations = Evaluations()
        self.results: list[dict[str, Any]] = []
        """What was measured, piece by piece, as plain data."""
        self.has_begun = False
        self.unsaved: list[str] = []
        """What was asked for and is not written, a report or the baseline, and why."""
        self.compared: list[tuple[str, list[str], str | None]] = []
        """Per model its name, the lines of its comparison with the baseline, and why there is none."""
        self.display = Display(config)

    @cached_property
    def process(self) -> "Process":
        """This process within the run."""
        from pytest_lipleak.run.process import Process

        number, count = xdist.position(self.config)
        start = self.config.invocation_params.dir
        if (run := xdist.run_id(self.config)) is None:
            return Process(number=number, count=count, start=start)
        return Process(run, number, count, is_controller=False, shares_model=True, start=start)

    @cached_property
    def run(self) -> "Run":
        """What the session works with."""
        from pytest_lipleak.run.run import Run

        worker = None if self.is_controller else self.process.number
        return Run(
            self.settings,
            self.process,
            progress=lambda: self.display.progress(self.run.folder, worker),
            on_give_up=self.display.say,
        )

    @property
    def names_model(self) -> bool:
        """Whether the settings name a model."""
        return self.settings.inputs.model is not None

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

        The reports of an earlier run are removed, so that a run that ends early leaves none that lies.

        Raises:
            pytest.UsageError: a setting names something that is not there, or cannot be read or written.
        """
        if self.settings.refusal is not None:
            raise pytest.UsageError(self.settings.refusal)
        self.check_reports()
        if self.names_model:
            with _as_usage_error():
                self.run.check(measures=self.measures)

    def check_reports(self) -> None:
        """Refuse what could not be written at the end, and remove reports of an earlier run; so does the controller.

        Raises:
            pytest.UsageError: a report cannot be written.
        """
        if not self.is_controller or not any(self.settings.outputs):
            return
        with _as_usage_error():
            self.run.reports.check()
            if self.names_model and self.measures:
                self.run.reports.forget()

    def limits(self) -> "list[Limit]":
        """Return the limits of the configuration, else the expert's defaults where those count."""
        return self.run.limits(or_defaults=self.default_gates)

    def evaluation(self, candidate: Any, name: str | None = None) -> "Evaluation":
        """Return the evaluation of a model, one per model object and run.

        Args:
            candidate: a model, a generator or a function.
            name: what reports call it, where it does not know; two models of one name must be one model.
        """
        from pytest_lipleak.generators.registry import as_model

        label = None if self.run.named_model.is_same_as(candidate) else name

        def begin() -> "Evaluation":
            self._warn_where_not_shared(candidate)
            return self.run.new_evaluation(as_model(candidate, label))

        return self.evaluations.of(candidate, label, begin)

    def _warn_where_not_shared(self, candidate: Any) -> None:
        """Say where --lipleak-workers-per-gpu is not kept: a fixture's own model is held by every worker.

        One that stands around the session's model has asked for that.
        """
        from pytest_lipleak.core.remarks import remark

        named = self.run.named_model
        if named.is_limited and not named.is_built:
            name = getattr(candidate, "name", None) or type(candidate).__name__
            remark(
                f"--lipleak-workers-per-gpu does not count for {name}: the fixture lipleak_model returns a model of "
                "its own, and every worker holds it; name it with --lipleak-model instead, or let the fixture return "
                "a generator around the model of the fixture that it overrides"
            )

    def watch_workers(self) -> Any:
        """Begin to show what the workers do; return what ends it."""
        return self.display.watch_workers(self.run.folder) if self.names_model else lambda: None

    def result(self) -> "RunResult":
        """Return what all processes found."""
        from pytest_lipleak.evaluation.results.run_result import ModelResult, RunResult, merged_models

        found = RunResult(merged_models(map(ModelResult.from_dict, self.results)))
        for model in found.models:
            model.corpus.curve, _ = self.run.dose_curve(model.corpus)
        return replace(found, end=self.end())

    def end(self) -> "RunEnd":
        """Return how the run ended."""
        return self.tests.end(only_skipped=self.only_skipped())

    def only_skipped(self) -> bool:
        """Whether a model is named and no limit was judged because every test of it was skipped."""
        judged = any(verdict["judged"] for result in self.results for verdict in result["verdicts"])
        # A shard leaves all judging to `lipleak merge`.
        whole = self.names_model and self.settings.machine.shard is None
        return whole and self.tests.skipped > 0 and not judged and not self.tests.failed

    def lacks_verdicts(self) -> bool:
        """Whether a limit could not be judged, or none is settled; what became of its test is no matter.

        Likewise where all limits are kept that finished videos allow, and none of them looks at leaks.
        """
        if not self.results:
            return False
        from pytest_lipleak.verdicts.endings import defaults_see_no_leak
        from pytest_lipleak.verdicts.limits import Outcome

        found = self.result()
        ended = [{verdict["outcome"] for verdict in result["verdicts"]} for result in self.results]
        ended.append({verdict.outcome for verdict in found.verdicts})  # what processes disagree of
        if {Outcome.INCONCLUSIVE} in ended or any(Outcome.NOT_JUDGED in each for each in ended):
            return True
        return any(defaults_see_no_leak(model.verdicts, model.corpus) for model in found.models)

    @property
    def judges_model(self) -> bool:
        """Whether this run judges a model, as far as is known; an ini file's model is not judged by every run."""
        if not self.measures or self.tests.collected:
            return self.measures
        return self.settings.asked_for_model or (self.tests.are_asked_for and not self.tests.are_collected)

    @property
    def judges_something(self) -> bool:
        """Whether this run has, or would have had, anything to say about a model."""
        wanted = self.judges_model and (self.tests.collected or self.tests.failed)
        # A test that asks only while it runs was not collected as one that judges.
        return bool(self.results or wanted or self.tests.only_unjudged_failed)

    def came_to_its_end(self) -> bool:
        """Whether nothing that judges is missing; of a run that judges no model, always."""
        if not (self.judges_model and self.has_begun):
            return True
        return self.end().is_whole and not self.only_sets_up

    def begin(self) -> None:
        """Write, before anything is measured, the report of a run that has judged nothing yet."""
        self.has_begun = True
        if self.judges_model and self.is_controller:
            self.run.reports.begin(tuple(self.tests.collected))

    def finish(self) -> None:
        """Write reports and baseline, and compare with the baseline, from all that was measured."""
        self.results.extend(self.evaluations.fresh_results())
        self.unsaved = self.write_reports()
        if self.measures and self.settings.outputs.save_baseline is not None:
            why_not = self.run.reports.save_baseline(self.result())
            self.unsaved += [why_not] if why_not else []
        if self.settings.inputs.compare is not None:
            self.compared = list(self.run.baseline.compare(model.corpus for model in self.result().models))

    def write_reports(self) -> list[str]:
        """Write the reports that are asked for, even when nothing was measured: old ones would lie.

        Returns:
            What is not written, and why.
        """
        if not self.measures or not (self.judges_model or self.results) or not self.run.reports.are_asked_for:
            return []
        from pytest_lipleak.report.json import document

        return self.run.reports.write(document(self.result()))

    def write_step_summary(self) -> None:
        """Write verdict and tables into the job's summary on GitHub."""
        if not self.judges_something:
            return
        from pytest_lipleak.report.github_summary import step_summary, write_step_summary

        found = self.result()
        if found.models or not found.end.is_whole or found.end.failed:
            write_step_summary(step_summary(found))

    def crashed(self, error: BaseException) -> None:
        """Take back a report that is written: the run did not come to its end, after all."""
        from pytest_lipleak.verdicts.endings import early_end

        if not self.is_controller or not self.has_begun:
            return
        is_refusal = isinstance(error, pytest.UsageError)
        self.tests.stopped = self.tests.stopped or (
            str(error) if is_refusal else f"the end of the run failed: {early_end(error)}"
        )
        with suppress(Exception):  # whatever crashes now, the report of the beginning stands
            self.unsaved += self.write_reports()

    def close(self) -> None:
        """Remove the run's artefacts; that is left to the controller, who may only have waited for others."""
        # Without either nothing was left: a run of pytest that judges nothing imports nothing for it.
        workers_judged = (self.tests.collected or self.names_model) and xdist.spreads_tests(self.config)
        if "run" in vars(self) or (self.is_controller and workers_judged):
            self.run.close()


@contextmanager
def _as_usage_error() -> Iterator[None]:
    from pytest_lipleak.core.errors import LipleakError

    try:
        yield
    except LipleakError as error:
        raise pytest.UsageError(str(error)) from None
