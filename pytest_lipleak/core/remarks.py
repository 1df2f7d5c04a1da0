"""What happened on the way and is nobody's failure: notes of a report, never Python's warnings.

A suite with ``filterwarnings = error`` turns warnings into failures, and would call the model broken because its video
ends a frame early.
"""

import logging
from collections.abc import Callable

_LOGGER = logging.getLogger("pytest_lipleak")
_hearing: list[Callable[[str], None]] = []


def hear(listener: Callable[[str], None]) -> None:
    """Give remarks from now on to whoever measures: until another one does, also between its tests.

    Args:
        listener: takes a remark.
    """
    _hearing[:] = [listener]


def remark(text: str) -> None:
    """Note something for the report; where nothing is measured, in the log ``pytest_lipleak``."""
    if not _hearing:
        _LOGGER.warning(text)
    for listener in _hearing:
        listener(text)
