"""Words of numbers."""


def counted(number: int, what: str) -> str:
    """Return a number of things, for example ``1 clip`` or ``3 clips``."""
    return f"{number} {what}{'' if number == 1 else 's'}"
