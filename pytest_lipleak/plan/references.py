"""Which frames are the identity reference."""

import random
from collections.abc import Callable, Mapping

import numpy as np

from pytest_lipleak.core.clips import Clip, Frames, frames_at
from pytest_lipleak.core.conditions import Reference
from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.faces.centred import mouth_darkness, mouth_images

MULTIPLE = 5
"""How many frames the strategy ``multiple`` takes, evenly spread over the clip."""

MANY = 25
"""Likewise the strategy ``multiple-25``: as many as IP_LAP looks at."""


def _first(clip: Clip, seed: int) -> list[int]:
    return [0]


def _random(clip: Clip, seed: int) -> list[int]:
    return [random.Random(f"lipleak reference {seed} {clip.digest}").randrange(len(clip.video))]


def _multiple(clip: Clip, seed: int) -> list[int]:
    return _spread(clip, MULTIPLE)


def _many(clip: Clip, seed: int) -> list[int]:
    # Fewer than the clip has: as many would be read as one per frame, which is CR.
    return _spread(clip, min(MANY, max(len(clip.video) - 1, 1)))


def _spread(clip: Clip, most: int) -> list[int]:
    count = min(most, len(clip.video))
    return [int(index) for index in np.linspace(0, len(clip.video) - 1, count).round()]


def _silent_face(clip: Clip, seed: int) -> list[int]:
    return [int(mouth_darkness(clip.video).argmin())]


def _most_dissimilar(clip: Clip, seed: int) -> list[int]:
    mouths = mouth_images(clip.video)
    # The distance of a frame to all others is largest where it is farthest from their mean.
    return [int(np.square(mouths - mouths.mean(axis=0)).mean(axis=(1, 2)).argmax())]


STRATEGIES: Mapping[str, Callable[[Clip, int], list[int]]] = {
    "first": _first,
    "random": _random,
    "multiple": _multiple,
    "multiple-25": _many,
    "silent-face": _silent_face,
    "most-dissimilar": _most_dissimilar,
}
"""AR strategies: frame 0 (the paper's default); one seeded random frame; five, or 25, frames spread
over the clip; the frame with the most closed mouth; the frame whose mouth differs most from the clip's others."""


def reference_indices(clip: Clip, reference: Reference, strategy: str, seed: int) -> list[int]:
    """Return which frames of ``clip`` are its identity reference.

    Raises:
        ConfigurationError: unknown strategy.
    """
    if reference is Reference.CR:
        return list(range(len(clip.video)))
    if strategy not in STRATEGIES:
        raise ConfigurationError(
            f"unknown alternative reference {strategy!r}; known are {', '.join(STRATEGIES)}"
        )
    return STRATEGIES[strategy](clip, seed)


def reference_frames(clip: Clip, reference: Reference, strategy: str = "first", seed: int = 0) -> Frames:
    """Return the identity reference: (T, H, W, 3) under CR, (R, H, W, 3) under AR, uint8 RGB."""
    return frames_at(clip.video, reference_indices(clip, reference, strategy, seed))
