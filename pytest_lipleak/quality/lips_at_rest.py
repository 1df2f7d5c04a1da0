"""What other papers measure of lips under silence or in pauses, as they published it.

- KeySync's LipLeak (Bigata et al. 2025, arXiv 2505.00497): the share of frames whose mouth is open under silence.
- THEval's Silent Lip Stability (Quignon et al. 2025, arXiv 2511.04520; their code of 2026-05, commit cfe23fe): how far
  the lips move about their mean opening in pauses.
- HighSync's silence test (2026, arXiv 2605.16918): the share of frames whose mouth is closed under silence.

Each has a counterpart relative to the real clip: its value over that of the real clip in its own speech, so that 0 is a
mouth at rest and 1 one that opens, or moves, as in the clip. Real speech differs between people by a factor of ten.
"""

import math

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio
from pytest_lipleak.core.timebase import FRAME_RATE
from pytest_lipleak.faces.landmarks import EYE_CORNERS, Landmarks
from pytest_lipleak.quality.mouth import OPEN, Opening, motion_energy, open_share

LIP_LEAK = 0.25
"""KeySync: a mouth of a larger aspect ratio of the *inner* lips is open. Outer lips are beyond it in 99 % of frames."""

UPPER = (191, 80, 81, 82, 13, 312, 311, 310)
LOWER = (95, 88, 178, 87, 14, 317, 402, 318)
"""THEval: points of the upper inner lip and those below them on the lower one."""

SIDE = 256
"""THEval resizes frames to so many pixels square, whatever their shape, before it looks for landmarks."""

SHORTEST_PAUSE = 0.3
"""THEval: seconds below which a pause does not count."""


def lip_leak(opening: Opening) -> float:
    """Return KeySync's LipLeak: the share of frames with a mouth aspect ratio above .25, 0..1; NaN without a face.

    Args:
        opening: of ``faces.landmarks.mouth_opening``, (T,). In eight clips of real speech 4 to 53 % of all frames are
            beyond the threshold: a perfect copy of the clip scores as much, and no more.
    """
    return open_share(opening, LIP_LEAK)


def closed_share(opening: Opening, threshold: float = OPEN) -> float:
    """Return HighSync's measure: the share of frames with closed lips, 0..1; NaN without a face.

    What "closed" means is not published; here it is an aspect ratio of at most .10 (see ``mouth.OPEN``).
    """
    return 1.0 - open_share(opening, threshold)


def lip_distance(landmarks: Landmarks, height: int, width: int) -> NDArray[np.float64]:
    """Return THEval's lip opening per frame, float64 (T,): in distances between the outer corners of the eyes.

    Args:
        landmarks: float32 (T, 478, 2), in pixels of the picture; NaN without a face.
        height: of the picture.
        width: of the picture; it is taken as if resized to a square, as THEval does.
    """
    points = landmarks.astype(np.float64) * (SIDE / width, SIDE / height)
    eyes = points[:, EYE_CORNERS[0][0]] - points[:, EYE_CORNERS[1][1]]
    apart = np.abs(points[:, UPPER, 1] - points[:, LOWER, 1]).mean(axis=1)
    return np.asarray(apart / np.maximum(np.linalg.norm(eyes, axis=1), 1e-3))


def deviation(distance: NDArray[np.floating]) -> float:
    """Return THEval's Silent Lip Stability of the frames given: the *median* absolute deviation from their mean.

    Args:
        distance: of ``lip_distance``, frames of pauses alone, (N,).

    Returns:
        0 for a still mouth however far open; NaN for fewer than two frames with a face, as in THEval's code.
    """
    seen = distance[np.isfinite(distance)]
    return float(np.median(np.abs(seen - seen.mean()))) if len(seen) > 1 else math.nan


def pauses(audio: Audio, frames: int, shortest: float = SHORTEST_PAUSE) -> NDArray[np.bool_]:
    """Return which frames lie in pauses of speech: bool (frames,); all of them under silence.

    A pause is where no 10 ms of sound come within 30 dB of the loudest (``sync.suitability.sounding_frames``), for
    ``shortest`` seconds or longer. THEval asks silero-vad's voice detector, which is no dependency of this package.

    Args:
        audio: int16 mono, 16 kHz.
        frames: how many, at 25 per second.
        shortest: seconds.
    """
    from pytest_lipleak.sync.suitability import sounding_frames

    quiet = np.ones(frames, np.bool_)
    steps = round(100 / FRAME_RATE)
    for place in np.flatnonzero(sounding_frames(audio)):
        if place // steps < frames:
            quiet[place // steps] = False
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8)))
    for first, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - first < shortest * FRAME_RATE:
            quiet[first:stop] = False
    return quiet


SETTLING = 3
"""Frames (0.12 s) at both ends of a pause that do not count: real lips close after the last sound, and open before the
first."""


def settled(quiet: NDArray[np.bool_], margin: int = SETTLING) -> NDArray[np.bool_]:
    """Return which frames of pauses lie at least ``margin`` frames away from speech: bool (T,).

    Args:
        quiet: of ``pauses``. Beginning and end of the video are no speech.
        margin: frames.
    """
    speech = np.flatnonzero(~quiet)
    near = np.zeros(len(quiet), np.bool_)
    for shift in range(-margin, margin + 1):
        places = speech + shift
        near[places[(places >= 0) & (places < len(quiet))]] = True
    return ~near


def motion_where(opening: Opening, where: NDArray[np.bool_]) -> float:
    """Return the motion energy (``mouth.motion_energy``) among frames that follow each other in ``where``."""
    return motion_energy(np.where(where, opening, np.nan))


def open_where(opening: Opening, where: NDArray[np.bool_]) -> float:
    """Return the mean aspect ratio in the frames of ``where``; NaN where none shows a face."""
    seen = opening[where & np.isfinite(opening)]
    return float(seen.mean()) if len(seen) else math.nan
