"""What a small sync expert can't judge, said before it judges: plain reasons instead of a meaningless number."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Image
from pytest_lipleak.core.number_words import at_least_tenths
from pytest_lipleak.core.timebase import FRAME_RATE, SAMPLE_RATE
from pytest_lipleak.sync.expert import Suitability
from pytest_lipleak.sync.logmel import mel_power
from pytest_lipleak.sync.mouth_window import mouth_windows

MIN_SPEECH_SECONDS = 2.0
"""Less speech than this in the clip, pauses between words included: refused."""
PAUSE_SECONDS = 0.5
"""Up to this far from a sound a frame still belongs to the speech."""
SHORT_SECONDS = 4.0
"""Below this length the free minimum over 31 shifts is weak; the score at the known offset is good from 3 s on."""
SPEECH_BELOW_PEAK_DB = 30.0
"""A 10 ms frame within this range of the clip's loudest frames counts as sound."""
QUIETEST_DBFS = -60.0
"""Sound below this level (RMS) is silence, whatever the rest of the clip."""
VOICED_SHARE = 0.15
"""Least share of the sounding frames that must be voiced (periodic at 70 to 400 Hz)."""
MOVING = np.s_[7:42, 9:55]
"""The mouth itself in the window that the network sees: rows 65-113, columns 48-112 of the face crop."""
MOVING_SHARE = 0.1
"""The mouth is judged by this share of the frames, those in which it moves most: who speaks slowly, or pauses, is not
still."""
STILL_MOUTH = 0.06
"""Least movement of the mouth (see ``mouth_movement``). Of 16 clips of four speakers (8 of GRID's s1, 8 embedded) the
quietest gave 0.186, and slowed down thrice 0.106; their first frames, repeated under sensor noise of 4 grey levels, at
most 0.033. Noise of 8 grey levels can hide that a mouth is still."""
CLEARLY_HEARD = 1.5
"""LSE-C of the embedded expert from which a clip needs no second look, and which a turned copy must reach."""
TURNED_BETTER = 2.0
"""A face lies when a copy turned by a quarter or half circle scores so many times as much. The highest of 110 cuts of
upright faces was 1.9; figures in docs/evidence/embedded-expert-tables.md."""


def suitability_of_mouths(mouths: NDArray[np.uint8], audio: Audio) -> Suitability:
    """Judge a **real** clip: a generated one may be still or silent, which is then its score's business.

    Args:
        mouths: mouth windows, uint8 (T, 48, 64), 25 per second.
        audio: the clip's own speech, int16 mono 16 kHz.

    Returns:
        Refusals: under 2 s of speech, no voiced audio, a mouth that does not move. Warnings: under 4 s.
    """
    seconds = min(len(mouths) / FRAME_RATE, len(audio) / SAMPLE_RATE)
    sounding = sounding_frames(audio)
    speech = speech_seconds(sounding)
    refusals = []
    if speech < MIN_SPEECH_SECONDS:
        refusals.append(
            f"{at_least_tenths(speech)} s of speech in a clip of {seconds:.1f} s; the embedded expert needs "
            f"{MIN_SPEECH_SECONDS:g} s. Use a longer clip"
        )
    if not voiced(audio, sounding):
        refusals.append(
            "no voiced speech in the audio (silence, noise or whispering); there is nothing lips could follow"
        )
    movement = _movement(mouths)
    if movement < STILL_MOUTH:
        refusals.append(
            f"the mouth does not move (movement {movement:.4f}, at least {STILL_MOUTH:g} expected); "
            "choose a clip whose visible person speaks; where the face does not fill the frame, measure with "
            "--lipleak-protocol=tracked"
        )
    warnings = []
    if seconds < SHORT_SECONDS:
        warnings.append(
            f"the clip is {at_least_tenths(seconds)} s long: scores at the free offset are weak under "
            f"{SHORT_SECONDS:g} s, read the score at the known offset"
        )
    return Suitability(tuple(refusals), tuple(warnings))


def lying(own: float, turned: Mapping[int, float]) -> str | None:
    """Return why the face is taken to lie, or None where it stands upright.

    Args:
        own: LSE-C of the clip as it is.
        turned: of copies turned about the mouth, by degrees anticlockwise.
    """
    degrees = max(turned, key=turned.__getitem__)
    if own >= CLEARLY_HEARD or turned[degrees] < max(CLEARLY_HEARD, TURNED_BETTER * own):
        return None
    return (
        f"the face lies on its side or upside down: "
        f"turned by {degrees} degrees anticlockwise its lips fit the speech far better (LSE-C "
        f"{turned[degrees]:.2f}, {own:.2f} as it is); turn the clip upright, or measure with --lipleak-protocol=tracked"
    )


def sounding_frames(audio: Audio) -> NDArray[np.bool_]:
    """Which 10 ms frames hold sound rather than a pause: bool (M,)."""
    energy = mel_power(audio).sum(1)
    if not len(energy):
        return np.zeros(0, bool)
    # A full-scale sine of RMS -3 dBFS has a power of about 2e4 after the window and the mel filters.
    quietest = 2e4 * 10 ** ((QUIETEST_DBFS + 3) / 10)
    loud = float(np.percentile(energy, 98))
    return np.asarray(energy > max(loud * 10 ** (-SPEECH_BELOW_PEAK_DB / 10), quietest))


def speech_seconds(sounding: NDArray[np.bool_]) -> float:
    """Length of the speech, pauses between words included, from the 10 ms frames that hold sound."""
    if not sounding.any():
        return 0.0
    reach = round(PAUSE_SECONDS * 100)
    near = np.convolve(sounding, np.ones(2 * reach + 1))[reach : reach + len(sounding)] > 0.5
    return float(near.sum()) / 100.0


def voiced(audio: Audio, sounding: NDArray[np.bool_]) -> bool:
    """Whether enough of the sounding frames are periodic at a pitch of 70 to 400 Hz (autocorrelation above 0.5)."""
    places = np.flatnonzero(sounding)
    if not len(places):
        return False
    places = places[:: max(len(places) // 400, 1)]
    window, lags = 640, slice(SAMPLE_RATE // 400, SAMPLE_RATE // 70)
    places = places[places * 160 + window <= len(audio)]
    if not len(places):
        return False
    pieces = audio[places[:, None] * 160 + np.arange(window)].astype(np.float64)
    pieces -= pieces.mean(axis=1, keepdims=True)
    spectra = np.abs(np.fft.rfft(pieces, 2 * window)) ** 2
    correlations = np.fft.irfft(spectra)[:, :window] / (window - np.arange(window))
    periodic = correlations[:, lags].max(axis=1) > 0.5 * np.maximum(correlations[:, 0], 1e-9)
    return float(np.mean(periodic)) >= VOICED_SHARE


def mouth_movement(frames: Iterable[Image]) -> float:
    """How much the mouth changes within 0.12 s, in standard deviations of its pixels, where it moves most.

    Each frame's own brightness and contrast are taken out, so that flickering light is no movement, and blurring takes
    out compression noise. Speaking mouths give 0.1 to 0.7.
    """
    return _movement(mouth_windows(frames))


def _movement(mouths: NDArray[np.uint8]) -> float:
    import cv2

    lately: deque[NDArray[np.float32]] = deque(maxlen=3)
    changes, contrasts = [], []
    for mouth in mouths:
        smooth = np.asarray(cv2.GaussianBlur(mouth, (0, 0), 1.5)[MOVING], np.float32)
        contrasts.append(float(smooth.std()))
        pattern = (smooth - smooth.mean()) / max(contrasts[-1], 1.0)
        if len(lately) == 3:
            changes.append(float(np.abs(pattern - lately[0]).mean()))
        lately.append(pattern)
    if not changes or float(np.median(contrasts)) < 1.0:
        return 0.0
    return float(np.quantile(changes, 1 - MOVING_SHARE))
