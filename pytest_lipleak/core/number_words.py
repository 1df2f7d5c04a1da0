"""Words of numbers."""

import math
from collections.abc import Sequence

SHOWN = 5
"""Names that one line shows, of clips, files, tests or videos; it counts the others."""


def counted(number: int, what: str) -> str:
    """Return a number of things, for example ``1 clip`` or ``3 clips``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def named(names: Sequence[str], most: int = SHOWN) -> str:
    """Return names in a row, so many at most, and count the others: ``one, two and 3 more``."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def at_least_tenths(seconds: float) -> str:
    """Return a length in tenths, rounded down: what falls short of a limit never reads like it."""
    return f"{math.floor(round(seconds * 10, 6)) / 10:.1f}"
