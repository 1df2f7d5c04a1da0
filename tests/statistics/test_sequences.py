"""Confidence sequences: valid at every moment at once, by simulation; by arithmetic; and cheap where it is clear."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.statistics.sequences import FIRST, PRIOR, SKEWED, difference_sequence, mean_sequence


def ever_outside(ends: np.ndarray, truth: float) -> float:
    """Share of sequences that leave out the truth at any moment: how often stopping would have been wrong."""
    return float(((ends[..., 0] > truth) | (ends[..., 1] < truth)).any(axis=-1).mean())


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_false_stops_are_rarer_than_alpha(alpha: float) -> None:
    generator = np.random.default_rng(1)
    values = 3 + 2 * generator.normal(size=(6000, 150))
    assert ever_outside(mean_sequence(values, alpha), 3) <= alpha
    shift = np.array([0.8, 0, 0, 0.8])
    rows = generator.normal(0, 0.4, (4000, 80, 4)) + shift
    assert ever_outside(difference_sequence(rows, ((0, 1), (2, 3)), alpha), 0.8) <= alpha
    # At the minimum of LSD, where |.| has its kink.
    assert ever_outside(difference_sequence(rows - shift, ((0, 1), (2, 3)), alpha), 0) <= alpha


def test_looking_after_every_clip_breaks_a_plain_interval_but_not_this() -> None:
    values = np.random.default_rng(2).normal(size=(3000, 100))
    count = np.arange(1, 101)
    means = values.cumsum(axis=1) / count
    half = 1.96 / np.sqrt(count)
    plain = np.stack([means - half, means + half], axis=-1)[:, 4:]
    assert ever_outside(plain, 0) > 0.2
    assert ever_outside(mean_sequence(values, 0.05, 5), 0) <= 0.05


KINDS = {
    "uniform": lambda generator, size: generator.uniform(-1, 1, size),
    "gamma 2": lambda generator, size: generator.gamma(2, 1, size) - 2,
    "lognormal .5": lambda generator, size: generator.lognormal(0, 0.5, size) - np.exp(0.125),
    "lognormal 1": lambda generator, size: generator.lognormal(0, 1, size) - np.exp(0.5),
    "heavy tails": lambda generator, size: generator.standard_t(5, size),
}


@pytest.mark.parametrize("kind", KINDS)
def test_skewed_scores_stop_falsely_as_seldom_as_said(kind: str) -> None:
    values = KINDS[kind](np.random.default_rng(3), (4000, 100))
    assert ever_outside(mean_sequence(values, 0.05, FIRST, SKEWED), 0) <= 0.056


def test_without_waiting_skewed_scores_stop_falsely_far_more() -> None:
    values = KINDS["lognormal 1"](np.random.default_rng(3), (4000, 60))
    assert ever_outside(mean_sequence(values, 0.05, 5), 0) > 0.18


def test_skewness_is_that_of_scipy() -> None:
    from scipy.stats import skew

    values = np.random.default_rng(9).gamma(2, 1, 20)
    for count in (12, 17, 20):
        g1 = abs(skew(values[:count]))
        below, above = (mean_sequence(values[:count], 0.05, count, g1 * by)[-1] for by in (0.999, 1.001))
        assert np.isinf(below).all()
        assert np.isfinite(above).all()


def test_the_ends_are_where_the_mixtures_likelihood_ratio_reaches_one_over_alpha() -> None:
    """The ratio by numerical integration over effect and scale, instead of its closed form."""
    values = np.random.default_rng(4).normal(1, 0.5, 7)
    low, high = mean_sequence(values, 0.05)[-1]

    def marginal(mean: float, spread: float) -> float:
        # Standard deviation s has the density 1/s; the effect in units of s is normal with the given spread.
        def at_scale(s: float) -> float:
            x = (values - mean) / s
            n, c2 = len(x), spread**2
            quadratic = (x**2).sum() - c2 * x.sum() ** 2 / (1 + n * c2)
            return s ** -(n + 1) * np.exp(-quadratic / 2) / np.sqrt(1 + n * c2)

        return quad(at_scale, 1e-3, 60, limit=400, points=[0.2, 0.5, 1, 3])[0]

    for end in (low, high):
        assert marginal(end, PRIOR) / marginal(end, 0) == pytest.approx(20, rel=1e-3)
    # That closed form over the effect is an integral, too.
    x = (values - low) / 0.7
    effect = quad(lambda d: norm.pdf(x, d, 1).prod() * norm.pdf(d, 0, PRIOR), -30, 30, points=[x.mean()])[0]
    n, c2 = len(x), PRIOR**2
    closed = np.exp(-((x**2).sum() - c2 * x.sum() ** 2 / (1 + n * c2)) / 2) / np.sqrt(1 + n * c2)
    assert effect == pytest.approx(closed / (2 * np.pi) ** (n / 2), rel=1e-6)


@pytest.mark.parametrize(("effect", "clips"), [(4, 5), (2, 10), (1, 28)])
def test_large_effects_are_settled_by_few_clips(effect: float, clips: int) -> None:
    values = np.random.default_rng(5).normal(effect, 1, (1500, 120))
    ends = mean_sequence(values, 0.05, 5)
    assert np.quantile((ends[..., 0] > 0).argmax(axis=1) + 1, 0.9) <= clips


def test_it_never_widens_and_begins_infinite() -> None:
    ends = mean_sequence(np.random.default_rng(6).normal(size=(50, 40)), 0.1, 4)
    assert np.isinf(ends[:, :3]).all()
    assert np.isfinite(ends[:, -1]).all()
    assert (np.diff(ends[:, 4:, 0]) >= 0).all()
    assert (np.diff(ends[:, 4:, 1]) <= 0).all()


def test_values_that_do_not_vary_are_settled_at_once() -> None:
    assert mean_sequence(np.full(6, 2.5), 0.05, 5)[-1] == pytest.approx((2.5, 2.5))
    lsd = metric("LSD-CR")
    rows = np.tile([5.0, 3.0, 7.0, 8.0], (6, 1))
    value = lsd.combine(rows.mean(axis=0).tolist())
    assert difference_sequence(rows, lsd.differences, 0.05, 5)[-1] == pytest.approx((value, value))
