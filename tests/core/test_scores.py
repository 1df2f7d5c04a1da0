import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lipleak.core.scores import SyncScore

distances = st.lists(st.floats(0, 100), min_size=31, max_size=31).map(tuple)


@given(distances)
def test_confidence_and_distance_add_up_to_the_median(means: tuple[float, ...]) -> None:
    score = SyncScore(means, windows=50)
    assert score.lse_d == min(means)
    assert score.lse_c + score.lse_d == pytest.approx(statistics.median(means))
    assert score.lse_c >= 0


@pytest.mark.parametrize("shift", range(-15, 16))
def test_offset_is_minus_the_best_shift(shift: int) -> None:
    # Index j is shift j - 15 of the audio against the video; SyncNet prints 15 - argmin.
    means = [10.0] * 31
    means[shift + 15] = 6.5
    score = SyncScore(tuple(means), windows=50)
    assert score.offset == -shift
    assert (score.lse_c, score.lse_d) == (3.5, 6.5)
    assert (score.distance_at(-shift), score.confidence_at(-shift)) == (6.5, 3.5)


def test_a_known_offset_that_fits_worse_has_negative_confidence() -> None:
    means = [8.0] * 31
    means[15], means[20] = 6.0, 9.0
    score = SyncScore(tuple(means), windows=50)
    assert score.distance_at(-5) == 9.0
    assert score.confidence_at(-5) == -1.0


@pytest.mark.parametrize("means", [(1.0,) * 30, (1.0,) * 32, ()])
def test_anything_but_31_distances_is_refused(means: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=f"{len(means)} mean distances, expected 31"):
        SyncScore(means, windows=5)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("place", [0, 17, 30])
def test_a_score_is_never_built_from_what_is_no_number(bad: float, place: int) -> None:
    means = [7.0] * 31
    means[place] = bad
    with pytest.raises(ValueError, match="NaN or infinity"):
        SyncScore(tuple(means), windows=5)


@given(distances)
def test_the_rival_is_the_best_offset_more_than_two_frames_away(means: tuple[float, ...]) -> None:
    score = SyncScore(means, windows=50)
    far = [offset for offset in range(-15, 16) if abs(offset - score.offset) > 2]
    assert score.rival in far
    assert score.distance_at(score.rival) == min(map(score.distance_at, far))
