"""Runs a command, and ends it with all its children as soon as standard input closes.

Started as a process of its own between pytest and the command: standard input also closes when pytest is
killed, so that no model goes on working for nobody. Imports nothing of the package, and psutil alone beside it.

Launchers such as torchrun and mpiexec give their workers sessions or groups of their own. On Linux these are
ended, too: this process adopts whom their parents leave, so that all are found below it.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

NOT_STARTED = 127

SET_CHILD_SUBREAPER = 36
"""Of Linux's ``prctl``."""

ROUNDS, PAUSE = 100, 0.05
"""How often those are looked for who are left, and seconds in between: one that is ended may have started another."""


def main(command: Sequence[str]) -> int:
    """Run ``command`` until it ends or standard input closes; return its exit status, as shells count it."""
    _adopt_orphans()
    try:
        # A session of its own: its children can be ended with it.
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        print(f"{command[0]}: cannot be started: {error.strerror}", file=sys.stderr)
        return NOT_STARTED
    threading.Thread(target=_wait_for_end, args=(child,), daemon=True).start()
    status = _status(child)
    # What it left running in the background would write into files that are read now.
    _end(child)
    return 128 - status if status < 0 else status


def _status(child: "subprocess.Popen[bytes]") -> int:
    """Wait for the command; on the way, bury those that were adopted, who would stay as zombies."""
    if not hasattr(os, "wait"):
        return child.wait()
    pid = 0
    while pid != child.pid:
        pid, status = os.wait()
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode


def _wait_for_end(child: "subprocess.Popen[bytes]") -> None:
    while os.read(0, 1):
        pass
    _end(child)


def _end(child: "subprocess.Popen[bytes]") -> None:
    # Before their parent ends: Windows then forgets whose they were.
    left = _descendants()
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):  # nobody is left (macOS: only zombies are)
            os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()
    for _ in range(ROUNDS):
        for process in left:
            with suppress(psutil.Error):  # it ended just now, or is another user's
                process.kill()
        if not (left := _descendants()):
            break
        time.sleep(PAUSE)


def _adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends; Linux alone has this."""
    if sys.platform == "linux":
        with suppress(ImportError, OSError, AttributeError):  # a Python without ctypes; another C library
            import ctypes

            ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _descendants() -> list[psutil.Process]:
    """Processes below this one that still run; none where the system does not say, or speaks of others."""
    with suppress(OSError):
        # In a container with the host's /proc the same numbers are other processes.
        if Path("/proc/self").readlink().name != str(os.getpid()):
            return []
    found = []
    with suppress(psutil.Error):
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                if process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
