"""The processors of this machine that are ours."""

import os


def usable_processors() -> int:
    """How many processors this process may use, which containers and queues often limit."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
