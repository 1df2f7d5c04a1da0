"""What a clip may be at most. Far above honest use: beyond it stand broken clocks, and files made to fill a machine."""

from pathlib import Path

from pytest_lipleak.core.errors import InputError

LONGEST_CLIP = 7200.0
"""Seconds of a clip; its sound, which is held, then takes 230 MB."""

LONGEST_DELAY = 600.0
"""Seconds between the first picture and the first sound of a clip."""

LONGEST_GAP = 60.0
"""Seconds without a sound, or without a new picture, in the middle of a clip."""

LONGEST_STOP = 2.0
"""Seconds with neither: a clock that jumps."""

LARGEST_BACKSTEP = 0.5
"""Seconds that the clock of one stream may step back; sound that overlaps is trimmed. More is another clock."""

LARGEST_PICTURE = 4096 * 4096
"""Pixels of a picture: 50 MB in RGB."""

MOST_DAMAGED = 0.1
"""Share of the packets of a stream that cannot be decoded, up to which the rest is worth having."""


def place(seconds: float) -> str:
    """A time in a file, in words: ``1:02.50``, ``-0:00.10``."""
    minutes, rest = divmod(round(abs(seconds), 2), 60)
    return f"{'-' if seconds < 0 else ''}{minutes:.0f}:{rest:05.2f}"


def jump(path: Path, what: str, begin: float, end: float) -> InputError:
    """The error for a clock that jumps ahead from ``begin`` to ``end``."""
    return InputError(
        f"{path}: its clock jumps ahead by {end - begin:.2f} s at {place(begin)} (to {place(end)}), with {what}; "
        "the time stamps are broken or a stretch is missing: cut the clip there, or write its time stamps anew"
    )


def backstep(path: Path, what: str, begin: float, end: float) -> InputError:
    """The error for a clock that runs backwards, from ``begin`` to ``end``."""
    return InputError(
        f"{path}: the clock of its {what} runs backwards at {place(begin)} (to {place(end)}), as where two recordings "
        "were joined byte by byte; take them as two clips, or join them anew with a program that mends time stamps"
    )


def check_picture_size(path: Path, width: int, height: int) -> None:
    """Raise ``InputError`` for pictures above ``LARGEST_PICTURE``."""
    if width * height > LARGEST_PICTURE:
        raise InputError(
            f"{path}: pictures of {width} x {height} pixels, expected at most {LARGEST_PICTURE} pixels "
            "(4096 x 4096, say); scale the video down, or cut out the face"
        )
