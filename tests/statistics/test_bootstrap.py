import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pytest_lipleak.core.metrics import metric
from pytest_lipleak.statistics.bootstrap import percentile_interval


def first(means: list[float]) -> float:
    return means[0]


def normal_rows(clips: int, columns: int = 1, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(3, 2, (clips, columns))


def test_a_mean_of_many_clips_has_the_normal_interval() -> None:
    rows = normal_rows(400)
    low, high = percentile_interval(rows, first, resamples=8000)
    half = 1.959964 * rows.std() / np.sqrt(len(rows))
    assert (low, high) == pytest.approx((rows.mean() - half, rows.mean() + half), abs=0.06 * half)


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.95])
def test_lsd_has_the_interval_that_scipy_gives(confidence: float) -> None:
    from scipy.stats import bootstrap

    rows = normal_rows(25, columns=4)
    lsd = metric("LSD-CR").combine

    def of_sample(*columns: np.ndarray, axis: int) -> np.ndarray:
        means = np.stack([column.mean(axis=axis) for column in columns], axis=-1)
        return np.apply_along_axis(lambda row: lsd(row.tolist()), -1, means)

    reference = bootstrap(
        tuple(rows.T),
        of_sample,
        paired=True,
        vectorized=True,
        method="percentile",
        confidence_level=confidence,
        n_resamples=20_000,
        rng=np.random.default_rng(1),
    ).confidence_interval
    own = percentile_interval(rows, lsd, confidence=confidence, resamples=20_000)
    width = reference.high - reference.low
    assert own == pytest.approx((reference.low, reference.high), abs=0.035 * width)


def test_columns_of_a_clip_stay_paired() -> None:
    matched = normal_rows(40)[:, 0]
    rows = np.stack([matched, matched - 1.5], axis=1)
    low, high = percentile_interval(rows, lambda means: means[0] - means[1])
    assert (low, high) == pytest.approx((1.5, 1.5)), "unpaired draws would spread by the clips' variance"


def test_the_same_rows_have_the_same_interval_and_the_seed_matters() -> None:
    rows = normal_rows(12)
    assert percentile_interval(rows, first) == percentile_interval(rows.copy(), first)
    assert percentile_interval(rows, first, seed=1) != percentile_interval(rows, first, seed=2)


@pytest.mark.parametrize("clips", [0, 1])
def test_fewer_than_two_clips_have_no_interval(clips: int) -> None:
    assert percentile_interval(normal_rows(clips), first) is None


@settings(max_examples=40)
@given(arrays(np.float64, st.tuples(st.integers(2, 12), st.just(1)), elements=st.floats(-100, 100)))
def test_an_interval_lies_within_the_clips_and_moves_with_them(rows: np.ndarray) -> None:
    low, high = percentile_interval(rows, first, resamples=200)
    slack = 1e-9
    assert rows.min() - slack <= low <= high <= rows.max() + slack
    moved = percentile_interval(rows * 2 + 7, first, resamples=200)
    assert moved == pytest.approx((low * 2 + 7, high * 2 + 7), abs=1e-6)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_more_confidence_is_wider(seed: int) -> None:
    rows = normal_rows(15, seed=seed)
    narrow, wide = (percentile_interval(rows, first, confidence=c, resamples=500) for c in (0.8, 0.99))
    assert wide[0] <= narrow[0] <= narrow[1] <= wide[1]
