"""``lipleak fetch``: download the SyncNet v2 weights."""

import argparse
from pathlib import Path
from typing import Any

from pytest_lipleak.cli.exit_codes import GOOD


def add(commands: Any) -> None:
    """Add the subcommand's parser."""
    fetch = commands.add_parser("fetch", help="download the SyncNet v2 weights and verify their hash")
    fetch.add_argument("--folder", type=Path, help="where to put them (default: the user's cache folder)")
    fetch.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Fetch, and print where the file lies."""
    from pytest_lipleak.sync.weights import fetch_syncnet

    print(fetch_syncnet(options.folder))
    return GOOD
