"""What parts of a run allowed counts for the whole only where all of them did for every limit."""

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_lipleak.evaluation.results import parts


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        ({"LSD-CR < 1": True}, True),
        ({"LSD-CR < 1": True, "LSE-C_S < 3": True}, True),
        ({"LSD-CR < 1": True, "LSE-C_S < 3": False}, False),
        ({"LSD-CR < 1": False}, False),
    ],
)
def test_unscored_clips_are_allowed_where_every_limit_allows_them(
    monkeypatch: pytest.MonkeyPatch, asked: dict[str, bool], allowed: bool
) -> None:
    told: list[bool] = []

    def judge(limit: Any, measurement: Any, *, allow_unscored: bool) -> None:
        told.append(allow_unscored)

    monkeypatch.setattr(parts, "judge", judge)
    monkeypatch.setattr(parts, "measure", lambda *arguments: None)
    corpus: Any = SimpleNamespace(
        asked=asked, objection=None, provenance=SimpleNamespace(expert=""), why_lacking=lambda condition: None
    )
    parts.judged_parts(corpus, ())
    assert told == [allowed] * len(asked)
