"""The sign-flip test against scipy and against what it must be by arithmetic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import permutation_test

from pytest_lipleak.evaluation.results.preconditions import expert_unfit
from pytest_lipleak.statistics.signs import sign_flip_p


@pytest.mark.parametrize("count", [1, 2, 5, 10])
def test_differences_of_one_sign_give_the_smallest_p(count: int) -> None:
    assert sign_flip_p(np.full(count, 0.3)) == 0.5**count


@given(st.lists(st.integers(-50, 50), min_size=3, max_size=8))
def test_agrees_with_scipy(values: list[int]) -> None:
    differences = np.array(values, float)

    def mean(sample: np.ndarray, axis: int) -> np.ndarray:
        return np.mean(sample, axis=axis)

    expected = permutation_test((differences,), mean, permutation_type="samples", alternative="greater")
    assert sign_flip_p(differences) == pytest.approx(expected.pvalue)


def test_with_many_clips_the_observed_signs_count_as_one_pattern() -> None:
    # Of 2 ** 40 patterns none that is sampled has one sign alone.
    assert sign_flip_p(np.full(40, 0.3)) == 1 / 4096


def test_no_effect_is_rarely_found() -> None:
    rng = np.random.default_rng(1)
    found = [sign_flip_p(rng.normal(size=20)) <= 0.05 for _ in range(400)]
    assert 0.02 < np.mean(found) < 0.09


def test_expert_that_hears_the_difference_may_judge() -> None:
    clips = "abcdef"
    assert expert_unfit(dict.fromkeys(clips, 3.0), {key: [0.5, 0.7] for key in clips}) is None


def test_expert_that_hears_no_difference_may_not() -> None:
    own = {str(clip): 2.6 + 0.1 * (-1) ** clip for clip in range(12)}
    said = expert_unfit(own, {key: [2.6, 2.65] for key in own})
    assert said is not None
    assert said.startswith(
        "this expert cannot judge these clips: the real clips score LSE-C 2.60 with their own"
    )


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_few_clips_must_all_agree(count: int) -> None:
    own = {str(clip): 3.0 for clip in range(count)}
    assert expert_unfit(own, {key: [1.0] for key in own}) is None
    own["0"] = 0.5
    assert expert_unfit(own, {key: [1.0] for key in own}) is not None


def test_without_other_speech_nothing_is_said() -> None:
    assert expert_unfit({"a": 3.0}, {"a": []}) is None
