"""The rows as options of pytest and of the commands of ``lipleak``."""

import argparse
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pytest_lipleak.settings.convert import instead
from pytest_lipleak.settings.options import OPTIONS, Option, ini_type, offered_by

if TYPE_CHECKING:
    import pytest


def add_options(parser: "pytest.Parser") -> None:
    """Register every option and ini key with pytest."""
    group = parser.getgroup(
        "lipleak",
        "lip leakage of talking-face generators (with -q only the verdict is printed, with -qq nothing; "
        "every option is also an environment variable LIPLEAK_* and an ini key lipleak_*)",
    )
    for option in OPTIONS:
        if option.is_flag:
            group.addoption(option.flag, action="store_true", default=None, help=option.meaning)
        else:
            action = "append" if option.is_list else "store"
            group.addoption(
                option.flag, action=action, default=None, metavar=option.metavar, help=option.meaning
            )
        parser.addini(option.ini, f"default of {option.flag}", type=ini_type(option), default=None)


def add_arguments(
    parser: "argparse._ActionsContainer", command: str, fields: Sequence[str] | None = None
) -> None:
    """Give a command the options that its rows name; ``resolve.command_settings`` reads and checks them.

    Args:
        parser: the command's, or a group of it.
        command: its name.
        fields: of these options alone.
    """
    for option in offered_by(command):
        if fields is not None and option.field not in fields:
            continue
        if option.is_flag:
            action = parser.add_argument(
                option.command_flag, action="store_true", default=None, help=_help(option, command)
            )
        else:
            alone: dict[str, Any] = {"nargs": "?", "const": option.alone} if option.alone else {}
            action = parser.add_argument(
                option.command_flag,
                action="append" if option.is_list else "store",
                metavar=option.metavar,
                help=_help(option, command),
                **alone,
            )
        action.option = option  # type: ignore[attr-defined]  # for the shell's completion


def _help(option: Option, command: str) -> str:
    """The row's words, with the spellings and the default of this command."""
    own = {other.flag: other.command_flag for other in offered_by(command)}
    words = re.sub(r"--lipleak-[a-z-]+", lambda match: own.get(match[0], match[0]), option.meaning)
    if command in option.defaults:
        words = f"{words.partition('; the model')[0]} (default: {option.defaults[command]})"
    return words


def refuse_unknown_options(parser: "pytest.Parser", arguments: Sequence[str]) -> None:
    """Refuse a misspelt option with the right one: pytest names none, and may take it for the path of a test.

    Args:
        parser: pytest's, when it knows the options of all plugins and of the user's conftests, too.
        arguments: the command line's.

    Raises:
        pytest.UsageError: an argument begins with --lipleak- and is nobody's option.
    """
    if not any(argument.startswith("--lipleak-") for argument in arguments):
        return  # most runs end here, and need not be parsed once more
    found, unknown = parser.parse_known_and_unknown_args(arguments)
    # With a space in its value argparse takes an option that it does not know for a path.
    for argument in (*unknown, *found.file_or_dir):
        flag = argument.partition("=")[0]
        if flag.startswith("--lipleak-"):
            import pytest

            known = {option.flag for option in OPTIONS}
            raise pytest.UsageError(f"option {flag} is not known{instead(flag, known)}")
