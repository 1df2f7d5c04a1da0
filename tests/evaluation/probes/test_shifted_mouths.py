"""What arrives of moved mouths: a known share at a known lag is read back, anything else is nothing."""

from types import SimpleNamespace

import numpy as np
import pytest

from pytest_lipleak.core.clips import Clip
from pytest_lipleak.core.errors import UnscorableError
from pytest_lipleak.core.metrics.formulas import AROUND, LATE, PAUSE, SYNC
from pytest_lipleak.core.scores import LAGS
from pytest_lipleak.evaluation.probes.probes import Zones, followed
from pytest_lipleak.evaluation.probes.shifted_mouths import (
    FAR_LAGS,
    LEAST_OVERLAP,
    LEAST_TOLD,
    Arrival,
    Given,
    Output,
    arrivals,
    arrived,
    sync_moved,
    told_from_chance,
)
from pytest_lipleak.faces.mouth_swap import around_lips
from pytest_lipleak.faces.small_faces import SIDE, lips_region

NOISE = np.random.default_rng(11)
GIVEN, CHANGED, OUTPUT = (NOISE.integers(60, 200, (60, SIDE, SIDE)).astype(np.uint8) for _ in range(3))
REGION = lips_region()


@pytest.mark.parametrize(("share", "lag"), [(1.0, 0), (0.3, 4), (0.5, -6)])
def test_a_share_arrives_at_its_lag(share: float, lag: int) -> None:
    before, after = (
        (1 - share) * OUTPUT.astype(float) + share * np.roll(source.astype(float), lag, axis=0)
        for source in (GIVEN, CHANGED)
    )
    found, full = arrived(np.uint8(np.rint(before)), np.uint8(np.rint(after)), GIVEN, CHANGED, REGION)
    assert LAGS[int(found.argmax())] == lag
    assert found.max() / full == pytest.approx(share, abs=0.03)


def test_outside_of_the_region_nothing_is_looked_at() -> None:
    after = np.where(REGION, OUTPUT, CHANGED)
    found, full = arrived(OUTPUT, after, GIVEN, CHANGED, REGION)
    assert full > 0
    assert not found.any()


def test_a_model_that_samples_anew_shows_next_to_nothing() -> None:
    again = np.clip(OUTPUT + NOISE.normal(0, 10, OUTPUT.shape), 0, 255).astype(np.uint8)
    found, full = arrived(OUTPUT, again, GIVEN, CHANGED, REGION)
    assert np.abs(found).max() < 0.02 * full


def dip(offset: int, depth: float) -> np.ndarray:
    means = np.full(31, 10.0)
    means[15 - offset] -= depth
    return means


@pytest.mark.parametrize(("share", "lag"), [(1.0, 0), (0.4, 3)])
def test_moved_sync_reads_as_its_share(share: float, lag: int) -> None:
    real = dip(1, 4.0)
    moved, full = sync_moved(dip(1 + lag, 4 * share), dip(1 + lag - 8, 4 * share), real, 8)
    assert LAGS[int(moved.argmax())] == lag
    assert moved.max() / full == pytest.approx(share, abs=0.01)


def test_sync_that_stays_is_nothing_and_the_other_way_is_negative() -> None:
    real = dip(0, 4.0)
    moved, full = sync_moved(real, real, real, 8)
    assert full > 0
    assert not moved.any()
    other, _ = sync_moved(dip(-8, 1.0), dip(0, 1.0), real, 8)
    assert other[LAGS.index(0)] < 0


def output(faces: np.ndarray) -> Output:
    return Output(np.clip(np.rint(faces), 0, 255).astype(np.uint8), dip(0, 1.0)[None])


def arrived_of(
    before: Output, after: Output, given: Given, again: Output | None = None
) -> dict[str, Arrival]:
    """What arrives of mouths that were moved one way; of the other way nothing is said."""
    return arrivals(before, after, given, None, again)


def test_a_leak_in_pauses_alone_is_seen_in_them_alone() -> None:
    pauses = np.arange(60) % 20 >= 12
    given = Given(GIVEN, CHANGED, REGION, dip(0, 4.0), 8, pauses=pauses)
    leak = pauses[:, None, None] * 0.6
    before, after = ((1 - leak) * OUTPUT + leak * source for source in (GIVEN, CHANGED))
    found = arrived_of(output(before), output(after), given)
    assert found[PAUSE].found / found[PAUSE].full == pytest.approx(0.6, abs=0.05)
    assert found[""].found / found[""].full < 0.05
    assert found[SYNC].found == 0


def test_chance_of_a_model_that_samples_anew_is_taken_off_and_the_leak_stays() -> None:
    """Noise that is alike over frames and pixels, as other lips are: its best lag looks like a share of a copy."""
    draw = np.random.default_rng(5)

    def lips() -> np.ndarray:
        return 40 * np.convolve(draw.normal(0, 1, 80), np.ones(6) / 6**0.5, "same")[10:70, None, None]

    moving = lips()
    faces, changed = (
        np.clip(np.rint(100 + each + 0 * GIVEN), 0, 255).astype(np.uint8)
        for each in (moving, np.roll(moving, 8, 0))
    )
    given = Given(faces, changed, REGION, dip(0, 4.0), 8)
    by_chance, over_chance, leaks = [], [], []
    for _ in range(40):
        before, again, after = (100 + 0.5 * lips() + 0 * GIVEN for _ in range(3))
        known = arrived_of(output(before), output(after), given, output(again))[""]
        by_chance.append(float(known.curve.max()) / known.full)
        over_chance.append(known.found / known.full)
        copied = arrived_of(
            output(before + 0.6 * (faces - 100.0)),
            output(after + 0.6 * (changed - 100.0)),
            given,
            output(again + 0.6 * (faces - 100.0)),
        )[""]
        leaks.append(copied.found / copied.full)
    assert np.mean(by_chance) > 0.15
    assert np.mean(over_chance) < 0.3 * np.mean(by_chance)
    assert np.mean(leaks) > 0.25


@pytest.mark.parametrize(("period", "told"), [(10, False), (12.5, False), (None, True)])
def test_a_copy_of_a_mouth_that_keeps_a_beat_cannot_be_told_from_chance(
    period: float | None, told: bool
) -> None:
    if period is None:
        opening = np.convolve(np.random.default_rng(3).normal(0, 1, 106), np.ones(7) / 7**0.5, "valid")
    else:
        opening = np.sin(2 * np.pi * np.arange(100) / period)
    faces = np.uint8(np.rint(120 + 40 * np.clip(opening, -2, 2)[:, None, None] * REGION))
    changed = np.roll(faces, -8, axis=0)
    assert (told_from_chance(faces, changed, REGION) >= LEAST_TOLD) is told
    assert told_from_chance(faces, faces, REGION) == 0, "nothing was changed"


def test_a_probe_of_a_mouth_that_keeps_a_beat_is_refused() -> None:
    opening = np.sin(2 * np.pi * np.arange(100) / 10)
    faces = np.uint8(np.rint(120 + 40 * opening[:, None, None] * REGION))
    frames = np.repeat(faces[..., None], 3, axis=3)
    made = SimpleNamespace(faces=lambda _: faces, cropper=lambda _: iter)
    probed = SimpleNamespace(clip=Clip("beat", frames, np.zeros(640 * 100, np.int16)), artefacts=made)
    with pytest.raises(UnscorableError, match=r"one rhythm: beside chance \d+% of a complete copy"):
        followed("REF_shift", probed, None, [np.roll(frames, -8, axis=0)], 8, Zones(REGION, None))  # type: ignore[arg-type]


def test_another_still_mouth_is_no_movement_that_followed() -> None:
    given = Given(GIVEN, CHANGED, REGION, dip(0, 4.0), 8)
    still, other = (np.broadcast_to(each, GIVEN.shape) for each in (GIVEN[3], CHANGED[3]))
    found = arrived_of(output(still), output(other), given)[""]
    assert found.found / found.full < 0.01


def test_another_answer_that_does_not_follow_is_chance() -> None:
    """Honest lips that look otherwise because the input does, and move as they did before."""
    draw = np.random.default_rng(8)
    followed = []
    for _ in range(30):
        own, driven = (
            np.convolve(draw.normal(0, 1, 80), np.ones(6), "same")[10:70, None, None] for _ in range(2)
        )
        faces, changed = (
            np.uint8(np.rint(np.clip(100 + 8 * each + 0 * GIVEN, 0, 255)))
            for each in (own, np.roll(own, 8, 0))
        )
        given = Given(faces, changed, REGION, dip(0, 4.0), 8)
        lips = [output(100 + share * driven + 0 * GIVEN) for share in (8, 14)]
        found = arrived_of(*lips, given)[""]
        assert found.curve.max() / found.full > found.found / found.full
        followed.append(found.found / found.full)
    assert np.mean(followed) < 0.1


def test_chin_and_cheeks_are_looked_at_for_themselves() -> None:
    given = Given(GIVEN, CHANGED, REGION, dip(0, 4.0), 8, around_lips())
    before, after = (np.where(around_lips(), source, OUTPUT) for source in (GIVEN, CHANGED))
    found = arrived_of(output(before), output(after), given)
    assert found[AROUND].found / found[AROUND].full == pytest.approx(1, abs=0.02)
    assert found[""].found == 0
    beside = arrived_of(output(OUTPUT), output(OUTPUT), given)
    assert all(each.found == 0 for each in beside.values())


def test_a_copy_that_comes_more_than_a_second_late_is_found() -> None:
    given = Given(GIVEN, CHANGED, REGION, dip(0, 4.0), 8)
    before, after = (np.roll(source, 30, axis=0) for source in (GIVEN, CHANGED))
    found = arrived_of(output(before), output(after), given)
    assert found[LATE].found / found[LATE].full > 0.9
    assert found[""].found < 0.05 * found[""].full


def test_sync_that_moves_with_unrelated_speech_as_well_is_chance() -> None:
    given = Given(GIVEN, CHANGED, REGION, dip(0, 4.0), 8)
    still, moved = dip(0, 1.0), dip(-8, 1.0)
    lips = np.uint8(OUTPUT)
    alone = arrived_of(Output(lips, np.stack([still])), Output(lips, np.stack([moved])), given)[SYNC]
    assert alone.found / alone.full == pytest.approx(0.25, abs=0.01)
    rows = [np.stack([each] * 4) for each in (still, moved)]
    assert arrived_of(Output(lips, rows[0]), Output(lips, rows[1]), given)[SYNC].found == 0


@pytest.mark.parametrize("frames", [32, 40, 49])
def test_clips_shorter_than_the_farthest_lag_are_looked_at_where_they_overlap(frames: int) -> None:
    given, changed = GIVEN[:frames], CHANGED[:frames]
    curve, full = arrived(given, changed, given, changed, REGION, lags=FAR_LAGS)
    common = frames - np.abs(list(FAR_LAGS))
    assert curve[list(FAR_LAGS).index(0)] == pytest.approx(full, rel=1e-4)
    assert not curve[common < LEAST_OVERLAP].any()
    assert curve[common >= LEAST_OVERLAP].all()
