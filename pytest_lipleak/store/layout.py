"""Where a store lays its files: in sub-folders by the first two digits of their keys."""

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any

from pytest_lipleak.core.remarks import remark
from pytest_lipleak.store.access import Access

if TYPE_CHECKING:
    from filelock import BaseFileLock

DIGEST_LENGTH = 16

IN_USE = 60.0
"""Seconds for which what was just used is not dropped: someone may be about to open it."""

MOST_KNOWN = 10_000
"""Files of which it is known that they are whole."""

TMP = "tmp-"
"""Prefix of files that are being written."""

_KEY = r"[0-9a-f]{40}"
ARTEFACT = re.compile(rf"(\w+)-({_KEY})-[0-9a-f]{{{DIGEST_LENGTH}}}\.\w+")
TEMPORARY = re.compile(rf"{TMP}\w+-({_KEY})-\d+\.\w+")
LOCK = re.compile(rf"\w+-({_KEY})\.lock")


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


class Layout:
    """The files of a store. Other files in its folder are never touched.

    Args:
        access: to the folder.
        hashed: whether files are seen to be whole by the hash in their names; else by their being there.
    """

    def __init__(self, access: Access, *, hashed: bool = True) -> None:
        self.folder = access.folder
        self._access = access
        self._hashed = hashed
        self._whole: dict[Path, tuple[int, int, int, int]] = {}

    def find(self, kind: str, key: str) -> Path | None:
        """Return the artefact if it is there and whole, and note that it was used.

        A file's name carries the hash of its content; a corrupt or truncated one is removed with a warning.
        """
        stem, _, suffix = kind.partition(".")
        for path in self._called(f"{stem}-{key}-", f".{suffix}", self._folder_of(key)):
            try:
                whole = self._is_whole(path)
            except FileNotFoundError:
                continue
            if whole:
                return path
            remark(f"{path} is corrupt and will be made again")
            path.unlink(missing_ok=True)
        return None

    @staticmethod
    def _called(begin: str, end: str, folder: Path) -> list[Path]:
        try:
            names = os.listdir(folder)  # noqa: PTH208 - a path for each name takes longer than the listing
        except OSError:
            return []
        return [folder / name for name in names if name.startswith(begin) and name.endswith(end)]

    def _is_whole(self, path: Path) -> bool:
        """Whether a file is what its name says, and note that it was used; hashed again only if it was touched since.

        Raises:
            FileNotFoundError: another process has dropped it.
        """
        if not self._hashed:
            return path.exists()
        whole = self._whole.pop(path, None) == _state(path)
        # Another process may be dropping it; a reader's folder may be read-only.
        with suppress(OSError):
            os.utime(path)
        state = _state(path)
        if whole or path.stem.rpartition("-")[2] == _content_digest(path):
            self._note(path, state)
            return True
        return False

    def note_whole(self, path: Path) -> None:
        """Note that a file that this process has just written and named is whole: it is not hashed again."""
        if self._hashed:
            with suppress(OSError):
                self._note(path, _state(path))

    def _note(self, path: Path, state: tuple[int, int, int, int]) -> None:
        self._whole[path] = state
        if len(self._whole) > MOST_KNOWN:
            del self._whole[next(iter(self._whole))]

    def temporary(self, kind: str, key: str) -> Path:
        """Return the file to which this process writes an artefact until it is whole."""
        stem, _, suffix = kind.partition(".")
        return self._folder_of(key) / f"{TMP}{stem}-{key}-{os.getpid()}.{suffix}"

    def final(self, kind: str, key: str, written: Path) -> Path:
        """Return the file that a whole artefact becomes; its name carries the hash of its content, or zeros."""
        stem, _, suffix = kind.partition(".")
        digest = _content_digest(written) if self._hashed else "0" * DIGEST_LENGTH
        return written.parent / f"{stem}-{key}-{digest}.{suffix}"

    def description(self, kind: str, key: str) -> Path:
        """Return the file that says in words what an artefact is."""
        return self._folder_of(key) / f"{kind.partition('.')[0]}-{key}.json"

    def lock(self, kind: str, key: str) -> "BaseFileLock":
        """Return the lock of who makes an artefact; lock files stay until the store is cleared."""
        from filelock import FileLock

        folder = self._folder_of(key)
        if not folder.is_dir():
            self._access.make_inside(folder)
        path = folder / f"{kind.partition('.')[0]}-{key}.lock"
        return FileLock(path, mode=self._access.lock_mode)

    def artefacts(self, *, described: bool = True, now: float | None = None) -> list[Artefact]:
        """Return what is stored, the longest unused first.

        Args:
            described: whether to read what each is, which takes a while in large stores.
            now: the time by the clock that stamps the files; None takes this machine's.
        """
        now = time.time() if now is None else now
        found = []
        for path in self.files(ARTEFACT):
            parts = path.stem.split("-")
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            if not S_ISREG(status.st_mode):
                continue  # not ours, whatever it is called
            used = status.st_mtime
            if used > now + IN_USE:
                # From before a clock was set back: it would never grow old.
                used = now
                with suppress(OSError):
                    os.utime(path)
            about = _read_description(self.description(parts[0], parts[1])) if described else {}
            found.append(Artefact(path, parts[0], status.st_size, used, about))
        return sorted(found, key=lambda artefact: (artefact.used, artefact.path.name))

    def sub_folders(self) -> Iterator[Path]:
        """The folders in which artefacts lie."""
        return self.folder.glob("[0-9a-f][0-9a-f]")

    def files(self, named: re.Pattern[str]) -> Iterator[Path]:
        """The files of that kind of name where the store lays them; a user's folder may be named as a store."""
        for folder in self.sub_folders():
            for path in folder.iterdir() if folder.is_dir() else ():
                match = named.fullmatch(path.name)
                if match and match[match.lastindex or 0].startswith(folder.name):
                    yield path

    def _folder_of(self, key: str) -> Path:
        # One folder of all would be listed whole at every look.
        return self.folder / key[:2]


def _read_description(path: Path) -> dict[str, Any]:
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return described if isinstance(described, dict) else {}


def _state(path: Path) -> tuple[int, int, int, int]:
    """What tells that a file was touched; the last of it cannot be put back, as ``cp -p`` does with the first."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns


def _content_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:DIGEST_LENGTH]
