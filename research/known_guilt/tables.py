"""The tables of docs/evidence/known-guilt.md, from the JSON lines of a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pytest_lipleak.verdicts.limits import Limit
from research.known_guilt.catalogue import MEMBERS
from research.known_guilt.clip_sets import SETS
from research.known_guilt.generator import HONEST, LEAKS, WEAK
from research.known_guilt.judge import DEAF, LEAK, Judged, Line, gates, judged

GUILTS = (HONEST, WEAK, LEAKS)


@dataclass(frozen=True)
class Row:
    """One generator on one set, judged.

    Args:
        line: what was measured.
        found: what the default gates say.
    """

    line: Line
    found: Judged

    @property
    def guilt(self) -> str:
        """What is known."""
        return str(self.line["guilt"])

    @property
    def set(self) -> str:
        """The clip set."""
        return str(self.line["set"])

    @property
    def right(self) -> bool:
        """A leak is found, an honest model is not accused, a weak one is named as such."""
        verdict = self.found.verdict
        if self.guilt == LEAKS:
            return verdict == LEAK
        return verdict == DEAF if self.guilt == WEAK else verdict != LEAK


def rows_of(lines: Iterable[Line], limits: Sequence[Limit] | None = None) -> list[Row]:
    """Judge every line, by the default gates or others."""
    return [Row(line, judged(line, limits)) for line in lines]


def mistakes(rows: Iterable[Row]) -> list[str]:
    """One line per wrong verdict."""
    return [
        f"{row.set}: {row.guilt} {row.line['member']!r}: {row.found.verdict} {'; '.join(row.found.broken)}"
        for row in rows
        if not row.right
    ]


def interval(count: int, of: int, confidence: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's interval of a share."""
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    low = 0.0 if count == 0 else float(beta.ppf(tail, count, of - count + 1))
    high = 1.0 if count == of else float(beta.ppf(1 - tail, count + 1, of - count))
    return low, high


def tables(rows: Sequence[Row], limits: Sequence[Limit] | None = None) -> Mapping[str, str]:
    """All tables by the name of their marker in the page; ``limits`` judged the rows, the default gates if None."""
    sets = [name for name in SETS if any(row.set == name for row in rows)]
    return {
        "summary": _summary(rows, sets),
        "sets": _sets(rows, sets),
        "rates": _rates(rows, sets),
        "wrong": _wrong(rows),
        "values": _values(rows, gates() if limits is None else limits),
        "members": _members(rows, sets),
    }


def _summary(rows: Sequence[Row], sets: Sequence[str]) -> str:
    """How much was measured, and what came of it on the sets that had no part in the limits."""
    names = {str(row.line["member"]) for row in rows}
    reported = [row for row in rows if SETS[row.set].part == "report"]

    def rate(guilt: str, verdict: str) -> str:
        having = [row for row in reported if row.guilt == guilt]
        count = sum(row.found.verdict == verdict for row in having)
        low, high = interval(count, len(having)) if having else (0.0, 1.0)
        return f"{count} of {len(having)} ({100 * low:.1f} to {100 * high:.1f} %)"

    return "\n".join(
        [
            f"**{len(rows)} suites** of {len(names)} generators of the catalogue's {len(MEMBERS)} were measured on "
            f"{len(sets)} sets, {len(reported)} of them on sets that no limit was chosen on. There:",
            "",
            f"- honest, accused of a leak: **{rate(HONEST, LEAK)}**",
            f"- leaks, found: **{rate(LEAKS, LEAK)}**; called weak instead: {rate(LEAKS, DEAF)}",
            f"- weak, said not to follow the audio: {rate(WEAK, DEAF)}",
            f"- honest, said not to follow the audio: {rate(HONEST, DEAF)}",
        ]
    )


def table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _counts(rows: Sequence[Row], verdict: str) -> str:
    return f"{sum(row.found.verdict == verdict for row in rows)} of {len(rows)}" if rows else ""


def _sets(rows: Sequence[Row], sets: Sequence[str]) -> str:
    def cells(name: str) -> list[str]:
        here = {guilt: [row for row in rows if row.set == name and row.guilt == guilt] for guilt in GUILTS}
        accused, weak, found = (_counts(here[guilt], LEAK) for guilt in GUILTS)
        deaf, named = (_counts(here[guilt], DEAF) for guilt in (HONEST, WEAK))
        return [name, SETS[name].part, SETS[name].about, accused, deaf, found, weak, named]

    return table(
        [
            "clip set",
            "limits",
            "who is seen",
            "honest, accused of a leak",
            "honest, said not to follow",
            "leaks, found",
            "weak, accused of a leak",
            "weak, said not to follow",
        ],
        map(cells, sets),
    )


def _rates(rows: Sequence[Row], sets: Sequence[str]) -> str:
    """By class: right verdicts with their interval."""
    kinds: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if SETS[row.set].part == "report":
            kinds[row.guilt, str(row.line["kind"])].append(row)

    def cells(guilt: str, kind: str, members: Sequence[Row]) -> list[str]:
        count = sum(row.right for row in members)
        low, high = interval(count, len(members))
        return [
            guilt,
            kind,
            f"{count} of {len(members)}",
            f"{100 * low:.0f} to {100 * high:.0f} %",
        ]

    body = [
        cells(of, kind, members) for guilt in GUILTS for (of, kind), members in kinds.items() if of == guilt
    ]
    for guilt in GUILTS:
        every = [row for (of, _), members in kinds.items() if of == guilt for row in members]
        if every:
            body.append(cells(guilt, "**all**", every))
    return table(["guilt", "class", "right", "interval"], body)


def _wrong(rows: Sequence[Row]) -> str:
    return table(
        ["clip set", "generator", "guilt", "verdict", "gates that were broken"],
        [
            [
                row.set,
                str(row.line["member"]),
                row.guilt,
                row.found.verdict,
                "; ".join(f"`{gate}`" for gate in row.found.broken) or "none",
            ]
            for row in rows
            if not row.right
        ],
    )


def _values(rows: Sequence[Row], limits: Sequence[Limit]) -> str:
    """Of every gate: the largest values of honest generators, and which leaks it finds that no other does."""
    body = []
    for limit in limits:
        name = limit.metric.name
        having = [row for row in rows if name in row.found.values]
        honest = [row.found.values[name] for row in having if row.guilt != LEAKS]
        if not having or ">" in str(limit):
            continue
        leaks = [row for row in having if row.guilt == LEAKS]
        broken = [row for row in leaks if any(gate.startswith(str(limit)) for gate in row.found.broken)]
        alone = [row for row in broken if len(row.found.broken) == 1]
        body.append(
            [
                f"`{limit}`",
                f"{max(honest):.2f}" if honest else "",
                f"{np.percentile(honest, 90):.2f}" if honest else "",
                f"{len(broken)} of {len(leaks)}",
                str(len(alone)),
            ]
        )
    return table(["gate", "honest and weak: most", "90 % below", "leaks found", "by it alone"], body)


def _members(rows: Sequence[Row], sets: Sequence[str]) -> str:
    by = {(row.line["member"], row.set): row for row in rows}

    def cell(name: str, part: str) -> str:
        row = by.get((name, part))
        if row is None:
            return ""
        return row.found.verdict if row.right else f"**{row.found.verdict}**"

    names = {str(row.line["member"]): row.guilt for row in rows}
    ordered = sorted(names, key=lambda name: GUILTS.index(names[name]))
    return table(
        ["generator", "guilt", *sets],
        [[name, names[name], *(cell(name, part) for part in sets)] for name in ordered],
    )


def filled(page: str, content: Mapping[str, str]) -> str:
    """Put tables between the markers ``<!-- name -->`` and ``<!-- /name -->`` of a page.

    Raises:
        ValueError: the page lacks a marker.
    """
    for name, text in content.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, found, rest = page.partition(begin)
        _, ended, after = rest.partition(end)
        if not found or not ended:
            raise ValueError(f"the page has no place for the table {name!r}: expected {begin} ... {end}")
        page = f"{before}{begin}\n{text}\n{end}{after}"
    return page
