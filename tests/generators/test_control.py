"""The control generators leak a known share, and nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lipleak.core.clips import Clip
from pytest_lipleak.generators.control_generators import ControlGenerator

SIZE = 96
COUNT = 8
MOUTH = np.s_[:, 48:60, 40:56]
"""Well inside the mask, whatever its exact form."""


def face(mouth_brightness: np.ndarray, seed: int = 0) -> np.ndarray:
    """One still face per frame, uint8 (T, 96, 96, 3), with a mouth block of the given brightness."""
    texture = np.random.default_rng(seed).integers(90, 200, (SIZE, SIZE, 1), np.uint8)
    frames = np.broadcast_to(texture, (len(mouth_brightness), SIZE, SIZE, 3)).copy()
    frames[:, 46:62, 36:60] = np.asarray(mouth_brightness, np.uint8)[:, None, None, None]
    return frames


def speech(seed: int, count: int = COUNT) -> np.ndarray:
    return np.random.default_rng(seed).integers(-9000, 9000, count * 640).astype(np.int16)


TARGET = Clip("target", face(np.linspace(20, 80, COUNT)), speech(1))
DONOR = Clip("donor", face(np.linspace(200, 140, COUNT)), speech(2))
CLIPS = {clip.name: clip for clip in (TARGET, DONOR)}


def generate(alpha: float, audio: np.ndarray, reference: np.ndarray, clip: Clip = TARGET) -> np.ndarray:
    generator = ControlGenerator(alpha)
    generator.use_clips(CLIPS)
    return generator.generate(clip.frames.copy(), audio, reference)


@pytest.mark.parametrize(
    "audio", [TARGET.audio, DONOR.audio, np.zeros_like(TARGET.audio)], ids=["AM", "XM", "SI"]
)
def test_a_full_leak_of_the_current_reference_is_the_clip_itself(audio: np.ndarray) -> None:
    np.testing.assert_array_equal(generate(1.0, audio, TARGET.frames), TARGET.frames)


def test_without_a_leak_the_reference_has_no_say() -> None:
    other = face(np.full(COUNT, 120), seed=5)
    np.testing.assert_array_equal(
        generate(0.0, DONOR.audio, TARGET.frames), generate(0.0, DONOR.audio, other)
    )


def test_without_a_leak_matched_audio_gives_the_clip_back() -> None:
    np.testing.assert_array_equal(generate(0.0, TARGET.audio, TARGET.frames[:1]), TARGET.frames)


def test_without_a_leak_the_mouth_is_the_donors() -> None:
    output = generate(0.0, DONOR.audio, TARGET.frames)
    difference = output[MOUTH].astype(int) - DONOR.frames[MOUTH]
    assert np.abs(difference).max() <= 2, "the faces lie on each other, so nothing is to be aligned"
    np.testing.assert_array_equal(output[:, :25], TARGET.frames[:, :25])
    assert not np.array_equal(output[MOUTH], TARGET.frames[MOUTH])


def test_a_donor_that_is_moved_and_brighter_is_brought_in_line() -> None:
    shifted = np.roll(DONOR.frames.astype(int), (3, -2), axis=(1, 2)) + 15
    moved = Clip("moved", np.clip(shifted, 0, 255).astype(np.uint8), speech(3))
    generator = ControlGenerator(0.0)
    generator.use_clips({"target": TARGET, "moved": moved})
    output = generator.generate(TARGET.frames.copy(), moved.audio, TARGET.frames)
    inner = np.s_[:, 50:58, 42:54]
    assert np.abs(output[inner].astype(int) - DONOR.frames[inner]).max() <= 6


@pytest.mark.parametrize(("mouth", "lighter", "expected"), [(250, 30, 255), (4, -30, 0)])
def test_a_mouth_beyond_white_or_black_is_white_or_black(mouth: int, lighter: int, expected: int) -> None:
    donor = np.clip(DONOR.frames.astype(int) - lighter, 0, 255).astype(np.uint8)
    donor[MOUTH] = mouth
    generator = ControlGenerator(0.0)
    generator.use_clips({"target": TARGET, "donor": Clip("donor", donor, speech(3))})
    output = generator.generate(TARGET.frames.copy(), speech(3), TARGET.frames)
    np.testing.assert_array_equal(output[:, 52:56, 44:50], expected)


def test_silence_gives_a_mouth_that_does_not_move() -> None:
    output = generate(0.0, np.zeros_like(TARGET.audio), TARGET.frames)
    assert len({frame[48:60, 40:56].tobytes() for frame in output}) == 1
    closed = TARGET.frames[-1][48:60, 40:56]  # the brightest mouth is the most closed
    np.testing.assert_allclose(output[0][48:60, 40:56], closed, atol=1)


def test_faint_noise_counts_as_silence_and_speech_does_not() -> None:
    noise = np.random.default_rng(0).normal(0, 33, len(TARGET.audio)).astype(np.int16)  # -60 dBFS
    np.testing.assert_array_equal(
        generate(0.0, noise, TARGET.frames), generate(0.0, np.zeros_like(noise), TARGET.frames)
    )


@settings(max_examples=12)
@given(st.floats(0, 1))
def test_the_leak_is_a_linear_blend(alpha: float) -> None:
    reference = face(np.linspace(100, 30, COUNT))
    none, full = (generate(end, DONOR.audio, reference).astype(float) for end in (0.0, 1.0))
    blended = generate(alpha, DONOR.audio, reference)
    np.testing.assert_allclose(blended, (1 - alpha) * none + alpha * full, atol=1.01)


def test_one_reference_frame_serves_the_whole_clip() -> None:
    reference = face(np.array([77]))
    output = generate(1.0, DONOR.audio, reference)
    assert np.abs(output[MOUTH].astype(int) - 77).max() <= 2
    np.testing.assert_array_equal(output[:, :25], TARGET.frames[:, :25])


def test_repeated_audio_repeats_the_donors_mouth() -> None:
    short = Clip("short", DONOR.frames[:3], speech(4, 3))
    audio = np.tile(short.audio, 3)[: len(TARGET.audio)]
    generator = ControlGenerator(0.0)
    generator.use_clips({"target": TARGET, "short": short})
    output = generator.generate(TARGET.frames.copy(), audio, TARGET.frames)
    mouths = output[MOUTH].mean(axis=(1, 2, 3))
    np.testing.assert_allclose(
        mouths, DONOR.frames[MOUTH].mean(axis=(1, 2, 3))[[0, 1, 2, 0, 1, 2, 0, 1]], atol=2
    )


@pytest.mark.parametrize("clips", [{}, CLIPS])
def test_audio_of_no_clip_is_refused(clips: dict[str, Clip]) -> None:
    generator = ControlGenerator(0.0)
    generator.use_clips(clips)
    with pytest.raises(ValueError, match="belongs to no clip of the set"):
        generator.generate(TARGET.frames.copy(), speech(9), TARGET.frames)
