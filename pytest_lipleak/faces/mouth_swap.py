"""Mouths of other frames in a face that stays: the one counterfactual mouth of control generators, probes and doctor.

Where the mouth is, is known in a face-centred frame; in a larger picture it is known from the face's box, which says
what a face-centred frame would show of it.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Frames, Image, StreamedVideo, Video, frames_at, held
from pytest_lipleak.faces.centred import mouth_images
from pytest_lipleak.faces.small_faces import SIDE, Patch, Region, enlarged, lips_region, soft_patch
from pytest_lipleak.media.video import HELD

CENTRE = (0.58, 0.50)
RADII = (0.21, 0.25)
"""Ellipse of mouth and chin in a face-centred frame, as shares of its height and width; wider than what experts see."""

FEATHER = 0.25
"""Share of the radius over which the other mouth fades out."""

ANCHOR_ROWS = (0.22, 0.46)
ANCHOR_COLUMNS = (0.28, 0.72)
"""Eyes and nose: the part of the face that shows the pose but not the speech."""

MAX_MOVE = 0.08
"""Largest alignment, as a share of the width; a bigger estimate is a mismatch, not a movement."""

AROUND = (1 / 5, 0.0, 1 / 5, 2 / 5)
"""What a face-centred frame shows beyond the face box: left, top, right, bottom, as shares of the box."""

SIDE_OF_CHANGE = 96
"""Height and width to which changes of faces of any size are brought, to be compared."""

ROWS = 1024

SPARSE = 7
"""One pixel in so many around another mouth differs by one grey level."""

Place = tuple[slice, slice]
"""Rows and columns of a frame that a face-centred frame would show."""

Boxes = NDArray[np.float64] | None
"""Face box per frame, (T, 4): left, top, right, bottom; None for face-centred frames."""


def mouth_mask(height: int, width: int) -> NDArray[np.float32]:
    """Feathered ellipse over mouth and chin of a face-centred frame, float32 (H, W, 1) in 0..1."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    radius = np.hypot(((y + 0.5) / height - CENTRE[0]) / RADII[0], ((x + 0.5) / width - CENTRE[1]) / RADII[1])
    mask: NDArray[np.float32] = np.clip((1 - radius) / FEATHER, 0, 1)[..., None]
    return mask


@lru_cache(64)
def mouth_patch(height: int, width: int) -> Patch:
    """Return ``mouth_mask`` as what is mixed into a frame."""
    return Patch.of(mouth_mask(height, width))


@cache
def around_lips() -> Region:
    """Chin and cheeks: what of the other mouth's ellipse lies outside of the lips, bool (SIDE, SIDE)."""
    region = np.asarray(mouth_mask(SIDE, SIDE)[..., 0] > 0) & ~enlarged(lips_region(), 2)
    region.setflags(write=False)
    return region


def mouth_pixels(shape: tuple[int, ...], boxes: Boxes = None) -> NDArray[np.bool_]:
    """Return where the mouth is in frames of ``shape`` (T, H, W, 3): bool (T, H, W)."""
    found = np.zeros(shape[:3], bool)
    for index, place in enumerate(places_of(shape, boxes)):
        region = found[index][place]
        region[:] = mouth_mask(*region.shape)[..., 0] > 0
    return found


def places_of(shape: tuple[int, ...], boxes: Boxes) -> list[Place]:
    """Return what a face-centred frame would show of each frame of a video of ``shape`` (T, H, W, 3)."""
    count, height, width = shape[:3]
    if boxes is None:
        return [(slice(0, height), slice(0, width))] * count
    places = []
    for left, top, right, bottom in boxes:
        sides = np.array([right - left, bottom - top] * 2) * AROUND
        low = np.clip(np.floor([top - sides[1], left - sides[0]]), 0, [height - 2, width - 2]).astype(int)
        high = np.clip(np.ceil([bottom + sides[3], right + sides[2]]), low + 2, [height, width]).astype(int)
        places.append((slice(low[0], high[0]), slice(low[1], high[1])))
    return places


def looks_of(video: Video, boxes: Boxes = None) -> NDArray[np.float32]:
    """Return what the mouth looks like in every frame, one row each, float32 (T, N) in grey levels."""
    if boxes is None:
        return mouth_images(video).reshape(len(video), -1)
    places = places_of(video.shape, boxes)
    return np.stack(
        [mouth_images(frame[place][None]).ravel() for frame, place in zip(video, places, strict=True)]
    )


def most_different(images: NDArray[np.float32], others: NDArray[np.float32]) -> tuple[list[int], float]:
    """Return for each image, one per row, which of ``others`` differs most, and by how much: mean squares, averaged."""
    squares = np.square(others).mean(axis=1)
    found, apart = [], []
    # A few rows at a time, so that the pairs of long clips need no memory.
    for rows in np.array_split(images, -(-len(images) // ROWS)):
        pairs = np.square(rows).mean(axis=1)[:, None] + squares - 2 * (rows @ others.T) / rows.shape[1]
        found += pairs.argmax(axis=1).tolist()
        apart += pairs.max(axis=1).tolist()
    return found, float(np.mean(apart))


def in_another_order(looks: NDArray[np.float32]) -> tuple[list[int], float]:
    """Return for each mouth another one of the same video, each used once, and by how much they differ.

    Mouths are ordered by their strongest pattern, and each gets the one that lies half of them further on. The same
    mouths are there as before: what a model looks up among them, whatever their order, it finds again.

    Args:
        looks: one mouth a row, (T, N) in grey levels.

    Returns:
        Indices, one per frame; and the mean square of the difference.
    """
    moving = looks.astype(np.float64) - looks.mean(axis=0)
    # A pattern has no sign, and its digits no end: the same order has to come out with other threads or processors.
    along = _along_strongest(moving).round(6)
    if len(along) and along[np.abs(along).argmax()] < 0:
        along = -along
    order = np.argsort(along, kind="stable")
    others = np.empty(len(order), np.int64)
    others[order] = np.roll(order, -(len(order) // 2))
    apart = float(np.square(moving - moving[others]).mean()) if len(order) else 0.0
    return others.tolist(), apart


def _along_strongest(moving: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of the pattern that explains most of all rows is in each, of (T, N): (T,)."""
    if len(moving) > moving.shape[1]:
        _, patterns = np.linalg.eigh(moving.T @ moving)
        return np.asarray(moving @ patterns[:, -1])
    if not len(moving):
        return np.zeros(0)
    # The same from products of rows with rows: there are fewer of them than pixels.
    strengths, shares = np.linalg.eigh(moving @ moving.T)
    return np.asarray(shares[:, -1] * np.sqrt(max(strengths[-1], 0.0)))


def with_mouths(
    frames: Video,
    donors: Video,
    indices: Sequence[int],
    *,
    boxes: Boxes = None,
    donor_boxes: Boxes = None,
    region: Region | None = None,
) -> Frames | StreamedVideo:
    """Return ``frames`` with the mouths of ``donors`` at ``indices``, one per frame, aligned and blended in.

    A long video is composed anew in every pass. Around the mouth every ``SPARSE``-th pixel differs by one grey level:
    a model that keeps what it made of a person, and knows the person by a digest of some part of the picture, as avatar
    caches do, would else answer with the mouths that it saw before.

    Args:
        frames: uint8 RGB (T, H, W, 3).
        donors: uint8 RGB (N, H, W, 3).
        indices: of ``donors``, one per frame.
        boxes: of the faces in ``frames``.
        donor_boxes: likewise in ``donors``.
        region: of the face that is taken over, bool (SIDE, SIDE) of ``faces.small_faces``; None: mouth and chin.
    """
    donor = _picked(donors, indices)
    places, sources = places_of(frames.shape, boxes), places_of(donors.shape, donor_boxes)
    count, height, width, channels = frames.shape

    def patch_of(height: int, width: int) -> Patch:
        return mouth_patch(height, width) if region is None else soft_patch(region, height, width)

    def compose() -> Iterator[Image]:
        for place, frame, index in zip(places, frames, indices, strict=True):
            mixed = np.array(frame)
            target = mixed[place]
            height, width = target.shape[:2]
            mouth = _resized(donor[index][sources[index]], height, width)
            patch = patch_of(height, width)
            target[:] = patch.into(target, aligned(mouth, np.ascontiguousarray(target), patch.place))
            inside = target[patch.place].copy()
            mixed.reshape(-1, channels)[::SPARSE] ^= 1
            target[patch.place] = inside
            yield mixed

    composed = StreamedVideo(compose, (count, height, width, channels))
    return held(composed) if math.prod(composed.shape) <= HELD else composed


def _picked(video: Video, indices: Sequence[int]) -> Mapping[int, Image] | Frames:
    """The frames at some indices, by index, and no others of a video that is not at hand as a whole."""
    if isinstance(video, np.ndarray):
        return video
    used = sorted(set(indices))
    return dict(zip(used, frames_at(video, used), strict=True))


def with_other_mouths(frames: Video, boxes: Boxes = None) -> Frames | StreamedVideo:
    """Give every frame the mouth of the frame of the video whose mouth differs most from its own.

    Eyes, pose and background stay: what a model makes of such a reference differs from what it makes of the
    real one by the lips it copied.
    """
    looks = looks_of(frames, boxes)
    return with_mouths(frames, frames, most_different(looks, looks)[0], boxes=boxes, donor_boxes=boxes)


def change_of_face(after: Image, before: Image, place: Place, *, whole: bool) -> NDArray[np.float32]:
    """Return how a face changed, float32 (H, W, 3): of the frame that is the face, or of its place, in one size.

    Args:
        after: the frame, uint8 RGB.
        before: likewise.
        place: of the face.
        whole: whether frames are face-centred, and compared as they are.
    """
    change = np.subtract(after, before, dtype=np.float32)
    if whole:
        return change
    import cv2

    size = (SIDE_OF_CHANGE, SIDE_OF_CHANGE)
    return np.asarray(
        cv2.resize(np.ascontiguousarray(change[place]), size, interpolation=cv2.INTER_AREA), np.float32
    )


def aligned(source: Image, target: Image, place: Place = (slice(None), slice(None))) -> NDArray[np.float32]:
    """Move ``source`` so that its eyes and nose lie on those of ``target``; brightness follows, too.

    Args:
        source: uint8 RGB (H, W, 3).
        target: of the same size.
        place: rows and columns that are wanted of it; the others are not made.
    """
    moved, brighter = moved_to(source, target, place)
    found = moved.astype(np.float32)
    return found if brighter is None else found + brighter


def moved_to(
    source: Image, target: Image, place: Place = (slice(None), slice(None))
) -> tuple[Image, np.float32 | None]:
    """Return ``aligned`` in two parts: ``source`` moved, uint8 RGB, and how much brighter it is to be, in grey levels.

    None instead of a brightness: it lay in place already.
    """
    import cv2

    anchor, goal = _anchor(source), _anchor(target)
    if np.array_equal(anchor, goal):
        # Already in place: an estimate would only blur, and a copied reference must be an exact copy.
        return source[place], None
    shift, _ = cv2.phaseCorrelate(anchor.astype(np.float32), goal.astype(np.float32), _window(*anchor.shape))
    x, y = shift
    if max(abs(x), abs(y)) > MAX_MOVE * source.shape[1]:
        x = y = 0.0
    # Where each pixel comes from, as ``warpAffine`` counts it; that would make everything above and beside them, too.
    down, across = (
        np.arange(length, dtype=np.float32)[part] - np.float32(by)
        for length, part, by in zip(source.shape, place, (y, x), strict=False)
    )
    whole = np.empty((2, len(down), len(across)), np.float32)
    whole[0], whole[1] = across, down[:, None]
    moved = cv2.remap(source, whole[0], whole[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8), _brightness(goal) - _brightness(anchor)


def _brightness(grey: NDArray[np.uint8]) -> np.float32:
    import cv2

    return np.float32(cv2.sumElems(grey)[0] / grey.size)


@lru_cache(64)
def _window(height: int, width: int) -> NDArray[np.float32]:
    import cv2

    return np.asarray(cv2.createHanningWindow((width, height), cv2.CV_32F), np.float32)


def _anchor(frame: Image) -> NDArray[np.uint8]:
    import cv2

    height, width = frame.shape[:2]
    top, bottom = (round(share * height) for share in ANCHOR_ROWS)
    left, right = (round(share * width) for share in ANCHOR_COLUMNS)
    grey = cv2.cvtColor(np.ascontiguousarray(frame[top:bottom, left:right]), cv2.COLOR_RGB2GRAY)
    return np.asarray(grey, np.uint8)


def _resized(image: Image, height: int, width: int) -> Image:
    import cv2

    whole = np.ascontiguousarray(image)
    return (
        whole
        if whole.shape[:2] == (height, width)
        else np.asarray(cv2.resize(whole, (width, height)), np.uint8)
    )
