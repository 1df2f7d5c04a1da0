"""What pytest loads in every run: options and fixtures; the rest, ``session_hooks``, where a run asks for it."""

from collections.abc import Generator
from functools import partial
from typing import Any

import pytest

from pytest_lipleak.core.remarks import tell_by
from pytest_lipleak.fixtures import (  # noqa: F401 - pytest finds fixtures among the plugin's names
    _lipleak_session,
    lipleak,
    lipleak_clips,
    lipleak_device,
    lipleak_mismatched_pairs,
    lipleak_model,
    lipleak_references,
    lipleak_silent_audio,
    lipleak_sync_expert,
)
from pytest_lipleak.pytest_plugin.asking import (
    ask_for_items,
    ask_where_set,
    hooks_of,
    is_asked,
    is_spread,
    refuse_late_settings,
)
from pytest_lipleak.pytest_plugin.stash import GUARD
from pytest_lipleak.settings.parsers import add_options, refuse_unknown_options
from pytest_lipleak.settings.resolve import names_model, read_settings

MARKER = "lipleak: measures lip leakage; set on every test that uses a lipleak fixture and on every gate"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --lipleak-* and the ini keys."""
    add_options(parser)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None, None, None]:
    """Refuse misspelt options, before pytest looks for files of their name; conftests may have options of theirs.

    Where a model is named, its code may run from here on.
    """
    _guard_where_named(early_config)
    try:
        yield
    except SystemExit as error:
        _guard_where_named(early_config)
        if GUARD in early_config.stash:
            from pytest_lipleak.pytest_plugin.guarding import crashed

            crashed(early_config, error)
        raise
    refuse_unknown_options(parser, args)
    _guard_where_named(early_config)


def _guard_where_named(config: pytest.Config) -> None:
    """From the name of a model on, the process is guarded; a conftest or another plugin may give it, too."""
    if names_model(config):
        from pytest_lipleak.pytest_plugin.guarding import guard

        guard(config)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    """See to it that the run ends with status 0 only if it came to its end, and that no report says otherwise."""
    _guard_where_named(config)  # a conftest may have loaded the plugin only now
    if is_spread(config):
        from pytest_lipleak.pytest_plugin import xdist

        if xdist.loops_on_failures(config):
            from pytest_lipleak.gates import ask_for_gates

            ask_for_gates(config, read_settings(config))  # their process takes the arguments from this one
    status: Any = None
    try:
        status = yield
    except BaseException as error:
        if GUARD in config.stash or is_asked(config):
            from pytest_lipleak.pytest_plugin.guarding import crashed

            crashed(config, error)
        raise
    finally:
        if GUARD in config.stash:
            from pytest_lipleak.pytest_plugin.guarding import ended

            status = ended(config, status)
    return status


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Name the marker; load the rest where anything is set by now, by whomever.

    What users must know at once is not swallowed in any run.
    """
    config.addinivalue_line("markers", MARKER)
    ask_where_set(config)
    if not is_asked(config):
        tell_by(partial(_said, config))


def _said(config: pytest.Config, text: str) -> None:
    from pytest_lipleak.pytest_plugin.display import Display

    Display(config).say(text)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Refuse what was set too late to count; workers have what their controller has."""
    if not hasattr(session.config, "workerinput"):
        refuse_late_settings(session.config)


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """The first test of ours asks for the rest."""
    ask_for_items(item.session, [item])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Likewise where somebody made it one after it was collected; pytest calls no hooks that come so late."""
    if ask_for_items(session, items):
        hooks_of(config).pytest_collection_modifyitems(session, config, items)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Likewise where a conftest did so in the hook before."""
    if ask_for_items(session, session.items):
        hooks_of(session.config).pytest_collection_finish(session)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, Any, Any]:
    """Note whether the tests came to their end, also where one of them asks for the rest while it runs."""
    handler: Any = None
    if is_asked(session.config):
        handler = hooks_of(session.config).tests_begin(session)
    stopped_by: BaseException | None = None
    try:
        return (yield)
    except BaseException as error:
        stopped_by = error
        raise
    finally:
        if handler is not None:
            import signal

            signal.signal(signal.SIGTERM, handler)
        if is_asked(session.config):
            hooks_of(session.config).tests_end(session, stopped_by)
