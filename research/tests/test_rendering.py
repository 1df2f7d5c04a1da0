"""The renderer of the embedded clips (a build-time tool; needs espeak-ng)."""
# ruff: noqa: E402 - the renderer is imported once its packages are known to be there

from __future__ import annotations

import hashlib

import numpy as np
import pytest

for _package in ("skimage", "matplotlib", "cv2", "scipy", "av", "research.rendering"):
    pytest.importorskip(_package, reason=f"the renderer needs {_package}")

from research.rendering.articulation import articulate, closures, loudness, viseme_keys
from research.rendering.clips import ClipPlan, plan_clips, render_clip, speech_of
from research.rendering.demo_clips import LOOKS, demo_plans
from research.rendering.espeak import espeak_library
from research.rendering.face import render
from research.rendering.lips import MouthShape, contours
from research.rendering.looks import random_look
from research.rendering.media import read_clip, write_clip
from research.rendering.plate import build_plate
from research.rendering.sentences import random_sentence
from research.rendering.speech import speak

needs_espeak = pytest.mark.skipif(espeak_library() is None, reason="libespeak-ng is not installed")


def aperture_of_pixels(frames: np.ndarray) -> np.ndarray:
    """Independent look at the mouth: change of the mouth's pixels from the resting mouth, float64 (T,)."""
    mouth = frames[:, 76:112, 60:100].mean(axis=-1)
    return np.abs(mouth - np.median(mouth[:5], axis=0)).mean(axis=(1, 2))


@pytest.mark.parametrize("press", [0.0, 1.0])
def test_closed_lips_leave_no_gap(press):
    lips = contours(MouthShape(), press=press)
    assert lips.aperture == pytest.approx(0.0, abs=1e-9)


def test_lip_contours_never_cross():
    rng = np.random.default_rng(0)
    for opening, wide, round_, tuck, jaw in rng.uniform((0, -1, 0, 0, 0), (1.2, 1, 1, 0.1, 1.2), (200, 5)):
        lips = contours(MouthShape(), opening, wide, round_, tuck * (opening > 0.3), jaw)
        heights = np.stack(
            [c[:, 1] for c in (lips.outer_upper, lips.inner_upper, lips.inner_lower, lips.outer_lower)]
        )
        assert (np.diff(heights, axis=0) > -1e-6).all()


@pytest.mark.parametrize(
    ("label", "keys"), [("b", "p"), ("aI", "ai"), ("u:", "u"), ("_:", "_"), ("v", "f"), ("tS", "tS")]
)
def test_phonemes_have_visemes(label, keys):
    assert viseme_keys(label) == keys


def test_sentences_vary():
    rng = np.random.default_rng(3)
    sentences = [random_sentence(rng) for _ in range(500)]
    assert len(set(sentences)) == 500


def test_speakers_vary():
    looks = [random_look("x", seed) for seed in range(40)]
    assert len({look.hair_style for look in looks}) >= 6
    assert len({look.voice.name for look in looks}) >= 25
    assert np.ptp([look.skin[0] for look in looks]) > 35


def test_audio_survives_the_container_exactly(tmp_path):
    rng = np.random.default_rng(0)
    audio = rng.integers(-32768, 32767, 7 * 640).astype(np.int16)
    frames = rng.integers(0, 255, (7, 160, 160, 3)).astype(np.uint8)
    write_clip(tmp_path / "noise.mkv", frames, audio)
    got_frames, got_audio = read_clip(tmp_path / "noise.mkv")
    assert got_frames.shape == frames.shape
    np.testing.assert_array_equal(got_audio, audio)


def test_a_wrong_number_of_samples_is_refused(tmp_path):
    with pytest.raises(ValueError, match="3 frames need 1920 samples, got 1900"):
        write_clip(tmp_path / "bad.mkv", np.zeros((3, 160, 160, 3), np.uint8), np.zeros(1900, np.int16))


@needs_espeak
def test_speech_is_repeatable_whatever_was_said_before():
    voice = LOOKS[0].voice
    first = speak("Five bees buy apples.", voice, 1)
    speak("Something quite different.", LOOKS[2].voice, 2)
    again = speak("Five bees buy apples.", voice, 1)
    np.testing.assert_array_equal(first.audio, again.audio)
    assert first.phones == again.phones
    assert len(first.audio) % 640 == 0


@needs_espeak
def test_plans_depend_on_the_seed_only():
    assert plan_clips(1, 2, seed=4) == plan_clips(1, 2, seed=4)
    assert plan_clips(1, 1, seed=5) != plan_clips(1, 1, seed=6)


@needs_espeak
@pytest.mark.parametrize("plan", demo_plans()[::5], ids=lambda plan: plan.file)
def test_lips_close_for_every_bilabial(plan):
    speech = speech_of(plan)
    movement = articulate(speech, plan.look.effort)
    spans = closures(speech.phones)
    assert len(spans) >= 4
    centres = (np.arange(len(movement)) + 0.5) / 25
    for start, end in spans:
        during = (centres > start - 0.02) & (centres < end + 0.02)
        assert movement.open[during].min() < 0.02


@needs_espeak
@pytest.mark.slow
@pytest.mark.parametrize("plan", demo_plans()[1::3], ids=lambda plan: plan.file)
def test_pixels_follow_the_audio_without_lag(plan):
    speech = speech_of(plan)
    movement = articulate(speech, plan.look.effort)
    envelope = loudness(speech, 25)[: len(movement)]
    frames = np.stack(list(render(plan.look, build_plate(plan.look), movement, envelope, plan.seed)))
    change = aperture_of_pixels(frames)
    lags = range(-5, 6)
    agreement = [np.corrcoef(change[7:-7], np.roll(envelope, lag)[7:-7])[0, 1] for lag in lags]
    assert abs(lags[int(np.argmax(agreement))]) <= 1
    assert max(agreement) > 0.4


@needs_espeak
@pytest.mark.slow
def test_clips_are_deterministic(tmp_path):
    plan = ClipPlan("one.mkv", random_look("one", 11), "Bob may move.", 3)
    digests = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        build_plate.cache_clear()
        render_clip(plan, tmp_path / name)
        digests.append(hashlib.sha256((tmp_path / name / "one.mkv").read_bytes()).hexdigest())
    assert digests[0] == digests[1]


@needs_espeak
@pytest.mark.slow
def test_many_looks_can_be_painted():
    for seed in range(12):
        plate = build_plate(random_look("x", seed))
        assert plate.image.shape == (320, 320, 3)
        assert np.isfinite(plate.image).all()
        assert 15 < plate.image.mean() < 240
