"""Work that is begun before its result is needed: in a thread beside the one that runs the model, or by its name alone.

A thread is for native code that lets Python go on meanwhile. What gathers needs none: it is done with what else waits.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Generic, TypeVar
from weakref import WeakSet

Result = TypeVar("Result")

MOST = 4
"""Results that wait to be taken; of more, those that were begun first are let go, and are made again when needed."""


class Beside(Generic[Result]):
    """Results that are begun by name and taken once.

    What is begun must change nothing that others read, and touch no model: that runs in the thread that asks for it.

    Args:
        allowed: whether there is a processor for it; else nothing is begun.
        in_thread: whether work begins at once, in a thread; else it is done when the result is taken.
    """

    def __init__(self, allowed: bool, in_thread: bool = True) -> None:
        self.allowed = allowed
        self._in_thread = in_thread
        self._begun: dict[str, Callable[[], Result]] = {}
        self._pools: list[ThreadPoolExecutor] = []
        _wait_before_forks()
        _all.add(self)

    @property
    def ahead(self) -> int:
        """How many results may wait while another is begun: one in a thread, else as many as are kept."""
        return 1 if self._in_thread else MOST - 1

    def begin(self, name: str, work: Callable[[], Result]) -> None:
        """Begin what is not begun yet."""
        if not self.allowed or name in self._begun:
            return
        self._begun[name] = self._started(work) if self._in_thread else work
        if len(self._begun) > MOST:
            self._begun.pop(next(iter(self._begun)))

    def _started(self, work: Callable[[], Result]) -> Callable[[], Result]:
        # Its thread ends with the work: none is there while nothing is made.
        pool = ThreadPoolExecutor(1)
        result = pool.submit(work).result
        pool.shutdown(wait=False)
        self._pools = [*self._pools[1 - 2 * MOST :], pool]
        return result

    def wait(self) -> None:
        """Wait until nothing that was begun runs any more, and no thread of it is left."""
        for pool in self._pools:
            pool.shutdown(wait=True)
        self._pools = []

    def take(self, name: str, work: Callable[[], Result]) -> Result:
        """Return what was begun by this name, as soon as it is there, or do it now; raises what the work raises."""
        begun = self._begun.pop(name, None)
        return work() if begun is None else begun()


_all: "WeakSet[Beside[Any]]" = WeakSet()


@cache
def _wait_before_forks() -> None:
    """Let a model's own forks wait: a fork has no thread but its own, and keeps what others had locked.

    From 3.12 on Python warns of a fork beside a thread.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_wait_for_all)


def _wait_for_all() -> None:
    for beside in list(_all):
        beside.wait()
