"""``lipleak compare``: what changed between two results on the same clips."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_lipleak.core.exit_status import EXIT_STATUS, GOOD
from pytest_lipleak.settings.parsers import add_arguments
from pytest_lipleak.settings.resolve import command_settings

if TYPE_CHECKING:
    from pytest_lipleak.evaluation.comparison import Regression
    from pytest_lipleak.verdicts.regressions import Difference


def add(commands: Any) -> None:
    """Add the subcommand's parser."""
    compare = commands.add_parser(
        "compare",
        help="what changed between two JSON reports on the same clips (--lipleak-save-baseline, --lipleak-json)",
        epilog=f"example: lipleak compare baseline.json new.json --fail 'LSD-CR > +0.1'. {EXIT_STATUS}",
    )
    compare.add_argument("before", type=Path, metavar="A.json", help="the baseline")
    compare.add_argument("after", type=Path, metavar="B.json", help="the new result")
    compare.add_argument(
        "--fail",
        action="append",
        default=[],
        metavar="REGRESSION",
        help="what must not happen: 'LSD-CR > +0.1', 'LSD-CR > +10%% +0.05', 'LSE-C[XM,CR] < -0.2' (repeatable)",
    )
    compare.add_argument("--model", help="which model's results, where a file holds several")
    add_arguments(compare, "compare")
    compare.add_argument("--all", action="store_true", help="list metrics that have not changed, too")
    compare.add_argument("--json", action="store_true", help="print everything as JSON")
    compare.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Compare, and judge what ``--fail`` says."""
    from pytest_lipleak.core.errors import ConfigurationError, UnscorableError
    from pytest_lipleak.core.plain_numbers import plain_data
    from pytest_lipleak.evaluation.comparison import check_comparable, differences, matching, regression
    from pytest_lipleak.report.baseline_words import comparison_lines, explain_regression
    from pytest_lipleak.report.reading import read_report
    from pytest_lipleak.verdicts.endings import status_of
    from pytest_lipleak.verdicts.regressions import Allowance

    rules = command_settings("compare", options).rules
    allowances = [Allowance.parse(text) for text in options.fail]
    reports = [read_report(path) for path in (options.before, options.after)]
    before, after = (report.corpora for report in reports)
    names = [corpus.provenance.model for corpus in after]
    if options.model is None and len(names) > 1:
        raise ConfigurationError(
            f"{options.after} holds {', '.join(map(repr, names))}; choose one with --model"
        )
    new = matching(after, options.model or names[0], str(options.after))
    old = matching(before, new.provenance.model, str(options.before))
    check_comparable(old.provenance, new.provenance)
    if unfit := old.expert_unfit or new.expert_unfit:
        raise UnscorableError(unfit)
    if allowances and not (run := reports[1].run).is_whole:
        raise UnscorableError(f"{options.after}: {run.interruption}")
    found = differences(old, new)
    if not found:
        raise UnscorableError("the two results have no metric in common")
    judged = [regression(each, old, new, allow_unscored=rules.allow_unscored) for each in allowances]
    if options.json:
        print(json.dumps(plain_data(_data(found, judged)), indent=1, allow_nan=False))
    else:
        print(f"{old.provenance.model} ({options.before}) -> {new.provenance.model} ({options.after})")
        print("\n".join(comparison_lines(found, old, new, everything=options.all)))
        for each in judged:
            print(
                ("ok     " if each.verdict.passed else "FAILED ")
                + explain_regression(each, str(options.before))
            )
    return status_of([each.verdict for each in judged]) if judged else GOOD


def _data(found: "list[Difference]", judged: "list[Regression]") -> dict[str, Any]:
    return {
        "differences": [
            {
                "metric": each.metric.name,
                "before": each.before,
                "after": each.after,
                "change": each.value,
                "interval": each.interval,
                "trend": each.trend,
                "clips": len(each.per_clip),
                "per_clip": dict(each.per_clip),
                "lost": list(each.lost),
            }
            for each in found
        ],
        "verdicts": [
            {
                "allowance": str(each.allowance),
                "limit": str(each.verdict.limit),
                "passed": each.verdict.passed,
                "judged": each.verdict.judged,
                "headline": each.verdict.headline,
            }
            for each in judged
        ],
    }
