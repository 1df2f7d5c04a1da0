"""Text of strangers on terminals and in logs: it moves no cursor, begins no command, and has an end.

Names, exceptions, programs and reports may say anything; a terminal obeys escape sequences, and GitHub's runner obeys
lines like ``::error::`` wherever they come from.
"""

import re
import unicodedata

LONGEST_TEXT = 8000
"""Characters of a message that are shown; a model's exception may hold a whole array."""

_BIDIRECTIONAL = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
_COMMAND = re.compile(r"^(\s*):(?=:)|#(?=#\[)", re.MULTILINE)
"""Where GitHub's runner finds a command: at the start of a line, or behind ``##[`` anywhere in it."""


def is_unsafe(character: str) -> bool:
    """Whether a character can begin a line, move the cursor or reorder the text around it."""
    return character in _BIDIRECTIONAL or unicodedata.category(character) in _UNSAFE_CATEGORIES


def escaped(text: str) -> str:
    """Return ``text`` on one line, with every unsafe character written as its escape, ``\\x1b`` for ESC."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(ascii(letter)[1:-1] if is_unsafe(letter) else letter for letter in text)


def printable(text: str) -> str:
    """Return a message as it may be shown: several lines, none of them a command, of bearable length.

    Line breaks and tabs stay; every other unsafe character is written as its escape. What is too long loses its middle.
    """
    if len(text) > LONGEST_TEXT:
        note = f" [... {len(text) - LONGEST_TEXT} characters are left out ...] "
        end = LONGEST_TEXT // 4
        text = f"{text[: LONGEST_TEXT - end - len(note)]}{note}{text[-end:]}"
    if not (text.isascii() and text.isprintable()):
        text = "".join(
            ascii(letter)[1:-1] if letter not in "\n\t" and is_unsafe(letter) else letter for letter in text
        )
    return _COMMAND.sub(lambda match: f"{match[1] or ''}\\x{ord(match[0][-1]):02x}", text)
