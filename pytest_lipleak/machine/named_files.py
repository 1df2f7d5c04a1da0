"""Files that a model reads: those that its arguments name, and weights in a folder."""

import dataclasses
import functools
import hashlib
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

from pytest_lipleak.core.errors import MissingDataError
from pytest_lipleak.machine.model_files import file_sha256

WEIGHT_SUFFIXES = frozenset(
    {
        ".pth", ".pt", ".pt2", ".ptl", ".ckpt", ".safetensors", ".bin", ".onnx", ".onnx_data", ".h5", ".msgpack",
        ".gguf", ".tflite", ".engine", ".npz", ".pkl",
    }
)  # fmt: skip
"""Files that programs read weights from, without saying so on their command line."""

CONFIG_SUFFIXES = frozenset({".json", ".yaml", ".yml"})
"""Files that say beside weights what is made of them; elsewhere a model may write such files itself."""

NOTE_SUFFIXES = frozenset({".log", ".csv", ".jsonl"})
"""Files that a model may write into while it runs, so that they are others in every process."""

DEEPEST = 20
"""Lists within lists that are looked through; one may hold itself."""


class NamedFiles:
    """The files that a model was given, and the weights in folders that it was given.

    Args:
        given: arguments by name: text, paths, and such in lists, dictionaries and plain objects.
        folder: from which their paths are read, whichever the model goes to; empty for the current one.
    """

    def __init__(self, given: Mapping[str, object] | None = None, folder: Path = Path()) -> None:
        self._given = dict(sorted((given or {}).items()))
        self._folder = folder
        self._before: Mapping[Path, tuple[int, ...]] | None = None
        self._were_read = False

    def note(self) -> None:
        """Note how they are, once: before the model reads them."""
        if self._before is None:
            self._before = {file: _state_of(file) for file in self}

    def contents(self) -> list[str] | None:
        """Return the SHA-256 of each that can be read, by content: a copy on another machine has the same.

        None where one changed since it was noted: nobody knows which of both the model has.
        """
        self.note()
        found = []
        for file in self:
            with suppress(MissingDataError):  # the others count all the same
                found.append(file_sha256(file))
        self._were_read = self._are_as_noted
        return found if self._were_read else None

    @property
    def changed_since_read(self) -> bool:
        """Whether ``contents`` says no more what they hold."""
        return self._were_read and not self._are_as_noted

    @property
    def _are_as_noted(self) -> bool:
        """Whether those that were there are unchanged; a model may fetch, or make, others."""
        return all(_state_of(file) == state for file, state in (self._before or {}).items())

    def __iter__(self) -> Iterator[Path]:
        return _files_in(self._given, self._folder, DEEPEST)


def _state_of(file: Path) -> tuple[int, ...]:
    try:
        found = file.stat()
    except OSError:
        return ()
    return found.st_size, found.st_mtime_ns, found.st_ino


def _files_in(value: object, folder: Path, deep: int) -> Iterator[Path]:
    """What names nothing that is there has no files here, nor have notes, and in folders what a model may write."""
    if isinstance(value, str | os.PathLike) and str(value) not in ("", "."):
        with suppress(OSError, ValueError, RuntimeError):  # no path, or nobody's home
            path = folder / Path(value).expanduser()
            named = path.is_file() and path.suffix not in NOTE_SUFFIXES
            yield from (file for file in ((path,) if named else _weights_in(path)) if file.is_file())
    for each in _parts_of(value) if deep else ():
        yield from _files_in(each, folder, deep - 1)


def _parts_of(value: object) -> Collection[object]:
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, functools.partial):
        return (value.args, value.keywords)
    if isinstance(value, SimpleNamespace) or (
        dataclasses.is_dataclass(value) and not isinstance(value, type)
    ):
        return vars(value).values() if hasattr(value, "__dict__") else ()
    return ()


def _weights_in(folder: Path) -> Iterator[Path]:
    """Weight files beneath a folder, and what is configured beside them, in order.

    A link to another folder is followed, as those who load follow it.
    """
    seen = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(place)) in seen:
            folders.clear()  # a link that leads back
            continue
        seen.add(real)
        folders.sort()
        suffixes = {Path(name).suffix.lower() for name in files}
        wanted = WEIGHT_SUFFIXES | CONFIG_SUFFIXES if suffixes & WEIGHT_SUFFIXES else frozenset()
        yield from (Path(place, name) for name in sorted(files) if Path(name).suffix.lower() in wanted)


def weights_digest(folder: Path, hashed: Collection[Path] = ()) -> str:
    """SHA-256 over path, size and time of change of all weight files in a folder, as 64 hex digits.

    Their contents are not read, as they may have many gigabytes; a copy of the folder that does not keep times is
    another one.

    Args:
        folder: of a program, with what lies beneath.
        hashed: files to leave out, because their contents are hashed elsewhere.
    """
    known = {path.resolve() for path in hashed}
    sha = hashlib.sha256()
    for path in _weights_in(folder):
        if path.is_file() and path.resolve() not in known:
            stat = path.stat()
            sha.update(f"{path.relative_to(folder).as_posix()}\0{stat.st_size} {stat.st_mtime_ns}\n".encode())
    return sha.hexdigest()
