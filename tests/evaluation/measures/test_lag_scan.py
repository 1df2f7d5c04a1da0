"""The lag scan, on distances that were made for it."""

import numpy as np
import pytest

from pytest_lipleak.core.scores import LAGS
from pytest_lipleak.evaluation.measures.lag_scan import confidences, excesses, scan_p

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
    values = np.array([scan_p(drawn(0, seed), draws=199) for seed in range(200)])
    # Uniform: a share of about alpha lies below alpha.
    assert 0.02 <= (values <= 0.05).mean() <= 0.1
    assert 0.4 <= (values <= 0.5).mean() <= 0.6


def test_a_late_leak_is_no_chance() -> None:
    assert scan_p(drawn(0.6, 0)) <= 0.001


def test_one_leaking_clip_of_twelve_is_seen_by_the_worst_clip() -> None:
    clips = drawn(2.0, 1, leaking=1)
    assert scan_p(clips, worst=True) < 0.1  # one of 1 + 11 audios of one clip: p cannot be smaller than 1/12
    honest = [scan_p(drawn(0, seed), worst=True, draws=199) for seed in range(100)]
    assert 0.01 <= np.mean(np.array(honest) <= 0.05) <= 0.1


def test_nothing_is_no_evidence() -> None:
    assert scan_p([]) == 1
    assert scan_p([np.ones((1, len(LAGS)))]) == 1, "no unrelated audio to compare with"
