"""Folders in the temporary directory that nobody else may look into, and their removal when their makers are gone.

That directory is everybody's: a folder is ours only if it bears our mark, its own name in it, this user's and this
machine's. Whatever else is called alike, results of a user perhaps, is left alone, and so is what holds a store.
"""

import json
import os
import platform
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_lipleak.core.errors import StoreError

if TYPE_CHECKING:
    from filelock import BaseFileLock

PREFIX = "pytest-lipleak-"
MARK = ".pytest-lipleak-folder"
"""File that says which folder this is, whose and on which machine."""

STORE_MARK = ".pytest-lipleak-store"
"""File that a store of artefacts bears: it outlives all runs."""

PRESENT = ".present-"
"""Prefix of the lock files that the processes hold which use a folder."""

ABANDONED = ".abandoned"
"""File that says that the folder goes with the last process that leaves it."""

FORGOTTEN = 2 * 86400.0
"""Seconds after which a folder of which no process is left is removed."""

PRIVATE = 0o700
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class PrivateFolder:
    """A folder of this user alone in the temporary directory; processes of one run may share it by its name.

    Args:
        name: behind ``PREFIX``; nobody else's, a random number.
    """

    def __init__(self, name: str) -> None:
        self.path = Path(tempfile.gettempdir()) / f"{PREFIX}{name}"
        self._presence: BaseFileLock | None = None

    def enter(self) -> Path:
        """Make the folder, or join those who made it, and show that somebody is there; return its path.

        Raises:
            StoreError: it cannot be made or written to, or is somebody else's.
        """
        if self._presence is None:
            from filelock import FileLock

            make_private(self.path)
            mark = self.path / MARK
            temporary = mark.with_name(f"{MARK}-{os.getpid()}")
            presence = FileLock(self.path / f"{PRESENT}{os.getpid()}")
            try:
                temporary.write_text(json.dumps(_identity(self.path)), encoding="utf-8")
                temporary.replace(mark)
                presence.acquire()
            except OSError as error:
                raise StoreError(
                    f"folder {self.path}: cannot be written to ({error.strerror}); make room there, or name another "
                    "temporary directory with TMPDIR"
                ) from error
            self._presence = presence
        return self.path

    def leave(self, *, remove: bool) -> None:
        """Leave the folder; ``remove`` it, too, unless it is not ours or holds a store.

        While another process works in it, it stays: the last one to leave removes it then.
        """
        if self._presence is not None:
            self._presence.release()
            self._presence = None
        if not self.path.is_dir():
            return
        if remove and _is_marked(self.path):
            (self.path / ABANDONED).touch()
        if (self.path / ABANDONED).exists() and not _is_used(self.path):
            _remove(self.path)


def make_private(folder: Path) -> None:
    """Make a folder of this user alone, whatever the umask; one that is there must be so already.

    Raises:
        StoreError: it cannot be made, or somebody else owns it or may write to it, or it is a link.
    """
    try:
        try:
            folder.mkdir(mode=PRIVATE)
        except FileExistsError:
            pass
        else:
            folder.chmod(PRIVATE)
        ours = _is_private(folder)
    except OSError as error:
        raise StoreError(
            f"folder {folder}: cannot be made ({error.strerror}); name another temporary directory with TMPDIR"
        ) from error
    if not ours:
        raise StoreError(
            f"folder {folder}: is a link, or somebody else owns it or may write to it; remove it, or name another "
            "temporary directory with TMPDIR"
        )


def lock_file(name: str) -> Path:
    """Return the file of a lock that all processes of this user on this machine share."""
    user = os.geteuid() if hasattr(os, "geteuid") else 0
    folder = Path(tempfile.gettempdir()) / f"lipleak-locks-{user}"
    make_private(folder)
    return folder / f"{name}.lock"


def remove_forgotten() -> None:
    """Remove the folders of this user's processes that were killed long ago, and nothing else."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            if _is_old(folder) and _is_marked(folder) and _is_old_within(folder) and not _is_used(folder):
                _remove(folder)


def _is_old_within(folder: Path) -> bool:
    """Whether nothing in it was written to lately: its own time tells only when an entry came or went."""
    return all(map(_is_old, folder.rglob("*")))


def _is_old(path: Path) -> bool:
    # A time that is yet to come is from before a clock was set back: it would never be long ago.
    return abs(time.time() - path.lstat().st_mtime) > FORGOTTEN


def _remove(folder: Path) -> None:
    if not _is_marked(folder) or any(STORE_MARK in files for _, _, files in os.walk(folder)):
        return
    marks = {MARK, ABANDONED}
    for entry in (each for each in folder.iterdir() if each.name not in marks):
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            with suppress(OSError):
                entry.unlink()
    # Windows keeps files that are mapped: what is left must be known as ours by whoever comes to remove it later.
    if {each.name for each in folder.iterdir()} <= marks:
        shutil.rmtree(folder, ignore_errors=True)


def _is_marked(folder: Path) -> bool:
    """Whether this package made the folder, for this user, on this machine and under this very name."""
    try:
        if not _is_private(folder):
            return False
        mark = folder / MARK
        if not stat.S_ISREG(mark.lstat().st_mode):
            return False
        found: object = json.loads(mark.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return found == _identity(folder)


def _identity(folder: Path) -> dict[str, object]:
    return {"folder": folder.name, "user": folder.lstat().st_uid, "machine": platform.node()}


def _is_private(folder: Path) -> bool:
    """Whether it is a folder, no link, of this user, that nobody else may write to."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        return False
    if not hasattr(os, "geteuid"):  # Windows: the temporary directory is the user's own
        return True
    return found.st_uid == os.geteuid() and not found.st_mode & OTHERS_WRITE


def _is_used(folder: Path) -> bool:
    """Whether a process is left that uses the folder: it holds its lock."""
    from filelock import FileLock, Timeout

    for path in folder.glob(f"{PRESENT}*"):
        try:
            FileLock(path).acquire(timeout=0).lock.release()
        except Timeout:
            return True
    return False
