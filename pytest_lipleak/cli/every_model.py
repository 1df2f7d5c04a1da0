"""``lipleak evaluate --all-models``: every model of a table of finished videos, one after the other, side by side."""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_lipleak.core.errors import ConfigurationError, InputError, LipleakError, MissingDataError
from pytest_lipleak.core.exit_status import NOT_JUDGED
from pytest_lipleak.machine.written_files import to_be_written, write_text
from pytest_lipleak.settings.resolve import command_settings

if TYPE_CHECKING:
    from pytest_lipleak.settings.options import Settings


def judged_each(options: argparse.Namespace, judge: Callable[[argparse.Namespace], int]) -> int:
    """Judge every model, print them side by side, and return the heaviest exit status.

    Args:
        options: of ``lipleak evaluate``.
        judge: judges one model by such options, prints it and writes its reports; returns its exit status.

    Raises:
        ConfigurationError: the model is no table of finished videos, or an option means one model alone.
        InputError, MissingDataError: not one of the models can be judged.
    """
    from pytest_lipleak.evaluation.results.run_result import RunResult
    from pytest_lipleak.report.json import document, together
    from pytest_lipleak.report.page_files import check_page, forget_page
    from pytest_lipleak.report.reading import read_report
    from pytest_lipleak.report.render import text
    from pytest_lipleak.report.side_by_side import entry_of, of_several, side_by_side
    from pytest_lipleak.run.report_files import json_text
    from pytest_lipleak.verdicts.endings import Finding, RunEnd

    settings = command_settings("evaluate", options)
    model, page = settings.inputs.model or "", settings.outputs.html
    names = _models_of(settings)
    if page is not None:
        check_page(page, "--html")
        forget_page(page)
    statuses: dict[str, int] = {}
    refused: dict[str, LipleakError] = {}
    with tempfile.TemporaryDirectory(prefix="lipleak-models-") as temporary:
        folder = Path(temporary)
        files = []
        for number, name in enumerate(names):
            one = copy(options)
            one.all_models, one.json = False, str(folder / f"{number}.json")
            one.model_arg = [*(options.model_arg or ()), f"model={name}"]
            if page is not None:
                one.html = str(folder / f"{number}.html")
            print(f"{name or model}\n{'-' * len(name or model)}", flush=True)
            try:
                statuses[name] = judge(one)
            except (InputError, MissingDataError) as error:
                # Of one model's rows: hours of the others are not lost for them.
                refused[name] = error
                print(f"lipleak: {error}", file=sys.stderr)
                lost = RunEnd(failed=(f"model {name or model} ({error})",))
                write_text(Path(one.json), json_text(document(RunResult(end=lost))))
            print(flush=True)
            files.append(Path(one.json))
        if len(refused) == len(names):
            raise next(iter(refused.values()))
        reports = [read_report(file, may_be_empty=True) for file in files]
        whole = together([report.data for report in reports])
        if page is not None:
            _write_page(page, whole, files, settings)
    if settings.outputs.json is not None:
        with to_be_written("JSON report", settings.outputs.json):
            write_text(settings.outputs.json, json_text(whole))
    entries = [entry_of(corpus) for report in reports for corpus in report.corpora]
    if tables := of_several(side_by_side(entries, (), 2)):
        print(text(tables))
    elif len(entries) > 1:
        print(
            "no table of all models: their scores do not come from the same clips, by one expert and protocol"
        )
    weights = [finding.status for finding in Finding]
    return min([*statuses.values(), *(NOT_JUDGED for _ in refused)], key=weights.index)


def _models_of(settings: "Settings") -> Sequence[str]:
    """The models of the table, in its order.

    Raises:
        ConfigurationError: it is no table of finished videos, or an option means one model alone.
    """
    from pytest_lipleak.generators.catalogue import VIDEOS_PREFIX
    from pytest_lipleak.media.finished_tables import read_finished

    model = settings.inputs.model or ""
    if not model.startswith(VIDEOS_PREFIX):
        raise ConfigurationError("--all-models: name a table of finished videos, --model videos:TABLE.csv")
    of_one = {"--shard": settings.machine.shard, "--save-baseline": settings.outputs.save_baseline}
    for flag, given in of_one.items():
        if given is not None:
            raise ConfigurationError(f"{flag} is of one model: choose it with --model-arg model=NAME")
    return read_finished(model.removeprefix(VIDEOS_PREFIX)).models


def _write_page(page: Path, whole: dict[str, Any], reports: Sequence[Path], settings: "Settings") -> None:
    """Write the page of all models, with the pictures of the pages that stand beside their reports."""
    from pytest_lipleak.report.html import write_html
    from pytest_lipleak.report.page_files import files_of

    pictures = reports[0].parent / "pictures"
    for report in reports:
        if (shown := files_of(report.with_suffix(".html"))).is_dir():
            shutil.copytree(shown, pictures, dirs_exist_ok=True)
    keep = settings.outputs.keep
    with to_be_written("HTML report", page):
        write_html(whole, page, pictures, dose=settings.inputs.dose, videos=[] if keep is None else [keep])
