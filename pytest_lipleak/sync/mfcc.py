"""MFCC features of SyncNet, in NumPy alone.

The same numbers as ``python_speech_features.mfcc`` 0.6 with its defaults, which SyncNet was trained on:
int16 magnitudes, pre-emphasis 0.97, 25 ms rectangular windows every 10 ms, 512-point FFT, 26 mel
filters, 13 cepstra, lifter 22, c0 replaced by the log energy.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, check_audio
from pytest_lipleak.core.timebase import SAMPLE_RATE

WINDOW = 400
STEP = 160
FFT = 512
FILTERS = 26
CEPSTRA = 13
LIFTER = 22
PRE_EMPHASIS = 0.97
BLOCK = 1024
"""Rows computed at a time, so that memory does not grow with ten minutes of audio."""

_EPS = np.finfo(float).eps


def mfcc(audio: Audio) -> NDArray[np.float64]:
    """Return the cepstra of ``audio``.

    Args:
        audio: int16 mono, 16 kHz, shape (N,), N > 0. Not floats in [-1, 1]: those shift c0 by 20.794.

    Returns:
        float64, shape (1 + ceil((N - 400) / 160), 13), at least one row.
    """
    check_audio(audio, "MFCC input")
    count = 1 + max(0, -(-(len(audio) - WINDOW) // STEP))
    starts = range(0, count, BLOCK)
    return np.concatenate([_cepstra(audio, start, min(start + BLOCK, count)) for start in starts])


def _cepstra(audio: Audio, start: int, stop: int) -> NDArray[np.float64]:
    """Rows ``start`` to ``stop`` of the cepstra."""
    first = start * STEP
    samples = audio[max(first - 1, 0) : (stop - 1) * STEP + WINDOW].astype(np.float64)
    emphasised = samples[1:] - PRE_EMPHASIS * samples[:-1]
    if first == 0:
        emphasised = np.append(samples[:1], emphasised)
    padded = np.zeros((stop - start - 1) * STEP + WINDOW)
    padded[: len(emphasised)] = emphasised
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::STEP]
    power = np.abs(np.fft.rfft(windows, FFT)) ** 2 / FFT
    energy = _floored(power.sum(axis=1))
    cepstra = np.log(_floored(power @ _mel_filters().T)) @ _lifted_dct()
    cepstra[:, 0] = np.log(energy)
    return cepstra


def _floored(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(values == 0, _EPS, values)


@lru_cache(maxsize=1)
def _mel_filters() -> NDArray[np.float64]:
    """Triangles on the mel scale between whole FFT bins, shape (26, 257)."""
    highest_mel = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, highest_mel, FILTERS + 2) / 2595) - 1)
    bins = np.floor((FFT + 1) * hertz / SAMPLE_RATE)
    filters = np.zeros((FILTERS, FFT // 2 + 1))
    for row, (left, centre, right) in zip(filters, zip(bins, bins[1:], bins[2:], strict=False), strict=True):
        rising, falling = np.arange(int(left), int(centre)), np.arange(int(centre), int(right))
        row[rising] = (rising - left) / (centre - left)
        row[falling] = (right - falling) / (right - centre)
    return filters


@lru_cache(maxsize=1)
def _lifted_dct() -> NDArray[np.float64]:
    """Orthonormal DCT-II of 26 points to 13, times the sine lifter, shape (26, 13)."""
    points, orders = np.arange(FILTERS)[:, None], np.arange(CEPSTRA)
    dct = np.sqrt(2 / FILTERS) * np.cos(np.pi * orders * (2 * points + 1) / (2 * FILTERS))
    dct[:, 0] = np.sqrt(1 / FILTERS)
    lifter: NDArray[np.float64] = 1 + LIFTER / 2 * np.sin(np.pi * orders / LIFTER)
    return np.asarray(dct * lifter)
