"""Speakers: which portraits a face is mixed from, its shape, colours, hair, beard, glasses and background."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from research.rendering.speech import Voice, random_voice

SKIN_TONES = (
    (84.0, 7.0, 12.0), (80.0, 10.0, 15.0), (76.0, 12.0, 18.0), (72.0, 11.0, 22.0), (67.0, 13.0, 24.0),
    (61.0, 14.0, 25.0), (54.0, 15.0, 24.0), (46.0, 14.0, 21.0), (39.0, 12.0, 17.0), (33.0, 10.0, 13.0),
)  # fmt: skip
"""Lab colours of lit cheeks, fair to dark."""
HAIR_COLOURS = (
    (12.0, 1.0, 2.0), (17.0, 3.0, 5.0), (25.0, 7.0, 12.0), (34.0, 10.0, 20.0), (48.0, 8.0, 27.0), (62.0, 5.0, 28.0),
    (38.0, 20.0, 28.0), (58.0, 0.0, 3.0), (78.0, 0.0, 4.0),
)  # fmt: skip
"""Lab colours: black, dark brown, brown, light brown, dark blond, blond, red, grey, white."""


@dataclass(frozen=True)
class Shape:
    """Changes to the portraits' mixed geometry; 1 or 0 means as it is."""

    face_width: float = 1.0
    jaw_width: float = 1.0
    chin: float = 0.0
    nose_width: float = 1.0
    nose_length: float = 0.0
    eye_spacing: float = 0.0
    brow_height: float = 0.0
    mouth_width: float = 15.0
    upper_lip: float = 3.6
    lower_lip: float = 5.0
    bow: float = 0.9
    corner_drop: float = 0.8
    lip_skew: float = 0.0


@dataclass(frozen=True)
class Look:
    """Everything that stays the same in all clips of one speaker."""

    name: str
    seed: int
    upper_face: str = "astronaut"
    """Portrait of eyes, hair and clothes."""
    lower_mix: float = 0.0
    """Share of the admiral in geometry and lower face, 0..1."""
    mirrored: bool = False
    shape: Shape = field(default_factory=Shape)
    skin: tuple[float, float, float] = SKIN_TONES[1]
    contrast: float = 1.0
    detail: float = 1.0
    lip_tint: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Added to the lips' Lab colour."""
    hair: tuple[float, float, float] = HAIR_COLOURS[4]
    hair_style: str = "own"
    brows: float = 0.3
    hairline: float = 27.0
    """Row of the forehead where drawn hair begins."""
    clothes: tuple[float, float, float] = (30.0, 0.0, 0.0)
    clothes_style: str = "crew"
    shirt: tuple[float, float, float] = (88.0, 0.0, -2.0)
    background: str = "wall"
    background_colours: tuple[tuple[float, float, float], ...] = ((70.0, 0.0, 0.0), (50.0, 0.0, 0.0))
    light: tuple[float, float] = (0.0, 0.0)
    """Brightness gain across the frame, left to right and top to bottom."""
    beard: str = "none"
    beard_density: float = 0.0
    glasses: str = "none"
    glasses_colour: tuple[float, float, float] = (12.0, 0.0, 0.0)
    opening: float = 11.0
    effort: float = 1.0
    motion: float = 1.0
    sensor_noise: float = 0.6
    softness: float = 0.0
    voice: Voice = field(default_factory=lambda: Voice("en-us+f3"))


def random_look(name: str, seed: int) -> Look:
    """A speaker drawn from the whole range of looks and voices."""
    rng = np.random.default_rng([seed, 17])
    female = bool(rng.random() < 0.5)
    admiral = bool(rng.random() < 0.35)
    tone = rng.integers(len(SKIN_TONES))
    skin = tuple(np.asarray(SKIN_TONES[tone]) + rng.normal(0, (2.0, 1.2, 1.5)))
    hair_options = range(9) if tone < 5 else (0, 0, 1, 1, 2, 7)
    hair = tuple(np.asarray(HAIR_COLOURS[rng.choice(list(hair_options))]) + rng.normal(0, (2, 1, 2)))
    styles = (
        "long long bob bob curly afro short parted"
        if female
        else "short short parted parted buzz curly bald afro"
    )
    styles = styles.split() + ([] if admiral else ["own"] * (4 if female else 1))
    shape = Shape(
        face_width=rng.uniform(0.95, 1.07) if female else rng.uniform(0.98, 1.1),
        jaw_width=rng.uniform(0.93, 1.05) if female else rng.uniform(1.0, 1.16),
        chin=rng.uniform(-2.5, 2.5) + (0 if female else 1.5),
        nose_width=rng.uniform(0.88, 1.1) if female else rng.uniform(0.95, 1.28),
        nose_length=rng.uniform(-2, 1.5),
        eye_spacing=rng.uniform(-1.5, 1.2),
        brow_height=rng.uniform(-1.5, 1.5) + (0 if female else 1.0),
        mouth_width=rng.uniform(13.2, 16.8),
        upper_lip=rng.uniform(2.6, 4.8) if tone < 6 else rng.uniform(3.6, 5.6),
        lower_lip=rng.uniform(3.8, 6.2) if tone < 6 else rng.uniform(5.0, 7.0),
        bow=rng.uniform(0.4, 1.5),
        corner_drop=rng.uniform(-0.4, 1.4),
        lip_skew=rng.uniform(-0.5, 0.5),
    )
    base = rng.uniform(25, 90)
    colours = tuple(
        (
            float(np.clip(base + rng.uniform(-25, 25), 8, 95)),
            float(rng.uniform(-18, 18)),
            float(rng.uniform(-25, 25)),
        )
        for _ in range(3)
    )
    return Look(
        name=name,
        seed=seed,
        upper_face="admiral" if admiral else "astronaut",
        lower_mix=float(rng.uniform(0.5, 1.0) if admiral else rng.choice([0.0, rng.uniform(0, 0.6)])),
        mirrored=bool(rng.random() < 0.5),
        shape=shape,
        skin=skin,
        contrast=float(rng.uniform(0.8, 1.15)),
        detail=float(rng.uniform(0.6, 1.4)),
        lip_tint=tuple(rng.uniform((-7, 0, -4), (2, 14 if tone < 6 else 7, 4)))
        if female
        else tuple(rng.uniform((-4, -6, -3), (4, 4, 3))),
        hair=hair,
        hair_style=str(rng.choice(styles)),
        hairline=float(rng.uniform(23, 31)),
        brows=float(rng.uniform(0.15, 0.5) if female else rng.uniform(0.4, 0.9)),
        clothes=tuple(rng.uniform((12, -15, -30), (80, 30, 30))),
        clothes_style=str(rng.choice(["crew", "vee", "high", "jacket"])),
        shirt=tuple(rng.uniform((60, -5, -18), (92, 8, 10))),
        background=str(rng.choice(["wall", "gradient", "bokeh", "shelves"])),
        background_colours=colours,
        light=tuple(rng.uniform((-0.3, -0.15), (0.3, 0.15))),
        beard="none"
        if female
        else str(rng.choice(["none", "stubble", "stubble", "full", "goatee", "moustache"])),
        beard_density=float(rng.uniform(0.35, 0.85)),
        glasses=str(rng.choice(["none", "none", "none", "round", "square"])) if not admiral else "none",
        glasses_colour=tuple(rng.uniform((5, -2, -5), (45, 15, 25))),
        opening=float(rng.uniform(9.5, 12.5)),
        effort=float(rng.uniform(0.85, 1.12)),
        motion=float(rng.uniform(0.6, 1.2)),
        sensor_noise=float(rng.uniform(0.2, 2.0)),
        softness=float(rng.choice([0.0, rng.uniform(0, 0.8)])),
        voice=random_voice(rng, female=female),
    )
