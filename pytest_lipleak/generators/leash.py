"""Runs a command, and ends it with all its children as soon as standard input closes.

Started as a process of its own between pytest and the command: standard input also closes when pytest is
killed, so that no model goes on working for nobody. Imports nothing of the package.

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
    if not hasattr(os, "killpg"):
        child.kill()
        return
    with suppress(ProcessLookupError, PermissionError):  # nobody is left (macOS: only zombies are)
        os.killpg(child.pid, signal.SIGKILL)
    for _ in range(ROUNDS):
        if not (left := _descendants()):
            break
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(PAUSE)


def _adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends; Linux alone has this."""
    if sys.platform == "linux":
        with suppress(ImportError, OSError, AttributeError):  # a Python without ctypes; another C library
            import ctypes

            ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _descendants() -> list[int]:
    """Processes below this one that still run, by /proc; none where there is no such folder, or it is not ours."""
    with suppress(OSError):
        # In a container with the host's /proc the same numbers are other processes.
        if Path("/proc/self").readlink().name != str(os.getpid()):
            return []
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):  # it ended just now
            # Behind its name, which may hold anything: its state, and its parent.
            state, parent = stat.read_text("utf-8", "replace").rpartition(")")[2].split()[:2]
            if state not in "ZX":
                parents[int(stat.parent.name)] = int(parent)
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found - {os.getpid()})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
