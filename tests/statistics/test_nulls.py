"""The test against chance: by arithmetic, against scipy, and by simulating that there is nothing to find."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest, percentileofscore, permutation_test

from pytest_lipleak.core.scores import rank_p
from pytest_lipleak.evaluation.measures.lag_scan import scan_chance
from pytest_lipleak.statistics.nulls import audios_drawn, least_p


def chance_p(
    observed: Sequence[float],
    nulls: Sequence[Sequence[float]],
    *,
    clusters: Sequence[str] | None = None,
    draws: int = 9999,
) -> float:
    """The p of a scan that looks at one lag: a clip's own score first, then those of unrelated audios."""
    tables = [
        np.array([[own], *([each] for each in null)]) for own, null in zip(observed, nulls, strict=True)
    ]
    return scan_chance(tables, clusters=clusters, draws=draws)[0]


def test_few_scores_give_the_p_of_all_combinations() -> None:
    generator = np.random.default_rng(3)
    observed, nulls = generator.normal(0.8, 1, 4), generator.normal(size=(4, 3))
    every = [
        sum(pick) for pick in product(*([own, *null] for own, null in zip(observed, nulls, strict=True)))
    ]
    exact = np.mean(np.array(every) >= observed.sum() - 1e-9)
    assert chance_p(observed, nulls, draws=40_000) == pytest.approx(exact, abs=0.01)


def test_one_mirrored_null_score_is_scipys_sign_flip() -> None:
    differences = np.random.default_rng(8).normal(0.4, 1, 9)

    def mean(sample: np.ndarray, axis: int) -> np.ndarray:
        return np.mean(sample, axis=axis)

    expected = permutation_test(
        (differences,), mean, permutation_type="samples", alternative="greater"
    ).pvalue
    assert chance_p(differences, -differences[:, None], draws=40_000) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(("clips", "audios"), [(2, 50), (6, 5), (12, 10)])
def test_without_a_leak_p_is_uniform(clips: int, audios: int) -> None:
    generator = np.random.default_rng(clips)
    # Skewed, and another level and spread for every clip: nothing but exchangeability is assumed.
    found = []
    for _ in range(400):
        scores = generator.gamma(1.5, generator.uniform(0.2, 3, (clips, 1)), (clips, audios + 1))
        found.append(chance_p(scores[:, 0], scores[:, 1:], draws=499))
    assert kstest(found, "uniform").pvalue > 0.001
    assert np.mean(np.array(found) <= 0.05) < 0.085


def test_a_leak_in_every_clip_is_found_although_none_is_clear() -> None:
    generator = np.random.default_rng(4)
    scores = generator.normal(size=(12, 11))
    own = scores[:, 0] + 1.5
    assert chance_p(own, scores[:, 1:]) < 0.001
    assert chance_p(own - 3, scores[:, 1:]) > 0.999


def false_alarms(speakers: int, clips: int, *, clustered: bool, runs: int = 150) -> float:
    """How often p <= .05 where a speaker's lips agree with each voice by chance: variance 1, like that of a clip."""
    generator = np.random.default_rng(speakers)
    speaker = np.repeat(np.arange(speakers), clips)
    labels = [str(number) for number in speaker] if clustered else None
    count, found = len(speaker), []
    for _ in range(runs):
        voice = generator.normal(size=(speakers, speakers))
        scores = voice[speaker][:, speaker] + generator.normal(size=(count, count))
        nulls = [np.delete(scores[clip], clip)[:20] for clip in range(count)]
        found.append(chance_p(scores.diagonal(), nulls, clusters=labels, draws=499))
    return float(np.mean(np.array(found) <= 0.05))


@pytest.mark.parametrize(("speakers", "clips"), [(4, 10), (6, 10)])
def test_p_knows_that_clips_of_one_speaker_are_alike(speakers: int, clips: int) -> None:
    assert false_alarms(speakers, clips, clustered=True) <= 0.12
    assert false_alarms(speakers, clips, clustered=False) > 0.13


def test_clips_of_one_cluster_take_their_own_audios_together() -> None:
    drawn = list(audios_drawn([20, 20, 20], ["one", "two", "one"], 4000))
    assert (drawn[0] == drawn[2]).all()
    assert (drawn[0] == drawn[1]).mean() < 0.1
    assert (drawn[0] == 0).mean() == pytest.approx(1 / 21, abs=0.015)
    assert least_p([20, 20, 20], ["one", "two", "one"]) == pytest.approx(1 / 21**2)


@given(st.lists(st.integers(-9, 9), max_size=30), st.integers(-9, 9))
def test_rank_p_is_scipys_percentile(null: list[int], observed: int) -> None:
    at_least = 1 - percentileofscore(null, observed, kind="strict") / 100 if null else 0
    assert rank_p(observed, null) == pytest.approx((1 + at_least * len(null)) / (1 + len(null)))


def test_what_few_clips_can_show_at_best() -> None:
    assert least_p([]) == chance_p([], []) == 1
    assert least_p([1, 1, 1]) == 1 / 8
    assert least_p([50] * 20) == 1 / 10_000
    assert chance_p([5.0] * 3, [[1.0]] * 3) == pytest.approx(1 / 8, abs=0.02)
