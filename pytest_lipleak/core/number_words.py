"""Words of numbers."""

import math


def counted(number: int, what: str) -> str:
    """Return a number of things, for example ``1 clip`` or ``3 clips``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def at_least_tenths(seconds: float) -> str:
    """Return a length in tenths, rounded down: what falls short of a limit never reads like it."""
    return f"{math.floor(round(seconds * 10, 6)) / 10:.1f}"
