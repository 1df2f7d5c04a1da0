"""Drawn pictures for the tests of picture quality."""

import numpy as np


def scenes(count: int = 3, height: int = 64, width: int = 80, seed: int = 0) -> np.ndarray:
    """Smooth coloured pictures, uint8 (count, height, width, 3), each another."""
    import cv2

    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(count, height, width, 3)).astype(np.float32)
    smooth = np.stack([cv2.GaussianBlur(picture, (0, 0), 4) for picture in noise])
    return np.clip(128 + 60 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def noisy(frames: np.ndarray, level: float, seed: int = 1) -> np.ndarray:
    """``frames`` with Gaussian noise of standard deviation ``level``."""
    noise = np.random.default_rng(seed).normal(size=frames.shape)
    return np.clip(np.rint(frames + level * noise), 0, 255).astype(np.uint8)


def mesh(
    frames: int = 10,
    eyes: float = 80.0,
    opening: np.ndarray | float = 0.0,
    at: tuple[float, float] = (100, 100),
) -> np.ndarray:
    """Landmarks (frames, 478, 2) with eyes ``eyes`` apart and lips of aspect ratio ``opening``, one or per frame."""
    from pytest_lipleak.faces import landmarks as face

    points = np.zeros((frames, face.POINTS, 2), np.float32) + np.array(at, np.float32)
    points[:, 33, 0] -= eyes / 2
    points[:, 263, 0] += eyes / 2
    points[:, 133, 0] -= eyes / 6
    points[:, 362, 0] += eyes / 6
    points[:, face.NOSE_TIP, 1] += eyes / 3
    points[:, face.LIPS, 1] += 0.7 * eyes
    width = eyes / 2
    for contour in (face.OUTER_LIPS, face.INNER_CONTOUR):
        points[:, contour[0], 0] -= width / 2
        points[:, contour[10], 0] += width / 2
    for upper, lower in face.INNER_LIPS:
        points[:, upper, 1] -= np.float32(opening) * width / 2
        points[:, lower, 1] += np.float32(opening) * width / 2
    return points
