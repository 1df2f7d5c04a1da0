"""The ``tracked`` protocol: rules on drawn sightings, crops against the demo's own code, real clips."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lipleak.core.errors import ConfigurationError, UnscorableError
from pytest_lipleak.faces.detection import Face
from pytest_lipleak.faces.tracking import (
    PUBLISHED,
    FacePolicy,
    FaceTrack,
    TrackRules,
    crop,
    crops,
    reframed,
    rules_for,
    track,
)
from pytest_lipleak.sync.expert import window_count


def face(x: float, y: float = 200.0, side: float = 150.0) -> Face:
    box = np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2])
    return Face(box, np.zeros((6, 2)), 0.9)


class Scripted:
    """A detector that says what it was told, frame after frame."""

    def __init__(self, *script: list[Face]) -> None:
        self.script = iter(script)

    def detect(self, image, hint=None):
        return list(next(self.script))


def blank(count: int, height: int = 480, width: int = 640) -> np.ndarray:
    return np.broadcast_to(np.zeros((1, 1, 1, 3), np.uint8), (count, height, width, 3))


def followed(*script: list[Face], **kwargs) -> FaceTrack:
    return track(blank(len(script)), detector=Scripted(*script), **kwargs)


def test_still_face():
    found = followed(*[[face(300)]] * 120)
    expected = reframed(face(300))
    assert len(found) == 120
    assert found.boxes == pytest.approx(np.tile(expected, (120, 1)))
    assert found.notes == ()


def test_25_missed_detections_are_interpolated():
    script = [[face(300 + 2 * index)] for index in range(150)]
    for index in range(60, 85):
        script[index] = []
    found = followed(*script)
    assert found.x[20:130] == pytest.approx(300 + 2 * np.arange(20, 130))
    assert "25 of 150 frames" in found.notes[0]


def test_26_missed_detections_are_not():
    script = [[face(300)]] * 150
    script[60:86] = [[]] * 26
    with pytest.raises(UnscorableError, match="detected in 64 of 150"):
        followed(*script)


def test_jump_ends_a_track():
    with pytest.raises(
        UnscorableError, match=r"lost for 120 frames in a row \(seen from frame 120 to 249 of 250"
    ):
        followed(*[[face(200)]] * 120, *[[face(500)]] * 130, rules=TrackRules(110, 100))


@pytest.mark.parametrize("detections", [100, 101])
def test_min_track_at_the_limit(detections):
    script = [[face(300)]] * detections + [[]] * 20
    if detections > 100:
        assert len(followed(*script)) == 121
    else:
        with pytest.raises(UnscorableError, match="100 of 120 frames, expected more than 100"):
            followed(*script)


def test_short_clip_says_so():
    found = followed(*[[face(300)]] * 75)
    assert "75 frames" in found.notes[0]
    assert "published: more than 100" in found.notes[0]
    with pytest.raises(UnscorableError, match="75 of 75"):
        followed(*[[face(300)]] * 75, rules=PUBLISHED)


def test_small_face():
    """One that is smaller than published is taken where there is no larger one, and the report says so."""
    found = followed(*[[face(300, side=80.5)]] * 120)
    assert found.notes[-1].startswith("the face is 91 pixels large (published minimum: more than 100)")
    beside_a_large_one = followed(*[[face(300, side=80.5), face(600, side=200)]] * 120)
    assert beside_a_large_one.x[0] == pytest.approx(600)
    assert beside_a_large_one.notes == ()
    with pytest.raises(UnscorableError, match="91 pixels large, expected more than 100"):
        followed(*[[face(300, side=80.5)]] * 120, rules=PUBLISHED)
    with pytest.raises(UnscorableError, match="34 pixels large, expected more than 40"):
        followed(*[[face(300, side=30)]] * 120)


@pytest.mark.parametrize("size", [(96, 96), (139, 400), (288, 360), (1920, 1080)])
def test_rules_relax_only_where_none_could_be_met(size):
    rules = rules_for(120, *size)
    assert rules.min_track == 100
    assert (rules.min_face == 100) == (min(size) >= 140)
    assert bool(rules.notes) == (rules.min_face < 100)


def test_no_face():
    with pytest.raises(UnscorableError, match="no face was found in any of the 30 frames"):
        followed(*[[]] * 30)


def test_largest_of_several_is_named():
    found = followed(*[[face(450, side=180), face(150)]] * 120)
    assert found.x.mean() == pytest.approx(450)
    assert found.policy is FacePolicy.LARGEST
    assert "2 faces" in found.notes[0]


def test_largest_that_does_not_last_is_no_candidate():
    script = [[face(450, side=180), face(150)]] * 60 + [[face(150)]] * 60
    assert followed(*script).x.mean() == pytest.approx(150)


class RedSpeaks:
    """An expert for which red pictures are in sync with any audio."""

    def embed_video(self, frames):
        red = frames[..., 0].mean() > 100
        rows = np.random.default_rng(0).normal(size=(window_count(len(frames)), 8)).astype(np.float32)
        return rows if red else rows[::-1].copy()

    def embed_audio(self, audio):
        return np.random.default_rng(0).normal(size=(window_count(len(audio) // 640), 8)).astype(np.float32)


@pytest.mark.parametrize("speaker", [0, 1])
def test_speaking_policy_takes_the_one_in_sync(speaker):
    frames = np.zeros((120, 400, 640, 3), np.uint8)
    frames[:, :, 320 * speaker : 320 * (speaker + 1), 0] = 255
    found = track(
        frames,
        detector=Scripted(*[[face(160), face(480)]] * 120),
        policy=FacePolicy.SPEAKING,
        expert=RedSpeaks(),
        audio=np.zeros(120 * 640, np.int16),
    )
    assert found.x.mean() == pytest.approx(160 + 320 * speaker)
    assert found.policy is FacePolicy.SPEAKING


def test_speaking_policy_needs_expert_audio_and_an_array():
    audio = np.zeros(640, np.int16)
    for frames, expert in ((blank(3), None), (iter(blank(3)), RedSpeaks())):
        with pytest.raises(ConfigurationError, match="needs a sync expert, the clip's audio"):
            track(frames, detector=Scripted(), policy="speaking", expert=expert, audio=audio)


def demo_crop(image, x, y, bs, cs=0.40):
    """``crop_video`` of the SyncNet demo, on one frame and smoothed values."""
    import cv2

    bsi = int(bs * (1 + 2 * cs))
    frame = np.pad(image, ((bsi, bsi), (bsi, bsi), (0, 0)), "constant", constant_values=(110, 110))
    my, mx = y + bsi, x + bsi
    cut = frame[int(my - bs) : int(my + bs * (1 + 2 * cs)), int(mx - bs * (1 + cs)) : int(mx + bs * (1 + cs))]
    return cv2.resize(cut, (224, 224))


@given(x=st.floats(0, 90), y=st.floats(0, 70), s=st.floats(10, 60))
def test_crop_equals_the_demo(x, y, s):
    image = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
    one = FaceTrack(np.array([x]), np.array([y]), np.array([s]))
    np.testing.assert_array_equal(crop(image[None], one)[0], demo_crop(image, x, y, s))


def test_smoothing_equals_scipy():
    signal = pytest.importorskip("scipy.signal")
    noise = np.random.default_rng(0).normal(scale=8, size=120)
    found = followed(*[[face(300 + shift)] for shift in noise])
    assert found.x == pytest.approx(signal.medfilt(300 + noise, 13))


@pytest.mark.parametrize("frames", [2, 4])
def test_crop_wants_as_many_frames_as_the_track(frames):
    three = FaceTrack(*(np.full(3, value) for value in (50.0, 50.0, 20.0)))
    with pytest.raises(ValueError, match="for a face track of 3"):
        list(crops(np.zeros((frames, 90, 90, 3), np.uint8), three))


CLIPS = {
    "grid_bbaf2n.mpg": 75,
    "katie_hill.mp4": 101,
    "latentsync_demo1.mp4": 75,
    "may_5s.mp4": 101,
    "retalking_1.mp4": 101,
    "retalking_4.mp4": 101,
    "syncnet_example.avi": 120,
}
"""How many frames of each; the short ones go by the short-clip minimum."""


@pytest.mark.slow
@pytest.mark.parametrize("name", CLIPS)
def test_real_clips_are_framed_like_syncnet_crops(shared, clip_frames, name):
    from pytest_lipleak.faces.landmarks import FaceLandmarker, face_size, mouth_corners

    frames = clip_frames(name, CLIPS[name])
    found = track(iter(frames), weights=shared / "weights")
    assert len(found) == CLIPS[name]
    cut = crop(frames, found)
    assert cut.shape == (CLIPS[name], 224, 224, 3)
    seen = FaceLandmarker(shared / "weights").landmarks(cut[::25])
    mouth = np.nanmean(mouth_corners(seen).mean(axis=1), axis=0) / 224
    assert 0.42 < mouth[0] < 0.58
    assert 0.48 < mouth[1] < 0.57
    assert 55 < np.nanmean(face_size(seen)) < 95


@pytest.mark.slow
def test_grid_crops_are_framed_like_the_published_ones(shared, clip_frames):
    from pytest_lipleak.faces.landmarks import FaceLandmarker, face_size, mouth_corners
    from pytest_lipleak.media.video import read_video

    landmarker = FaceLandmarker(shared / "weights")
    frames = clip_frames("grid_bbaf2n.mpg")
    ours = landmarker.landmarks(crop(frames, track(frames, weights=shared / "weights"), 160)[::10])
    theirs = landmarker.landmarks(read_video(shared / "grid_s1" / "bbaf2n.mp4").frames[::10])
    assert np.abs(mouth_corners(ours) - mouth_corners(theirs)).mean() < 4
    assert face_size(ours).mean() == pytest.approx(face_size(theirs).mean(), rel=0.1)
