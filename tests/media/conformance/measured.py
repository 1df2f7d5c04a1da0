"""A recipe's result: lipleak's reading beside ffmpeg's and the original."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .original import Original
from .readings import Reading, ffmpeg_reading, lipleak_reading
from .recipes import Recipe

FRAME_MS = 40.0
PICTURE_LEVELS = 3.0
"""Mean difference of a picture from ffmpeg's, in grey levels."""


@dataclass(frozen=True)
class Result:
    """What came of a recipe; numbers are those of lipleak's reading.

    Args:
        recipe: made and read.
        faults: why it is not conforming; empty when it is.
        frames: how many.
        begin: milliseconds that the sound lags behind the picture at the beginning, codec delay taken out.
        end: the same at the end.
        words: notes, or the words of the refusal.
        seconds: that reading took.
    """

    recipe: Recipe
    faults: tuple[str, ...] = ()
    frames: int | None = None
    begin: float | None = None
    end: float | None = None
    words: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Made:
    """A recipe's file, and its separate sound."""

    recipe: Recipe
    path: Path
    sound: Path | None


def make(recipe: Recipe, original: Original, folder: Path) -> Made:
    """Make the recipe's files in an empty folder."""
    path = recipe.make(original.path, folder / "clip")
    return Made(recipe, path, recipe.sound(original.path, folder / "sound") if recipe.sound else None)


def measure(made: Made, original: Original) -> Result:
    """Read the recipe's file, and compare."""
    recipe, path, sound = made.recipe, made.path, made.sound
    from pytest_lipleak.core.errors import LipleakError

    began = time.perf_counter()
    try:
        ours = lipleak_reading(path, sound)
    except LipleakError as error:
        words, seconds = str(error).replace(f"{path.parent}/", ""), time.perf_counter() - began
        faults = _refusal_faults(recipe, words, seconds)
        return Result(recipe, tuple(faults), words=words, seconds=seconds)
    seconds = time.perf_counter() - began
    if recipe.refused is not None:
        return Result(
            recipe, (f"read {len(ours.frames)} frames; expected a refusal",), words="; ".join(ours.notes)
        )
    theirs = ffmpeg_reading(path, *recipe.tracks, sound)
    faults = list(_picture_faults(recipe, original, ours, theirs))
    begin, end = (ours.shift(original, at_end) - recipe.delay for at_end in (False, True))
    faults += _sound_faults(recipe, original, ours, theirs, (begin, end))
    words = "; ".join(ours.notes)
    if recipe.note and not re.search(recipe.note, words):
        faults.append(f"no note that says {recipe.note!r}: {words!r}")
    return Result(recipe, tuple(faults), len(ours.frames), begin, end, words, seconds)


def _refusal_faults(recipe: Recipe, words: str, seconds: float) -> Iterator[str]:
    if recipe.refused is None:
        yield f"refused: {words}"
    elif not re.search(recipe.refused, words, re.IGNORECASE):
        yield f"refused without {recipe.refused!r}: {words}"
    if recipe.refused is not None and seconds > 2.0:
        yield f"refused only after {seconds:.1f} s"


def _picture_faults(recipe: Recipe, original: Original, ours: Reading, theirs: Reading) -> Iterator[str]:
    numbers, its = ours.numbers, theirs.numbers
    if (numbers < 0).any():
        yield f"{(numbers < 0).sum()} of {len(numbers)} frames are none of the original's (turned or blended?)"
        return
    expected = its if recipe.frames is None else np.array(recipe.frames)
    if abs(len(numbers) - len(expected)) > 1 or _off(numbers, expected) > recipe.slack:
        yield f"frames {_ranges(numbers)}, expected {_ranges(expected)}"
    if not recipe.apart and (abs(len(numbers) - len(its)) > 1 or _off(numbers, its) > 1 + recipe.slack):
        yield f"frames {_ranges(numbers)}, ffmpeg {_ranges(its)}"
    if (np.diff(numbers) < 0).any():
        yield f"frames go back: {_ranges(numbers)}"
    height, width = ours.shape
    if abs(width / height / recipe.aspect - 1) > 0.02:
        yield f"{width} x {height} pixels; expected {recipe.aspect:.2f} times as wide as high"
    whole = original.frames[numbers]
    worst = max(_difference(one, other) for one, other in zip(ours.frames, whole, strict=True))
    if worst > recipe.lossy:
        yield f"a picture differs from the original's by {worst:.1f} levels"
    same = [
        (one, other)
        for one, other, mine, same_as in zip(ours.frames, theirs.frames, numbers, its, strict=False)
        if mine == same_as
    ]
    if same and (most := max(_difference(*pair) for pair in same)) > PICTURE_LEVELS:
        yield f"a picture differs from ffmpeg's by {most:.1f} levels"


def _sound_faults(
    recipe: Recipe, original: Original, ours: Reading, theirs: Reading, shifts: tuple[float, float]
) -> Iterator[str]:
    if abs(len(ours.audio) - 640 * len(ours.frames)) > 0:
        yield f"{len(ours.audio)} samples for {len(ours.frames)} frames"
    limit = recipe.within + FRAME_MS * recipe.slack
    for place, shift, at_end in zip(("beginning", "end"), shifts, (False, True), strict=True):
        its = theirs.shift(original, at_end) - recipe.delay
        if abs(shift) > limit or (not recipe.apart and abs(shift - its) > FRAME_MS + limit):
            yield f"sound {shift:+.0f} ms at the {place} (ffmpeg {its:+.0f} ms)"


def _off(numbers: np.ndarray, expected: np.ndarray) -> int:
    both = min(len(numbers), len(expected))
    return int(np.abs(numbers[:both] - expected[:both]).max())


def _difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(np.int16) - other).mean())


def _ranges(numbers: np.ndarray) -> str:
    """``0..74``, with breaks where the numbers do not go on by one."""
    runs: list[list[int]] = []
    for number in map(int, numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    words = [f"{run[0]}..{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]
    return " ".join(words if len(words) < 12 else [*words[:11], "..."])
