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
from pytest_lipleak.pytest_session.asking import ask, asks, is_asked
from pytest_lipleak.settings.parsers import add_options, refuse_unknown_options

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
    if not asks(early_config, args):
        yield
        return
    ask(early_config)
    from pytest_lipleak.pytest_session.guarding import crashed, guard
    from pytest_lipleak.settings.resolve import names_model

    if names_model(early_config):
        guard(early_config)
    try:
        yield
    except SystemExit as error:
        crashed(early_config, error)
        raise
    refuse_unknown_options(parser, args)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    """See to it that the run ends with status 0 only if it came to its end, and that no report says otherwise."""
    status: Any = None
    try:
        status = yield
    except BaseException as error:
        if is_asked(config):
            from pytest_lipleak.pytest_session.guarding import crashed

            crashed(config, error)
        raise
    finally:
        if is_asked(config):
            from pytest_lipleak.pytest_session.guarding import ended

            status = ended(config, status)
    return status


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Name the marker; in a worker of xdist, take part. What users must know at once is not swallowed in any run."""
    config.addinivalue_line("markers", MARKER)
    if hasattr(config, "workerinput"):
        ask(config)
    elif not is_asked(config):
        tell_by(partial(_said, config))


def _said(config: pytest.Config, text: str) -> None:
    from pytest_lipleak.pytest_session.display import Display

    Display(config).say(text)


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """The first test with a fixture of ours asks for the rest."""
    if any(name.startswith("lipleak") for name in getattr(item, "fixturenames", ())):
        ask(item.config, item.session)
