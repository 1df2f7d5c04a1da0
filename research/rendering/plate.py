"""The still face of a speaker, mouth closed: portraits warped, mixed, recoloured and dressed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from research.rendering import dressing
from research.rendering.lips import LipContours, MouthShape, contours
from research.rendering.looks import Look
from research.rendering.portraits import FACE_POINTS, Portrait, portrait, to_lab, to_rgb
from research.rendering.warp import PIXEL_X, PIXEL_Y, SCALE, SIZE, sample, spline_map

EYES = np.array([80.0, 50.0])
"""Where the middle between the eyes lies in every frame."""
MOUTH = np.array([80.0, 90.0])
_BORDER = np.array([(x, y) for x in (-20, 30, 80, 130, 180) for y in (-20, 30, 80, 130, 180)
                    if x in (-20, 180) or y in (-20, 180)], float)  # fmt: skip


@dataclass(frozen=True)
class Plate:
    """A still face: RGB float32 (SIZE * SCALE, SIZE * SCALE, 3), its landmarks and its mouth at rest."""

    image: np.ndarray
    points: dict[str, np.ndarray]
    mouth: MouthShape
    lips: LipContours
    lid_from_above: bool
    """Where a blink takes the lid's skin from: above the eye, or (under a spectacle frame) below it."""


def _similarity(face: Portrait) -> tuple[np.ndarray, np.ndarray]:
    """Matrix (2, 2) and offset (2,) from a portrait's pixels to frame coordinates."""
    eyes = (face.points["eye_left"] + face.points["eye_right"]) / 2
    down, goal = face.mouth - eyes, MOUTH - EYES
    scale = np.hypot(*goal) / np.hypot(*down)
    angle = np.arctan2(*goal[::-1]) - np.arctan2(*down[::-1])
    matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return matrix, MOUTH - matrix @ face.mouth


def _frame_points(face: Portrait) -> dict[str, np.ndarray]:
    matrix, offset = _similarity(face)
    return {name: matrix @ face.points[name] + offset for name in FACE_POINTS}


def face_geometry(look: Look) -> dict[str, np.ndarray]:
    """Frame coordinates of the speaker's landmarks."""
    first, second = _frame_points(portrait("astronaut")), _frame_points(portrait("admiral"))
    shape = look.shape
    points = {}
    for name in FACE_POINTS:
        point = (1 - look.lower_mix) * first[name] + look.lower_mix * second[name]
        side = np.sign(point[0] - 80)
        if name.startswith(("temple", "cheek")):
            point[0] = 80 + (point[0] - 80) * shape.face_width
        elif name.startswith("jaw"):
            point[0] = 80 + (point[0] - 80) * shape.jaw_width
        elif name.startswith("chin"):
            point += ((point[0] - 80) * (shape.jaw_width - 1), shape.chin)
        elif name.startswith("nose"):
            point += ((point[0] - 80) * (shape.nose_width - 1), shape.nose_length)
        elif name.startswith("eye"):
            point[0] += side * shape.eye_spacing
        elif name.startswith("brow"):
            point += (side * shape.eye_spacing, shape.brow_height)
        points[name] = point
    return points


def split_maps(
    targets: np.ndarray, sources: np.ndarray, lips: LipContours, source_lips: tuple[np.ndarray, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Maps for the face above and below the gap between the lips, and the two masks.

    targets, sources: landmarks (K, 2) that both maps share; source_lips: outer upper, inner upper, inner lower, outer
    lower contours of the source. Returns upper map, lower map (H, W, 2), upper and lower mask float32 (H, W); where
    both masks are 0 the mouth's inside shows.
    """
    ends = np.stack([lips.inner_upper[0], lips.inner_upper[-1]])
    source_ends = np.stack([source_lips[1][[0, -1]], source_lips[2][[0, -1]]]).mean(0)
    shared, shared_source = np.vstack([targets, ends]), np.vstack([sources, source_ends])

    def one(
        outer: np.ndarray, inner: np.ndarray, from_outer: np.ndarray, from_inner: np.ndarray
    ) -> np.ndarray:
        return spline_map(
            np.vstack([shared, outer[1:-1], inner[1:-1]]),
            np.vstack([shared_source, from_outer[1:-1], from_inner[1:-1]]),
        )

    upper = one(lips.outer_upper, lips.inner_upper, source_lips[0], source_lips[1])
    lower = one(lips.outer_lower, lips.inner_lower, source_lips[3], source_lips[2])
    top = np.interp(PIXEL_X[0], lips.inner_upper[:, 0], lips.inner_upper[:, 1]).astype(np.float32)
    bottom = np.interp(PIXEL_X[0], lips.inner_lower[:, 0], lips.inner_lower[:, 1]).astype(np.float32)
    # Beyond the corners the two maps agree nearly, so a soft seam hides what is left.
    outside = np.maximum(lips.inner_upper[0, 0] - PIXEL_X[0], PIXEL_X[0] - lips.inner_upper[-1, 0])
    sharpness = SCALE / (1 + 3 * np.clip(outside, 0, 3))
    upper_mask = np.clip((top - PIXEL_Y) * sharpness + 0.5, 0, 1)
    lower_mask = np.clip((PIXEL_Y - bottom) * sharpness + 0.5, 0, 1)
    over = np.maximum(upper_mask + lower_mask, 1)
    return upper, lower, upper_mask / over, lower_mask / over


@dataclass(frozen=True)
class _Layer:
    image: np.ndarray
    skin: np.ndarray
    figure: np.ndarray


def _layer(face: Portrait, look: Look, points: dict[str, np.ndarray], lips: LipContours) -> _Layer:
    """One portrait in frame coordinates, with the speaker's geometry and the mouth closed."""
    matrix, offset = _similarity(face)
    border = (_BORDER - offset) @ np.linalg.inv(matrix).T
    targets = np.vstack([*(points[name] for name in FACE_POINTS), _BORDER])
    sources = np.vstack([*(face.points[name] for name in FACE_POINTS), border])
    upper, lower, upper_mask, lower_mask = split_maps(targets, sources, lips, face.lips)
    stack = np.dstack([face.image.astype(np.float32), face.skin * 255, face.figure * 255])
    shrink = float(np.hypot(*matrix[0])) * SCALE
    if shrink < 1:
        stack = cv2.GaussianBlur(stack, (0, 0), 0.45 / shrink)
    parts = [
        sample(stack[..., i : i + 3], m + 0.5, 1.0, cv2.INTER_CUBIC) for m in (upper, lower) for i in (0, 2)
    ]
    share = upper_mask / np.maximum(upper_mask + lower_mask, 1e-6)
    merged = np.dstack([parts[0], parts[1][..., 1:]]) * share[..., None]
    merged += np.dstack([parts[2], parts[3][..., 1:]]) * (1 - share[..., None])
    merged = np.clip(merged, 0, 255)
    return _Layer(merged[..., :3], merged[..., 3] / 255, merged[..., 4] / 255)


def _retone(layer: _Layer, tone: np.ndarray, look: Look, points: dict[str, np.ndarray]) -> np.ndarray:
    """Skin moved to the speaker's tone, local contrast kept; float32 Lab."""
    lab = to_lab(layer.image)
    smooth = cv2.GaussianBlur(lab, (0, 0), 2.5)
    fine = (lab - smooth) * look.detail
    goal = np.asarray(look.skin, np.float32)
    ratio = goal[0] / tone[0]
    gain = np.array([look.contrast * (0.35 + 0.65 * ratio), 0.8, 0.8], np.float32)
    skin = (
        goal
        + (smooth - tone.astype(np.float32)) * gain
        + fine * np.array([0.4 + 0.6 * ratio, 1, 1], np.float32)
    )
    # The skin about the eyes is too shaded or too reddish for the mask; it is skin all the same.
    around = np.zeros_like(PIXEL_X)
    for name in ("eye_left", "eye_right"):
        x, y = PIXEL_X - points[name][0], PIXEL_Y - points[name][1]
        eye = dressing.smoothstep((x / 8.5) ** 2 + (y / 4.0) ** 2, 0.8, 1.3)
        around = np.maximum(around, np.exp(-((x / 15) ** 4) - ((y - 2) / 11) ** 4) * eye)
    around *= dressing.smoothstep(lab[..., 0], 18, 32)
    return lab + (skin - lab) * np.maximum(layer.skin, around)[..., None]


def background(look: Look, rng: np.random.Generator) -> np.ndarray:
    """A blurred room, wall or bokeh in the speaker's colours; float32 Lab (H, W, 3)."""
    first, second, third = (
        np.asarray(c, np.float32) for c in (*look.background_colours, look.background_colours[0])[:3]
    )
    side = SIZE * SCALE
    across = (PIXEL_X / SIZE)[..., None]
    down = (PIXEL_Y / SIZE)[..., None]
    if look.background == "shelves":
        image = np.broadcast_to(second, (side, side, 3)).copy()
        for _ in range(30):
            x, y = rng.integers(0, side, 2)
            width, height = rng.integers(8, 60), rng.integers(20, 120)
            image[y : y + height, x : x + width] = (first, third)[rng.integers(2)] + rng.normal(0, (8, 5, 5))
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(3, 9))
    elif look.background == "bokeh":
        image = (first + (second - first) * down).astype(np.float32)
        spots = np.zeros((side, side), np.float32)
        for _ in range(25):
            centre = tuple(int(v) for v in rng.integers(0, side, 2))
            cv2.circle(spots, centre, int(rng.integers(6, 26)), float(rng.uniform(0.1, 0.7)), -1)
        spots = cv2.GaussianBlur(spots, (0, 0), 3)[..., None]
        image = image + (third + np.array((20, 0, 0)) - image) * spots
    else:
        image = first + (second - first) * (
            across if look.background == "gradient" else 0.5 * down + 0.2 * across
        )
    mottle = cv2.resize(
        rng.normal(0, 1, (9, 9, 1)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC
    )
    image = image.astype(np.float32)
    image[..., 0] += 2.5 * mottle
    return image


@lru_cache(maxsize=4)
def build_plate(look: Look) -> Plate:
    """Paint the speaker's still face."""
    rng = np.random.default_rng([look.seed, 3])
    points = face_geometry(look)
    s = look.shape
    mouth = MouthShape(
        half_width=s.mouth_width, upper=s.upper_lip, lower=s.lower_lip, bow=s.bow, corner_drop=s.corner_drop,
        opening=look.opening, skew=s.lip_skew,
    )  # fmt: skip
    lips = contours(mouth)
    names = ("astronaut", "admiral")
    layers = {name: _layer(portrait(name), look, points, lips) for name in names}
    toned = {name: _retone(layers[name], portrait(name).tone, look, points) for name in names}

    # The lower face may come from the other portrait, within skin only.
    upper = layers[look.upper_face]
    lab = toned[look.upper_face]
    other = names[1 - names.index(look.upper_face)]
    share = look.lower_mix if other == "admiral" else 1 - look.lower_mix
    oval = np.exp(-(((PIXEL_X - 80) / 30) ** 6) - ((PIXEL_Y - 94) / 20) ** 6)
    weight = share * oval * layers[other].skin * upper.skin
    lab = lab + (toned[other] - lab) * cv2.GaussianBlur(weight, (0, 0), 2)[..., None]

    # Lips
    top = np.interp(PIXEL_X[0], lips.outer_upper[:, 0], lips.outer_upper[:, 1])
    bottom = np.interp(PIXEL_X[0], lips.outer_lower[:, 0], lips.outer_lower[:, 1])
    on_lips = np.clip((PIXEL_Y - top) * 1.2, 0, 1) * np.clip((bottom - PIXEL_Y) * 1.2, 0, 1)
    on_lips *= np.abs(PIXEL_X - mouth.x) < mouth.half_width
    on_lips = cv2.GaussianBlur(on_lips.astype(np.float32), (0, 0), 1.0)[..., None]
    lab = lab + on_lips * np.asarray(look.lip_tint, np.float32)

    lab, figure = _dress(lab, upper, look, points, lips, rng)
    scene = background(look, rng)
    lab = scene + (lab - scene) * figure[..., None]
    image = to_rgb(lab)
    gain = 1 + look.light[0] * (PIXEL_X - 80) / 80 + look.light[1] * (PIXEL_Y - 80) / 80
    return Plate(
        np.clip(image * gain[..., None], 0, 255).astype(np.float32),
        points,
        mouth,
        lips,
        look.upper_face != "admiral",
    )


def _dress(
    lab: np.ndarray,
    layer: _Layer,
    look: Look,
    points: dict[str, np.ndarray],
    lips: LipContours,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Neck, hair, beard, glasses and clothes on the face; the Lab image and the mask of the person."""
    middle, half = dressing.head_size(points)
    own_hair = look.hair_style == "own"
    chin = points["chin"][1]
    # Inside this oval everything belongs to the face, be it skin-coloured or not (eyes, lips, nostrils).
    oval = np.abs((PIXEL_X - middle) / (0.93 * half)) ** 3 + np.abs((PIXEL_Y - 76) / (chin - 74)) ** 3
    oval = dressing.smoothstep(oval, 1.0, 0.8) * dressing.smoothstep(PIXEL_Y, 36, 42)
    # The portraits' own backgrounds shine through at the rim of the face, so the mask is drawn in a little.
    rim = cv2.erode(np.maximum(layer.skin, oval) * layer.figure, np.ones((3, 3)))
    face = dressing.smoothstep(cv2.GaussianBlur(rim, (0, 0), 1.0), 0.4, 0.9)
    if look.upper_face == "astronaut" and not own_hair:
        face = face * dressing.smoothstep(np.abs(PIXEL_X - middle), half + 1, half - 1)
    # The astronaut's fringe comes down to the brows, so her forehead is drawn wherever her hair is not kept.
    forehead = (37, 45) if look.upper_face == "astronaut" else (28, 36)
    fill = dressing.skin_everywhere(lab, layer.skin * dressing.smoothstep(PIXEL_Y, *forehead), look)
    lab, neck = dressing.add_neck(lab, face, look, points)
    # Below the chin the person is as wide as the drawn neck.
    below = dressing.smoothstep(PIXEL_Y, chin - 12, chin - 4)
    person = np.maximum(face * (1 - below * (1 - neck)), neck)
    if own_hair:
        hair = layer.figure * (1 - face) * dressing.smoothstep(PIXEL_Y, 86, 78)
        lab = _tint(lab, hair[..., None], look.hair, 1.0)
        person = np.maximum(person, hair)
    else:
        round_head = np.hypot((PIXEL_X - middle) / (half + 0.5), (PIXEL_Y - 54) / 48.5)
        skull = dressing.smoothstep(round_head, 1.012, 0.988) * dressing.smoothstep(PIXEL_Y, 88, 70)
        scalp = fill.copy()
        scalp[..., 0] -= 16 * np.clip(round_head, 0, 1) ** 6 - 3
        lab = dressing.blend(lab, skull * (1 - face * dressing.smoothstep(PIXEL_Y, *forehead)), scalp)
        person = np.maximum(person, skull)
        if look.upper_face == "astronaut":
            with_ears, ears = dressing.add_ears(lab, fill, points)
            lab = dressing.blend(lab, ears * (1 - np.maximum(skull, oval)), with_ears)
            person = np.maximum(person, ears)
        front, behind = dressing.hair_masks(look, points, rng)
        colour = dressing.hair_colour(look, points, rng)
        lab = dressing.blend(
            lab,
            behind * (1 - person * (1 - dressing.smoothstep(np.abs(PIXEL_X - middle), 0.93 * half, half))),
            colour,
        )
        lab = dressing.blend(lab, front * (0.62 if look.hair_style in ("buzz", "bald") else 1.0), colour)
        person = np.maximum(person, np.maximum(front, behind))
    lab = dressing.add_brows(lab, look, points, rng) if look.upper_face == "astronaut" else lab
    lab = dressing.add_beard(lab, face, look, points, lips, rng)
    lab = dressing.add_glasses(lab, look, points)
    lab, cloth = dressing.add_clothes(lab, look, points, rng)
    return lab, np.maximum(person, cloth)


def _tint(lab: np.ndarray, mask: np.ndarray, goal: tuple[float, float, float], texture: float) -> np.ndarray:
    """Move the masked area to a mean Lab colour, its light and dark strands kept."""
    total = float(mask.sum())
    if total < 50:
        return lab
    mean = (lab * mask).sum((0, 1)) / total
    wanted = np.asarray(goal, np.float32)
    gain = np.array([texture * (0.4 + 0.6 * wanted[0] / max(mean[0], 15.0)), 0.5, 0.5], np.float32)
    moved = wanted + (lab - mean) * gain
    moved[..., 0] = np.clip(moved[..., 0], 2, 98)
    return lab + (moved - lab) * mask
