"""The ``lipleak`` command; one file per subcommand.

A subcommand is a module with ``add(commands)``, which adds its parser and sets ``command`` to the function
that runs it: ``(argparse.Namespace) -> exit code``. List the module in ``COMMANDS``.
"""

import argparse
import io
import os
import sys
from collections.abc import Callable, Collection, Sequence

from pytest_lipleak import __version__
from pytest_lipleak.cli import (
    cache,
    calibrate,
    compare,
    completion,
    doctor,
    evaluate,
    fetch,
    merge,
    models,
    probe,
    report,
    score,
)
from pytest_lipleak.cli.exit_codes import CUT_OFF, EXIT_STATUS, GOOD, LEAK, NOT_JUDGED, USAGE
from pytest_lipleak.cli.words import here
from pytest_lipleak.core.errors import LipleakError, OutputError, UnscorableError
from pytest_lipleak.libraries import load_failure
from pytest_lipleak.settings.resolve import check_environment

__all__ = ["GOOD", "LEAK", "NOT_JUDGED", "USAGE", "main"]

COMMANDS = (
    score,
    evaluate,
    report,
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code.

    0 good, 1 a limit is broken, 2 usage error or unusable input, 3 it could not be judged.
    """
    whole = parser()
    options, unknown = whole.parse_known_args(arguments)
    if unknown:
        whole.error(f"unrecognized arguments: {' '.join(unknown)}{_meant(unknown[0], options.flags)}")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Some consoles know no arrows; a number must not fail over its decoration.
        sys.stdout.reconfigure(errors="replace")
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        check_environment()
        status = command(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Who read it (head, less) wanted no more; the end of the process must not write either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CUT_OFF
    except SystemExit as error:
        # The model's own code, which must not choose what a run is worth.
        print(
            f"lipleak: could not be judged: the model ended the process (status {error.code})",
            file=sys.stderr,
        )
        return NOT_JUDGED
    except UnscorableError as error:
        print(here(f"lipleak: could not be judged: {error}", options), file=sys.stderr)
        return NOT_JUDGED
    except OutputError as error:
        print(here(f"lipleak: {error}", options), file=sys.stderr)
        return NOT_JUDGED
    except LipleakError as error:
        print(here(f"lipleak: {error}", options), file=sys.stderr)
        return USAGE
    except ImportError as error:
        if not (words := load_failure(error)):
            raise
        print(f"lipleak: {words}", file=sys.stderr)
        return USAGE


def _meant(word: str, flags: Collection[str]) -> str:
    from difflib import get_close_matches

    nearest = get_close_matches(word.partition("=")[0], sorted(flags), 1)
    return f"; did you mean {nearest[0]}?" if nearest else ""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    whole = argparse.ArgumentParser(
        prog="lipleak",
        description="Lip sync and lip leakage of talking-face videos.",
        epilog=EXIT_STATUS,
        allow_abbrev=False,
    )
    whole.add_argument("--version", action="version", version=f"pytest-lipleak {__version__}")
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    for each in commands.choices.values():
        each.epilog = each.epilog or EXIT_STATUS
        # Errors name the options that the subcommand has.
        each.set_defaults(flags=frozenset(each._option_string_actions))
    return whole
