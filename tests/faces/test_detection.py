"""Detection and landmarks against real MediaPipe, and the looks that MediaPipe does not take."""

import json
from pathlib import Path

import numpy as np
import pytest

from pytest_lipleak.core.errors import MissingExtraError, WeightsError
from pytest_lipleak.faces.detection import FaceDetector, _anchors, _views, overlap

GOLDEN = json.loads(Path(__file__).with_name("mediapipe.json").read_text())["images"]


@pytest.fixture(scope="module")
def detector(shared):
    pytest.importorskip("ai_edge_litert")
    return FaceDetector(shared / "weights")


@pytest.fixture(scope="module")
def landmarker(shared):
    pytest.importorskip("ai_edge_litert")
    from pytest_lipleak.faces.landmarks import FaceLandmarker

    return FaceLandmarker(shared / "weights")


@pytest.fixture(scope="module", params=GOLDEN, ids=lambda golden: golden["clip"])
def golden(request):
    return request.param


def test_same_faces_as_mediapipe(detector, clip_frames, golden):
    (image,) = clip_frames(golden["clip"], golden["frame"] + 1, golden["frame"])
    (face,) = detector.glance(image)
    assert face.score == pytest.approx(golden["score"], abs=0.003)
    assert np.abs(face.keypoints - golden["keypoints"]).max() < 0.004 * face.side
    left, top, width, _ = golden["box"]  # MediaPipe truncates boxes to whole pixels
    assert np.abs(face.box[:2] - [left, top]).max() < 1.5
    assert abs(face.side - width) < 1.5


def test_same_landmarks_as_mediapipe(detector, landmarker, clip_frames, golden):
    (image,) = clip_frames(golden["clip"], golden["frame"] + 1, golden["frame"])
    (face,) = detector.glance(image)
    from pytest_lipleak.faces.landmarks import _region_of_face

    mesh = landmarker._mesh(image, *_region_of_face(face))  # one pass: MediaPipe's image mode
    expected = {int(point): place for point, place in golden["landmarks"].items()}
    errors = np.linalg.norm(mesh[list(expected)] - list(expected.values()), axis=1)
    assert errors.mean() < 0.002 * face.side
    assert errors.max() < 0.005 * face.side


def test_box_too_large_on_a_small_face_is_righted_by_the_second_look(detector, landmarker, clip_frames):
    # MediaPipe's own box of this 1080x1920 frame is 1.4 times as large as the face.
    (image,) = clip_frames("latentsync_demo1.mp4", 1)
    mesh = landmarker.landmarks([image])[0]
    size = np.linalg.norm(mesh[10] - mesh[152])
    (glanced,), (found,) = detector.glance(image), detector.detect(image)
    assert glanced.side > 1.3 * size
    assert 0.75 * size < found.side < 0.95 * size


def test_tiny_face_in_a_large_frame_is_found_in_its_parts(detector, clip_frames):
    import cv2

    small = cv2.resize(
        clip_frames("grid_lbbc2a.mpg", 1)[0], None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA
    )
    image = np.full((1920, 1080, 3), 110, np.uint8)
    image[1500 : 1500 + small.shape[0], 700 : 700 + small.shape[1]] = small
    assert not detector.glance(image)
    (face,) = detector.detect(image)
    (alone,) = detector.detect(small)
    assert overlap(face.box, alone.box + np.array([700, 1500, 700, 1500])) > 0.7


def test_face_that_fills_the_frame_is_found_from_afar(detector, clip_frames):
    whole = clip_frames("katie_hill.mp4", 1)[0]
    (face,) = detector.detect(whole)
    left, top, right, bottom = face.box.astype(int)
    closely = whole[top + 60 : bottom - 10, left + 40 : right - 40]
    found = detector.detect(np.ascontiguousarray(closely))
    assert len(found) == 1


def test_two_faces_are_found_and_the_largest_comes_first(detector, clip_frames):
    import cv2

    one, two = clip_frames("grid_lbbc2a.mpg", 1)[0], clip_frames("grid_bbaf2n.mpg", 1)[0]
    smaller = cv2.resize(two, None, fx=0.8, fy=0.8)
    image = np.hstack([np.pad(smaller, ((0, 288 - smaller.shape[0]), (0, 0), (0, 0))), one])
    faces = detector.detect(image)
    assert len(faces) == 2
    assert faces[0].side > faces[1].side
    assert faces[0].centre[0] > smaller.shape[1] > faces[1].centre[0]


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_no_face_in_a_flat_picture(detector, shade):
    assert detector.detect(np.full((240, 320, 3), shade, np.uint8)) == []


def test_frame_smaller_than_the_network_input(detector, clip_frames):
    import cv2

    small = cv2.resize(clip_frames("syncnet_example.avi", 1)[0], (64, 64), interpolation=cv2.INTER_AREA)
    assert len(detector.detect(small)) == 1


def test_anchors_are_cell_centres():
    anchors = _anchors()
    assert anchors.shape == (896, 2)
    assert anchors[0].tolist() == [4, 4]
    assert anchors[1].tolist() == [4, 4]
    assert anchors[2].tolist() == [12, 4]
    assert anchors[-1].tolist() == [120, 120]


@pytest.mark.parametrize("size", [(1920, 1080), (288, 360), (64, 64), (1, 1), (2, 3000), (200, 5000)])
def test_views_cover_the_frame(size):
    height, width = size
    views = list(_views(height, width))
    assert len(views) < 400
    for side in {side for *_, side in views}:
        spans = [(left, top) for left, top, other in views if other == side]
        assert min(left for left, _ in spans) <= 0
        assert max(left for left, _ in spans) + side >= width
        assert min(top for _, top in spans) <= 0
        assert max(top for _, top in spans) + side >= height


def test_overlap_of_known_boxes():
    box = np.array([0.0, 0.0, 2.0, 2.0])
    assert overlap(box, box) == 1
    assert overlap(box, box + 1) == pytest.approx(1 / 7)
    assert overlap(box, box + 2) == 0


def test_another_file_than_the_published_bundle_is_refused(tmp_path):
    (tmp_path / "face_landmarker.task").write_bytes(b"something else")
    with pytest.raises(WeightsError, match=r"SHA-256 is .* expected 64184e22"):
        FaceDetector(tmp_path)


def test_missing_litert_names_the_extra_before_weights_are_sought(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(MissingExtraError, match=r"pytest-lipleak\[faces\]"):
        FaceDetector(tmp_path / "absent")
