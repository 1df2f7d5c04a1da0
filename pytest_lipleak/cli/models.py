"""``lipleak models``: what can be named as a model, what it can do, what it needs and who may use it."""

import argparse
import json
import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

from pytest_lipleak.core.exit_status import GOOD

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
    # Where nobody looks, a line each: for grep.
    width = get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    if options.json:
        print(json.dumps(_data(cards, others, kinds), indent=1))
    elif options.name is not None:
        told = [*(_told(card, width) for card in cards), *map(_told_registered, others)]
        print("\n".join(line for lines in told for line in lines))
    else:
        print("\n".join(_listing(cards, others, kinds, width)))
    return GOOD


def _listing(
    cards: Sequence["ModelCard"], others: Sequence["Registered"], kinds: Sequence["ModelCard"], width: int
) -> list[str]:
    head = ("name", "references", "AR", "silence", "licence", "needs")
    rows = [head, *map(_row, cards)]
    rows += [
        (entry.name, UNKNOWN, UNKNOWN, UNKNOWN, entry.licence, f"installed: {entry.package}")
        for entry in others
    ]
    lines = _fitted(rows, width)
    if others:
        lines.append(f"{UNKNOWN}: only the model itself can tell; lipleak doctor --model NAME asks it")
    lines += ["", "ways to name any other:"]
    lines += [f"  {line}" for line in _fitted([(kind.name, kind.summary) for kind in kinds], width - 2)]
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
        licence,
        _needs(card),
    )


def _references(card: "ModelCard") -> str:
    return " ".join(card.supports) or "none"


def _needs(card: "ModelCard") -> str:
    own = ["an environment of its own (python=)"] if card.own_environment else []
    return ", ".join([*card.arguments, *card.packages, *own]) or "nothing"


def _told(card: "ModelCard", width: int) -> list[str]:
    """Everything about one model."""
    from pytest_lipleak.generators.catalogue import pip_install

    environment = (
        "python=INTERPRETER or ENVIRONMENT with the packages that the checkout asks for, where this one lacks them"
        if card.own_environment
        else ""
    )
    entries = {
        "references": f"{_references(card)}; AR strategy: {card.alternative_reference or 'none'}",
        "silence": card.silence + (f": {card.silence_reason}" if card.silence_reason else ""),
        "checkout": f"https://github.com/{card.repository}" if card.repository else "",
        "arguments": "; ".join(f"{name}={what}" for name, what in card.arguments.items()),
        "environment": environment,
        "packages": ", ".join(card.packages),
        "missing": f"{', '.join(card.missing)}: {pip_install(card.missing)}" if card.missing else "",
        "licence": card.licence,
        "use": card.restriction.upper(),
        "remarks": card.remarks,
    }
    lines = textwrap.wrap(f"{card.name}: {card.summary}", width)
    for label, text in entries.items():
        if text:
            lines += _hanging(f"  {label + ':':13}", text, width)
    given = " ".join(f"--lipleak-model-arg={name}=..." for name in card.arguments)
    # Whole, to be copied.
    return [*lines, f"  {'run it:':13}pytest --lipleak-model={card.name} {given}".rstrip()]


def _told_registered(entry: "Registered") -> list[str]:
    return [
        f"{entry.name}: {entry.target}",
        f"  {'package:':13}{entry.package} {entry.version}",
        f"  {'licence:':13}{entry.licence}",
        f"  {'references:':13}only the model itself can tell: lipleak doctor --model {entry.name}",
    ]


def _data(
    cards: Iterable["ModelCard"], others: Iterable["Registered"], kinds: Iterable["ModelCard"]
) -> dict[str, Any]:
    return {
        "built_in": [asdict(card) | {"missing": card.missing} for card in cards],
        "registered": [asdict(entry) for entry in others],
        "ways": [asdict(kind) for kind in kinds],
    }


def _fitted(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Align columns; where that is wider than the terminal, the last one goes below the others."""
    lines = _aligned(rows)
    if max(map(len, lines)) <= width:
        return lines
    above = _aligned([row[:-1] for row in rows])
    return [
        line
        for first, row in zip(above, rows, strict=True)
        for line in (first, *_hanging(" " * 4, row[-1], width))
    ]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _hanging(label: str, text: str, width: int) -> list[str]:
    """Wrap ``text`` behind ``label``, and below itself; words and commands stay whole."""
    return textwrap.wrap(
        text,
        max(width, 40),
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_long_words=False,
        break_on_hyphens=False,
    )
