"""Lips against lips, on movements that were made for it; the partial correlation against plain least squares."""

import numpy as np
import pytest

from pytest_lipleak.core.scores import LAGS
from pytest_lipleak.evaluation.measures.lips import SLOW, correlations, movement, without
from pytest_lipleak.faces.small_faces import SIDE, lips_core

NOISE = np.random.default_rng(5)
OWN, HEAD, OTHER = (NOISE.normal(0, 1, (120, 30)).astype(np.float32) for _ in range(3))


def late(moved: np.ndarray, frames: int) -> np.ndarray:
    return np.roll(moved, frames, axis=0)


@pytest.mark.parametrize("lag", [-6, 0, 4])
def test_a_share_of_a_copy_reads_as_that_share_at_its_lag(lag: int) -> None:
    correlation, slope = correlations(0.3 * late(OWN, lag) + 0.1 * OTHER, OWN)
    best = int(correlation.argmax())
    assert LAGS[best] == lag
    assert slope[best] == pytest.approx(0.3, abs=0.03)
    assert correlation[best] == pytest.approx(0.3 / np.hypot(0.3, 0.1), abs=0.03)


def test_other_lips_do_not_correlate() -> None:
    assert np.abs(correlations(OTHER, OWN)[0]).max() < 0.1


def test_the_head_is_taken_out_of_both() -> None:
    output, own = OTHER + 3 * HEAD, OWN + 3 * HEAD
    assert correlations(output, own)[0].max() > 0.8
    apart = correlations(without(output, HEAD), without(own, HEAD))[0]
    assert np.abs(apart).max() < 0.1
    # What is left is the residual of ordinary least squares on one regressor.
    slope, *_ = np.linalg.lstsq(HEAD.reshape(-1, 1), output.ravel(), rcond=None)
    assert np.allclose(without(output, HEAD), output - slope * HEAD, atol=1e-4)
    assert np.array_equal(without(OWN, np.zeros_like(OWN)), OWN)


def test_a_mouth_that_does_not_move_correlates_with_nothing() -> None:
    assert not np.any(correlations(np.zeros_like(OWN), OWN))
    assert not np.any(correlations(OWN[:5], OWN))


def test_clips_of_other_lengths_are_compared_over_what_they_share() -> None:
    correlation, _ = correlations(OWN, late(OWN, -3)[:80])
    assert LAGS[int(correlation.argmax())] == 3
    assert correlation.max() > 0.99


def test_slow_change_of_light_is_no_movement() -> None:
    faces = np.full((100, SIDE, SIDE), 100, np.uint8)
    faces += np.linspace(0, 60, 100).astype(np.uint8)[:, None, None]
    inner = movement(faces)[SLOW:-SLOW]
    assert inner.shape[1] == lips_core().sum()
    assert np.abs(inner).max() < 1
    quick = faces.copy()
    quick[::2] += 10
    assert np.abs(movement(quick)).mean() > 4
