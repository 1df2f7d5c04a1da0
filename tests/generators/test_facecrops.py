"""Models of face crops: what they are shown, and that nothing but the face changes."""

import inspect
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lipleak.core.errors import ConfigurationError, GeneratorError
from pytest_lipleak.generators.contract import FORWARDED, declared_by
from pytest_lipleak.generators.facecrops import (
    CENTRED_BOX,
    ClipFace,
    FaceCrops,
    as_pixels,
    cut,
    one_per_frame,
    pasted,
    places_of,
    widened,
)
from pytest_lipleak.generators.interface import Generator

T, SIDE = 6, 140
AUDIO = np.zeros(T * 640, np.int16)


def clip(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 256, (T, SIDE, SIDE, 3), np.uint8)


class Recorder:
    """Returns white faces and remembers what it saw."""

    supports = ("AR",)
    alternative_reference = "random"
    silence = "noise"
    fingerprint = "recorder"
    batch = 8

    def generate(self, faces: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        self.faces, self.audio, self.reference = faces, audio, reference
        return np.full_like(faces, 255)


def test_a_face_centred_frame_holds_the_box_that_syncnet_crops_were_cut_around() -> None:
    """Cut a crop as the tracked protocol does, and find the face in it again."""
    from pytest_lipleak.faces.tracking import FacePolicy, FaceTrack, crop

    left, top, right, bottom = 60, 40, 160, 140
    frame = np.zeros((1, 320, 320, 3), np.uint8)
    frame[:, top:bottom, left:right] = 255
    half, x, y = 50.0, (left + right) / 2, (top + bottom) / 2
    track = FaceTrack(np.array([x]), np.array([y]), np.array([half]), FacePolicy.LARGEST)
    centred = crop(frame, track)[0, :, :, 0] > 127
    rows, columns = np.flatnonzero(centred.any(1)), np.flatnonzero(centred.any(0))
    found = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    assert found == pytest.approx(np.array(CENTRED_BOX) * 224, abs=1.5)


def test_the_mouth_is_masked_and_the_reference_is_not() -> None:
    model = Recorder()
    frames = clip()
    FaceCrops(model, 64).generate(frames, AUDIO, frames)
    assert model.faces.shape == model.reference.shape == (T, 64, 64, 3)
    assert not model.faces[:, 32:].any()
    np.testing.assert_array_equal(model.faces[:, :32], model.reference[:, :32])
    assert model.reference[:, 32:].any(axis=(1, 2, 3)).all()


def test_the_tracked_box_is_shown_with_its_margins() -> None:
    model = Recorder()
    frames = clip()
    boxes = np.tile([20.0, 30.0, 60.0, 70.0], (T, 1)) + np.arange(T)[:, None]
    faces = FaceCrops(model, 50, margins=(0.25, 0, 0, 0.25), mask=None)
    faces.use_face(ClipFace(boxes))
    output = faces.generate(frames, AUDIO, frames[2:3])
    for index in range(T):
        place = np.s_[20 + index : 70 + index, 20 + index : 70 + index]
        np.testing.assert_array_equal(model.faces[index], frames[index][place])
        assert (output[index][place] == 255).mean() > 0.7
        outside = output[index].copy()
        outside[place] = frames[index][place]
        np.testing.assert_array_equal(outside, frames[index])
    np.testing.assert_array_equal(model.reference, frames[2:3, 22:72, 22:72])


def test_pads_are_pixels_and_stay_inside_of_the_frame() -> None:
    boxes = widened(np.array([[10.0, 10.0, 90.0, 95.0]]), (100, 100), pads=(0, 10, 5, 0))
    assert boxes.tolist() == [[5, 10, 90, 100]]
    with pytest.raises(GeneratorError, match="outside of the frame in 1 of 1"):
        widened(np.array([[110.0, 10.0, 190.0, 95.0]]), (100, 100))


@given(st.integers(0, 1000), st.floats(0, 0.5))
def test_pasting_back_what_was_cut_changes_nothing(seed: int, feather: float) -> None:
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 256, (2, 40, 48, 3), np.uint8)
    left, top = rng.integers(0, 20, 2)
    boxes = np.tile(np.array([left, top, left + 20, top + 20]), (2, 1))
    same = pasted(frames, cut(frames, boxes, 20), boxes, feather)
    np.testing.assert_array_equal(same, frames)


def test_edges_fade_inside_of_the_frame_only() -> None:
    frames = np.zeros((1, 40, 40, 3), np.uint8)
    boxes = np.array([[0, 10, 20, 40]])
    output = pasted(frames, np.full((1, 20, 20, 3), 200, np.uint8), boxes, 0.25)[0, :, :, 0].astype(int)
    assert output[35, 0] == output[39, 3] == 200
    profile = output[30, :22]
    assert (np.diff(profile) <= 0).all()
    assert 0 < profile[19] < profile[17] < 200
    assert profile[20] == 0
    assert 0 < output[10, 5] < output[13, 5] < output[20, 5] == 200


def test_a_reference_is_found_again_shifted_or_with_another_mouth() -> None:
    frames = clip()
    assert places_of(frames, frames).tolist() == list(range(T))
    assert places_of(np.roll(frames, -1, axis=0), frames).tolist() == [*range(1, T), 0]
    swapped = frames[[4, 1]].copy()
    swapped[:, 60:90, 50:90] = 7
    assert places_of(swapped, frames).tolist() == [4, 1]
    with pytest.raises(GeneratorError, match="resembles no frame of the clip"):
        places_of(clip(1)[:1], frames)
    with pytest.raises(GeneratorError, match="shape"):
        places_of(frames[:, ::2, ::2], frames)


def test_what_the_model_says_of_itself_counts() -> None:
    model = Recorder()
    faces = FaceCrops(model, 64)
    assert declared_by(faces).references == ("AR",)
    assert (faces.alternative_reference, faces.silence, faces.batch) == ("random", "noise", 8)  # type: ignore[attr-defined]
    faces.batch = 4
    assert model.batch == 4
    assert faces.fingerprint != FaceCrops(model, 96).fingerprint
    assert faces.fingerprint != FaceCrops(model, 64, mask=None).fingerprint
    assert faces.fingerprint != type("CutElsewhere", (FaceCrops,), {})(model, 64).fingerprint
    assert FaceCrops(lambda faces, audio, reference: faces, 64).fingerprint is None


def test_nothing_that_the_model_may_say_of_itself_is_dropped() -> None:
    """Every optional attribute that the protocol documents, but those that are about geometry, memory and files."""
    documented = re.findall(r"^``(\w+)(?:\(\w*\))?``$", inspect.getdoc(Generator) or "", re.MULTILINE)
    assert set(documented) == {*FORWARDED, "fingerprint", "batch", "use_face", "takes_videos"}
    model = Recorder()
    for name in FORWARDED:
        setattr(model, name, object())
    faces = FaceCrops(model, 64)
    assert all(getattr(faces, name) is getattr(model, name) for name in FORWARDED)
    assert not any(hasattr(FaceCrops(lambda faces, audio, reference: faces, 64), name) for name in FORWARDED)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_no_pixel(wrong: float) -> None:
    made = np.array([0, 0.5, 1], np.float32)
    assert as_pixels(made).tolist() == [0, 127, 255]
    made[1] = wrong
    with pytest.raises(GeneratorError, match="the network gave NaN or infinite values"):
        as_pixels(made)


@pytest.mark.parametrize("wrong", [np.zeros((T, 64, 64, 3)), np.zeros((T - 1, 64, 64, 3), np.uint8), None])
def test_faces_of_another_kind_are_refused(wrong: object) -> None:
    model = FaceCrops(lambda faces, audio, reference: wrong, 64)
    with pytest.raises(GeneratorError, match="wrapped model"):
        model.generate(clip(), AUDIO, clip())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"size": 0}, "size=0"),
        ({"size": "96"}, "size='96'"),
        ({"size": 96, "pads": (1, 2)}, "pads=.*four numbers"),
        ({"size": 96, "mask": (0, 1, 0, 1.5)}, "mask=1.5"),
        ({"size": 96, "feather": float("nan")}, "feather=nan"),
    ],
)
def test_a_geometry_that_makes_no_sense_is_named(arguments: dict, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        FaceCrops(Recorder(), **arguments)
    with pytest.raises(ConfigurationError, match="expected an object with generate"):
        FaceCrops(3, 96)


def test_a_track_of_another_length_is_refused() -> None:
    faces = FaceCrops(Recorder(), 64)
    faces.use_face(ClipFace(np.zeros((T + 1, 4))))
    with pytest.raises(GeneratorError, match=f"{T} frames for a face track of {T + 1}"):
        faces.generate(clip(), AUDIO, clip())


def test_one_reference_serves_all_frames_and_several_are_refused() -> None:
    faces = clip()
    assert one_per_frame(faces[:1], T).shape == faces.shape
    np.testing.assert_array_equal(one_per_frame(faces, T), faces)
    with pytest.raises(GeneratorError, match="got 3 reference frames"):
        one_per_frame(faces[:3], T)
