"""Names of clips, models and files: which are accepted, and how they are shown and turned into file names.

Names come from strangers: from folders, manifests and reports. This is the one place that says what is safe.
"""

import re
import unicodedata
from hashlib import sha256

from pytest_lipleak.core.errors import InputError
from pytest_lipleak.core.text import escaped as escaped
from pytest_lipleak.core.text import is_unsafe as is_unsafe

LONGEST_NAME = 500
"""Characters a clip's name may have, its sub-folders included."""

LONGEST_STEM = 150
"""Bytes of a file stem; file systems take 255 for a whole file name, with condition and suffix."""

_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])(?=\.|$)", re.IGNORECASE
)
_PLAIN = re.compile(r"[a-z0-9_][a-z0-9_=.-]*(?:[/:][a-z0-9_=-][a-z0-9_=.-]*)*")
_TOLD_APART = re.compile(r"-[0-9a-f]{8}")
_ABSOLUTE = re.compile(r"[/\\]|[a-z]:[/\\]", re.IGNORECASE)
_SEPARATORS = str.maketrans({"/": "+", ":": "@"})


def check_name(text: str, where: str) -> str:
    """Return a clip's name unchanged, or refuse it.

    Args:
        text: the name, sub-folders separated by ``/``.
        where: the file and line it stands in, for the message.

    Raises:
        InputError: the name is empty, longer than ``LONGEST_NAME``, absolute, climbs out of its folder with
            ``..``, or holds control characters, line breaks, marks that reorder text or bytes that are no text.
    """
    shown = _short(text)
    if not text.strip():
        raise InputError(f"{where}: a clip's name is empty; give every clip a name")
    if len(text) > LONGEST_NAME:
        raise InputError(
            f"{where}: the name '{shown}' has {len(text)} characters; at most {LONGEST_NAME} are accepted, "
            "give the clip a shorter name"
        )
    check_printable(text, where, "name")
    if _ABSOLUTE.match(text):
        raise InputError(f"{where}: the name '{shown}' is an absolute path; give a name such as 'ann/1'")
    if ".." in re.split(r"[/\\]", text):
        raise InputError(
            f"{where}: the name '{shown}' leads out of its folder ('..'); give a name such as 'ann/1'"
        )
    return text


def check_printable(text: str, where: str, what: str) -> None:
    """Refuse text that is shown in reports and holds unsafe characters.

    Args:
        text: the text.
        where: the file and line it stands in, for the message.
        what: what it is, for example ``speaker``.

    Raises:
        InputError: it holds control characters, line breaks, marks that reorder text or bytes that are no text.
    """
    if text.isascii() and text.isprintable():
        return
    unsafe = next((letter for letter in text if is_unsafe(letter)), None)
    if unsafe is not None:
        raise InputError(
            f"{where}: the {what} '{_short(text)}' holds the character U+{ord(unsafe):04X}, which is no printable "
            "text; write it with printable characters only"
        )


def _short(text: str) -> str:
    return escaped(text if len(text) <= 80 else f"{text[:77]}...")


def file_stem(name: str) -> str:
    """Return the stem of a file or folder that belongs to a clip or model, safe on every file system.

    A name of small letters, digits and ``_ = . -`` stays as it is, with ``+`` for ``/`` and ``@`` for ``:``. Any
    other name, one with capitals among them (many file systems do not tell them apart), is made readable and gets
    eight hexadecimal digits of its hash. So stems are as unique as names, whatever else is in the folder, and
    every process finds the same one.

    Args:
        name: any text.

    Returns:
        At most ``LONGEST_STEM`` bytes in UTF-8; no separators, no leading or trailing dot, no reserved name.
    """
    plain = _PLAIN.fullmatch(name) and not name.endswith(".") and len(name) <= LONGEST_STEM
    if plain and not _RESERVED.match(name) and not _TOLD_APART.search(name, len(name) - 9):
        return name.translate(_SEPARATORS)
    digits = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    kept = unicodedata.normalize("NFC", name).translate(_SEPARATORS)
    readable = "".join(letter if _is_readable(letter) else "_" for letter in kept)
    readable = re.sub(r"_{2,}", "_", readable).strip(".")
    if not readable or not (readable[0].isalnum() or readable[0] == "_") or _RESERVED.match(readable):
        readable = f"_{readable}"
    short = readable.encode()[: LONGEST_STEM - 9].decode(errors="ignore")
    return f"{short}-{digits}"


def _is_readable(letter: str) -> bool:
    return letter in "_=.-+@" or (unicodedata.category(letter)[0] in "LMN" and not is_unsafe(letter))
