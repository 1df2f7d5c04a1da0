"""Drawn faces and synthetic sounds: inputs that every machine makes alike."""

import numpy as np


def speech_like(seconds: float = 2.0, seed: int = 0) -> np.ndarray:
    """A vowel-like buzz that swells and fades, with a little noise: int16 mono 16 kHz."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(16_000 * seconds)) / 16_000
    buzz = sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 30))
    wave = buzz * (0.5 + 0.5 * np.sin(2 * np.pi * 3 * time)) + 0.02 * rng.normal(size=len(time))
    return np.rint(5000 * wave).clip(-32768, 32767).astype(np.int16)


def drawn_mouth(frames: int = 40, size: int = 160) -> np.ndarray:
    """A face-coloured picture with a dark ellipse that opens and shuts: uint8 RGB (T, size, size, 3)."""
    rows, columns = np.mgrid[:160, :160]
    pictures = []
    for t in range(frames):
        opening = 3 + 6 * (1 + np.sin(0.9 * t + 0.05 * t * np.sin(t)))
        inside = ((columns - 80) / 17) ** 2 + ((rows - 84) / opening) ** 2 < 1
        picture = np.where(inside[..., None], (60, 20, 25), (200, 160, 140)) + (rows % 7)[..., None]
        pictures.append(picture.astype(np.uint8))
    video = np.stack(pictures)
    return video if size == 160 else np.repeat(np.repeat(video, size // 160, 1), size // 160, 2)
