"""Whether a run of pytest asks for the plugin: it sets an option, an ini key or a variable, or has a test of ours."""

import os
import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lipleak.pytest_plugin.stash import KEY, SETTINGS
from pytest_lipleak.settings.options import Settings

if TYPE_CHECKING:
    from pytest_lipleak.pytest_plugin.session import LipleakSession

HOOKS = "lipleak-hooks"
"""Name of the plugin with the hooks of a run that asks."""

OF_XDIST = ("numprocesses", "tx", "looponfail")
"""Options with which others run the tests: what they collect, this process learns too late."""


class _AsInstalled:
    """Finds our modules before pytest does, which rewrites the assertions of all modules of a plugin, as of tests.

    That reads and compiles each of them anew: in the first run of every environment and, where no bytecode may be
    written (``PYTHONDONTWRITEBYTECODE``), in every process.
    """

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return where a module of ours is; of others, None."""
        return PathFinder.find_spec(name, path, target) if name.startswith("pytest_lipleak.") else None


def is_spread(config: pytest.Config) -> bool:
    """Whether other processes run the tests."""
    return any(config.getoption(name, None) for name in OF_XDIST)


def ask_where_set(config: pytest.Config) -> None:
    """Resolve the settings, for all that this run will ask; where one of them is set, ask for the rest.

    What is set later counts for nobody: a test that asks late finds what an option on the command line would find.

    Raises:
        pytest.UsageError: a value that is not allowed.
    """
    settings = settings_of(config)
    # On GitHub Actions, annotations are written.
    on_github = any(os.environ.get(name) for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"))
    in_xdist = is_spread(config) or hasattr(config, "workerinput")
    if settings.sources or settings.refusal is not None or on_github or in_xdist:
        ask(config)


def settings_of(config: pytest.Config) -> Settings:
    """Return the settings of the run, resolved when pytest is configured.

    Raises:
        pytest.UsageError: a value that is not allowed.
    """
    if SETTINGS not in config.stash:
        from pytest_lipleak.settings.resolve import read_settings

        config.stash[SETTINGS] = read_settings(config)
    return config.stash[SETTINGS]


def refuse_late_settings(config: pytest.Config) -> None:
    """Refuse what somebody set after the settings were resolved: it would count for nobody, and a named model least.

    Raises:
        pytest.UsageError: an option, ini key or variable has another value now, or one that is not allowed.
    """
    from pytest_lipleak.settings.resolve import changed_options, read_settings

    if changed := changed_options(settings_of(config), read_settings(config)):
        raise pytest.UsageError(
            f"{', '.join(changed)}: set by a conftest.py or a plugin after pytest-lipleak had read its settings, so "
            "that it would not count; set it in the ini file, or in a pytest_configure that comes first "
            "(@pytest.hookimpl(tryfirst=True))"
        )


def is_ours(item: pytest.Item) -> bool:
    """Whether a test has a fixture of ours, or the mark."""
    return "lipleak" in item.keywords or any(
        name.startswith("lipleak") for name in getattr(item, "fixturenames", ())
    )


def asked_while_it_ran(item: pytest.Item) -> bool:
    """Whether a test asked for a fixture of ours by name, as ``request.getfixturevalue`` does."""
    # pytest has no public way to ask an item for its request, which knows what was asked for meanwhile.
    return "_lipleak_session" in getattr(getattr(item, "_request", None), "fixturenames", ())


def is_asked(config: pytest.Config) -> bool:
    """Whether the run has asked for the plugin."""
    return config.pluginmanager.hasplugin(HOOKS)


def hooks_of(config: pytest.Config) -> Any:
    """Return the plugin with the hooks of a run that has asked, for what pytest does not call them for any more."""
    return config.pluginmanager.get_plugin(HOOKS)


def ask(config: pytest.Config, session: pytest.Session | None = None) -> None:
    """Register the hooks of a run that asks, once.

    Args:
        config: pytest's.
        session: where it has begun already, what was collected so far.
    """
    if is_asked(config):
        return
    if _AsInstalled not in sys.meta_path:
        sys.meta_path.insert(0, _AsInstalled)
    hooks = import_module("pytest_lipleak.session_hooks")
    # In a run that is configured already, pytest calls their ``pytest_configure`` now.
    config.pluginmanager.register(hooks, HOOKS)
    if session is not None:
        hooks.pytest_sessionstart(session)
        # What could not be collected before.
        config.stash[KEY].tests.failures += session.testsfailed


def ask_for_items(session: pytest.Session, items: Iterable[pytest.Item]) -> bool:
    """Ask for the rest where a test is ours; return whether that is new.

    Args:
        session: pytest's.
        items: what is collected.
    """
    if is_asked(session.config) or not any(map(is_ours, items)):
        return False
    ask(session.config, session)
    return True


def session_of(request: pytest.FixtureRequest) -> "LipleakSession":
    """Return what the plugin knows during this run; a test may ask for a fixture by name only when it runs."""
    if not is_asked(request.config):
        from pytest_lipleak.pytest_plugin.judging_tests import left_out_by_last_failed

        ask(request.config, request.session)
        # As had it been there: nothing that judges was collected, and the tests have begun.
        tests = request.config.stash[KEY].tests
        tests.expect(([], 0, left_out_by_last_failed(request.config)))
        tests.begin()
    return request.config.stash[KEY]
