"""Work in a child process, and belief only in what it finished.

A model's native code can end its process with any status, ``os.execv`` can put another program in its place. The
parent, which runs no code of the model, therefore takes no exit status at its word: the child says over a pipe with
which status it finished, and without that word nothing was judged.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from pytest_lipleak.core.exit_status import NOT_JUDGED

FORWARDED = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)
)

ONE_KEY_PRESS = 1.0
"""Seconds within which a second SIGINT is the same one: a terminal sends it to parent and child, and the parent
forwards its own."""

GRACE = 10.0
"""Seconds that a child has to end after its parent was killed."""


class InterruptedBySignal(KeyboardInterrupt):
    """A signal asks the run to end; carries its name."""


def supervised(work: Callable[[], int]) -> int:
    """Run ``work`` in a child process; return the status with which it says it finished.

    Standard streams, terminal and process group are the child's, too. Where that cannot be, the work is done here, and
    that is said.

    Args:
        work: returns an exit status; an exception must not leave it.
    """
    if not hasattr(os, "fork") or threading.active_count() > 1:
        _say_that_nobody_supervises()
        return work()
    word, say = os.pipe()
    alive, hold = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    # Signals that come while there is no child yet wait for it.
    waiting = signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    child = os.fork()
    if child == 0:
        os.close(word)
        os.close(hold)
        _listen()
        signal.pthread_sigmask(signal.SIG_SETMASK, waiting)
        threading.Thread(target=_end_with_parent, args=(alive,), daemon=True).start()
        status = work()
        with suppress(OSError):
            os.write(say, bytes([status]))
        return status
    os.close(say)
    os.close(alive)

    def forward(number: int, frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.kill(child, number)

    for number in FORWARDED:
        signal.signal(number, forward)
    signal.pthread_sigmask(signal.SIG_SETMASK, waiting)
    _, ended = os.waitpid(child, 0)
    said = _word_of(word)
    return _not_finished(ended) if said is None else said


def _say_that_nobody_supervises() -> None:
    why = "has threads already" if hasattr(os, "fork") else "runs on a system that does not fork"
    print(
        f"lipleak: mind: the model runs in the process that judges it, since this one {why}; native code that "
        "ends the process with status 0 would look like a verdict, so read the report, not the status",
        file=sys.stderr,
    )


def _word_of(pipe: int) -> int | None:
    """The status that a child which has ended said it finished with; None where it did not finish."""
    # A process that the child left behind may hold the other end open.
    os.set_blocking(pipe, False)
    try:
        said = os.read(pipe, 1)
    except BlockingIOError:
        return None
    return said[0] if said else None


def _not_finished(ended: int) -> int:
    """Say how a child ended that did not finish, by what the system says of it; return the status for that."""
    how = os.waitstatus_to_exitcode(ended)
    words = f"signal {signal.Signals(-how).name}" if how < 0 else f"status {how}"
    print(
        f"lipleak: could not be judged: the process that measures ended with {words} before it was finished",
        file=sys.stderr,
    )
    return NOT_JUDGED


def _listen() -> None:
    """Let signals end the work as Ctrl-C does: what was measured is reported."""
    last = -ONE_KEY_PRESS

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal last
        if time.monotonic() - last >= ONE_KEY_PRESS:
            last = time.monotonic()
            raise InterruptedBySignal(signal.Signals(number).name)

    for number in FORWARDED:
        # Whoever starts a command in the background, or with nohup, wants it to be left alone.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)


def _end_with_parent(alive: int) -> None:
    """Wait for the parent's end: nobody would hear of the work of a child whose parent was killed."""
    with suppress(OSError):
        os.read(alive, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os.kill(os.getpid(), signal.SIGKILL)
