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

AT_ONCE = 16
REACH = 16
"""Samples at 4 kHz that one product of matrices gives, and samples at 16 kHz that each depends on to either side."""

TOGETHER = 96
"""Windows that are transformed together. What is in use then fits where it was before: for larger arrays the system
gives new memory each time, which takes longer than the arithmetic."""

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
    shapes: dict[int, Shape] = {}
    for one, other, lag in candidates(prints):
        for index in (one, other):
            if index not in shapes:
                shapes[index] = Shape.of(prints[index])
        a, b = shapes[one], shapes[other]
        if a.agreement(b, lag) > NEARLY:
            agreement, best = max((a.agreement(b, at), at) for at in range(lag - 2, lag + 3))
            if agreement >= SAME:
                yield one, other, best * HOP_SECONDS


@cache
def _low_pass() -> NDArray[np.float32]:
    """The decimating filter as a matrix, float32 (AT_ONCE * DECIMATION + 29, AT_ONCE).

    Stretches of samples at 16 kHz times it are samples at 4 kHz.
    """
    at = np.arange(-REACH, REACH + 1)
    taps = (np.sinc(at * 0.23) * np.hamming(len(at))).astype(np.float32)
    matrix = np.zeros(((AT_ONCE - 1) * DECIMATION + len(at), AT_ONCE), np.float32)
    for column in range(AT_ONCE):
        matrix[column * DECIMATION :, column][: len(at)] = taps / taps.sum()
    return matrix


@cache
def _window() -> NDArray[np.float32]:
    return np.hanning(WINDOW).astype(np.float32)


def _spectrum(audio: Audio) -> NDArray[np.float32]:
    """Log power, float32 (T, 128): bins of 15.6 Hz without the lowest."""
    count = (-(-len(audio) // DECIMATION) - WINDOW) // HOP + 1
    spectrum = np.zeros((max(count, 0), WINDOW // 2), np.float32)
    for begin in range(0, count, TOGETHER):
        part = spectrum[begin : begin + TOGETHER]
        np.log10(_power(_decimated(audio, begin * HOP, (len(part) - 1) * HOP + WINDOW)), out=part)
    return spectrum


def _decimated(audio: Audio, begin: int, length: int) -> NDArray[np.float32]:
    """A stretch at 4 kHz, float32 (length,), from sample ``begin`` at that rate on; a multiple of ``AT_ONCE``."""
    first, size = begin * DECIMATION - REACH, _low_pass().shape[0]
    samples = np.zeros((length - AT_ONCE) * DECIMATION + size, np.float32)
    start = max(-first, 0)
    known = audio[first + start : first + len(samples)]
    samples[start : start + len(known)] = known
    stretches = np.lib.stride_tricks.sliding_window_view(samples, size)[:: AT_ONCE * DECIMATION]
    return (np.ascontiguousarray(stretches) @ _low_pass()).ravel()


def _power(low: NDArray[np.float32]) -> NDArray[np.float32]:
    """Power of each window and 1, float32 (T, 128), without the lowest bin."""
    import cv2

    frames = np.lib.stride_tricks.sliding_window_view(low, WINDOW)[::HOP] * _window()
    # Real and imaginary parts in turn, then the real one of the highest bin.
    values = np.asarray(cv2.dft(frames, flags=cv2.DFT_ROWS), np.float32)[:, 1:]
    values *= values
    values += 0.5
    power = np.empty((len(values), WINDOW // 2), np.float32)
    np.add(values[:, :-1:2], values[:, 1::2], out=power[:, :-1])
    np.add(values[:, -1], 0.5, out=power[:, -1])
    return power


def _peaks(spectrum: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Frames and bins of the local maxima, in order of time."""
    import cv2

    if not spectrum.size:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    around = cv2.dilate(spectrum, np.ones((2 * PEAK_REACH + 1,) * 2, np.uint8))
    loud = spectrum > max(spectrum.max() - PEAK_DEPTH, 1.0)
    times, bins = np.divmod(np.flatnonzero((spectrum == around) & loud), spectrum.shape[1])
    above = bins >= LOWEST_BIN
    return times[above], bins[above]


def _hashes(times: NDArray[np.int64], bins: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    count = len(times) - FAN
    if count <= 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int32)
    # Frames and bins from each peak to those that follow it, int32 (FAN, count).
    later, higher = (
        np.lib.stride_tricks.sliding_window_view(each, count)[1:] - each[:count]
        for each in (times.astype(np.int32), bins.astype(np.int32))
    )
    near = abs(higher) < 32
    last = near & (later >= 2) & (later < FARTHEST)
    second, third = np.triu_indices(FAN, 1)
    # Three peaks of one frequency are a tone, which is alike everywhere.
    tone = (higher[second] | higher[third]) == 0
    kept = np.flatnonzero(near[second] & last[third] & ~tone)
    sooner, further = higher + 32 << 18 | later << 6, higher + 32 << 12 | later
    steps = (sooner[second] | further[third]).ravel()[kept]
    first = kept % count
    return bins[first] << 24 | steps.astype(np.int64), times[first].astype(np.int32)


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


def candidates(prints: Sequence[Fingerprint]) -> Iterator[tuple[int, int, int]]:
    """Yield pairs of recordings whose hashes agree on a lag, with that lag in frames."""
    if not prints:
        return
    hashes = np.concatenate([each.hashes for each in prints])
    times = np.concatenate([each.times for each in prints]).astype(np.int64)
    owners = np.repeat(np.arange(len(prints)), [len(each.hashes) for each in prints])
    alike = _alike(hashes)
    hashes, times, owners = hashes[alike], times[alike], owners[alike]
    span = 2 * int(times.max(initial=0)) + 2
    found = []
    first = np.arange(len(hashes))
    for step in range(1, MOST_ALIKE):
        # Where one has as many equal ones behind it, it has all before them.
        first = first[: np.searchsorted(first, len(hashes) - step)]
        first = first[hashes[first + step] == hashes[first]]
        ones, others = owners[first], owners[first + step]
        lags = times[first + step] - times[first] + span // 2
        found.append(((ones * len(prints) + others) * span + lags)[ones != others])
    keys, votes = np.unique(np.concatenate(found), return_counts=True)
    if not len(keys):
        return
    # Where a file was cut between two frames, its peaks fall on either.
    beside = np.append((keys[1:] == keys[:-1] + 1) & (keys[1:] % span > 0), False)
    votes = votes + np.where(beside, np.append(votes[1:], 0), 0)
    pairs = keys // span
    # The best lag of each pair, and only where it has enough votes.
    for index in _best_of_each(pairs, votes):
        if votes[index] >= LEAST_VOTES:
            one, other = divmod(int(pairs[index]), len(prints))
            yield one, other, int(keys[index] % span) - span // 2


def _alike(hashes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places of the hashes that occur again, but not too often, sorted by hash and then by place."""
    # Hashes have 31 bits: sorting both in one number takes half the time of sorting places by hash.
    ordered = np.sort(hashes << 32 | np.arange(len(hashes)))
    hashes = ordered >> 32
    begins = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1]))[: len(hashes)]
    counts = np.diff(begins, append=len(hashes))
    return ordered[np.repeat((counts > 1) & (counts <= MOST_ALIKE), counts)] & 0xFFFFFFFF


def _best_of_each(groups: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index of the largest value of each run of equal groups."""
    order = np.lexsort((values, groups))
    last = np.append(groups[order][1:] != groups[order][:-1], True)
    return np.asarray(order[last])


@dataclass(frozen=True, eq=False)
class Shape:
    """The spectra of a recording, to be compared.

    Args:
        bands: without the loudness of each frame, float32 (T, BANDS).
        loud: the frames with sound, bool (T,).
    """

    bands: NDArray[np.float32]
    loud: NDArray[np.bool_]

    @classmethod
    def of(cls, found: Fingerprint) -> "Shape":
        """Return those of a fingerprint."""
        bands = found.bands.astype(np.float32)
        loudest = bands.max(initial=0.0)
        bands = np.maximum(bands, loudest - DEPTH)
        return cls(bands - bands.mean(axis=1, keepdims=True), bands.max(axis=1) > loudest - 2)

    def agreement(self, other: "Shape", lag: int) -> float:
        """How well two recordings agree where both are known, -1..1; -1 where they have too little in common.

        It is the correlation of their spectra without their mean spectrum and their course of loudness.
        """
        begin, later = max(0, -lag), max(0, lag)
        count = min(len(self.loud) - begin, len(other.loud) - later)
        here, there = slice(begin, begin + count), slice(later, later + count)
        if count < LEAST_OVERLAP or np.count_nonzero(self.loud[here] & other.loud[there]) < LEAST_SOUND:
            return -1.0
        a, b = self.bands[here], other.bands[there]
        # Sums as products: the mean of a few hundred numbers costs more in calls than in arithmetic.
        ones = np.ones(count, np.float32)
        means = ones @ a / count, ones @ b / count
        aa, bb, ab = (
            float(np.vdot(x, y)) - count * float(np.vdot(mean_x, mean_y))
            for x, y, mean_x, mean_y in (
                (a, a, means[0], means[0]),
                (b, b, means[1], means[1]),
                (a, b, *means),
            )
        )
        return ab / (aa * bb) ** 0.5 if aa > 0 and bb > 0 else 0.0
