"""JSON of strangers: read as the standard says, so that no two readers see different things in one file.

Python's own reader takes NaN, lets the last of two equal keys win, and ends in ``RecursionError`` on deep files.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from pytest_lipleak.core.errors import InputError

LARGEST = 1e15
"""Beyond it no measure of ours lies, and sums of squares may overflow."""

LARGEST_WHOLE = 2**63


def parse_json(data: bytes, where: str) -> Any:
    """Return what a JSON file holds.

    Args:
        data: its bytes, UTF-8 with or without a byte order mark.
        where: the file, for messages.

    Raises:
        InputError: it is no JSON, or nested too deeply, or holds a key twice, a number that is none or too large, or
            half a character.
    """
    try:
        text = data.decode("utf-8-sig")
        found = json.loads(
            text,
            parse_constant=_no_number,
            parse_float=_float,
            parse_int=_whole,
            object_pairs_hook=_object,
        )
        # Escapes may make halves of characters, which nothing can print.
        json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise InputError(f"{where}: is nested too deeply to be read") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: is no text in UTF-8 (byte {error.start})") from None
    except UnicodeEncodeError:
        raise InputError(f"{where}: holds half a character (a lone surrogate)") from None
    except ValueError as error:
        raise InputError(f"{where}: is no JSON file ({error})") from None
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


def _float(text: str) -> float:
    value = float(text)
    if not abs(value) <= LARGEST:
        raise ValueError(f"the number {text[:30]} is out of range")
    return value


def _whole(text: str) -> int:
    if len(text) > 20 or abs(value := int(text)) >= LARGEST_WHOLE:
        raise ValueError(f"the number {text[:30]} is out of range")
    return value


def _object(pairs: Sequence[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for number, (key, _) in enumerate(pairs) if key in dict(pairs[:number]))
        raise ValueError(f"the key {json.dumps(twice[:80])} stands twice in one object")
    return found
