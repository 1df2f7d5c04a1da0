from pathlib import Path

import numpy as np
import pytest
from encoding import encode, numbered, sine
from hypothesis import given
from hypothesis import strategies as st

from pytest_lipleak.core.errors import InputError
from pytest_lipleak.media.audio import fit, read_audio


def strongest_hertz(audio: np.ndarray) -> float:
    windowed = audio * np.hanning(len(audio))
    return float(np.abs(np.fft.rfft(windowed)).argmax() * 16_000 / len(audio))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_other_sample_rates_keep_pitch_loudness_and_length(tmp_path: Path, rate: int, channels: int) -> None:
    path = encode(tmp_path / "a.wav", audio=sine(1000, 2, rate, channels), rate=rate)
    audio, notes = read_audio(path)
    assert audio.dtype == np.int16
    assert abs(len(audio) - 32_000) <= 2
    assert strongest_hertz(audio) == pytest.approx(1000, abs=1)
    middle = audio[8000:24_000].astype(float)
    assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(0.5 * 32_767, rel=0.01)
    assert notes == (f"audio converted from {rate} Hz, {channels} channel(s) to 16000 Hz mono",)


def test_sound_above_8_khz_is_filtered_not_folded(tmp_path: Path) -> None:
    audio, _ = read_audio(encode(tmp_path / "a.wav", audio=sine(11_000, 1, 48_000), rate=48_000))
    assert np.abs(audio[1600:-1600]).max() < 200, "11 kHz would fold to 5 kHz"


def test_16_khz_mono_is_not_touched(tmp_path: Path) -> None:
    wave = np.random.default_rng(0).integers(-32_768, 32_768, (1, 12_345)).astype(np.int16)
    audio, notes = read_audio(encode(tmp_path / "a.wav", audio=wave))
    np.testing.assert_array_equal(audio, wave[0])
    assert notes == ()


def click(at: float, seconds: float = 2.0) -> np.ndarray:
    wave = np.zeros((1, round(seconds * 16_000)), np.int16)
    wave[0, round(at * 16_000)] = 30_000
    return wave


@pytest.mark.parametrize(("video_late", "audio_late"), [(0, 0.4), (0.4, 0), (0.2, 0.6), (0, 0)])
def test_sample_0_is_the_time_of_the_first_frame(
    tmp_path: Path, video_late: float, audio_late: float
) -> None:
    path = encode(
        tmp_path / "a.mkv",
        numbered(50),
        click(at=1.0),
        video_delay=video_late,
        audio_delay=audio_late,
    )
    audio, _ = read_audio(path)
    assert int(audio.argmax()) == round((1.0 + audio_late - video_late) * 16_000)
    assert len(audio) == 32_000 + round((audio_late - video_late) * 16_000)


def test_aac_in_mp4_is_not_delayed(tmp_path: Path) -> None:
    wave = np.zeros((1, 32_000), np.int16)
    wave[0, 16_000:] = sine(500, 1, 16_000)[0]
    path = encode(tmp_path / "a.mp4", numbered(50), wave, codec="libx264", sound="aac")
    audio, _ = read_audio(path)
    begins = int((np.abs(audio) > 4000).argmax())
    assert begins == pytest.approx(16_000, abs=160), "AAC's priming of 1024 samples would show here"


def test_pictures_alone_cannot_be_heard(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mkv", numbered(5))
    with pytest.raises(InputError, match="no audio stream") as caught:
        read_audio(path)
    assert str(path) in str(caught.value)


def test_an_audio_stream_without_samples_is_refused(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.wav", audio=np.zeros((1, 0), np.int16))
    with pytest.raises(InputError) as caught:
        read_audio(path)
    assert str(path) in str(caught.value)


@given(st.integers(1, 500), st.integers(0, 2000))
def test_fitted_audio_repeats_with_its_own_period(length: int, samples: int) -> None:
    audio = np.arange(length, dtype=np.int16)
    fitted = fit(audio, samples)
    assert len(fitted) == samples
    np.testing.assert_array_equal(fitted, np.arange(samples) % length)


def test_nothing_cannot_be_repeated() -> None:
    with pytest.raises(ValueError, match="empty audio"):
        fit(np.zeros(0, np.int16), 5)
