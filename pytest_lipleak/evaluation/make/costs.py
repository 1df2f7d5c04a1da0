"""Where the time goes: seconds by stage of the work."""

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

STAGES = ("generation", "tracking", "embedding", "scoring", "pictures", "other")
"""In the order of reports: the model; face tracks; the expert's networks; distances at 31 shifts; picture
measures; and everything else, which is reading and writing videos and waiting for other workers."""


class Stopwatch:
    """Seconds by stage; what happens in a stage within a stage counts for the inner one alone.

    ``seconds`` holds the totals so far and is the very object that a corpus keeps.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.process = uuid.uuid4().hex[:12]
        self._running = threading.local()
        self._lock = threading.Lock()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count the time until the context ends for ``stage``."""
        stages: list[str] = vars(self._running).setdefault("stages", [])
        self._count(stages)
        stages.append(stage)
        try:
            yield
        finally:
            self._count(stages)
            stages.pop()

    def _count(self, stages: list[str]) -> None:
        """Give the time since the last change of stages to the stage that ran meanwhile."""
        now = time.perf_counter()
        if stages:
            with self._lock:
                spent = now - self._running.since
                self.seconds[stages[-1]] = self.seconds.get(stages[-1], 0.0) + spent
        self._running.since = now
