"""What is read off the landmarks, and following a face through frames."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lipleak.faces import landmarks as mesh


@pytest.fixture(scope="module")
def landmarker(shared):
    pytest.importorskip("ai_edge_litert")
    return mesh.FaceLandmarker(shared / "weights")


def drawn(gap: float, width: float = 60.0) -> np.ndarray:
    """One frame of landmarks whose inner lips are ``gap`` apart and ``width`` wide."""
    points = np.zeros((1, mesh.POINTS, 2), np.float32)
    points[0, 78], points[0, 308] = (100, 200), (100 + width, 200)
    for offset, (upper, lower) in zip((-10, 0, 10), mesh.INNER_LIPS, strict=True):
        points[0, upper] = (130 + offset, 200 - gap / 2)
        points[0, lower] = (130 + offset, 200 + gap / 2)
    points[0, 33], points[0, 263] = (90, 120), (170, 120)
    return points


def test_mouth_opening_is_height_by_width():
    assert mesh.mouth_opening(drawn(0))[0] == 0
    assert mesh.mouth_opening(drawn(15))[0] == pytest.approx(0.25)


@given(
    gap=st.floats(0, 50),
    angle=st.floats(-3, 3),
    zoom=st.floats(0.2, 5),
    shift=st.floats(-100, 100),
)
def test_mouth_opening_does_not_depend_on_place_size_and_turn(gap, angle, zoom, shift):
    turned = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (drawn(gap) @ turned.T + shift).astype(np.float32)
    assert mesh.mouth_opening(moved)[0] == pytest.approx(gap / 60, abs=2e-4)


def test_face_size_is_the_distance_between_outer_eye_corners():
    assert mesh.face_size(drawn(3))[0] == 80


def test_frames_without_a_face_are_nan(landmarker, clip_frames):
    face = clip_frames("grid_lbbc2a.mpg", 3)
    empty = np.full_like(face[:1], 90)
    found = landmarker.landmarks(np.concatenate([face[:2], empty, face[2:]]))
    assert found.shape == (4, 478, 2)
    assert np.isnan(found[2]).all()
    assert not np.isnan(found[[0, 1, 3]]).any()
    assert np.isnan(mesh.mouth_opening(found)[2])
    assert landmarker.landmarks([]).shape == (0, 478, 2)


def test_mouth_corners_are_left_then_right_and_level(landmarker, clip_frames):
    corners = mesh.mouth_corners(landmarker.landmarks(clip_frames("grid_lbax4n.mpg", 10)))
    assert corners.shape == (10, 2, 2)
    across = corners[:, 1] - corners[:, 0]
    assert (across[:, 0] > 25).all()
    assert (np.abs(across[:, 1]) < 0.15 * across[:, 0]).all()


def test_speech_opens_the_mouth(landmarker, clip_frames):
    opening = mesh.mouth_opening(landmarker.landmarks(clip_frames("grid_lbax4n.mpg")))
    assert opening.min() < 0.03
    assert opening.max() > 0.3


def test_boxes_choose_the_face(landmarker, clip_frames):
    one, two = clip_frames("grid_lbbc2a.mpg", 3), clip_frames("grid_bbaf2n.mpg", 3)
    both = np.concatenate([two, one], axis=2)
    for left, frames in ((0, two), (360, one)):
        box = np.array([left + 60.0, 100, left + 300, 288])
        chosen = landmarker.landmarks(both, [box] * 3)
        alone = landmarker.landmarks(frames)
        assert np.abs(chosen - alone - np.array([left, 0])).mean() < 1.0
