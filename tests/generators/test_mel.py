"""Wav2Lip's mel spectrogram, against its definition written out anew, and against the repository's own code."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from pytest_lipleak.core.errors import GeneratorError
from pytest_lipleak.generators.mel import mel_spectrogram, mel_windows

T = 20


def speech(seed: int = 0, length: int = T * 640) -> np.ndarray:
    rng = np.random.default_rng(seed)
    tone = np.sin(np.arange(length) * 2 * np.pi * 440 / 16000) * 6000
    return (tone + rng.normal(0, 500, length)).astype(np.int16)


def slaney(hertz: np.ndarray) -> np.ndarray:
    """Slaney's mel scale: linear below 1 kHz, 27 steps per factor 6.4 above."""
    return np.where(
        hertz < 1000, hertz * 3 / 200, 15 + 27 * np.log(np.maximum(hertz, 1) / 1000) / np.log(6.4)
    )


def test_it_follows_from_its_definition() -> None:
    """Pre-emphasis by SciPy, windows by NumPy, triangles from Slaney's scale: no librosa."""
    from scipy.signal import get_window, lfilter

    audio = speech()
    wave = np.pad(lfilter([1, -0.97], [1], audio / 32768), 400, mode="reflect")
    starts = range(0, len(wave) - 799, 200)
    spectrum = np.stack([np.abs(np.fft.rfft(wave[s : s + 800] * get_window("hann", 800))) for s in starts], 1)
    grid = np.linspace(0, 8000, 401)
    fine = np.linspace(0, 8000, 800_001)
    edges = np.interp(np.linspace(*slaney(np.array([55.0, 7600.0])), 82), slaney(fine), fine)
    bands = np.stack(
        [
            np.interp(grid, edges[i : i + 3], [0, 1, 0], left=0, right=0) * 2 / (edges[i + 2] - edges[i])
            for i in range(80)
        ]
    )
    decibel = 20 * np.log10(np.maximum(bands @ spectrum, 1e-5)) - 20
    np.testing.assert_allclose(mel_spectrogram(audio), np.clip(decibel / 12.5 + 4, -4, 4), atol=1e-4)


def test_the_scale_ends_at_four() -> None:
    mel = mel_spectrogram(speech())
    assert mel.shape == (80, 1 + T * 640 // 200)
    assert mel.min() >= -4
    assert mel.max() <= 4
    assert np.ptp(mel) > 3


def test_exact_silence_is_the_lowest_value_and_no_nan() -> None:
    assert (mel_spectrogram(np.zeros(6400, np.int16)) == -4).all()


def test_windows_begin_where_wav2lip_begins_them() -> None:
    audio = speech()
    mel, windows = mel_spectrogram(audio), mel_windows(audio, T)
    assert windows.shape == (T, 80, 16)
    assert windows.dtype == np.float32
    for frame, start in [(0, 0), (1, 3), (5, 16), (15, 48), (T - 1, 65 - 16)]:
        np.testing.assert_array_equal(windows[frame], mel[:, start : start + 16].astype(np.float32))
    shifted = mel_windows(audio, T, shift=-2)
    np.testing.assert_array_equal(shifted[:3], windows[[0, 0, 0]])
    np.testing.assert_array_equal(shifted[5], windows[3])
    with pytest.raises(GeneratorError, match="too few"):
        mel_windows(audio[:1600], 2)


def test_it_is_the_repositorys_own(repositories: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import librosa

    folder = repositories / "Wav2Lip"
    if not (folder / "audio.py").is_file():
        pytest.skip(f"no Wav2Lip in {repositories}")
    # The repository was written for librosa 0.7: positional arguments, and edges padded by reflection.
    mel, stft = librosa.filters.mel, librosa.stft
    monkeypatch.setattr(librosa.filters, "mel", lambda sr, n_fft, **more: mel(sr=sr, n_fft=n_fft, **more))
    monkeypatch.setattr(librosa, "stft", lambda **given: stft(**{"pad_mode": "reflect"} | given))
    monkeypatch.syspath_prepend(str(folder))
    spec = importlib.util.spec_from_file_location("wav2lip_audio", folder / "audio.py")
    assert spec is not None
    assert spec.loader is not None
    theirs = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(theirs)
    finally:
        sys.modules.pop("hparams", None)
    for audio in (speech(), speech(1, 7777), np.zeros(6400, np.int16)):
        expected = theirs.melspectrogram((audio / 32768).astype(np.float32))
        assert np.isfinite(expected).all()
        np.testing.assert_allclose(mel_spectrogram(audio), expected, rtol=0, atol=2e-5)
