"""``lipleak models``: list the models that are known by name."""

import argparse
from typing import Any

from pytest_lipleak.cli.exit_codes import GOOD


def add(commands: Any) -> None:
    """Add the subcommand's parser."""
    models = commands.add_parser("models", help="list the models that --lipleak-model knows by name")
    models.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Print every name, one per line."""
    from pytest_lipleak.generators.registry import known_names

    print("\n".join(known_names()))
    print("demo:leaky, demo:leaky=SHARE: the demo with a leak")
    print("any other generator: package.module:attribute or path/file.py:attribute")
    return GOOD
