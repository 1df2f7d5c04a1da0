"""How much worse than a baseline a metric may get."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.verdicts.regressions import DEFAULT_ALLOWANCES, FLOOR, Allowance, Difference


@pytest.mark.parametrize(
    ("text", "absolute", "relative", "canonical"),
    [
        ("LSD-CR > +0.1", 0.1, 0.0, "LSD-CR > +0.1"),
        ("LSD-CR>+.1", 0.1, 0.0, "LSD-CR > +0.1"),
        ("LSD-CR > +0", 0.0, 0.0, "LSD-CR > +0"),
        ("LSD-CR > +10%", FLOOR, 0.1, "LSD-CR > +10% +0.05"),
        ("LSD-CR > +10% +0.2", 0.2, 0.1, "LSD-CR > +10% +0.2"),
        ("LSE-C_S > +0.2 +10 %", 0.2, 0.1, "LSE-C_S > +10% +0.2"),
        ("LSE-C[xm, cr] < -0.2", 0.2, 0.0, "LSE-C[XM,CR] < -0.2"),
        ("CSIM[AM,AR] < -2% - 0.01", 0.01, 0.02, "CSIM[AM,AR] < -2% -0.01"),
    ],
)
def test_read(text: str, absolute: float, relative: float, canonical: str) -> None:
    allowance = Allowance.parse(text)
    assert (allowance.absolute, allowance.relative) == pytest.approx((absolute, relative))
    assert str(allowance) == canonical
    assert str(Allowance.parse(canonical)) == canonical


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("LSD-CR", "cannot read the regression 'LSD-CR'"),
        ("LSD-CR > 0.1", "cannot read"),  # a limit, not a change
        ("LSD-CR > +x", "cannot read"),
        ("LSD-CR > +nan", "cannot read"),
        ("LSD-CR < -0.1", "for LSD-CR lower is better, so a regression is LSD-CR > +NUMBER"),
        ("LSD-CR > -0.1", "lower is better"),
        ("LSE-C[XM,CR] > +0.1", "higher is better, so a regression is LSE-C[XM,CR] < -NUMBER"),
        ("LSD-CR > +1% +2%", "one share and one absolute number"),
        ("CSIM[AM,AR] < -2%", "a unit of its own"),
        ("LSD-XX > +1", "unknown metric"),
    ],
)
def test_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Allowance.parse(text)
    assert words in str(refused.value)


@pytest.mark.parametrize("name", ["LSD-CR", "LSE-C[XM,CR]"])
@given(
    baseline=st.floats(-10, 10),
    change=st.floats(-10, 10),
    absolute=st.floats(0, 3),
    relative=st.floats(0, 2),
)
def test_the_limit_is_broken_by_more_than_both(
    name: str, baseline: float, change: float, absolute: float, relative: float
) -> None:
    allowance = Allowance(metric(name), absolute, relative)
    worse = change if allowance.metric.better == "lower" else -change
    margins = (worse - absolute, worse - relative * abs(baseline))
    if any(abs(margin) < 1e-9 for margin in margins):
        return  # on the edge, rounding decides
    holds = allowance.limit(baseline).holds(baseline + change)
    at_best = allowance.metric.better == "lower" and baseline + change <= 0
    assert holds is (at_best or not all(margin > 0 for margin in margins))


@pytest.mark.parametrize("name", ["LSD-CR", "LSE-C[XM,CR]"])
def test_a_baseline_that_is_no_number_gives_no_limit(name: str) -> None:
    with pytest.raises(ConfigurationError, match="expected a finite number"):
        Allowance(metric(name), 0.1, 0.0).limit(math.nan)


def test_no_change_is_always_allowed() -> None:
    for text in (*DEFAULT_ALLOWANCES, "LSD-CR > +0"):
        allowance = Allowance.parse(text)
        assert all(allowance.limit(value).holds(value) for value in (-1 / 3, 0.0, 0.1 + 0.2, 7.7))


@pytest.mark.parametrize(
    ("name", "after", "interval", "trend"),
    [
        ("LSD-CR", 1.5, (0.2, 0.8), "worse"),
        ("LSD-CR", 0.5, (-0.8, -0.2), "better"),
        ("LSE-C[XM,CR]", 1.5, (0.2, 0.8), "better"),
        ("LSE-C[XM,CR]", 0.5, (-0.8, -0.2), "worse"),
        ("LSD-CR", 1.5, (-0.1, 0.8), "unclear"),
        ("LSD-CR", 1.5, None, "unclear"),
        ("LSD-CR", 1.0, (0.0, 0.0), "same"),
        ("LSD-CR", 1.0, (-0.3, 0.3), "unclear"),
    ],
)
def test_trend(name: str, after: float, interval: tuple[float, float] | None, trend: str) -> None:
    assert Difference(metric(name), 1.0, after, interval).trend == trend
