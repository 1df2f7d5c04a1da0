"""Log-mel features of the embedded expert, in NumPy alone.

40 bands, one frame per 10 ms, so four per video frame at 25 fps. Nothing is padded: mel frame ``m`` sees the samples
``160 m .. 160 m + 399``, and the 20 mel frames ``4 i .. 4 i + 19`` of one audio window lie over the video frames
``i .. i + 4``.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
WINDOW_SAMPLES = 400
HOP_SAMPLES = 160
FFT_SIZE = 512
BANDS = 40
LOWEST_HZ = 60.0
HIGHEST_HZ = 7_600.0

LOUD_PERCENTILE = 95.0
"""The frame energy that counts as the clip's speech level."""
QUIETEST_SPEECH = 1e-2
"""Frame energy (about -63 dBFS) below which a clip has no speech level: dither is not blown up to speech."""
FLOOR = 1e-5
"""Added to each band relative to the speech level: hides what lies more than about 35 dB under the speech."""


def hz_to_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """HTK mel scale (O'Shaughnessy 1987): ``2595 log10(1 + f / 700)``."""
    return 2595.0 * np.log10(1.0 + hz / 700.0)


def mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse of :func:`hz_to_mel`."""
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)


@lru_cache(maxsize=1)
def mel_filters() -> NDArray[np.float32]:
    """Triangular filters of height 1, shape (40, 257); equal to ``librosa.filters.mel(htk=True, norm=None)``."""
    ends = hz_to_mel(np.array([LOWEST_HZ, HIGHEST_HZ]))
    corners = mel_to_hz(np.linspace(ends[0], ends[1], BANDS + 2))
    bins = np.arange(FFT_SIZE // 2 + 1) * (SAMPLE_RATE / FFT_SIZE)
    rise = (bins[None, :] - corners[:-2, None]) / (corners[1:-1] - corners[:-2])[:, None]
    fall = (corners[2:, None] - bins[None, :]) / (corners[2:] - corners[1:-1])[:, None]
    return np.maximum(0.0, np.minimum(rise, fall)).astype(np.float32)


def mel_power(audio: NDArray[np.int16], *, frames_per_block: int = 1024) -> NDArray[np.float32]:
    """Power per mel band.

    ``audio``: int16 mono at 16 kHz, shape (N,). Returns float32 (M, 40) with M = (N - 400) // 160 + 1, at least 0.
    Worked through in blocks, so that memory does not grow with ten minutes of audio.
    """
    count = max((len(audio) - WINDOW_SAMPLES) // HOP_SAMPLES + 1, 0)
    power = np.empty((count, BANDS), np.float32)
    taper = np.hanning(WINDOW_SAMPLES + 1)[:-1].astype(np.float32)
    filters = mel_filters().T
    for start in range(0, count, frames_per_block):
        stop = min(start + frames_per_block, count)
        piece = (
            audio[start * HOP_SAMPLES : (stop - 1) * HOP_SAMPLES + WINDOW_SAMPLES].astype(np.float32)
            / 32768.0
        )
        windows = np.lib.stride_tricks.sliding_window_view(piece, WINDOW_SAMPLES)[::HOP_SAMPLES]
        spectrum = np.abs(np.fft.rfft(windows * taper, FFT_SIZE)) ** 2
        power[start:stop] = spectrum.astype(np.float32) @ filters
    return power


def level_normalised_log(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log of the mel power relative to the clip's own speech level, roughly in -1.5 .. 2.

    The same speech at another loudness gives the same features; silence stays at the floor.
    """
    if not len(power):
        return np.zeros((0, BANDS), np.float32)
    level = max(float(np.percentile(power.sum(1), LOUD_PERCENTILE)), QUIETEST_SPEECH)
    return np.asarray((np.log10(power / level + FLOOR) + 3.0) / 1.5, np.float32)


def log_mel(audio: NDArray[np.int16]) -> NDArray[np.float32]:
    """Features of the embedded expert: int16 mono 16 kHz (N,) to float32 (M, 40), one row per 10 ms."""
    return level_normalised_log(mel_power(audio))
