"""Several short videos in one call: the same as each alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lipleak.sync.gathered import SPANNED, Gathered


class Sums:
    """A tower whose rows are sums over the five frames of a window; notes how many windows each call had."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.fails = False

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        self.calls.append(len(frames) - SPANNED)
        if self.fails:
            raise RuntimeError("CUDA out of memory")
        levels = frames.reshape(len(frames), -1).astype(np.float32)
        return np.stack([levels[row : row + SPANNED + 1].sum(0) for row in range(len(frames) - SPANNED)])


def video(number: int, windows: int) -> np.ndarray:
    levels = np.random.default_rng(number).integers(0, 256, (windows + SPANNED, 2, 2, 3))
    return levels.astype(np.uint8)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=9), st.randoms(use_true_random=False))
def test_every_video_gets_its_own_rows_in_whatever_order_they_are_asked_for(lengths, order):
    tower = Sums()
    gathered = Gathered(tower, 40)
    videos = [video(number, windows) for number, windows in enumerate(lengths)]
    asked = [*enumerate(gathered.begin(each) for each in videos)]
    order.shuffle(asked)
    for number, embed in asked:
        np.testing.assert_array_equal(embed(), Sums()(videos[number]))
        assert embed() is embed(), "and is computed once"
    assert max(tower.calls) <= 40


def test_short_videos_share_a_call_and_one_that_does_not_fit_begins_another():
    tower = Sums()
    gathered = Gathered(tower, 40)
    begun = [gathered.begin(video(number, 10)) for number in range(4)]
    begun[0]()
    begun[3]()
    assert tower.calls == [10 + 14 + 14, 10]


def test_a_call_that_fails_fails_for_the_one_that_was_asked_for():
    tower = Sums()
    gathered = Gathered(tower, 40)
    first, second = (gathered.begin(video(number, 5)) for number in range(2))
    tower.fails = True
    with pytest.raises(RuntimeError, match="out of memory"):
        first()
    tower.fails = False
    np.testing.assert_array_equal(second(), Sums()(video(1, 5)))
    np.testing.assert_array_equal(first(), Sums()(video(0, 5)))
    assert tower.calls == [14, 5, 5]
