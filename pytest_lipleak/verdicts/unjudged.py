"""Why limits could not be judged: each reason once, with all limits that share it."""

import re
from collections.abc import Iterable

from pytest_lipleak.verdicts.judged_limits import JudgedLimit
from pytest_lipleak.verdicts.limits import Outcome

_WHERE = re.compile(r"(?s)(?P<reason>.*) \((?P<where>in \d+ of \d+ clips?, .*)\)")
"""A reason, and behind it in which clips it was found, in which limits that share the reason differ.

Clips' names may hold brackets, so it begins at the last words of this kind and ends with the whole.
"""


def unjudged(verdicts: Iterable[JudgedLimit]) -> dict[str, list[str]]:
    """Return the limits that could not be judged, each with where that was found, by the reason in words."""
    found: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.outcome is Outcome.NOT_JUDGED:
            words = _reason(verdict)
            found_in = _WHERE.fullmatch(words)
            limit = f"{verdict.limit} ({found_in['where']})" if found_in else verdict.limit
            found.setdefault(found_in["reason"] if found_in else words, []).append(limit)
    return found


def unjudged_lines(verdicts: Iterable[JudgedLimit]) -> list[str]:
    """Return the same as lines for people."""
    return [f"not judged: {', '.join(limits)}: {reason}" for reason, limits in unjudged(verdicts).items()]


def _reason(verdict: JudgedLimit) -> str:
    """Why a limit could not be judged, without the words that name it."""
    words = verdict.reason or "nobody said why"
    for named in (f", so {verdict.limit} cannot be judged", f": {verdict.limit} cannot be judged"):
        words = words.removesuffix(named)
    return words
