import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lipleak.core.clips import (
    Clip,
    StreamedVideo,
    check_frames,
    digest_of,
    frames_at,
    held,
    picked,
    stretch,
)
from pytest_lipleak.core.errors import InputError

FRAMES = np.zeros((3, 4, 5, 3), np.uint8)
AUDIO = np.zeros(3 * 640, np.int16)


@pytest.mark.parametrize("samples", [0, 1919, 1921, 2560])
def test_audio_is_exactly_as_long_as_the_frames(samples: int) -> None:
    with pytest.raises(
        ValueError, match=rf"'a': {samples} audio samples for 3 frames; expected exactly 1920"
    ):
        Clip("a", FRAMES, np.zeros(samples, np.int16))


@pytest.mark.parametrize(
    ("audio", "words"),
    [
        (AUDIO.astype(np.float32), "float32"),
        (AUDIO[None], r"shape \(1, 1920\)"),
        (AUDIO.tolist(), "list"),
        (None, "NoneType"),
    ],
)
def test_audio_of_another_kind_is_refused(audio: object, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        Clip("a", FRAMES, audio)  # type: ignore[arg-type]
    assert "int16" in str(caught.value)


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (FRAMES.astype(np.float32), "float32"),
        (np.full((3, 4, 5, 3), np.nan), "NaN"),
        (FRAMES.astype(np.int64), "int64"),
        (FRAMES[..., 0], r"shape \(3, 4, 5\)"),
        (FRAMES.transpose(0, 3, 1, 2), r"shape \(3, 3, 4, 5\)"),
        (FRAMES[:0], r"shape \(0, 4, 5, 3\)"),
        (FRAMES[:, :0], r"shape \(3, 0, 5, 3\)"),
        ([FRAMES], "list"),
    ],
)
def test_frames_of_another_kind_are_refused(frames: object, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        check_frames(frames, "the owner")
    assert str(caught.value).startswith("the owner")


def test_a_digest_is_of_the_content_alone() -> None:
    one, same = Clip("a", FRAMES, AUDIO), Clip("b", FRAMES.copy(), AUDIO.copy(), speaker="x")
    assert one.digest == same.digest
    assert len(one.digest) == 64


def test_a_digest_sees_values_shapes_dtypes_and_order() -> None:
    base = np.arange(12, dtype=np.int16)
    other = base.copy()
    other[7] += 1
    digests = [
        digest_of(base), digest_of(other), digest_of(base.reshape(3, 4)), digest_of(base.astype(np.uint16)),
        digest_of(base, other), digest_of(other, base), digest_of(base[::-1]), digest_of(),
    ]  # fmt: skip
    assert len(set(digests)) == len(digests)
    assert digest_of(base.reshape(3, 4).T) == digest_of(base.reshape(3, 4).T.copy()), (
        "memory order is no content"
    )


MANY = np.random.default_rng(0).integers(0, 256, (9, 4, 5, 3), np.uint8)


def streamed(frames: np.ndarray = MANY) -> StreamedVideo:
    return StreamedVideo(lambda: iter(frames), (9, 4, 5, 3))


def test_a_streamed_clip_is_the_clip() -> None:
    audio = np.arange(9 * 640, dtype=np.int16)
    one, other = Clip("a", MANY, audio), Clip("a", streamed(), audio)
    assert one.digest == other.digest
    assert held(one.video) is one.frames is MANY
    np.testing.assert_array_equal(other.frames, MANY)
    with pytest.raises(ValueError, match=r"shape \(9, 0, 5, 3\)"):
        Clip("a", StreamedVideo(lambda: iter(MANY), (9, 0, 5, 3)), audio)


@given(st.lists(st.integers(0, 8)))
def test_frames_are_picked_from_arrays_and_streams_alike(indices: list[int]) -> None:
    for video in (MANY, streamed()):
        np.testing.assert_array_equal(frames_at(video, indices), MANY[indices])
        ascending = sorted(indices)
        assert [image.tolist() for image in picked(video, ascending)] == MANY[ascending].tolist()


@given(st.integers(1, 9))
def test_the_beginning_of_a_video(length: int) -> None:
    for video in (MANY, streamed()):
        first = stretch(video, 0, length)
        assert len(first) == length
        np.testing.assert_array_equal(held(first), MANY[:length])


@pytest.mark.parametrize("count", [8, 0])
def test_a_video_that_lost_frames_is_an_error(count: int) -> None:
    with pytest.raises(InputError, match=f"a video of 9 frames had {count}"):
        list(streamed(MANY[:count]))


def test_frames_count_from_the_end_in_streams_too_and_none_is_made_up() -> None:
    for video in (MANY, StreamedVideo(lambda: iter(MANY), MANY.shape)):
        np.testing.assert_array_equal(frames_at(video, [-1, 0]), MANY[[-1, 0]])
        with pytest.raises(IndexError):
            frames_at(video, [len(MANY)])
