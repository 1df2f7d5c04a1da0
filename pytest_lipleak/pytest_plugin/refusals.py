"""Refusals of a run that nobody foresaw, in words."""

from collections.abc import Callable

import pytest


def refusing(config: pytest.Config, check: Callable[[], None]) -> None:
    """Call what may refuse the run; what nobody foresaw is a refusal, too, and not pytest's INTERNALERROR."""
    try:
        check()
    except pytest.UsageError:
        raise
    except Exception as error:
        raise unexpected(config, error) from error


def unexpected(config: pytest.Config, error: Exception) -> pytest.UsageError:
    """Word an error that nobody foresaw; with -v its traceback is printed."""
    from pytest_lipleak.core import errors

    if config.get_verbosity() > 0:
        import traceback

        traceback.print_exception(error)
    return pytest.UsageError(f"lipleak: {errors.unexpected(error)}")
