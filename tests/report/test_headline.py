"""The first line of a report: what was found, each once."""

from dataclasses import replace

import pytest
from corpora import corpus

from pytest_lipleak.verdicts.endings import Finding, model_ending
from pytest_lipleak.verdicts.judged_limits import JudgedLimit
from pytest_lipleak.verdicts.limits import Limit, Outcome


def broken(limit: str, *offenders: str) -> JudgedLimit:
    parsed = Limit.parse(limit)
    return JudgedLimit(limit, parsed.metric.name, parsed.bound, Outcome.FAIL, offenders=offenders)


@pytest.mark.parametrize(
    ("limits", "finished", "finding"),
    [
        (("LSE-C[AM,CR] > 1.2",), True, Finding.NOT_JUDGED),
        (("LSE-C[AM,CR] > 1.2", "LSE-C[AM,AR] > 1.2"), True, Finding.NOT_JUDGED),
        # Somebody's own limit, one that looks at leaks, and a model that could have been asked for more.
        (("LSE-C[AM,CR] > 1.3",), True, Finding.PASSED),
        (("LSE-C[XM,CR] > 0.8", "LSE-C_XO@floor[CR] < 0.5"), True, Finding.PASSED),
        (("LSE-C[AM,CR] > 1.2",), False, Finding.PASSED),
    ],
)
def test_finished_videos_that_cannot_show_a_leak_have_not_passed(
    limits: tuple[str, ...], finished: bool, finding: Finding
) -> None:
    found = corpus(["one"])
    found.provenance = replace(found.provenance, finished=finished)
    parsed = {limit: Limit.parse(limit) for limit in limits}
    kept = {
        limit: JudgedLimit(limit, each.metric.name, each.bound, Outcome.PASS)
        for limit, each in parsed.items()
    }
    assert model_ending(kept, found).finding is finding
    if finding is Finding.NOT_JUDGED:
        lost = kept | {limits[0]: broken(limits[0])}
        assert model_ending(lost, found).finding is Finding.BROKEN, "what is broken stays so"


def test_limits_on_single_clips_name_their_clips_together() -> None:
    limits = {
        "LipCorr_XO@worst[CR] < 0.3": ("three", "one"),
        "LipCorr_S@worst < 0.3": ("one", "two"),
        "LSE-C_S@floor < 0.3": (),
    }
    verdicts = {limit: broken(limit, *clips) for limit, clips in limits.items()}
    headline = model_ending(verdicts, corpus(["one", "two", "three"])).headline
    assert headline.startswith("FAILED: leaks under silence, in three, one, two: 3 of 3 limits broken: ")
