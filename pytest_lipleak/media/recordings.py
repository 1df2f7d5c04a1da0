"""The same recording in two files: re-encoded, cut differently, resampled or of another loudness.

Landmarks of the spectrogram find candidates (Wang 2003, "An industrial-strength audio search algorithm", with three
peaks to a hash, which speech of one voice needs); the correlation of the two spectra at the lag they agree on decides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio

DECIMATION = 4
"""From 16 kHz to 4 kHz: what is below 2 kHz survives telephones and low bit rates, and tells speech apart."""

WINDOW, HOP = 256, 64
"""Samples at 4 kHz: 64 ms, every 16 ms."""

HOP_SECONDS = HOP * DECIMATION / 16_000

PEAK_REACH = 3
"""A peak is the largest value within so many frames and bins around."""

PEAK_DEPTH = 4.5
"""Peaks lie at most this far below the loudest one, in powers of ten."""

LOWEST_BIN = 8
"""Peaks below 125 Hz are hum."""

FAN = 8
"""A peak makes hashes with two of so many that follow it."""

FARTHEST = 64
"""Frames between the first and the last peak of a hash, about 1 s."""

MOST_ALIKE = 40
"""A hash that occurs more often than this in a clip set tells nothing apart."""

LEAST_VOTES = 4
"""So many hashes must agree on one lag before spectra are compared."""

BANDS = 16
"""Bands of the spectra that are compared, log-spaced from 60 Hz to 2 kHz."""

DEPTH = 3.0
"""What lies farther below the loudest band is one floor: codecs leave nothing of it. In powers of ten."""

LEAST_OVERLAP = round(1.0 / HOP_SECONDS)
LEAST_SOUND = round(0.4 / HOP_SECONDS)
"""Frames that two recordings must have in common, and of these with sound in both: 1 s and 0.4 s."""

NEARLY = 0.5
"""Below that at the lag that the hashes agree on, its neighbours are not tried."""

SAME = 0.84
"""Correlation of spectra from which on two recordings are one; see docs/clips.md for what it was chosen on."""


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What is known of a recording to find it in others.

    Args:
        hashes: of three peaks each, int64 (N,).
        times: frame of the first of them, int32 (N,).
        bands: mean log power, float16 (T, BANDS), every 16 ms.
    """

    hashes: NDArray[np.int64]
    times: NDArray[np.int32]
    bands: NDArray[np.float16]


def fingerprint(audio: Audio) -> Fingerprint:
    """Return the fingerprint of a recording, int16 (N,) at 16 kHz; of silence or a hum it is empty."""
    spectrum = _spectrum(audio)
    hashes, times = _hashes(*_peaks(spectrum))
    return Fingerprint(hashes, times, _bands(spectrum))


def shared_recordings(prints: Sequence[Fingerprint]) -> Iterator[tuple[int, int, float]]:
    """Yield the pairs of recordings that are one; those with less than 1 s in common are two.

    Returns:
        Two indices, and how many seconds later the same is heard in the second, to 16 ms.
    """
    floored: dict[int, NDArray[np.float32]] = {}
    for one, other, lag in _candidates(prints):
        for index in (one, other):
            if index not in floored:
                floored[index] = _floored(prints[index].bands)
        agreement = _agreement(floored[one], floored[other], lag)
        if agreement > NEARLY:
            around = range(lag - 2, lag + 3)
            agreement, best = max((_agreement(floored[one], floored[other], at), at) for at in around)
            if agreement >= SAME:
                yield one, other, best * HOP_SECONDS


@cache
def _low_pass() -> NDArray[np.float32]:
    at = np.arange(-16, 17)
    taps = (np.sinc(at * 0.23) * np.hamming(33)).astype(np.float32)
    return np.asarray(taps[None] / taps.sum(), np.float32)


@cache
def _window() -> NDArray[np.float32]:
    return np.hanning(WINDOW).astype(np.float32)


def _spectrum(audio: Audio) -> NDArray[np.float32]:
    """Log power, float32 (T, 128): bins of 15.6 Hz without the lowest."""
    import cv2

    samples = audio.astype(np.float32)[None]
    if samples.size < WINDOW * DECIMATION:
        return np.zeros((0, WINDOW // 2), np.float32)
    low = cv2.filter2D(samples, -1, _low_pass(), borderType=cv2.BORDER_CONSTANT)[0, ::DECIMATION]
    frames = np.lib.stride_tricks.sliding_window_view(low, WINDOW)[::HOP] * _window()
    values = np.fft.rfft(frames, axis=1)[:, 1:]
    return np.log10(values.real**2 + values.imag**2 + 1.0).astype(np.float32)


def _peaks(spectrum: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Frames and bins of the local maxima, in order of time."""
    import cv2

    if not spectrum.size:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    around = cv2.dilate(spectrum, np.ones((2 * PEAK_REACH + 1,) * 2, np.uint8))
    loud = spectrum > max(spectrum.max() - PEAK_DEPTH, 1.0)
    times, bins = np.nonzero((spectrum == around) & loud)
    above = bins >= LOWEST_BIN
    return times[above], bins[above]


def _hashes(times: NDArray[np.int64], bins: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    count = len(times) - FAN
    if count <= 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int32)
    second, third = np.triu_indices(FAN, 1)
    first = np.arange(count)[:, None]
    steps = [
        (times[first + 1 + k] - times[first], bins[first + 1 + k] - bins[first]) for k in (second, third)
    ]
    (sooner, near), (later, far) = steps
    kept = (later >= 2) & (later < FARTHEST) & (abs(near) < 32) & (abs(far) < 32)
    # Three peaks of one frequency are a tone, which is alike everywhere.
    kept &= (near != 0) | (far != 0)
    codes = bins[first] << 24 | near + 32 << 18 | far + 32 << 12 | sooner << 6 | later
    return codes[kept], np.broadcast_to(times[first], kept.shape)[kept].astype(np.int32)


def _bands(spectrum: NDArray[np.float32]) -> NDArray[np.float16]:
    return (spectrum @ _band_means()).astype(np.float16)


@cache
def _band_means() -> NDArray[np.float32]:
    """Weights (128, BANDS) that make means of bins."""
    edges = np.geomspace(4, WINDOW // 2, BANDS + 1).round().astype(int)
    weights = np.zeros((WINDOW // 2, BANDS), np.float32)
    for band, (low, high) in enumerate(pairwise(edges)):
        weights[low:high, band] = 1 / (high - low)
    return weights


def _candidates(prints: Sequence[Fingerprint]) -> Iterator[tuple[int, int, int]]:
    """Yield pairs of recordings whose hashes agree on a lag, with that lag in frames."""
    if not prints:
        return
    hashes = np.concatenate([each.hashes for each in prints])
    times = np.concatenate([each.times for each in prints]).astype(np.int64)
    owners = np.repeat(np.arange(len(prints)), [len(each.hashes) for each in prints])
    order = np.lexsort((owners, hashes))
    hashes, times, owners = hashes[order], times[order], owners[order]
    _, counts = np.unique(hashes, return_counts=True)
    rare = np.repeat(counts <= MOST_ALIKE, counts)
    hashes, times, owners = hashes[rare], times[rare], owners[rare]
    span = 2 * int(times.max(initial=0)) + 2
    found = []
    for step in range(1, MOST_ALIKE):
        alike = np.flatnonzero((hashes[step:] == hashes[:-step]) & (owners[step:] != owners[:-step]))
        if alike.size:
            lags = times[alike + step] - times[alike] + span // 2
            found.append((owners[alike] * len(prints) + owners[alike + step]) * span + lags)
    if not found:
        return
    keys, votes = np.unique(np.concatenate(found), return_counts=True)
    # Where a file was cut between two frames, its peaks fall on either.
    beside = np.append((keys[1:] == keys[:-1] + 1) & (keys[1:] % span > 0), False)
    votes = votes + np.where(beside, np.append(votes[1:], 0), 0)
    pairs = keys // span
    # The best lag of each pair, and only where it has enough votes.
    for index in _best_of_each(pairs, votes):
        if votes[index] >= LEAST_VOTES:
            one, other = divmod(int(pairs[index]), len(prints))
            yield one, other, int(keys[index] % span) - span // 2


def _best_of_each(groups: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index of the largest value of each run of equal groups."""
    order = np.lexsort((values, groups))
    last = np.append(groups[order][1:] != groups[order][:-1], True)
    return np.asarray(order[last])


def _floored(bands: NDArray[np.float16]) -> NDArray[np.float32]:
    values = bands.astype(np.float32)
    floored: NDArray[np.float32] = np.maximum(values, values.max(initial=0.0) - DEPTH)
    return floored


def _agreement(one: NDArray[np.float32], other: NDArray[np.float32], lag: int) -> float:
    """How well two spectra agree where both are known, -1..1; -1 where they have too little in common."""
    a = one[max(0, -lag) : max(0, len(other) - lag)]
    b = other[max(0, lag) :][: len(a)]
    a = a[: len(b)]
    if len(a) < LEAST_OVERLAP:
        return -1.0
    sounding = (a.max(axis=1) > one.max() - 2) & (b.max(axis=1) > other.max() - 2)
    return _correlation(a, b) if sounding.sum() >= LEAST_SOUND else -1.0


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Of two spectra without their mean spectrum and their course of loudness."""
    a, b = (each - each.mean(axis=0) for each in (one, other))
    a, b = (each - each.mean(axis=1, keepdims=True) for each in (a, b))
    size = float(np.sqrt(np.vdot(a, a) * np.vdot(b, b)))
    return float(np.vdot(a, b)) / size if size > 0 else 0.0
