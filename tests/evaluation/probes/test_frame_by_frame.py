"""Mouths that were given and come out in whatever order are found; mouths that merely change are not."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_lipleak.evaluation.probes import frame_by_frame
from pytest_lipleak.evaluation.probes.frame_by_frame import share_frame_by_frame
from pytest_lipleak.evaluation.probes.stretches import share_of_stretches
from pytest_lipleak.faces.small_faces import SIDE, lips_region

FRAMES, MOVED = 96, 8
LIPS = lips_region()
GREY = 128.0
Mouths = NDArray[np.float64]
Measure = Callable[..., float]


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


def found(
    model: Callable[[Mouths], Mouths],
    share: float = 1.0,
    measure: Measure = share_frame_by_frame,
    **how: bool,
) -> float:
    """Probe a model that adds a share of what it makes of the mouths given to lips of its own."""
    own, lips = mouths(1), mouths(2)
    given = [np.roll(own, by, axis=0) for by in (0, -MOVED, MOVED)]
    made = (faces((1 - share) * lips + share * model(each)) for each in given)
    return measure(*made, *map(faces, given), LIPS, **how)


def backwards_in_windows(own: Mouths) -> Mouths:
    return np.concatenate([own[at : at + 24][::-1] for at in range(0, FRAMES, 24)])


def with_a_growing_lag(own: Mouths) -> Mouths:
    return own[[(at - at // 8) % FRAMES for at in range(FRAMES)]]


DRAWS = np.random.default_rng(7)
SIGNS = DRAWS.choice([-1, 1], (FRAMES, 1))
ORDER = DRAWS.integers(FRAMES, size=FRAMES)
NEAR = (np.arange(FRAMES) + DRAWS.integers(-6, 7, FRAMES)) % FRAMES

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
    "a sign drawn for every frame": lambda own: own * SIGNS,
    "a frame drawn for every frame": lambda own: own[ORDER],
    "within a quarter of a second": lambda own: own[NEAR],
    "double speed": lambda own: own[2 * np.arange(FRAMES) % FRAMES],
    "two and a half times as fast, backwards": lambda own: own[::-1][5 * np.arange(FRAMES) // 2 % FRAMES],
}


IN_ORDER = list(MAPS)[:9]
"""Maps that keep an order for a third of a second, so that stretches show them, too."""

CASES = [(share_frame_by_frame, name) for name in MAPS] + [(share_of_stretches, name) for name in IN_ORDER]


@pytest.mark.parametrize(("measure", "name"), CASES, ids=lambda each: getattr(each, "__name__", each))
def test_any_map_of_time_is_found_by_its_share(measure: Measure, name: str) -> None:
    """.12 is the default limit; the shares are those of a copy, less what mouths that do not move cannot show."""
    half = found(MAPS[name], 0.5, measure)
    assert half >= 0.3
    assert found(MAPS[name], 0.25, measure) == pytest.approx(half / 2, abs=0.05)
    assert found(MAPS[name], 1, measure) <= 1


def test_one_frame_that_is_shown_all_the_time_counts_of_a_reference_alone() -> None:
    assert found(MAPS["one mouth for all"], still_counts=False) == 0
    assert found(MAPS["held for a second"], 0.5, still_counts=False) >= 0.2
    for name in ("as it is", "half speed", "double speed", "a frame drawn for every frame"):
        assert found(MAPS[name], 0.5, still_counts=False) >= 0.35


BOTH = pytest.mark.parametrize("measure", [share_frame_by_frame, share_of_stretches])


@BOTH
def test_a_whole_copy_is_one(measure: Measure) -> None:
    assert found(MAPS["as it is"], 1, measure) == pytest.approx(1, abs=0.01)


@BOTH
def test_lips_that_answer_with_other_lips_come_from_nowhere(measure: Measure) -> None:
    """As a draw, or a lookup that finds something else: they change as much as any copy."""
    drawn = iter(range(3, 6))
    assert found(lambda _: mouths(next(drawn)), 1, measure) < 0.02


@BOTH
def test_lips_that_know_nothing_of_what_was_given_are_nothing(measure: Measure) -> None:
    assert found(lambda own: own, 0, measure) == 0
    still = faces(np.zeros_like(mouths(1)))
    assert measure(*(faces(mouths(seed)) for seed in (1, 2, 3)), still, still, still, LIPS) == 0


def test_what_grain_hides_in_single_frames_a_stretch_shows() -> None:
    """As compression does: what was made is written with losses, each time with other ones."""
    own, lips = mouths(1), mouths(2)
    given = [np.roll(own, by, axis=0) for by in (0, -MOVED, MOVED)]
    grain = np.random.default_rng(3)
    made = [faces(0.6 * lips + 0.4 * each[::-1] + grain.normal(0, 5, each.shape)) for each in given]
    rest = (*made, *map(faces, given), LIPS)
    assert share_frame_by_frame(*rest) < 0.12 < share_of_stretches(*rest)


def test_fewer_frames_than_a_stretch_say_nothing_of_stretches() -> None:
    assert share_of_stretches(*(faces(mouths(seed))[:5] for seed in range(6)), LIPS) == 0


def test_a_long_clip_is_compared_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = found(MAPS["backwards"], 0.5)
    monkeypatch.setattr(frame_by_frame, "AT_ONCE", 7)
    assert found(MAPS["backwards"], 0.5) == pytest.approx(at_once, rel=1e-5)


def test_one_frame_is_enough_and_none_says_nothing() -> None:
    one = [faces(mouths(seed))[:1] for seed in (1, 2, 3)]
    assert share_frame_by_frame(*one, *one, LIPS) == pytest.approx(1, abs=1e-6)
    assert share_frame_by_frame(*(each[:0] for each in one * 2), LIPS) == 0
