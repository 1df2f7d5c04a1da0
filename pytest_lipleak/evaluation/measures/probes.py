"""Causal probes: change the identity reference alone, or the input frames, and see whether the lips change with it."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Clip, Frames, Image, StreamedVideo, Video, frames_at, held
from pytest_lipleak.core.conditions import Condition, Reference
from pytest_lipleak.core.errors import UnscorableError
from pytest_lipleak.core.metrics import FULL, SYNC
from pytest_lipleak.core.scores import LAGS, MAX_SHIFT, TakeScore
from pytest_lipleak.evaluation.make.artefacts import Artefacts
from pytest_lipleak.evaluation.measures.shifted_mouths import arrived, sync_moved
from pytest_lipleak.evaluation.plan.takes import IdentityReference, Take, Takes
from pytest_lipleak.faces.centred import mouth_images
from pytest_lipleak.faces.mouths import places_of
from pytest_lipleak.faces.small import Region, eroded, grey_faces, lips_core, soft
from pytest_lipleak.generators.control import aligned, mouth_mask
from pytest_lipleak.media.video import HELD

MOVED = 8
"""Frames by which mouths come earlier: more than a syllable, less than the 15 frames that scores look at."""

INSIDE = 3
"""Pixels of a small face by which input mouths stay inside of what the model edits: the edge of an edit is soft."""

ROWS = 1024

STILL = 1.0
"""Mean squared difference of two mouths, in grey levels squared, below which there is no other mouth to swap in."""


@dataclass(frozen=True)
class Probed:
    """What the probes of one clip rest on.

    Args:
        takes: what the model is given.
        artefacts: generates, embeds and scores.
        real: score of the real clip.
        condition: under which it is probed.
        region: gives where the model edits the clip, bool (SIDE, SIDE).
    """

    takes: Takes
    artefacts: Artefacts
    real: TakeScore
    condition: Condition
    region: Callable[[], Region]

    @property
    def clip(self) -> Clip:
        """The real clip."""
        return self.takes.clips[self.real.clip]

    @property
    def take(self) -> Take:
        """The take with nothing changed."""
        return self.takes.of(self.real.clip, self.condition)

    def changed(self, label: str, reference: IdentityReference, frames: Video | None = None) -> Take:
        """The same take with another reference or other frames."""
        audio = self.takes.driving_audio(self.clip, self.condition.setup)
        return self.takes.probe(self.real.clip, audio, reference, f"{self.condition}, {label}", frames)


def earlier_reference(probed: Probed) -> dict[str, float]:
    """Generate anew with the mouths of the reference ``MOVED`` frames earlier, all else equal; see ``followed``.

    Raises:
        UnscorableError: the clip is too short, or its mouth never moves.
        LipleakError: as ``Evaluation.measure``.
    """
    moved = _moved(probed)
    mouths = _earlier_mouths(probed, moved, None)
    take = probed.changed(f"reference mouths {moved:+d}", mouths)
    return followed("REF_shift", probed, take, mouths, moved, probed.region())


def earlier_frames(probed: Probed) -> dict[str, float]:
    """Generate anew with the mouths of the input frames ``MOVED`` frames earlier, all else equal; see ``followed``.

    Only inside of what the model edits: at its edge the input is seen in every output. Raises as
    ``earlier_reference``.
    """
    moved = _moved(probed)
    tracked = probed.artefacts.cropper(probed.clip).boxes is not None
    # Crops are no frames under ``tracked``; the middle of the lips is edited in any case.
    inside = lips_core() if tracked else eroded(probed.region(), INSIDE)
    mouths = _earlier_mouths(probed, moved, inside)
    take = probed.changed(f"input mouths {moved:+d}", held(probed.take.reference_video), mouths)
    return followed("FRAME_shift", probed, take, mouths, moved, inside)


def _moved(probed: Probed) -> int:
    """By how many frames mouths are to come earlier, so that sync stays within the 31 shifts."""
    frames = len(probed.clip.video)
    if frames < 4 * MOVED:
        raise UnscorableError(f"{frames} frames; mouths that come {MOVED} frames earlier need {4 * MOVED}")
    return MOVED if abs(probed.real.own.offset - MOVED) <= MAX_SHIFT else -MOVED


def _earlier_mouths(probed: Probed, moved: int, region: Region | None) -> Frames | StreamedVideo:
    clip = probed.clip
    frames = len(clip.video)
    indices = [(index + moved) % frames for index in range(frames)]
    boxes = probed.artefacts.cropper(clip).boxes
    return with_mouths(clip.video, clip.video, indices, boxes=boxes, region=region)


def followed(
    measure: str, probed: Probed, take: Take, mouths: Video, moved: int, region: Region
) -> dict[str, float]:
    """Compare what the model makes of moved mouths with what it made before: pixels, and sync with the clip's speech.

    Args:
        measure: of the probe.
        probed: the clip and what is known of it.
        take: with the moved mouths.
        mouths: frames with moved mouths, that the clip's own are compared with.
        moved: by how many frames they come earlier.
        region: where pixels are looked at.

    Returns:
        Products by lag of the change of the output with the change given, and what a complete copy would give.

    Raises:
        UnscorableError: the mouth does not move, so nothing was changed.
    """
    clip, artefacts = probed.clip, probed.artefacts
    cropper = artefacts.cropper(clip)
    given = artefacts.faces(Take(clip))
    pixels, full = arrived(
        artefacts.faces(probed.take), artefacts.faces(take), given, grey_faces(cropper(mouths)), region
    )
    if full < STILL:
        raise UnscorableError("the mouth never moves, so mouths that come earlier are no other mouths")
    before, after = (artefacts.score(each, clip.audio).mean_distances for each in (probed.take, take))
    sync, full_sync = sync_moved(
        np.array(before), np.array(after), np.array(probed.real.own.mean_distances), moved
    )
    shares = dict(zip((f"{measure}{lag:+d}" for lag in LAGS), pixels.tolist(), strict=True))
    moves = dict(zip((f"{measure}{SYNC}{lag:+d}" for lag in LAGS), sync.tolist(), strict=True))
    best = max(float(pixels.max()) / full, float(sync.max()) / full_sync if full_sync else 0.0)
    return {
        measure: best,
        f"{measure}{FULL}": full,
        f"{measure}{SYNC}{FULL}": full_sync,
        **shares,
        **moves,
    }


def swapped_reference(probed: Probed) -> dict[str, float]:
    """Generate anew with another mouth in the reference, all else equal, and look where the pictures changed.

    Every reference frame gets the mouth of the clip's frame whose mouth differs most from its own, blended into
    its place; the face around it stays. Several frames for the whole clip (AR) get one mouth, which differs most
    from their mean, and count by the mean of their changes. Only for face-centred clips.

    Returns:
        The change of the output projected on the change of the reference, over the mouth, and the change of the
        reference itself: their ratio is the share of the reference's mouth that arrives in the output.

    Raises:
        UnscorableError: the clip's mouth never moves.
        LipleakError: as ``Evaluation.measure``.
    """
    clip, take = probed.clip, probed.take
    reference = take.reference_video
    every, own = (mouth_images(each).reshape(len(each), -1) for each in (clip.video, reference))
    whole = probed.condition.reference is Reference.AR
    if whole:
        own = own.mean(axis=0, keepdims=True)
    others, apart = most_different(own, every)
    if apart < STILL:
        raise UnscorableError("the mouth never moves, so there is no other one to put into the reference")
    swapped = with_mouths(reference, clip.video, others * len(reference) if whole else others)
    after = probed.artefacts.video(probed.changed("another mouth", swapped))
    changes = (np.subtract(new, old, dtype=np.float32) for new, old in zip(swapped, reference, strict=True))
    given = repeat(sum(changes) / len(reference), len(clip.video)) if whole else changes
    weight = mouth_mask(*clip.video.shape[1:3])
    product = full = 0.0
    # Picture by picture: a long clip is not held.
    for old, new, change in zip(probed.artefacts.video(take), after, given, strict=True):
        product += float(np.mean(weight * np.subtract(new, old, dtype=np.float32) * change, dtype=np.float64))
        full += float(np.mean(weight * change * change, dtype=np.float64))
    return {"REF_swap": product / len(clip.video), f"REF_swap{FULL}": full / len(clip.video)}


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


def with_mouths(
    frames: Video,
    donors: Video,
    indices: Sequence[int],
    *,
    boxes: NDArray[np.float64] | None = None,
    region: Region | None = None,
) -> Frames | StreamedVideo:
    """Return ``frames`` with the mouths of ``donors`` at ``indices``, one per frame, aligned and blended in.

    A long video is composed anew in every pass.

    Args:
        frames: uint8 RGB (T, H, W, 3).
        donors: uint8 RGB (N, H, W, 3).
        indices: of ``donors``, one per frame.
        boxes: of the face, (T, 4), of frames and donors alike; None for face-centred frames.
        region: of the face that is taken over, bool (SIDE, SIDE); None: mouth and chin.
    """
    used = sorted(set(indices))
    donor = dict(zip(used, frames_at(donors, used), strict=True))
    places = list(places_of(frames.shape, boxes))

    def weight(height: int, width: int) -> NDArray[np.float32]:
        return mouth_mask(height, width) if region is None else soft(region, height, width)

    def compose() -> Iterator[Image]:
        import cv2

        for number, (frame, index) in enumerate(zip(frames, indices, strict=True)):
            mixed = np.array(frame)
            target = mixed[places[number]]
            height, width = target.shape[:2]
            mouth = np.ascontiguousarray(donor[index] if boxes is None else donor[index][places[index]])
            if mouth.shape != target.shape:
                mouth = np.asarray(cv2.resize(mouth, (width, height)), np.uint8)
            blended = target + weight(height, width) * (aligned(mouth, np.ascontiguousarray(target)) - target)
            target[:] = np.clip(np.rint(blended), 0, 255)
            yield mixed

    count, height, width, channels = frames.shape
    composed = StreamedVideo(compose, (count, height, width, channels))
    return held(composed) if math.prod(composed.shape) <= HELD else composed


PROBES: Mapping[str, Callable[[Probed], dict[str, float]]] = {
    "REF_shift": earlier_reference,
    "FRAME_shift": earlier_frames,
    "REF_swap": swapped_reference,
}
"""What each probe measures of one clip: what followed, and what a complete copy would give."""
