"""Artefacts on disk, each made once: look, lock its key, look again, write aside, rename.

Several processes may share a store. A lock is an operating-system lock on a file, so that of a killed
process is free again.
"""

import hashlib
import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

DIGEST_LENGTH = 16


class Store:
    """A folder of artefacts.

    Args:
        folder: created when needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, kind: str, key: str) -> Path | None:
        """Return the artefact if it is there and whole.

        A file's name carries the hash of its content; a corrupt or truncated one is removed with a warning.
        """
        stem, _, suffix = kind.partition(".")
        for path in self.folder.glob(f"{stem}-{key}-*.{suffix}"):
            if path.stem.rpartition("-")[2] == _content_digest(path):
                return path
            warnings.warn(f"{path} is corrupt and will be made again", RuntimeWarning, stacklevel=2)
            path.unlink(missing_ok=True)
        return None

    def get_or_make(
        self, kind: str, key: str, make: Callable[[Path], None], *, wait: bool = True
    ) -> Path | None:
        """Return the artefact, making it if nobody did.

        Args:
            kind: name and suffix of the artefact's file, for example ``"video.mkv"``.
            key: see ``key_of``.
            make: writes the artefact to the path it is given.
            wait: whether to wait for another process that is making it; otherwise None is returned.
        """
        from filelock import FileLock, Timeout

        if found := self.find(kind, key):
            return found
        self.folder.mkdir(parents=True, exist_ok=True)
        stem, _, suffix = kind.partition(".")
        try:
            with FileLock(self.folder / f"{stem}-{key}.lock", timeout=-1 if wait else 0):
                if found := self.find(kind, key):
                    return found
                temporary = self.folder / f"tmp-{stem}-{key}-{os.getpid()}.{suffix}"
                try:
                    make(temporary)
                    final = self.folder / f"{stem}-{key}-{_content_digest(temporary)}.{suffix}"
                    temporary.replace(final)
                finally:
                    temporary.unlink(missing_ok=True)
                return final
        except Timeout:
            return None


def key_of(**parts: Any) -> str:
    """Hash everything that an artefact depends on; parts must be JSON-ready."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def _content_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:DIGEST_LENGTH]
