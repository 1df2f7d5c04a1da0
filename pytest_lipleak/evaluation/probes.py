"""Causal probes: change the identity reference alone, and see whether the lips change with it."""

from collections.abc import Callable, Mapping

import numpy as np

from pytest_lipleak.core.clips import Frames, held
from pytest_lipleak.core.conditions import Condition
from pytest_lipleak.core.errors import UnscorableError
from pytest_lipleak.core.metrics import FULL
from pytest_lipleak.core.scores import MAX_SHIFT, SyncScore, TakeScore
from pytest_lipleak.evaluation.artefacts import Artefacts
from pytest_lipleak.evaluation.takes import Takes
from pytest_lipleak.faces.centred import mouth_images
from pytest_lipleak.generators.control import aligned, mouth_mask

MOVED = 8
"""Frames by which the reference comes later: more than a syllable, less than the 15 frames that scores look at."""

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
    its place; the face around it stays. Only for face-centred clips.

    Returns:
        The change of the output projected on the change of the reference, over the mouth, and the change of the
        reference itself: their ratio is the share of the reference's mouth that arrives in the output.

    Raises:
        UnscorableError: the clip's mouth never moves.
        LipleakError: as ``Evaluation.measure``.
    """
    clip = takes.clips[real.clip]
    frames = clip.frames
    take = takes.of(clip.name, condition)
    reference = held(take.reference_video)
    mouths, own = (mouth_images(each).reshape(len(each), -1) for each in (frames, reference))
    # Mean squared difference of every pair, without holding all pairs of pictures at once.
    squares = [np.square(each).mean(axis=1) for each in (own, mouths)]
    apart = squares[0][:, None] + squares[1][None] - 2 * (own @ mouths.T) / own.shape[1]
    if float(apart.max(axis=1).mean()) < STILL:
        raise UnscorableError("the mouth never moves, so there is no other one to put into the reference")
    swapped = with_mouths(reference, frames[apart.argmax(axis=1)])
    audio = takes.driving_audio(clip, condition.setup)
    probe = takes.probe(clip.name, audio, swapped, f"{condition}, another mouth")
    before, after = (artefacts.frames(each).astype(np.float32) for each in (take, probe))
    given = np.broadcast_to(swapped.astype(np.float32) - reference, before.shape)
    weight = mouth_mask(*frames.shape[1:3])
    arrived = float(np.mean(weight * (after - before) * given, dtype=np.float64))
    return arrived, float(np.mean(weight * given * given, dtype=np.float64))


def with_mouths(frames: Frames, donors: Frames) -> Frames:
    """Return ``frames`` with the mouths of ``donors``, one per frame, aligned and blended in; uint8 (T, H, W, 3)."""
    mask = mouth_mask(*frames.shape[1:3])
    composed = [
        frame + mask * (aligned(donor, frame) - frame) for frame, donor in zip(frames, donors, strict=True)
    ]
    return np.asarray(np.clip(np.rint(np.stack(composed)), 0, 255), np.uint8)


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
