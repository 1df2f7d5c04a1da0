"""``lipleak models``: what can be named as a model, what it can do, what it needs and who may use it."""

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pytest_lipleak.cli.exit_codes import GOOD

if TYPE_CHECKING:
    from pytest_lipleak.generators.catalogue import ModelCard
    from pytest_lipleak.generators.registry import Registered

UNKNOWN = "?"
"""What only the model itself can tell, once it is loaded."""


def add(commands: Any) -> None:
    """Add the subcommand's parser."""
    models = commands.add_parser(
        "models",
        help="list the models that --lipleak-model knows: references, AR strategy, needs, licence",
        epilog="example: lipleak models wav2lip; exit status: 0 printed, 2 unknown name",
    )
    models.add_argument("name", nargs="?", help="tell everything about this one")
    models.add_argument("--json", action="store_true", help="print everything as JSON")
    models.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Print the listing, or one model. Nothing is loaded for it: neither networks nor other packages' code."""
    from pytest_lipleak.generators.catalogue import KINDS, built_in_names, card_of
    from pytest_lipleak.generators.registry import registered

    cards = [card_of(name) for name in built_in_names()]
    others = registered()
    if options.name is not None:
        cards = [card for card in cards if card.name == options.name]
        others = [entry for entry in others if entry.name == options.name]
        if not cards and not others:
            card_of(options.name)
    kinds = () if options.name is not None else KINDS
    if options.json:
        print(json.dumps(_data(cards, others, kinds), indent=1))
    elif options.name is not None:
        print(
            "\n".join(
                line for entry in (*map(_told, cards), *map(_told_registered, others)) for line in entry
            )
        )
    else:
        print("\n".join(_listing(cards, others, kinds)))
    return GOOD


def _listing(
    cards: Sequence["ModelCard"], others: Sequence["Registered"], kinds: Sequence["ModelCard"]
) -> list[str]:
    head = ("name", "references", "AR", "silence", "needs", "licence")
    rows = [head, *map(_row, cards)]
    rows += [
        (entry.name, UNKNOWN, UNKNOWN, UNKNOWN, f"installed: {entry.package}", entry.licence)
        for entry in others
    ]
    lines = _aligned(rows)
    if others:
        lines.append(f"{UNKNOWN}: only the model itself can tell; lipleak doctor --model NAME asks it")
    lines += ["", "ways to name any other:"]
    lines += [f"  {line}" for line in _aligned([(kind.name, kind.summary) for kind in kinds])]
    return [
        *lines,
        "",
        "lipleak models NAME tells everything about one",
    ]


def _row(card: "ModelCard") -> tuple[str, ...]:
    licence = f"{card.restriction.upper()}: {card.licence}" if card.restriction else card.licence
    return (
        card.name,
        _references(card),
        card.alternative_reference or "none",
        card.silence,
        _needs(card),
        licence,
    )


def _references(card: "ModelCard") -> str:
    return " ".join(card.supports) or "none"


def _needs(card: "ModelCard") -> str:
    needs = [*card.arguments, *card.packages, *(["CUDA"] if card.cuda else [])]
    return ", ".join(needs) or "nothing"


def _missing(card: "ModelCard") -> list[str]:
    return [package for package in card.packages if find_spec(package.partition(".")[0]) is None]


def _told(card: "ModelCard") -> list[str]:
    """Everything about one model, a line each."""
    missing = _missing(card)
    extra = f" (pip install 'pytest-lipleak[{card.extra}]')" if card.extra else ""
    entries = {
        "references": f"{_references(card)}; AR strategy: {card.alternative_reference or 'none'}",
        "silence": card.silence + (f": {card.silence_reason}" if card.silence_reason else ""),
        "checkout": f"https://github.com/{card.repository}" if card.repository else "",
        "arguments": "; ".join(f"{name}={what}" for name, what in card.arguments.items()),
        "packages": ", ".join(card.packages) + extra if card.packages else "",
        "missing": ", ".join(missing),
        "device": "CUDA only" if card.cuda else "",
        "licence": card.licence,
        "use": card.restriction.upper(),
        "remarks": card.remarks,
    }
    lines = [f"{card.name}: {card.summary}"]
    lines += [f"  {label + ':':12} {text}" for label, text in entries.items() if text]
    given = " ".join(f"--lipleak-model-arg={name}=..." for name in card.arguments)
    return [*lines, f"  {'run it:':12} pytest --lipleak-model={card.name} {given}".rstrip()]


def _told_registered(entry: "Registered") -> list[str]:
    return [
        f"{entry.name}: {entry.target}",
        f"  {'package:':12} {entry.package} {entry.version}",
        f"  {'licence:':12} {entry.licence}",
        f"  {'references:':12} only the model itself can tell: lipleak doctor --model {entry.name}",
    ]


def _data(
    cards: Iterable["ModelCard"], others: Iterable["Registered"], kinds: Iterable["ModelCard"]
) -> dict[str, Any]:
    return {
        "built_in": [asdict(card) | {"missing": _missing(card)} for card in cards],
        "registered": [asdict(entry) for entry in others],
        "ways": [asdict(kind) for kind in kinds],
    }


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
