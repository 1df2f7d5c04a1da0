"""What is kept of a verdict comes back from JSON as it was, whichever version wrote it."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lipleak.verdicts.judged_limits import JudgedLimit
from pytest_lipleak.verdicts.limits import Outcome

numbers = st.floats(allow_nan=False)
shares = st.none() | st.floats(0, 1)
words = st.none() | st.text(max_size=5)
judged = st.builds(
    JudgedLimit,
    limit=st.just("LSD-CR < 0.6"),
    metric_name=st.just("LSD-CR"),
    bound=st.just("< 0.6"),
    outcome=st.sampled_from(Outcome),
    value=numbers,
    clips=st.integers(0, 9),
    interval=st.none() | st.tuples(st.floats(-9, 9), st.floats(-9, 9)),
    no_interval=words,
    confidence=shares,
    alpha=shares,
    p=shares,
    reason=words,
    hollow=words,
    offenders=st.lists(st.text(max_size=3), max_size=3).map(tuple),
    headline=st.text(max_size=5),
)


@given(judged)
def test_it_survives_json_exactly(verdict: JudgedLimit) -> None:
    text = json.dumps(verdict.to_dict(), allow_nan=False)
    assert JudgedLimit.from_dict(json.loads(text)) == verdict


def test_what_is_no_number_comes_back_as_none() -> None:
    lost = JudgedLimit("LSD-CR < 0.6", "LSD-CR", "< 0.6", Outcome.NOT_JUDGED)
    assert lost.to_dict()["value"] is None
    assert math.isnan(JudgedLimit.from_dict(lost.to_dict()).value)


@pytest.mark.parametrize(
    ("passed", "judged", "outcome"),
    [(True, True, Outcome.PASS), (False, True, Outcome.FAIL), (False, False, Outcome.NOT_JUDGED)],
)
def test_a_report_from_before_outcomes_is_read(passed: bool, judged: bool, outcome: Outcome) -> None:
    old = {
        "limit": "LSD-CR < 0.6", "metric": "LSD-CR", "bound": "< 0.6", "value": 0.5, "clips": 3, "interval": None,
        "passed": passed, "judged": judged, "reason": None, "headline": "",
    }  # fmt: skip
    read = JudgedLimit.from_dict(old)
    assert (read.outcome, read.passed, read.judged) == (outcome, passed, judged)
