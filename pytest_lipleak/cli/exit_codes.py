"""What the exit status of ``lipleak`` says; the same for every subcommand."""

from pytest_lipleak.core.exit_status import BROKEN, GOOD, LEAK, NOT_JUDGED, USAGE

__all__ = ["BROKEN", "CUT_OFF", "EXIT_STATUS", "GOOD", "LEAK", "NOT_JUDGED", "USAGE"]

CUT_OFF = 141
"""Nobody read the output to its end: what shells make of a broken pipe, so that no verdict is mistaken for another."""

EXIT_STATUS = (
    "exit status: 0 good, 1 leak (a limit that shows leaks is broken), 2 usage or unusable input, 3 could not be "
    "judged (also: interrupted, or an unexpected error), 4 another limit is broken (lips do not follow the audio, "
    "poor pictures)"
)
