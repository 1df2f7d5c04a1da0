"""The ``lipleak`` command; one file per subcommand.

A subcommand is a module with ``add(commands)``, which adds its parser and sets ``command`` to the function
that runs it: ``(argparse.Namespace) -> exit code``. List the module in ``COMMANDS``.
"""

import argparse
import io
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from pytest_lipleak.cli import (
    cache,
    calibrate,
    clips,
    compare,
    completion,
    doctor,
    evaluate,
    export,
    fetch,
    merge,
    models,
    paper,
    probe,
    report,
    score,
)
from pytest_lipleak.cli.option_names import here
from pytest_lipleak.cli.supervised import supervised
from pytest_lipleak.core.errors import (
    LipleakError,
    OutputError,
    UnbuiltModelError,
    UnscorableError,
    unexpected,
)
from pytest_lipleak.core.exit_status import BROKEN, CUT_OFF, EXIT_STATUS, GOOD, LEAK, NOT_JUDGED, USAGE
from pytest_lipleak.core.suggestions import meant, meant_or_known
from pytest_lipleak.core.version import __version__
from pytest_lipleak.machine.exit_guard import ExitGuard, asked_for
from pytest_lipleak.machine.libraries import load_failure
from pytest_lipleak.settings.resolve import check_environment

__all__ = ["BROKEN", "GOOD", "LEAK", "NOT_JUDGED", "USAGE", "main"]

COMMANDS = (
    score,
    clips,
    evaluate,
    export,
    report,
    paper,
    merge,
    compare,
    calibrate,
    probe,
    models,
    fetch,
    cache,
    doctor,
    completion,
)
"""Every subcommand, in the order of ``lipleak --help``."""

RUNS_MODELS = (evaluate.run, probe.run, doctor.run)
"""Commands that run a model's code."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code, see ``EXIT_STATUS``.

    Args:
        arguments: None takes those of the process, and lets a command that runs a model's code do so in a child
            process.
    """
    whole = parser()
    try:
        options, unknown = whole.parse_known_args(arguments)
        if unknown:
            near = meant(unknown[0].partition("=")[0], sorted(options.flags))
            whole.error(f"unrecognized arguments: {' '.join(unknown)}{near}")
    except SystemExit as ended:
        # --help, --version, or a usage error, which argparse has printed.
        return _printed(int(ended.code or 0)) if arguments is None else _raised(ended)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Some consoles know no arrows; a number must not fail over its decoration.
        sys.stdout.reconfigure(errors="replace")
    if arguments is None and options.command in RUNS_MODELS:
        return supervised(lambda: _guarded(options))
    return _finished(options)


def _raised(error: SystemExit) -> NoReturn:
    raise error


def _printed(status: int) -> int:
    """Write out what was printed; nobody may be left to read it."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _cut_off()
    return status


def _cut_off() -> int:
    # Who read it (head, less) wanted no more; the end of the process must not write either.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return CUT_OFF


def _guarded(options: argparse.Namespace) -> int:
    """Run the command; until it has passed the process does not end with status 0."""
    guard = ExitGuard()
    guard.arm()
    status = _finished(options)
    guard.ended = True
    guard.passed = status == GOOD
    return status


def _finished(options: argparse.Namespace) -> int:
    """Run the command; whatever happens ends in a status that says so."""
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        check_environment()
        return _printed(command(options))
    except BrokenPipeError:
        return _cut_off()
    except KeyboardInterrupt as error:
        return _said(f"could not be judged: interrupted{f' ({error})' if str(error) else ''}", options)
    except SystemExit as error:
        # The model's own code, which must not choose what a run is worth.
        return _said(f"could not be judged: the model ended the process (status {asked_for(error)})", options)
    except (UnbuiltModelError, UnscorableError) as error:
        return _said(f"could not be judged: {error}", options)
    except OutputError as error:
        return _said(str(error), options)
    except LipleakError as error:
        _said(str(error), options)
        return USAGE
    except BaseException as error:
        if isinstance(error, ImportError) and (words := load_failure(error)):
            _said(words, options)
            return USAGE
        if getattr(options, "verbose", False):
            traceback.print_exc()
        return _said(unexpected(error, "-v" if hasattr(options, "verbose") else None), options)


def _said(words: str, options: argparse.Namespace) -> int:
    with suppress(OSError):
        print(here(f"lipleak: {words}", options), file=sys.stderr, flush=True)
    return NOT_JUDGED


class _WholeParser(argparse.ArgumentParser):
    """The parser of ``lipleak``; an unknown command is told by its name, not by argparse's words."""

    def error(self, message: str) -> NoReturn:
        wrong = re.match(r"argument COMMAND: invalid choice: '(.*?)'", message)
        if wrong:
            names = [command.__name__.rpartition(".")[2] for command in COMMANDS]
            message = f"unknown command {wrong[1]!r}{meant_or_known(wrong[1], names)}"
        super().error(message)


class _CommandParser(argparse.ArgumentParser):
    """A command's parser; it does not take the beginning of an option for the option."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **given})

    def error(self, message: str) -> NoReturn:
        wrong = re.match(r"argument (\S+): invalid (?:choice|\w+ value): '(.*?)'", message)
        for action in self._actions if wrong else ():
            if wrong and action.choices and wrong[1] == "/".join(action.option_strings or [action.dest]):
                names = [*map(str, action.choices)]
                message = (
                    f"argument {wrong[1]}: {wrong[2]!r} is not allowed; choose one of {', '.join(names)}"
                    f"{meant(wrong[2], names)}"
                )
        super().error(message)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    whole = _WholeParser(
        prog="lipleak",
        description="Lip sync and lip leakage of talking-face videos.",
        epilog=EXIT_STATUS,
        allow_abbrev=False,
    )
    whole.add_argument("--version", action="version", version=f"pytest-lipleak {__version__}")
    commands = whole.add_subparsers(required=True, metavar="COMMAND", parser_class=_CommandParser)
    for command in COMMANDS:
        command.add(commands)
    for each in commands.choices.values():
        each.epilog = each.epilog or EXIT_STATUS
        # Errors name the options that the subcommand has.
        each.set_defaults(flags=frozenset(each._option_string_actions))
    return whole
