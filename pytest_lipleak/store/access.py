"""Who may write to a store, and the errors of a disk in words."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pytest_lipleak.core.errors import StoreError
from pytest_lipleak.machine.private_folders import OTHERS_WRITE, PRIVATE

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR})

LOCK_MODE = 0o600
"""Where others could write to a lock file, filelock first tries out a file of its own beside it: half the time."""


class Access:
    """Permissions in the folder of a store.

    Args:
        folder: of the store.
        shared: whether others may write to it; what is made in it gets the folder's own permissions.
    """

    def __init__(self, folder: Path, *, shared: bool) -> None:
        self.folder = folder
        self.shared = shared

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
                f"store {self.folder}: cannot be looked into ({error.strerror}): it is somebody else's, or a file is "
                "in its way; name another folder with --lipleak-store"
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

    def make_folder(self) -> None:
        """Make the folder, for this user alone; one that is there stays as it is."""
        if not self.folder.exists():
            with suppress(OSError):  # the folder itself is then what cannot be made
                self.folder.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                self.folder.mkdir(mode=PRIVATE)
                self.folder.chmod(PRIVATE)

    def make_inside(self, folder: Path) -> None:
        """Make a folder in the store, and the store itself."""
        self.make_folder()
        with suppress(FileExistsError):
            folder.mkdir()
            self.share(folder)

    def share(self, path: Path) -> None:
        """Give what was made in a shared store the permissions of its folder."""
        if self.shared:
            with suppress(PermissionError):  # somebody else's
                path.chmod(
                    stat.S_IMODE(self.folder.stat().st_mode)
                    if path.is_dir()
                    else _without_execution(self.folder)
                )

    @property
    def lock_mode(self) -> int:
        """Permissions of a lock file: who shares the store must be able to lock it, too; else nobody but its user."""
        return _without_execution(self.folder) if self.shared else LOCK_MODE

    @contextmanager
    def worded(self) -> Iterator[None]:
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
            file = str(error.filename or "")
            if not file.startswith(str(self.folder)):
                raise
            how = "cannot be written to" if error.errno in FORBIDDEN else f"cannot be used: {file}"
            raise StoreError(
                f"store {self.folder}: {how} ({error.strerror}); name another folder with --lipleak-store, or leave it "
                "out to keep artefacts for one run only"
            ) from error


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
