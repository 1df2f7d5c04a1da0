"""``lipleak merge``: judge a corpus that was measured in parts."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_lipleak.cli.option_names import here
from pytest_lipleak.core.errors import InputError, OutputError
from pytest_lipleak.core.exit_status import EXIT_STATUS, NOT_JUDGED
from pytest_lipleak.machine.written_files import check_writable, to_be_written, write_text
from pytest_lipleak.settings.parsers import add_arguments
from pytest_lipleak.settings.resolve import command_settings

if TYPE_CHECKING:
    from pytest_lipleak.core.corpus import Corpus
    from pytest_lipleak.verdicts.endings import RunEnd

ON_TRUST = "the model has no fingerprint: that all parts measured the same weights is taken on trust"


def add(commands: Any) -> None:
    """Add the subcommand's parser."""
    merge = commands.add_parser(
        "merge",
        help="judge a corpus that was measured in parts (--lipleak-shard)",
        epilog="example: lipleak merge part*.json --gate 'LSD-CR < 0.6' --json whole.json; " + EXIT_STATUS,
    )
    merge.add_argument("parts", type=Path, nargs="+", help="the parts' JSON files, all of them")
    add_arguments(merge, "merge")
    merge.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="write all scores to this file; - prints them instead of tables",
    )
    merge.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Put the parts together and judge the whole."""
    from pytest_lipleak.evaluation.results.parts import judged_parts, merged_parts, why_not_applicable
    from pytest_lipleak.evaluation.results.run_result import ModelResult, RunResult
    from pytest_lipleak.report.json import document
    from pytest_lipleak.report.summary import summaries
    from pytest_lipleak.report.tables import WORDS
    from pytest_lipleak.verdicts.endings import failed_lines, leaks_first
    from pytest_lipleak.verdicts.limits import Limit, Outcome

    rules = command_settings("merge", options).rules
    to_file: Path | None = None if options.json == Path("-") else options.json
    if to_file is not None:
        check_writable(to_file, "--json")
    limits = [Limit.parse(gate) for gate in rules.gates]
    models, run = _read_parts(options.parts)
    found, told = [], list[str]()
    for parts in models.values():
        corpus = merged_parts(parts)
        if len(parts) > 1 and corpus.provenance.fingerprint is None:
            corpus.provenance = replace(corpus.provenance, notes=(*corpus.provenance.notes, ON_TRUST))
        verdicts = judged_parts(corpus, limits, allow_unscored=rules.allow_unscored)
        found.append(ModelResult.of(corpus, verdicts))
        # Why others could not be judged is told with the tables, each reason once.
        told += [
            f"{WORDS[verdict.outcome]:6} {verdict.headline}"
            for verdict in leaks_first(found[-1].verdicts).values()
            if verdict.outcome is not Outcome.NOT_JUDGED
        ]
        for limit in limits or map(Limit.parse, corpus.asked):
            if why := why_not_applicable(corpus, limit):
                told.append(f"{'n/a':6} {limit}: {why}")
    result = RunResult(tuple(found), run)
    for summary in summaries(result):
        told += ["", f"{summary.model}: {summary.verdict}", *summary.table]
    told += failed_lines(run)
    ending = result.ending
    text = json.dumps(document(result), indent=1, allow_nan=False) if options.json else ""
    if options.json == Path("-"):
        told = [text]
    print(here("\n".join(told), options))
    if to_file is not None:
        try:
            with to_be_written("JSON report", to_file):
                write_text(to_file, f"{text}\n")
        except OutputError as error:
            print(f"lipleak: {error}", file=sys.stderr)
            return ending.status or NOT_JUDGED
    return ending.status


def _read_parts(paths: Sequence[Path]) -> tuple[dict[str, dict[str, "Corpus"]], "RunEnd"]:
    """Return, per model, its parts by file; and how the runs ended that measured them."""
    from pytest_lipleak.report.reading import read_report
    from pytest_lipleak.verdicts.endings import run_of_all

    models: dict[str, dict[str, Corpus]] = {}
    runs = []
    for path in paths:
        report = read_report(path)
        for corpus in report.corpora:
            if corpus.provenance.sequential:
                # Clips that are missing would count as not needed.
                raise InputError(
                    f"{path}: was measured with --lipleak-sequential, on as many clips as its verdicts needed; measure "
                    "parts without it"
                )
            parts = models.setdefault(corpus.provenance.model, {})
            if str(path) in parts:
                raise InputError(f"{path} is named twice; name every part once")
            parts[str(path)] = corpus
        run = report.run
        why = "" if run.is_whole else f"{path}: {run.why or 'its run did not come to its end'}"
        runs.append(replace(run, why=why))
    return models, run_of_all(runs)
