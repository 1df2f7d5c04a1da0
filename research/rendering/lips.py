"""The shape of the mouth: lip contours from articulation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

POINTS = 11
_U = np.linspace(-1, 1, POINTS)
"""Position along a contour: -1 at the left corner of the mouth, 1 at the right one."""


@dataclass(frozen=True)
class MouthShape:
    """A speaker's mouth at rest, in frame pixels."""

    x: float = 80.0
    y: float = 90.0
    half_width: float = 15.0
    upper: float = 3.6
    lower: float = 5.0
    bow: float = 0.9
    corner_drop: float = 0.8
    opening: float = 11.0
    skew: float = 0.0


@dataclass(frozen=True)
class LipContours:
    """Four contours (POINTS, 2) from corner to corner, and how far the jaw has come down (pixels)."""

    outer_upper: np.ndarray
    inner_upper: np.ndarray
    inner_lower: np.ndarray
    outer_lower: np.ndarray
    jaw: float

    @property
    def aperture(self) -> float:
        """Height of the gap between the lips at the middle of the mouth, in pixels."""
        middle = POINTS // 2
        return float(self.inner_lower[middle, 1] - self.inner_upper[middle, 1])


def contours(
    shape: MouthShape,
    opening: float = 0.0,
    wide: float = 0.0,
    round_: float = 0.0,
    tuck: float = 0.0,
    jaw: float = 0.0,
    press: float = 0.0,
) -> LipContours:
    """Lip contours of *shape* for one frame's articulation (the channels of ``articulation.Articulation``)."""
    u = _U
    half = shape.half_width * (1 + 0.13 * wide - 0.16 * round_ - 0.05 * opening + 0.02 * press)
    gap = shape.opening * opening
    x = shape.x + half * u
    # Rounded lips make an oval gap, spread lips a flat lens.
    profile = (1 - np.abs(u) ** (2.2 + 0.8 * max(wide, 0))) ** (0.85 - 0.25 * round_)
    rise = 0.26 * gap + 0.9 * tuck
    drop = 0.74 * gap - 1.3 * tuck
    line = shape.y + shape.corner_drop * np.abs(u) ** 2.5 + 0.35 * np.cos(2 * np.pi * u) * (1 - np.abs(u))
    line = line + shape.skew * u * (0.4 + opening) + 0.25 * gap * np.abs(u) ** 3
    inner_upper = line - rise * profile
    inner_lower = line + drop * profile
    pressed = 1 - 0.38 * press
    thick_upper = shape.upper * pressed * (1 + 0.25 * round_ - 0.12 * wide - 0.15 * opening)
    thick_lower = (
        shape.lower * pressed * (1 + 0.25 * round_ - 0.10 * wide - 0.10 * opening) * (1 - 0.35 * tuck)
    )
    upper_profile = (1 - np.abs(u) ** 2.2) * (1 - 0.25 * np.abs(u)) - 0.22 * shape.bow * np.exp(
        -((u / 0.16) ** 2)
    )
    lower_profile = (1 - np.abs(u) ** 2.6) ** 0.9
    outer_upper = inner_upper - thick_upper * np.maximum(upper_profile, 0) - 0.15
    outer_lower = inner_lower + thick_lower * lower_profile + 0.15

    def stack(y: np.ndarray) -> np.ndarray:
        return np.stack([x, y], 1)

    return LipContours(
        *map(stack, (outer_upper, inner_upper, inner_lower, outer_lower)), jaw=0.62 * shape.opening * jaw
    )
