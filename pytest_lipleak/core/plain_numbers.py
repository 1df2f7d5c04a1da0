"""Numbers in JSON, which has no infinity and no NaN: written so that every reader takes them, and read back."""

import math
from typing import Any


def plain_number(value: float) -> float | str | None:
    """Return a number as reports have it.

    Infinity, which is the PSNR of identical pictures, is the text ``inf``; NaN, which is no value at all, is null.
    """
    return None if math.isnan(value) else value if math.isfinite(value) else str(value)


def number_of(plain: float | str | None) -> float:
    """Return the number that ``plain_number`` wrote, to the bit."""
    return math.nan if plain is None else float(plain)


def plain_data(value: Any) -> Any:
    """Return plain data with every number as reports have it."""
    if isinstance(value, float):
        return plain_number(value)
    if isinstance(value, dict):
        return {name: plain_data(inner) for name, inner in value.items()}
    return [plain_data(inner) for inner in value] if isinstance(value, list | tuple) else value
