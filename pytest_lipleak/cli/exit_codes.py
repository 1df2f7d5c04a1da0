"""What the exit status of ``lipleak`` says; the same for every subcommand."""

GOOD, LEAK, USAGE, NOT_JUDGED = 0, 1, 2, 3
"""Nothing to object to; a limit is broken; usage error or unusable input; it could not be judged."""

CUT_OFF = 141
"""Nobody read the output to its end: what shells make of a broken pipe, so that no verdict is mistaken for another."""

EXIT_STATUS = (
    "exit status: 0 good, 1 leak (a limit is broken), 2 usage or unusable input, 3 could not be judged"
)
