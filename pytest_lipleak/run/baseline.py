"""The baseline of a run: what it is compared with, and what it leaves for later runs."""

import math
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_lipleak.run.process import Process

if TYPE_CHECKING:
    from pytest_lipleak.core.corpus import Corpus
    from pytest_lipleak.evaluation.results.run_result import RunResult


class Baseline:
    """The file that a run is compared with.

    Args:
        file: of a JSON report or baseline; None: none is named.
        process: of the run.
    """

    def __init__(self, file: Path | None, process: Process) -> None:
        self.file = file
        self._process = process

    @property
    def name(self) -> str:
        """The file, as people should read it."""
        return self._process.naming(str(self.file))

    @cached_property
    def corpora(self) -> "list[Corpus]":
        """The scores of each model in it.

        Raises:
            InputError: it cannot be read.
        """
        from pytest_lipleak.report.reading import read_report

        assert self.file is not None
        return read_report(self.file).corpora

    def of(self, model: str) -> "Corpus":
        """Return the baseline of a model.

        Raises:
            InputError: the file holds several models, and none of that name.
        """
        from pytest_lipleak.evaluation.comparison import matching

        return matching(self.corpora, model, str(self.file))

    def compare(self, corpora: "Iterable[Corpus]") -> "Iterator[tuple[str, list[str], str | None]]":
        """Yield, per model, its name, the lines of its comparison with the baseline, and why there is none."""
        if self.file is None:
            return
        from pytest_lipleak.core.errors import LipleakError
        from pytest_lipleak.evaluation.comparison import differences
        from pytest_lipleak.report.baseline_words import comparison_lines

        for corpus in corpora:
            model = corpus.provenance.model
            try:
                before = self.of(model)
                found = differences(before, corpus)
            except LipleakError as error:
                yield model, [], str(error)
                continue
            why = None if found else "the baseline has no metric that this run measured"
            yield model, comparison_lines(found, before, corpus) if found else [], why


def save_baseline(path: Path | None, result: "RunResult") -> str | None:
    """Write a baseline where one is asked for; return why that was not possible, or None.

    A file from an earlier run stays when there is nothing whole to put in its place.

    Args:
        path: of the file; None: none is asked for.
        result: what the run found.
    """
    if path is None:
        return None
    run = result.end
    if not any(model.corpus.trials for model in result.models):
        return f"baseline {path} is not written: nothing was measured"
    lost = [verdict.limit for verdict in result.verdicts if math.isnan(verdict.value)]
    if lost:
        return f"baseline {path} is not written: {lost[0]} could not be measured"
    if not run.is_whole:
        return f"baseline {path} is not written: {run.interruption}"
    if run.failed:
        return f"baseline {path} is not written: {run.failed[0]} failed for another reason than a limit"
    from pytest_lipleak.core.errors import OutputError
    from pytest_lipleak.machine.written_files import to_be_written, write_text
    from pytest_lipleak.report.baseline_words import baseline_text

    try:
        with to_be_written("baseline", path):
            write_text(path, baseline_text(result))
    except OutputError as error:
        return str(error)
    return None
