"""How far generation and scoring are, written around pytest's capturing."""

import time
from contextlib import nullcontext
from typing import Any

import pytest

LINE_EVERY = 15.0
"""Seconds between progress lines where the terminal cannot rewrite a line."""


def silent(done: int, wanted: int, what: str) -> None:
    """Show nothing."""


class ProgressLine:
    """One line that is rewritten, or now and then a line where the output is a file or a CI log.

    Args:
        config: pytest's; its terminal reporter must be there.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._reporter: Any = config.pluginmanager.getplugin("terminalreporter")
        self._capture: Any = config.pluginmanager.getplugin("capturemanager")
        self._writer: Any = config.get_terminal_writer()
        self._begun = self._last = time.monotonic()

    def __call__(self, done: int, wanted: int, what: str) -> None:
        """Show that ``done`` of ``wanted`` takes are finished and ``what`` comes now; clear the line at the end."""
        now = time.monotonic()
        self._begun = now if done == 0 else self._begun
        rewritable = bool(self._reporter.isatty)
        if not rewritable and (now - self._last < LINE_EVERY or done == wanted):
            return
        self._last = now
        left = f", about {(now - self._begun) / done * (wanted - done):.0f} s left" if done else ""
        text = f"lipleak: {done}/{wanted} takes{left}: {what}" if done < wanted else ""
        with self._capture.global_and_fixture_disabled() if self._capture else nullcontext():
            if rewritable:
                self._rewrite(text)
            else:
                self._reporter.write_line(text)

    def _rewrite(self, text: str) -> None:
        # pytest's own line is left alone; pytest writes the file name anew when the test's result comes.
        self._reporter.ensure_newline()
        self._reporter.rewrite(text[: self._writer.fullwidth - 1], erase=True)
        if not text:
            self._reporter.rewrite("")
        self._reporter.flush()
