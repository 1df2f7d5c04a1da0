"""Audio in and out of arrays: mono, 16 kHz, int16."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pytest_lipleak.core.clips import Audio
from pytest_lipleak.core.errors import InputError
from pytest_lipleak.core.timebase import SAMPLE_RATE
from pytest_lipleak.media.video import opened

if TYPE_CHECKING:
    from av.video.stream import VideoStream


def read_audio(path: Path) -> tuple[Audio, tuple[str, ...]]:
    """Decode the first audio stream of ``path`` to int16 mono at 16 kHz, and say what was converted.

    Resampled in float by libswresample, as ffmpeg does; a stream that starts after the first video
    frame is padded at the front, and one that starts before it is cut, so that sample 0 is the time of
    that frame.

    Raises:
        InputError: missing, empty or corrupt file, no audio stream, or no samples in it.
    """
    import av

    with opened(path) as container:
        if not container.streams.audio:
            raise InputError(
                f"{path}: no audio stream; lip sync cannot be judged without the clip's own speech"
            )
        stream = container.streams.audio[0]
        note = _conversion(stream.codec_context.sample_rate, stream.codec_context.channels)
        resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        pieces: list[Audio] = []
        delay: float | None = None
        for frame in container.decode(stream):
            if delay is None:
                delay = frame.time or 0.0
            pieces += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
        pieces += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
        video_start = _start(container.streams.video[0]) if container.streams.video else 0.0
    if not pieces or not sum(map(len, pieces)):
        raise InputError(f"{path}: the audio stream is empty")
    audio = np.concatenate(pieces)
    late = round(((delay or 0.0) - video_start) * SAMPLE_RATE)
    if late > 0:
        audio = np.concatenate([np.zeros(late, np.int16), audio])
    return audio[max(-late, 0) :], note


def _start(stream: "VideoStream") -> float:
    if stream.start_time is None or stream.time_base is None:
        return 0.0
    return float(stream.start_time * stream.time_base)


def _conversion(rate: int, channels: int) -> tuple[str, ...]:
    if rate == SAMPLE_RATE and channels == 1:
        return ()
    return (f"audio converted from {rate} Hz, {channels} channel(s) to {SAMPLE_RATE} Hz mono",)


def fit(audio: Audio, samples: int) -> Audio:
    """Cut or repeat ``audio`` to exactly ``samples`` samples.

    Raises:
        ValueError: there is nothing to repeat.
    """
    if not len(audio):
        raise ValueError("empty audio cannot be repeated")
    repeats = -(-samples // len(audio))
    return np.tile(audio, repeats)[:samples] if repeats > 1 else audio[:samples]


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
