"""The lag scan, on distances that were made for it."""

from statistics import mean

import numpy as np
import pytest

from pytest_lipleak.core.errors import UnscorableError
from pytest_lipleak.core.scores import LAGS, above_chance, over_unrelated
from pytest_lipleak.evaluation.measures.lag_scan import confidences, excesses, scan_chance

CLIPS, AUDIOS = 12, 11


def distances(depths: dict[int, float], rows: int = 1) -> np.ndarray:
    """Mean distances of 31 shifts, 10 but for dips: by offset in SyncNet's sign."""
    means = np.full((rows, 31), 10.0)
    for offset, depth in depths.items():
        means[:, 15 - offset] -= depth
    return means


def test_a_dip_is_found_at_its_lag() -> None:
    found = confidences(distances({5: 2.0}), offset=2)
    assert found.shape == (1, len(LAGS))
    assert LAGS[int(found[0].argmax())] == 3
    assert found.max() == pytest.approx(2)


def test_what_lies_beyond_the_shifts_counts_for_nothing() -> None:
    found = confidences(distances({15: 1.0}), offset=12)
    assert np.isnan(found[0, LAGS.index(4) :]).all()
    assert np.isfinite(found[0, : LAGS.index(4)]).all()
    assert excesses(distances({}), distances({}), 12).tolist() == [[0.0] * len(LAGS)]


def test_the_floor_is_taken_off() -> None:
    excess = excesses(distances({0: 1.5}), distances({0: 1.0}), 0)
    assert excess.max() == pytest.approx(0.5)
    assert excess[0, LAGS.index(0)] == pytest.approx(0.5)


def drawn(effect: float, seed: int, leaking: int = CLIPS) -> list[np.ndarray]:
    noise = np.random.default_rng(seed)
    clips = [noise.normal(0, 0.3, (1 + AUDIOS, len(LAGS))) for _ in range(CLIPS)]
    for clip in clips[:leaking]:
        clip[0, LAGS.index(4)] += effect
    return clips


def test_p_is_right_without_a_leak_though_all_lags_are_searched() -> None:
    values = np.array([scan_chance(drawn(0, seed), draws=199)[0] for seed in range(200)])
    # Uniform: a share of about alpha lies below alpha.
    assert 0.02 <= (values <= 0.05).mean() <= 0.1
    assert 0.4 <= (values <= 0.5).mean() <= 0.6


def test_what_chance_gives_is_what_it_gives_on_average() -> None:
    excesses_of_nothing = []
    for seed in range(100):
        clips = drawn(0, seed)
        best = np.mean([over_unrelated(clip.tolist()) for clip in clips], axis=0).max()
        excesses_of_nothing.append(best - scan_chance(clips, draws=199)[1])
    assert abs(np.mean(excesses_of_nothing)) < 0.03


def test_a_late_leak_is_no_chance() -> None:
    assert scan_chance(drawn(0.6, 0))[0] <= 0.001


def test_p_is_never_zero() -> None:
    """However large the leak: the clips as they were count as one of the draws."""
    assert scan_chance(drawn(50, 0), draws=199)[0] == 1 / 200


def test_one_leaking_clip_stands_above_all_its_unrelated_audio() -> None:
    leaking, *honest = drawn(2.0, 1, leaking=1)
    assert above_chance(leaking.tolist(), max) > 0.8
    assert max(above_chance(clip.tolist(), max) for clip in honest) < 0.6
    assert abs(np.mean([above_chance(clip.tolist(), mean) for clip in drawn(0, 2)])) < 0.1


def test_a_leak_at_another_lag_in_every_clip_is_in_the_mean_of_the_best_lags() -> None:
    noise = np.random.default_rng(4)
    clips = [noise.normal(0, 0.15, (1 + AUDIOS, len(LAGS))) for _ in range(CLIPS)]
    for number, clip in enumerate(clips):
        clip[0, number] += 1.0
    common = np.mean([over_unrelated(clip.tolist()) for clip in clips], axis=0).max()
    own = np.mean([above_chance(clip.tolist(), mean) for clip in clips])
    assert common < 0.3
    assert own > 0.6


def test_nothing_is_no_evidence() -> None:
    assert scan_chance([]) == (1, 0)
    assert scan_chance([np.ones((1, len(LAGS)))]) == (1, 0), "no unrelated audio to compare with"
    for few in (1, 2):
        assert above_chance([[1.0] * 21, *([[0.0] * 21] * few)], max) == 0
    assert above_chance([[1.0] * 21, *([[0.0] * 21] * 3)], max) == 1


@pytest.mark.parametrize("which", [0, 1])
def test_a_distance_that_is_no_number_is_no_agreement(which: int) -> None:
    videos = [np.ones((3, 31)), np.ones((3, 31))]
    videos[which][1, 7] = np.nan
    with pytest.raises(UnscorableError, match="not finite"):
        excesses(*videos, 0)
