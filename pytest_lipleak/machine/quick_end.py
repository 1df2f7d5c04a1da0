"""The end of a process: the system takes its memory back, whatever still holds on to what."""

import atexit
import gc


def end_quickly() -> None:
    """Let the interpreter end without looking, again and again, through all that it holds for cycles.

    With pytest, NumPy and the networks loaded that is a tenth of a second of every process. What no cycle holds is
    finalized as ever, and so are temporary folders and ``atexit`` hooks; for the rest Python promises nothing.
    """
    # Only at the end: what is frozen earlier is never collected.
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
