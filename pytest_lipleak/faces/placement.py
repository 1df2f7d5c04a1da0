"""Where the picture of an output lies in the picture of its clip: scaled, or cut out of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Image, Video, picked

LOOKED_AT = 8
"""Frames that a mean picture is made of, evenly spread."""

LONG_SIDE = 192
"""Pixels of the longer side of the clip's mean picture."""

SAME_SHAPE = 0.02
"""Two pictures whose width by height differs by no more than this share have one shape."""

SHARES = np.geomspace(0.25, 1.0, 25)
"""Sizes of a cut-out that are tried, as shares of the largest that fits."""

FOUND = 0.4
"""Correlation with the place from which on it is worth a look: a new mouth may be a quarter of what was cut out. How it
moves then says whether an output belongs there."""

LARGEST = 1.6
"""How many times larger or smaller a head may be shown."""

ECC_STEPS = 60
ECC_BLURS = (31, 15, 5)
"""Widths of the blur, in pixels, under which a turned face is looked for, and steps at each of them."""


@dataclass(frozen=True)
class Place:
    """A rectangle of the clip's picture, in its pixels; where the output lies.

    Args:
        x, y, width, height: of the rectangle.
        agreement: correlation of the mean pictures there, -1..1.
        warp: where the output shows what stands at a pixel of the rectangle, an affine map (2, 3) row by row; empty
            where it shows it at the same pixel.
    """

    x: int
    y: int
    width: int
    height: int
    agreement: float = 1.0
    warp: tuple[float, ...] = ()

    def laid(self, output: Image, clip: Image) -> Image:
        """Return the clip's picture with the output's in its place, uint8 RGB like the clip's."""
        import cv2

        if output.shape[:2] != (self.height, self.width):
            smaller = output.shape[0] > self.height
            way = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
            output = np.asarray(cv2.resize(output, (self.width, self.height), interpolation=way), np.uint8)
        if self.warp:
            back = cv2.warpAffine(
                output,
                np.array(self.warp, np.float64).reshape(2, 3),
                (self.width, self.height),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )
            output = np.asarray(back, np.uint8)
        if output.shape == clip.shape:
            return output
        whole = clip.copy()
        whole[self.y : self.y + self.height, self.x : self.x + self.width] = output
        return whole


def whole_of(clip: Video) -> Place:
    """The whole picture of a clip."""
    _, height, width, _ = clip.shape
    return Place(0, 0, width, height)


def has_shape_of(output: Video, clip: Video) -> bool:
    """Whether an output's picture may be the clip's, scaled."""
    (_, high, wide, _), (_, height, width, _) = output.shape, clip.shape
    return abs(wide * height / (high * width) - 1) <= SAME_SHAPE


def place_of(output: Video, clip: Video) -> Place:
    """Look for the output's picture in the clip's, at any size; the best place, whether or not it agrees there.

    Multi-scale template matching of mean pictures, by normalised correlation (Lewis 1995, "Fast template matching").
    """
    import cv2

    _, height, width, _ = clip.shape
    scale = min(LONG_SIDE / max(height, width), 1.0)
    scene = _mean_picture(clip, (round(width * scale), round(height * scale)))
    high, wide = output.shape[1:3]
    largest = min(scene.shape[0] / high, scene.shape[1] / wide)
    best = Place(0, 0, width, height, -1.0)
    for share in SHARES.tolist():
        size = max(round(wide * largest * share), 8), max(round(high * largest * share), 8)
        part = _mean_picture(output, size)
        found = cv2.matchTemplate(scene, part, cv2.TM_CCOEFF_NORMED)
        _, agreement, _, (x, y) = cv2.minMaxLoc(found)
        if agreement > best.agreement:
            place = [round(value / scale) for value in (x, y, *size)]
            right, low = min(place[0] + place[2], width), min(place[1] + place[3], height)
            best = Place(place[0], place[1], right - place[0], low - place[1], float(agreement))
    return best


def turned_to(clip: Video, output: Video, boxes: NDArray[np.float64] | None) -> Place:
    """Find where an output that fills the clip's picture shows the clip's face, moved, turned or of another size; the
    whole picture where nothing better is found.

    Enhanced correlation coefficient (Evangelidis & Psarakis 2008), of mean pictures, from coarse to fine.

    Args:
        clip: uint8 RGB (T, H, W, 3).
        output: uint8 RGB (N, h, w, 3).
        boxes: left, top, right and bottom of the clip's face, (T, 4); None where it fills the picture.
    """
    import cv2

    whole = whole_of(clip)
    scale = min(LONG_SIDE / max(whole.height, whole.width), 1.0)
    size = round(whole.width * scale), round(whole.height * scale)
    scene, part = _mean_picture(clip, size), _mean_picture(output, size)
    looked_at = np.full(size[::-1], 255, np.uint8)
    if boxes is not None:
        left, top, right, low = np.clip(boxes.mean(axis=0) * scale, 0, None).round().astype(int).tolist()
        looked_at[:] = 0
        looked_at[top:low, left:right] = 255
    agreement, warp = 0.0, np.eye(2, 3, dtype=np.float32)
    ends = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ECC_STEPS, 1e-4)
    try:
        for blur in ECC_BLURS:
            agreement, found = cv2.findTransformECC(
                scene, part, warp, cv2.MOTION_AFFINE, ends, looked_at, blur
            )
            warp = np.asarray(found, np.float32)
    except cv2.error:  # it found no way to a better place
        return whole
    grown = np.linalg.svd(warp[:, :2], compute_uv=False)
    if grown.max() > LARGEST or grown.min() < 1 / LARGEST:
        return whole  # it shrank to a spot, or flattened: no face is like that
    warp[:, 2] /= scale
    return replace(whole, agreement=agreement, warp=tuple(warp.astype(float).ravel().tolist()))


STEADIED_SIDE = 128
"""Pixels of the longer side of a face in which it is followed."""

BROW = ((0.08, 0.45), (0.15, 0.85))
"""Rows and columns of a face, as shares of its box: above the lips, which must not move what they are measured in."""

AROUND = 0.25
"""Of a face's box, as much on every side is looked at, too."""

FOLLOW_STEPS = 20

Warp = NDArray[np.float64]
"""An affine map (2, 3) of pixels."""


def composed(outer: Warp, inner: Warp) -> Warp:
    """The affine map (2, 3) that applies ``inner`` first."""
    whole = np.vstack([outer, [0, 0, 1]]) @ np.vstack([inner, [0, 0, 1]])
    return np.asarray(whole[:2], np.float64)


def inverted(warp: Warp) -> Warp:
    """The affine map (2, 3) that leads back."""
    return np.asarray(np.linalg.inv(np.vstack([warp, [0, 0, 1]]))[:2], np.float64)


def between_pairs(one: NDArray[np.floating], other: NDArray[np.floating]) -> Warp:
    """The map (2, 3) that turns, scales and moves two points (2, 2) to two others."""
    here, there = complex(*(one[1] - one[0])), complex(*(other[1] - other[0]))
    by = there / here
    turn = np.array([[by.real, -by.imag], [by.imag, by.real]])
    return np.column_stack([turn, other[0] - turn @ one[0]])


def steadied(pictures: Iterable[Image], box: Sequence[float] | None) -> list[Warp]:
    """Follow a head through pictures by what is above its lips: where each shows what the first shows at a pixel.

    Enhanced correlation coefficient, from picture to picture; where it finds no way, the one before stands.

    Args:
        pictures: uint8 RGB (H, W, 3), of one size.
        box: left, top, right and bottom of the face in the first; None where it fills the picture.
    """
    import cv2

    ends = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, FOLLOW_STEPS, 1e-3)
    warps: list[Warp] = []
    brow = everywhere = np.empty((0, 0), np.uint8)
    at = np.eye(2, 3, dtype=np.float32)
    small, corner, scale = np.eye(2, 3), np.eye(2, 3), 1.0
    wide = high = 0
    rows = columns = slice(0)
    for image in pictures:
        if not warps:
            height, width = image.shape[:2]
            left, top, right, low = (0.0, 0.0, float(width), float(height)) if box is None else box
            scale = min(STEADIED_SIDE / max(right - left, low - top), 1.0)
            # Small pictures of the face and what is around it; its brow in them.
            around = 0.0 if box is None else AROUND * (right - left)
            small = scale * np.array([[1, 0, around - left], [0, 1, around - top]])
            wide, high = (round(scale * (length + 2 * around)) for length in (right - left, low - top))
            rows, columns = (
                slice(*(round(scale * (around + share * length)) for share in shares))
                for length, shares in ((low - top, BROW[0]), (right - left, BROW[1]))
            )
            corner[:, 2] = columns.start, rows.start
            at = corner.astype(np.float32)
        soft = cv2.GaussianBlur(image, (0, 0), 0.4 / scale) if scale < 1 else image
        shown = cv2.warpAffine(
            soft, small, (wide, high), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        grey = np.asarray(cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY), np.uint8)
        if not warps:
            brow, everywhere = grey[rows, columns], np.full(grey.shape, 255, np.uint8)
        try:
            _, found = cv2.findTransformECC(brow, grey, at.copy(), cv2.MOTION_AFFINE, ends, everywhere, 3)
            grown = np.linalg.svd(found[:, :2], compute_uv=False)
            if grown.min() > 1 / LARGEST and grown.max() < LARGEST:
                at = np.asarray(found, np.float32)
        except cv2.error:
            pass  # it found no way to a better place
        in_small = composed(at.astype(np.float64), inverted(corner))
        warps.append(composed(inverted(small), composed(in_small, small)))
    return warps


def _mean_picture(video: Video, size: tuple[int, int]) -> NDArray[np.float32]:
    import cv2

    indices = np.unique(np.linspace(0, len(video) - 1, LOOKED_AT).round().astype(int)).tolist()
    small = [
        cv2.resize(
            cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA
        )
        for image in picked(video, indices)
    ]
    return np.asarray(np.mean(small, axis=0), np.float32)
