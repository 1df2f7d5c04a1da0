"""``lipleak probe``: change the mouths of the reference alone, then those of the input frames, and look at the lips."""

import argparse
import json
import sys
from typing import Any

from pytest_lipleak.cli.option_names import here
from pytest_lipleak.cli.output import models_print_to_stderr
from pytest_lipleak.core.exit_status import EXIT_STATUS
from pytest_lipleak.settings.parsers import add_arguments
from pytest_lipleak.settings.resolve import command_settings


def add(commands: Any) -> None:
    """Add the subcommand's parser."""
    from pytest_lipleak.core.conditions import Setup
    from pytest_lipleak.core.metrics.default_gates import PROBE_LIMIT
    from pytest_lipleak.core.metrics.families import PROBED

    probe = commands.add_parser(
        "probe",
        help="causal probes: where do the lips come from, the reference or the input frames?",
        description="The mouths of the reference come 8 frames earlier, or are swapped for another one; then those of "
        "the input frames come earlier; all else equal. 0 without any effect, 1 for a complete copy; a shift may "
        "come to 1 for half of one, too.",
        epilog=f"example: lipleak probe --model demo:leaky=0.25. {EXIT_STATUS}",
    )
    add_arguments(probe, "probe")
    probe.add_argument(
        "--setup",
        choices=PROBED,
        default=Setup.PA,
        type=Setup,
        help="what drives: other speech with pauses (PA, the default), other speech as it is (XM), or silence (SI)",
    )
    probe.add_argument(
        "--limit",
        type=float,
        help=f"value from which each counts as a leak (default: the default gates' own, {PROBE_LIMIT:g} where they "
        "have none)",
    )
    probe.add_argument("--json", action="store_true", help="print the verdicts as JSON, the rest on stderr")
    probe.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Probe, judge, print."""
    from pytest_lipleak.core.errors import ConfigurationError, NotApplicableError
    from pytest_lipleak.core.metrics.default_gates import default_limit
    from pytest_lipleak.core.metrics.formulas import FRAME_PROBES, REFERENCE_PROBES, metric
    from pytest_lipleak.evaluation.results.run_result import ModelResult, RunResult
    from pytest_lipleak.report.failures import explain
    from pytest_lipleak.report.progress import StreamProgress
    from pytest_lipleak.report.tables import WORDS
    from pytest_lipleak.run.run import Run
    from pytest_lipleak.verdicts.limits import Limit

    settings = command_settings("probe", options)
    if settings.inputs.model is None:
        raise ConfigurationError(
            "which model? Name it with --model or LIPLEAK_MODEL, for example --model demo"
        )
    told = sys.stderr if options.json else sys.stdout
    work = Run(settings, progress=lambda: StreamProgress(sys.stderr))
    verdicts = []
    try:
        with models_print_to_stderr():
            work.check()
            evaluation = work.new_evaluation(work.model)
        for name in (*REFERENCE_PROBES, *FRAME_PROBES):
            name = name.format(options.setup)
            limit = Limit(metric(name), "<", default_limit(name) if options.limit is None else options.limit)
            try:
                with models_print_to_stderr():
                    verdict = evaluation.judge(limit)
            except NotApplicableError as error:
                print(f"n/a    {limit.metric.name}: {error}", file=told)
                continue
            verdicts.append(verdict)
            words = verdict.headline if verdict.passed else explain(verdict, can_keep=False)
            print(here(f"{WORDS[verdict.outcome]:6} {words}", options), file=told, flush=True)
    finally:
        work.close()
    found = ModelResult.of(evaluation.corpus, verdicts)
    ending = RunResult((found,)).ending
    print(here(f"\n{evaluation.corpus.provenance.model}: {ending.headline}", options), file=told)
    if options.json:
        data = [verdict.to_dict() for verdict in found.verdicts.values()]
        print(json.dumps({**ending.to_dict(), "verdicts": data}, indent=1, allow_nan=False))
    return ending.status
