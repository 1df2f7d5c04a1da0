"""What arrives of moved mouths: a known share at a known lag is read back, anything else is nothing."""

import numpy as np
import pytest

from pytest_lipleak.core.scores import LAGS
from pytest_lipleak.evaluation.measures.shifted_mouths import arrived, sync_moved
from pytest_lipleak.faces.small import SIDE, lips_region

NOISE = np.random.default_rng(11)
GIVEN, CHANGED, OUTPUT = (NOISE.integers(60, 200, (60, SIDE, SIDE)).astype(np.uint8) for _ in range(3))
REGION = lips_region()


@pytest.mark.parametrize(("share", "lag"), [(1.0, 0), (0.3, 4), (0.5, -6)])
def test_a_share_arrives_at_its_lag(share: float, lag: int) -> None:
    before, after = (
        (1 - share) * OUTPUT.astype(float) + share * np.roll(source.astype(float), lag, axis=0)
        for source in (GIVEN, CHANGED)
    )
    found, full = arrived(np.uint8(np.rint(before)), np.uint8(np.rint(after)), GIVEN, CHANGED, REGION)
    assert LAGS[int(found.argmax())] == lag
    assert found.max() / full == pytest.approx(share, abs=0.03)


def test_outside_of_the_region_nothing_is_looked_at() -> None:
    after = np.where(REGION, OUTPUT, CHANGED)
    found, full = arrived(OUTPUT, after, GIVEN, CHANGED, REGION)
    assert full > 0
    assert not found.any()


def test_a_model_that_samples_anew_shows_next_to_nothing() -> None:
    again = np.clip(OUTPUT + NOISE.normal(0, 10, OUTPUT.shape), 0, 255).astype(np.uint8)
    found, full = arrived(OUTPUT, again, GIVEN, CHANGED, REGION)
    assert np.abs(found).max() < 0.02 * full


def dip(offset: int, depth: float) -> np.ndarray:
    means = np.full(31, 10.0)
    means[15 - offset] -= depth
    return means


@pytest.mark.parametrize(("share", "lag"), [(1.0, 0), (0.4, 3)])
def test_moved_sync_reads_as_its_share(share: float, lag: int) -> None:
    real = dip(1, 4.0)
    moved, full = sync_moved(dip(1 + lag, 4 * share), dip(1 + lag - 8, 4 * share), real, 8)
    assert LAGS[int(moved.argmax())] == lag
    assert moved.max() / full == pytest.approx(share, abs=0.01)


def test_sync_that_stays_is_nothing_and_the_other_way_is_negative() -> None:
    real = dip(0, 4.0)
    moved, full = sync_moved(real, real, real, 8)
    assert full > 0
    assert not moved.any()
    other, _ = sync_moved(dip(-8, 1.0), dip(0, 1.0), real, 8)
    assert other[LAGS.index(0)] < 0
