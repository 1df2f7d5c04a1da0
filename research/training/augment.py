"""Augmentation: what makes one training speaker stand for people never seen.

Everything takes a :class:`numpy.random.Generator`, so that a seed reproduces a run.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.sync.mouth_window import MOUTH_HEIGHT, MOUTH_WIDTH
from research.training.prepare import ABOVE, BESIDE

HEIGHT, WIDTH = MOUTH_HEIGHT, MOUTH_WIDTH
REGION_ROW, REGION_COLUMN = ABOVE, BESIDE
"""Where the mouth window begins in the region that :mod:`research.training.prepare` keeps."""
SAMPLE_RATE = 16_000


def plain_window(region: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The mouth window without augmentation: (T, 104, 112) uint8 -> (T, 48, 64) float32."""
    rows = slice(REGION_ROW, REGION_ROW + HEIGHT)
    columns = slice(REGION_COLUMN, REGION_COLUMN + WIDTH)
    return region[:, rows, columns].astype(np.float32)


def warp(
    region: NDArray[np.uint8], rng: np.random.Generator, strength: float = 1.0, *, hard: bool = False
) -> NDArray[np.uint8]:
    """Scale, aspect, rotation, shear, shift, drift, jitter, profile and flip of the crop, smooth over the clip."""
    count = len(region)
    time = np.linspace(-0.5, 0.5, count)

    def track(constant: float, drift: float, jitter: float) -> NDArray[np.float64]:
        value = rng.uniform(-constant, constant) + rng.uniform(-drift, drift) * time
        if rng.random() < 0.5:
            value = value + rng.normal(0, jitter * rng.random(), count)
        if rng.random() < 0.4:  # a sway, as of a talking head in a box that follows slowly
            value = value + drift * 0.5 * np.sin(2 * np.pi * (rng.uniform(0.5, 4) * time + rng.random()))
        return strength * value

    log_scale = track(0.22, 0.06, 0.012)
    aspect = strength * rng.uniform(-0.14, 0.14)
    angle = np.deg2rad(track(28 if hard and rng.random() < 0.2 else 14, 6, 0.8))
    shear = strength * rng.uniform(-0.15, 0.15)
    dx, dy = track(10, 6, 1.2), track(7, 5, 1.2)
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    centre = np.array([REGION_COLUMN + (WIDTH - 1) / 2, REGION_ROW + (HEIGHT - 1) / 2])
    out = np.empty((count, HEIGHT, WIDTH), np.uint8)
    for t in range(count):
        cos, sin = np.cos(angle[t]), np.sin(angle[t])
        linear = np.array([[cos, -sin], [sin, cos]]) @ np.array(
            [[np.exp(aspect), shear], [0, np.exp(-aspect)]]
        )
        linear = np.exp(log_scale[t]) * linear * np.array([[mirror, 1.0]])
        shift = centre + np.array([dx[t], dy[t]]) - linear @ np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])
        matrix = np.concatenate([linear, shift[:, None]], 1)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cv2.warpAffine(
            region[t], matrix, (WIDTH, HEIGHT), dst=out[t], flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
    return _turned(out, rng) if hard and rng.random() < 0.3 else out


def _turned(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The head turned away: narrowed, the far half of the mouth more than the near one, and darker there."""
    across = np.linspace(-1, 1, WIDTH)
    narrow, bend = rng.uniform(1.0, 1.8), rng.uniform(-0.9, 0.9)
    places = narrow * (across + 0.5 * bend * (across**2 - 0.1))  # monotonous for |bend| < 1
    columns = np.clip((places + 1) * (WIDTH - 1) / 2, 0, WIDTH - 1).astype(np.float32)
    grid = np.tile(columns, (HEIGHT, 1)), np.tile(np.arange(HEIGHT, dtype=np.float32)[:, None], WIDTH)
    shade = (1 - rng.uniform(0, 0.5) * np.abs(bend) * (np.sign(bend) * across * 0.5 + 0.5)).astype(np.float32)
    turned = np.stack([cv2.remap(f, *grid, cv2.INTER_LINEAR) for f in frames])
    return (turned * shade).astype(np.uint8)


def degrade(
    frames: NDArray[np.uint8], rng: np.random.Generator, *, hard: bool = False
) -> NDArray[np.float32]:
    """Blur, resampling, codecs, gamma, shading, flicker, noise, old film, repeated frames, things before the mouth."""
    count = len(frames)
    if hard and rng.random() < 0.2:
        frames = _covered(frames, rng)
    if hard and rng.random() < 0.08:  # 12.5 or 15 frames a second, shown at 25
        rate, phase = rng.choice([0.5, 0.6]), rng.random()
        shown = (np.floor(np.arange(count) * rate + phase) - phase) / rate
        frames = frames[np.maximum(np.floor(shown + 1e-6), 0).astype(int)]
    if rng.random() < 0.1:
        drop = rng.integers(3, 8)
        frames = frames[np.arange(count) - (np.arange(count) % drop == 0) * (np.arange(count) > 0)]
    if rng.random() < 0.35:
        factor = rng.uniform(0.18 if hard and rng.random() < 0.3 else 0.3, 0.9)
        size = (max(int(WIDTH * factor), 8), max(int(HEIGHT * factor), 6))
        interpolation = [cv2.INTER_AREA, cv2.INTER_LINEAR][rng.integers(2)]
        back = [cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST][rng.integers(3)]
        small = [cv2.resize(f, size, interpolation=interpolation) for f in frames]
        frames = np.stack([cv2.resize(f, (WIDTH, HEIGHT), interpolation=back) for f in small])
    if rng.random() < 0.35:
        sigma = rng.uniform(0.3, 1.8)
        frames = np.stack([cv2.GaussianBlur(f, (0, 0), sigma) for f in frames])
    if rng.random() < 0.3:
        tall = np.ascontiguousarray(frames.reshape(count * HEIGHT, WIDTH))
        _, data = cv2.imencode(".jpg", tall, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(12, 70))])
        frames = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE).reshape(count, HEIGHT, WIDTH)
    if hard and rng.random() < 0.15:
        frames = _skipped(frames, rng)
    x = frames.astype(np.float32) / 255.0
    if hard and rng.random() < 0.1:
        x = _filmed(x, rng)
    if rng.random() < 0.6:
        x = x ** np.float32(np.exp(rng.uniform(-0.7, 0.7)))
    if rng.random() < 0.5:
        rows, columns = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
        direction = rng.uniform(0, 2 * np.pi)
        x = x * (1 + rng.uniform(0, 0.5) * (np.cos(direction) * columns + np.sin(direction) * rows)).astype(
            np.float32
        )
    if rng.random() < 0.3:
        x = x * rng.normal(1, 0.04 * rng.random(), (count, 1, 1)).astype(np.float32)
    if rng.random() < 0.5:
        x = x + rng.standard_normal(x.shape, dtype=np.float32) * np.float32(0.06 * rng.random())
    for _ in range(rng.integers(0, 3)):
        x = _cut_out(x, rng)
    return x


def _covered(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A hand, microphone or object before a part of the mouth: a textured ellipse that moves slowly or not at all."""
    count = len(frames)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    tall, wide = rng.uniform(5, 16), rng.uniform(5, 18)
    way = np.linspace(0, 1, count)[:, None] * rng.normal(0, 6, 2) * (rng.random() < 0.7)
    middle = np.array([rng.uniform(14, HEIGHT + 4), rng.uniform(0, WIDTH)]) + way
    angle = rng.uniform(0, np.pi)
    coarse = rng.uniform(0, 255) + rng.normal(0, 1, (8, 10)).astype(np.float32) * rng.uniform(3, 40)
    texture = np.clip(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), 0, 255)
    out = frames.copy()
    for t in range(count):
        down, right = rows - middle[t, 0], columns - middle[t, 1]
        u = (right * np.cos(angle) + down * np.sin(angle)) / wide
        v = (down * np.cos(angle) - right * np.sin(angle)) / tall
        inside = u * u + v * v < 1
        out[t][inside] = texture[inside].astype(np.uint8)
    return out


def _skipped(frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """What a video codec at a low rate does: a block is only sent anew when it has changed enough."""
    count, size = len(frames), int(rng.choice([4, 8]))
    limit = rng.uniform(1, 8)
    blocks = frames.reshape(count, HEIGHT // size, size, WIDTH // size, size).astype(np.float32)
    out, shown = np.empty_like(blocks), blocks[0]
    for t in range(count):
        changed = np.abs(blocks[t] - shown).mean((1, 3), keepdims=True) > limit
        shown = np.where(changed, blocks[t], shown)
        out[t] = shown
    return out.reshape(frames.shape).astype(np.uint8)


def _filmed(x: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Old or poor film: little contrast, grain in lumps, scratches from top to bottom, flicker."""
    count = len(x)
    x = rng.uniform(0.1, 0.6) + (x - 0.5) * np.float32(rng.uniform(0.15, 0.7))
    small = rng.standard_normal((count, HEIGHT // 2, WIDTH // 2)).astype(np.float32)
    grain = np.repeat(np.repeat(small, 2, 1), 2, 2) * np.float32(0.06 * rng.random())
    x = (x + grain) * rng.normal(1, 0.08 * rng.random(), (count, 1, 1))
    for _ in range(rng.integers(0, 4)):
        column, shown = int(rng.integers(WIDTH)), rng.random(count) < rng.uniform(0.1, 0.9)
        x[shown, :, column] += rng.uniform(-0.3, 0.3)
    return np.clip(x, 0, 1).astype(np.float32)


def _cut_out(x: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    height, width = rng.integers(4, 14), rng.integers(6, 20)
    row, column = rng.integers(0, HEIGHT - height), rng.integers(0, WIDTH - width)
    near_rows = row < 34 and row + height > 16
    near_columns = column < 46 and column + width > 18
    if not (near_rows and near_columns):
        x[:, row : row + height, column : column + width] = rng.random()
    return x


def normalise(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Per clip: mean 0, standard deviation 1 over all frames and pixels."""
    return (x - x.mean()) / (x.std() + 1e-4)


def disturb_audio(
    audio: NDArray[np.float32], other: NDArray[np.float32], rng: np.random.Generator, *, hard: bool = False
) -> NDArray[np.float32]:
    """Noise, other speech, a crowd, music and reverberation on float audio in -1 .. 1."""
    level = np.sqrt(np.mean(audio**2)) + 1e-5
    if rng.random() < 0.3:
        audio = _reverberate(audio, rng)
    if rng.random() < 0.4:
        colour = rng.standard_normal(len(audio)).astype(np.float32)
        if rng.random() < 0.5:
            colour = np.cumsum(colour)
            colour = colour - np.convolve(colour, np.ones(400) / 400, "same")
        audio = audio + colour / (colour.std() + 1e-9) * level * 10 ** (-rng.uniform(0, 30) / 20)
    if rng.random() < 0.25:
        babble = np.resize(other, len(audio))
        if hard and rng.random() < 0.4:  # a crowd: the same voice from several places at other speeds
            steps = [
                np.arange(len(audio)) * rng.uniform(0.8, 1.25) + rng.integers(len(babble)) for _ in range(4)
            ]
            babble = sum(babble[step.astype(np.int64) % len(babble)] for step in steps)
        audio = audio + babble / (babble.std() + 1e-5) * level * 10 ** (
            -rng.uniform(2 if hard else 4, 20) / 20
        )
    if rng.random() < (0.15 if hard else 0.12):
        audio = audio + _tones(len(audio), rng) * level * 10 ** (-rng.uniform(0 if hard else 2, 20) / 20)
    return audio


def _reverberate(audio: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    length = int(SAMPLE_RATE * rng.uniform(0.05, 0.4))
    tail = rng.standard_normal(length) * np.exp(-np.linspace(0, 7, length)) * rng.uniform(0.02, 0.25)
    tail[0] = 1.0
    size = 1 << int(np.ceil(np.log2(len(audio) + length)))
    return np.fft.irfft(np.fft.rfft(audio, size) * np.fft.rfft(tail, size), size)[: len(audio)].astype(
        np.float32
    )


def _tones(count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    time = np.arange(count) / SAMPLE_RATE
    music = np.zeros(count)
    beat = rng.uniform(0.2, 0.7)
    for _ in range(4):
        pitch = 110 * 2 ** (rng.integers(0, 36, int(time[-1] / beat) + 1) / 12)
        phase = np.cumsum(pitch[(time / beat).astype(int)]) / SAMPLE_RATE
        music += sum(np.sin(2 * np.pi * h * phase) / h for h in (1, 2, 3))
    return (music / (music.std() + 1e-9)).astype(np.float32)


def disturb_mel(power: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Mel warp (another vocal tract) and EQ (another microphone) on linear mel power (M, 40)."""
    bands = power.shape[1]
    if rng.random() < 0.7:
        places = np.clip(np.arange(bands) * rng.uniform(0.86, 1.16) + rng.uniform(-1, 1), 0, bands - 1)
        low = np.floor(places).astype(int)
        high, part = np.minimum(low + 1, bands - 1), (places - low).astype(np.float32)
        power = power[:, low] * (1 - part) + power[:, high] * part
    if rng.random() < 0.6:
        decibel = np.interp(np.linspace(0, 4, bands), np.arange(5), rng.normal(0, 5, 5))
        power = power * (10 ** (decibel / 10)).astype(np.float32)
    return power


def mask_bands(features: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Up to two stripes of bands held at their mean."""
    features = features.copy()
    for _ in range(rng.integers(0, 3)):
        width = rng.integers(1, 8)
        start = rng.integers(0, features.shape[1] - width)
        features[:, start : start + width] = features[:, start : start + width].mean()
    return features
