"""``lipleak cache``: look into, or clear, a store of artefacts."""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_lipleak.core.errors import ConfigurationError, MissingDataError
from pytest_lipleak.core.exit_status import GOOD
from pytest_lipleak.core.suggestions import meant_file
from pytest_lipleak.settings.parsers import add_arguments
from pytest_lipleak.settings.resolve import command_settings

if TYPE_CHECKING:
    from pytest_lipleak.store.layout import Artefact
    from pytest_lipleak.store.store import Store


def add(commands: Any) -> None:
    """Add the subcommand's parser."""
    cache = commands.add_parser(
        "cache",
        help="look into, or clear, a store of artefacts (--lipleak-store)",
        epilog="example: lipleak cache list --store artefacts; exit status: 0 done, 2 there is no such store",
    )
    cache.add_argument("action", choices=tuple(_ACTIONS), help="what to do")
    add_arguments(cache, "cache")
    cache.add_argument("--json", action="store_true", help="print it as JSON")
    cache.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Print what the store holds, or clear it."""
    from pytest_lipleak.store.store import Store

    folder = command_settings("cache", options).machine.store
    if folder is None:
        raise ConfigurationError("which store? Name its folder with --store or LIPLEAK_STORE")
    if not folder.is_dir():
        raise MissingDataError(f"store {folder}: no such folder{meant_file(folder)}")
    store = Store(folder)
    if options.json:
        print(json.dumps(_data(options.action, store), indent=1))
        return GOOD
    print("\n".join(_ACTIONS[options.action](store)))
    return GOOD


def _data(action: str, store: "Store") -> dict[str, Any]:
    """The store's folder and artefacts; after ``clear``, those that were removed and those that stay."""
    removed = store.clear() if action == "clear" else []

    def plain(artefacts: "Sequence[Artefact]") -> list[dict[str, Any]]:
        return [
            {
                "path": str(artefact.path),
                "kind": artefact.kind,
                "bytes": artefact.size,
                "used": datetime.fromtimestamp(artefact.used, UTC).isoformat(timespec="seconds"),
                "about": dict(artefact.about),
            }
            for artefact in artefacts
        ]

    return {
        "folder": str(store.folder),
        "artefacts": plain(store.artefacts()),
        **({"removed": plain(removed)} if action == "clear" else {}),
    }


def _size(store: "Store") -> list[str]:
    stored = store.artefacts()
    by_kind: dict[str, list[int]] = {}
    for artefact in stored:
        by_kind.setdefault(artefact.kind, []).append(artefact.size)
    lines = [f"  {kind}: {len(sizes)} in {_megabytes(sum(sizes))}" for kind, sizes in sorted(by_kind.items())]
    return [f"{len(stored)} artefacts in {_megabytes(sum(a.size for a in stored))}", *lines]


def _list(store: "Store") -> list[str]:
    return [
        f"{datetime.fromtimestamp(artefact.used):%Y-%m-%d %H:%M}  {_megabytes(artefact.size):>10}  "
        f"{artefact.kind}  " + ", ".join(f"{word} {value}" for word, value in artefact.about.items())
        for artefact in store.artefacts()
    ] or ["empty"]


def _clear(store: "Store") -> list[str]:
    removed = store.clear()
    left = len(store.artefacts())
    kept = f"; {left} in use by another process stay" if left else ""
    return [f"removed {len(removed)} artefacts, {_megabytes(sum(a.size for a in removed))}{kept}"]


_ACTIONS: Mapping[str, Callable[["Store"], list[str]]] = {
    "path": lambda store: [str(store.folder)],
    "size": _size,
    "list": _list,
    "clear": _clear,
}


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
