"""What was probably meant by a name that is none: every message that suggests a name asks here."""

import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from pytest_lipleak.core.text import escaped

COMPARED = 1000
"""Files of a folder that a missing one is compared with, at most: of more a guess takes a second, for every file."""


def closest(word: str, known: Iterable[str], most: int = 1) -> list[str]:
    """Return the names that are most like a word, whatever its capitals; none where none is like it."""
    from difflib import get_close_matches

    names: dict[str, str] = {}
    for each in known:
        names.setdefault(each.casefold(), each)
    return [names[found] for found in get_close_matches(word.casefold(), names, most)]


def meant(word: str, known: Iterable[str], most: int = 1) -> str:
    """Return the end of a message: ``; did you mean NAME?``, or nothing."""
    near = closest(word, known, most)
    return f"; did you mean {' or '.join(map(escaped, near))}?" if near else ""


def meant_or_known(word: str, known: Iterable[str], most: int = 1) -> str:
    """Return the same question, or all names where none is like the word."""
    names = [*known]
    return meant(word, names, most) or f"; known are {', '.join(map(escaped, names)) or 'none'}"


def meant_file(path: Path, but: frozenset[Path] = frozenset()) -> str:
    """Return the end of a message about a file or folder that is not there, by what lies beside it.

    Args:
        path: of what is not there; where its folder is missing, that is asked for.
        but: files that cannot be meant.
    """
    folder = path.parent
    try:
        path = path.expanduser()
        folder = path.parent
        if not os.path.lexists(path):  # else it cannot be read for another reason
            return _meant_beside(path.name, folder, folder.stat().st_mtime_ns, but)
    except (FileNotFoundError, NotADirectoryError):
        return meant_file(folder, but) if folder != path else ""
    except (OSError, RuntimeError, ValueError):
        pass  # may not be seen; nobody of that name; a name that none can have
    return ""


@lru_cache(maxsize=4096)
def _meant_beside(name: str, folder: Path, changed: int, but: frozenset[Path]) -> str:
    """Guess once, of a folder whose names are compared in no time: the same file is asked for by many."""
    names = _beside(folder, changed, but)
    return meant(name, names) if len(names) <= COMPARED else ""


@lru_cache(maxsize=8)
def _beside(folder: Path, changed: int, but: frozenset[Path]) -> tuple[str, ...]:
    """The names in a folder, read once while it does not change: thousands may be missing from it."""
    return tuple(sorted(entry.name for entry in os.scandir(folder) if folder / entry.name not in but))
