"""``lipleak fetch``: download the SyncNet v2 weights."""

import argparse
import json
from pathlib import Path
from typing import Any

from pytest_lipleak.core.exit_status import GOOD


def add(commands: Any) -> None:
    """Add the subcommand's parser."""
    fetch = commands.add_parser(
        "fetch",
        help="download the SyncNet v2 weights and verify their hash",
        epilog="example: lipleak fetch --folder weights; exit status: 0 they are there, 2 they could not be fetched",
    )
    fetch.add_argument("--folder", type=Path, help="where to put them (default: the user's cache folder)")
    fetch.add_argument("--json", action="store_true", help="print it as JSON")
    fetch.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Fetch, and print where the file lies."""
    from pytest_lipleak.sync.weights import SYNCNET_SHA256, fetch_syncnet

    path = fetch_syncnet(options.folder)
    # What is fetched is checked, so its hash is the published one.
    print(json.dumps({"path": str(path), "sha256": SYNCNET_SHA256}, indent=1) if options.json else path)
    return GOOD
