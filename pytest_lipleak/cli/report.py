"""``lipleak report``: tables from JSON reports, one model or several side by side."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_lipleak.cli.output import tell
from pytest_lipleak.core.errors import ConfigurationError, InputError
from pytest_lipleak.core.exit_status import GOOD
from pytest_lipleak.machine.written_files import check_writable, to_be_written
from pytest_lipleak.report import render
from pytest_lipleak.report.published import PUBLISHED
from pytest_lipleak.report.whole_runs import RUN_FORMATS

if TYPE_CHECKING:
    from pytest_lipleak.report.reading import Report
    from pytest_lipleak.report.side_by_side import Entry
    from pytest_lipleak.report.tables import Cell, Table

EXAMPLES = """\
examples:
  lipleak report report.json
  lipleak report ours.json theirs.json --format latex -o tables.tex
  lipleak report report.json --format html -o report.html
  lipleak report --paper 6
  lipleak report ours.json --paper keysync --table rest
  lipleak report --schema

exit status: 0 printed or written, 2 usage or a file that is no report, 3 the file could not be written; this
command judges nothing anew
"""
FORMATS = (*dict.fromkeys((*render.FORMATS, *RUN_FORMATS)), "records", "json", "html")
"""``records``: every metric of every clip as CSV, a line each."""


def add(commands: Any) -> None:
    """Add the subcommand's parser."""
    report = commands.add_parser(
        "report",
        help="tables from JSON reports (--lipleak-json), for terminal, Markdown, LaTeX, CSV or HTML",
        description="Models of several reports become rows of one table where expert, protocol and\n"
        "clips are the same; otherwise they get tables of their own. The best value is\nmarked.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    report.add_argument(
        "files",
        type=Path,
        nargs="*",
        metavar="FILE",
        help="JSON reports, or CSV files like the paper's tables",
    )
    report.add_argument(
        "--format",
        choices=FORMATS,
        default="terminal",
        help="default: terminal; records: every metric of every clip, as CSV for pandas",
    )
    report.add_argument("--json", action="store_true", help="the same as --format json: the tables as JSON")
    report.add_argument("-o", "--output", type=Path, metavar="FILE", help="write to this file")
    report.add_argument(
        "--paper",
        choices=("3", "4", "5", "6", "all", *PUBLISHED),
        help="print a table of the paper (Yaman et al. 2025) from its published figures, or another paper's on lips "
        "under silence",
    )
    report.add_argument(
        "--table",
        action="append",
        choices=("leakage", "floor", "SI", "XM", "AM", "rest"),
        help="these alone",
    )
    report.add_argument("--digits", type=int, choices=range(7), default=2, metavar="N", help="default: 2")
    report.add_argument(
        "--media",
        type=Path,
        metavar="DIR",
        help="of --format html: the folder of pictures and videos that the run left; videos are also taken from below "
        "the reports' own folders",
    )
    report.add_argument("--schema", action="store_true", help="print the JSON Schema of the reports")
    report.add_argument("-v", "--verbose", action="store_true", help="of one model, print everything")
    report.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Read, lay out, print or write."""
    from pytest_lipleak.report.json import schema
    from pytest_lipleak.report.reading import read_report

    layout = "json" if options.json else options.format
    if options.output is not None:
        _check_output(options.output, layout)
    if options.schema:
        return tell(json.dumps(schema(), indent=1, ensure_ascii=False), "report", options.output)
    if not options.files and not options.paper:
        raise ConfigurationError("which report? Name a file that --lipleak-json wrote, or --paper 6")
    files = [path for path in options.files if path.suffix.lower() != ".csv"]
    # One alone may be of a run that ended before it measured anything: that it did is to be said.
    alone = len(files) == len(options.files) == 1 and not options.paper and not options.table
    reports = {path: read_report(path, may_be_empty=alone) for path in files}
    if layout == "html":
        return _html(reports, options)
    if layout == "records":
        from pytest_lipleak.report.records import records_csv

        found = records_csv(corpus for report in reports.values() for corpus in report.corpora)
        return tell(found, "report", options.output)
    models = sum(len(report.corpora) for report in reports.values())
    of_tables = layout == "json" or layout in render.FORMATS
    if alone and layout in RUN_FORMATS and (models <= 1 or not of_tables):
        (report,) = reports.values()
        return tell(RUN_FORMATS[layout](report.result, options.verbose), "report", options.output)
    if not of_tables:
        raise ConfigurationError(
            f"--format {layout}: is about one report of a run; name one JSON report alone"
        )
    return tell(_laid_out(_tables(reports, options), layout), "report", options.output)


def _check_output(output: Path, layout: str) -> None:
    from pytest_lipleak.report.page_files import check_page

    if layout == "html":
        check_page(output, "--output")
    else:
        check_writable(output, "--output")


def _tables(reports: "dict[Path, Report]", options: argparse.Namespace) -> "list[Table]":
    from pytest_lipleak.report.published import published_table
    from pytest_lipleak.report.side_by_side import PAPER, entries_of_csv, published, side_by_side

    tables = []
    if options.paper in PUBLISHED:
        tables.append(published_table(options.paper))
    elif options.paper:
        chosen = tuple(PAPER.values()) if options.paper == "all" else (PAPER[options.paper],)
        tables += side_by_side(published(), chosen, options.digits)
    entries = _entries(reports)
    for path in options.files:
        if path not in reports:
            entries += entries_of_csv(path)
    return tables + side_by_side(entries, options.table or (), options.digits)


def _entries(reports: "dict[Path, Report]") -> "list[Entry]":
    """The models of all files."""
    from pytest_lipleak.report.side_by_side import entry_of

    found = [corpus for report in reports.values() for corpus in report.corpora]
    return [entry_of(corpus, label) for corpus, label in zip(found, _labels(reports), strict=True)]


def _labels(reports: "dict[Path, Report]") -> list[str]:
    """What the models of all files are called; two of one name are told apart by their file."""
    from pytest_lipleak.report.side_by_side import labels_of

    sources = {path: str(path.with_suffix("")) for path in reports}
    return labels_of((corpus, sources[path]) for path, report in reports.items() for corpus in report.corpora)


def _laid_out(tables: "list[Table]", layout: str) -> str:
    from pytest_lipleak.core.plain_numbers import plain_data

    if not tables:
        raise InputError("no table can be made: the files hold none of these metrics")
    if layout == "json":
        return json.dumps(
            {"tables": [plain_data(asdict(table)) for table in tables]}, indent=1, allow_nan=False
        )
    if layout == "terminal":
        bold = _best_in_bold if sys.stdout.isatty() else None
        best = any(cell.best for table in tables for row in table.rows for cell in row.cells)
        apart = len({table.title.partition(" (")[2] for table in tables}) > 1
        return "\n".join(
            [
                render.text(tables, bold),
                *(["", "* the best of its column and reference"] if best else []),
                *(["tables of different experts, protocols or clips are not comparable"] if apart else []),
            ]
        )
    return render.FORMATS[layout](tables)


def _best_in_bold(text: str, cell: "Cell") -> str:
    return f"\033[1m{text}\033[0m" if cell.best else text


def _html(reports: "dict[Path, Report]", options: argparse.Namespace) -> int:
    from pytest_lipleak.report.html import require_jinja2, write_html
    from pytest_lipleak.report.json import together

    if options.output is None:
        raise ConfigurationError("--format html: name the page with -o FILE")
    if options.paper or options.table or len(reports) < len(options.files):
        raise ConfigurationError(
            "--format html renders JSON reports only; leave --paper, --table and CSV files out"
        )
    require_jinja2()
    whole = together([report.data for report in reports.values()])
    with to_be_written("HTML report", options.output):
        folders = [path.parent for path in options.files]
        write_html(whole, options.output, options.media, labels=_labels(reports), videos=folders)
    return GOOD
