"""Exit statuses of ``lipleak``, the same for every subcommand: 1 means a leak, and nothing else does.

Which finding of a run has which is said in ``verdicts/endings.py``.
"""

GOOD, LEAK, USAGE, NOT_JUDGED, BROKEN = 0, 1, 2, 3, 4
"""As ``EXIT_STATUS`` says it; NOT_JUDGED is pytest's status for an internal error, too."""

CUT_OFF = 141
"""Nobody read the output to its end: what shells make of a broken pipe, so that no verdict is mistaken for another."""

EXIT_STATUS = (
    f"exit status: {GOOD} good, {LEAK} leak (a limit that shows leaks is broken), {USAGE} usage or unusable input, "
    f"{NOT_JUDGED} could not be judged (also: interrupted, or an unexpected error), {BROKEN} another limit is broken "
    "(lips do not follow the audio, poor pictures)"
)
"""For the end of every ``--help``."""
