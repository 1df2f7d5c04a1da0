"""Files that a run writes for its user: refused before the work where they cannot be, missed with words after it."""

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pytest_lipleak.core.errors import ConfigurationError, OutputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind = Literal["file", "folder", "page"]
WANTED: dict[Kind, str] = {
    "file": "a file",
    "folder": "a folder",
    "page": "a folder, or a file ending in .html",
}
"""What a path may be, in the words of an error message."""


def check_writable(path: Path, option: str, kind: Kind = "file") -> None:
    """Refuse an output that could not be written; nothing is left, changed or removed.

    Args:
        path: of the output; folders above it may be missing.
        option: who named it, in the words of an error message.
        kind: what is to be written; ``page`` is a folder for which a file could have been named.

    Raises:
        ConfigurationError: it is of another kind, a folder above it is none, or the place cannot be written to.
    """
    named = f"{option} {path}"
    try:
        # pathlib takes what it may not see, or a name that is too long, for something that is not there.
        with suppress(FileNotFoundError, NotADirectoryError):
            path.lstat()
        if _is_device(path):
            if kind == "file" and os.access(path, os.W_OK):
                return
            raise ConfigurationError(f"{named}: is no place to write to; name {WANTED[kind]}")
        path = path.resolve()
        if path.exists() and path.is_dir() == (kind == "file"):
            found = "folder" if path.is_dir() else "file"
            raise ConfigurationError(f"{named}: is a {found}; name {WANTED[kind]}")
        place = path if path.is_dir() else next(folder for folder in path.parents if folder.exists())
        if not place.is_dir():
            raise ConfigurationError(f"{named}: {place} is a file, not a folder; name another place")
        # Permissions alone do not tell: root may write everywhere, and yet not to /proc or a read-only disk.
        with tempfile.TemporaryFile(dir=place):
            pass
    except (OSError, RuntimeError) as error:  # pathlib finds a loop of links to be a RuntimeError
        why = getattr(error, "strerror", None) or error
        raise ConfigurationError(f"{named}: cannot be written ({why}); name another place") from error


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all, with the folders above it.

    Args:
        path: of the file; of a link the target is written, and a device or pipe takes the text itself.
        text: its content.

    Raises:
        OSError: it cannot be written; what was there before stays.
    """
    if _is_device(path):
        path.write_text(text, encoding="utf-8")
        return
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".lipleak-{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_array(path: Path, array: "NDArray[Any]") -> None:
    """Write what ``np.save`` writes.

    Raises:
        OSError: it cannot be written; its ``errno`` says why. To a file ``np.save`` lets C write, whose error of a full
            disk has none.
    """
    import numpy as np

    held = io.BytesIO()
    np.save(held, array, allow_pickle=False)
    path.write_bytes(held.getbuffer())


@contextmanager
def to_be_written(what: str, path: Path) -> Iterator[None]:
    """Say of the file system's errors what is missing because of them.

    Args:
        what: what is written, for example ``JSON report``.
        path: its file or folder.

    Raises:
        OutputError: it could not be written.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{what} {path} is not written: {error.strerror or error}; free some space or name another place"
        ) from error


def forget_file(path: Path) -> None:
    """Remove a file of an earlier run; devices and pipes stay."""
    if not _is_device(path):
        path.unlink(missing_ok=True)


def _is_device(path: Path) -> bool:
    """Whether the path is there and neither a file nor a folder: /dev/null, a pipe."""
    return path.exists() and not path.is_file() and not path.is_dir()
