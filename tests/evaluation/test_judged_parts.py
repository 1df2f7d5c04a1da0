"""Parts that were put together are judged as one run is: what none could hear, and what all of them allowed."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_lipleak.core.conditions import Reference
from pytest_lipleak.core.metrics.default_gates import every_default
from pytest_lipleak.evaluation.results import parts
from pytest_lipleak.verdicts.limits import Measurement


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
        asked=asked,
        expert_unfit=None,
        provenance=SimpleNamespace(expert=""),
        why_lacking=lambda condition: None,
    )
    parts.judged_parts(corpus, ())
    assert told == [allowed] * len(asked)


def test_an_expert_that_hears_nothing_judges_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "judge", lambda *arguments, **options: "judged")
    monkeypatch.setattr(parts, "measure", lambda *arguments: None)
    corpus: Any = SimpleNamespace(
        asked=dict.fromkeys(("LSE-C_S < 3", "SSIM[AM,CR] > 0.9"), False),
        expert_unfit="this expert cannot judge these clips",
        provenance=SimpleNamespace(expert=""),
        why_lacking=lambda condition: None,
    )
    sync, picture = parts.judged_parts(corpus, ())
    assert (sync.passed, sync.judged, sync.reason) == (False, False, corpus.expert_unfit)
    assert picture == "judged", "pictures need no expert"


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("named", [False, True])
def test_default_gates_that_a_whole_run_leaves_out_are_left_out(
    monkeypatch: pytest.MonkeyPatch, named: bool, both: bool
) -> None:
    """Of single clips, where too few recordings are compared to accuse one, which is not judged where it was named;
    and of input frames beside another reference, where they were probed beside the current one alone: who named every
    default gate had them probed beside both."""
    singles = {limit for limit in every_default() if "@worst" in limit}

    def few(corpus: Any, asked: Any, confidence: Any) -> Measurement:
        compared = 2 if "@worst" in asked.name else None
        return replace(Measurement(asked, 0.0, None, {"a": 0.0}, (), "embedded"), compared=compared)

    monkeypatch.setattr(parts, "measure", few)
    corpus: Any = SimpleNamespace(
        asked=dict.fromkeys(singles if named else every_default(), False),
        expert_unfit=None,
        provenance=SimpleNamespace(expert=""),
        why_lacking=lambda condition: None,
        column=lambda column: {"a": 0.0} if both or column.condition.reference is Reference.CR else {},
        unscored_in=lambda columns: (),
    )
    verdicts = parts.judged_parts(corpus, ())
    assert len(singles) == 4
    found = {str(verdict.limit): verdict.judged for verdict in verdicts if "@worst" in str(verdict.limit)}
    assert found == (dict.fromkeys(singles, False) if named else {})
    twice = {"FRAME_shift[PA,AR] < 0.15", "FRAME_shift[AM,AR] < 0.3"} & every_default()
    assert len(twice) == 2
    judged = {str(verdict.limit) for verdict in verdicts}
    assert twice & judged == (twice if both and not named else set())
    assert len(verdicts) == (4 if named else len(every_default()) - 4 - 2 * (not both))
