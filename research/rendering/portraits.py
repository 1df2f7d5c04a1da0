"""The two public-domain portraits every face is made from, with hand-placed landmarks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from research.rendering.lips import POINTS

FACE_POINTS = [
    "eye_left",
    "eye_right",
    "brow_left",
    "brow_right",
    "nose_tip",
    "nose_left",
    "nose_right",
    "nose_base",
    "chin",
    "chin_left",
    "chin_right",
    "jaw_left",
    "jaw_right",
    "cheek_left",
    "cheek_right",
    "temple_left",
    "temple_right",
]


@dataclass(frozen=True)
class Portrait:
    """A portrait with landmarks in its own pixels.

    image is uint8 RGB (H, W, 3); figure and skin are float32 (H, W) masks in [0, 1]; lips are four contours
    (POINTS, 2): outer upper, inner upper, inner lower, outer lower.
    """

    name: str
    image: np.ndarray
    points: dict[str, np.ndarray]
    lips: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
    mouth: np.ndarray
    figure: np.ndarray
    skin: np.ndarray
    tone: np.ndarray
    """Mean skin colour in float Lab (3,)."""


def _xy(text: str) -> np.ndarray:
    """Points written as "x,y x,y ..."; float64 (N, 2)."""
    return np.array([pair.split(",") for pair in text.split()], float)


def _contour(placed: np.ndarray) -> np.ndarray:
    """Resample a hand-placed contour to POINTS points evenly spaced in x."""
    x = np.linspace(placed[0, 0], placed[-1, 0], POINTS)
    return np.stack([x, np.interp(x, placed[:, 0], placed[:, 1])], 1)


def _mask(shape: tuple[int, ...], polygons: list[np.ndarray], feather: float) -> np.ndarray:
    mask = np.zeros(shape[:2], np.float32)
    for polygon in polygons:
        cv2.fillPoly(mask, [np.round(polygon).astype(np.int32)], 1.0, cv2.LINE_AA)
    return cv2.GaussianBlur(mask, (0, 0), feather)


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """uint8 or float [0, 255] RGB to float32 Lab (L 0..100)."""
    return cv2.cvtColor(np.asarray(rgb, np.float32) / 255, cv2.COLOR_RGB2Lab)


def to_rgb(lab: np.ndarray) -> np.ndarray:
    """float32 Lab to float32 RGB in [0, 255]."""
    return np.clip(cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_Lab2RGB) * 255, 0, 255)


def _skin(image: np.ndarray, polygons: list[np.ndarray], cheeks: list[tuple[int, int]], feather: float):
    """Soft skin mask: inside the polygons and near the cheeks' colour; and that colour in Lab."""
    lab = to_lab(cv2.GaussianBlur(image, (0, 0), 1.0))
    tone = np.mean([lab[y - 4 : y + 5, x - 4 : x + 5].reshape(-1, 3).mean(0) for x, y in cheeks], axis=0)
    distance = np.hypot(lab[..., 1] - tone[1], lab[..., 2] - tone[2])
    near = np.clip((34 - distance) / 12, 0, 1) * np.clip((lab[..., 0] - 8) / 14, 0, 1)
    near = cv2.GaussianBlur(near.astype(np.float32), (0, 0), 1.0)
    return _mask(image.shape, polygons, feather) * near, tone


def _cut_out(image: np.ndarray, rough: np.ndarray) -> np.ndarray:
    """Refine a rough mask at the hair's edge by GrabCut; float32 (H, W)."""
    core = cv2.erode(rough, np.ones((9, 9)))
    labels = np.where(rough > 0.5, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    labels[core > 0.9] = cv2.GC_FGD
    cv2.setRNGSeed(0)
    cv2.grabCut(image, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    hard = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.float32)
    return cv2.GaussianBlur(cv2.erode(hard, np.ones((2, 2))), (0, 0), 0.8)


def _astronaut() -> Portrait:
    from skimage import data

    image = np.ascontiguousarray(data.astronaut()[..., :3])
    face = _xy(
        "182,92 186,78 196,77 215,80 235,82 255,86 266,90 270,104 269,130 "
        "265,146 257,160 254,172 253,186 235,191 200,187 187,180 185,160 182,145 "
        "180,120"
    )
    ears = [
        _xy("170,117 182,117 183,133 176,131"),
        _xy("267,122 279,122 275,136 267,138"),
    ]
    skin, tone = _skin(image, [face, *ears], [(195, 125), (255, 130), (220, 167)], 1.2)
    points = {
        "eye_left": (203, 101),
        "eye_right": (247, 103),
        "brow_left": (197, 89.5),
        "brow_right": (252, 92.5),
        "nose_tip": (223, 127),
        "nose_left": (211.5, 128),
        "nose_right": (236, 130),
        "nose_base": (224, 134.5),
        "chin": (224, 178),
        "chin_left": (205, 172.5),
        "chin_right": (243, 173),
        "jaw_left": (188, 156),
        "jaw_right": (260, 157),
        "cheek_left": (182, 134),
        "cheek_right": (267, 138),
        "temple_left": (182, 102),
        "temple_right": (268, 104),
    }
    lips = (
        _xy("203,139.5 209,139.8 215,139.8 219,140 223.5,140.7 228,140.2 233,140.2 239,140.4 244.5,140.5"),
        _xy("203,140.0 209,141 214,142.1 219,142.9 223.5,143.4 228,143.1 233,142.6 239,141.2 244.5,140.6"),
        _xy("203,140.2 208,145.2 213,148.4 218,150.2 223.5,151 229,150.6 233.5,149.2 239,145.8 244.5,140.9"),
        _xy(
            "203,140.8 208,147.6 213,151.8 218,154.4 224,155.5 229.5,154.6 234.5,152 239.5,147.7 244.5,141.5"
        ),
    )
    hair = _xy(
        "190,150 183,135 174,131 168,119 158,108 153,80 153,66 160,52 180,38 "
        "195,25 215,14 245,10 270,20 288,40 298,65 301,88 297,108 280,128 "
        "277,136 268,138 262,155"
    )
    figure = _cut_out(image, _mask(image.shape, [hair], 1.0)) * _mask(image.shape, [hair], 1.0)
    figure = np.maximum(figure, _mask(image.shape, [face, *ears], 1.0))
    return _portrait("astronaut", image, points, lips, (224, 145), figure, skin, tone)


def _admiral() -> Portrait:
    import matplotlib

    path = Path(matplotlib.__file__).parent / "mpl-data" / "sample_data" / "grace_hopper.jpg"
    image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    face = _xy(
        "166,165 185,148 205,140 240,135 290,134 328,141 356,165 374,188 374,215 "
        "360,268 342,270 338,290 330,310 328,362 208,362 205,315 195,285 180,270 "
        "163,240 151,200 158,170"
    )
    skin, tone = _skin(image, [face], [(205, 255), (325, 255), (268, 310)], 2.0)
    points = {
        "eye_left": (221, 189),
        "eye_right": (303, 185),
        "brow_left": (222, 166),
        "brow_right": (302, 162),
        "nose_tip": (266, 235),
        "nose_left": (240, 242),
        "nose_right": (292, 241),
        "nose_base": (268, 253),
        "chin": (268, 329),
        "chin_left": (232, 324),
        "chin_right": (308, 323),
        "jaw_left": (203, 298),
        "jaw_right": (332, 296),
        "cheek_left": (190, 258),
        "cheek_right": (342, 256),
        "temple_left": (181, 190),
        "temple_right": (350, 188),
    }
    lips = (
        _xy("228,280.5 238,277 248,273.2 257,272.2 266,273.7 276,272 287,272.8 298,275 308,279"),
        _xy("228,280.8 238,279.4 248,278.6 257,279.1 267,279.6 277,278.5 288,277 298,276.6 308,279.2"),
        _xy("228,281.2 238,280.8 248,280 257,280.6 267,281 277,280 288,278.6 298,277.6 308,279.4"),
        _xy("228,281.8 238,284.5 248,288 257,291 267,292 277,291 288,288 298,283.5 308,280"),
    )
    figure = _xy(
        "60,600 60,400 140,352 170,343 196,325 202,305 195,296 172,283 160,262 "
        "160,245 152,200 152,180 157,120 163,90 172,86 180,66 215,40 235,25 "
        "265,22 300,30 335,55 352,85 366,86 372,105 371,180 376,195 374,215 "
        "362,260 360,285 345,305 333,308 332,313 345,328 385,350 480,390 480,600"
    )
    return _portrait(
        "admiral", image, points, lips, (268, 280), _mask(image.shape, [figure], 2.0), skin, tone
    )


def _portrait(name, image, points, lips, mouth, figure, skin, tone) -> Portrait:
    return Portrait(
        name=name,
        image=image,
        points={key: np.asarray(value, float) for key, value in points.items()},
        lips=tuple(_contour(line) for line in lips),
        mouth=np.asarray(mouth, float),
        figure=figure,
        skin=skin,
        tone=tone,
    )


_LOADERS: dict[str, Callable[[], Portrait]] = {"astronaut": _astronaut, "admiral": _admiral}


@cache
def portrait(name: str) -> Portrait:
    """The portrait called "astronaut" (Eileen Collins, NASA) or "admiral" (Grace Hopper, US Navy)."""
    return _LOADERS[name]()
