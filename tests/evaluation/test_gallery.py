"""The pictures beside the numbers: what they show, and that they belong to the score."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from clip_sets import spoken

from pytest_lipleak.core.clips import Clip
from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.scores import SyncScore, TrialScore
from pytest_lipleak.evaluation.make.crops import Cropper
from pytest_lipleak.evaluation.make.gallery import (
    CELL,
    COLUMNS,
    GAIN,
    Gallery,
    envelope,
    evenly,
    peak_windows,
    score_digest,
    trial_stem,
)
from pytest_lipleak.sync.protocols import Protocol

SILENT = Condition(Setup.SI, Reference.CR)
LENGTH = 60
WIDTH, HEIGHT = CELL


def trial(condition: Condition | None, best: int = 30, value: float = 1.0) -> TrialScore:
    confidence = np.full(LENGTH - 5, 0.5)
    confidence[best] = 5
    score = SyncScore(tuple(value + 0.1 * n for n in range(31)), LENGTH - 5, tuple(confidence))
    return TrialScore("a", condition, score, None, 0)


def clip() -> Clip:
    """Every frame is grey, as bright as its number times four."""
    frames = np.repeat(4 * np.arange(LENGTH, dtype=np.uint8), 160 * 160 * 3).reshape(LENGTH, 160, 160, 3)
    return Clip("a", frames, spoken(np.arange(LENGTH)))


def shown(path: Path) -> np.ndarray:
    return cv2.imread(str(path)).astype(int)


def test_a_strip_shows_real_over_generated_over_difference(tmp_path: Path) -> None:
    real = clip()
    output = real.frames + 10
    Gallery(tmp_path).add("m", trial(SILENT), real, lambda: output, None, Cropper(Protocol.DIRECT))
    entry = json.loads((tmp_path / "m/a-SI-CR.json").read_text())
    assert entry["spread"] == evenly(LENGTH)
    sheet = shown(tmp_path / "m/a-SI-CR.strip.webp")
    assert sheet.shape == (3 * HEIGHT, COLUMNS * WIDTH, 3)
    for column, frame in enumerate(entry["spread"]):
        middle = sheet[HEIGHT // 2 :: HEIGHT, column * WIDTH + WIDTH // 2].mean(axis=1)
        np.testing.assert_allclose(middle, [4 * frame, 4 * frame + 10, 10 * GAIN], atol=4)


def test_the_windows_that_agree_most_are_shown_under_silence(tmp_path: Path) -> None:
    real = clip()
    Gallery(tmp_path).add(
        "m", trial(SILENT, best=37), real, lambda: real.frames, None, Cropper(Protocol.DIRECT)
    )
    entry = json.loads((tmp_path / "m/a-SI-CR.json").read_text())
    assert entry["peaks"][0] == 37
    sheet = shown(tmp_path / "m/a-SI-CR.peaks.webp")
    first = sheet[HEIGHT // 2, WIDTH // 2 : 5 * WIDTH : WIDTH].mean(axis=1)
    np.testing.assert_allclose(first, 4 * np.arange(37, 42), atol=4)


def test_lips_that_heard_the_audio_leak_nothing(tmp_path: Path) -> None:
    matched = Condition(Setup.AM, Reference.AR)
    Gallery(tmp_path).add("m", trial(matched), clip(), lambda: clip().frames, None, Cropper(Protocol.DIRECT))
    assert json.loads((tmp_path / "m/a-AM-AR.json").read_text())["peaks"] == []
    assert not (tmp_path / "m/a-AM-AR.peaks.webp").exists()


def test_made_once_per_score(tmp_path: Path) -> None:
    calls = []

    def generated() -> np.ndarray:
        calls.append(1)
        return clip().frames

    for value in (1.0, 1.0, 2.0):
        of = trial(SILENT, value=value)
        Gallery(tmp_path).add("m", of, clip(), generated, spoken(np.arange(9)), Cropper(Protocol.DIRECT))
    assert len(calls) == 2
    entry = json.loads((tmp_path / "m/a-SI-CR.json").read_text())
    assert entry["of"] == score_digest(of.own)
    assert entry["sound"] == envelope(spoken(np.arange(9)))


def test_sound_of_the_real_clip(tmp_path: Path) -> None:
    Gallery(tmp_path).add_real("m", trial(None), clip())
    entry = json.loads((tmp_path / "m/a-real.json").read_text())
    assert entry["sound"] == [round(100 * n / 327.68) for n in range(LENGTH) for _ in range(2)]


def test_mouth_opening(tmp_path: Path) -> None:
    opening = np.array([0.25, np.nan, 0.5], np.float32)
    Gallery(tmp_path).add_opening("m", "a", SILENT, "MAR", 0.375, opening, opening[::-1])
    entry = json.loads((tmp_path / "m/a-SI-CR.opening.json").read_text())
    assert entry == {"measure": "MAR", "value": 0.375, "output": [0.25, None, 0.5], "real": [0.5, None, 0.25]}


@pytest.mark.parametrize("count", [1, 4, 10, 250])
def test_a_strip_goes_from_the_first_frame_to_the_last(count: int) -> None:
    frames = evenly(count)
    assert (frames[0], frames[-1]) == (0, count - 1)
    assert frames == sorted(set(frames))


def test_peaks_lie_apart() -> None:
    wave = np.sin(np.arange(100) / 3)
    starts = peak_windows(tuple(wave))
    assert starts[0] == int(wave.argmax())
    assert min(abs(a - b) for a in starts for b in starts if a != b) > 10
    assert peak_windows(()) == []


def test_file_names_stay_below_the_folder(tmp_path: Path) -> None:
    assert trial_stem("demo:leaky=0.4", "ann/1", SILENT) == "demo@leaky=0.4/ann+1-SI-CR"
    evil = [
        "..",
        "../x/y.py:Model",
        "/etc/passwd",
        "a/../../b",
        "C:\\x",
        "\x1b[2J",
        "",
        "a" * 5000,
        "nul",
        "a\nb",
    ]
    stems = [trial_stem(model, clip, SILENT) for model in evil for clip in evil]
    assert len({stem.casefold() for stem in stems}) == len(evil) ** 2
    for stem in stems:
        path = (tmp_path / f"{stem}.strip.webp").resolve()
        assert path.relative_to(tmp_path).parts == tuple(f"{stem}.strip.webp".split("/"))
        assert len(path.name.encode()) < 255
        assert stem.isprintable()
