from collections.abc import Callable, Iterator

import numpy as np
import pytest
from clip_sets import SpokenSet
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lipleak.core.errors import InputError
from pytest_lipleak.plan.pairing import ANY_SPEAKER, SAME_SPEAKER, drawn_partners, mismatched_pairs

RULES = (ANY_SPEAKER, SAME_SPEAKER)


def speech(number: int, length: int) -> np.ndarray:
    return np.full(length, number, np.int16)


def clip_set(parts: list[tuple[int, int, str | None]]) -> SpokenSet:
    """A set from (speech number, length, speaker) of each clip."""
    names = [f"clip{index}" for index in range(len(parts))]
    return SpokenSet(
        {name: speech(number, length) for name, (number, length, _) in zip(names, parts, strict=True)},
        {name: speaker for name, (_, _, speaker) in zip(names, parts, strict=True)},
    )


sets = st.lists(
    st.tuples(st.integers(1, 5), st.sampled_from([640, 6400, 12_800]), st.sampled_from(["ann", "bob", None])),
    min_size=2,
    max_size=7,
).map(clip_set)


def may_drive(clips: SpokenSet, rule: str) -> Callable[[str, str], bool]:
    """Whether one clip may be driven by another's audio, by the rules as the protocol words them."""

    def allowed(clip: str, partner: str) -> bool:
        if clip == partner or np.array_equal(clips.speeches[clip], clips.speeches[partner]):
            return False
        speakers = clips.files[clip].speaker, clips.files[partner].speaker
        return rule == ANY_SPEAKER or (speakers[0] is not None and speakers[0] == speakers[1])

    return allowed


def derangements(names: list[str], allowed: Callable[[str, str], bool]) -> Iterator[dict[str, str]]:
    """All assignments of a partner of its own to every clip, by trying."""
    if not names:
        yield {}
        return

    def extend(index: int, used: frozenset[str]) -> Iterator[dict[str, str]]:
        if index == len(names):
            yield {}
            return
        for partner in names:
            if partner not in used and allowed(names[index], partner):
                for rest in extend(index + 1, used | {partner}):
                    yield {names[index]: partner, **rest}

    yield from extend(0, frozenset())


@settings(max_examples=150)
@given(sets, st.sampled_from(RULES), st.integers(0, 5))
def test_every_clip_is_driven_by_other_speech(clips: SpokenSet, rule: str, seed: int) -> None:
    names, allowed = list(clips), may_drive(clips, rule)
    lonely = [name for name in names if not any(allowed(name, other) for other in names)]
    if lonely:
        with pytest.raises(InputError, match="has no partner for XM"):
            mismatched_pairs(clips, seed, rule)
        return
    pairs = mismatched_pairs(clips, seed, rule)
    assert list(pairs) == names
    assert all(allowed(clip, partner) for clip, partner in pairs.items())
    assert pairs == mismatched_pairs(clips, seed, rule), "the same clips and seed give the same pairs"
    if next(derangements(names, allowed), None):
        assert len(set(pairs.values())) == len(names), "a permutation exists, so no speech is used twice"


@settings(max_examples=150)
@given(sets, st.integers(0, 5))
def test_partners_are_long_enough_wherever_all_can_be(clips: SpokenSet, seed: int) -> None:
    lengths = {name: len(clips.speeches[name]) for name in clips}
    allowed = may_drive(clips, ANY_SPEAKER)

    def long_enough(clip: str, partner: str) -> bool:
        return allowed(clip, partner) and lengths[partner] >= lengths[clip]

    if next(derangements(list(clips), long_enough), None):
        pairs = mismatched_pairs(clips, seed)
        assert all(lengths[partner] >= lengths[clip] for clip, partner in pairs.items())


def test_order_of_the_clips_on_disk_does_not_matter() -> None:
    speeches = {f"clip{index}": speech(index, 640) for index in range(9)}
    backwards = dict(reversed(speeches.items()))
    assert mismatched_pairs(SpokenSet(speeches), 3) == mismatched_pairs(SpokenSet(backwards), 3)


def test_the_seed_draws_other_pairs() -> None:
    clips = SpokenSet({f"clip{index}": speech(index, 640) for index in range(12)})
    drawn = {tuple(mismatched_pairs(clips, seed).items()) for seed in range(6)}
    assert len(drawn) == 6


def test_the_draw_is_the_same_on_every_machine() -> None:
    clips = SpokenSet({name: speech(ord(name), 640) for name in "abcdef"})
    assert mismatched_pairs(clips, 0) == PINNED


PINNED = {"a": "b", "b": "a", "c": "e", "d": "f", "e": "c", "f": "d"}
"""Published results name their seed; what it draws must not change between versions."""


@pytest.mark.parametrize(
    ("clips", "rule", "words"),
    [
        (clip_set([(1, 640, "ann")]), ANY_SPEAKER, "1 clip has no partner for the XM setup"),
        (
            clip_set([(1, 640, "ann"), (1, 640, "bob")]),
            ANY_SPEAKER,
            "all other clips contain the same speech (one recording, or one text), or none",
        ),
        (clip_set([(1, 640, "ann"), (2, 640, None)]), SAME_SPEAKER, "no other clip of speaker 'ann'"),
        (clip_set([(1, 640, None), (2, 640, None)]), SAME_SPEAKER, "its speaker is unknown"),
        (
            clip_set([(1, 640, "ann"), (2, 640, "ann"), (3, 640, "bob"), (3, 640, "bob")]),
            SAME_SPEAKER,
            "no other clip of speaker 'bob' says something else",
        ),
    ],
)
def test_a_clip_without_a_partner_says_why(clips: SpokenSet, rule: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        mismatched_pairs(clips, 0, rule)
    assert words in str(caught.value)
    assert str(caught.value).startswith("the set: ")


def test_a_speech_is_used_twice_only_where_it_must_be() -> None:
    # Three clips of one speech can only be driven by the two others.
    pairs = mismatched_pairs(clip_set([(1, 640, None)] * 3 + [(2, 640, None), (3, 640, None)]), 0)
    assert {pairs[f"clip{index}"] for index in range(3)} <= {"clip3", "clip4"}


@given(clips=sets, rule=st.sampled_from(RULES), seed=st.integers(0, 3), count=st.integers(1, 3))
def test_further_partners_are_drawn_after_the_first(
    clips: SpokenSet, rule: str, seed: int, count: int
) -> None:
    allowed = may_drive(clips, rule)
    try:
        first = mismatched_pairs(clips, seed, rule)
        found = drawn_partners(clips, seed, rule, count)
    except InputError:
        # Only where some clip has not so many other speeches.
        others = [
            {clips.speeches[other].tobytes() for other in clips if allowed(clip, other)} for clip in clips
        ]
        assert min(map(len, others)) < count or len(others) < 2 or clips.copies
        return
    assert {clip: names[0] for clip, names in found.items()} == first
    assert found == drawn_partners(clips, seed, rule, count)
    for clip, names in found.items():
        assert len(names) == count
        assert all(allowed(clip, name) for name in names)
        assert len({clips.speeches[name].tobytes() for name in names}) == count, (
            "no speech drives a clip twice"
        )


def test_a_clip_without_so_many_partners_is_named() -> None:
    clips = clip_set([(1, 640, None), (2, 640, None), (3, 640, None)])
    assert all(len(names) == 2 for names in drawn_partners(clips, 0, ANY_SPEAKER, 2).values())
    with pytest.raises(
        InputError, match=r"has 2 partners for XM, expected more.*ask for 2 with --lipleak-partners"
    ):
        drawn_partners(clips, 0, ANY_SPEAKER, 3)


def test_each_of_three_partners_is_a_derangement() -> None:
    clips = clip_set([(number, 640, None) for number in range(1, 13)])
    for seed in range(5):
        found = drawn_partners(clips, seed, ANY_SPEAKER, 3)
        for place in range(3):
            assert sorted(names[place] for names in found.values()) == sorted(clips)
