"""Whether what a model makes of mouths comes earlier and later with them, whatever it makes of them.

Mouths of the reference, or of the input frames, are moved twice: some frames earlier, and as many later. Say that a
model adds to its lips anything that follows from those mouths: F(t), be it how wide they are open, how fast they move,
a running mean, a colour, a copy that comes late. Then moving mouths earlier by d changes the output by F(t + d) - F(t),
and moving them later changes it by F(t - d) - F(t): the same change, its sign turned, d frames later. No form of F need
be known, and no lag looked for. Lips that merely come out otherwise when the model is given something else, as with a
draw or a lookup, have no such echo.
"""

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.faces.small_faces import Region

STILL = 1.0
"""Mean squared movement, in grey levels squared, that counts as moved by audio in any case: none is measured finer."""

SMOOTH = (0.25, 0.5, 0.25)
"""Weights of a frame and its neighbours: noise changes from frame to frame, lips over some."""

NEAR = 3
"""Frames around the echo, and around where both changes share what was there before, that say nothing of chance."""

CHANCE = 0.9
"""Quantile of the agreement at other distances that counts as chance in a clip."""

PROBED_TOGETHER = 4
"""Clips whose mean a probe is: chance is smaller by the root of it."""

Layer = NDArray[np.uint8]
"""Small faces in one kind of light: grey, (T, SIDE, SIDE), or both differences of colour, (T, SIDE, SIDE, 2)."""


def echo(
    before: Layer,
    earlier: Layer,
    later: Layer,
    *,
    moved: int,
    region: Region,
    otherwise: Layer,
    again: Layer | None = None,
) -> float:
    """Return the share of the lips' movement that came with moved mouths, and moves with them; 1 at most.

    Args:
        before: output for what was given.
        earlier: output for mouths that come ``moved`` frames earlier, all else equal.
        later: output for mouths that come as much later.
        moved: in frames; negative where ``earlier`` came later.
        region: where the output is looked at, bool (SIDE, SIDE).
        otherwise: output for what was given under other audio: what audio moves.
        again: output for what was given, made once more; None of a model that repeats itself.

    Returns:
        The root of the share in the energy, times the agreement of both changes over that of chance. Below 0 where
        they agree less than by chance: a mean over clips is 0 without an echo.
    """
    share = changed_share(before, earlier, later, region=region, otherwise=otherwise, again=again)
    if share == 0:
        return 0.0
    first, second = _movement(earlier, before, region), _movement(before, later, region)
    return share * _over_chance(first, second, moved)


def changed_share(
    before: Layer,
    earlier: Layer,
    later: Layer,
    *,
    region: Region,
    otherwise: Layer,
    again: Layer | None = None,
) -> float:
    """Return how much of what moves in the lips changed with moved mouths, whether it follows them or not, 0 to 1.

    The root of the share in the energy; arguments as of ``echo``.
    """
    first, second = _movement(earlier, before, region), _movement(before, later, region)
    redrawn = 0.0 if again is None else _energy(_movement(again, before, region))
    energy = (_energy(first) + _energy(second)) / 2 - redrawn
    if energy <= 0:
        return 0.0
    audio = _energy(_movement(otherwise, before, region)) + STILL
    return float(np.sqrt(energy / (energy + audio)))


def _over_chance(first: NDArray[np.float64], second: NDArray[np.float64], moved: int) -> float:
    """How much one movement agrees with the other, ``moved`` frames later, over how much it does at other times."""
    one, other = _strongest(_smoothed(first), _smoothed(second))
    frames = len(one)
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    if size == 0:
        return 0.0
    agreement = [float(one @ np.roll(other, -at)) / size for at in range(frames)]
    # Moved mouths come round: what left at one end of the clip comes in at the other, and so do these.
    known = (0, moved, 2 * moved)
    elsewhere = [
        value
        for at, value in enumerate(agreement)
        if all(min((at - each) % frames, (each - at) % frames) > NEAR for each in known)
    ]
    of_one = max(float(np.quantile(elsewhere, CHANCE)), 0.0)
    of_all = of_one / np.sqrt(PROBED_TOGETHER)
    # Mouths look a little otherwise for having been moved at all, either way: that has an echo below nothing, and must
    # not outweigh what the other clips show.
    return float((max(agreement[moved % frames], -of_one) - of_all) / (1 - of_all))


def _movement(one: Layer, other: Layer, region: Region) -> NDArray[np.float64]:
    """The difference of two videos without its mean over time, (T, P)."""
    difference = (one[:, region].astype(np.float64) - other[:, region]).reshape(len(one), -1)
    return np.asarray(difference - difference.mean(axis=0))


def _energy(movement: NDArray[np.float64]) -> float:
    return float(np.square(movement).mean()) if movement.size else 0.0


def _smoothed(movement: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(sum(weight * np.roll(movement, at - 1, axis=0) for at, weight in enumerate(SMOOTH)))


def _strongest(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How the strongest pattern that both share comes and goes in each, (T,): their first principal component."""
    both = np.concatenate([first, second])
    # Of as many frames as there are, not of thousands of pixels.
    _, vectors = np.linalg.eigh(both @ both.T)
    one, other = np.split(vectors[:, -1], 2)
    return one - one.mean(), other - other.mean()
