"""Several p values together: by another definition, by simulation, and in the words of an ending."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from pytest_lipleak.core.endings import maybe_chance
from pytest_lipleak.core.judged_limits import JudgedLimit
from pytest_lipleak.core.multiple_tests import holm
from pytest_lipleak.core.verdicts import Outcome


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_holm_is_the_closure_of_bonferroni(values: list[float]) -> None:
    p_values = {str(number): value for number, value in enumerate(values)}
    subsets = [set(each) for size in range(1, len(values) + 1) for each in combinations(p_values, size)]
    for name, found in holm(p_values).items():
        every = [min(1, len(each) * min(p_values[i] for i in each)) for each in subsets if name in each]
        assert found == pytest.approx(max(every))


@pytest.mark.parametrize("correlation", [0, 0.5, 0.9])
def test_without_a_leak_a_suite_of_correlated_gates_errs_as_seldom_as_said(correlation: float) -> None:
    generator = np.random.default_rng(5)
    shared = generator.normal(size=(4000, 1))
    scores = np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * generator.normal(size=(4000, 8))
    suites = norm.sf(scores)
    names = [f"gate {number}" for number in range(8)]
    least = np.array([min(holm(dict(zip(names, suite, strict=True))).values()) for suite in suites])
    assert (least <= 0.05).mean() <= 0.058
    if correlation < 0.9:
        assert (suites.min(axis=1) <= 0.05).mean() > 0.15, "each alone at 5 % errs far more"


def verdict(name: str, outcome: str, p: float | None) -> JudgedLimit:
    return JudgedLimit(f"{name} < 0.4", name, "< 0.4", Outcome(outcome), p=p)


@pytest.mark.parametrize(
    ("broken_p", "others", "said"), [(0.02, 7, True), (0.02, 1, False), (0.001, 7, False), (None, 7, False)]
)
def test_a_leak_that_may_be_chance_among_so_many_limits_says_so(
    broken_p: float | None, others: int, said: bool
) -> None:
    kept = {f"LSE-C_XO@floor < {number}": verdict("LSE-C_XO@floor", "pass", 0.6) for number in range(others)}
    words = maybe_chance({"LSE-C_S@floor < 0.4": verdict("LSE-C_S@floor", "fail", broken_p), **kept})
    assert ("may be chance" in words) is said
    assert maybe_chance(kept) == ""
