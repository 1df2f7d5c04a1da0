"""What the exit status of ``lipleak`` says; the same for every subcommand."""

GOOD, LEAK, USAGE, NOT_JUDGED = 0, 1, 2, 3
"""Nothing to object to; a limit is broken; usage error or unusable input; it could not be judged."""

EXIT_STATUS = (
    "exit status: 0 good, 1 leak (a limit is broken), 2 usage or unusable input, 3 could not be judged"
)
