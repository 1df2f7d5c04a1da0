"""Speech with phoneme times from libespeak-ng."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import fftconvolve, resample_poly

SAMPLE_RATE = 16000
FRAME_RATE = 25
SAMPLES_PER_FRAME = SAMPLE_RATE // FRAME_RATE

FEMALE_VARIANTS = [
    "f1",
    "f2",
    "f3",
    "f4",
    "f5",
    "Alicia",
    "Andrea",
    "Annie",
    "linda",
    "steph",
    "steph3",
    "belinda",
    "anika",
    "aunty",
]
MALE_VARIANTS = [
    "m1",
    "m2",
    "m3",
    "m4",
    "m5",
    "m6",
    "m7",
    "m8",
    "Alex",
    "Andy",
    "Denis",
    "Diogo",
    "Gene",
    "Lee",
    "Marco",
    "Mario",
    "Michael",
    "Mike",
    "max",
    "paul",
    "pedro",
    "quincy",
    "rob",
    "robert",
    "travis",
    "ed",
    "david",
    "adam",
    "antonio",
    "benjamin",
    "boris",
    "caleb",
]
ACCENTS = ["en-us", "en", "en-gb-x-rp", "en-gb-scotland", "en-029", "en-gb-x-gbclan"]


@dataclass(frozen=True)
class Voice:
    """How a speaker sounds: an espeak-ng voice with prosody, vocal-tract scale and room."""

    name: str
    rate: int = 150
    """Words per minute."""
    pitch: int = 50
    pitch_range: int = 55
    tract_scale: float = 1.0
    """All frequencies are multiplied by this (0.9 = larger head, 1.1 = smaller head)."""
    noise_db: float = -62.0
    """Level of the room noise, dB relative to full scale."""
    room: float = 0.1
    """Level of early reflections relative to the direct sound."""


@dataclass(frozen=True)
class Phone:
    """One espeak-ng phoneme and the seconds at which it starts and ends."""

    label: str
    start: float
    end: float


@dataclass(frozen=True)
class Speech:
    """Audio (int16, mono, 16 kHz) and its phones."""

    audio: np.ndarray
    phones: tuple[Phone, ...]

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return len(self.audio) / SAMPLE_RATE


def random_voice(rng: np.random.Generator, *, female: bool) -> Voice:
    """A voice drawn from accents x variants x prosody."""
    variant = rng.choice(FEMALE_VARIANTS if female else MALE_VARIANTS)
    accent = rng.choice(ACCENTS, p=(0.4, 0.2, 0.15, 0.1, 0.1, 0.05))
    return Voice(
        name=f"{accent}+{variant}",
        rate=int(rng.integers(135, 180)),
        pitch=int(rng.integers(35, 66)),
        pitch_range=int(rng.integers(35, 80)),
        tract_scale=float(rng.uniform(0.94, 1.06)),
        noise_db=float(rng.uniform(-66, -52)),
        room=float(rng.uniform(0.0, 0.18)),
    )


def _synthesise(text: str, voice: Voice) -> tuple[np.ndarray, int, list[tuple[float, str]]]:
    """Waveform (float64), its sample rate and (seconds, phoneme) marks, from a fresh process.

    espeak-ng keeps prosody and noise state from one utterance to the next, so only a fresh process is repeatable.
    """
    request = {
        "text": text,
        "voice": voice.name,
        "rate": voice.rate,
        "pitch": voice.pitch,
        "range": voice.pitch_range,
    }
    command = [sys.executable, "-m", "research.rendering.espeak", json.dumps(request)]
    done = subprocess.run(command, capture_output=True, cwd=Path(__file__).parents[2], timeout=60)
    if done.returncode:
        raise RuntimeError(
            f"speech synthesis of {request} failed: {done.stderr.decode(errors='replace').strip()}"
        )
    header, _, samples = done.stdout.partition(b"\n")
    answer = json.loads(header)
    marks = [(sample / answer["rate"], label) for sample, label in answer["phonemes"]]
    return np.frombuffer(samples, np.int16).astype(np.float64), answer["rate"], marks


def _loudest_span(wave: np.ndarray, threshold: float = 0.01) -> tuple[int, int]:
    loud = np.flatnonzero(np.abs(wave) > threshold * np.abs(wave).max())
    return int(loud[0]), int(loud[-1]) + 1


def _room_response(rng: np.random.Generator, level: float) -> np.ndarray:
    """Direct sound plus a short decaying tail; the direct sound stays at sample 0 so nothing is delayed."""
    length = int(0.06 * SAMPLE_RATE)
    tail = rng.standard_normal(length) * np.exp(-np.arange(length) / (0.012 * SAMPLE_RATE))
    tail[: int(0.003 * SAMPLE_RATE)] = 0
    response = level * tail / np.sqrt(np.sum(tail**2))
    response[0] = 1.0
    return response


def speak(text: str, voice: Voice, seed: int, *, lead: float = 0.24, trail: float = 0.28) -> Speech:
    """Say *text* after *lead* s of quiet; the audio fills a whole number of 25 fps frames."""
    rng = np.random.default_rng(seed)
    wave, rate, marks = _synthesise(text, voice)
    source_rate = round(rate * voice.tract_scale / 50) * 50
    first, last = _loudest_span(wave)
    wave = resample_poly(wave[first:last], SAMPLE_RATE // 50, source_rate // 50)
    scale = rate / source_rate
    times = [max(0.0, (time - first / rate) * scale) + lead for time, _ in marks]
    times.append(len(wave) / SAMPLE_RATE + lead)
    phones = tuple(
        Phone(label.strip(), start, max(start, end))
        for (_, label), start, end in zip(marks, times[:-1], times[1:], strict=True)
    )
    frames = int(np.ceil((lead + len(wave) / SAMPLE_RATE + trail) * FRAME_RATE))
    signal = np.zeros(frames * SAMPLES_PER_FRAME)
    at = round(lead * SAMPLE_RATE)
    signal[at : at + len(wave)] = wave
    signal = fftconvolve(signal, _room_response(rng, voice.room))[: len(signal)]
    signal *= 10 ** (rng.uniform(-22, -18) / 20) / np.sqrt(np.mean(signal[at : at + len(wave)] ** 2))
    noise = rng.standard_normal(len(signal))
    signal += 10 ** (voice.noise_db / 20) * noise
    signal *= min(1.0, 0.98 / np.abs(signal).max())
    return Speech(np.round(signal * 32767).astype(np.int16), phones)
