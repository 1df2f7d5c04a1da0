"""The silence that drives a model under SI."""

import numpy as np

from pytest_lipleak.core.clips import Audio


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
