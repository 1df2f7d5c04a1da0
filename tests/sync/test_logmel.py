import numpy as np
import pytest
from drawn_inputs import speech_like

from pytest_lipleak.sync import logmel


def test_filters_equal_librosas() -> None:
    librosa = pytest.importorskip("librosa", reason="librosa is the independent reference of the mel filters")
    expected = librosa.filters.mel(sr=16_000, n_fft=512, n_mels=40, fmin=60, fmax=7600, htk=True, norm=None)
    np.testing.assert_allclose(logmel.mel_filters(), expected, atol=1e-5)


def test_mel_power_equals_librosas() -> None:
    librosa = pytest.importorskip(
        "librosa", reason="librosa is the independent reference of the mel spectrum"
    )
    audio = speech_like()
    # librosa centres a window of 400 in its FFT of 512 samples, so its frames begin 56 samples early.
    wave = np.pad(audio.astype(np.float32) / 32768, (56, 56))
    expected = librosa.feature.melspectrogram(
        y=wave, sr=16_000, n_fft=512, win_length=400, hop_length=160, center=False, window="hann",
        n_mels=40, fmin=60, fmax=7600, htk=True, norm=None,
    ).T  # fmt: skip
    power = logmel.mel_power(audio)
    assert power.shape == expected.shape
    np.testing.assert_allclose(power, expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("samples", "frames"), [(0, 0), (399, 0), (400, 1), (559, 1), (560, 2), (48_000, 298)]
)
def test_frame_count_follows_the_samples_without_padding(samples: int, frames: int) -> None:
    assert logmel.log_mel(np.ones(samples, np.int16)).shape == (frames, 40)


def test_a_click_is_heard_only_by_the_frames_that_cover_it() -> None:
    audio = np.zeros(16_000, np.int16)
    audio[8_000] = 20_000
    loud = np.flatnonzero(logmel.mel_power(audio).sum(1) > 0)
    assert loud.min() * 160 + 400 > 8_000 >= loud.min() * 160
    assert loud.max() * 160 <= 8_000
    assert len(loud) in (2, 3)


def test_volume_does_not_matter() -> None:
    audio = speech_like()
    np.testing.assert_allclose(logmel.log_mel(audio // 4), logmel.log_mel(audio), atol=0.05)


def test_digital_silence_and_dither_stay_at_the_floor() -> None:
    floor = (np.log10(logmel.FLOOR) + 3) / 1.5
    np.testing.assert_allclose(logmel.log_mel(np.zeros(16_000, np.int16)), floor, atol=1e-6)
    dither = np.random.default_rng(0).integers(-1, 2, 16_000).astype(np.int16)
    assert logmel.log_mel(dither).max() < 0  # speech is between 1 and 2


def test_blocks_do_not_show() -> None:
    audio = speech_like(3.0)
    np.testing.assert_allclose(
        logmel.mel_power(audio, frames_per_block=7), logmel.mel_power(audio), rtol=1e-5
    )
