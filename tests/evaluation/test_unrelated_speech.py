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
from pytest_lipleak.sync.lse import score


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
        assert len(unrelated.scores(ear(clips.speech(name)), name)) == 11
        ear.heard.pop(0 if len(ear.heard) > 12 else -1)
    assert len(ear.heard) == len(set(ear.heard)) == 12


def test_each_null_score_is_the_score_against_that_recording() -> None:
    clips, ear = SpokenSet(speeches(9)), Ear()
    video = ear(clips.speech("clip3"))
    unrelated = UnrelatedSpeech(clips, ear, seed=0)
    means = unrelated.mean_distances(video, ("clip3", "clip5"), AUDIOS)
    others = [score(video, ear(clips.speech(n))) for n in clips if n not in ("clip3", "clip5")]
    # Fewer than enough recordings: each comes first from its beginning, then shifted.
    for other in others:
        nearest = np.abs(means - np.array(other.mean_distances)).max(axis=1).min()
        assert nearest == pytest.approx(0, abs=1e-4)
    assert len(means) == AUDIOS
    assert len(unrelated.scores(video, "clip3")) == 8, "with enough of them none is used twice"
    lse_c = [score(video, ear(clips.speech(n))).lse_c for n in clips if n != "clip3"]
    assert sorted(unrelated.scores(video, "clip3")) == pytest.approx(sorted(lse_c), abs=1e-4)


def test_own_and_driving_speech_are_never_unrelated_whatever_their_name() -> None:
    spoken = speeches(3)
    clips, ear = SpokenSet(spoken | {"copy": spoken["clip0"]}), Ear()
    unrelated = UnrelatedSpeech(clips, ear, seed=0)
    assert len(unrelated.pool) == 3, "the same speech twice is one recording"
    assert len(unrelated.others(["copy"])) == 2
    assert unrelated.mean_distances(ear(spoken["clip0"]), ["clip0", "clip1", "clip2"], AUDIOS).shape == (
        0,
        31,
    )


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
