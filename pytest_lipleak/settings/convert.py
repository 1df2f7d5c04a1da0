"""From what somebody wrote, as text or as TOML has it, to a checked value."""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

TRUE, FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


class RefusedError(Exception):
    """A value that is not allowed: worded here, raised as the family of errors of whoever asks."""


class Origin(NamedTuple):
    """Where a value comes from.

    Args:
        source: in the words of an error message, for example ``--seed`` or ``ini key lipleak_seed``.
        folder: from where relative paths are meant.
    """

    source: str
    folder: Path


Convert = Callable[[Any, Origin], Any]
"""Returns the checked value, or raises ``RefusedError`` with what is wrong and what is allowed."""


def text(value: Any, origin: Origin) -> str:
    """Any text."""
    return str(value)


def number(value: Any, origin: Origin) -> int:
    """A whole number, 0 or more."""
    if not re.fullmatch(r"\s*\d{1,18}\s*", str(value)):
        raise RefusedError(f"{value!r} is not allowed; expected a whole number, 0 or more")
    return int(value)


def count(value: Any, origin: Origin) -> int:
    """A whole number, 1 or more: of what has a default without a number, nothing takes that back."""
    found = number(value, origin)
    if not found:
        raise RefusedError(f"{value!r} is not allowed; expected a whole number, 1 or more, or nothing")
    return found


def expert(value: Any, origin: Origin) -> str:
    """A sync expert. Packages are asked for theirs only where none of ours is named.

    ``embedded-3`` is the embedded expert where that is its release, and refused where it is another.
    """
    found = str(value)
    if found not in ("auto", "syncnet", "embedded"):
        from pytest_lipleak.sync.experts import AUTO, EMBEDDED, known_experts

        expert, _, release = found.partition("-")
        if expert == EMBEDDED and release.isdigit():
            from pytest_lipleak.sync.embedded import RELEASE

            if release == RELEASE:
                return EMBEDDED
            raise RefusedError(
                f"{found} is not in this version of pytest-lipleak, whose embedded expert is release {RELEASE}; "
                f"install the version that has it, or name embedded-{RELEASE} and measure anew what it judged"
            )
        one_of(found, (AUTO, *known_experts()))
    return found


def flag(value: Any, origin: Origin) -> bool:
    """Yes or no, in the words of ini files."""
    word = str(value).strip().lower()
    if word not in (*TRUE, *FALSE):
        raise RefusedError(f"{value!r} is neither true nor false; use one of these (or 1, 0)")
    return word in TRUE


def entries(value: Any, origin: Origin) -> tuple[str, ...]:
    """A list; one text holds its entries separated by ``;``."""
    found = value.split(";") if isinstance(value, str) else value
    return tuple(entry.strip() for entry in found if entry.strip())


def path(value: Any, origin: Origin) -> Path:
    """A path, absolute from now on: tests may change the working directory."""
    try:
        found = origin.folder / Path(str(value)).expanduser()
        # What no file system holds would surprise whoever looks for it.
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            found.lstat()
    except (OSError, RuntimeError, ValueError) as error:  # too long; no such user; a null character
        why = getattr(error, "strerror", None) or error
        raise RefusedError(f"{str(value)[:80]!r} cannot be a path ({why})") from None
    return found


def clips(value: Any, origin: Origin) -> str:
    """A path, or the word for the clips that are shipped."""
    return "embedded" if value == "embedded" else str(path(value, origin))


def model(value: Any, origin: Origin) -> str:
    """A model's name; a relative ``file.py:attribute`` or ``model.onnx`` may lie beside the ini file that names it."""
    name = str(value)
    if name.startswith("videos:"):
        spec = Path(name.removeprefix("videos:")).expanduser()
        # Written in an ini file, it is meant from there.
        return name if spec.is_absolute() or origin.folder == Path.cwd() else f"videos:{origin.folder / spec}"
    where, colon, attribute = (name, "", "") if name.endswith(".onnx") else name.rpartition(":")
    if not where.endswith((".py", ".onnx")):
        return name
    beside = path(where, origin)
    return name if Path(where).is_file() or not beside.is_file() else f"{beside}{colon}{attribute}"


def device(value: Any, origin: Origin) -> str:
    """Where networks run."""
    from pytest_lipleak.core.device_names import no_device

    if why := no_device(str(value)):
        raise RefusedError(why)
    return str(value)


def confidence(value: Any, origin: Origin) -> float:
    """Coverage of an interval."""
    if not re.fullmatch(r"0?\.[5-9]\d*", str(value)):
        raise RefusedError(f"{value!r} is no share from 0.5 to below 1; write for example 0.95")
    return float(value)


def shard(value: Any, origin: Origin) -> tuple[int, int]:
    """Part I of N, from ``I/N``."""
    match = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", str(value))
    if match is None or int(match[1]) > int(match[2]):
        raise RefusedError(f"{value!r} is no part; write I/N with I from 1 to N, for example 2/8")
    return int(match[1]), int(match[2])


def one_of(value: Any, choices: Iterable[str]) -> None:
    """Refuse what is none of ``choices``."""
    if value not in choices:
        from pytest_lipleak.core.suggestions import meant

        names = [*choices]
        raise RefusedError(
            f"{value!r} is not allowed; choose one of {', '.join(names)}{meant(str(value), names)}"
        )


def instead(word: str, known: Iterable[str]) -> str:
    """Return the end of a message about a word that is not known: what was probably meant, or what is known."""
    from pytest_lipleak.core.suggestions import meant_or_known

    return meant_or_known(word, sorted(known))
