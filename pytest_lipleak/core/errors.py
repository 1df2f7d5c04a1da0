"""Every error a user can meet, as one family.

A message says what was got, what was expected and what to do, and names the file or option.
"""

import traceback
from pathlib import Path

from pytest_lipleak.core.text import printable

LONGEST = 300
"""Characters that are shown of an unexpected error's own words."""


class LipleakError(Exception):
    """Base of all errors that pytest-lipleak raises on purpose; its words may quote anybody, and are safe to print."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*(printable(each) if isinstance(each, str) else each for each in arguments))


def with_message(kind: type[LipleakError], words: str) -> LipleakError:
    """Return an error of a kind with these words; some kinds build theirs from other arguments."""
    error = kind.__new__(kind)
    error.args = (printable(words),)
    return error


def unexpected(error: BaseException, flag: str | None = "-v") -> str:
    """Say of an error that nobody foresaw what happened and what to report, in one line.

    Args:
        error: what was raised.
        flag: shows the traceback; None where there is no such option.
    """
    place = ""
    if error.__traceback__ is not None:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f" ({'/'.join(Path(last.filename).parts[-2:])}, line {last.lineno})"
    try:
        said = printable(" ".join(str(error).split()))
    except BaseException:  # the error may be the model's, and its words as well
        said = ""
    said = f": {said[:LONGEST]}{'...' if len(said) > LONGEST else ''}" if said else ""
    more = f" and the traceback ({flag} shows it)" if flag else ""
    return (
        f"could not be judged: unexpected {type(error).__name__}{said}{place}; please report this line{more}"
    )


class ConfigurationError(LipleakError):
    """An option, ini value, gate, metric or model name that cannot be used."""


class InputError(LipleakError):
    """A media file, manifest or pair list that cannot be used."""


class UnknownClipError(InputError, KeyError):
    """A clip that a set does not have."""

    __str__ = Exception.__str__  # a KeyError's own would quote the words


class MissingDataError(LipleakError):
    """Something that should be at hand is not: shipped data, weights, a clip."""


class MissingExtraError(LipleakError):
    """An optional dependency is not installed."""

    def __init__(self, purpose: str, package: str, extra: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed; "
            f"install it with: pip install 'pytest-lipleak[{extra}]'"
        )


class WeightsError(LipleakError):
    """A weights file that is not what it should be: wrong hash, wrong content, unsafe pickle."""


class GeneratorError(LipleakError):
    """The model under test raised, or returned something that is not a talking face clip."""


class UnbuiltModelError(GeneratorError):
    """A model whose factory failed: nothing can be judged, and no option is wrong."""


class WrongVideoError(LipleakError):
    """A finished video that was not made as its table says: another file, another clip, another audio."""

    place = ""
    """Which video, and where it stands in the table, before the reason; empty where nobody said it apart."""

    def __init__(self, why: str, place: str = "") -> None:
        super().__init__(f"{place}: {why}" if place else why)
        self.place = place


class UnscorableError(LipleakError):
    """A clip that the sync expert cannot judge; it stays in the report as unscored, with this reason."""


class GateFailedError(LipleakError):
    """A gate's limit is not kept; carries the text of the failure."""


class NotApplicableError(LipleakError):
    """A condition that the model under test does not have (no reference, no CR)."""


class StoreError(LipleakError):
    """The folder of artefacts cannot be used: it cannot be written to, or its disk is full."""


class OutputError(LipleakError):
    """A report or another file that was asked for could not be written; what it was to hold is told all the same."""


class ExecutorError(LipleakError):
    """A cluster that was to measure parts was lost, or its processes died over them."""
