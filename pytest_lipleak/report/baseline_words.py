"""Baselines: a JSON report as people commit it, and the words of a comparison with one."""

import json
from collections.abc import Sequence
from typing import Any

from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.metrics.formulas import LEAKAGE_METRICS
from pytest_lipleak.core.number_words import counted, named
from pytest_lipleak.evaluation.comparison import Regression, plain, remarks, six_decimals
from pytest_lipleak.evaluation.results.run_result import RunResult
from pytest_lipleak.report.failures import unscored_lines
from pytest_lipleak.report.json import document
from pytest_lipleak.verdicts.regressions import Difference

_LEAF = 110
"""Lists and tables whose text is shorter than this stay on one line."""


def baseline_text(result: RunResult) -> str:
    """Return a JSON report that diffs well: six decimals, one short list or table per line, in a fixed order."""
    data = six_decimals(document(RunResult(result.models)))
    for entry, model in zip(data["results"], result.models, strict=True):
        entry |= plain(model.corpus)
    return f"{_text(data, 0)}\n"


def comparison_lines(
    found: Sequence[Difference], before: Corpus, after: Corpus, *, everything: bool = False
) -> list[str]:
    """Return the table of a comparison: what leaks first, and beside it what changed.

    Args:
        found: as ``differences`` returns it.
        before: the baseline.
        after: the new result.
        everything: list unchanged metrics, too.
    """
    rows = [("metric", "before", "now", "change", "95 % interval", "")]
    for each in found:
        if everything or each.trend != "same" or each.metric.name in LEAKAGE_METRICS:
            interval = f"[{each.interval[0]:+.2f}, {each.interval[1]:+.2f}]" if each.interval else ""
            name = f"{each.metric.label} {each.metric.arrow}"
            rows.append(
                (name, f"{each.before:.2f}", f"{each.after:.2f}", f"{each.value:+.2f}", interval, each.trend)
            )
    same = len(found) - len(rows) + 1
    lost = {clip for each in found for clip in each.lost}
    return [
        *_aligned(rows),
        *([f"{counted(same, 'more metric')} without a change"] if same else []),
        *(
            [f"mind: with a score in one of both only, {counted(len(lost), 'clip')}: {named(sorted(lost))}"]
            if lost
            else []
        ),
        *remarks(before.provenance, after.provenance),
    ]


def explain_regression(found: Regression, file: str) -> str:
    """Return the failure's text; its first line stands alone."""
    each, allowance = found.difference, found.allowance
    sign = "+" if allowance.metric.better == "lower" else "-"
    interval = f" [{each.interval[0]:+.2f}, {each.interval[1]:+.2f}]" if each.interval else ""
    lines = [
        found.verdict.headline,
        f"  baseline: {each.before:.3f} in {file}; the change is {each.value:+.3f}{interval}, "
        f"{sign}{allowance.allowed(each.before):g} is allowed ({allowance})",
    ]
    if each.trend == "unclear":
        lines.append("  mind: the interval of the change holds zero, so other clips might not show it")
    worst = sorted(
        each.per_clip.items(), key=lambda item: item[1], reverse=allowance.metric.better == "lower"
    )[:3]
    if worst and not found.verdict.passed:
        lines.append(
            "  changed most for the worse: " + ", ".join(f"{clip} {value:+.2f}" for clip, value in worst)
        )
    lines += [f"  {line}" for line in unscored_lines(found.verdict.measurement.unscored)]
    return "\n".join(lines)


def _text(value: Any, depth: int) -> str:
    flat = json.dumps(value, allow_nan=False, ensure_ascii=False)
    scalars = isinstance(value, list) and not any(isinstance(entry, dict | list) for entry in value)
    if not isinstance(value, dict | list) or not value or scalars or len(flat) < _LEAF:
        return flat
    inner = "\n" + " " * (depth + 1)
    if isinstance(value, dict):
        entries = [f"{json.dumps(key)}: {_text(entry, depth + 1)}" for key, entry in value.items()]
    else:
        entries = [_text(entry, depth + 1) for entry in value]
    start, end = "{}" if isinstance(value, dict) else "[]"
    return f"{start}{inner}{f',{inner}'.join(entries)}\n{' ' * depth}{end}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if number in (0, len(row) - 1) else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
