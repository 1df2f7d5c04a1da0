"""Artefacts on disk, each made once: look, lock its key, look again, write aside, rename.

Several processes may share a store. A lock is an operating-system lock on a file, so that of a killed
process is free again. When an artefact was last used is its modification time; a store with a limit drops
what was not used for longest.
"""

import errno
import hashlib
import json
import os
import re
import stat
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_lipleak.core.errors import LipleakError, StoreError
from pytest_lipleak.libraries import version_of
from pytest_lipleak.private_folders import OTHERS_WRITE, PRIVATE, STORE_MARK

if TYPE_CHECKING:
    from filelock import BaseFileLock
    from numpy.typing import NDArray

Content = TypeVar("Content")

DIGEST_LENGTH = 16

STORE_FORMAT = 4
"""Part of every key; raise it when what is stored changes its meaning."""

IN_USE = 60.0
"""Seconds for which what was just used is not dropped: someone may be about to open it."""

ABANDONED = 3600.0
"""Seconds after which a temporary file whose writer is gone from this machine is removed; on a folder shared
between machines the writer may live elsewhere."""

PER_LOOK = 500
"""A store is looked through for what to drop after one new artefact per so many that it holds: after every hundredth
where it holds 50,000, and it may pass its limit by as many."""

TRIES = 3
"""How often an artefact is made again that is dropped before it can be read."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
TMP = "tmp-"
"""Prefix of files that are being written."""

_KEY = r"[0-9a-f]{40}"
_ARTEFACT = re.compile(rf"(\w+)-({_KEY})-[0-9a-f]{{{DIGEST_LENGTH}}}\.\w+")
_TEMPORARY = re.compile(rf"{TMP}\w+-({_KEY})-\d+\.\w+")
_LOCK = re.compile(rf"\w+-({_KEY})\.lock")

FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR})


def _nothing() -> None:
    """Make nothing."""


@dataclass(frozen=True)
class Artefact:
    """A file of a store.

    Args:
        path: where it lies.
        kind: ``video``, ``embedding``, ...
        size: bytes.
        used: when it was last used, in seconds since 1970.
        about: what it is, in readable words: model, clip, condition, ...; empty if that was lost.
    """

    path: Path
    kind: str
    size: int
    used: float
    about: Mapping[str, Any]


class Store:
    """A folder of artefacts, in sub-folders by the first two digits of their keys.

    It is believed: whoever can write to it decides what is measured. So it is made for its user alone. Other files
    in it are never touched.

    Args:
        folder: created when needed.
        limit: bytes; beyond it, what was not used for longest is dropped. None keeps everything.
        shared: whether others may write to it; what is made in it gets the folder's own permissions.
    """

    def __init__(self, folder: Path, limit: int | None = None, *, shared: bool = False) -> None:
        self.folder = folder
        self.limit = limit
        self.shared = shared
        self._until_look = 0

    def check(self) -> None:
        """Create the folder, see that it can be written to, and clear away what killed processes left.

        Raises:
            StoreError: it cannot be written to, or its disk is full.
        """
        probe = self.folder / f"{TMP}probe-{os.getpid()}"
        with self._worded():
            self._make_folder()
            probe.write_bytes(b"probe")
            probe.unlink()
            # Folders of runs that were killed are removed, and a store may lie in one.
            if not (self.folder / STORE_MARK).exists():
                (self.folder / STORE_MARK).touch()
        self._remove_abandoned()

    def refuse_others(self) -> None:
        """Refuse a folder that others own or may write to, unless it is said to be shared.

        Raises:
            StoreError: it is such a folder, or lies in one.
        """
        if self.shared or not hasattr(os, "geteuid"):
            return
        try:
            found = self.folder.stat()
        except FileNotFoundError:
            found = None  # made when needed, for this user alone
        except OSError as error:
            raise StoreError(
                f"store {self.folder}: cannot be looked into ({error.strerror}); it is somebody else's, so name "
                "another folder with --lipleak-store"
            ) from error
        why = ""
        if found is not None and found.st_uid not in (os.geteuid(), 0):
            why = f"belongs to {_user(found.st_uid)}, and this process runs as {_user(os.geteuid())}"
        elif found is not None and found.st_mode & OTHERS_WRITE:
            why = f"others may write to it (mode {stat.S_IMODE(found.st_mode):o})"
        elif exposed := _exposed(self.folder):
            why = f"everybody may replace it, for {exposed} is open to all"
        if why:
            raise StoreError(
                f"store {self.folder}: {why}; whoever can write there can forge a pass, so name a folder of your own, "
                "close this one (chmod 700), or say that it is shared with --lipleak-store-shared"
            )

    def _make_folder(self) -> None:
        if not self.folder.exists():
            with suppress(OSError):  # the folder itself is then what cannot be made
                self.folder.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                self.folder.mkdir(mode=PRIVATE)
                self.folder.chmod(PRIVATE)

    def find(self, kind: str, key: str) -> Path | None:
        """Return the artefact if it is there and whole, and note that it was used.

        A file's name carries the hash of its content; a corrupt or truncated one is removed with a warning.
        """
        stem, _, suffix = kind.partition(".")
        for path in self._folder_of(key).glob(f"{stem}-{key}-*.{suffix}"):
            # Another process may be dropping it; a reader's folder may be read-only.
            with suppress(OSError):
                os.utime(path)
            try:
                if path.stem.rpartition("-")[2] == _content_digest(path):
                    return path
            except FileNotFoundError:
                continue
            warnings.warn(f"{path} is corrupt and will be made again", RuntimeWarning, stacklevel=2)
            path.unlink(missing_ok=True)
        return None

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

        if found := self.find(kind, key):
            return found
        needs()
        with self._worded():
            lock = self._lock(kind, key)
            try:
                lock.acquire(timeout=-1 if wait else 0)
            except Timeout:
                return None
            try:
                final = self.find(kind, key) or self._make(kind, key, make, about or {})
            finally:
                lock.release()
            self._keep_within_limit(final)
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
        stem, _, suffix = kind.partition(".")
        temporary = self._folder_of(key) / f"{TMP}{stem}-{key}-{os.getpid()}.{suffix}"
        described = temporary.with_suffix(".about")
        try:
            make(temporary)
            described.write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
            self._share(described)
            described.replace(self._description(kind, key))
            final = temporary.parent / f"{stem}-{key}-{_content_digest(temporary)}.{suffix}"
            self._share(temporary)
            temporary.replace(final)
        finally:
            # A maker may never have begun to write, and its own error must not be lost over cleaning up.
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
                described.unlink(missing_ok=True)
        return final

    def artefacts(self, *, described: bool = True, now: float | None = None) -> list[Artefact]:
        """Return what is stored, the longest unused first.

        Args:
            described: whether to read what each is, which takes a while in large stores.
            now: the time by the clock that stamps the files; None takes this machine's.
        """
        now = time.time() if now is None else now
        found = []
        for path in self._files(_ARTEFACT):
            parts = path.stem.split("-")
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            used = status.st_mtime
            if used > now + IN_USE:
                # From before a clock was set back: it would never grow old.
                used = now
                with suppress(OSError):
                    os.utime(path)
            about = _read_description(self._description(parts[0], parts[1])) if described else {}
            found.append(Artefact(path, parts[0], status.st_size, used, about))
        return sorted(found, key=lambda artefact: (artefact.used, artefact.path.name))

    def clear(self) -> list[Artefact]:
        """Remove every artefact that nobody is making, and what was left behind; returns what was removed."""
        removed = [artefact for artefact in self.artefacts() if self._drop(artefact)]
        self._remove_abandoned()
        self._remove_locks()
        return removed

    def _remove_locks(self) -> None:
        from filelock import FileLock, Timeout

        for path in self._files(_LOCK):
            # Only its holder removes a lock file. Who waits for it meanwhile locks a file without a name, which
            # filelock notices and tries anew.
            with suppress(Timeout, OSError), FileLock(path).acquire(timeout=0):
                path.unlink(missing_ok=True)
        for folder in self._sub_folders():
            with suppress(OSError):
                folder.rmdir()

    def _sub_folders(self) -> Iterator[Path]:
        return self.folder.glob("[0-9a-f][0-9a-f]")

    def _files(self, named: re.Pattern[str]) -> Iterator[Path]:
        """The files of that kind of name where the store lays them; a user's folder may be named as a store."""
        for folder in self._sub_folders():
            for path in folder.iterdir() if folder.is_dir() else ():
                match = named.fullmatch(path.name)
                if match and match[match.lastindex or 0].startswith(folder.name):
                    yield path

    def _keep_within_limit(self, fresh: Path) -> None:
        self._until_look -= 1
        if self.limit is None or self._until_look > 0:
            return
        try:
            # By the clock that stamps the files: this machine's may jump, or differ from a file server's.
            now = fresh.stat().st_mtime
        except FileNotFoundError:
            return
        stored = self.artefacts(described=False, now=now)
        self._until_look = len(stored) // PER_LOOK
        total = sum(artefact.size for artefact in stored)
        for artefact in stored:
            if total <= self.limit or artefact.used > now - IN_USE:
                return
            total -= artefact.size if self._drop(artefact) else 0

    def _drop(self, artefact: Artefact) -> bool:
        """Remove an artefact unless another process holds its lock."""
        from filelock import Timeout

        kind, key, _ = artefact.path.stem.split("-")
        lock = self._lock(kind, key)
        try:
            with lock.acquire(timeout=0):
                artefact.path.unlink(missing_ok=True)
                self._description(kind, key).unlink(missing_ok=True)
        except Timeout:
            return False
        return True

    def _remove_abandoned(self) -> None:
        now = time.time()
        for path in chain(self.folder.glob(f"{TMP}probe-*"), self._files(_TEMPORARY)):
            writer = path.stem.rpartition("-")[2]
            with suppress(OSError):
                age = abs(now - path.stat().st_mtime)
                if age > ABANDONED and not (writer.isdigit() and _is_alive(int(writer))):
                    path.unlink()

    def _lock(self, kind: str, key: str) -> "BaseFileLock":
        from filelock import FileLock

        folder = self._folder_of(key)
        if not folder.is_dir():
            self._make_folder()
            with suppress(FileExistsError):
                folder.mkdir()
                self._share(folder)
        # Lock files stay until the store is cleared. Who shares the store must be able to lock them, too.
        mode = _without_execution(self.folder) if self.shared else -1
        return FileLock(folder / f"{kind.partition('.')[0]}-{key}.lock", mode=mode)

    def _share(self, path: Path) -> None:
        """Give what was made in a shared store the permissions of its folder."""
        if self.shared:
            with suppress(PermissionError):  # somebody else's
                path.chmod(
                    stat.S_IMODE(self.folder.stat().st_mode)
                    if path.is_dir()
                    else _without_execution(self.folder)
                )

    def _description(self, kind: str, key: str) -> Path:
        return self._folder_of(key) / f"{kind.partition('.')[0]}-{key}.json"

    def _folder_of(self, key: str) -> Path:
        # One folder of all would be listed whole at every look.
        return self.folder / key[:2]

    @contextmanager
    def _worded(self) -> Iterator[None]:
        """Say of the file system's errors what they mean for the store."""
        try:
            yield
        except OSError as error:
            if error.errno in FULL:
                raise StoreError(
                    f"store {self.folder}: its disk is full ({error.strerror}); free some space, name a folder "
                    "elsewhere with --lipleak-store (TMPDIR without it), or limit the store with "
                    "--lipleak-store-limit; what is finished stays"
                ) from error
            # Others' files (a model's, say) may be forbidden, too; that is not the store's error.
            ours = str(error.filename or "").startswith(str(self.folder))
            if ours and error.errno in FORBIDDEN:
                raise StoreError(
                    f"store {self.folder}: cannot be written to ({error.strerror}); name another folder with "
                    "--lipleak-store, or leave it out to keep artefacts for one run only"
                ) from error
            raise


def read_array(path: Path) -> "NDArray[Any]":
    """Read what ``np.save`` wrote."""
    import numpy as np

    found: NDArray[Any] = np.load(path, allow_pickle=False)
    return found


def key_of(**parts: Any) -> str:
    """Hash everything that an artefact depends on; parts must be JSON-ready."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def versions_of(*packages: str) -> dict[str, str | None]:
    """Return the installed versions of libraries that an artefact's content depends on, for its key."""
    return {package: _version(package) for package in packages}


_version = cache(version_of)


def _without_execution(folder: Path) -> int:
    """Permissions of a file in a folder: those of the folder, but nobody runs it."""
    return stat.S_IMODE(folder.stat().st_mode) & 0o666


def _exposed(folder: Path) -> Path | None:
    """Return a folder above that everybody may write to and rename things in, or None; /tmp is sticky."""
    for above in folder.absolute().parents:
        with suppress(OSError):
            mode = above.stat().st_mode
            if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
                return above
    return None


def _user(number: int) -> str:
    """The user's name, else the number."""
    with suppress(ImportError, KeyError):
        import pwd

        return f"user {pwd.getpwuid(number).pw_name}"
    return f"user {number}"


def _read_description(path: Path) -> dict[str, Any]:
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return described if isinstance(described, dict) else {}


def _is_alive(process: int) -> bool:
    if os.name == "nt":
        # There, signal 0 is Ctrl-C; but a file that its writer still holds cannot be removed either.
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _content_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:DIGEST_LENGTH]
