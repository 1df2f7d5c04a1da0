"""From phones to the movement of jaw, lips and tongue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from research.rendering.speech import FRAME_RATE, SAMPLE_RATE, Phone, Speech

STEP_RATE = 500
CHANNELS = ("open", "wide", "round", "tuck", "tongue", "jaw")
EVENT_LATENESS = 0.012
"""espeak-ng reports a phone about this many seconds late; chosen so that lip opening and loudness agree best at lag 0
(over 24 utterances, peak between frames by a parabola: -0.12 frames for 25 ms, -0.02 for 15 ms, +0.09 for 5 ms)."""

# Targets per phone: open, wide, round, tuck, tongue, jaw (wide -1..1, others 0..1) and dominance over neighbours.
_TARGETS: dict[str, tuple[float, float, float, float, float, float, float]] = {
    "_": (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.2),
    "p": (0.0, 0.0, 0.0, 0.0, 0.0, 0.08, 3.0),
    "f": (0.14, 0.1, 0.0, 1.0, 0.0, 0.10, 3.0),
    "T": (0.22, 0.1, 0.0, 0.0, 1.0, 0.18, 1.2),
    "t": (0.20, 0.2, 0.0, 0.0, 0.5, 0.14, 0.7),
    "s": (0.20, 0.3, 0.0, 0.0, 0.3, 0.08, 1.2),
    "S": (0.28, -0.5, 0.7, 0.0, 0.2, 0.10, 1.8),
    "r": (0.26, -0.4, 0.5, 0.0, 0.2, 0.22, 1.0),
    "l": (0.36, 0.1, 0.0, 0.0, 1.0, 0.30, 0.8),
    "k": (0.30, 0.1, 0.0, 0.0, 0.2, 0.28, 0.5),
    "h": (0.40, 0.0, 0.0, 0.0, 0.1, 0.35, 0.3),
    "w": (0.13, -1.0, 1.0, 0.0, 0.0, 0.15, 2.2),
    "j": (0.22, 0.5, 0.0, 0.0, 0.4, 0.15, 0.8),
    "i": (0.34, 0.8, 0.0, 0.0, 0.4, 0.22, 1.2),
    "I": (0.42, 0.4, 0.0, 0.0, 0.3, 0.34, 0.9),
    "E": (0.62, 0.4, 0.0, 0.0, 0.2, 0.58, 1.2),
    "a": (0.88, 0.4, 0.0, 0.0, 0.1, 0.90, 1.4),
    "A": (1.00, 0.0, 0.1, 0.0, 0.0, 1.00, 1.4),
    "V": (0.70, 0.1, 0.0, 0.0, 0.1, 0.70, 1.1),
    "@": (0.42, 0.0, 0.0, 0.0, 0.2, 0.40, 0.6),
    "3": (0.42, -0.35, 0.4, 0.0, 0.2, 0.38, 1.0),
    "O": (0.78, -0.5, 0.6, 0.0, 0.0, 0.80, 1.4),
    "o": (0.52, -0.7, 0.8, 0.0, 0.0, 0.55, 1.4),
    "U": (0.34, -0.6, 0.7, 0.0, 0.0, 0.32, 1.2),
    "u": (0.20, -0.9, 1.0, 0.0, 0.0, 0.20, 1.5),
}
_ALIASES = {
    "b": "p",
    "m": "p",
    "v": "f",
    "D": "T",
    "d": "t",
    "n": "t",
    "*": "t",
    "z": "s",
    "Z": "S",
    "g": "k",
    "N": "k",
}
_ALIASES |= {
    "x": "k",
    "?": "k",
    "e": "E",
    "0": "O",
    "Q": "O",
    "y": "u",
    "C": "S",
    "{": "a",
    "R": "r",
    "W": "w",
    "L": "l",
}
_DIPHTHONGS = {
    "eI": "Ei", "aI": "ai", "aU": "au", "OI": "Oi", "oU": "ou", "@U": "ou", "i@": "i@", "e@": "E@", "o@": "O@",
    "O@": "O3", "A@": "A3", "U@": "U@", "aI@": "a@", "aU@": "a@", "tS": "tS", "dZ": "tS", "@L": "@l", "ju": "ju",
}  # fmt: skip
BILABIAL = frozenset("pbm")


@dataclass(frozen=True)
class Articulation:
    """Channel values per video frame; every array is float64 (T,)."""

    open: np.ndarray
    wide: np.ndarray
    round: np.ndarray
    tuck: np.ndarray
    tongue: np.ndarray
    jaw: np.ndarray
    press: np.ndarray
    """1 where the lips are pressed together for p, b or m."""

    def __len__(self) -> int:
        return len(self.open)


def viseme_keys(label: str) -> str:
    """One or two keys of the target table for an espeak-ng phoneme mnemonic.

    >>> viseme_keys("aI"), viseme_keys("b"), viseme_keys("u:"), viseme_keys("_:")
    ('ai', 'p', 'u', '_')
    """
    label = label.lstrip("',%=|;") or "_"
    for length in (3, 2):
        if label[:length] in _DIPHTHONGS:
            return _DIPHTHONGS[label[:length]]
    first = label[0]
    first = _ALIASES.get(first, first)
    return first if first in _TARGETS else "@"


def _is_bilabial(phone: Phone) -> bool:
    return phone.label[:1] in BILABIAL


def closures(phones: tuple[Phone, ...]) -> list[tuple[float, float]]:
    """Seconds (start, end) of each lip closure, at least 70 ms long so that a 25 fps frame falls inside."""
    spans = []
    for phone in phones:
        if _is_bilabial(phone):
            length = phone.end - phone.start
            end = phone.end - min(0.030, 0.5 * length)
            start = min(max(phone.start - 0.005, end - 0.11), end - 0.070)
            spans.append((start, end))
    return spans


def _segments(phones: tuple[Phone, ...]) -> list[tuple[str, float, float]]:
    segments = []
    for phone in phones:
        start, end = phone.start - EVENT_LATENESS, phone.end - EVENT_LATENESS
        keys = viseme_keys(phone.label)
        edges = np.linspace(start, end, len(keys) + 1)
        segments += [(key, edges[i], edges[i + 1]) for i, key in enumerate(keys)]
    return segments


def loudness(speech: Speech, rate: int = STEP_RATE) -> np.ndarray:
    """Smoothed RMS envelope of the audio at *rate* Hz, scaled so that its 95th percentile is 1; float64 (N,)."""
    power = (speech.audio.astype(np.float64) / 32768) ** 2
    hop = SAMPLE_RATE // rate
    envelope = np.sqrt(gaussian_filter1d(power, 0.015 * SAMPLE_RATE)[hop // 2 :: hop])
    return envelope / np.percentile(envelope, 95)


def articulate(speech: Speech, effort: float = 1.0) -> Articulation:
    """Blend phone targets over time (dominance functions after Cohen and Massaro 1993) and sample at 25 fps.

    Frame i is sampled around (i + 0.5) / 25 s, the middle of the 640 samples that belong to it.
    """
    time = np.arange(0, speech.seconds, 1 / STEP_RATE)
    segments = [("_", -1.0, speech.phones[0].start - 0.06), *_segments(speech.phones)]
    segments.append(("_", speech.phones[-1].end, speech.seconds + 1.0))
    total = np.full(len(time), 1e-6)
    blended = np.zeros((len(CHANNELS), len(time)))
    for key, start, end in segments:
        *target, strength = _TARGETS[key]
        middle, half = (start + end) / 2, max(0.0, (end - start) / 2 - 0.02)
        distance = np.maximum(0.0, np.abs(time - middle) - half)
        dominance = strength * np.exp(-distance / 0.032)
        total += dominance
        blended += dominance * np.asarray(target)[:, None]
    channels = dict(zip(CHANNELS, gaussian_filter1d(blended / total, 0.010 * STEP_RATE, axis=1), strict=True))

    # Louder syllables are opened wider.
    stress = np.clip(0.65 + 0.45 * loudness(speech)[: len(time)], 0.6, 1.2)
    channels["open"] *= stress * effort
    channels["jaw"] *= stress * effort

    press = np.zeros(len(time))
    for start, end in closures(speech.phones):
        ramp = 0.028
        press = np.maximum(press, np.clip(1 + np.minimum(time - start, end - time) / ramp, 0, 1))
    press = press * press * (3 - 2 * press)
    channels["open"] *= 1 - press
    channels["tuck"] *= 1 - press
    channels["press"] = press

    exposure = gaussian_filter1d(np.stack(list(channels.values())), 0.006 * STEP_RATE, axis=1)
    frames = round(speech.seconds * FRAME_RATE)
    centres = (np.arange(frames) + 0.5) / FRAME_RATE
    return Articulation(
        **{name: np.interp(centres, time, row) for name, row in zip(channels, exposure, strict=True)}
    )
