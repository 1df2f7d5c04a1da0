"""The clips that ship with the package, read with PyAV alone (no code of the package under test)."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest

CLIPS = Path(__file__).parents[1] / "fixtures" / "clips"
with (CLIPS / "manifest.csv").open(newline="", encoding="utf-8") as _file:
    ROWS = list(csv.DictReader(_file))
every_clip = pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])

MOUTH = (slice(76, 112), slice(60, 100))


@cache
def decode(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Luma uint8 (T, 160, 160) and audio int16 (N,)."""
    with av.open(str(CLIPS / name)) as container:
        luma = np.stack([frame.to_ndarray(format="gray") for frame in container.decode(video=0)])
    with av.open(str(CLIPS / name)) as container:
        audio = np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)])
    return luma, audio


def loudness(audio: np.ndarray) -> np.ndarray:
    """RMS per video frame, float64 (T,)."""
    return np.sqrt(np.mean(audio.reshape(-1, 640).astype(float) ** 2, axis=1))


def mouth_change(luma: np.ndarray) -> np.ndarray:
    """Mean absolute difference of the mouth region from the mouth at rest (the first frames), float64 (T,)."""
    mouth = luma[:, *MOUTH].astype(float)
    return np.abs(mouth - np.median(mouth[:5], axis=0)).mean(axis=(1, 2))


def best_lag(moving: np.ndarray, sound: np.ndarray, reach: int = 5) -> int:
    """Shift of *sound*, in frames, at which it correlates best with *moving*; 0 when in sync."""
    inner = slice(reach + 2, -reach - 2)
    shifts = range(-reach, reach + 1)
    return max(shifts, key=lambda k: np.corrcoef(moving[inner], np.roll(sound, k)[inner])[0, 1])


def test_manifest_names_every_file_once():
    assert sorted(row["file"] for row in ROWS) == sorted(path.name for path in CLIPS.glob("*.mkv"))
    assert len({row["text"] for row in ROWS}) == len(ROWS)


def test_there_are_several_clips_of_several_speakers():
    speakers = [row["speaker"] for row in ROWS]
    assert len(ROWS) >= 8
    assert len(set(speakers)) >= 3
    assert min(speakers.count(speaker) for speaker in speakers) >= 2


def test_all_clips_fit_in_three_megabytes():
    assert sum(path.stat().st_size for path in CLIPS.iterdir()) <= 3_000_000


@every_clip
def test_streams_are_25_fps_and_16_khz_and_start_together(row):
    with av.open(str(CLIPS / row["file"])) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.width, video.height, video.average_rate) == (160, 160, 25)
        assert (audio.codec_context.sample_rate, audio.codec_context.layout.name) == (16000, "mono")
        assert (video.start_time or 0) == (audio.start_time or 0) == 0


@every_clip
def test_frames_and_samples_match(row):
    luma, audio = decode(row["file"])
    assert len(luma) == int(row["frames"])
    assert audio.dtype == np.int16
    assert len(audio) == 640 * len(luma)
    assert 4.0 <= len(luma) / 25 <= 6.0


@every_clip
def test_loudness_is_sane(row):
    audio = decode(row["file"])[1].astype(float) / 32768
    assert -26 < 20 * np.log10(np.sqrt(np.mean(audio**2))) < -14
    assert np.abs(audio).max() < 0.99


@every_clip
def test_speech_is_framed_by_silence_with_a_resting_mouth(row):
    luma, audio = decode(row["file"])
    sound, change = loudness(audio), mouth_change(luma)
    assert sound[:5].max() < 0.05 * sound.max()
    assert sound[-5:].max() < 0.05 * sound.max()
    assert change[:4].max() < 0.2 * change.max()


@every_clip
def test_mouth_moves_while_speaking(row):
    luma, audio = decode(row["file"])
    sound, change = loudness(audio), mouth_change(luma)
    speaking = sound > 0.2 * sound.max()
    assert change[speaking].mean() > 2.5 * change[:5].mean()


@every_clip
def test_lips_and_loudness_are_in_sync(row):
    luma, audio = decode(row["file"])
    assert abs(best_lag(mouth_change(luma), loudness(audio))) <= 1


def test_no_two_clips_sound_alike():
    envelopes = {row["file"]: loudness(decode(row["file"])[1])[:120] for row in ROWS}
    names = list(envelopes)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            assert np.corrcoef(envelopes[first], envelopes[second])[0, 1] < 0.9, (first, second)
