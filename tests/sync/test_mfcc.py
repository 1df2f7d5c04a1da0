import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from python_speech_features import mfcc as reference

from pytest_lipleak.sync.mfcc import mfcc


@settings(max_examples=60)
@given(
    st.integers(1, 5000),
    st.sampled_from([0, 1, 2, 50, 3000, 32_768]),
    st.integers(0, 2**31),
)
@example(1, 32_768, 0)
@example(399, 3000, 0)
@example(400, 3000, 0)
@example(401, 3000, 0)
@example(560, 3000, 0)
@example(561, 0, 0)
def test_cepstra_are_those_of_python_speech_features(samples: int, amplitude: int, seed: int) -> None:
    audio = np.random.default_rng(seed).integers(-amplitude, amplitude + (amplitude == 0), samples)
    audio = audio.astype(np.int16)
    own, theirs = mfcc(audio), reference(audio, 16_000)
    assert own.shape == theirs.shape
    np.testing.assert_allclose(own, theirs, rtol=0, atol=1e-9)


@pytest.mark.parametrize("hertz", [100, 1000, 7900])
def test_tones_and_sudden_silence_agree_too(hertz: float) -> None:
    tone = 12_000 * np.sin(2 * np.pi * hertz * np.arange(16_000) / 16_000)
    audio = np.concatenate([tone, np.zeros(4000), tone]).astype(np.int16)
    np.testing.assert_allclose(mfcc(audio), reference(audio, 16_000), rtol=0, atol=1e-9)


@pytest.mark.parametrize("audio", [np.zeros(800, np.float32), np.zeros((1, 800), np.int16), [0] * 800])
def test_floats_and_other_shapes_are_refused(audio: object) -> None:
    with pytest.raises(ValueError, match="expected int16"):
        mfcc(audio)  # type: ignore[arg-type]


def test_scaled_audio_would_shift_the_first_cepstrum_by_the_known_amount() -> None:
    # Why floats are refused: dividing by 32768 moves the log energy by 2 ln 32768.
    audio = np.random.default_rng(0).integers(-9000, 9000, 8000).astype(np.int16)
    shifted = reference(audio / 32_768, 16_000)
    np.testing.assert_allclose(mfcc(audio)[:, 0] - shifted[:, 0], 20.794, atol=1e-3)
