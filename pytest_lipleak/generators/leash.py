"""Runs a command, and ends it with all its children as soon as standard input closes.

Started as a process of its own between pytest and the command: standard input also closes when pytest is
killed, so that no model goes on working for nobody. Imports nothing of the package.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

NOT_STARTED = 127


def main(command: Sequence[str]) -> int:
    """Run ``command`` until it ends or standard input closes; return its exit status, as shells count it."""
    try:
        # A session of its own: its children can be ended with it.
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        print(f"{command[0]}: cannot be started: {error.strerror}", file=sys.stderr)
        return NOT_STARTED
    threading.Thread(target=_wait_for_end, args=(child,), daemon=True).start()
    status = child.wait()
    # What it left running in the background would write into files that are read now.
    _end(child)
    return 128 - status if status < 0 else status


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
