"""The first line of a report: what was found, each once."""

from corpora import corpus

from pytest_lipleak.core.endings import model_ending
from pytest_lipleak.core.judged_limits import JudgedLimit
from pytest_lipleak.core.verdicts import Limit, Outcome


def broken(limit: str, *offenders: str) -> JudgedLimit:
    parsed = Limit.parse(limit)
    return JudgedLimit(limit, parsed.metric.name, parsed.bound, Outcome.FAIL, offenders=offenders)


def test_limits_on_single_clips_name_their_clips_together() -> None:
    limits = {
        "LipCorr_XO@worst[CR] < 0.3": ("three", "one"),
        "LipCorr_S@worst < 0.3": ("one", "two"),
        "LSE-C_S@floor < 0.3": (),
    }
    verdicts = {limit: broken(limit, *clips) for limit, clips in limits.items()}
    headline = model_ending(verdicts, corpus(["one", "two", "three"])).headline
    assert headline.startswith("FAILED: leaks under silence, in three, one, two: 3 of 3 limits broken: ")
