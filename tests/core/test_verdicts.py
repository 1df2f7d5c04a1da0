import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lipleak.core.conditions import CONDITIONS
from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.core.metrics import metric
from pytest_lipleak.core.scores import Unscored
from pytest_lipleak.core.verdicts import Limit, Measurement, judge

LOWER, HIGHER = ("LSD-CR", "LSE-C_S", "LSE-D[AM,CR]"), ("LSE-D_S", "LSE-C[AM,AR]", "LSE-D_XO[CR]")
numbers = st.floats(-1e6, 1e6)
limits = st.one_of(
    st.builds(Limit, st.sampled_from(LOWER).map(metric), st.sampled_from(["<", "<="]), numbers),
    st.builds(Limit, st.sampled_from(HIGHER).map(metric), st.sampled_from([">", ">="]), numbers),
)
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


@given(limits, st.sampled_from([math.nan, math.inf, -math.inf]))
def test_what_is_no_number_never_passes(limit: Limit, value: float) -> None:
    verdict = judge(limit, measured(limit, value))
    assert not verdict.passed
    assert "cannot be judged" in verdict.headline


@given(limits, numbers | st.just(math.nan))
def test_without_a_clip_nothing_passes(limit: Limit, value: float) -> None:
    verdict = judge(limit, measured(limit, value, clips=0), allow_unscored=True)
    assert not verdict.passed
    assert "no clip was scored" in verdict.headline


@given(limits, numbers)
def test_an_unscored_take_fails_unless_that_is_allowed(limit: Limit, value: float) -> None:
    measurement = measured(limit, value, unscored=(LOST,))
    strict, lenient = judge(limit, measurement), judge(limit, measurement, allow_unscored=True)
    assert not strict.passed
    assert "1 takes could not be scored" in strict.headline
    assert lenient.passed == judge(limit, measured(limit, value)).passed


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


def test_one_clip_is_singular_and_has_no_interval() -> None:
    limit = Limit.parse("LSD-CR < 0.6")
    assert str(measured(limit, 0.25, clips=1)) == "LSD-CR = 0.250 (1 clip, expert embedded 1)"
