"""Mouth landmark distance (LMD): how far the lips are from where the real ones were.

Source: Chen et al. 2018, "Lip movements generation at a glance", with the 40 lip points of MediaPipe's
mesh. Meaningful where the audio is the clip's own (AM); elsewhere lips ought to be somewhere else.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.faces.landmarks import LIPS, Landmarks, face_size


@dataclass(frozen=True, eq=False)
class LandmarkDistance:
    """LMD per frame; NaN where either video shows no face.

    Args:
        pixels: mean distance over the lip points, in pixels, float64 (T,).
        normalised: the same as a share of the real face's size, the distance between the outer eye corners.
    """

    pixels: NDArray[np.float64]
    normalised: NDArray[np.float64]

    @property
    def frames(self) -> int:
        """In how many frames both videos show a face."""
        return int(np.isfinite(self.pixels).sum())

    @property
    def mean_pixels(self) -> float:
        """Mean over those frames; NaN when there is none."""
        return _mean(self.pixels)

    @property
    def mean_normalised(self) -> float:
        """Mean over those frames; NaN when there is none."""
        return _mean(self.normalised)


def lmd(output: Landmarks, real: Landmarks, *, centred: bool = False) -> LandmarkDistance:
    """Distance between the lip landmarks of two videos of one clip.

    Args:
        output: landmarks of the generated frames, float32 (T, 478, 2), pixels.
        real: those of the clip's own frames, of the same shape.
        centred: compare the lips' shape alone, each mouth moved to its own middle (as Chen et al. do for
            models that also move the head).

    Raises:
        ValueError: shapes differ.
    """
    if output.shape != real.shape:
        raise ValueError(f"landmarks of shape {output.shape}, expected {real.shape} like the real ones")
    lips, expected = (mesh[:, LIPS].astype(np.float64) for mesh in (output, real))
    if centred:
        lips, expected = (mouth - mouth.mean(axis=1, keepdims=True) for mouth in (lips, expected))
    pixels = np.linalg.norm(lips - expected, axis=-1).mean(axis=1)
    return LandmarkDistance(pixels, pixels / face_size(real))


def _mean(values: NDArray[np.float64]) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")
