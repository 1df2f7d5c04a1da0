"""``lipleak completion``: print a script with which the shell completes commands, options and files."""

import argparse
from pathlib import Path
from typing import Any

from pytest_lipleak.core.errors import MissingExtraError
from pytest_lipleak.core.exit_status import GOOD

EXAMPLES = """\
examples:
  eval "$(lipleak completion bash)"          in ~/.bashrc
  lipleak completion zsh > ~/.zfunc/_lipleak
"""


def add(commands: Any) -> None:
    """Add the subcommand's parser."""
    completion = commands.add_parser(
        "completion",
        help="print a script for the shell's completion",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    completion.add_argument("shell", choices=("bash", "zsh"))
    completion.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    try:
        import shtab
    except ImportError:
        raise MissingExtraError("shell completion", "shtab", "completion") from None
    from pytest_lipleak.cli import parser

    whole = parser()
    for action in _actions(whole):
        option = getattr(action, "option", None)
        if option is not None:
            action.choices = option.choices or None
        if action.type is Path or (option is not None and option.is_path):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    print(shtab.complete(whole, options.shell))
    return GOOD


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    found: list[argparse.Action] = []
    for action in parser._actions:
        found.append(action)
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                found += _actions(each)
    return found
