"""Monotone fits against scikit-learn and SciPy, and where they reach a value."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lipleak.statistics.isotonic import nondecreasing, reached

rows = st.lists(st.floats(-100, 100), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def isotonic() -> Any:
    return pytest.importorskip("sklearn.isotonic")


@given(values=rows)
def test_as_scikit_learn_pools_adjacent_violators(isotonic: Any, values: list[float]) -> None:
    expected = isotonic.isotonic_regression(np.array(values))
    np.testing.assert_allclose(nondecreasing(np.array(values)), expected, atol=1e-9)


def test_many_rows_at_once_as_scipy() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    values = np.random.default_rng(1).normal(size=(50, 11))
    expected = [optimize.isotonic_regression(row).x for row in values]
    np.testing.assert_allclose(nondecreasing(values), expected, atol=1e-12)


@given(st.lists(st.floats(0.01, 5), min_size=1, max_size=10), st.floats(0, 1))
def test_a_rising_curve_is_inverted(steps: list[float], share: float) -> None:
    places = np.linspace(0, 1, len(steps) + 1)
    curve = np.cumsum([0.0, *steps])
    value = np.interp(share, places, curve)
    first, last = reached(places, curve[None], np.array([value]))
    np.testing.assert_allclose([first[0], last[0]], share, atol=1e-6)


def test_flat_parts_and_values_off_the_curve() -> None:
    places, curve = np.array([0.0, 0.1, 0.2, 0.5, 1.0]), np.array([1.0, 1.0, 1.0, 3.0, 3.0])
    values = np.array([1.0, 2.0, 3.0, 0.9, 3.1])
    first, last = reached(places, np.tile(curve, (5, 1)), values)
    np.testing.assert_allclose(first, [0.0, 0.35, 0.5, -np.inf, np.inf])
    np.testing.assert_allclose(last, [0.2, 0.35, 1.0, -np.inf, np.inf])
