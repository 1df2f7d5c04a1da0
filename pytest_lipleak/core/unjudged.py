"""Why limits could not be judged: each reason once, with all limits that share it."""

from collections.abc import Iterable

from pytest_lipleak.core.verdict_records import JudgedLimit
from pytest_lipleak.core.verdicts import Outcome


def unjudged(verdicts: Iterable[JudgedLimit]) -> dict[str, list[str]]:
    """Return the limits that could not be judged, by the reason in words, which names none of them."""
    found: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.outcome is Outcome.NOT_JUDGED:
            found.setdefault(_reason(verdict), []).append(verdict.limit)
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
