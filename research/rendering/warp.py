"""Thin-plate-spline image warps on a coarse grid."""

from __future__ import annotations

import cv2
import numpy as np

SIZE = 160
"""Side of a rendered frame; all geometry is in these units, x to the right and y down."""
SCALE = 2
"""Faces are painted at SCALE times the frame's size and reduced at the end."""
GRID_STEP = 2.5


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    squared = np.square(a[:, None, 0] - b[None, :, 0])
    squared += np.square(a[:, None, 1] - b[None, :, 1]) + 1e-9
    return squared * np.log(squared)


def spline_points(
    at: np.ndarray, targets: np.ndarray, sources: np.ndarray, stiffness: float = 1e-3
) -> np.ndarray:
    """Where each point of *at* (N, 2) comes from, by the thin-plate spline that takes *targets* to *sources* (K, 2)."""
    count = len(targets)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(targets, targets) + stiffness * np.eye(count)
    system[:count, count] = system[count, :count] = 1
    system[:count, count + 1 :] = targets
    system[count + 1 :, :count] = targets.T
    weights = np.linalg.solve(system, np.vstack([sources - targets, np.zeros((3, 2))]))
    kernel = _kernel(at.astype(np.float32), targets.astype(np.float32))
    moved = kernel @ weights[:count].astype(np.float32) + weights[count] + at @ weights[count + 1 :]
    return at + moved


_EDGES = np.arange(0, SIZE + GRID_STEP, GRID_STEP, dtype=np.float32)
_GRID = np.stack(np.meshgrid(_EDGES, _EDGES), -1)
_PIXELS = ((np.arange(SIZE * SCALE, dtype=np.float32) + 0.5) / SCALE).astype(np.float32)
PIXEL_X, PIXEL_Y = np.meshgrid(_PIXELS, _PIXELS)
"""Frame coordinates of every painted pixel, float32 (SIZE * SCALE, SIZE * SCALE)."""


def dense(coarse: np.ndarray) -> np.ndarray:
    """Coarse grid values (G, G, C) at every painted pixel, float32 (SIZE * SCALE, SIZE * SCALE, C)."""
    return cv2.remap(coarse.astype(np.float32), PIXEL_X / GRID_STEP, PIXEL_Y / GRID_STEP, cv2.INTER_LINEAR)


def spline_map(targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """Dense map from painted pixels to source coordinates, float32 (SIZE * SCALE, SIZE * SCALE, 2)."""
    moved = spline_points(_GRID.reshape(-1, 2), targets, sources)
    return dense(moved.reshape(_GRID.shape))


def sample(
    image: np.ndarray, where: np.ndarray, scale: float = SCALE, interpolation: int = cv2.INTER_LINEAR
) -> np.ndarray:
    """*image* at map *where*, whose coordinates are multiplied by *scale* to reach the image's pixels."""
    at = where * np.float32(scale) - np.float32(0.5)
    return cv2.remap(image, at[..., 0], at[..., 1], interpolation, borderMode=cv2.BORDER_REPLICATE)
