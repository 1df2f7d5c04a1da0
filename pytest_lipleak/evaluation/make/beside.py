"""Work in a thread beside the one that runs the model: native code that lets Python go on meanwhile."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

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

    def begin(self, name: str, work: Callable[[], Result]) -> None:
        """Begin what is not begun yet."""
        if not self.allowed or name in self._begun:
            return
        # Its thread ends with the work: none is there while nothing is made.
        pool = ThreadPoolExecutor(1)
        self._begun[name] = pool.submit(work)
        pool.shutdown(wait=False)
        if len(self._begun) > MOST:
            self._begun.pop(next(iter(self._begun))).cancel()

    def take(self, name: str, work: Callable[[], Result]) -> Result:
        """Return what was begun by this name, as soon as it is there, or do it now; raises what the work raises."""
        begun = self._begun.pop(name, None)
        return work() if begun is None else begun.result()
