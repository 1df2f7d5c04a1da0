import math
import re
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lipleak.core.conditions import CONDITIONS, Condition, Reference, Setup
from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.core.metrics.default_gates import DEFAULT_GATES
from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.core.scores import ENDS_EARLY, Unscored
from pytest_lipleak.verdicts.limits import MIN_UNITS, Limit, Measurement, Outcome, Rules, set_aside_of
from pytest_lipleak.verdicts.value_against_limit import FAR, SUITE, SUITE_ALPHA, clips_that_settle, judge

LOWER, HIGHER = ("LSD-CR", "LSE-C_S", "LSE-D[AM,CR]"), ("LSE-D_S", "LSE-C[AM,AR]", "LSE-D_XO[CR]")
numbers = st.floats(-1e6, 1e6)
above_the_best = st.floats(0, 1e6, exclude_min=True)
limits = st.one_of(
    st.builds(Limit, st.sampled_from(LOWER).map(metric), st.sampled_from(["<", "<="]), above_the_best),
    st.builds(Limit, st.sampled_from(HIGHER).map(metric), st.sampled_from([">", ">="]), numbers),
)
bounds = st.builds(lambda limit, share: replace(limit, confidence=share), limits, st.floats(0.5, 0.9999))
LOST = Unscored("b", CONDITIONS[0], "no face")


def measured(
    limit: Limit,
    value: float,
    clips: int = 3,
    unscored: tuple[Unscored, ...] = (),
    interval: tuple[float, float] | None = None,
) -> Measurement:
    per_clip = {f"clip{number}": value for number in range(clips)}
    return Measurement(limit.metric, value, interval, per_clip, unscored, "embedded 1")


@given(limits, numbers)
def test_a_value_is_shown_on_its_side_of_the_limit(limit: Limit, value: float) -> None:
    assert limit.holds(float(limit.shown(value))) == limit.holds(value)


def test_a_value_has_no_more_digits_than_it_takes() -> None:
    limit = Limit.parse("REF_shift[PA,CR] < 0.12")
    shown = [limit.shown(value) for value in (0.1184, 0.124, 0.12, 0.3, 0.1200004, math.nan)]
    assert shown == ["0.118", "0.124", "0.12", "0.30", "0.1200004", "nan"]


@given(limits, st.sampled_from([math.nan, math.inf, -math.inf]))
def test_what_is_no_number_never_passes(limit: Limit, value: float) -> None:
    verdict = judge(limit, measured(limit, value))
    assert not verdict.passed
    assert "cannot be judged" in verdict.headline


@pytest.mark.parametrize(
    ("probe", "column", "rows"),
    [
        ("REF_shift[XM,CR]", "the column 'reference_video'", "REF_"),
        ("FRAME_shift[XM,CR]", "the column 'video'", "FRAME_"),
        ("FRAME_shift[AM,CR]", "the columns 'video' and 'reference_video'", "FRAME_"),
    ],
)
def test_a_probe_that_may_never_have_reached_the_model_keeps_no_limit(
    probe: str, column: str, rows: str
) -> None:
    limit = Limit(metric(probe), "<", 0.3)
    unreached = {"b": (0.25, 0.5)}
    verdict = judge(limit, replace(measured(limit, 0.0), unreached=unreached))
    assert verdict.outcome is Outcome.NOT_JUDGED
    assert "(in 1 of 3 clips, by 0.25 and 0.5 grey levels in b)" in str(verdict.reason)
    assert f"given {column} of the table" in str(verdict.reason)
    assert f"leave out the rows whose probe begins with {rows}" in str(verdict.reason)
    leak = judge(limit, replace(measured(limit, 0.9), unreached=unreached))
    assert leak.outcome is Outcome.FAIL, "what leaked has reached it"


@given(limits, numbers | st.just(math.nan))
def test_without_a_clip_nothing_passes(limit: Limit, value: float) -> None:
    verdict = judge(limit, measured(limit, value, clips=0), allow_unscored=True)
    assert not verdict.passed
    assert "no clip was scored" in verdict.headline


@given(limits, numbers)
def test_an_unscored_trial_fails_unless_that_is_allowed(limit: Limit, value: float) -> None:
    measurement = measured(limit, value, unscored=(LOST,))
    strict, lenient = judge(limit, measurement), judge(limit, measurement, allow_unscored=True)
    assert not strict.passed
    assert "1 video could not be scored" in strict.headline
    assert lenient.passed == judge(limit, measured(limit, value)).passed


@pytest.mark.parametrize(
    ("planned", "refused", "more", "count"),
    [
        (19, 1, (), 1),
        (20, 2, (), 2),
        (20, 3, (), 0),  # more than a tenth
        (13, 1, (), 1),
        (12, 1, (), 0),  # eleven are left
        (500, 50, (), 50),
        (500, 51, (), 0),
        (
            20,
            1,
            (Unscored("z", Condition(Setup.XM, Reference.CR), "no face"),),
            1,
        ),  # an output is never left out
        (20, 0, (Unscored("z", None, f"no face; last 9 frames left out: {ENDS_EARLY}"),), 0),
    ],
)
def test_few_real_clips_of_many_are_left_out_and_no_output_ever(
    planned: int, refused: int, more: tuple[Unscored, ...], count: int
) -> None:
    unscored = (*(Unscored(f"clip{number}", None, "not heard") for number in range(refused)), *more)
    set_aside = set_aside_of(planned, unscored)
    assert len(set_aside) == count
    limit = Limit.parse("LSE-C_S < 2")
    verdict = judge(limit, replace(measured(limit, 1.0), unscored=unscored, set_aside=set_aside))
    assert verdict.passed == (count == refused and not more)


@given(limits, numbers)
def test_a_verdict_is_the_comparison_that_is_written(limit: Limit, value: float) -> None:
    difference = value - limit.value
    expected = {"<": difference < 0, "<=": difference <= 0, ">": difference > 0, ">=": difference >= 0}
    assert judge(limit, measured(limit, value)).passed == expected[limit.operator]


@pytest.mark.parametrize(
    ("text", "at_the_limit"),
    [("LSD-CR < 0.6", False), ("LSD-CR <= 0.6", True), ("LSE-D_S > 8", False), ("LSE-D_S>=8", True)],
)
def test_only_inclusive_limits_pass_at_the_limit(text: str, at_the_limit: bool) -> None:
    limit = Limit.parse(text)
    assert judge(limit, measured(limit, limit.value)).passed is at_the_limit


@given(limits)
def test_a_limit_reads_back_from_its_text(limit: Limit) -> None:
    again = Limit.parse(str(limit))
    assert (again.metric, again.operator) == (limit.metric, limit.operator)
    assert again.value == pytest.approx(limit.value, rel=1e-5)
    assert Limit.parse(limit.exact) == limit


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected METRIC < NUMBER"),
        ("LSD-CR", "expected METRIC < NUMBER"),
        ("LSD-CR = 0.6", "expected METRIC < NUMBER"),
        ("LSD-CR == 0.6", "expected METRIC < NUMBER"),
        ("LSD-CR <", "expected METRIC < NUMBER"),
        ("< 0.6", "expected METRIC < NUMBER"),
        ("0.3 < LSD-CR < 0.6", "expected METRIC < NUMBER"),
        ("LSD-CR < half", "'half' is not a number"),
        ("LSD-CR < 0,6", "'0,6' is not a number"),
        ("LSD-CR < nan", "expected a finite number"),
        ("LSD-CR < inf", "expected a finite number"),
        ("LSD-XY < 0.6", "unknown metric 'LSD-XY'"),
        ("LSE-C_S <> 3", "expected METRIC < NUMBER"),
        ("LSD-CR < 0.6, LSE-C_S < 1", "in the variable LIPLEAK_GATES with ';' between them"),
        ("LSD-CR < 0.6 @ 95", "expected METRIC < NUMBER"),
        ("LSD-CR < 0.6 @", "expected METRIC < NUMBER"),
        ("LSD-CR < 0.6 @ x%", "'x' is not a number"),
        ("LSD-CR < 0.6 @ 100%", "confidence 1 is not allowed"),
        ("LSD-CR < 0.6 @ 5%", "confidence 0.05 is not allowed"),
        ("LSD-CR < 0.6 @ nan%", "confidence nan is not allowed"),
        ("LSD-CR < 0.6 @ p 0.01", "only what is compared with chance has a p value"),
        ("LSE-C_S@floor < 0.6 @ p 0", "alpha 0 is not allowed"),
        ("LSE-C_S@floor < 0.6 @ p nan", "alpha nan is not allowed"),
        ("LSE-C_S@floor < 0.6 @ p few", "'few' is not a number"),
    ],
)
def test_a_gate_that_cannot_be_read_says_why(text: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Limit.parse(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(("name", "wrong"), [(n, ">") for n in LOWER] + [(n, "<=") for n in HIGHER])
def test_a_limit_that_rewards_getting_worse_is_refused(name: str, wrong: str) -> None:
    right = "<" if wrong == ">" else ">"
    with pytest.raises(ConfigurationError, match="would pass when the model gets worse") as caught:
        Limit.parse(f"{name} {wrong} 3.5")
    assert f"write {metric(name).name} {right} 3.5" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value", "words"),
    [
        (
            "LSE-C_S@floor < 0",
            0.02,
            "LSE-C_S@floor is 0 at best, so a perfect model would break LSE-C_S@floor < 0; give",
        ),
        ("REF_swap[SI,CR] <= -0.1", 0.9, "give a limit above 0"),
        ("SSIM[AM,CR] > 1", 0.9, "SSIM[AM,CR] is 1 at best"),
        ("success[XM,CR] >= 1.01", 1.0, "give a limit below 1"),
    ],
)
def test_a_limit_that_nothing_could_keep_accuses_nobody(text: str, value: float, words: str) -> None:
    limit = Limit.parse(text)
    verdict = judge(limit, measured(limit, value))
    assert verdict.outcome is Outcome.NOT_JUDGED
    assert words in verdict.headline


@pytest.mark.parametrize(
    "text", ["LSD-CR <= 0", "success[XM,CR] >= 1", "PSNR[AM,CR] > 1e6", "LSE-C[AM,CR] > 99"]
)
def test_a_limit_that_something_could_keep_is_judged(text: str) -> None:
    limit = Limit.parse(text)
    assert judge(limit, measured(limit, limit.value)).judged


def test_an_unknown_operator_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="unknown operator '!='"):
        Limit(metric("LSD-CR"), "!=", 1.0)


@pytest.mark.parametrize(("name", "worst"), [("LSD-CR", ["d", "a", "b"]), ("LSE-D_S", ["c", "a", "b"])])
def test_worst_clips_come_first_and_ties_by_name(name: str, worst: list[str]) -> None:
    per_clip = {"b": 2.0, "d": 3.0, "c": 1.0, "a": 2.0}
    measurement = Measurement(metric(name), 2.0, None, per_clip, (), "embedded 1")
    assert [clip for clip, _ in measurement.worst(3)] == worst
    assert measurement.worst(0) == []
    assert len(measurement.worst(99)) == 4


@pytest.mark.parametrize(("value", "verdict"), [(0.8123, "not < 0.6"), (0.5, "keeps LSD-CR < 0.6")])
def test_the_headline_stands_alone(value: float, verdict: str) -> None:
    limit = Limit.parse("LSD-CR < 0.6")
    headline = judge(limit, measured(limit, value, interval=(0.41, 1.234))).headline
    for part in (f"LSD-CR = {value:.3f}", "[0.41, 1.23]", "3 clips", "embedded 1", verdict):
        assert part in headline
    assert "\n" not in headline


@pytest.mark.parametrize(
    ("value", "why"), [(0.1, "at least 5 different speeches that drive"), (math.inf, "a score is not finite")]
)
def test_enough_clips_without_an_interval_say_what_is_missing(value: float, why: str) -> None:
    """Few speeches that drive many clips are few draws; an infinite score is no number to draw."""
    found = measured(Limit.parse("LipCorr_XO[CR] < 0.2"), value, clips=8)
    assert found.no_interval is not None
    assert why in found.no_interval


def test_one_clip_is_singular_and_has_no_interval() -> None:
    limit = Limit.parse("LSD-CR < 0.6")
    assert str(measured(limit, 0.25, clips=1)) == "LSD-CR = 0.250 (1 clip, expert embedded 1)"


def bound(text: str, value: float, interval: tuple[float, float] | None, clips: int = 10, **more: object):
    limit = Limit.parse(text)
    measurement = replace(
        measured(limit, value, clips, interval=interval), confidence=limit.confidence, **more
    )
    return judge(limit, measurement)


@pytest.mark.parametrize(
    ("text", "value", "interval", "outcome"),
    [
        ("LSD-CR < 0.6 @ 95%", 0.5, (0.4, 0.59), Outcome.PASS),
        ("LSD-CR < 0.6 @ 95%", 0.5, (0.4, 0.6), Outcome.INCONCLUSIVE),
        ("LSD-CR <= 0.6 @ 95%", 0.5, (0.4, 0.6), Outcome.PASS),
        ("LSD-CR < 0.6@90%", 0.7, (0.5, 0.9), Outcome.INCONCLUSIVE),
        ("LSD-CR < 0.6 @ 95%", 0.7, (0.6, 0.9), Outcome.FAIL),
        ("LSD-CR < 0.6 @ 95%", 0.59, (0.61, 0.9), Outcome.INCONCLUSIVE),
        ("LSE-D_S > 8 @ 99%", 9.0, (8.1, 9.5), Outcome.PASS),
        ("LSE-D_S > 8 @ 99%", 7.0, (6.1, 7.5), Outcome.FAIL),
        ("LSE-D_S > 8 @ 99%", 8.5, None, Outcome.INCONCLUSIVE),
        ("FID[AM,CR] < 9 @ 95%", 8.5, None, Outcome.INCONCLUSIVE),
    ],
)
def test_a_bound_verdict_wants_the_whole_interval_on_one_side(
    text: str, value: float, interval: tuple[float, float] | None, outcome: Outcome
) -> None:
    verdict = bound(text, value, interval)
    assert verdict.outcome is outcome
    assert verdict.passed == (outcome is Outcome.PASS)
    assert verdict.judged == (outcome in (Outcome.PASS, Outcome.FAIL))
    assert ("inconclusive" in verdict.headline) == (outcome is Outcome.INCONCLUSIVE)


@given(bounds, numbers, st.integers(1, MIN_UNITS - 1))
def test_a_few_clips_give_no_bound_verdict(limit: Limit, value: float, clips: int) -> None:
    measurement = replace(measured(limit, value, clips, interval=(value, value)), confidence=limit.confidence)
    verdict = judge(limit, measurement)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert f"needs at least {MIN_UNITS} clips" in verdict.headline
    many = replace(measured(limit, value, 99, interval=(value, value)), confidence=limit.confidence)
    assert judge(limit, many).judged
    assert not judge(limit, replace(many, speakers=clips)).judged, "few speakers are few, however many clips"


def test_an_interval_of_another_coverage_is_refused() -> None:
    limit = Limit.parse("LSD-CR < 0.6 @ 99%")
    with pytest.raises(ValueError, match=r"coverage 0\.95"):
        judge(limit, measured(limit, 0.5, 10, interval=(0.4, 0.5)))


def test_how_many_clips_would_settle_it_is_a_range() -> None:
    words = bound("LSD-CR < 0.6 @ 95%", 0.4, (0.15, 0.65)).headline
    assert re.search(r"11 to \d{2,3} clips like these would settle it \(so in 4 cases of 5\)", words)
    speakers = bound("LSE-D_S > 8 @ 95%", 7.9, (7, 8.2), 40, speakers=10).headline
    assert re.search(r"it takes at least \d+ speakers like these, and nobody knows how many", speakers)
    # One within rounding of the limit may be the limit itself.
    assert "nobody knows how many" in bound("LSD-CR < 0.6 @ 95%", 0.6 - 1e-9, (0.5, 0.7)).headline


def test_the_range_holds_what_is_needed_in_four_cases_of_five() -> None:
    """Samples of known effect, inconclusive ones alone; what is needed comes from scipy's t, not from the formula."""
    from scipy.stats import t

    limit, generator = Limit.parse("LSE-C_S < 9 @ 95%"), np.random.default_rng(7)
    for count in (8, 12, 30):
        for effect in (0.2, 0.4, 0.7):
            sizes = np.arange(5, 2000)
            needed = sizes[(t.ppf(0.975, sizes - 1) / np.sqrt(sizes) <= effect).argmax()]
            held = []
            for sample in generator.normal(9 - effect, 1, (300, count)):
                mean, half = sample.mean(), t.ppf(0.975, count - 1) * sample.std(ddof=1) / np.sqrt(count)
                if mean - half < 9 < mean + half:
                    found = replace(
                        measured(limit, mean, count, interval=(mean - half, mean + half)), confidence=0.95
                    )
                    low, high = clips_that_settle(limit, found)
                    # One that enough clips left open takes some more, the next one at best.
                    held.append(low <= max(needed, count + 1) <= high)
            assert np.mean(held) >= 0.78, (count, effect)


def test_a_default_confidence_is_taken_where_a_limit_names_none() -> None:
    rules = Rules(confidence=0.9)
    assert str(rules.applied_to(Limit.parse("LSD-CR < 0.6"))) == "LSD-CR < 0.6 @ 90%"
    assert rules.applied_to(Limit.parse("LSD-CR < 0.6 @ 99.5%")).confidence == pytest.approx(0.995)
    assert str(Rules().applied_to(Limit.parse("LSD-CR < 0.6"))) == "LSD-CR < 0.6"


@pytest.mark.parametrize(
    ("value", "p", "least", "outcome", "words"),
    [
        (0.2, 0.001, 1e-4, Outcome.PASS, "keeps LSE-C_S@floor < 0.4 @ p 0.01"),
        (0.4, 0.01, 1e-4, Outcome.FAIL, "not < 0.4, and not by chance (p <= 0.01)"),
        (0.5, 0.02, 1e-4, Outcome.INCONCLUSIVE, "but chance may give this (p > 0.01); add clips"),
        (0.1, 0.02, 0.0101, Outcome.NOT_JUDGED, "so few clips and unrelated audios cannot give p <= 0.01"),
        (0.1, None, None, Outcome.NOT_JUDGED, "there is no p value"),
        (math.nan, 0.5, 1e-4, Outcome.NOT_JUDGED, "not a number"),
    ],
)
def test_a_leak_is_more_than_dust_and_more_than_chance(
    value: float, p: float | None, least: float | None, outcome: Outcome, words: str
) -> None:
    limit = Limit.parse("LSE-C_S@floor < 0.4 @ p 0.01")
    assert Limit.parse(limit.exact) == limit
    assert Rules(confidence=0.95).applied_to(limit) == limit, "p takes no confidence beside it"
    verdict = judge(limit, replace(measured(limit, value, 12), p=p, least_p=least))
    assert verdict.outcome is outcome
    assert words in verdict.headline
    assert ("p = " in verdict.headline) == (p is not None)


@pytest.mark.parametrize(
    ("value", "p", "ended"),
    [
        (0.1, 1.0, Outcome.PASS),
        (0.156, 0.3, Outcome.INCONCLUSIVE),
        (0.156, 0.02, Outcome.INCONCLUSIVE),
        (0.156, 0.001, Outcome.FAIL),
        (0.31, 0.3, Outcome.FAIL),
        (0.156, None, Outcome.FAIL),
    ],
)
def test_what_chance_may_give_breaks_no_limit_but_is_no_pass(
    value: float, p: float | None, ended: Outcome
) -> None:
    """An honest model broke LipCorr_XO by .156 against .15 on six clips; a full copy comes to .8 and p .25 on three."""
    limit = Limit.parse("LipCorr_XO[CR] < 0.15")
    verdict = judge(limit, replace(measured(limit, value, 6), p=p, least_p=0.0001))
    assert verdict.outcome is ended
    assert not (verdict.outcome is Outcome.FAIL and "chance" in verdict.headline)
    if ended is Outcome.INCONCLUSIVE:
        assert "chance may give this (p = " in verdict.headline
        assert "add clips" in verdict.headline


def test_chance_excuses_no_lips_that_do_not_follow() -> None:
    limit = Limit.parse("LSE-C[AM,CR] > 1.2")
    assert judge(limit, replace(measured(limit, 0.9), p=1.0)).outcome is Outcome.FAIL


@pytest.mark.parametrize("correlation", [0, 0.5, 0.9])
def test_without_a_leak_chance_breaks_a_suite_of_limits_as_seldom_as_said(correlation: float) -> None:
    """Values between the limit and ``FAR`` times it: whether they are called a leak hangs on p alone."""
    generator = np.random.default_rng(5)
    shared = generator.normal(size=(4000, 1))
    scores = np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * generator.normal(size=(4000, SUITE))
    limit = Limit.parse("LipCorr_XO[CR] < 0.15")
    one = measured(limit, 0.15 * (1 + FAR) / 2, 12)
    least = [judge(limit, replace(one, p=NormalDist().cdf(-max(suite)))).outcome for suite in scores.tolist()]
    assert np.mean([each is Outcome.FAIL for each in least]) <= SUITE_ALPHA + 0.008


def test_as_many_default_gates_share_the_error_as_are_said_to() -> None:
    for gates in DEFAULT_GATES.values():
        assert sum(Limit.parse(gate).metric.has_p for gate in gates) == SUITE
