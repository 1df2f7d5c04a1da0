"""Speech with pauses: what drives in the setup PA."""

import random

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio
from pytest_lipleak.core.timebase import SAMPLES_PER_FRAME
from pytest_lipleak.media.audio import fit

PAUSE = (15, 25)
"""Shortest and longest pause in frames: 0.6 to 1.0 s."""

SPEECH = (20, 34)
"""Likewise of the speech between two pauses."""

BEGIN = (8, 20)
"""Likewise of the speech before the first pause: a clip of 32 frames has one, too."""

NEAR = 6
"""Frames by which a pause moves to where the speech is quietest: it must not cut words."""

ROOM = (10.0, 100.0)
"""Loudness of a pause, RMS in int16 units (-70 to -50 dBFS): as quiet as the speech ever is, but no digital silence,
which models know when they hear it."""


def with_pauses(speech: Audio, samples: int, seed: str) -> tuple[Audio, NDArray[np.bool_]]:
    """Put pauses into speech, at seeded places between words.

    Args:
        speech: int16 mono 16 kHz, any length; repeated where it is too short.
        samples: how long the result is to be.
        seed: of where and how long the pauses are.

    Returns:
        The audio, int16 (samples,), and which frames lie in a pause, bool (samples // 640,).

    Raises:
        ValueError: ``speech`` is empty.
    """
    frames = -(-samples // SAMPLES_PER_FRAME)
    source = fit(speech, (frames + SPEECH[1] + NEAR) * SAMPLES_PER_FRAME).astype(np.float32)
    loudness = np.sqrt(np.square(source).reshape(-1, SAMPLES_PER_FRAME).mean(axis=1))
    draw = random.Random(f"lipleak pauses {seed}")
    noise = np.random.default_rng(draw.getrandbits(32))
    room = float(np.clip(np.percentile(loudness, 5), *ROOM))
    pieces: list[NDArray[np.float32]] = []
    paused: list[bool] = []
    heard = 0
    while len(paused) < frames:
        wanted = heard + draw.randint(*(SPEECH if pieces else BEGIN))
        around = np.arange(max(wanted - NEAR, heard + 1), wanted + NEAR + 1) % len(loudness)
        upto = int(around[loudness[around].argmin()])
        upto = upto if upto > heard else wanted
        length = draw.randint(*PAUSE)
        spoken = source[heard * SAMPLES_PER_FRAME : upto * SAMPLES_PER_FRAME]
        still = noise.normal(0, room, length * SAMPLES_PER_FRAME).astype(np.float32)
        pieces += [_faded(spoken), still]
        paused += [False] * (len(spoken) // SAMPLES_PER_FRAME) + [True] * length
        heard = upto
    audio = np.concatenate(pieces)[:samples]
    return (
        np.clip(np.rint(audio), -32768, 32767).astype(np.int16),
        np.array(paused[: samples // SAMPLES_PER_FRAME]),
    )


def _faded(piece: NDArray[np.float32]) -> NDArray[np.float32]:
    """No click where it ends."""
    length = min(160, len(piece))
    ramp = np.ones(len(piece), np.float32)
    if length:
        ramp[-length:] = np.linspace(1, 0, length)
    return piece * ramp
