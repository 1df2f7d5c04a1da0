"""LMD: known shifts and scales of drawn landmarks, real clips."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import mesh, noisy

from pytest_lipleak.faces.landmarks import LIPS
from pytest_lipleak.quality.lmd import lmd


def test_lips_are_forty_distinct_points():
    assert len(set(LIPS)) == 40
    mediapipe_lips = {0, 13, 14, 17, 37, 61, 78, 267, 291, 308}
    assert mediapipe_lips <= set(LIPS)


def test_identical_videos_are_at_no_distance():
    points = mesh(opening=0.2)
    assert lmd(points, points).mean_pixels == 0
    assert lmd(points, points).mean_normalised == 0


@given(x=st.floats(-30, 30), y=st.floats(-30, 30))
def test_shift_is_its_length(x, y):
    real = mesh(4, eyes=80)
    output = real + np.array([x, y], np.float32)
    length = np.hypot(x, y)
    found = lmd(output, real)
    assert found.pixels == pytest.approx(np.full(4, length), abs=1e-4)
    assert found.normalised == pytest.approx(found.pixels / 80)
    assert lmd(output, real, centred=True).pixels == pytest.approx(np.zeros(4), abs=1e-4)
    assert lmd(real, output).pixels == pytest.approx(found.pixels, abs=1e-4)


def test_normalised_does_not_depend_on_resolution():
    real, output = mesh(opening=0.1), mesh(opening=0.3)
    small, large = lmd(output, real), lmd(4 * output, 4 * real)
    assert large.mean_pixels == pytest.approx(4 * small.mean_pixels)
    assert large.mean_normalised == pytest.approx(small.mean_normalised)


def test_wider_opening_is_farther():
    real = mesh(opening=0.0)
    distances = [lmd(mesh(opening=opening), real).mean_pixels for opening in (0, 0.1, 0.3, 0.6)]
    assert distances == sorted(distances)
    # Six of the forty points move, each by half the opening times the mouth's width of 40 pixels.
    assert distances[1] == pytest.approx(6 * 0.1 * 20 / 40, rel=1e-5)


def test_frames_without_a_face_do_not_count():
    real, output = mesh(), mesh() + np.float32(3)
    output[2:5] = np.nan
    found = lmd(output, real)
    assert found.frames == 7
    assert found.mean_pixels == pytest.approx(3 * np.sqrt(2), rel=1e-5)
    assert np.isnan(lmd(np.full_like(real, np.nan), real).mean_pixels)
    with pytest.raises(ValueError, match=r"\(5, 478, 2\), expected \(10, 478, 2\)"):
        lmd(output[:5], real)


@pytest.mark.slow
def test_other_speech_is_farther_than_noise(shared, clip_frames):
    from pytest_lipleak.faces.landmarks import FaceLandmarker

    landmarker = FaceLandmarker(shared / "weights")
    real = clip_frames("grid_lbax4n.mpg", 75)
    points = landmarker.landmarks(real)
    grainy = lmd(landmarker.landmarks(noisy(real, 8)), points)
    late = lmd(np.roll(points, 12, axis=0), points)
    assert grainy.mean_normalised < 0.02
    assert late.mean_normalised > 2 * grainy.mean_normalised
