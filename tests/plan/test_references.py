import numpy as np
import pytest

from pytest_lipleak.core.clips import Clip
from pytest_lipleak.core.conditions import Reference
from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.plan.references import STRATEGIES, reference_frames, reference_indices


def speaking(openings: list[int], seed: int = 0) -> Clip:
    """A face whose dark mouth is ``openings`` rows high, frame by frame."""
    random = np.random.default_rng(seed)
    frames = random.integers(150, 170, (len(openings), 100, 100, 3)).astype(np.uint8)
    for frame, rows in zip(frames, openings, strict=True):
        frame[55 - rows : 55 + rows, 42:58] = 20
    return Clip("a", frames, np.zeros(len(openings) * 640, np.int16))


def test_the_current_reference_is_every_frame_itself() -> None:
    clip = speaking([3, 4, 5])
    np.testing.assert_array_equal(reference_frames(clip, Reference.CR, "whatever"), clip.frames)


def test_first_is_frame_0() -> None:
    assert reference_indices(speaking([5, 3, 1]), Reference.AR, "first", seed=9) == [0]


def test_random_is_one_seeded_frame_of_each_clip() -> None:
    clip, other = speaking([4] * 200, seed=1), speaking([4] * 200, seed=2)
    drawn = [reference_indices(clip, Reference.AR, "random", seed) for seed in range(12)]
    assert all(len(indices) == 1 and 0 <= indices[0] < 200 for indices in drawn)
    assert len({indices[0] for indices in drawn}) > 8
    assert drawn == [reference_indices(clip, Reference.AR, "random", seed) for seed in range(12)]
    assert drawn != [reference_indices(other, Reference.AR, "random", seed) for seed in range(12)]


@pytest.mark.parametrize(
    ("frames", "indices"),
    [(101, [0, 25, 50, 75, 100]), (5, [0, 1, 2, 3, 4]), (9, [0, 2, 4, 6, 8]), (3, [0, 1, 2]), (1, [0])],
)
def test_multiple_spreads_five_frames_from_first_to_last(frames: int, indices: list[int]) -> None:
    assert reference_indices(speaking([4] * frames), Reference.AR, "multiple", seed=0) == indices


@pytest.mark.parametrize(("frames", "count"), [(97, 25), (26, 25), (25, 24), (10, 9), (2, 1), (1, 1)])
def test_twenty_five_are_never_one_per_frame(frames: int, count: int) -> None:
    indices = reference_indices(speaking([4] * frames), Reference.AR, "multiple-25", seed=0)
    assert len(set(indices)) == len(indices) == count
    assert indices == sorted(indices)
    assert indices[0] == 0
    assert count == 1 or indices[-1] == frames - 1


@pytest.mark.parametrize("closed", [0, 3, 7])
def test_silent_face_is_the_most_closed_mouth(closed: int) -> None:
    openings = [6, 9, 4, 8, 5, 7, 9, 6]
    openings[closed] = 1
    assert reference_indices(speaking(openings), Reference.AR, "silent-face", seed=0) == [closed]


@pytest.mark.parametrize(("openings", "odd"), [([2, 2, 9, 2, 3, 2], 2), ([8, 9, 8, 9, 8, 1], 5)])
def test_most_dissimilar_is_the_odd_mouth_out(openings: list[int], odd: int) -> None:
    assert reference_indices(speaking(openings), Reference.AR, "most-dissimilar", seed=0) == [odd]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_gives_frames_of_the_clip(strategy: str) -> None:
    clip = speaking([3, 6, 2, 8])
    reference = reference_frames(clip, Reference.AR, strategy, seed=4)
    assert reference.ndim == 4
    assert all(any(np.array_equal(one, frame) for frame in clip.frames) for one in reference)


def test_an_unknown_strategy_lists_the_known() -> None:
    with pytest.raises(ConfigurationError, match="unknown alternative reference 'last'") as caught:
        reference_indices(speaking([3]), Reference.AR, "last", seed=0)
    assert all(name in str(caught.value) for name in STRATEGIES)
