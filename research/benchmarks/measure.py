"""Processes measured from outside: CPU time, wall time, peak memory."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Run:
    """One process.

    Args:
        cpu: seconds, its children's included.
        wall: seconds.
        peak: megabytes of resident memory at most, of the process or its largest child.
        result: what a task returned.
    """

    cpu: float
    wall: float
    peak: float
    result: dict[str, Any]


def run(command: Sequence[str], *, cwd: str | None = None) -> Run:
    """Run a command to its end; what it prints last, if it is JSON, is its result.

    Raises:
        RuntimeError: it failed.
    """
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=cwd)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{output}")
    last = output.strip().splitlines()[-1:] or [""]
    result = json.loads(last[0]) if last[0].startswith("{") else {}
    return Run(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, result)


def task(name: str, **arguments: Any) -> Run:
    """Run a function of ``research.benchmarks.tasks`` in a process of its own."""
    return run([sys.executable, "-m", "research.benchmarks.tasks", name, json.dumps(arguments)])


def interleaved(rounds: int, *works: Callable[[], Run]) -> list[list[Run]]:
    """Run all works once per round, forwards and backwards in turn, so that a busy machine is shared fairly."""
    runs: list[list[Run]] = [[] for _ in works]
    for number in range(rounds):
        order = list(enumerate(works))
        for index, work in order if number % 2 == 0 else reversed(order):
            runs[index].append(work())
    return runs


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Median and range, for example ``41.3 (40.9–44.0)``."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def ratios(one: Sequence[float], other: Sequence[float]) -> str:
    """Median and range of the ratios within each round."""
    return spread([a / b for a, b in zip(one, other, strict=True)], 2)
