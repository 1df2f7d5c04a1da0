"""What one still reference gives in pairs of clips, on answers that are known."""

import numpy as np
import pytest

from pytest_lipleak.media.clipsets import ClipSet, open_clips
from pytest_lipleak.sync.embedded import EmbeddedExpert
from research.known_guilt.generator import KnownGuilt
from research.known_guilt.measuring import Bench
from research.known_guilt.still_moments import (
    LIMIT,
    OF_FEW_MOODS,
    Answers,
    accused,
    all_answers,
    answers,
    joined,
    leaky,
    value,
)

FRAMES, FULL = 40, 40 * 25.0
STILL = np.zeros(FRAMES)


def shown(share: float, frames: int) -> Answers:
    """A picture that is shown in so many frames by a model that repeats itself."""
    changed = STILL.copy()
    changed[:frames] = 25 * share
    return Answers(changed, (STILL,), FULL)


def test_a_picture_counts_by_the_frames_in_which_it_is_shown():
    pair = [shown(1.0, 10), shown(1.0, 10)]
    assert value(pair) == pytest.approx(1.0)
    assert value(pair, moments=1.0) == pytest.approx(0.25)
    assert value([shown(0.4, 5), shown(0.4, 5)]) == pytest.approx(0.2)


def test_pairs_are_counted_that_break_the_limit():
    three = [shown(1.0, 10), shown(0.0, 10), shown(0.0, 10)]
    assert accused(three, 0.25, 3) == (2, 3)
    assert accused(three, 1.0, 3) == (2, 3)
    assert accused([shown(LIMIT * 3.9, 10)] * 2, 1.0, 3) == (0, 1)


def test_what_chance_gives_is_taken_off_as_often_as_is_said():
    draw = np.random.default_rng(2)
    drawn = [
        Answers(25 * draw.normal(0, 0.1, FRAMES), (25 * draw.normal(0, 0.1, FRAMES),), FULL)
        for _ in range(12)
    ]
    broken = [accused(drawn, 0.25, times)[0] for times in (0, 1, 3)]
    assert broken == sorted(broken, reverse=True)
    assert broken[0] == 66
    assert broken[-1] == 0


def test_one_answer_that_is_alike_by_luck_accuses_nobody():
    """A model that opens the mouth otherwise at every call: its first two answers are alike, the third is not."""
    changed, alike, other = STILL + 25 * 0.4, STILL + 25 * 0.0005, STILL + 25 * 0.3
    assert value([Answers(changed, (alike,), FULL)] * 2) == pytest.approx(0.4, abs=0.01)
    assert value([Answers(changed, (alike, changed, other), FULL)] * 2) == pytest.approx(0.0)
    assert value([Answers(changed, (alike, alike, changed), FULL, draws=True)] * 2) == pytest.approx(0.0)
    assert value([Answers(changed, (alike,) * 7, FULL, draws=True)] * 2) == pytest.approx(0.4, abs=0.01)


def test_answers_are_joined_as_is_said():
    """The picture is shown, the first answer to the same is another one, the second is alike, the third another one."""
    changed, other = STILL + 25 * 0.4, STILL + 25 * 0.3
    pair = [Answers(changed, (other, STILL, other), FULL), shown(0.0, 10)]
    broken = {way: count for way, (count, _) in joined([pair]).items()}
    assert broken == dict.fromkeys(broken, 0)
    always = [Answers(changed, (STILL, STILL, STILL), FULL)] * 2
    assert set(joined([always, always]).values()) == {(2, 2)}
    late = joined([[Answers(changed, (STILL, other, other), FULL, draws=True), shown(0.0, 10)]])
    assert late["the product"] == (0, 1), "its clips say that it draws, so it is asked on"
    assert late["the least of three, until one is alike"] == (1, 1)
    assert late["beyond the nearest of three where one comes twice"] == (0, 1)
    shows = [Answers(STILL, (STILL, other), FULL, (changed,)), shown(0.0, 10)]
    assert joined([shows])["the product"] == (0, 1), "nothing is found, so nothing is asked"
    some = Answers(STILL + 25 * 0.2, (STILL, STILL + 25 * 0.2), FULL, (STILL + 25 * 0.9,), draws=True)
    assert joined([[some, shown(0.0, 10)]])["the product"] == (1, 1), "in its second call"


def test_every_answer_of_a_generator_of_few_is_made_and_drawn():
    whole = open_clips("embedded")
    clips = ClipSet([whole.files[name] for name in ("anna_1", "anna_2", "mara_1", "mara_2")], "four")
    bench = Bench(clips, EmbeddedExpert(), "same-speaker")
    bench.real = {"anna_1": bench.real["anna_1"]}
    ((name, two),) = all_answers(bench, KnownGuilt(OF_FEW_MOODS[0]), 2)
    assert name == "anna_1"
    assert [bool(np.any(each)) for each in two.same] == [False, True]
    assert [np.diag(each).all() for each in two.alike] == [True, True]
    assert not two.alike[0][0, 1]
    for same, changed in zip(two.same, two.changed, strict=True):
        assert changed == pytest.approx(same), "an honest one gives the same answers to another mouth"
    drawn = [two.draw(np.random.default_rng(seed)) for seed in range(40)]
    assert 25 < sum(each.draws for each in drawn) < 36, "three in four"
    assert {len(each.again) for each in drawn} == {7}


def test_a_generator_that_shows_its_picture_in_pauses_answers_there_alone():
    whole = open_clips("embedded")
    clips = ClipSet([whole.files[name] for name in ("anna_1", "anna_2", "mara_1", "mara_2")], "four")
    bench = Bench(clips, EmbeddedExpert(), "same-speaker")
    member = next(each for each in leaky() if each.name == "in pauses of the driving speech")
    (found,) = answers(bench, KnownGuilt(member), ["anna_1"])
    pauses = bench.real["anna_1"].pauses
    assert not np.any(found.again)
    assert found.changed[pauses].mean() > 5 * abs(found.changed[~pauses].mean())
