"""Audio in and out of arrays: mono, 16 kHz, int16."""

from pathlib import Path

import numpy as np

from pytest_lipleak.core.clips import Audio
from pytest_lipleak.media.timeline import survey


def read_audio(path: Path) -> tuple[Audio, tuple[str, ...]]:
    """Decode the sound of a file to int16 mono at 16 kHz, and say what was converted.

    Resampled in float by libswresample, as ffmpeg does. Sample 0 is the time of the first picture where there are
    pictures: sound that starts later is padded at the front, sound that starts before is cut.

    Raises:
        InputError: no sound, or see :func:`survey`.
    """
    timeline = survey(path)
    assert timeline.audio is not None
    return timeline.audio, timeline.notes


def fit(audio: Audio, samples: int) -> Audio:
    """Cut or repeat ``audio`` to exactly ``samples`` samples.

    Raises:
        ValueError: there is nothing to repeat.
    """
    if not len(audio):
        raise ValueError("empty audio cannot be repeated")
    repeats = -(-samples // len(audio))
    return np.tile(audio, repeats)[:samples] if repeats > 1 else audio[:samples]


def level(audio: Audio) -> float:
    """Return how loud a sound is: the root mean square of its int16 samples, 0 where there are none."""
    samples = audio.astype(np.float64)
    return float(np.sqrt(np.mean(samples * samples))) if audio.size else 0.0


def silence(samples: int, kind: str = "zeros", seed: int = 0) -> Audio:
    """Return silence of ``samples`` samples.

    Args:
        samples: length.
        kind: ``"zeros"``, or ``"noise"`` for white noise at -60 dBFS (RMS), for models whose mel front
            end fails on exact zeros.
        seed: of the noise.
    """
    if kind == "zeros":
        return np.zeros(samples, np.int16)
    noise = np.random.default_rng(seed).normal(0.0, 32768 * 10 ** (-60 / 20), samples)
    return np.clip(np.rint(noise), -32768, 32767).astype(np.int16)
