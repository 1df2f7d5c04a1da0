"""``lipleak paper``: a paper's tables of one or more models, measured now or read from reports."""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_lipleak.cli.output import tell
from pytest_lipleak.core.errors import ConfigurationError, InputError
from pytest_lipleak.core.exit_status import GOOD, NOT_JUDGED, USAGE
from pytest_lipleak.machine.written_files import check_writable
from pytest_lipleak.settings.options import offered_by
from pytest_lipleak.settings.parsers import add_arguments
from pytest_lipleak.settings.resolve import command_settings

if TYPE_CHECKING:
    from pytest_lipleak.core.corpus import Corpus
    from pytest_lipleak.report.side_by_side import Entry
    from pytest_lipleak.report.tables import Table

EXAMPLES = """\
examples:
  lipleak paper demo demo:leaky
  lipleak evaluate --model my_package.lipsync:load --clips clips/ --measure=paper --gate none --json ours.json
  lipleak paper ours.json theirs.json --column LSE-C_S@floor --column LipCorr_S --format latex -o tables.tex

exit status: 0 printed or written, 2 usage or a file that is no report, 3 something could not be measured or written:
tables of the rest are printed all the same; this command judges nothing
"""

TABLES = ("leakage", "floor", "SI", "XM", "AM", "rest")
"""The paper's Tables 6, 3, 4 and 5, what lies over chance, and other papers' measures of a mouth at rest."""


def add(commands: Any) -> None:
    """Add the subcommand's parser."""
    paper = commands.add_parser(
        "paper",
        help="the tables of a paper: leakage, silence, other speech, own speech, models side by side",
        description="Models are measured one after the other, each in a process of its own, as by\n"
        "`lipleak evaluate --measure=paper`; reports are read. Every cell has its interval, and the best of a\n"
        "column is marked only where a paired test over clips sets it above all others.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    paper.add_argument(
        "items", nargs="+", metavar="MODEL|REPORT.json", help="models, as --model takes them, or JSON reports"
    )
    paper.add_argument(
        "--format",
        choices=("terminal", "markdown", "latex", "csv"),
        default="terminal",
        help="default: terminal",
    )
    paper.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the tables to this file")
    paper.add_argument("--digits", type=int, choices=range(7), default=2, metavar="N", help="default: 2")
    paper.add_argument(
        "--group",
        choices=("paper", "all"),
        default="paper",
        help="what is measured of models (default: paper; all where a --column needs it); all takes other papers' "
        "measures, too",
    )
    paper.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="METRIC",
        help="a further column, for example LipCorr_S (repeatable)",
    )
    paper.add_argument(
        "--reports", type=Path, metavar="DIR", help="keep the JSON reports of models that are measured here"
    )
    add_arguments(paper, "paper")
    paper.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Measure what is a model, read what is a report, print or write the tables."""
    from pytest_lipleak.core.metrics.formulas import metric

    command_settings("paper", options)
    columns = [metric(name).name for name in options.column]
    if options.output is not None:
        check_writable(options.output, "--output")
    if options.reports is not None:
        check_writable(options.reports, "--reports", "folder")
        options.reports.mkdir(parents=True, exist_ok=True)
    models = [item for item in options.items if not _is_report(item)]
    if twice := {item for item in options.items if options.items.count(item) > 1}:
        raise ConfigurationError(f"{min(twice)!r} is named twice; name every model and report once")
    with tempfile.TemporaryDirectory(prefix="lipleak-paper-") as folder:
        group = _group_with(columns, options.group) if models else options.group
        paths, failed = _measured(models, options, options.reports or Path(folder), group)
        read = {
            item: paths.get(item, Path(item)) for item in options.items if item in paths or item not in failed
        }
        entries = _entries(read)
        lacking = _lacking({item: path for item, path in read.items() if item not in models})
    if not entries:
        return next(iter(failed.values()))
    text = _laid_out(_tables(entries, options, columns), options)
    status = tell(text, "tables", options.output)
    for name in failed:
        lost = "some of what was asked" if name in paths else "it stands in no table"
        print(f"lipleak: {name} could not be measured as a whole: {lost}; see above", file=sys.stderr)
    for item, unmeasured in lacking.items():
        print(f"lipleak: {item}: its run could not measure or judge {', '.join(unmeasured)}", file=sys.stderr)
    return NOT_JUDGED if failed or lacking else status


def _group_with(columns: Sequence[str], group: str) -> str:
    """The group that holds all columns."""
    from pytest_lipleak.core.metrics.groups import metrics_in

    for each in (group, "all"):
        lacking = set(columns) - {found.name for found in metrics_in(each)}
        if not {name for name in lacking if not name.endswith("[GT]")}:
            return each
    raise ConfigurationError(
        f"--column {min(lacking)}: no group of metrics holds it; measure the models by `lipleak evaluate --measure=all "
        f"--gate '{min(lacking)} ...' --json FILE`, and name the reports"
    )


def _is_report(item: str) -> bool:
    return item.lower().endswith(".json")


def _measured(
    models: Sequence[str], options: argparse.Namespace, folder: Path, group: str
) -> tuple[dict[str, Path], dict[str, int]]:
    """Measure each model in a process of its own; return the reports, and with what status some did not end well."""
    from pytest_lipleak.core.names import file_stem
    from pytest_lipleak.report.reading import read_report

    paths: dict[str, Path] = {}
    failed: dict[str, int] = {}
    for item in models:
        path = folder / f"{file_stem(item)}.json"
        path.unlink(missing_ok=True)
        command = [
            sys.executable, "-m", "pytest_lipleak.cli", "evaluate", "--model", item, f"--measure={group}",
            "--gate=none", *_handed_on(options), "--quiet", "--json", str(path),
        ]  # fmt: skip
        print(f"lipleak: measuring {item}", file=sys.stderr, flush=True)
        done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        if done.returncode != GOOD:
            failed[item] = USAGE if done.returncode == USAGE else NOT_JUDGED
        # One that was killed leaves the report of its beginning.
        if done.returncode != USAGE and path.is_file() and read_report(path, may_be_empty=True).corpora:
            paths[item] = path
    return paths, failed


def _lacking(reports: Mapping[str, Path]) -> dict[str, tuple[str, ...]]:
    """What the runs behind these reports failed to measure; a table that is missing does not say so itself."""
    from pytest_lipleak.report.reading import read_report

    found = {item: read_report(path).run.failed for item, path in reports.items()}
    return {item: failed for item, failed in found.items() if failed}


def _handed_on(options: argparse.Namespace) -> list[str]:
    """The options that were given, as `lipleak evaluate` takes them; variables reach it by themselves."""
    found: list[str] = []
    for option in offered_by("paper"):
        value = getattr(options, option.name)
        if value is True:
            found.append(option.command_flag)
        elif value is not None:
            found.append(f"{option.command_flag}={value}")
    return found


def _entries(paths: Mapping[str, Path]) -> "list[Entry]":
    """The models of all reports, which are named as the user named them; captions say whose run ended early."""
    from pytest_lipleak.report.reading import read_report
    from pytest_lipleak.report.side_by_side import entry_of, labels_of

    found: list[tuple[Corpus, str]] = []
    ends: list[str] = []
    for item, path in paths.items():
        report = read_report(path)
        run = report.run
        early = (
            ""
            if run.is_whole
            else f"its run ended early ({run.why or 'no reason is known'}): cells may be missing"
        )
        found += [(corpus, item) for corpus in report.corpora]
        ends += [early] * len(report.corpora)
    entries = [entry_of(corpus, label) for (corpus, _), label in zip(found, labels_of(found), strict=True)]
    return [
        replace(entry, notes=(early, *entry.notes)) if early else entry
        for entry, early in zip(entries, ends, strict=True)
    ]


def _tables(entries: "list[Entry]", options: argparse.Namespace, columns: Sequence[str]) -> "list[Table]":
    from pytest_lipleak.report.side_by_side import side_by_side

    if lacking := [name for name in columns if not any(name in entry.figures for entry in entries)]:
        raise InputError(
            f"--column {lacking[0]}: no report holds it; measure it with `lipleak evaluate --measure=leak` or --gate"
        )
    found = side_by_side(entries, TABLES, options.digits, intervals=True, columns=columns)
    if not found:
        raise InputError(
            "no table can be made: the reports hold none of these metrics; make them with `lipleak evaluate "
            "--measure=paper --json FILE`"
        )
    return found


def _laid_out(tables: "list[Table]", options: argparse.Namespace) -> str:
    from pytest_lipleak.report import render

    return render.FORMATS[options.format](tables)
