from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lipleak.core.clips import Audio
from pytest_lipleak.media.clipsets import EMBEDDED, ClipSet, open_clips
from pytest_lipleak.media.same_recordings import fingerprint, shared_recordings
from pytest_lipleak.media.same_speech import Speeches
from research.benchmarks.same_recording import recoded

RATE = 16_000


@pytest.fixture(scope="module")
def clips() -> ClipSet:
    return open_clips(EMBEDDED)


@pytest.fixture(scope="module")
def speech(clips: ClipSet) -> Audio:
    return clips.speech("anna_1")


def found(*audios: Audio) -> list[tuple[int, int]]:
    return sorted(
        (one, other) for one, other, _ in shared_recordings([fingerprint(audio) for audio in audios])
    )


def noisy(audio: Audio) -> Audio:
    noise = np.random.default_rng(0).normal(0, np.std(audio) * 10 ** (-20 / 20), len(audio))
    return np.clip(audio + noise, -32_768, 32_767).astype(np.int16)


CHANGES: dict[str, Callable[[Audio], Audio]] = {
    "MP3 at 24 kbit/s": lambda audio: recoded(audio, "mp3", "mp3", 24_000, RATE),
    "AAC at 24 kbit/s": lambda audio: recoded(audio, "aac", "adts", 24_000, RATE),
    "Opus at 16 kbit/s": lambda audio: recoded(audio, "libopus", "ogg", 16_000, 48_000),
    "8 kHz": lambda audio: recoded(audio, "pcm_s16le", "wav", 0, 8_000),
    "cut at the front": lambda audio: audio[5_003:],
    "cut at both ends": lambda audio: audio[7_777:-3_001],
    "silence before": lambda audio: np.concatenate([np.zeros(9_001, np.int16), audio]),
    "quieter": lambda audio: (audio * 0.1).astype(np.int16),
    "clipped": lambda audio: np.clip(audio.astype(np.int32) * 4, -20_000, 20_000).astype(np.int16),
    "noise of -20 dB": noisy,
    "upside down": lambda audio: -np.maximum(audio, -32_767),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_recording_is_found_again_whatever_was_done_to_it(speech: Audio, change: str) -> None:
    changed = CHANGES[change](speech)
    assert not np.array_equal(changed, speech)
    assert found(speech, changed) == [(0, 1)]


def test_the_lag_is_where_the_same_is_heard(speech: Audio) -> None:
    later = np.concatenate([np.zeros(8_000, np.int16), speech])
    ((_, _, lag),) = shared_recordings([fingerprint(speech), fingerprint(later)])
    assert lag == pytest.approx(0.5, abs=0.02)


def test_other_speech_is_not_the_same(clips: ClipSet) -> None:
    """Same voices, some same words, one synthesiser: all are different recordings."""
    assert found(*(clips.speech(name) for name in clips)) == []


def hum(seed: int) -> Audio:
    generator = np.random.default_rng(seed)
    time = np.arange(3 * RATE) / RATE
    wave = sum(
        np.sin(2 * np.pi * 50 * harmonic * time + generator.uniform(0, 6)) / harmonic
        for harmonic in range(1, 12)
    )
    return (wave * 4_000 + generator.normal(0, 30, len(time))).astype(np.int16)


def noise(seed: int) -> Audio:
    return np.random.default_rng(seed).normal(0, 3_000, 3 * RATE).astype(np.int16)


def beat(seed: int) -> Audio:
    """Notes of one scale on one beat, in another order each time."""
    generator = np.random.default_rng(seed)
    time = np.arange(RATE // 4) / RATE
    notes = [
        np.sin(2 * np.pi * 220 * 2 ** (step / 12) * time) * np.exp(-6 * time)
        for step in generator.choice([0, 2, 4, 7, 9], 16)
    ]
    return (np.concatenate(notes) * 8_000).astype(np.int16)


@pytest.mark.parametrize(
    "kind", [hum, noise, beat, lambda seed: np.full(RATE * (3 + seed), 100 * seed, np.int16)]
)
def test_what_is_alike_everywhere_is_no_recording(kind: Callable[[int], Audio]) -> None:
    assert found(*(kind(seed) for seed in range(6))) == []


def test_speech_over_one_hum_stays_apart(clips: ClipSet) -> None:
    voices = [clips.speech(name).astype(np.float32) for name in ("anna_1", "anna_2", "zola_1")]
    mixed = [
        np.clip(voice + np.resize(hum(0), len(voice)) * 0.2, -32_768, 32_767).astype(np.int16)
        for voice in voices
    ]
    assert found(*mixed) == []


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3_000), max_size=4), st.integers(0, 2**16))
def test_short_and_odd_audio_is_no_error(lengths: list[int], seed: int) -> None:
    generator = np.random.default_rng(seed)
    audios = [generator.integers(-32_768, 32_767, length, np.int16, endpoint=True) for length in lengths]
    assert found(*audios) == [], "less than a second in common"


def test_texts_and_recordings_say_which_speech_is_the_same(clips: ClipSet) -> None:
    one, two, three = (clips.speech(name) for name in ("anna_1", "zola_1", "anna_2"))
    audios = {
        "a": one,
        "a again": one,
        "a cut": one[4_000:],
        "b": two,
        "c": three,
        "c text": two[::-1].copy(),
    }
    texts = dict.fromkeys(audios) | {"c": "hello", "c text": "hello"}
    speeches = Speeches(texts, audios.__getitem__)
    assert speeches.same_as("a") == {"a", "a again", "a cut"}
    assert speeches.same_as("a cut") == {"a", "a again", "a cut"}
    assert speeches.same_as("b") == {"b"}
    assert speeches.same_as("c") == {"c", "c text"}
    assert speeches.same_recording("a cut")["a"] == pytest.approx(0.25, abs=0.02)
