import numpy as np
import pytest
from drawn_inputs import drawn_mouth, speech_like

from pytest_lipleak.core.number_words import at_least_tenths
from pytest_lipleak.media.clipsets import open_clips
from pytest_lipleak.sync.embedded import EmbeddedExpert
from pytest_lipleak.sync.expert import Suitability
from pytest_lipleak.sync.mouth_window import mouth_windows
from pytest_lipleak.sync.suitability import MIN_SPEECH_SECONDS, lying, suitability_of_mouths


def suitability(frames: np.ndarray, audio: np.ndarray) -> Suitability:
    return suitability_of_mouths(mouth_windows(frames), audio)


def reasons(frames: np.ndarray, audio: np.ndarray) -> str:
    return " | ".join(suitability(frames, audio).refusals)


def test_a_speaking_face_of_five_seconds_is_suitable() -> None:
    result = suitability(drawn_mouth(125), speech_like(5.0))
    assert result.suitable, result.refusals
    assert not result.warnings


@pytest.mark.parametrize(("seconds", "refused"), [(1.8, True), (2.2, False)])
def test_limit_of_two_seconds_of_speech(seconds: float, refused: bool) -> None:
    result = suitability(drawn_mouth(round(25 * seconds)), speech_like(seconds))
    assert result.suitable is not refused
    if refused:
        assert f"needs {MIN_SPEECH_SECONDS:g} s" in result.refusals[0]


def test_what_falls_short_by_little_does_not_read_like_the_limit() -> None:
    assert [at_least_tenths(seconds) for seconds in (1.999, 1.96, 2.0, 3.96, 0.3)] == [
        "1.9",
        "1.9",
        "2.0",
        "3.9",
        "0.3",
    ]
    (refusal,) = suitability(drawn_mouth(50), speech_like(1.98)).refusals
    assert refusal.startswith("1.9 s of speech")


def test_a_word_in_a_long_silence_is_too_little_speech() -> None:
    audio = np.zeros(80_000, np.int16)
    audio[20_000:28_000] = speech_like(0.5)
    assert "s of speech in a clip of 5.0 s" in reasons(drawn_mouth(125), audio)


@pytest.mark.parametrize("level", [0, 2])
def test_silence_and_dither_are_refused(level: int) -> None:
    audio = np.random.default_rng(0).integers(-level, level + 1, 80_000).astype(np.int16)
    assert "no voiced speech" in reasons(drawn_mouth(125), audio)


def test_noise_is_not_voiced() -> None:
    audio = np.random.default_rng(0).normal(0, 3000, 80_000).astype(np.int16)
    assert "no voiced speech" in reasons(drawn_mouth(125), audio)


def test_a_still_mouth_is_refused_even_under_sensor_noise() -> None:
    still = np.repeat(drawn_mouth(1), 125, axis=0)
    noise = np.random.default_rng(0).normal(0, 6, still.shape)
    for frames in (still, np.clip(still + noise, 0, 255).astype(np.uint8)):
        assert "the mouth does not move" in reasons(frames, speech_like(5.0))


@pytest.mark.parametrize("slower", [2, 3, 4])
def test_who_speaks_slowly_or_pauses_is_not_still(slower: int) -> None:
    slow = np.repeat(drawn_mouth(125 // slower + 1), slower, axis=0)[:125]
    pauses = np.concatenate([drawn_mouth(40), np.repeat(drawn_mouth(1), 85, axis=0)])
    for frames in (slow, pauses):
        assert "does not move" not in reasons(frames, speech_like(5.0))


def test_a_mouth_that_is_not_where_it_is_looked_for_names_the_protocol_that_looks_for_it() -> None:
    elsewhere = np.full((125, 480, 640, 3), 90, np.uint8)
    elsewhere[:, :80, :80] = drawn_mouth(125, 160)[:, ::2, ::2]
    assert "--lipleak-protocol=tracked" in reasons(elsewhere, speech_like(5.0))


def test_flicker_of_the_light_is_no_movement() -> None:
    still = np.repeat(drawn_mouth(1), 125, axis=0)
    light = 0.9 + 0.1 * np.sin(np.arange(125))[:, None, None, None]
    assert "the mouth does not move" in reasons((still * light).astype(np.uint8), speech_like(5.0))


def test_under_four_seconds_the_free_offset_is_called_weak() -> None:
    assert "weak under 4 s" in suitability(drawn_mouth(75), speech_like(3.0)).warnings[0]


def test_empty_inputs_are_refused_not_raised() -> None:
    result = suitability(np.zeros((0, 160, 160, 3), np.uint8), np.zeros(0, np.int16))
    assert len(result.refusals) == 3


@pytest.mark.parametrize(
    ("own", "turned", "degrees"),
    [
        (1.0, {90: 2.5, 180: 0.5, 270: 0.4}, 90),
        (1.0, {90: 0.5, 180: 0.5, 270: 2.0}, 270),
        # A copy less than twice as good, one that is not heard itself, and a clip that is heard well as it is.
        (1.0, {90: 1.9, 180: 0.5, 270: 0.4}, None),
        (0.3, {90: 1.4, 180: 0.5, 270: 0.4}, None),
        (1.5, {90: 3.5, 180: 0.5, 270: 0.4}, None),
    ],
)
def test_a_face_lies_where_a_turned_copy_fits_twice_as_well(
    own: float, turned: dict[int, float], degrees: int | None
) -> None:
    why = lying(own, turned)
    assert (why is None) == (degrees is None)
    if why:
        assert f"turned by {degrees} degrees anticlockwise" in why


@pytest.mark.parametrize(("quarters", "back"), [(1, 270), (3, 90)])
def test_a_person_who_lies_is_refused_with_the_turn_that_helps(quarters: int, back: int) -> None:
    """As it lies the best offset of this clip is wrong by two frames and more."""
    clip = open_clips("embedded")["omar_1"]
    expert = EmbeddedExpert()
    assert expert.review(clip.frames, clip.audio).suitable
    (why,) = expert.review(np.rot90(clip.frames, quarters, axes=(1, 2)), clip.audio).refusals
    assert f"the face lies on its side or upside down: turned by {back} degrees anticlockwise" in why
