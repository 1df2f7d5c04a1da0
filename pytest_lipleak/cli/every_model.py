"""``lipleak evaluate --all-models``: every model of a table of finished videos, one after the other, side by side."""

import argparse
import json
import tempfile
from collections.abc import Callable
from copy import copy
from pathlib import Path

from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.core.names import file_stem
from pytest_lipleak.core.words import counted
from pytest_lipleak.machine.outputs import to_be_written, write_text
from pytest_lipleak.settings.resolve import command_settings


def judged_each(options: argparse.Namespace, judge: Callable[[argparse.Namespace], int]) -> int:
    """Judge every model, print them side by side, and return the heaviest exit status.

    Args:
        options: of ``lipleak evaluate``.
        judge: judges one model by such options, prints it and writes its reports; returns its exit status.

    Raises:
        ConfigurationError: the model is no table of finished videos, or an option means one model alone.
    """
    from pytest_lipleak.core.endings import Finding
    from pytest_lipleak.generators.catalogue import VIDEOS_PREFIX
    from pytest_lipleak.media.finished_tables import read_finished
    from pytest_lipleak.report.json import together
    from pytest_lipleak.report.reading import read_report
    from pytest_lipleak.report.render import text
    from pytest_lipleak.report.side_by_side import entry_of, side_by_side

    settings = command_settings("evaluate", options)
    model = settings.inputs.model or ""
    if not model.startswith(VIDEOS_PREFIX):
        raise ConfigurationError("--all-models: name a table of finished videos, --model videos:TABLE.csv")
    for flag, given in (
        ("--shard", settings.machine.shard),
        ("--save-baseline", settings.outputs.save_baseline),
    ):
        if given is not None:
            raise ConfigurationError(f"{flag} is of one model: choose it with --model-arg model=NAME")
    names = read_finished(model.removeprefix(VIDEOS_PREFIX)).models
    statuses: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="lipleak-models-") as folder:
        files = []
        for number, name in enumerate(names):
            file = Path(folder) / f"{number}.json"
            one = copy(options)
            one.all_models, one.json = False, str(file)
            one.model_arg = [*(options.model_arg or ()), f"model={name}"]
            if settings.outputs.html is not None:
                one.html = str(page_of(settings.outputs.html, name))
            print(f"{name or model}\n{'-' * len(name or model)}", flush=True)
            statuses[name] = judge(one)
            print(flush=True)
            files.append(file)
        reports = [read_report(file, may_be_empty=True) for file in files]
    if settings.outputs.json is not None:
        whole = json.dumps(together([report.data for report in reports]), indent=1, allow_nan=False)
        with to_be_written("JSON report", settings.outputs.json):
            write_text(settings.outputs.json, f"{whole}\n")
    entries = [entry_of(corpus) for report in reports for corpus in report.corpora]
    if tables := side_by_side(entries, (), 2):
        print(text(tables))
    if settings.outputs.html is not None:
        pages = ", ".join(str(page_of(settings.outputs.html, name)) for name in names)
        print(f"{counted(len(names), 'page')}: {pages}")
    weights = [finding.status for finding in Finding]
    return min(statuses.values(), key=weights.index)


def page_of(page: Path, model: str) -> Path:
    """Where the page of one model is written: beside the one that was named."""
    stem = file_stem(model) if model else "model"
    return page.with_name(f"{page.stem}-{stem}{page.suffix}") if page.suffix else page / stem
