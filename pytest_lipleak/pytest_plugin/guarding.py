"""The process ends with status 0 only where the run has passed: the model's code may end it at any time."""

from typing import TYPE_CHECKING, Any

import pytest

from pytest_lipleak.core.exit_status import NOT_JUDGED
from pytest_lipleak.pytest_plugin.stash import GUARD, KEY

if TYPE_CHECKING:
    from pytest_lipleak.machine.exit_guard import ExitGuard


def guard(config: pytest.Config) -> "ExitGuard":
    """Let the process end with status 0 only when the run has passed."""
    from pytest_lipleak.machine.exit_guard import ExitGuard

    if GUARD not in config.stash:
        from pytest_lipleak.pytest_plugin.display import Display

        config.stash[GUARD] = ExitGuard(Display(config).say)
        config.stash[GUARD].arm()
    return config.stash[GUARD]


def crashed(config: pytest.Config, error: BaseException) -> None:
    """Take back what is written of a run that an error ends.

    Raises:
        SystemExit: instead of one that would read as passed.
    """
    ours = config.stash.get(KEY, None)
    if ours is not None:
        ours.crashed(error)
    if isinstance(error, SystemExit) and GUARD in config.stash:
        raise not_judged(error) from error


def ended(config: pytest.Config, status: Any) -> Any:
    """Note how the run ended; return the status that says so.

    Args:
        config: pytest's.
        status: what pytest made of it; None where an error ended it.
    """
    if not (known := config.stash.get(GUARD, None)):
        return status
    from pytest_lipleak.machine.exit_guard import reads_as_passed

    known.ended = True
    ours = config.stash.get(KEY, None)
    if status is not None and reads_as_passed(status) and ours is not None and not ours.came_to_its_end():
        status = NOT_JUDGED
    known.passed = status is not None and reads_as_passed(status)
    return status


def not_judged(error: SystemExit) -> SystemExit:
    """Return what ends the process as a run that was not judged, with a status that says so."""
    from pytest_lipleak.machine.exit_guard import asked_for, safe_status, to_stderr

    ended = SystemExit(asked_for(error))
    if isinstance(error.code, str):  # Python would have printed it
        to_stderr(f"NOT JUDGED: the run was ended by sys.exit: {error.code}")
    ended.code = safe_status(error)
    return ended
