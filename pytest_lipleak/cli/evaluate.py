"""``lipleak evaluate``: measure and judge a model, as the plugin does, without pytest."""

import argparse
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_lipleak.cli.option_names import here
from pytest_lipleak.cli.output import models_print_to_stderr
from pytest_lipleak.core.errors import ConfigurationError, LipleakError, NotApplicableError
from pytest_lipleak.core.exit_status import BROKEN, EXIT_STATUS, GOOD, LEAK, NOT_JUDGED
from pytest_lipleak.settings.options import OPTIONS
from pytest_lipleak.settings.parsers import add_arguments
from pytest_lipleak.settings.resolve import command_settings

if TYPE_CHECKING:
    from pytest_lipleak.core.metrics.formulas import Metric
    from pytest_lipleak.evaluation.evaluation import Evaluation
    from pytest_lipleak.evaluation.results.run_result import RunResult
    from pytest_lipleak.run.run import Run
    from pytest_lipleak.verdicts.endings import RunEnd
    from pytest_lipleak.verdicts.limits import Limit, Verdict

EXAMPLES = """\
examples:
  lipleak evaluate --model demo
  lipleak evaluate --model my_package.lipsync:load --model-arg checkpoint=model.pth --clips clips/ \\
      --expert embedded --gate 'LSE-C_S < 1.0' --gate 'LSE-C[XM,CR] > 1.2' --json report.json
  lipleak evaluate --model demo --measure --gate none --json -
  lipleak evaluate --model demo --measure=paper --gate none --json demo.json
  lipleak evaluate --model videos:manifest.csv --all-models
  lipleak evaluate --model my_package.lipsync:load --clips clips/ --executor dask=tcp://scheduler:8786
"""


def add(commands: Any) -> None:
    """Add the subcommand's parser: the plugin's options without their prefix."""
    evaluate = commands.add_parser(
        "evaluate",
        help="measure a model under the six conditions and judge it, as pytest does with --lipleak-model",
        description="Every option is also an environment variable LIPLEAK_*, as with pytest; ini files\nare not read.",
        epilog=f"{EXAMPLES}\n{EXIT_STATUS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(evaluate, "evaluate")
    evaluate.add_argument(
        "--executor",
        metavar="dask[=ADDRESS]",
        help="measure on a cluster: dask starts processes here, dask=ADDRESS uses a running Dask scheduler, whose "
        "workers must see clips, model and store under the same paths",
    )
    evaluate.add_argument(
        "--all-models",
        action="store_true",
        help="of a table of finished videos: judge every model in it, and print them side by side",
    )
    evaluate.add_argument("-v", "--verbose", action="store_true", help="print everything that was measured")
    evaluate.add_argument("-q", "--quiet", action="store_true", help="print the verdict alone")
    evaluate.set_defaults(command=run)


@dataclass
class _Troubles:
    """What is told beside the verdicts, after them.

    Args:
        failed: the words of what failed, by limit.
        undecided: of what could not be judged or measured.
        skipped: what does not apply, by the words why.
    """

    failed: dict[str, str] = field(default_factory=dict)
    undecided: list[str] = field(default_factory=list)
    skipped: dict[str, list[str]] = field(default_factory=dict)

    def skip(self, limit: str, why: str) -> None:
        """Note what does not apply; limits of one cause stand together."""
        cause = why.removeprefix(f"{limit}: ")
        # What it does not apply to stands in the limit.
        cause = re.sub(r"^(condition \[[^]]*\] is not applicable|[^ :]*\[[^]]*\]): ", "", cause)
        self.skipped.setdefault(cause, []).append(limit)


def run(options: argparse.Namespace) -> int:
    """Measure, judge, print, write the reports."""
    if options.all_models:
        from pytest_lipleak.cli.every_model import judged_each

        return judged_each(options, run)
    to_stdout = options.json == "-"
    if to_stdout:
        options.json = None
    _refuse_what_does_not_work_here(os.environ)
    settings = command_settings("evaluate", options)
    if settings.inputs.model is None:
        raise ConfigurationError(
            "which model? Name it with --model or LIPLEAK_MODEL, for example --model demo"
        )
    if to_stdout and settings.machine.shard is not None:
        raise ConfigurationError("--shard: name the part's file with --json FILE")
    if options.executor and settings.machine.shard is not None:
        raise ConfigurationError("--executor makes parts of its own; leave --shard out")
    from pytest_lipleak.report.progress import StreamProgress, silent
    from pytest_lipleak.run.process import Process
    from pytest_lipleak.run.run import Run

    work = Run(
        settings,
        Process(shares_model=bool(options.executor)),
        progress=lambda: silent if options.quiet else StreamProgress(sys.stderr),
    )
    try:
        work.reports.check()
        work.reports.forget()
        with models_print_to_stderr():
            work.check()
        return _evaluated(work, options, to_stdout=to_stdout)
    finally:
        work.close()


def _refuse_what_does_not_work_here(environment: Mapping[str, str]) -> None:
    """A rule of the project's that was not kept would look as if it had been."""
    for option in OPTIONS:
        if "evaluate" not in option.commands and environment.get(option.variable):
            raise ConfigurationError(
                f"environment variable {option.variable}: `lipleak evaluate` does not know this setting; unset it, or "
                "use pytest"
            )


def _evaluated(work: "Run", options: argparse.Namespace, *, to_stdout: bool) -> int:
    from pytest_lipleak.core.remarks import tell
    from pytest_lipleak.run.requirements import require_metrics

    if work.expert.protocol_reason:
        tell(f"protocol {work.expert.protocol}: {work.expert.protocol_reason}")
    group = work.settings.rules.measure
    limits = work.limits(or_defaults=True)
    if not limits and not group and not work.settings.rules.compare_fails:
        raise ConfigurationError(
            f"no limit to judge by: expert {work.expert.name} has no default gates under protocol "
            f"{work.expert.protocol}; give some with --gate, for example --gate 'LSD-CR < 0.6', or only measure with "
            "--measure"
            if work.settings.rules.limits is None
            else "--gate none judges nothing, and nothing is to be measured; name a group with --measure"
        )
    waiting = [*map(str, limits), *work.settings.rules.compare_fails]
    work.reports.begin(waiting)
    evaluation: Evaluation | None = None
    try:
        require_metrics((limit.metric for limit in limits), work.settings.scoring)
        work.check_pairs(limits)
        with models_print_to_stderr():
            evaluation = work.new_evaluation(work.model)
            troubles = _judged_all(work, evaluation, limits, waiting, options)
        return _reported(work, evaluation, troubles, options, to_stdout=to_stdout)
    except BrokenPipeError:
        raise  # nobody reads what is printed to its end (`| head`); the reports are written, and whole
    except BaseException as error:
        to_stdout = to_stdout and not isinstance(error, LipleakError)
        _report_early_end(work, evaluation, waiting, error, to_stdout=to_stdout)
        raise


def _report_early_end(
    work: "Run",
    evaluation: "Evaluation | None",
    waiting: list[str],
    error: BaseException,
    *,
    to_stdout: bool,
) -> None:
    """Write, in reports, that the run did not come to its end, and what it had found by then."""
    from pytest_lipleak.evaluation.results.run_result import RunResult
    from pytest_lipleak.report.json import document
    from pytest_lipleak.verdicts.endings import Ended, RunEnd, early_end

    end = RunEnd(Ended.EARLY, early_end(error), tuple(waiting))
    begun = evaluation is not None and evaluation.corpus.trials
    report = document(_found(evaluation, end) if evaluation is not None and begun else RunResult(end=end))
    work.reports.write(report)
    if to_stdout:
        print(json.dumps(report, indent=1, allow_nan=False))


def _found(evaluation: "Evaluation", end: "RunEnd") -> "RunResult":
    """What was measured and judged."""
    from pytest_lipleak.evaluation.results.run_result import ModelResult, RunResult

    return RunResult((ModelResult.of(evaluation.corpus, evaluation.verdicts),), end)


def _judged_all(
    work: "Run",
    evaluation: "Evaluation",
    limits: "list[Limit]",
    waiting: list[str],
    options: argparse.Namespace,
) -> _Troubles:
    """Measure and judge; what is done is taken from ``waiting``."""
    _check_baseline(work, evaluation)
    group = work.settings.rules.measure
    if options.executor:
        from pytest_lipleak.run.cluster import measure_on
        from pytest_lipleak.verdicts.limits import Limit

        also = [Limit.parse(f"{each.name} < 0") for each in _applicable(group, evaluation)]
        measure_on(options.executor, work, evaluation, [*limits, *also])
    else:
        evaluation.foresee([*(limit.metric for limit in limits), *_applicable(group, evaluation)])
    told = _Troubles()
    if group:
        from pytest_lipleak.evaluation.measure_groups import measure_group

        told.undecided += measure_group(evaluation, group)
        evaluation.expert_unfit()
    for limit in limits:
        _judge(evaluation, limit, told)
        waiting.remove(str(limit))
    _judge_regressions(work, evaluation, told)
    waiting.clear()
    return told


def _applicable(group: str | None, evaluation: "Evaluation") -> "list[Metric]":
    """Those metrics of a group that the model has."""
    from pytest_lipleak.core.metrics.groups import metrics_in

    lacking = evaluation.corpus.why_lacking
    return [each for each in (metrics_in(group) if group else ()) if not any(map(lacking, each.conditions))]


def _judge(evaluation: "Evaluation", limit: "Limit", told: _Troubles) -> None:
    """Judge one limit; the verdict stays with the evaluation."""
    try:
        evaluation.judge(limit)
    except NotApplicableError as error:
        told.skip(str(limit), str(error))
    except LipleakError as error:
        told.failed[str(evaluation.rules.applied_to(limit))] = str(error)


def _check_baseline(work: "Run", evaluation: "Evaluation") -> None:
    """Refuse, before anything is measured, a baseline that the result could not be judged against."""
    from pytest_lipleak.evaluation.comparison import check_comparable, check_measured
    from pytest_lipleak.verdicts.regressions import Allowance

    if not work.settings.rules.compare_fails:
        return
    baseline = work.baseline.of(evaluation.model.name)
    check_comparable(baseline.provenance, evaluation.corpus.provenance)
    for allowance in map(Allowance.parse, work.settings.rules.compare_fails):
        check_measured(allowance, baseline, evaluation, work.baseline.name)


def _judge_regressions(work: "Run", evaluation: "Evaluation", told: _Troubles) -> None:
    """Judge what must not happen against the baseline."""
    from pytest_lipleak.evaluation.comparison import judge_regression
    from pytest_lipleak.report.baseline_words import explain_regression
    from pytest_lipleak.verdicts.regressions import Allowance

    for text in work.settings.rules.compare_fails:
        try:
            found = judge_regression(
                evaluation, Allowance.parse(text), work.baseline.of(evaluation.model.name)
            )
        except NotApplicableError as error:
            told.skip(text, str(error))
            continue
        except LipleakError as error:
            told.undecided.append(f"{text}: {error}")
            continue
        if not found.verdict.passed:
            told.failed[str(found.verdict.limit)] = explain_regression(found, work.baseline.name)


def _new(words: str) -> str:
    """Return these words without the line that says only that more videos failed of what is told above."""
    from pytest_lipleak.evaluation.make.trial_record import IN_THE_SAME_WAY

    return "\n".join(line for line in words.split("\n") if not line.endswith(f" failed{IN_THE_SAME_WAY}"))


def _more_on(verdict: "Verdict", failed: Mapping[str, str], *, quiet: bool) -> str:
    """What is to be said of a limit that is not kept, beyond why it was not judged, which is told for all together."""
    from pytest_lipleak.report.failures import ALLOW, explain
    from pytest_lipleak.verdicts.limits import Outcome

    words = failed.get(str(verdict.limit), "")
    first, _, rest = words.partition("\n")
    if verdict.outcome is Outcome.NOT_JUDGED and first in ("", verdict.reason):
        return rest or (ALLOW if verdict.measurement.lost and not quiet else "")
    return words or ("" if quiet else explain(verdict))


def _reported(
    work: "Run",
    evaluation: "Evaluation",
    told: _Troubles,
    options: argparse.Namespace,
    *,
    to_stdout: bool,
) -> int:
    from pytest_lipleak.report.json import document
    from pytest_lipleak.verdicts.endings import RunEnd

    failed, undecided = told.failed, told.undecided
    verdicts = {str(verdict.limit): verdict for verdict in evaluation.verdicts}
    evaluation.corpus.curve, why_no_dose = work.dose_curve(evaluation.corpus)
    # What a part could not measure, no other part will: it must reach `lipleak merge`.
    is_part = work.settings.machine.shard is not None
    lost = sorted(name for name in failed if is_part or name not in verdicts)
    run = RunEnd(failed=(*lost, *(words.partition(": ")[0] for words in undecided)))
    found = _found(evaluation, run)
    report = document(found)
    unsaved = [
        *work.reports.write(report),
        work.reports.save_baseline(found),
    ]
    compared = list(work.baseline.compare([evaluation.corpus]))
    if to_stdout:
        print(json.dumps(report, indent=1, allow_nan=False))
    else:
        tables = [["", f"compared with {work.baseline.name}:", *lines] for _, lines, _ in compared]
        no_dose = why_no_dose if options.verbose else None
        _print_verdict(found, () if options.quiet else tables, no_dose, options)
        _print_why(found, verdicts, failed, options)
    sys.stdout.flush()  # the verdict stands first, in a file that takes both streams, too
    for reason, names in told.skipped.items():
        print(here(f"skipped {', '.join(names)}: {reason}", options), file=sys.stderr)
    troubles = [*unsaved, *undecided, *(why for _, _, why in compared)]
    for trouble in filter(None, troubles):
        print(here(f"lipleak: {trouble}", options), file=sys.stderr)
    if work.reports.written and not options.quiet:
        print(
            f"lipleak: written: {', '.join(map(work.process.naming, work.reports.written))}", file=sys.stderr
        )
    ending = found.ending
    if ending.status in (LEAK, BROKEN):
        return ending.status
    for name in lost:
        print(here(f"lipleak: {name}: {failed[name]}", options), file=sys.stderr)
    if any(troubles) or lost:
        return NOT_JUDGED
    rules = work.settings.rules
    only_measured = rules.measure and not work.limits(or_defaults=True) and not rules.compare_fails
    return GOOD if only_measured or is_part else ending.status


def _print_verdict(
    found: "RunResult", comparisons: Iterable[list[str]], no_dose: str | None, options: argparse.Namespace
) -> None:
    from pytest_lipleak.report.summary import summaries

    for summary in summaries(found, full=options.verbose):
        print(here("\n".join([summary.verdict, *(() if options.quiet else summary.table)]), options))
    for lines in comparisons:
        print("\n".join(lines))
    if no_dose:
        print(here(no_dose, options))


def _print_why(
    found: "RunResult",
    verdicts: Mapping[str, "Verdict"],
    failed: Mapping[str, str],
    options: argparse.Namespace,
) -> None:
    """Print what there is to say of each limit that was not kept, leaks first."""
    from pytest_lipleak.verdicts.endings import leaks_first
    from pytest_lipleak.verdicts.unjudged import unjudged_lines

    in_order = leaks_first(found.models[0].verdicts)
    # Why nothing could be judged is part of the verdict; what a score means is not.
    for line in unjudged_lines(in_order.values()) if options.quiet else ():
        print(here(f"\n{line}", options))
    broken = [verdicts[name] for name in in_order if not verdicts[name].passed]
    # One cause, such as a file that is missing, may stand in the way of every limit: it is told once.
    for words in dict.fromkeys(_new(_more_on(each, failed, quiet=options.quiet)) for each in broken):
        if words:
            print(here(f"\n{words}", options))
