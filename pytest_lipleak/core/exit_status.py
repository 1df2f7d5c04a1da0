"""Exit statuses of ``lipleak``: 1 means a leak, and nothing else does."""

GOOD, LEAK, USAGE, NOT_JUDGED, BROKEN = 0, 1, 2, 3, 4
"""Nothing to object to; a limit that shows leaks is broken; usage or unusable input; could not be judged, which is
pytest's status for an internal error, too; another limit is broken."""
