"""What leaves a store: what was not used for longest, what killed processes left, everything when it is cleared."""

import time
from contextlib import suppress
from itertools import chain
from pathlib import Path

from pytest_lipleak.store.layout import IN_USE, LOCK, TEMPORARY, TMP, Artefact, Layout

ABANDONED = 3600.0
"""Seconds after which a temporary file whose writer is gone from this machine is removed; on a folder shared
between machines the writer may live elsewhere."""

PER_LOOK = 500
"""A store is looked through for what to drop after one new artefact per so many that it holds: after every hundredth
where it holds 50,000, and it may pass its limit by as many."""


class Upkeep:
    """Removes from a store.

    Args:
        layout: its files.
        limit: bytes; beyond it, what was not used for longest is dropped. None keeps everything.
    """

    def __init__(self, layout: Layout, limit: int | None) -> None:
        self._layout = layout
        self._limit = limit
        self._until_look = 0

    def keep_within_limit(self, fresh: Path) -> None:
        """Drop what the limit leaves no room for, after ``fresh`` was made."""
        self._until_look -= 1
        if self._limit is None or self._until_look > 0:
            return
        try:
            # By the clock that stamps the files: this machine's may jump, or differ from a file server's.
            now = fresh.stat().st_mtime
        except FileNotFoundError:
            return
        stored = self._layout.artefacts(described=False, now=now)
        self._until_look = len(stored) // PER_LOOK
        total = sum(artefact.size for artefact in stored)
        for artefact in stored:
            if total <= self._limit or artefact.used > now - IN_USE:
                return
            total -= artefact.size if self._drop(artefact) else 0

    def clear(self) -> list[Artefact]:
        """Remove every artefact that nobody is making, and what was left behind; returns what was removed."""
        removed = [artefact for artefact in self._layout.artefacts() if self._drop(artefact)]
        self.remove_abandoned()
        self._remove_locks()
        return removed

    def _drop(self, artefact: Artefact) -> bool:
        """Remove an artefact unless another process holds its lock."""
        from filelock import Timeout

        kind, key, _ = artefact.path.stem.split("-")
        lock = self._layout.lock(kind, key)
        try:
            with lock.acquire(timeout=0):
                artefact.path.unlink(missing_ok=True)
                self._layout.description(kind, key).unlink(missing_ok=True)
        except Timeout:
            return False
        return True

    def remove_abandoned(self) -> None:
        """Remove what killed processes were writing."""
        now = time.time()
        for path in chain(self._layout.folder.glob(f"{TMP}probe-*"), self._layout.files(TEMPORARY)):
            writer = path.stem.rpartition("-")[2]
            with suppress(OSError):
                age = abs(now - path.stat().st_mtime)
                if age > ABANDONED and not (writer.isdigit() and _is_alive(int(writer))):
                    path.unlink()

    def _remove_locks(self) -> None:
        from filelock import FileLock, Timeout

        for path in self._layout.files(LOCK):
            # Only its holder removes a lock file. Who waits for it meanwhile locks a file without a name, which
            # filelock notices and tries anew.
            with suppress(Timeout, OSError), FileLock(path).acquire(timeout=0):
                path.unlink(missing_ok=True)
        for folder in self._layout.sub_folders():
            with suppress(OSError):
                folder.rmdir()


def _is_alive(process: int) -> bool:
    import psutil

    try:
        return bool(psutil.pid_exists(process))
    except (psutil.Error, OSError, OverflowError):
        return True
