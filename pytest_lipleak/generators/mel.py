"""The mel spectrogram of Wav2Lip, which IP_LAP, Diff2Lip and VideoReTalking share.

Source: ``audio.py`` and ``hparams.py`` of the Wav2Lip repository (Prajwal et al. 2020).
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio
from pytest_lipleak.core.errors import GeneratorError, MissingExtraError
from pytest_lipleak.core.timebase import SAMPLE_RATE

BANDS = 80
FFT = 800
HOP = 200
"""Samples per mel column: 80 columns a second."""

EDGES: Literal["reflect"] = "reflect"
"""How the ends are padded: the default of librosa 0.7, which the repository asks for; later ones pad with zeros."""

LOWEST, HIGHEST = 55, 7600
"""Edges of the mel bands in Hz."""

PREEMPHASIS = 0.97
REFERENCE_DB = 20
MINIMUM_DB = -100
LARGEST = 4.0
"""The scale ends at plus and minus this."""

WINDOW = 16
"""Mel columns that belong to one frame: 0.2 s."""

COLUMNS_PER_FRAME = 3.2


def mel_spectrogram(audio: Audio) -> NDArray[np.float64]:
    """Return the mel spectrogram on Wav2Lip's scale.

    Args:
        audio: int16 mono, 16 kHz, shape (N,).

    Returns:
        float64, shape (80, 1 + N // 200), -4 to 4.

    Raises:
        GeneratorError: it contains NaN.
        MissingExtraError: librosa is not installed.
    """
    try:
        import librosa
    except ImportError as error:
        raise MissingExtraError("The mel spectrogram", "librosa", "models") from error
    wave = audio / np.float64(32768)
    wave = np.append(wave[:1], wave[1:] - PREEMPHASIS * wave[:-1])
    bands = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=FFT, n_mels=BANDS, fmin=LOWEST, fmax=HIGHEST)
    amplitude = bands @ np.abs(librosa.stft(y=wave, n_fft=FFT, hop_length=HOP, pad_mode=EDGES))
    level = 20 * np.log10(np.maximum(10 ** (MINIMUM_DB / 20), amplitude)) - REFERENCE_DB
    mel: NDArray[np.float64] = np.clip(
        2 * LARGEST * (level - MINIMUM_DB) / -MINIMUM_DB - LARGEST, -LARGEST, LARGEST
    )
    if np.isnan(mel).any():
        raise GeneratorError("the mel spectrogram contains NaN; choose --lipleak-silence=noise")
    return mel


def mel_windows(audio: Audio, count: int, shift: int = 0) -> NDArray[np.float32]:
    """Return the mel window of every frame, as Wav2Lip cuts them.

    Frame i begins at column int(3.2 i); where the spectrogram ends, the last whole window is repeated.

    Args:
        audio: int16 mono, 16 kHz.
        count: number of frames.
        shift: frames by which windows begin later, negative for earlier; none begins before the first.

    Returns:
        float32, shape (count, 80, 16).
    """
    mel = mel_spectrogram(audio)
    if mel.shape[1] < WINDOW:
        raise GeneratorError(f"{len(audio)} samples of audio are too few for one mel window of 0.2 s")
    last = mel.shape[1] - WINDOW
    starts = [min(int(max(frame + shift, 0) * COLUMNS_PER_FRAME), last) for frame in range(count)]
    return np.stack([mel[:, start : start + WINDOW] for start in starts]).astype(np.float32)
