"""CSIM: alignment against scikit-image, same and different people on real clips."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import mesh, scenes

from pytest_lipleak.core.errors import WeightsError
from pytest_lipleak.quality import csim as module
from pytest_lipleak.quality.csim import SIZE, TEMPLATE, FaceRecogniser, aligned, csim, five_points, similarity
from pytest_lipleak.quality.sampling import evenly


@given(st.integers(0, 10_000))
def test_similarity_equals_scikit_image(seed):
    transform = pytest.importorskip("skimage.transform")
    source, target = np.random.default_rng(seed).normal(size=(2, 5, 2)) * 50
    expected = transform.SimilarityTransform.from_estimate(source, target)
    linear, offset = similarity(source, target)
    assert linear == pytest.approx(expected.params[:2, :2], abs=1e-9)
    assert offset == pytest.approx(expected.params[:2, 2], abs=1e-7)


@given(angle=st.floats(-3, 3), scale=st.floats(0.3, 4), x=st.floats(-50, 50), y=st.floats(-50, 50))
def test_similarity_finds_a_known_turn(angle, scale, x, y):
    known = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear, offset = similarity(TEMPLATE, TEMPLATE @ known.T + [x, y])
    assert linear == pytest.approx(known, abs=1e-9)
    assert offset == pytest.approx([x, y], abs=1e-7)


def test_aligned_face_has_its_points_on_the_template():
    points = mesh(1, eyes=60, at=(90, 60))[0]
    frame = np.zeros((160, 200, 3), np.uint8)
    for x, y in five_points(points).astype(int):
        frame[y - 2 : y + 3, x - 2 : x + 3] = 255
    face = aligned(frame, points)
    assert face.shape == (SIZE, SIZE, 3)
    linear, offset = similarity(five_points(points), TEMPLATE)
    for x, y in (five_points(points) @ linear.T + offset).round().astype(int):
        assert face[y, x].min() > 120


class MeanColour:
    """A recogniser for which the mean colour is the person."""

    def embed(self, faces):
        rows = faces.reshape(len(faces), -1, 3).mean(axis=1)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_identical_videos_score_one_and_frames_without_a_face_are_left_out():
    frames, points = scenes(10, 200, 200), mesh(10)
    lost = points.copy()
    lost[3:6] = np.nan
    assert csim(frames, frames, points, points, MeanColour()) == pytest.approx(np.ones(10))
    assert len(csim(frames, frames, lost, points, MeanColour())) == 7
    assert len(csim(frames, frames, lost, points, MeanColour(), frames=4)) == 4
    assert len(csim(frames, frames, np.full_like(points, np.nan), points, MeanColour())) == 0
    with pytest.raises(ValueError, match=r"of \[9, 10\] frames, expected equally many"):
        csim(frames, frames, points[:9], points, MeanColour())


def test_sampling_is_even():
    assert evenly(np.arange(100), 5).tolist() == [0, 25, 50, 74, 99]
    assert evenly(np.arange(3), 5).tolist() == [0, 1, 2]
    assert evenly(np.arange(8), None).tolist() == list(range(8))


def test_networks_that_are_no_arcface_are_refused(tmp_path):
    onnx = pytest.importorskip("onnx")
    path = tmp_path / "mine.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(WeightsError, match="cannot be read as an ONNX network"):
        FaceRecogniser(model=path)
    helper = onnx.helper
    source, target = (helper.make_tensor_value_info(name, 1, ["N", 3, 64, 64]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "wrong", [source], [target])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(WeightsError, match=r"expected \(N, 3, 112, 112\)"):
        FaceRecogniser(model=path)
    (tmp_path / module.ARCFACE.name).write_bytes(b"")
    with pytest.raises(WeightsError, match="expected 9cc6e4a75f0e"):
        FaceRecogniser(tmp_path)


PEOPLE = (
    "grid_bbaf2n.mpg",
    "grid_brbk7n.mpg",
    "grid_lbbc2a.mpg",
    "grid_lrwp9a.mpg",
    "grid_lwbsza.mpg",
    "katie_hill.mp4",
    "may_5s.mp4",
    "retalking_1.mp4",
    "retalking_4.mp4",
    "syncnet_example.avi",
)


class Remembers:
    """A recogniser that is asked once about each face."""

    def __init__(self, recogniser):
        self.recogniser = recogniser
        self.known = {}

    def embed(self, faces):
        for face in faces:
            if face.tobytes() not in self.known:
                (self.known[face.tobytes()],) = self.recogniser.embed(face[None])
        return np.stack([self.known[face.tobytes()] for face in faces])


@pytest.mark.slow
def test_same_and_different_people_are_told_apart(shared, clip_frames):
    from pytest_lipleak.faces.landmarks import FaceLandmarker
    from pytest_lipleak.media.video import read_video

    landmarker = FaceLandmarker(shared / "weights")
    recogniser = Remembers(FaceRecogniser(shared / "weights", threads=1))
    clips = {name: clip_frames(name, 61, step=20) for name in PEOPLE}
    clips["same man, other day"] = read_video(shared / "grid_s1" / "bgit4n.mp4").frames[:61:20]
    points = {name: landmarker.landmarks(frames) for name, frames in clips.items()}

    def likeness(one: str, other: str, shift: int) -> np.ndarray:
        return csim(
            np.roll(clips[one], shift, axis=0),
            clips[other],
            np.roll(points[one], shift, axis=0),
            points[other],
            recogniser,
        )

    same = [likeness(name, name, shift).min() for name in clips for shift in (1, 2)]
    same.append(likeness("grid_bbaf2n.mpg", "same man, other day", 0).min())
    others = [name for name in clips if name != "same man, other day"]
    different = [likeness(one, other, 0).max() for rank, one in enumerate(others) for other in others[:rank]]
    assert min(same) > 0.45
    assert max(different) < 0.35
    assert likeness("may_5s.mp4", "may_5s.mp4", 0) == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
def test_colours_reach_the_network_in_the_right_order(shared, clip_frames):
    # The same person with red and blue swapped is less himself than with both slightly dimmed.
    from pytest_lipleak.faces.landmarks import FaceLandmarker

    frames = clip_frames("grid_brbk7n.mpg", 75, step=25)
    points = FaceLandmarker(shared / "weights").landmarks(frames)
    recogniser = FaceRecogniser(shared / "weights", threads=1)
    swapped, dimmed = frames[..., ::-1], (frames * 0.9).astype(np.uint8)
    likeness = {
        name: csim(np.ascontiguousarray(video), frames, points, points, recogniser).mean()
        for name, video in (("swapped", swapped), ("dimmed", dimmed))
    }
    assert likeness["dimmed"] > 0.95
    assert likeness["swapped"] < likeness["dimmed"] - 0.02
