"""The exit status 0 needs a verdict: as long as a run has not passed, ``os._exit(0)`` does not end the process with 0.

A model's code runs in the process that judges it. Whatever it does in Python (at its import, in its factory, from
another thread, in an ``atexit`` hook), a run that it cuts short must not look like one that passed. Other statuses
stay as they are: pytest-timeout and multiprocessing end processes with them.

What this does not stop: native code that ends the process, ``os.execv``, a signal to itself, code that puts the
original function back. ``lipleak evaluate`` works in a child process and believes only a finished report, and so does
the GitHub action; see docs/ci.md.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from pytest_lipleak.core.exit_status import NOT_JUDGED

_end_process = os._exit

Say = Callable[[str], None]


def to_stderr(text: str) -> None:
    """Say it past everything that captures."""
    print(f"lipleak: {text}", file=sys.__stderr__, flush=True)


class ExitGuard:
    """Stands in for ``os._exit`` in one process; forked children end as they like.

    Args:
        say: says, past what captures, why the process ends.
    """

    def __init__(self, say: Say = to_stderr) -> None:
        self.passed = False
        """Whether the run has come to its end with status 0; from then on the process may end with it."""
        self.ended = False
        """Whether the run has come to its end, whatever it found."""
        self._say = say
        self._process = os.getpid()
        self._before: Callable[[int], NoReturn] = _end_process
        self._replaced: Callable[[int], NoReturn] = _end_process

    def arm(self) -> None:
        """Take the place of ``os._exit``, for as long as the process lives."""
        self._replaced = os._exit
        current = getattr(os._exit, "__self__", None)
        # That of an earlier run in this process has done its work.
        if isinstance(current, ExitGuard) and current.ended:
            self._before = current._before
        else:
            self._before = os._exit
        _put(self.leave)

    def disarm(self) -> None:
        """Give the place back."""
        _put(self._replaced)

    def leave(self, status: int) -> NoReturn:
        """End the process as asked, unless that would say that a run passed which did not.

        Raises:
            SystemExit: in the main thread while the run goes on, so that it can say who wanted to end it.
        """
        if os.getpid() != self._process or self.passed:
            self._before(status)
        is_main = threading.current_thread() is threading.main_thread()
        if not reads_as_passed(status):
            # Other threads are pytest-timeout's and execnet's, which say why, or end what is interrupted.
            if is_main and not self.ended:
                self._say(
                    f"NOT JUDGED: the model (or another plugin) ended the process with status {status} before "
                    "the run was finished"
                )
            self._before(status)
        if not self.ended:
            if is_main:
                raise _refused(status)
            self._say(
                "NOT JUDGED: the model (or another plugin) ended the process with status 0 before the run "
                f"was finished; the status is {NOT_JUDGED}"
            )
        _end_process(NOT_JUDGED)


def reads_as_passed(status: object) -> bool:
    """Whether who started the process sees 0: of a number the system keeps eight bits."""
    return status is None or (isinstance(status, int) and status & 0xFF == 0)


def _put(function: Callable[[int], NoReturn]) -> None:
    os._exit = function  # type: ignore[assignment]
    # The module that os takes it from (posix, nt).
    if inner := sys.modules.get(os.name):
        inner._exit = function  # type: ignore[attr-defined]


def _refused(status: int) -> SystemExit:
    error = SystemExit(status)
    error.code = NOT_JUDGED
    return error


@contextmanager
def guarded() -> Iterator[None]:
    """Guard one call of a model's code; a run that is guarded as a whole stays so."""
    process = os.getpid()
    standing = getattr(os._exit, "__self__", None)
    # That of a run that is over would let the model end the process with 0: the run has passed.
    guard = None if isinstance(standing, ExitGuard) and not standing.ended else ExitGuard()
    if guard is not None:
        guard.arm()
    try:
        yield
    finally:
        if os.getpid() != process:
            # It would go on with the run beside its parent, write the same reports and remove the same files.
            to_stderr("a process that the model forked came back into the run; it ends here")
            _end_process(NOT_JUDGED)
        if guard is not None:
            guard.disarm()


def asked_for(error: SystemExit) -> object:
    """Return the status that was asked for: in place of 0 the guard puts another."""
    return error.args[0] if error.args else error.code


def safe_status(error: SystemExit) -> int:
    """Return the exit status that an exception asks for, with another in place of 0.

    Words (``sys.exit("no licence")``) say no number: Python would make it 1, which means a leak.
    """
    code = error.code
    return code if isinstance(code, int) and not reads_as_passed(code) else NOT_JUDGED
