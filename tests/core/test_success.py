"""``success[...]``: which clips have a video that can be scored."""

import pytest

from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.corpus import Corpus, Provenance
from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.core.scores import SHIFTS, SyncScore, TrialScore, Unscored
from pytest_lipleak.evaluation.results.aggregate import measure
from pytest_lipleak.verdicts.limits import Limit
from pytest_lipleak.verdicts.value_against_limit import judge

XM, SI = Condition(Setup.XM, Reference.CR), Condition(Setup.SI, Reference.CR)


@pytest.fixture
def corpus() -> Corpus:
    """Four clips under XM, one of which has no video, and none under silence."""
    about = Provenance(
        "m", "clips", ("a", "b", "c", "d"), "expert", "direct", "first", "zeros", {}, 0, "cpu", "0"
    )
    score = SyncScore(tuple(float(shift) for shift in range(SHIFTS)), 50)
    trials = {(clip, of): TrialScore(clip, of, score, score, 0) for clip in "abc" for of in (XM, None)}
    trials["d", None] = TrialScore("d", None, score, score, 0)
    return Corpus(about, trials, {("d", XM): Unscored("d", XM, "no video: d.mp4 is not there")})


def test_a_missing_video_counts_as_none(corpus: Corpus) -> None:
    found = measure(corpus, metric("success[XM,CR]"))
    assert found.value == 0.75
    assert dict(found.per_clip) == {"a": 1.0, "b": 1.0, "c": 1.0, "d": 0.0}
    assert found.unscored == ()
    for limit, passed in (("success[XM,CR] > 0.7", True), ("success[XM,CR] > 0.9", False)):
        verdict = judge(Limit.parse(limit), found)
        assert (verdict.passed, verdict.outcome) == (passed, "pass" if passed else "fail")
    assert not metric("success[XM,CR]").shows_leak
