"""Speech with pauses: between words, as quiet as a room, the same for the same seed, and nothing of the speech lost."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lipleak.generators.control_generators import Heard
from pytest_lipleak.media.pauses import PAUSE, with_pauses

NOISE = np.random.default_rng(3)


def words(frames: int) -> np.ndarray:
    """Loud for 9 frames, nearly silent for one, and so on."""
    loudness = np.where(np.arange(frames) % 10 == 9, 5, 3000).repeat(640)
    return np.rint(NOISE.normal(0, 1, frames * 640) * loudness).clip(-32768, 32767).astype(np.int16)


@settings(max_examples=40, deadline=None)
@given(
    frames=st.integers(32, 300), extra=st.integers(0, 639), said=st.integers(1, 400), seed=st.text(max_size=5)
)
def test_length_pauses_and_order_of_the_speech(frames: int, extra: int, said: int, seed: str) -> None:
    speech = words(said)
    audio, paused = with_pauses(speech, frames * 640 + extra, seed)
    assert audio.shape == (frames * 640 + extra,)
    assert audio.dtype == np.int16
    assert paused.shape == (frames,)
    again, _ = with_pauses(speech, frames * 640 + extra, seed)
    assert np.array_equal(audio, again)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], paused, [0]])))
    runs = edges[1::2] - edges[::2]
    assert len(runs) >= 1
    # The last one may be cut off by the end of the clip.
    assert all(PAUSE[0] <= run <= PAUSE[1] for run in runs[:-1])
    # What is heard is the speech in its order, none of it left out but the last words.
    heard = audio[: frames * 640].reshape(frames, 640)[~paused][:, :320]
    told = np.tile(speech, -(-frames // said) + 1).reshape(-1, 640)[: len(heard), :320]
    assert np.array_equal(heard, told)


def test_pauses_lie_between_words_and_are_no_digital_silence() -> None:
    audio, paused = with_pauses(words(200), 200 * 640, "x")
    starts = np.flatnonzero(np.diff(paused.astype(int)) == 1) + 1
    loudness = np.sqrt(np.square(audio.astype(float)).reshape(-1, 640).mean(axis=1))
    # A cut is where the speech is quietest: right before the quiet frame.
    told = words(200).reshape(-1, 640).astype(float).std(axis=1)
    said = np.cumsum(~paused)
    assert all(told[said[start - 1] % 200] < 100 for start in starts)
    assert 5 < loudness[paused].mean() < 100


def test_who_is_heard_between_pauses_is_found() -> None:
    speeches = {"a": words(80), "b": words(80)}
    audio, paused = with_pauses(speeches["b"], 75 * 640, "y")
    name, indices = Heard(speeches)(audio, 75)
    assert name == "b"
    assert (indices[paused] == -1).all()
    spoken = np.arange((~paused).sum())
    quiet = spoken % 10 == 9  # too quiet to be known
    assert np.array_equal(indices[~paused][~quiet], spoken[~quiet])
    assert Heard({"c": words(80)})(audio, 75)[0] is None


def test_there_must_be_speech() -> None:
    with pytest.raises(ValueError, match="empty"):
        with_pauses(np.zeros(0, np.int16), 6400, "z")
