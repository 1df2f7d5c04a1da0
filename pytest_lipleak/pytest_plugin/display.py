"""What a session shows while it measures: a line of the terminal, from workers by way of files."""

import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_lipleak.evaluation.make.progress_relay import Progress
    from pytest_lipleak.report.progress import ProgressLine


class Display:
    """Shows progress on pytest's terminal, and says past its capturing what must be said at once.

    Args:
        config: pytest's.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._line: ProgressLine | None = None

    def progress(self, folder: Path, worker: int | None) -> "Progress":
        """Where progress is shown: a line of the terminal, from workers by way of a file; nowhere with -q.

        Args:
            folder: of the run.
            worker: this worker's number; None in the controller.
        """
        from pytest_lipleak.report.progress import FileProgress, ProgressLine, silent

        has_terminal = self._config.pluginmanager.hasplugin("terminalreporter")
        if self._config.get_verbosity() < 0 or not (has_terminal or worker is not None):
            return silent
        if worker is not None:
            return FileProgress(_told_in(folder) / f"gw{worker}.txt")
        self._line = self._line or ProgressLine(self._config)
        return self._line

    def resume_line(self) -> None:
        """Give the terminal's line back to pytest, which is about to write a test's result."""
        if self._line is not None:
            self._line.resume()

    def watch_workers(self, folder: Path) -> Callable[[], None]:
        """Begin to show what the workers do; return what ends it."""
        reporter: Any = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is None or self._config.get_verbosity() < 0:
            return lambda: None
        from pytest_lipleak.report.progress import WorkersProgress

        writer = self._config.get_terminal_writer()

        def write(text: str) -> None:
            # Where workers run the tests, the reporter does not know that it has begun a line of results.
            if writer.width_of_current_line:
                writer.line()
            reporter.write_line(text)

        progress = WorkersProgress(_told_in(folder), write)
        progress.start()
        return progress.stop

    def say(self, text: str) -> None:
        """Say at once, past pytest's capturing."""
        capture: Any = self._config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            print(f"\nlipleak: {text}", file=sys.__stderr__, flush=True)


def _told_in(folder: Path) -> Path:
    """Where workers write what they do."""
    return folder / "progress"
