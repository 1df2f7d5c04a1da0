"""Sound files read into arrays (mono, 16 kHz, int16), and arrays of sound cut, repeated and gauged."""

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
