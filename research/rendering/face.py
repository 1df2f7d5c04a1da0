"""Frames of a talking face: the plate warped by lips, jaw, lids, brows and head."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from research.rendering.articulation import Articulation
from research.rendering.lips import LipContours, contours
from research.rendering.looks import Look
from research.rendering.plate import Plate, split_maps
from research.rendering.portraits import FACE_POINTS
from research.rendering.speech import FRAME_RATE
from research.rendering.warp import PIXEL_X, PIXEL_Y, SCALE, SIZE, sample

_ANCHORS = np.array(
    [(x, y) for x in (-5, 40, 80, 120, 165) for y in (-5, 25, 150, 170)]
    + [(-5, 80), (165, 80), (28, 100), (132, 100)],
    float,
)
# How much of the jaw's drop each landmark follows.
_JAW_SHARE = {
    "chin": 1.0,
    "chin_left": 0.92,
    "chin_right": 0.92,
    "jaw_left": 0.5,
    "jaw_right": 0.5,
    "cheek_left": 0.12,
    "cheek_right": 0.12,
}
_TOOTH_EDGES = np.array([0.0, 3.7, 6.7, 9.7, 12.2, 14.2])


def _face_points(plate: Plate, lips: LipContours) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks of one frame and of the plate that both halves of the face share; float64 (K, 2) each."""
    targets, sources = [], []
    for name in FACE_POINTS:
        sources.append(plate.points[name])
        targets.append(plate.points[name] + (0, _JAW_SHARE.get(name, 0.0) * lips.jaw))
    for end, side in ((0, -1), (-1, 1)):
        rest, moved = plate.lips.inner_upper[end], lips.inner_upper[end]
        for distance, share in ((4, 0.75), (10, 0.35)):
            sources.append(rest + np.array((side * distance, 0)))
            targets.append(sources[-1] + share * (moved - rest))
        # The fold from nose to mouth follows the corner a little.
        sources.append(rest + np.array((side * 5, -9)))
        targets.append(sources[-1] + 0.3 * (moved - rest))
    for x, share in ((62, 0.15), (80, 0.25), (98, 0.15)):
        sources.append(np.array([x, plate.points["chin"][1] + 14.0]))
        targets.append(sources[-1] + (0, share * lips.jaw))
    return np.vstack([targets, _ANCHORS]), np.vstack([sources, _ANCHORS])


def paint_mouth(plate: Plate, lips: LipContours, tongue: float, warmth: float = 1.0) -> np.ndarray:
    """Teeth, tongue and dark behind the lips at every pixel; float32 (H, W, 3). Only the gap of it is shown."""
    shape = plate.mouth
    image = np.empty((*PIXEL_X.shape, 3), np.float32)
    image[:] = (30, 11, 11)
    box = (slice(int(70 * SCALE), int(120 * SCALE)), slice(int(50 * SCALE), int(110 * SCALE)))
    x, y = PIXEL_X[box] - shape.x, PIXEL_Y[box] - shape.y
    area = image[box]
    across = x / shape.half_width
    throat = np.exp(-(across**2) * 2 - ((y - 0.5 * lips.jaw) / 5) ** 2)[..., None]
    area += (1 - throat) * (34, 14, 13)

    def blend(mask: np.ndarray, colour: np.ndarray) -> None:
        area[:] = area + (colour - area) * np.clip(mask, 0, 1)[..., None]

    size = shape.half_width / 15
    gaps = np.min(np.abs(np.abs(x)[..., None] / size - _TOOTH_EDGES), axis=-1)
    ivory = np.array((228, 218, 200), np.float32) * (1 - 0.55 * np.abs(across[..., None]) ** 1.7)
    ivory = ivory * (0.86 + 0.14 * np.clip(gaps / 0.5, 0, 1))[..., None]
    # Tongue
    top = lips.jaw + 2.4 - tongue * (lips.jaw * 0.75 + 1.6)
    tongue_top = top + 3.0 * across**2
    shade = 0.72 + 0.22 * np.exp(-(((y - tongue_top - 1.5) / 1.6) ** 2)) - 0.08 * np.exp(-((x / 1.2) ** 2))
    pink = np.array((186, 92, 92), np.float32) * shade[..., None]
    blend(np.clip((y - tongue_top) * SCALE * 0.7, 0, 1) * (np.abs(across) < 0.72), pink)
    # The lower teeth ride on the jaw, the upper ones on the skull.
    edge = lips.jaw + 0.7 + 0.9 * across**2
    blend(np.clip((y - edge) * SCALE, 0, 1) * np.clip((0.74 - np.abs(across)) * 10, 0, 1), ivory * 0.78)
    edge = 2.1 - 1.6 * across**2 - 0.25 * np.clip(1 - gaps / 0.6, 0, 1)
    blend(np.clip((edge - y) * SCALE, 0, 1) * np.clip((0.86 - np.abs(across)) * 8, 0, 1), ivory)
    # Lips throw shadow on what is behind them.
    columns = PIXEL_X[0, box[1]]
    lid = np.interp(columns, lips.inner_upper[:, 0], lips.inner_upper[:, 1]) - shape.y
    floor = np.interp(columns, lips.inner_lower[:, 0], lips.inner_lower[:, 1]) - shape.y
    shadow = 0.5 + 0.5 * np.clip((y - lid) / 2.2, 0, 1)
    shadow *= 0.75 + 0.25 * np.clip((floor - y) / 1.2, 0, 1)
    shadow *= 0.6 + 0.4 * np.clip((floor - lid) / 4.0, 0, 1)
    # Light that reaches the inside has passed lips and gums: shade turns red, not grey.
    area *= (shadow * warmth)[..., None] ** np.array((0.8, 1.12, 1.15), np.float32)
    return image


def _slow(rng: np.random.Generator, frames: int, low: float, high: float) -> np.ndarray:
    """A smooth random signal of about unit size, near zero at both ends; float64 (T,)."""
    time = np.arange(frames) / FRAME_RATE
    waves = sum(np.sin(2 * np.pi * (rng.uniform(low, high) * time + rng.random())) for _ in range(3)) / 1.7
    ends = np.clip(np.minimum(time, time[-1] - time) / 0.6, 0, 1)
    return waves * ends * ends * (3 - 2 * ends)


def _blinks(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Lid closure per frame in [0, 1]; float64 (T,)."""
    closed = np.zeros(frames)
    at = rng.uniform(0.4, 2.2)
    while at * FRAME_RATE < frames - 6:
        start = int(at * FRAME_RATE)
        closed[start : start + 6] = (0.45, 1.0, 1.0, 0.65, 0.3, 0.1)
        at += rng.uniform(1.6, 4.0)
    return closed


def _lid_shift(plate: Plate, closed: float) -> np.ndarray:
    """How far above itself (negative: below) each pixel takes its colour during a blink; float32 (H, W)."""
    shift = np.zeros_like(PIXEL_X)
    if closed <= 0:
        return shift
    for name in ("eye_left", "eye_right"):
        x, y = plate.points[name]
        arch = np.sqrt(np.clip(1 - ((PIXEL_X - x) / 8.0) ** 2, 0, 1))
        lid, low, crease = y - 3.3 * arch, y + 3.0 * arch, y - 8.0
        now = lid + closed * (low - lid)
        if plate.lid_from_above:
            inside = (crease < PIXEL_Y) & (now > PIXEL_Y)
            source = crease + (PIXEL_Y - crease) * (lid - crease) / np.maximum(now - crease, 1e-3)
        else:
            inside = (lid < PIXEL_Y) & (now > PIXEL_Y)
            source = low + 0.8 + 0.7 * (now - PIXEL_Y)
        shift += np.where(inside, PIXEL_Y - source, 0).astype(np.float32)
    return shift


def render(
    look: Look, plate: Plate, speech: Articulation, envelope: np.ndarray, seed: int
) -> Iterator[np.ndarray]:
    """Frames uint8 RGB (SIZE, SIZE, 3) of *look* speaking; envelope is the audio's loudness per frame (T,)."""
    rng = np.random.default_rng([seed, 5])
    frames = len(speech)
    size = look.motion
    drift_x, drift_y, turn, yaw, pitch, zoom = (_slow(rng, frames, 0.12, 0.45) for _ in range(6))
    emphasis = gaussian_filter1d(envelope, 4)
    emphasis -= emphasis.mean()
    brow = np.maximum(0, gaussian_filter1d(_slow(rng, frames, 0.2, 0.6), 3)) + 0.5 * np.maximum(emphasis, 0)
    blinks = _blinks(rng, frames)
    breath = np.sin(2 * np.pi * (0.27 * np.arange(frames) / FRAME_RATE + rng.random()))
    near = np.exp(-(((PIXEL_X - 80) / 58) ** 6) - ((PIXEL_Y - 70) / 78) ** 6).astype(np.float32)
    nose = np.exp(-(((PIXEL_X - 80) / 24) ** 2) - ((PIXEL_Y - 72) / 30) ** 2).astype(np.float32)
    brows = sum(
        np.exp(-(((PIXEL_X - plate.points[n][0]) / 11) ** 2) - ((PIXEL_Y - plate.points[n][1]) / 6) ** 2)
        for n in ("brow_left", "brow_right")
    ).astype(np.float32)
    dx, dy = PIXEL_X - 80, PIXEL_Y - 100
    shadow = to_warmth(plate)
    for i in range(frames):
        lips = contours(
            plate.mouth,
            speech.open[i],
            speech.wide[i],
            speech.round[i],
            speech.tuck[i],
            speech.jaw[i],
            speech.press[i],
        )
        targets, sources = _face_points(plate, lips)
        rest = plate.lips
        upper, lower, upper_mask, lower_mask = split_maps(
            targets, sources, lips, (rest.outer_upper, rest.inner_upper, rest.inner_lower, rest.outer_lower)
        )
        upper[..., 1] -= _lid_shift(plate, blinks[i]) - 1.6 * brow[i] * brows
        image = (
            sample(plate.image, upper) * upper_mask[..., None]
            + sample(plate.image, lower) * lower_mask[..., None]
        )
        gap = (1 - upper_mask - lower_mask)[..., None]
        image += gap * paint_mouth(plate, lips, speech.tongue[i], shadow)
        angle = np.deg2rad(1.0 * size * turn[i])
        grow = 1 + 0.008 * size * zoom[i]
        c, s = np.cos(angle) / grow, np.sin(angle) / grow
        move_x = (c * dx + s * dy - dx - 1.3 * size * drift_x[i]) * near - 1.1 * size * yaw[i] * nose
        move_y = (c * dy - s * dx - dy - 1.0 * size * drift_y[i] + 1.0 * size * emphasis[i]) * near
        move_y = (
            move_y - 0.8 * size * pitch[i] * nose - 0.35 * breath[i] * np.clip((PIXEL_Y - 115) / 40, 0, 1)
        )
        where = np.dstack([PIXEL_X + move_x, PIXEL_Y + move_y]).astype(np.float32)
        image = sample(image, where, interpolation=cv2.INTER_CUBIC)
        if look.mirrored:
            image = image[:, ::-1]
        if look.softness > 0:
            image = cv2.GaussianBlur(image, (0, 0), look.softness * SCALE)
        image = cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        image += look.sensor_noise * rng.standard_normal((SIZE, SIZE, 1), dtype=np.float32)
        yield np.clip(np.round(image), 0, 255).astype(np.uint8)


def to_warmth(plate: Plate) -> float:
    """Brightness of the mouth's inside, following the light on the face."""
    cheek = plate.image[int(80 * SCALE) : int(84 * SCALE), int(60 * SCALE) : int(100 * SCALE)].mean()
    return float(np.clip(0.45 + 0.55 * cheek / 190, 0.5, 1.05))
