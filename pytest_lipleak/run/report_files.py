"""The files that a run writes for its user: refused at once, cleared away, begun and written."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_lipleak.settings.options import Settings

if TYPE_CHECKING:
    from pytest_lipleak.evaluation.results.run_result import RunResult


class Reports:
    """What a run writes.

    Args:
        settings: of the run.
    """

    def __init__(self, settings: Settings) -> None:
        self._outputs = settings.outputs
        self._inputs = settings.inputs
        self._sources: Mapping[str, str] = settings.sources
        self.written: list[Path] = []
        """What ``write`` wrote at its last call, and the baseline where it was saved since."""

    @property
    def are_asked_for(self) -> bool:
        """Whether a report is to be written, or the table of kept videos."""
        outputs = self._outputs
        return outputs.json is not None or outputs.html is not None or outputs.keep is not None

    def check(self) -> None:
        """Refuse at once what could not be written at the end; nothing is left, changed or removed.

        Raises:
            ConfigurationError: a path that cannot be written, naming the option.
        """
        for name, path in self._outputs._asdict().items():
            source = self._sources.get(name, f"--lipleak-{name.replace('_', '-')}")
            # A project's ini file must not stop runs that measure nothing.
            if path is None or (self._inputs.model is None and not source.startswith("--")):
                continue
            if name == "html":
                from pytest_lipleak.report.page_files import check_page

                check_page(path, source)
            else:
                from pytest_lipleak.machine.written_files import check_writable

                check_writable(path, source, "folder" if name == "keep" else "file")

    def forget(self) -> None:
        """Remove the reports of an earlier run, so that a run that ends early leaves none that lies.

        Raises:
            ConfigurationError: one of them is the baseline of this run, or cannot be removed.
        """
        from pytest_lipleak.core.errors import ConfigurationError

        json_file, html = self._outputs.json, self._outputs.html
        if json_file is not None and json_file == self._inputs.compare:
            raise ConfigurationError(
                f"--lipleak-json and --lipleak-compare both name {json_file}; the report would take the baseline's "
                "place, so name another file for one of them"
            )
        try:
            if json_file is not None:
                from pytest_lipleak.machine.written_files import forget_file

                forget_file(json_file)
            if html is not None:
                from pytest_lipleak.report.page_files import forget_page

                forget_page(html)
        except OSError as error:
            raise ConfigurationError(
                f"the report of an earlier run, {error.filename}, cannot be removed ({error.strerror}); remove it, or "
                "name another with --lipleak-json or --lipleak-html"
            ) from error

    def begin(self, not_run: Sequence[str]) -> None:
        """Write the JSON report of a run that has judged nothing yet: who is killed from here on leaves this one.

        Args:
            not_run: what is to be judged.
        """
        path = self._outputs.json
        if path is None or (path.exists() and not path.is_file()):
            return  # a pipe takes one report, the last
        from pytest_lipleak.evaluation.results.run_result import RunResult
        from pytest_lipleak.machine.written_files import write_text
        from pytest_lipleak.report.json import document
        from pytest_lipleak.verdicts.endings import BEGUN

        # What cannot be written is said when the run ends, and costs no score.
        with suppress(OSError):
            write_text(path, json_text(document(RunResult(end=replace(BEGUN, not_run=tuple(not_run))))))

    def write(self, report: dict[str, Any]) -> list[str]:
        """Write the reports that are asked for; return what is not written and why.

        Args:
            report: as ``report.json.document`` makes it.
        """
        self.written = []
        if not self.are_asked_for:
            return []
        from pytest_lipleak.core.errors import OutputError
        from pytest_lipleak.machine.written_files import to_be_written, write_text

        json_file, html, keep = self._outputs.json, self._outputs.html, self._outputs.keep
        unsaved = []
        if json_file is not None:
            text = json_text(report)
            try:
                with to_be_written("JSON report", json_file):
                    write_text(json_file, text)
                self.written.append(json_file)
            except OutputError as error:
                unsaved.append(str(error))
        if html is not None:
            from pytest_lipleak.report.html import write_html

            try:
                with to_be_written("HTML report", html):
                    page = write_html(
                        report, html, dose=self._inputs.dose, videos=[] if keep is None else [keep]
                    )
                self.written.append(page)
            except OutputError as error:
                unsaved.append(str(error))
        if keep is not None:
            from pytest_lipleak.report.kept_manifest import MANIFEST, manifest_of

            if (table := manifest_of(report, keep)) is not None:
                try:
                    with to_be_written("table of kept videos", keep / MANIFEST):
                        write_text(keep / MANIFEST, table)
                    self.written.append(keep / MANIFEST)
                except OutputError as error:
                    unsaved.append(str(error))
        return unsaved

    def save_baseline(self, found: "RunResult") -> str | None:
        """Write a baseline where one is asked for; return why that was not possible, or None."""
        from pytest_lipleak.run.baseline import save_baseline

        path = self._outputs.save_baseline
        why_not = save_baseline(path, found)
        if path is not None and why_not is None:
            self.written.append(path)
        return why_not


def json_text(report: dict[str, Any]) -> str:
    """Return a report as the text of its file."""
    return f"{json.dumps(report, indent=1, allow_nan=False)}\n"
