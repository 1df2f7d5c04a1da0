"""Mouth opening: shares, motion, slopes of known signals; still and speaking mouths in real clips."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import mesh, scenes

from pytest_lipleak.faces.landmarks import mouth_opening
from pytest_lipleak.quality.mouth import (
    OPEN,
    motion_energy,
    open_share,
    open_shares,
    opening_slope,
)
from pytest_lipleak.quality.regions import centred_mouth, cut, mouth


def wave(frames: int = 100, height: float = 0.4) -> np.ndarray:
    return height / 2 * (1 - np.cos(2 * np.pi * np.arange(frames) / 25))


def test_share_of_open_frames():
    opening = np.array([0, 0.05, OPEN, 0.11, 0.5, np.nan])
    assert open_share(opening) == pytest.approx(2 / 5)
    assert open_shares(opening) == {0.05: 0.6, 0.10: 0.4, 0.15: 0.2, 0.20: 0.2}
    assert math.isnan(open_share(np.array([np.nan])))


def test_energy_of_a_sine_is_analytic():
    # A amplitude, w angular frequency: mean squared speed A^2 w^2 / 2, sampled 25 times a second.
    amplitude, frequency = 0.2, 1.0
    sampled = 2 * 25 * np.sin(np.pi * frequency / 25)
    assert motion_energy(wave(1001)) == pytest.approx(amplitude**2 * sampled**2 / 2)


def test_still_mouth_has_no_energy_however_open():
    assert motion_energy(np.full(50, 0.4)) == 0
    assert open_share(np.full(50, 0.4)) == 1


def test_energy_needs_two_frames_in_a_row():
    assert math.isnan(motion_energy(np.array([0.1])))
    assert math.isnan(motion_energy(np.array([0.1, np.nan, 0.3])))
    assert motion_energy(np.array([0.1, np.nan, 0.3, 0.3])) == 0


@given(slope=st.floats(-2, 2), intercept=st.floats(0, 0.5))
def test_slope_of_a_line(slope, intercept):
    found = opening_slope(slope * wave() + intercept, wave())
    assert found.slope == pytest.approx(slope, abs=1e-9)
    assert found.intercept == pytest.approx(intercept, abs=1e-9)
    assert found.frames == 100


@given(st.integers(0, 1000))
def test_slope_equals_scipy(seed):
    stats = pytest.importorskip("scipy.stats")
    x, y = np.random.default_rng(seed).uniform(0, 0.5, (2, 30))
    expected = stats.linregress(x, y)
    found = opening_slope(y, x)
    assert (found.slope, found.intercept, found.correlation) == pytest.approx(
        (expected.slope, expected.intercept, expected.rvalue)
    )


def test_dose_is_read_off_the_slope():
    rest = np.full(100, 0.02)
    for dose in (0, 0.23, 1):
        leaked = (1 - dose) * rest + dose * wave()
        assert opening_slope(leaked, wave()).slope == pytest.approx(dose)


def test_no_slope_without_movement_or_faces():
    still = np.full(50, 0.3)
    assert math.isnan(opening_slope(wave(50), still).slope)
    lost = np.where(np.arange(100) < 98, np.nan, wave())
    assert opening_slope(lost, wave()).frames == 2
    assert math.isnan(opening_slope(lost, wave()).slope)
    with pytest.raises(ValueError, match=r"\(50,\) and \(100,\)"):
        opening_slope(wave(50), wave())


def test_slope_of_a_constant_answer_is_zero():
    found = opening_slope(np.full(100, 0.3), wave())
    assert (found.slope, found.correlation) == (0, 0)


def test_opening_of_drawn_landmarks():
    assert mouth_opening(mesh(100, opening=wave())) == pytest.approx(wave(), abs=1e-5)


def test_mouth_region_holds_the_lips_and_is_one_size():
    points = mesh(20, eyes=80, at=(120, 80)) + np.linspace(0, 30, 20, dtype=np.float32)[:, None, None]
    points[4:6] = np.nan
    boxes = mouth(points, 240, 320)
    assert len(set(map(tuple, boxes[:, 2:] - boxes[:, :2]))) == 1
    assert (boxes[0, 2:] - boxes[0, :2]).tolist() == [72, 56]
    assert boxes[4].tolist() == boxes[3].tolist()
    assert boxes[5].tolist() == boxes[6].tolist()
    for box, lips in zip(boxes[[0, 10, 19]], points[[0, 10, 19]][:, [61, 291, 13, 14]], strict=True):
        assert (lips > box[:2]).all()
        assert (lips < box[2:]).all()


@given(x=st.floats(-500, 800), y=st.floats(-500, 800), eyes=st.floats(1, 2000))
def test_mouth_region_stays_inside_the_frame(x, y, eyes):
    boxes = mouth(mesh(2, eyes=eyes, at=(x, y)), 90, 120)
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= [120, 90]).all()
    assert (boxes[:, 2:] - boxes[:, :2] >= 11).all()


def test_mouth_region_needs_a_face():
    with pytest.raises(ValueError, match="no frame shows a face"):
        mouth(np.full((3, 478, 2), np.nan, np.float32), 90, 120)
    with pytest.raises(ValueError, match="frames of 8x90, expected at least 11x11"):
        mouth(mesh(), 90, 8)


def test_centred_mouth_region():
    frames = scenes(2, 160, 160)
    boxes = centred_mouth(frames)
    assert boxes.shape == (2, 4)
    assert cut(frames[0], boxes[0]).shape == (48, 64, 3)


@pytest.mark.slow
def test_rest_and_speech_differ_in_a_real_clip(shared, clip_frames):
    from pytest_lipleak.faces.landmarks import FaceLandmarker

    speech = clip_frames("grid_lbax4n.mpg", 75)
    landmarker = FaceLandmarker(shared / "weights")
    speaking = mouth_opening(landmarker.landmarks(speech))
    closed = speech[int(speaking.argmin())]
    grain = np.random.default_rng(0).normal(scale=4, size=(20, *closed.shape))
    still = mouth_opening(landmarker.landmarks(np.clip(closed + grain, 0, 255).astype(np.uint8)))
    assert open_share(still) == 0
    assert open_share(speaking) > 0.3
    assert motion_energy(still) < 0.2
    assert motion_energy(speaking) > 5 * motion_energy(still)
    assert opening_slope(speaking, speaking).slope == pytest.approx(1)
