"""The tables of docs/evidence/known-guilt.md, from the JSON lines of a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from research.known_guilt.clip_sets import SETS
from research.known_guilt.generator import HONEST, LEAKS, WEAK
from research.known_guilt.judge import DEAF, LEAK

Line = Mapping[str, Any]


def right(line: Line) -> bool:
    """Whether the verdict is right: a leak found, an honest model not accused, a weak one named as such."""
    if line["verdict"] == "error":
        return False
    if line["guilt"] == LEAKS:
        return bool(line["verdict"] == LEAK)
    if line["guilt"] == WEAK:
        return bool(line["verdict"] == DEAF)
    return bool(line["verdict"] != LEAK)


def mistakes(lines: Iterable[Line]) -> list[str]:
    """One line per wrong verdict."""
    return [
        f"{line['set']}: {line['guilt']} {line['member']!r}: {line['verdict']} {'; '.join(line['reasons'])}"
        for line in lines
        if not right(line)
    ]


def interval(count: int, of: int, confidence: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's interval of a share."""
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    low = 0.0 if count == 0 else float(beta.ppf(tail, count, of - count + 1))
    high = 1.0 if count == of else float(beta.ppf(1 - tail, count + 1, of - count))
    return low, high


def rate(lines: Sequence[Line], verdict: str) -> str:
    """How many lines have this verdict, with the interval of the rate."""
    if not lines:
        return ""
    count = sum(line["verdict"] == verdict for line in lines)
    low, high = interval(count, len(lines))
    return f"{count} of {len(lines)} [{100 * low:.0f}, {100 * high:.0f} %]"


def page(lines: Sequence[Line]) -> str:
    """All tables."""
    sets = [name for name in SETS if any(line["set"] == name for line in lines)]
    parts = [_rates(lines, sets), _members(lines, sets)]
    return "\n\n".join(parts) + "\n"


def _rates(lines: Sequence[Line], sets: Sequence[str]) -> str:
    kinds: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for line in lines:
        kinds[line["guilt"], line["kind"]].append(line)
    rows = [
        "| guilt | class | right verdict | "
        + " | ".join(f"{name} ({SETS[name].part})" for name in sets)
        + " |"
    ]
    rows.append("|---|---|---|" + "---|" * len(sets))
    for guilt in (HONEST, WEAK, LEAKS):
        for (of, kind), members in kinds.items():
            if of != guilt:
                continue
            cells = []
            for name in (None, *sets):
                here = [line for line in members if name is None or line["set"] == name]
                count = sum(map(right, here))
                low, high = interval(count, len(here)) if here else (0, 0)
                span = f" [{100 * low:.0f}, {100 * high:.0f} %]" if name is None else ""
                cells.append(f"{count} of {len(here)}{span}" if here else "")
            rows.append(f"| {guilt} | {kind} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _members(lines: Sequence[Line], sets: Sequence[str]) -> str:
    rows = ["| generator | guilt | " + " | ".join(sets) + " |", "|---|---|" + "---|" * len(sets)]
    names = list(dict.fromkeys(line["member"] for line in lines))
    by = {(line["member"], line["set"]): line for line in lines}
    for name in names:
        cells = []
        for part in sets:
            line = by.get((name, part))
            cells.append("" if line is None else line["verdict"] if right(line) else f"**{line['verdict']}**")
        guilt = next(line["guilt"] for line in lines if line["member"] == name)
        rows.append(f"| {name} | {guilt} | " + " | ".join(cells) + " |")
    return "\n".join(rows)
