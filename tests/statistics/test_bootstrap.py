from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from reference_intervals import bca_interval, percentile_interval

from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.core.student_t import t_cdf, t_quantile
from pytest_lipleak.statistics.bootstrap import distance_interval, expanded_interval
from pytest_lipleak.verdicts.limits import MIN_UNITS

Method = Callable[..., tuple[float, float] | None]
METHODS = pytest.mark.parametrize("method", [expanded_interval, percentile_interval, bca_interval])


def first(means: list[float]) -> float:
    return means[0]


def normal_rows(clips: int, columns: int = 1, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(3, 2, (clips, columns))


def test_a_mean_of_many_clips_has_the_normal_interval() -> None:
    rows = normal_rows(400)
    low, high = percentile_interval(rows, first, resamples=8000)
    half = 1.959964 * rows.std() / np.sqrt(len(rows))
    assert (low, high) == pytest.approx((rows.mean() - half, rows.mean() + half), abs=0.06 * half)


@pytest.mark.parametrize(
    ("own", "method"), [(percentile_interval, "percentile"), (bca_interval, "BCa")], ids=["percentile", "bca"]
)
@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.95])
def test_lsd_has_the_interval_that_scipy_gives(confidence: float, own: Method, method: str) -> None:
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
        method=method,
        confidence_level=confidence,
        n_resamples=20_000,
        rng=np.random.default_rng(1),
    ).confidence_interval
    found = own(rows, lsd, confidence=confidence, resamples=20_000)
    width = reference.high - reference.low
    assert found == pytest.approx((reference.low, reference.high), abs=0.035 * width)


def test_columns_of_a_clip_stay_paired() -> None:
    matched = normal_rows(40)[:, 0]
    rows = np.stack([matched, matched - 1.5], axis=1)
    low, high = percentile_interval(rows, lambda means: means[0] - means[1])
    assert (low, high) == pytest.approx((1.5, 1.5)), "unpaired draws would spread by the clips' variance"


def test_the_same_rows_have_the_same_interval_and_the_seed_matters() -> None:
    rows = normal_rows(12)
    assert percentile_interval(rows, first) == percentile_interval(rows.copy(), first)
    assert percentile_interval(rows, first, seed=1) != percentile_interval(rows, first, seed=2)


@pytest.mark.parametrize("clips", range(MIN_UNITS))
def test_fewer_than_five_clips_or_speakers_have_no_interval(clips: int) -> None:
    pairs = ((0, 1), (2, 3))
    assert expanded_interval(normal_rows(clips), first) is None
    assert distance_interval(normal_rows(clips, 4), pairs) is None
    assert expanded_interval(normal_rows(MIN_UNITS), first) is not None
    assert distance_interval(normal_rows(MIN_UNITS, 4), pairs) is not None
    speakers = [f"speaker {number % max(clips, 1)}" for number in range(40)]
    assert expanded_interval(normal_rows(40), first, clusters=speakers) is None
    assert distance_interval(normal_rows(40, 4), pairs, clusters=speakers) is None


def missed(rows: np.ndarray, truth: float, interval: Callable[[np.ndarray], tuple[float, float]]) -> float:
    ends = np.array([interval(sample) for sample in rows])
    return float(((ends[:, 0] > truth) | (ends[:, 1] < truth)).mean())


@pytest.mark.slow
@pytest.mark.parametrize("speakers", [5, 8, 12])
def test_clips_of_one_speaker_are_alike_and_the_interval_knows(speakers: int) -> None:
    """ICC .5: half of the variance is the speakers'. Over clips the same interval misses far more."""
    generator = np.random.default_rng(speakers)
    labels = [str(number) for number in range(speakers) for _ in range(10)]
    rows = np.repeat(generator.normal(size=(300, speakers, 1)), 10, axis=1)
    rows = rows + generator.normal(size=rows.shape)
    by_speaker = missed(
        rows, 0, lambda sample: expanded_interval(sample, first, clusters=labels, resamples=500)
    )
    by_clip = missed(rows, 0, lambda sample: expanded_interval(sample, first, resamples=500))
    assert by_speaker <= 0.11
    assert by_clip > 0.25


LSD_PAIRS = ((0, 1), (2, 3))


@pytest.mark.slow
@pytest.mark.parametrize("gaps", [(0, 0), (0, 0.4), (0.1, 0.1), (0.3, -0.5), (1, 1)])
@pytest.mark.parametrize("clips", [8, 20])
def test_the_interval_of_lsd_covers_at_zero_and_beyond(gaps: tuple[float, float], clips: int) -> None:
    generator = np.random.default_rng(clips)
    rows = generator.normal(0, 0.4, (300, clips, 4)) + np.array([gaps[0], 0, gaps[1], 0])
    truth = (abs(gaps[0]) + abs(gaps[1])) / 2
    lsd = metric("LSD-CR").combine
    assert missed(rows, truth, lambda sample: distance_interval(sample, LSD_PAIRS, resamples=500)) <= 0.08
    if truth == 0:
        drawn = missed(rows, truth, lambda sample: expanded_interval(sample, lsd, resamples=500))
        assert drawn == 1, "draws of an absolute value leave out a true 0"


def test_the_interval_of_lsd_is_that_of_its_signed_form_where_signs_are_clear() -> None:
    rows = normal_rows(30, 4) * 0.1 + np.array([3.0, 1.0, 1.0, 4.0])
    low, high = distance_interval(rows, LSD_PAIRS, resamples=8000)

    def signed(means: Sequence[float]) -> float:
        return 0.5 * ((means[0] - means[1]) + (means[3] - means[2]))

    wider = expanded_interval(rows, signed, confidence=0.975, resamples=8000)
    plain = expanded_interval(rows, signed, resamples=8000)
    assert (low, high) == pytest.approx((wider[0], plain[1]), abs=1e-9)
    assert low < metric("LSD-CR").combine(rows.mean(axis=0).tolist()) < high


@METHODS
def test_rows_of_a_cluster_are_drawn_together(method: Method) -> None:
    speakers = normal_rows(9)
    repeated = np.repeat(speakers, 5, axis=0)
    labels = [str(number) for number in range(9) for _ in range(5)]
    # Five copies of each speaker say no more than one.
    assert method(repeated, first, clusters=labels) == pytest.approx(method(speakers, first), rel=1e-3)
    narrow = method(repeated, first)
    wide = method(speakers, first)
    assert narrow[1] - narrow[0] < 0.6 * (wide[1] - wide[0])


def test_bca_collapses_at_the_minimum_of_lsd() -> None:
    rows = np.tile([2.0, 2.0, 9.0, 9.0], (8, 1))
    rows[:4, 1] += 1
    rows[4:, 1] -= 1
    lsd = metric("LSD-CR").combine
    assert lsd(rows.mean(axis=0).tolist()) == 0
    assert bca_interval(rows, lsd)[1] < 0.5 * distance_interval(rows, LSD_PAIRS)[1], (
        "hence not in the package"
    )


def test_bca_does_not_exist_where_all_draws_lie_on_one_side() -> None:
    rows = normal_rows(20)
    assert bca_interval(rows, lambda means: abs(means[0] - rows.mean())) is None


@pytest.mark.parametrize("clips", [6, 12])
def test_few_clips_are_covered_as_often_as_is_said(clips: int) -> None:
    """Of 400 samples, plain percentiles miss clearly more than 5 %; the expanded ones about as often as said."""
    outside = {expanded_interval: 0, percentile_interval: 0}
    for seed in range(400):
        rows = np.random.default_rng(seed).normal(size=(clips, 1))
        for method in outside:
            low, high = method(rows, first, resamples=300, seed=seed)
            outside[method] += not low <= 0 <= high
    assert outside[expanded_interval] / 400 < 0.085
    assert outside[expanded_interval] < outside[percentile_interval]


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 30, 101])
def test_students_t_is_that_of_scipy(freedom: int) -> None:
    from scipy.stats import t

    for value in (-4.0, -0.3, 0.0, 1.0, 12.0):
        assert t_cdf(value, freedom) == pytest.approx(t.cdf(value, freedom), abs=1e-12)
    for share in (0.6, 0.975, 0.9995):
        assert t_quantile(share, freedom) == pytest.approx(t.ppf(share, freedom), rel=1e-9)


@pytest.mark.parametrize("method", [expanded_interval, percentile_interval])
@settings(max_examples=20)
@given(rows=arrays(np.float64, st.tuples(st.integers(5, 12), st.just(1)), elements=st.floats(-100, 100)))
def test_an_interval_lies_within_the_clips_and_moves_with_them(rows: np.ndarray, method: Method) -> None:
    low, high = method(rows, first, resamples=200)
    slack = 1e-9
    assert rows.min() - slack <= low <= high <= rows.max() + slack
    moved = method(rows * 2 + 7, first, resamples=200)
    assert moved == pytest.approx((low * 2 + 7, high * 2 + 7), abs=1e-6)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_more_confidence_is_wider(seed: int) -> None:
    rows = normal_rows(15, seed=seed)
    narrow, wide = (percentile_interval(rows, first, confidence=c, resamples=500) for c in (0.8, 0.99))
    assert wide[0] <= narrow[0] <= narrow[1] <= wide[1]


def crossed(
    clip: float, speech: float, rest: float, seed: int, clips: int = 40
) -> tuple[np.ndarray, list, list]:
    """Scores of clips with three partners each: effects of the clip, of the speech that drives, and of neither."""
    draw = np.random.default_rng(seed)
    clip_effects, speech_effects = draw.normal(0, clip, clips), draw.normal(0, speech, clips)
    pairs = [(one, (one + step) % clips) for one in range(clips) for step in (1, 2, 3)]
    rows = [clip_effects[one] + speech_effects[other] + draw.normal(0, rest) for one, other in pairs]
    return np.array(rows)[:, None], [f"c{one}" for one, _ in pairs], [f"s{other}" for _, other in pairs]


def width(interval: tuple[float, float] | None) -> float:
    assert interval is not None
    return interval[1] - interval[0]


@pytest.mark.parametrize("effects", [(1.0, 0.0, 0.1), (0.0, 1.0, 0.1), (1.0, 1.0, 0.1), (0.2, 0.2, 1.0)])
def test_two_factors_give_the_width_that_their_variances_give(effects):
    clip, speech, rest = effects
    found = [
        width(expanded_interval(rows, first, clusters=one, crossed=other))
        for rows, one, other in (crossed(*effects, seed) for seed in range(25))
    ]
    # Forty clips with three partners each: the variance of the mean, from the variances of its parts.
    expected = 2 * 2.02 * np.sqrt((clip**2 + speech**2 + rest**2 / 3) / 40)
    assert np.mean(found) == pytest.approx(expected, rel=0.12)


def test_two_factors_are_no_narrower_than_one():
    for seed in range(10):
        rows, one, other = crossed(0.5, 0.5, 0.5, seed, clips=12)
        both = width(expanded_interval(rows, first, clusters=one, crossed=other))
        for alone in (one, other):
            assert both >= width(expanded_interval(rows, first, clusters=alone)) - 1e-12


def test_too_few_units_of_either_factor_give_no_interval():
    rows, one, other = crossed(1, 1, 1, 0)
    assert expanded_interval(rows, first, clusters=one, crossed=["s"] * len(other)) is None
    assert expanded_interval(rows, first, clusters=["c"] * len(one), crossed=other) is None
    assert (
        distance_interval(np.hstack([rows, rows]), [(0, 1)], clusters=one, crossed=["s"] * len(other)) is None
    )


def test_weights_count_rows_as_often():
    rows = np.random.default_rng(0).normal(size=(12, 2))
    doubled = np.repeat(rows, 2, axis=0)
    labels = [f"c{number}" for number in range(12)]
    plain = expanded_interval(rows, first, clusters=labels)
    halves = expanded_interval(
        doubled, first, clusters=[each for each in labels for _ in range(2)], weights=np.full(24, 0.5)
    )
    assert halves == pytest.approx(plain)
