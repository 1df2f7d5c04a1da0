"""Causal probes: change the identity reference alone, and see whether the lips change with it."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Frames, Image, StreamedVideo, Video, frames_at, held
from pytest_lipleak.core.conditions import Condition, Reference
from pytest_lipleak.core.errors import UnscorableError
from pytest_lipleak.core.metrics import FULL
from pytest_lipleak.core.scores import MAX_SHIFT, SyncScore, TakeScore
from pytest_lipleak.evaluation.make.artefacts import Artefacts
from pytest_lipleak.evaluation.plan.takes import Takes
from pytest_lipleak.faces.centred import mouth_images
from pytest_lipleak.generators.control import aligned, mouth_mask
from pytest_lipleak.media.video import HELD

MOVED = 8
"""Frames by which the reference comes later: more than a syllable, less than the 15 frames that scores look at."""

ROWS = 1024

STILL = 1.0
"""Mean squared difference of two mouths, in grey levels squared, below which there is no other mouth to swap in."""


def moved_reference(
    takes: Takes, artefacts: Artefacts, real: TakeScore, condition: Condition
) -> tuple[float, float]:
    """Generate anew with the reference of ``MOVED`` frames later, all else equal; see ``followed``.

    Raises:
        UnscorableError: the clip is too short, or its real video has no sync to move.
        LipleakError: as ``Evaluation.measure``.
    """
    clip = takes.clips[real.clip]
    frames = len(clip.video)
    later = MOVED if abs(real.own.offset - MOVED) <= MAX_SHIFT else -MOVED
    if frames < 4 * MOVED:
        raise UnscorableError(
            f"{frames} frames; a reference that comes {MOVED} frames later needs {4 * MOVED}"
        )
    indices = [(index + later) % frames for index in range(frames)]
    audio = takes.driving_audio(clip, condition.setup)
    moved = takes.probe(clip.name, audio, indices, f"{condition}, reference {later:+d}")
    stayed_score = artefacts.score(takes.of(clip.name, condition), clip.audio)
    return followed(stayed_score, artefacts.score(moved, clip.audio), real.own, later)


def followed(stayed: SyncScore, moved: SyncScore, real: SyncScore, frames: int) -> tuple[float, float]:
    """Return how much sync with the clip's own audio moved along with a reference that comes ``frames`` later.

    Lips that were copied from that reference are early by as many frames: the score at the clip's known offset
    falls, the one ``frames`` below it rises. Lips that come from anywhere else stay.

    Args:
        stayed: of the video generated with the reference in its place, against the clip's own audio.
        moved: of the video generated with the later reference, all else equal.
        real: of the real clip.
        frames: how much later; the moved offset must lie within the 31 shifts.

    Returns:
        The mean of fall and rise, and what a complete copy would give.
    """
    here, there = real.offset, real.offset - frames
    if abs(there) > MAX_SHIFT:
        raise ValueError(f"offset {here} moved by {frames} frames lies beyond {MAX_SHIFT} frames")
    fall = stayed.confidence_at(here) - moved.confidence_at(here)
    rise = moved.confidence_at(there) - stayed.confidence_at(there)
    return (fall + rise) / 2, real.confidence_at(here) - real.confidence_at(there)


def swapped_reference(
    takes: Takes, artefacts: Artefacts, real: TakeScore, condition: Condition
) -> tuple[float, float]:
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
    clip = takes.clips[real.clip]
    take = takes.of(clip.name, condition)
    reference = take.reference_video
    every, own = (mouth_images(each).reshape(len(each), -1) for each in (clip.video, reference))
    whole = condition.reference is Reference.AR
    if whole:
        own = own.mean(axis=0, keepdims=True)
    others, apart = most_different(own, every)
    if apart < STILL:
        raise UnscorableError("the mouth never moves, so there is no other one to put into the reference")
    swapped = with_mouths(reference, clip.video, others * len(reference) if whole else others)
    audio = takes.driving_audio(clip, condition.setup)
    probe = takes.probe(clip.name, audio, swapped, f"{condition}, another mouth")
    after = artefacts.video(probe)
    changes = (np.subtract(new, old, dtype=np.float32) for new, old in zip(swapped, reference, strict=True))
    given = repeat(sum(changes) / len(reference), len(clip.video)) if whole else changes
    weight = mouth_mask(*clip.video.shape[1:3])
    arrived = full = 0.0
    # Picture by picture: a long clip is not held.
    for old, new, change in zip(artefacts.video(take), after, given, strict=True):
        arrived += float(np.mean(weight * np.subtract(new, old, dtype=np.float32) * change, dtype=np.float64))
        full += float(np.mean(weight * change * change, dtype=np.float64))
    return arrived / len(clip.video), full / len(clip.video)


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


def with_mouths(frames: Video, donors: Video, indices: Sequence[int]) -> Frames | StreamedVideo:
    """Return ``frames`` with the mouths of ``donors`` at ``indices``, one per frame, aligned and blended in.

    A long video is composed anew in every pass.
    """
    mask = mouth_mask(*frames.shape[1:3])
    used = sorted(set(indices))
    donor = dict(zip(used, frames_at(donors, used), strict=True))

    def compose() -> Iterator[Image]:
        for frame, index in zip(frames, indices, strict=True):
            mixed = frame + mask * (aligned(donor[index], frame) - frame)
            yield np.asarray(np.clip(np.rint(mixed), 0, 255), np.uint8)

    count, height, width, channels = frames.shape
    composed = StreamedVideo(compose, (count, height, width, channels))
    return held(composed) if math.prod(composed.shape) <= HELD else composed


PROBES: Mapping[str, Callable[[Takes, Artefacts, TakeScore, Condition], tuple[float, float]]] = {
    "REF_shift": moved_reference,
    "REF_swap": swapped_reference,
}


def probed(
    measure: str, takes: Takes, artefacts: Artefacts, real: TakeScore, condition: Condition
) -> dict[str, float]:
    """Return a probe's measures of one clip: what followed the reference, and what a complete copy would give."""
    found, full = PROBES[measure](takes, artefacts, real, condition)
    return {measure: found, f"{measure}{FULL}": full}
