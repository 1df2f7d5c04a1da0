"""Unrelated speech: whose it is, how it is cut, and that each recording is embedded once."""

import numpy as np
import pytest
from clip_sets import SpokenSet
from hypothesis import given
from hypothesis import strategies as st

from pytest_lipleak.core.clips import Audio
from pytest_lipleak.evaluation.make.unrelated_speech import (
    AUDIOS,
    ENOUGH,
    MIN_START_DISTANCE,
    NEAREST,
    UnrelatedSpeech,
    beginnings,
)
from pytest_lipleak.sync.score import score


def speeches(count: int, windows: int = 100) -> dict[str, Audio]:
    generator = np.random.default_rng(0)
    return {f"clip{n}": generator.integers(-9000, 9000, 640 * windows).astype(np.int16) for n in range(count)}


class Ear:
    """An expert's ear that remembers what it heard; each row tells recording and time."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def __call__(self, audio: Audio) -> np.ndarray:
        self.heard.append(audio.tobytes())
        return np.random.default_rng(int(audio[:9].astype(int).sum()) % 2**32).normal(
            size=(len(audio) // 640, 8)
        )


def test_recordings_are_embedded_once_for_all_clips() -> None:
    clips, ear = SpokenSet(speeches(12)), Ear()
    unrelated = UnrelatedSpeech(clips, ear, seed=0)
    for name in clips:
        null = unrelated.scores(ear(clips.speech(name)), name, 0)
        assert (len(null.at_offset), len(null.free), null.recordings) == (11, 11, 11)
        ear.heard.pop(0 if len(ear.heard) > 12 else -1)
    assert len(ear.heard) == len(set(ear.heard)) == 12


def test_each_null_score_is_the_score_against_that_recording() -> None:
    clips, ear = SpokenSet(speeches(9)), Ear()
    video = ear(clips.speech("clip3"))
    null = UnrelatedSpeech(clips, ear, seed=0).scores(video, "clip3", 2, but=["clip5"])
    others = [score(video, ear(clips.speech(n))) for n in clips if n not in ("clip3", "clip5")]
    # Fewer than enough recordings: each comes first from its beginning, then shifted.
    for other in others:
        assert other.confidence_at(2) == pytest.approx(
            min(null.at_offset, key=lambda s: abs(s - other.confidence_at(2)))
        )
        assert other.lse_c == pytest.approx(min(null.free, key=lambda s: abs(s - other.lse_c)))
    assert (null.recordings, len(null.free)) == (7, AUDIOS)


def test_own_and_driving_speech_are_never_unrelated_whatever_their_name() -> None:
    spoken = speeches(3)
    clips, ear = SpokenSet(spoken | {"copy": spoken["clip0"]}), Ear()
    unrelated = UnrelatedSpeech(clips, ear, seed=0)
    assert len(unrelated.pool) == 3, "the same speech twice is one recording"
    assert unrelated.scores(ear(spoken["clip0"]), "copy", 0).recordings == 2
    alone = unrelated.scores(ear(spoken["clip0"]), "clip0", 0, but=["clip1", "clip2"])
    assert (alone.at_offset, alone.free, alone.recordings) == ((), (), 0)


@given(st.lists(st.integers(1, 400), max_size=14), st.integers(1, 60))
def test_stretches_begin_far_enough_from_each_other(lengths: list[int], count: int) -> None:
    starts = beginnings(lengths, count)
    assert sum(map(len, starts)) <= count
    for length, of_one in zip(lengths, starts, strict=True):
        if len(of_one):
            assert of_one[0] == 0
            assert (len(lengths) < ENOUGH) or len(of_one) == 1
            circular = np.diff([*of_one[1:], of_one[1] + length]) if len(of_one) > 1 else [MIN_START_DISTANCE]
            assert min(circular) >= MIN_START_DISTANCE
            assert all(NEAREST <= start <= length - NEAREST for start in of_one[1:])


def test_as_many_as_recordings_hold() -> None:
    assert [len(each) for each in beginnings([70, 70], 50)] == [6, 6]
    assert [len(each) for each in beginnings([300, 30], 50)] == [49, 1]
    assert [len(each) for each in beginnings([300] * 60, 50)] == [1] * 50 + [0] * 10
