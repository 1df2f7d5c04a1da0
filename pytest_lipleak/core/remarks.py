"""What happened on the way and is nobody's failure: notes of a report, never Python's warnings.

A suite with ``filterwarnings = error`` turns warnings into failures, and would call the model broken because its video
ends a frame early.
"""

import logging
import sys
from collections.abc import Callable

_LOGGER = logging.getLogger("pytest_lipleak")
_hearing: list[Callable[[str], None]] = []
_telling: list[Callable[[str], None]] = []


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


def tell_by(teller: Callable[[str], None]) -> None:
    """Let what the user must know at once be told by this function from now on.

    Args:
        teller: takes a sentence; pytest would swallow what is printed.
    """
    _telling[:] = [teller]


def tell(text: str) -> None:
    """Tell the user at once, on stderr where nobody else does it: a download that begins, for example."""
    if not _telling:
        print(f"lipleak: {text}", file=sys.stderr, flush=True)
    for teller in _telling:
        teller(text)
