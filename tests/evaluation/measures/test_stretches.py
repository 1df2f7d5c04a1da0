"""Mouths that come from the reference by any map of time are found; mouths that merely change are not."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_lipleak.evaluation.measures.frame_by_frame import share_frame_by_frame
from pytest_lipleak.evaluation.measures.stretches import share_of_stretches
from pytest_lipleak.faces.small_faces import SIDE, lips_region

FRAMES, MOVED = 96, 8
LIPS = lips_region()
GREY = 128.0
Mouths = NDArray[np.float64]


def mouths(seed: int) -> Mouths:
    """Mouths that take six shapes, each as it likes, smoothly and in no rhythm: changes of grey, (T, P)."""
    generator = np.random.default_rng(seed)
    noise = generator.normal(0, 1, (FRAMES, 6))
    smooth = sum(weight * np.roll(noise, at, axis=0) for at, weight in enumerate(np.hanning(7)[1:-1]))
    return np.asarray(14 * smooth @ generator.normal(0, 1, (6, int(LIPS.sum()))) / 6**0.5)


def faces(of: Mouths) -> NDArray[np.uint8]:
    shown = np.full((FRAMES, SIDE, SIDE), GREY)
    shown[:, LIPS] += of
    return np.uint8(np.clip(np.rint(shown), 0, 255))


def found(model: Callable[[Mouths], Mouths], share: float = 1.0) -> float:
    """Probe a model that adds a share of what it makes of the reference's mouths to lips of its own."""
    own, lips = mouths(1), mouths(2)
    given = [np.roll(own, by, axis=0) for by in (0, -MOVED, MOVED)]
    made = (faces((1 - share) * lips + share * model(each)) for each in given)
    return share_of_stretches(*made, *map(faces, given), LIPS)


def backwards_in_windows(own: Mouths) -> Mouths:
    return np.concatenate([own[at : at + 24][::-1] for at in range(0, FRAMES, 24)])


def with_a_growing_lag(own: Mouths) -> Mouths:
    return own[[(at - at // 8) % FRAMES for at in range(FRAMES)]]


MAPS: dict[str, Callable[[Mouths], Mouths]] = {
    "as it is": lambda own: own,
    "late": lambda own: np.roll(own, 20, axis=0),
    "backwards": lambda own: own[::-1],
    "backwards in windows": backwards_in_windows,
    "half speed": lambda own: own[np.arange(FRAMES) // 2],
    "held for a second": lambda own: own[np.arange(FRAMES) // 24 * 24],
    "one mouth for all": lambda own: np.repeat(own[:1], FRAMES, axis=0),
    "a lag that grows": with_a_growing_lag,
    "its sign turning": lambda own: own * np.where(np.arange(FRAMES) // 12 % 2, 1, -1)[:, None],
}


@pytest.mark.parametrize("name", MAPS)
def test_any_map_of_time_is_found_by_its_share(name: str) -> None:
    """.12 is the limit of the default gate; the shares are those of a copy, less what stretches cannot show."""
    assert found(MAPS[name], 0.5) >= 0.3
    assert found(MAPS[name], 0.25) == pytest.approx(found(MAPS[name], 0.5) / 2, abs=0.05)
    assert found(MAPS[name]) <= 1


def test_a_whole_copy_is_one() -> None:
    assert found(MAPS["as it is"]) == pytest.approx(1, abs=0.01)


def test_lips_that_answer_with_other_lips_come_from_no_stretch() -> None:
    """As a draw, or a lookup that finds something else: they change as much as any copy."""
    drawn = iter(range(3, 6))
    assert found(lambda _: mouths(next(drawn))) < 0.02


def test_lips_that_know_nothing_of_the_reference_are_nothing() -> None:
    assert found(lambda own: own, 0) == 0
    still = faces(np.zeros_like(mouths(1)))
    assert (
        share_of_stretches(faces(mouths(1)), faces(mouths(2)), faces(mouths(3)), still, still, still, LIPS)
        == 0
    )


def test_what_grain_hides_in_single_frames_a_stretch_shows() -> None:
    """As compression does: what was made is written with losses, each time with other ones."""
    own, lips = mouths(1), mouths(2)
    given = [np.roll(own, by, axis=0) for by in (0, -MOVED, MOVED)]
    grain = np.random.default_rng(3)
    made = [faces(0.6 * lips + 0.4 * each[::-1] + grain.normal(0, 5, each.shape)) for each in given]
    rest = (*made, *map(faces, given), LIPS)
    assert share_frame_by_frame(*rest) < 0.12 < share_of_stretches(*rest)


def test_fewer_frames_than_a_stretch_say_nothing() -> None:
    short = [faces(mouths(seed))[:5] for seed in range(6)]
    assert share_of_stretches(*short, LIPS) == 0
