"""Whether a run of pytest asks for the plugin: it names an option, an ini key or a variable, or has a test of ours."""

import os
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

from pytest_lipleak.pytest_session.stash import KEY
from pytest_lipleak.settings.options import OPTIONS, OTHER_VARIABLES

if TYPE_CHECKING:
    from pytest_lipleak.pytest_session.session import LipleakSession

HOOKS = "lipleak-hooks"
"""Name of the plugin with the hooks of a run that asks."""

OF_XDIST = ("numprocesses", "tx", "looponfail")
"""Options with which others run the tests: what they collect, this process learns too late."""


def asks(config: pytest.Config, arguments: Sequence[str]) -> bool:
    """Whether a run asks for the plugin, as far as is known before anything is collected.

    Args:
        config: pytest's, whose options may come from elsewhere than its arguments.
        arguments: the command line's.
    """
    options = vars(config.known_args_namespace)
    return (
        any("lipleak" in argument for argument in arguments)
        or any(name.startswith("LIPLEAK_") and name not in OTHER_VARIABLES for name in os.environ)
        # On GitHub Actions, annotations are written.
        or any(os.environ.get(name) for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"))
        or any(_in_ini_file(config, option.ini) for option in OPTIONS)
        or any(options.get(name) for name in OF_XDIST)
        or any(value is not None for name, value in options.items() if name.startswith("lipleak"))
    )


def _in_ini_file(config: pytest.Config, key: str) -> bool:
    try:
        return config.getini(key) is not None
    except (TypeError, ValueError, pytest.UsageError):
        return True  # and cannot be read, which is said where settings are resolved


def is_asked(config: pytest.Config) -> bool:
    """Whether the run has asked for the plugin."""
    return config.pluginmanager.hasplugin(HOOKS)


def ask(config: pytest.Config, session: pytest.Session | None = None) -> None:
    """Register the hooks of a run that asks, once.

    Args:
        config: pytest's.
        session: where it has begun already, what was collected so far.
    """
    if is_asked(config):
        return
    hooks = import_module("pytest_lipleak.session_hooks")
    # In a run that is configured already, pytest calls their ``pytest_configure`` now.
    config.pluginmanager.register(hooks, HOOKS)
    if session is not None:
        hooks.pytest_sessionstart(session)
        # What could not be collected before.
        config.stash[KEY].tests.failures += session.testsfailed


def session_of(request: pytest.FixtureRequest) -> "LipleakSession":
    """Return what the plugin knows during this run; a test may ask for a fixture by name only when it runs."""
    ask(request.config, request.session)
    return request.config.stash[KEY]
