"""Work in a thread beside the one that runs the model: native code that lets Python go on meanwhile."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
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
    """

    def __init__(self, allowed: bool) -> None:
        self.allowed = allowed
        self._begun: dict[str, Future[Result]] = {}
        self._pools: list[ThreadPoolExecutor] = []
        _wait_before_forks()
        _all.add(self)

    def begin(self, name: str, work: Callable[[], Result]) -> None:
        """Begin what is not begun yet."""
        if not self.allowed or name in self._begun:
            return
        # Its thread ends with the work: none is there while nothing is made.
        pool = ThreadPoolExecutor(1)
        self._begun[name] = pool.submit(work)
        pool.shutdown(wait=False)
        self._pools = [*self._pools[1 - 2 * MOST :], pool]
        if len(self._begun) > MOST:
            self._begun.pop(next(iter(self._begun))).cancel()

    def wait(self) -> None:
        """Wait until nothing that was begun runs any more, and no thread of it is left."""
        for pool in self._pools:
            pool.shutdown(wait=True)
        self._pools = []

    def take(self, name: str, work: Callable[[], Result]) -> Result:
        """Return what was begun by this name, as soon as it is there, or do it now; raises what the work raises."""
        begun = self._begun.pop(name, None)
        return work() if begun is None else begun.result()


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
