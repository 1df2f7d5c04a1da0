"""Every error a user can meet, as one family.

A message says what was got, what was expected and what to do, and names the file or option.
"""


class LipleakError(Exception):
    """Base of all errors that pytest-lipleak raises on purpose."""


def retold(kind: type[LipleakError], words: str) -> LipleakError:
    """Return an error of a kind with these words; some kinds build theirs from other arguments."""
    error = kind.__new__(kind)
    error.args = (words,)
    return error


class ConfigurationError(LipleakError):
    """An option, ini value, gate, metric or model name that cannot be used."""


class InputError(LipleakError):
    """A media file, manifest or pair list that cannot be used."""


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


class UnscorableError(LipleakError):
    """A clip that the sync expert cannot judge; it stays in the report as unscored, with this reason."""


class NotApplicableError(LipleakError):
    """A condition that the model under test does not have (no reference, no CR)."""


class StoreError(LipleakError):
    """The folder of artefacts cannot be used: it cannot be written to, or its disk is full."""


class OutputError(LipleakError):
    """A report or another file that was asked for could not be written; what it was to hold is told all the same."""


class ExecutorError(LipleakError):
    """A cluster that was to measure parts was lost, or its processes died over them."""
