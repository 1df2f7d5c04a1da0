"""The measures of other papers: known curves, THEval's own arithmetic written out, pauses of known sounds."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lipleak.quality.lips_at_rest import (
    LOWER,
    UPPER,
    closed_share,
    deviation,
    lip_distance,
    lip_leak,
    motion_where,
    open_where,
    pauses,
    settled,
)


def test_lip_leak_is_the_share_above_a_quarter():
    opening = np.array([0.0, 0.2, 0.25, 0.26, 0.9, np.nan])
    assert lip_leak(opening) == pytest.approx(2 / 5)
    assert closed_share(opening) == pytest.approx(1 / 5)
    assert math.isnan(lip_leak(np.array([np.nan])))
    assert math.isnan(closed_share(np.array([np.nan])))


def theval(mesh: np.ndarray, height: int, width: int) -> float:
    """The loop of THEval's code over one frame: landmarks are shares of the picture, put on 256 x 256."""
    shares = [(x / width, y / height) for x, y in mesh.tolist()]
    (ax, ay), (bx, by) = ((shares[k][0] * 256, shares[k][1] * 256) for k in (33, 263))
    apart = math.hypot(ax - bx, ay - by)
    return statistics.fmean(
        abs(shares[u][1] * 256 - shares[low][1] * 256) / apart for u, low in zip(UPPER, LOWER, strict=True)
    )


@pytest.mark.parametrize(("height", "width"), [(160, 160), (288, 360)])
def test_lip_distance_is_thevals(height: int, width: int) -> None:
    meshes = np.random.default_rng(3).uniform(0, 150, (4, 478, 2)).astype(np.float32)
    wanted = [theval(mesh, height, width) for mesh in meshes]
    np.testing.assert_allclose(lip_distance(meshes, height, width), wanted, rtol=1e-6)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30))
def test_the_deviation_is_a_median_about_the_mean(values: list[float]) -> None:
    mean = float(np.mean(values))
    wanted = statistics.median(abs(value - mean) for value in values)
    assert deviation(np.array([*values, np.nan])) == pytest.approx(wanted, abs=1e-12)


def test_a_mouth_that_stands_open_is_stable():
    assert deviation(np.full(9, 0.4)) == 0
    assert math.isnan(deviation(np.array([0.4, np.nan])))


def tone(seconds: float) -> np.ndarray:
    return (9000 * np.sin(2 * np.pi * 300 * np.arange(round(16_000 * seconds)) / 16_000)).astype(np.int16)


def test_pauses_are_where_nothing_sounds_for_long_enough():
    quiet = np.zeros
    audio = np.concatenate([tone(1.0), quiet(3200, np.int16), tone(1.0), quiet(12_800, np.int16), tone(0.4)])
    found = pauses(audio, 85)
    # 0.2 s of silence is no pause; 0.8 s from 2.2 s on are. A window of 25 ms reaches into its ends.
    assert found[56:74].all()
    assert not found[:55].any()
    assert not found[75:].any()


def test_silence_is_one_pause_and_so_is_faint_noise_beneath_speech():
    assert pauses(np.zeros(16_000, np.int16), 25).all()
    noise = np.random.default_rng(0).normal(0, 20, 16_000).astype(np.int16)
    assert pauses(np.concatenate([tone(1.0), noise]), 50)[26:].all()


def test_ends_of_a_pause_do_not_count_and_ends_of_the_video_do():
    quiet = np.ones(30, bool)
    quiet[10:14] = False
    found = settled(quiet, 3)
    assert np.flatnonzero(~found).tolist() == list(range(7, 17))
    assert settled(np.ones(5, bool)).all()
    assert not settled(np.zeros(5, bool)).any()


def test_what_moves_in_pauses_alone():
    time = np.arange(40)
    opening = np.where(time < 20, 0.2 + 0.1 * (-1.0) ** time, 0.5)
    # A mouth that flutters by 0.2 from frame to frame, then stands open.
    assert motion_where(opening, time < 20) == pytest.approx((0.2 * 25) ** 2)
    assert motion_where(opening, time >= 20) == 0
    assert open_where(opening, time >= 20) == 0.5
    assert open_where(opening, time < 20) == pytest.approx(0.2)
    assert math.isnan(open_where(opening, time < 0))
    # Frames that do not follow each other are no motion.
    assert math.isnan(motion_where(opening, time % 2 == 0))
