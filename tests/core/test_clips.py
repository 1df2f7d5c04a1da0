import numpy as np
import pytest

from pytest_lipleak.core.clips import Clip, check_frames, digest_of

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
