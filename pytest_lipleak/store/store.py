"""Artefacts on disk, each made once: look, lock its key, look again, write aside, rename.

Several processes may share a store. A lock is an operating-system lock on a file, so that of a killed
process is free again. When an artefact was last used is its modification time; a store with a limit drops
what was not used for longest.
"""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_lipleak.core.errors import LipleakError, StoreError
from pytest_lipleak.machine.private_folders import STORE_MARK
from pytest_lipleak.store.access import Access
from pytest_lipleak.store.layout import TMP, Artefact, Layout
from pytest_lipleak.store.upkeep import Upkeep

if TYPE_CHECKING:
    from numpy.typing import NDArray

Content = TypeVar("Content")

TRIES = 3
"""How often an artefact is made again that is dropped before it can be read."""

OFTEN, OFTEN_FOR = 0.005, 0.5
"""Seconds between two looks at whether a lock is free, and for how long: most of what is stored is made in a few of
these. What takes longer is looked for at filelock's own pace, ten times as seldom."""


def _nothing() -> None:
    """Make nothing."""


class Store:
    """A folder of artefacts, in sub-folders by the first two digits of their keys.

    It is believed: whoever can write to it decides what is measured. So it is made for its user alone. Other files
    in it are never touched.

    Args:
        folder: created when needed.
        limit: bytes; beyond it, what was not used for longest is dropped. None keeps everything.
        shared: whether others may write to it; what is made in it gets the folder's own permissions.
        passing: whether it goes with the run that made it: nothing in it is hashed, or said to be anything in words.
    """

    def __init__(
        self, folder: Path, limit: int | None = None, *, shared: bool = False, passing: bool = False
    ) -> None:
        self.folder = folder
        self.passing = passing
        self._access = Access(folder, shared=shared)
        self.layout = Layout(self._access, hashed=not passing)
        self._upkeep = Upkeep(self.layout, limit)

    def check(self) -> None:
        """Create the folder, see that it can be written to, and clear away what killed processes left.

        Raises:
            StoreError: it cannot be written to, or its disk is full.
        """
        probe = self.folder / f"{TMP}probe-{os.getpid()}"
        with self._access.worded():
            self._access.make_folder()
            probe.write_bytes(b"probe")
            probe.unlink()
            # Folders of runs that were killed are removed, and a store may lie in one.
            if not (self.folder / STORE_MARK).exists():
                (self.folder / STORE_MARK).touch()
        self._upkeep.remove_abandoned()

    def refuse_others(self) -> None:
        """Refuse a folder that others own or may write to, unless it is said to be shared.

        Raises:
            StoreError: it is such a folder, or lies in one.
        """
        self._access.refuse_others()

    def find(self, kind: str, key: str) -> Path | None:
        """Return the artefact if it is there and whole, and note that it was used."""
        return self.layout.find(kind, key)

    def artefacts(self) -> list[Artefact]:
        """Return what is stored, the longest unused first."""
        return self.layout.artefacts()

    def clear(self) -> list[Artefact]:
        """Remove every artefact that nobody is making, and what was left behind; returns what was removed."""
        with self._access.worded():
            return self._upkeep.clear()

    def get_or_make(
        self,
        kind: str,
        key: str,
        make: Callable[[Path], None],
        *,
        needs: Callable[[], object] = _nothing,
        wait: bool = True,
        about: Mapping[str, Any] | None = None,
    ) -> Path | None:
        """Return the artefact, making it if nobody did.

        Args:
            kind: name and suffix of the artefact's file, for example ``"video.mkv"``.
            key: see ``key_of``.
            make: writes the artefact to the path it is given.
            needs: called before the lock is taken, if nobody made the artefact: makes what ``make`` needs, so that no
                lock is held while another one is waited for.
            wait: whether to wait for another process that is making it; otherwise None is returned.
            about: JSON-ready words for people who list the store.

        Raises:
            StoreError: the folder cannot be written to, or its disk is full; nothing half-written stays.
        """
        from filelock import Timeout

        with self._access.worded():
            found = self.find(kind, key)
        if found:
            return found
        needs()
        with self._access.worded():
            lock = self.layout.lock(kind, key)
            try:
                lock.acquire(timeout=OFTEN_FOR if wait else 0, poll_interval=OFTEN)
            except Timeout:
                if not wait:
                    return None
                lock.acquire()
            try:
                final = self.find(kind, key) or self._make(kind, key, make, about or {})
            finally:
                lock.release()
            self._upkeep.keep_within_limit(final)
            return final

    def load(
        self,
        kind: str,
        key: str,
        make: Callable[[Path], None],
        read: Callable[[Path], Content],
        *,
        needs: Callable[[], object] = _nothing,
        wait: bool = True,
        about: Mapping[str, Any] | None = None,
    ) -> Content | None:
        """Like ``get_or_make``, but read: what another process drops before it is open is made again.

        That takes a limit and a clock that jumps, or somebody who clears the store.

        Args:
            read: gives the content of the artefact's file.

        Raises:
            StoreError: as ``get_or_make``, or it was dropped again and again.
        """
        for _ in range(TRIES):
            path = self.get_or_make(kind, key, make, needs=needs, wait=wait, about=about)
            if path is None:
                return None
            try:
                return read(path)
            except (OSError, LipleakError):
                if path.exists():
                    raise
        raise StoreError(
            f"store {self.folder}: {kind} was dropped {TRIES} times before it could be read; raise "
            "--lipleak-store-limit, and do not clear the store during a run"
        )

    def data(
        self,
        kind: str,
        key: str,
        compute: Callable[[], Any],
        *,
        needs: Callable[[], object] = _nothing,
        wait: bool = True,
        about: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return small JSON-ready data, computing it if nobody did; read back even when fresh, so never different.

        Args:
            kind: name of the artefact, for example ``"score"``.
            key: see ``key_of``.
            compute: gives the data; floats come back to the bit.
            needs: see ``get_or_make``.
            wait: whether to wait for another process that is computing it; otherwise None is returned.
            about: JSON-ready words for people who list the store.

        Raises:
            StoreError: the folder cannot be written to, or its disk is full.
        """

        def make(path: Path) -> None:
            path.write_text(json.dumps(compute()), encoding="utf-8")

        def read(path: Path) -> str:
            return path.read_text(encoding="utf-8")

        text = self.load(f"{kind}.json", key, make, read, needs=needs, wait=wait, about=about)
        return None if text is None else json.loads(text)

    def _make(self, kind: str, key: str, make: Callable[[Path], None], about: Mapping[str, Any]) -> Path:
        temporary = self.layout.temporary(kind, key)
        described = temporary.with_suffix(".about")
        try:
            make(temporary)
            if not self.passing:  # nobody lists what goes with the run
                described.write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
                self._access.share(described)
                described.replace(self.layout.description(kind, key))
            final = self.layout.final(kind, key, temporary)
            self._access.share(temporary)
            temporary.replace(final)
            self.layout.note_whole(final)
        finally:
            # A maker may never have begun to write, and its own error must not be lost over cleaning up.
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
                described.unlink(missing_ok=True)
        return final


def read_array(path: Path) -> "NDArray[Any]":
    """Read what ``np.save`` wrote."""
    import numpy as np

    found: NDArray[Any] = np.load(path, allow_pickle=False)
    return found
