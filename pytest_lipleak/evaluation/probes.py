"""Causal probes: change the identity reference alone, and see whether the lips change with it."""

from pytest_lipleak.core.scores import MAX_SHIFT, SyncScore

LIMIT = 0.1
"""Share of what a complete copy would give from which a probe calls it a leak."""


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
    here, there = real.offset, moved_offset(real.offset, frames)
    fall = stayed.confidence_at(here) - moved.confidence_at(here)
    rise = moved.confidence_at(there) - stayed.confidence_at(there)
    return (fall + rise) / 2, real.confidence_at(here) - real.confidence_at(there)


def moved_offset(offset: int, frames: int) -> int:
    """Return where copied lips agree with the audio when the reference comes ``frames`` later (SyncNet's sign)."""
    there = offset - frames
    if abs(there) > MAX_SHIFT:
        raise ValueError(f"offset {offset} moved by {frames} frames lies beyond {MAX_SHIFT} frames")
    return there
