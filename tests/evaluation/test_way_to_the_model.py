"""Between an assertion and the model: few calls, so that a traceback is read, and one lock at a time."""

import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clip_sets import random_levels, write_clips
from filelock import FileLock, Timeout
from test_waiting import BrightnessExpert

import pytest_lipleak
from pytest_lipleak.assertions import assert_metric
from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.protocols import Protocol

PACKAGE = Path(pytest_lipleak.__file__).parent
CALLS = 16


def locks_held(folder: Path) -> list[str]:
    held = []
    for path in folder.rglob("*.lock"):
        try:
            FileLock(path).acquire(timeout=0).lock.release()
        except Timeout:
            held.append(path.name)
    return held


class Watching:
    """Returns its input, and notes who called it and which locks are held meanwhile."""

    fingerprint = "watching"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stacks: list[list[str]] = []
        self.held: list[list[str]] = []

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        stack = traceback.extract_stack()
        ours = [frame for frame in stack if Path(frame.filename).is_relative_to(PACKAGE)]
        self.stacks.append([frame.name for frame in ours])
        self.held.append(locks_held(self.folder))
        return frames


class WatchingExpert(BrightnessExpert):
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held: list[list[str]] = []

    def embed_video(self, frames: Any) -> np.ndarray:
        rows = super().embed_video(frames)
        self.held.append(locks_held(self.folder))
        return rows


@pytest.fixture
def evaluation(tmp_path: Path) -> Evaluation:
    clips = write_clips(tmp_path / "clips", {name: random_levels(ord(name)) for name in "abc"})
    folder = tmp_path / "store"
    model = Model("watching", Watching(folder))
    return Evaluation(clips, model, WatchingExpert(folder), Plan(Protocol.DIRECT), Store(folder))  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", ["LSE-D_S > -1", "LSD-CR < 999", "PSNR[SI,CR] > 1", "REF_swap[SI,CR] < 9"])
def test_few_calls_and_one_lock(evaluation: Evaluation, limit: str) -> None:
    assert_metric(evaluation, limit)
    watching: Any = evaluation.model.generator
    assert watching.stacks
    for stack in watching.stacks:
        assert len(stack) <= CALLS, " > ".join(stack)
    held = watching.held + evaluation.expert.held  # type: ignore[attr-defined]
    assert max(map(len, held)) == 1, "one lock: that of what is being made"
