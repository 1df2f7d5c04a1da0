"""What is drawn on top of the portraits: neck, clothes, ears, hair, brows, beard and glasses (all in float32 Lab)."""

from __future__ import annotations

import cv2
import numpy as np

from research.rendering.lips import LipContours
from research.rendering.looks import Look
from research.rendering.warp import PIXEL_X as X
from research.rendering.warp import PIXEL_Y as Y
from research.rendering.warp import SCALE

Points = dict[str, np.ndarray]


def smoothstep(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below *low*, 1 above *high*, smooth between; low may exceed high."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def blend(lab: np.ndarray, mask: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """*lab* with *colour* (Lab pixel or image) where *mask* is 1."""
    return lab + (np.asarray(colour, np.float32) - lab) * np.clip(mask, 0, 1)[..., None].astype(np.float32)


def noise(rng: np.random.Generator, blur: float) -> np.ndarray:
    """Isotropic noise of unit size at plate resolution, float32 (H, W)."""
    field = cv2.GaussianBlur(rng.standard_normal(X.shape, dtype=np.float32), (0, 0), blur * SCALE)
    return field / field.std()


def _strands(rng: np.random.Generator, centre: tuple[float, float], curl: float) -> np.ndarray:
    """Noise drawn out along lines that leave *centre*; curl bends the lines."""
    grain = rng.standard_normal((256, 1024), dtype=np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), 1.1)
    radius = np.hypot(X - centre[0], Y - centre[1])
    angle = np.arctan2(X - centre[0], Y - centre[1]) + curl * np.sin(radius * 0.12)
    total = np.zeros_like(X)
    for fine, share in ((105.0, 0.6), (42.0, 0.4)):
        u = (angle * fine + 512) % 1023
        total += share * cv2.remap(
            grain, u.astype(np.float32), (radius * 0.35 + 20).astype(np.float32), cv2.INTER_LINEAR
        )
    return total / total.std()


def head_size(points: Points) -> tuple[float, float]:
    """Middle (x) and half width of the head at the temples."""
    left, right = points["temple_left"][0], points["temple_right"][0]
    return float(left + right) / 2, float(right - left) / 2


def skin_everywhere(lab: np.ndarray, skin: np.ndarray, look: Look) -> np.ndarray:
    """The face's skin colour carried on smoothly beyond the skin that is seen."""
    weight = skin * skin
    total = np.full_like(weight, 1e-3)
    carried = np.asarray(look.skin, np.float32) * np.array([0.93, 1, 1], np.float32) * total[..., None]
    for blur in (4, 12, 30):
        share = cv2.GaussianBlur(weight, (0, 0), blur * SCALE)
        carried = carried + cv2.GaussianBlur(lab * weight[..., None], (0, 0), blur * SCALE) * (
            0.02 if blur > 4 else 1
        )
        total = total + share * (0.02 if blur > 4 else 1)
    return (carried / total[..., None]).astype(np.float32)


def add_neck(lab: np.ndarray, skin: np.ndarray, look: Look, points: Points) -> tuple[np.ndarray, np.ndarray]:
    """Neck below the jaw where the portrait has clothes; the image and the neck's mask."""
    middle, half = head_size(points)
    chin = points["chin"][1]
    width = 0.80 * half + 0.06 * np.maximum(Y - chin - 6, 0)
    away = np.abs(X - middle)
    neck = smoothstep(width - away, -0.6, 0.6) * smoothstep(Y, chin - 22, chin - 16)
    depth = 0.35 + 0.65 * look.skin[0] / 80  # dark skin has less room for shading
    shade = np.broadcast_to(
        np.asarray(look.skin, np.float32) * np.array([0.97, 0.95, 1.0], np.float32), lab.shape
    ).copy()
    shade[..., 0] -= depth * (8 + 12 * (away / half) ** 2 + 9 * np.exp(-np.maximum(Y - chin, 0) / 7))
    shade[..., 0] += 1.5 * np.exp(-(((away - 0.34 * half - 0.25 * (Y - chin - 14)) / 3.0) ** 2)) * depth
    # The portraits' collars begin at different heights: hand over gradually from their skin to the drawn one.
    kept = cv2.GaussianBlur(cv2.erode(skin, np.ones((17, 17))), (0, 0), 2 * SCALE) * smoothstep(
        Y, chin + 8, chin
    )
    jaw = chin + 1 - 14 * np.clip(away / half, 0, 1) ** 3
    under = smoothstep(Y, jaw, jaw + 8)
    return blend(
        lab, neck * np.maximum(under * (1 - kept), 1 - cv2.GaussianBlur(skin, (0, 0), 0.8 * SCALE)), shade
    ), neck


def add_clothes(
    lab: np.ndarray, look: Look, points: Points, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A jumper, T-shirt, or jacket over a shirt; the image and the mask of the clothes."""
    middle, half = head_size(points)
    neck = 0.88 * half
    away = np.abs(X - middle)
    chin = points["chin"][1]
    line = max(chin + 15, 128.0)
    shoulder = line - 1 + 0.36 * np.maximum(away - neck, 0) ** 0.95
    inside = np.clip(1 - (away / neck) ** 2, 0, 1)
    dip = {"crew": 7 * inside**0.8, "vee": 26 * np.clip(1 - away / neck, 0, 1), "high": -5 * inside**0.5}
    style = look.clothes_style
    edge = np.where(away < neck, line + dip["vee" if style in ("vee", "jacket") else style], shoulder)
    cloth = smoothstep(Y - edge, -0.4, 0.6)
    folds = (
        noise(rng, 9) * 3.5
        + noise(rng, 0.5) * 1.3
        + 4 * np.sin(0.18 * (X - middle) * np.sign(X - middle) + 0.09 * Y)
    )
    base = np.broadcast_to(np.asarray(look.clothes, np.float32), lab.shape).copy()
    base[..., 0] = np.clip(
        base[..., 0] + folds - 9 * np.exp(-np.abs(Y - edge) / 2.2) - 0.10 * (away - 30), 3, 95
    )
    if style == "jacket":
        shirt = smoothstep(away, neck * 1.04 - 0.42 * (Y - line), neck * 1.04 - 0.42 * (Y - line) - 1)
        white = np.broadcast_to(np.asarray(look.shirt, np.float32), lab.shape).copy()
        white[..., 0] += 0.6 * folds - 10 * np.exp(-np.abs(Y - edge) / 1.2)
        base = blend(base, shirt, white)
        tie = smoothstep(2.4 + 0.05 * (Y - line) - away, -0.5, 0.5) * smoothstep(Y, line + 22, line + 24)
        base = blend(base, tie, np.asarray(look.clothes, np.float32) * (0.5, -1, -1) + (15, 0, 0))
    elif style in ("crew", "high"):
        rib = np.exp(-(((Y - edge - 2.6) / 0.7) ** 2)) * (away < neck)
        base[..., 0] -= 5 * rib
    return blend(lab, cloth, base), cloth


def add_ears(lab: np.ndarray, fill: np.ndarray, points: Points) -> tuple[np.ndarray, np.ndarray]:
    """Two ears beside the temples; the image and their mask."""
    middle, half = head_size(points)
    mask = np.zeros_like(X)
    shade = fill.copy()
    shade[..., 1] += 3
    for side in (-1, 1):
        x, y = middle + side * (half - 0.2), 62.0
        across, down = (X - x) / 4.4, (Y - y + 0.15 * side * (X - x)) / 8.8
        ear = smoothstep(across**2 + down**2, 1.08, 0.92)
        inner = np.exp(-(((across + 0.1 * side) / 0.5) ** 2) - ((down - 0.0) / 0.62) ** 2)
        shade[..., 0] -= ear * (4 + 13 * inner)
        mask = np.maximum(mask, ear)
    return blend(lab, mask, shade), mask


def hair_masks(look: Look, points: Points, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(hair in front of the head, hair hanging behind it) for a drawn hair style, float32 (H, W) each."""
    middle, half = head_size(points)
    style = look.hair_style
    lift = {"afro": 15, "curly": 9, "long": 5, "bob": 6, "parted": 5, "short": 5, "buzz": 1.2, "bald": 0.5}[
        style
    ]
    ragged = noise(rng, 1.6) * (1.3 if style in ("afro", "curly") else 0.7) + noise(rng, 4) * 0.7
    outer = np.hypot((X - middle) / (half + lift), (Y - 54) / (48 + lift))
    cap = smoothstep((1 - outer) * half + ragged, -0.7, 0.7)
    part = {"parted": 6.0, "bob": -3.0}.get(style, 0.0)
    line = look.hairline
    open_x = middle + part * smoothstep(Y, 52, 36)
    opening = (np.abs((X - open_x) / (half * 0.97))) ** 2.6 + (np.abs((Y - 70) / (70 - line))) ** 2.6
    face = smoothstep((1 - opening) * 16 + ragged, -1.2, 1.2)
    sides = {"long": 160.0, "bob": 112.0, "afro": 74.0, "curly": 78.0}.get(style, 66.0)
    front = cap * (1 - face) * smoothstep(Y + 2 * ragged, sides, sides - 9)
    if style in ("bald", "buzz"):
        front = front * smoothstep(Y, 20, 45) if style == "bald" else front
    behind = np.zeros_like(X)
    if style in ("long", "bob"):
        wave = 2.2 * np.sin(Y * 0.11 + look.seed % 7)
        away = np.abs(X - middle)
        width = half + lift + 2 + wave + 0.04 * np.maximum(Y - 60, 0)
        behind = (
            smoothstep(width - away + ragged, -0.7, 0.7)
            * smoothstep(Y, 48, 56)
            * smoothstep(Y + 3 * ragged, sides, sides - 6)
        )
    return front, behind


def hair_colour(look: Look, points: Points, rng: np.random.Generator) -> np.ndarray:
    """Strands in the speaker's hair colour; float32 Lab (H, W, 3)."""
    middle, half = head_size(points)
    if look.hair_style in ("afro", "curly"):
        texture = 0.55 * noise(rng, 0.8) + 0.45 * noise(rng, 2.2)
    elif look.hair_style in ("buzz", "bald"):
        texture = noise(rng, 0.35)
    else:
        texture = _strands(rng, (middle + {"parted": 16, "bob": -14}.get(look.hair_style, 0), 6.0), 0.25)
    goal = np.asarray(look.hair, np.float32)
    colour = np.broadcast_to(goal, (*X.shape, 3)).copy()
    sheen = np.exp(-(((np.hypot(X - middle, (Y - 60)) - half * 1.02) / 8) ** 2)) * smoothstep(Y, 70, 20)
    rough = 0.4 if look.hair_style in ("buzz", "bald") else 1.0
    colour[..., 0] += rough * (3.0 + 0.17 * min(goal[0], 45.0)) * texture + (4 + 0.12 * goal[0]) * sheen - 4
    colour[..., 0] -= 0.12 * goal[0] * smoothstep(np.abs(X - middle) / half, 0.8, 1.3)
    colour[..., 0] = np.clip(colour[..., 0], 2, 96)
    return colour


def add_brows(lab: np.ndarray, look: Look, points: Points, rng: np.random.Generator) -> np.ndarray:
    """Brows in a darker tone of the hair, over the portrait's own."""
    grain = 1 + 0.2 * noise(rng, 0.6)
    mask = np.zeros_like(X)
    for name, side in (("brow_left", -1), ("brow_right", 1)):
        x, y = points[name]
        along = (X - x) * side / 9.5
        arch = y + 1.9 * along**2 - 0.7 * along + 0.2
        thick = 0.7 + 1.5 * look.brows * np.clip(1.05 - 0.45 * (along + 0.3), 0.3, 1.2)
        mask += np.exp(-(((Y - arch) / thick) ** 2)) * smoothstep(np.abs(along), 1.1, 0.8)
    dark = np.asarray(look.hair, np.float32) * np.array([0.55, 0.8, 0.6], np.float32)
    return blend(lab, np.clip(mask * grain, 0, 1) * (0.25 + 0.6 * look.brows), dark)


def add_beard(
    lab: np.ndarray, skin: np.ndarray, look: Look, points: Points, lips: LipContours, rng: np.random.Generator
) -> np.ndarray:
    """Stubble, moustache, goatee or full beard; it lies on the skin and moves with it."""
    if look.beard == "none":
        return lab
    middle, half = head_size(points)
    away = np.abs(X - middle) / half
    chin, nose = points["chin"][1], points["nose_base"][1]
    top = np.interp(X[0], lips.outer_upper[:, 0], lips.outer_upper[:, 1])
    bottom = np.interp(X[0], lips.outer_lower[:, 0], lips.outer_lower[:, 1])
    corner = lips.inner_upper[-1, 0] - middle
    moustache = smoothstep(Y, nose + 1.5, nose + 5) * smoothstep(Y, top + 0.6, top - 0.8)
    moustache *= smoothstep(away * half, corner + 7, corner + 2)
    beside = (
        np.exp(-(((away * half - corner - 3.5) / 3.2) ** 2))
        * smoothstep(Y, 84, 89)
        * smoothstep(Y, chin + 4, chin - 4)
    )
    patch = smoothstep(Y, bottom + 2.5, bottom + 7) * smoothstep(away * half, 13, 8)
    ring = (
        np.abs((X - middle) / (corner + 6.5)) ** 2.6
        + np.abs((Y - (nose + chin) / 2 - 2) / ((chin - nose) / 2)) ** 2.6
    )
    ring = smoothstep(ring, 1.1, 0.75) * smoothstep(Y, nose + 1.5, nose + 5)
    jaw = smoothstep(Y - (bottom.max() + 5 - 46 * away**2.4), 0, 6)
    end = smoothstep(Y - (chin + 7 - 30 * away**3), 2.5, -1.5)
    mask = {
        "stubble": np.maximum(np.maximum(jaw, moustache), np.maximum(beside, patch)),
        "full": np.maximum(np.maximum(jaw, moustache), np.maximum(beside, patch)),
        "goatee": ring,
        "moustache": moustache,
    }[look.beard] * end
    on_lips = (
        smoothstep(Y, top - 0.8, top) * smoothstep(Y, bottom + 0.8, bottom) * (away * half < corner + 0.5)
    )
    mask = cv2.GaussianBlur((mask * (1 - on_lips)).astype(np.float32), (0, 0), 1.3 * SCALE) * smoothstep(
        skin, 0.2, 0.6
    )
    grain = noise(rng, 0.5)
    mask = mask * np.clip(1 + 0.12 * noise(rng, 1.0), 0, 1.15)
    hair = (
        np.broadcast_to(np.asarray(look.hair, np.float32) * (0.8, 0.8, 0.7), lab.shape)
        .astype(np.float32)
        .copy()
    )
    hair[..., 0] += 2 + 1.8 * grain
    if look.beard == "stubble":
        return blend(
            lab, mask * look.beard_density * np.clip(0.38 + 0.22 * grain, 0, 0.8), hair * np.float32(0.6)
        )
    return blend(lab, mask * np.clip(0.55 + 0.45 * look.beard_density + 0.15 * grain, 0, 0.96), hair)


def add_glasses(lab: np.ndarray, look: Look, points: Points) -> np.ndarray:
    """Round or square spectacles."""
    if look.glasses == "none":
        return lab
    middle, half = head_size(points)
    power = 2.0 if look.glasses == "round" else 4.0
    frame = np.zeros_like(X)
    lens = np.zeros_like(X)
    y = (points["eye_left"][1] + points["eye_right"][1]) / 2 + 1.5
    for name in ("eye_left", "eye_right"):
        x = points[name][0]
        radius = (np.abs((X - x) / 14.0) ** power + np.abs((Y - y) / 11.0) ** power) ** (1 / power)
        frame = np.maximum(frame, smoothstep(np.abs(radius - 1) * 12.0, 1.15, 0.45))
        lens = np.maximum(lens, smoothstep(radius, 1.0, 0.95))
    left, right = points["eye_left"][0], points["eye_right"][0]
    bridge = (
        smoothstep(np.abs(Y - y + 3.5 - 0.06 * (X - middle) ** 2), 1.2, 0.5)
        * (left + 13.5 < X)
        * (right - 13.5 > X)
    )
    away = np.abs(X - middle)
    arms = smoothstep(np.abs(Y - y + 4), 1.2, 0.5) * (away > (right - left) / 2 + 13) * (away < half + 1)
    lab = lab.copy()
    lab[..., 0] += lens * (
        1.5 + 5 * np.exp(-((((X + Y * 0.7 - 98) % 37 - 12) / 3) ** 2)) * smoothstep(Y, y, y - 8)
    )
    shadow = cv2.GaussianBlur(np.roll(frame, 3, 0), (0, 0), 2.0)
    lab[..., 0] -= 9 * shadow
    return blend(lab, np.clip(frame + bridge + arms, 0, 1) * 0.92, look.glasses_colour)
