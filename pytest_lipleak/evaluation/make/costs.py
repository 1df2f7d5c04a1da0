"""Where the time goes: seconds by stage of the work."""

import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

LESS = {
    "generation": "the model's own work: a GPU (--lipleak-device), more workers (-n) or fewer clips shorten it, and "
    "a store (--lipleak-store) keeps its videos for the next run",
    "tracking": "faces are followed once a clip: a store (--lipleak-store) keeps where they are, and face-centred "
    "clips need none of it (--lipleak-protocol=direct)",
    "embedding": "the sync expert's networks: a GPU (--lipleak-device) or more workers (-n) shorten it",
    "scoring": "distances at all shifts and lags: more workers (-n) or fewer clips shorten it",
    "pictures": "picture measures: fewer of them, or more workers (-n), shorten it",
    "videos": "writing and reading videos: smaller pictures shorten it, and a store on a faster disk "
    "(--lipleak-store)",
    "other": "everything else, which is mostly waiting: fewer workers (-n) wait less for each other",
}
"""What the time of each stage is, in the order of reports, and what would shorten it."""

STAGES = tuple(LESS)

TELLING = 10.0
"""Seconds of work from which on it is said where the time goes."""


def longest(spent: Mapping[str, float]) -> str | None:
    """Return the stage that took most of the time so far, in seconds by stage; None of next to nothing."""
    # A copy: another thread may add a stage meanwhile.
    known = dict(spent)
    return max(known, key=known.__getitem__) if sum(known.values()) >= TELLING else None


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
