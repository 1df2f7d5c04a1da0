"""What ends a session early: a signal, and the words for it."""

import signal
import threading
from types import FrameType
from typing import Any

import pytest


def what_stopped(error: BaseException, told_to: "bool | str") -> str:
    """Return in words what stopped the tests.

    Args:
        error: that ended them.
        told_to: what pytest was told, by ``-x`` or a plugin, if anything.
    """
    if isinstance(told_to, str) and told_to:
        return told_to
    if isinstance(error, pytest.exit.Exception):
        return f"stopped by pytest.exit: {error.msg}"
    from pytest_lipleak.verdicts.endings import early_end

    return early_end(error)


def raise_on_sigterm() -> Any:
    """Let SIGTERM end the run as Ctrl-C does, so that reports are written; return the handler before, or None."""
    if threading.current_thread() is not threading.main_thread():
        return None
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return None

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)  # a second one ends the process at once
        # No pytest.exit: that is an Exception, which the model's own code may catch.
        raise KeyboardInterrupt("SIGTERM")

    return signal.signal(signal.SIGTERM, stop)
