"""Whether a finished video was made from a clip, and which of its frames belongs to which: by what it shows.

Models change the mouth. So the upper face is looked at: how it moves is the clip's own in every output, or at least how
the head moves, where a model shows the head anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.number_words import counted
from pytest_lipleak.faces.small_faces import SIDE, Faces, Region

UPPER = round(0.40 * SIDE)
"""Rows of a face crop above which models of the mouth change little."""

REACH = 15
"""Frames by which an output may be early or late, lost and doubled frames included."""

SAME_MOTION = 0.65
PER_FRAME = 0.12
SURE = 0.95
"""Correlation of what moves in two upper faces, from which on one was made from the other; so much more for every frame
by which one must be shifted, since the best of many shifts is like it by chance, up to ``SURE``."""

SAME_TURNS = 0.8
"""Correlation of how two heads move from frame to frame, likewise."""

SAME_QUICK = 0.6
"""Correlation of the quick movements of two upper faces, likewise: what is slower than a second is alike by chance
within one person's recordings, and what a model draws anew need not keep it."""

QUICK = 25
"""Frames over which a slow movement is averaged, and taken out."""

SLACK = 2
"""Frames by which heads that are shown anew may be early or late."""

SMOOTHED = 3
"""Frames over which the movement of heads is averaged: what is drawn anew trembles."""

MOVES = 1.0
"""Grey levels, RMS over time, below which an upper face is too still to tell clips apart by how it moves."""

SAME_SCENE = 0.8
"""Correlation of two still upper faces, likewise."""

STILL = 0.2
"""Share of the clip's movement below which an output does not move."""

EVIDENCE = 5.0
"""Frames' worth of a shift by one frame that must speak for a lost or doubled frame."""

NOISE = 2.0
"""And this many times what is left at the best place: a head at rest fits a little better or worse anywhere."""

LACKING = 5
"""Frames that an output may lack at its beginning, where its first stands for them: as at its end."""

PLAINLY = 0.02
"""Correlation by which frames further on must fit better than these for more to be missing."""

BLANK = 2.0
"""Grey levels, spread within a picture, below which it shows nothing."""


@dataclass(frozen=True)
class Match:
    """How an output fits its clip.

    Args:
        indices: for every frame of the clip, which frame of the output shows the same moment.
        motion: correlation of what moves in the upper faces, at these frames.
        scene: correlation of the upper faces' mean pictures.
        moves: RMS of the movement of the clip's upper face, in grey levels, and
        output_moves: of the output's.
        quick: correlation of their quick movements, at the one shift within ``SLACK`` that fits best; likewise None.
        turns: correlation of how the heads move from frame to frame; None where it was not asked for.
        lacks: frames of the clip's beginning that the output does not show, where it moves as all others do; below 0,
            of its end, where it shows the clip so much too late; 0 for up to ``LACKING``.
        notes: what was found, in words.
    """

    indices: tuple[int, ...]
    motion: float
    scene: float
    moves: float
    output_moves: float
    turns: float | None = None
    quick: float | None = None
    lacks: int = 0
    notes: tuple[str, ...] = ()

    @property
    def needed(self) -> float:
        """What the correlation of movements must be, given how far the output was shifted."""
        shifted = max(abs(index - at) for at, index in enumerate(self.indices))
        return min(SAME_MOTION + PER_FRAME * shifted, SURE)

    @property
    def belongs(self) -> bool:
        """Whether the output was made from the clip."""
        if self.moves < MOVES:
            return self.scene >= SAME_SCENE
        turned = self.turns is not None and self.turns >= SAME_TURNS
        quick = self.quick is not None and self.quick >= SAME_QUICK
        return self.motion >= self.needed or quick or (turned and self.scene >= SAME_SCENE)


def numbers_of(found: Sequence[Match]) -> str:
    """Return what the matches of an output at one place or more rest on, in words: the best of each kind."""
    moved = max(found, key=lambda match: match.motion - match.needed)
    asked = [(match.turns, match.scene) for match in found if match.turns is not None]
    quick = max((match.quick for match in found if match.quick is not None), default=0.0)
    turned = f"heads turn alike with r = {max(asked)[0]:.2f} (at least {SAME_TURNS}), " if asked else ""
    scene = max(asked)[1] if asked else moved.scene
    return (
        f"upper faces move alike with r = {moved.motion:.2f} (at least {moved.needed:.2f} where they move by "
        f"{MOVES:g} grey level and more; this clip's by {moved.moves:.1f}, the output's by "
        f"{moved.output_moves:.1f}), their quick movements with r = {quick:.2f} (at least {SAME_QUICK}), {turned}"
        f"and look alike with r = {scene:.2f}"
    )


def match(
    clip: Faces, output: Faces, found: int | None = None, inside: Region | None = None, *, anew: bool = False
) -> Match:
    """Lay an output on its clip in time.

    Args:
        clip: grey face crops of the clip, uint8 (T, SIDE, SIDE).
        output: of the output, cropped at the same places, uint8 (N, SIDE, SIDE).
        found: frames of the whole output, where it has more; None: N.
        inside: pixels that are the output's own in every frame, bool (SIDE, SIDE), where it was cut out; None: all.
        anew: whether the output may show the head anew, so that only its turns are the clip's.
    """
    ours, theirs = (_upper(faces, inside) for faces in (clip, output))
    still = [upper.mean(axis=0) for upper in (ours, theirs)]
    scene = correlation(*(each - each.mean() for each in still))
    ours -= still[0]
    theirs -= still[1]
    moves, output_moves = (float(np.sqrt(np.mean(each * each))) for each in (ours, theirs))

    def at(shifts: NDArray[np.int64], turns: float | None = None) -> Match:
        indices = _indices(shifts, len(theirs))
        motion = correlation(ours, theirs[indices])
        notes = _described(shifts, len(ours), found or len(theirs))
        return Match(tuple(indices.tolist()), motion, scene, moves, output_moves, turns, notes=notes)

    way = _path(ours, theirs)
    if len(ours) != len(theirs) or way.any():
        # The mean of an output that is longer, or ends early, is another one: the two are compared where both show.
        indices = _indices(way, len(theirs))
        both = indices == np.arange(len(ours)) + way
        if both.any():
            theirs -= (theirs[indices] - ours)[both].mean(axis=0)
        way = _path(ours, theirs)
    by_pictures = at(way)
    if moves >= MOVES and not (by_pictures.belongs and abs(way).max() <= LACKING):
        lacks, fit = _lacking(ours, theirs)
        if fit >= max(SURE, by_pictures.motion) and (abs(lacks) > LACKING or not by_pictures.belongs):
            straight = at(np.full(len(ours), -lacks))
            by_pictures = replace(straight, motion=fit, lacks=lacks if abs(lacks) > LACKING else 0)
    if by_pictures.belongs:
        return by_pictures
    quick, late = _alike(_quick(ours), _quick(theirs))
    by_pictures = replace(by_pictures, quick=quick)
    if by_pictures.belongs:
        return replace(at(np.full(len(ours), late)), quick=quick)
    if not anew:
        return by_pictures
    turns, late = _alike(_turns(clip), _turns(output))
    by_turns = replace(at(np.full(len(ours), late), turns), quick=quick)
    return by_turns if by_turns.belongs else replace(by_pictures, turns=turns)


def _lacking(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> tuple[int, float]:
    """How many frames of the clip's beginning an output lacks, or of its end (below 0), and how well all others fit.

    More than ``LACKING`` where those move as surely as anything does, and plainly more so than nearer to the clip. What
    lies before the clip in an output that holds all of it is nothing that it lacks.
    """

    def alike(lacks: int) -> float:
        one, other = ours[max(lacks, 0) :], theirs[max(-lacks, 0) :]
        shared = min(len(one), len(other))
        if not shared:
            return 0.0
        one, other = (each[:shared] - each[:shared].mean(axis=0) for each in (one, other))
        return correlation(one, other)

    near, half = range(-LACKING, LACKING + 1), len(ours) // 2
    # So many frames late, it ends before the clip does.
    late = range(max(len(theirs) - len(ours) + LACKING, LACKING) + 1, half + 1)
    far = [*range(LACKING + 1, half + 1), *(-lacks for lacks in late)]
    (few_fit, few), (fit, many) = (
        max(((alike(lacks), lacks) for lacks in those), default=(0.0, 0)) for those in (near, far)
    )
    return (many, fit) if fit >= max(SURE, few_fit + PLAINLY) else (few, few_fit)


def _indices(shifts: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Which of an output's ``count`` frames each frame of the clip is laid on, given by how many it is late."""
    return np.asarray(np.clip(np.arange(len(shifts)) + shifts, 0, count - 1))


def _quick(upper: NDArray[np.float32]) -> NDArray[np.float64]:
    """The quick part of how an upper face moves, (T, P): averaged over ``SMOOTHED`` frames, without what is slow."""
    return averaged(upper, SMOOTHED) - averaged(upper, QUICK)


def averaged(rows: NDArray[np.floating], window: int) -> NDArray[np.float64]:
    """Rows averaged over as many around each; the outermost ones stand for those beyond."""
    around = np.pad(rows.astype(np.float64), ((window // 2 + 1, window // 2), (0, 0)), mode="edge")
    sums = np.cumsum(around, axis=0)
    return np.asarray((sums[window:] - sums[:-window]) / window)


def _turns(faces: Faces) -> NDArray[np.float64]:
    """How the head moves from frame to frame: right, down, turning and growing, in pixels, (T - 3, 4).

    The similarity that fits the optical flow of the upper face best (Farneback 2003, "Two-frame motion estimation based
    on polynomial expansion"), averaged over ``SMOOTHED`` frames.
    """
    import cv2

    soft = [cv2.GaussianBlur(face[: SIDE // 2], (0, 0), 1.0) for face in faces]
    rows, columns = 2, 4
    y, x = (np.mgrid[:rows, :columns] + 0.5) - np.array([rows, columns])[:, None, None] / 2
    around = float((x * x + y * y).sum())
    found, still = [], np.zeros((SIDE // 2, SIDE, 2), np.float32)
    for one, other in pairwise(soft):
        flow = cv2.calcOpticalFlowFarneback(one, other, still, 0.5, 2, 15, 2, 7, 1.5, 0)
        right, down = np.moveaxis(cv2.resize(flow, (columns, rows), interpolation=cv2.INTER_AREA), 2, 0)
        turning, growing = (x * down - y * right).sum() / around, (x * right + y * down).sum() / around
        found.append((right.mean(), down.mean(), turning, growing))
    window = np.ones(SMOOTHED) / SMOOTHED
    return np.stack([np.convolve(each, window, "valid") for each in np.array(found).T], axis=1)


def _alike(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> tuple[float, int]:
    """The best correlation of two movements within ``SLACK``, and by how many frames the second is late."""
    found = []
    for late in range(-SLACK, SLACK + 1):
        one, other = ours[max(0, -late) :], theirs[max(0, late) :]
        shared = min(len(one), len(other))
        one, other = (each[:shared] - each[:shared].mean(axis=0) for each in (one, other))
        found.append((correlation(one, other), late))
    return max(found)


def _upper(faces: Faces, inside: Region | None) -> NDArray[np.float32]:
    """Upper faces, half as large, each of the same brightness: (T, P)."""
    import cv2

    size = (SIDE // 2, UPPER // 2)
    small = [cv2.resize(face[:UPPER], size, interpolation=cv2.INTER_AREA).ravel() for face in faces]
    rows = np.stack(small).astype(np.float32)
    if inside is not None:
        rows = rows[:, upper_inside(inside)]
    return np.asarray(rows - rows.mean(axis=1, keepdims=True), np.float32)


def upper_inside(inside: Region) -> NDArray[np.bool_]:
    """Which pixels of an upper face, half as large, lie inside a region, (P,)."""
    import cv2

    small = cv2.resize(
        inside[:UPPER].astype(np.uint8) * 255, (SIDE // 2, UPPER // 2), interpolation=cv2.INTER_AREA
    )
    return np.asarray(small.ravel() == 255)


def _path(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> NDArray[np.int64]:
    """Frames by which the output is late at every frame of the clip, (T,): the cheapest way that changes seldom.

    Dynamic time warping within ``REACH``; Sakoe & Chiba 1978, "Dynamic programming algorithm optimization for spoken
    word recognition".
    """
    length, lags = len(ours), np.arange(-REACH, REACH + 1)
    places = np.arange(length)[:, None] + lags
    outside = (places < 0) | (places >= len(theirs))
    apart = _apart(ours, theirs)
    costs = apart[np.arange(length)[:, None], np.clip(places, 0, len(theirs) - 1)]
    step = float(np.mean(np.square(np.diff(ours, axis=0)))) if length > 1 else 0.0
    noise = float(np.median(np.where(outside, np.inf, costs).min(axis=1)))
    change = EVIDENCE * step + NOISE * noise + 1e-6
    # At its ends an output may lack frames; the nearest one stands for them.
    costs = costs + outside * step
    total = costs[0] + change * np.abs(lags) / 2
    came = np.zeros((length, len(lags)), np.int64)
    for at in range(1, length):
        options = np.stack(
            [np.append(total[1:], np.inf) + change, total, np.append(np.inf, total[:-1]) + change]
        )
        chosen = np.array([1, 0, 2])[np.argmin(options[[1, 0, 2]], axis=0)]
        came[at] = chosen - 1
        total = options[chosen, np.arange(len(lags))] + costs[at]
    place = int(np.argmin(total - 1e-9 * (lags == 0)))
    shifts = np.empty(length, np.int64)
    for at in range(length - 1, -1, -1):
        shifts[at] = lags[place]
        place -= int(came[at, place])
    return shifts


def _apart(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean squared difference of every frame of one with every frame of the other, (T, N)."""
    one, other = ours.astype(np.float64), theirs.astype(np.float64)
    squares = np.square(one).sum(axis=1)[:, None] + np.square(other).sum(axis=1) - 2 * one @ other.T
    return np.asarray(np.maximum(squares, 0) / one.shape[1])


def _described(shifts: NDArray[np.int64], length: int, found: int) -> tuple[str, ...]:
    notes = []
    if shifts[0]:
        notes.append(
            f"begins {counted(int(shifts[0]), 'frame')} before its clip"
            if shifts[0] > 0
            else f"lacks the first {counted(int(-shifts[0]), 'frame')} of its clip: its own first stays"
        )
    for at in np.flatnonzero(np.diff(shifts)).tolist():
        by = int(shifts[at + 1] - shifts[at])
        notes.append(f"{abs(by)} frame {'doubled' if by > 0 else 'lost'} after {(at + 1) / 25:.2f} s")
    end = length + int(shifts[-1])
    if found < end:
        notes.append(f"ends {counted(end - found, 'frame')} early: its last frame stays")
    elif found > end:
        notes.append(f"{found - end} frames beyond the clip's end left out")
    return tuple(notes)


def correlation(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Correlation of two arrays whose means are taken out; 0 where one is 0 throughout."""
    size = float(np.sqrt(float(np.vdot(one, one)) * float(np.vdot(other, other))))
    return float(np.vdot(one, other)) / size if size > 0 else 0.0
