"""Models that others may hold: who waits holds nothing that those need, and does not wait for longer than it must."""

import time
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from clip_sets import random_levels, write_clips
from filelock import FileLock

from pytest_lipleak.core.conditions import CONDITIONS, Condition
from pytest_lipleak.core.errors import LipleakError
from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
from pytest_lipleak.evaluation.make import scheduler
from pytest_lipleak.generators import shared
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.generators.shared import BusyError, SharedGenerator, Slots
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.expert import ExpertIdentity, Suitability
from pytest_lipleak.sync.protocols import Protocol

LEVELS = {name: random_levels(ord(name)) for name in "abc"}
SILENT = next(condition for condition in CONDITIONS if str(condition) == "SI,CR")


class BrightnessExpert:
    """Sees brightness, hears loudness; one row per window."""

    identity = ExpertIdentity("brightness", "1", "0" * 64, True)

    def embed_video(self, frames: Any) -> np.ndarray:
        return self._rows(np.stack([np.float32(frame[0, 0, 0]) for frame in frames]))

    def embed_audio(self, audio: np.ndarray) -> np.ndarray:
        return self._rows(audio[::640].astype(np.float32) / 100)

    def review(self, frames: Any, audio: np.ndarray) -> Suitability:
        return Suitability((), ())

    def _rows(self, levels: np.ndarray) -> np.ndarray:
        return np.stack([levels[i : i + 5] for i in range(len(levels) - 5)])


class Copies:
    fingerprint = "copies"

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        return frames


class Wrapper:
    """What a user puts around the model of the session."""

    fingerprint = "wrapped"

    def __init__(self, model: Any) -> None:
        self.model = model

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        try:
            output: np.ndarray = self.model.generate(frames, audio, reference)
        except Exception as error:
            raise RuntimeError("the model failed") from error
        return output


@pytest.fixture
def evaluation(tmp_path: Path) -> Evaluation:
    slots = Slots(tmp_path, "cpu", 1)
    model = Model("copies", SharedGenerator(Copies, slots, tmp_path / "model.json"))
    clips = write_clips(tmp_path / "clips", LEVELS)
    store = Store(tmp_path / "store")
    return Evaluation(clips, model, BrightnessExpert(), Plan(Protocol.DIRECT), store)  # type: ignore[arg-type]


@pytest.fixture
def other(tmp_path: Path, evaluation: Evaluation) -> Iterator[Slots]:
    """Another process, which holds the model."""
    evaluation.model.generator.unload()  # type: ignore[attr-defined]
    slots = Slots(tmp_path, "cpu", 1)
    assert slots.take()
    yield slots
    slots.release()


@pytest.mark.parametrize("wrapped", [False, True])
def test_who_waits_for_the_model_holds_no_lock_of_the_store(
    evaluation: Evaluation, other: Slots, monkeypatch: pytest.MonkeyPatch, *, wrapped: bool
) -> None:
    if wrapped:
        model = Model("wrapped", Wrapper(evaluation.model.generator))
        store = evaluation.artefacts._store
        evaluation = Evaluation(evaluation.clips, model, evaluation.expert, Plan(Protocol.DIRECT), store)
    waits = []

    def sleep(seconds: float) -> None:
        locks = list(evaluation.artefacts._store.folder.rglob("video-*.lock"))
        assert locks or not wrapped, "it was about to generate"
        for path in evaluation.artefacts._store.folder.rglob("*.lock"):
            FileLock(path).acquire(timeout=0).lock.release()
        waits.append(seconds)
        other.release()

    def waits_elsewhere(seconds: float) -> None:
        pytest.fail("waits inside of a call of the model")

    monkeypatch.setattr(scheduler, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
    monkeypatch.setattr(shared, "time", SimpleNamespace(sleep=waits_elsewhere))
    evaluation.need([SILENT])
    assert len(waits) == 1
    assert {condition for _, condition in evaluation.corpus.trials} == {None, SILENT}
    assert not evaluation.failures


def test_work_of_ten_minutes_is_followed_by_seconds_of_waiting(
    evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes, slept = iter((0.1, 600.0, 0.0)), []
    clock = accumulate((0.0, *(seconds for each in (0.1, 600.0, 0.0) for seconds in (each, 0.0))))
    monkeypatch.setattr(scheduler, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=slept.append))

    turns = 0
    for turn in evaluation._scheduler.turns():
        with turn:
            turns += 1
            if next(passes):
                raise BusyError
    assert turns == 3
    assert slept == pytest.approx([0.4, 5.0])


def test_a_clip_that_cannot_be_decoded_costs_that_clip_alone(evaluation: Evaluation) -> None:
    evaluation.clips.files["b"].video.write_bytes(b"no video")
    with pytest.raises(LipleakError, match=r"b\.mkv"):
        evaluation.need([SILENT])
    keys: list[tuple[str, Condition | None]] = [(name, c) for name in "ac" for c in (None, SILENT)]
    assert set(evaluation.corpus.trials) == set(keys)
    assert {clip for clip, _ in evaluation.failures} == {"b"}
