"""How far generation and scoring are: one line that is rewritten, or a line now and then in a log."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    import pytest

LINE_EVERY = 15.0
"""Seconds between progress lines where the terminal cannot rewrite a line."""


def silent(done: int, wanted: int, what: str) -> None:
    """Show nothing."""


class Pace:
    """The words of progress: videos done and wanted, the time left, what comes now.

    Args:
        rewritable: whether lines can be rewritten; otherwise there is one every ``LINE_EVERY`` seconds.
    """

    def __init__(self, *, rewritable: bool) -> None:
        self._rewritable = rewritable
        self._begun = self._last = time.monotonic()

    def words(self, done: int, wanted: int, what: str) -> str | None:
        """Return the line to show, empty where the work is done, None where nothing is to be said now."""
        now = time.monotonic()
        self._begun = now if done == 0 else self._begun
        if not self._rewritable and (now - self._last < LINE_EVERY or done == wanted):
            return None
        self._last = now
        left = f", about {duration((now - self._begun) / done * (wanted - done))} left" if done else ""
        return f"lipleak: {done}/{wanted} videos{left}: {what}" if done < wanted else ""


def duration(seconds: float) -> str:
    """Return a duration for people: ``45 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


class ProgressLine:
    """Progress around pytest's capturing.

    Args:
        config: pytest's; its terminal reporter must be there.
    """

    def __init__(self, config: "pytest.Config") -> None:
        self._reporter: Any = config.pluginmanager.getplugin("terminalreporter")
        self._capture: Any = config.pluginmanager.getplugin("capturemanager")
        self._writer: Any = config.get_terminal_writer()
        self._rewritable = bool(self._reporter.isatty)
        self._pace = Pace(rewritable=self._rewritable)
        self._interrupted: str | Path | None = None

    def __call__(self, done: int, wanted: int, what: str) -> None:
        """Show that ``done`` of ``wanted`` videos are finished and ``what`` comes now; clear the line at the end."""
        text = self._pace.words(done, wanted, what)
        if text is None:
            return
        begun = self._reporter.currentfspath
        # After a result pytest sets a number: no line is begun then.
        if self._interrupted is None and isinstance(begun, str | Path):
            self._interrupted = begun
        with self._capture.global_and_fixture_disabled() if self._capture else nullcontext():
            if self._rewritable:
                self._rewrite(text)
            else:
                self._reporter.write_line(text)

    def resume(self) -> None:
        """Begin the line that pytest had begun anew, so that a test's result does not stand without its file."""
        begun, self._interrupted = self._interrupted, None
        if begun and self._reporter.currentfspath is None:
            name = begun if isinstance(begun, str) else f"{os.path.relpath(begun, self._reporter.startpath)} "
            self._reporter.write(name)
            self._reporter.currentfspath = begun

    def _rewrite(self, text: str) -> None:
        # pytest's own line is left alone.
        self._reporter.ensure_newline()
        self._reporter.rewrite(text[: self._writer.fullwidth - 1], erase=True)
        if not text:
            self._reporter.rewrite("")
        self._reporter.flush()


class FileProgress:
    """Progress of a worker, which has no terminal, as a small file that the controller reads.

    Args:
        path: of the file; its folder is made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pace = Pace(rewritable=True)
        self._last = 0.0

    def __call__(self, done: int, wanted: int, what: str) -> None:
        """Write the line, at most once a second; remove the file at the end."""
        text = self._pace.words(done, wanted, what)
        now = time.monotonic()
        if not text:
            self._path.unlink(missing_ok=True)
        elif now - self._last >= 1:
            self._last = now
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._path.with_suffix(".part")
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(self._path)


class WorkersProgress:
    """A line now and then on what the workers do, from the files of ``FileProgress``.

    Args:
        folder: where they lie.
        write: writes a line.
    """

    def __init__(self, folder: Path, write: Callable[[str], None]) -> None:
        self._folder = folder
        self._write = write
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lipleak-progress", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer; nothing is written after this."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        before = ""
        while not self._ended.wait(LINE_EVERY):
            if (text := self.line()) and text != before:
                self._write(text)
            before = text

    def line(self) -> str:
        """Return what the workers do now in one line; empty when nobody is at work."""
        told = []
        for path in sorted(self._folder.glob("*.txt")):
            with suppress(OSError):  # it ended just now
                told.append(f"{path.stem} {path.read_text(encoding='utf-8').removeprefix('lipleak: ')}")
        return f"lipleak: {'; '.join(told)}" if told else ""


class StreamProgress:
    """Progress on a stream, for the command line.

    Args:
        stream: mostly stderr, so that what is printed on stdout stays clean.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._rewritable = stream.isatty()
        self._pace = Pace(rewritable=self._rewritable)

    def __call__(self, done: int, wanted: int, what: str) -> None:
        """Show that ``done`` of ``wanted`` videos are finished and ``what`` comes now; clear the line at the end."""
        text = self._pace.words(done, wanted, what)
        if text is None:
            return
        if self._rewritable:
            width = get_terminal_size().columns - 1
            self._stream.write(f"\r{text[:width].ljust(width)}" + ("" if text else "\r"))
        else:
            self._stream.write(f"{text}\n")
        self._stream.flush()
