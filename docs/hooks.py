"""Parts of the site that are written by the code they describe, so that they cannot fall behind it."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_lipleak.cli import parser
from pytest_lipleak.core.metrics.families import FAMILIES
from pytest_lipleak.core.metrics.formulas import metrics_of
from pytest_lipleak.settings.options import OPTIONS, PARTS

ROOT = Path(__file__).parent.parent


def metrics_table() -> str:
    """Every metric that a gate may name: the rows of the table of families."""
    lines = [
        "| metric | good | unit | what it measures | made from | summed up as |",
        "|---|---|---|---|---|---|",
    ]
    for family in FAMILIES:
        example = metrics_of(family)[0]
        known = [f"`{form}`" for form in family.forms]
        if "SETUP" in family.forms[0] or "REFERENCE" in family.forms[0]:
            known.append(f"for example `{example.name}`")
        words = family.meaning.format(driven="driven by silence (S) or other speech (XO)").replace("|", r"\|")
        summary = str(family.summary).replace("|", r"\|")
        lines.append(
            f"| {', '.join(known)} | {example.arrow} {family.better} | {family.unit} | {words} "
            f"| {family.source} | {summary} |"
        )
    return "\n".join(lines)


def options_table() -> str:
    """Every option of the plugin in its three spellings, with the commands that take it, too."""
    lines = []
    for part, kind in PARTS.items():
        lines += [f"## {str(kind.__doc__).removesuffix('.')}", ""]
        lines += ["| option | environment variable | ini key | meaning | commands |", "|---|---|---|---|---|"]
        for option in (option for option in OPTIONS if option.part == part):
            flag = option.flag if option.is_flag else f"{option.flag}={option.metavar}"
            words = option.meaning.replace("|", r"\|").replace("%%", "%").replace("<", r"\<")
            taken = ", ".join(option.commands)
            lines.append(f"| `{flag}` | `{option.variable}` | `{option.ini}` | {words} | {taken} |")
        lines.append("")
    return "\n".join(lines)


def commands() -> str:
    """What `lipleak --help` says of every subcommand."""
    found: Any = next(a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    helps = {choice.dest: choice.help for choice in found._choices_actions}
    lines = ["| command | what it does |", "|---|---|"]
    lines += [f"| `lipleak {name}` | {helps[name]} |" for name in found.choices if name in helps]
    return "\n".join(lines)


def contributing() -> str:
    """CONTRIBUTING.md without its title."""
    return (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("\n")[2]


WRITERS: dict[str, Callable[[], str]] = {
    "metrics": metrics_table,
    "options": options_table,
    "commands": commands,
    "contributing": contributing,
}
"""What may stand on a page as ``<!-- written: NAME -->``."""


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put what the code writes where the page asks for it (a hook of MkDocs)."""
    for name, write in WRITERS.items():
        mark = f"<!-- written: {name} -->"
        if mark in markdown:
            markdown = markdown.replace(mark, write())
    return markdown
