"""Videos that go with the run are neither encoded nor decoded nor hashed, and are the same to the bit."""

from collections import Counter
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_lipleak.core.clips import held
from pytest_lipleak.core.conditions import CONDITIONS
from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
from pytest_lipleak.evaluation.make import run_pictures, videos
from pytest_lipleak.evaluation.make.run_pictures import RunPictures
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.media.clipsets import ClipFile, ClipSet
from pytest_lipleak.media.video import AT_ONCE, raw_frames, write_raw, write_video
from pytest_lipleak.plan.trials import Trial
from pytest_lipleak.store import layout
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.expert import SyncExpert
from pytest_lipleak.sync.experts import load_expert
from pytest_lipleak.sync.protocols import Protocol

FRAMES, SIZE = 12, 64


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often something was encoded, decoded or hashed in a store."""
    counts: Counter[str] = Counter()

    def counted(module: Any, name: str) -> None:
        original = getattr(module, name)

        def call(*arguments: Any) -> Any:
            counts[name] += 1
            return original(*arguments)

        monkeypatch.setattr(module, name, call)

    for module, name in ((videos, "write_video"), (videos, "stored_images"), (layout, "_content_digest")):
        counted(module, name)
    monkeypatch.setattr(run_pictures, "LEAST_FREE", 0)
    return counts


class Darker:
    """Half as bright."""

    fingerprint = "1"

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        return frames // 2


@pytest.fixture(scope="module")
def expert() -> SyncExpert:
    return load_expert("embedded")


def measured(folder: Path, expert: SyncExpert, *, passing: bool) -> Evaluation:
    noise = np.random.default_rng(3)
    files = []
    for name in "ab":
        path = folder / f"{name}.mkv"
        if not path.exists():
            pictures = noise.integers(0, 256, (FRAMES, SIZE, SIZE, 3), np.uint8)
            write_video(path, pictures, noise.integers(-3000, 3000, 640 * FRAMES).astype(np.int16))
        files.append(ClipFile(name, path))
    store = Store(folder / f"store {passing}", passing=passing)
    plan = Plan(Protocol.DIRECT)
    return Evaluation(ClipSet(files, "noise"), Model("darker", Darker()), expert, plan, store)


def videos_of(evaluation: Evaluation) -> list[Trial]:
    conditions = [condition for condition in CONDITIONS if str(condition) in ("SI,CR", "AM,AR")]
    return [evaluation.trial(name, condition) for name in "ab" for condition in conditions]


@pytest.mark.parametrize("room", [10**9, 0])
def test_what_goes_with_the_run_is_written_as_it_is_while_there_is_room(
    tmp_path: Path, expert: SyncExpert, done: Counter[str], monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    monkeypatch.setattr(run_pictures, "MOST", room)
    found = []
    for passing in (True, False):
        done.clear()
        first = measured(tmp_path, expert, passing=passing)
        made = [held(first.artefacts.video(trial)).copy() for trial in videos_of(first)]
        again = measured(tmp_path, expert, passing=passing)  # as in another process: nothing is held
        read = [held(again.artefacts.video(trial)) for trial in videos_of(again)]
        for one, other in zip(made, read, strict=True):
            np.testing.assert_array_equal(one, other)
        found.append(made)
        raw = passing and room > 0
        assert done["write_video"] == (0 if raw else len(made))
        assert done["stored_images"] == (0 if raw else 2 * len(made))
        assert (done["_content_digest"] == 0) == passing
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_several_models_of_a_process_share_its_room(
    tmp_path: Path, expert: SyncExpert, done: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_pictures, "MOST", FRAMES * SIZE * SIZE * 3)
    for one in range(2):
        evaluation = measured(tmp_path, expert, passing=True)
        evaluation.artefacts.video(videos_of(evaluation)[2 * one])
    assert done["write_video"] == 1


def test_a_full_disk_is_left_alone(
    tmp_path: Path, expert: SyncExpert, done: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_pictures, "LEAST_FREE", 10**18)
    evaluation = measured(tmp_path, expert, passing=True)
    evaluation.artefacts.video(videos_of(evaluation)[0])
    assert done["write_video"] == 1


def test_pictures_are_mapped_and_what_is_written_to_them_stays_here(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, 8, 6, 3), np.uint8)
    write_raw(tmp_path / "raw", frames)
    mapped = raw_frames(tmp_path / "raw")
    assert mapped is not None
    np.testing.assert_array_equal(mapped, frames)
    mapped[:] = 0
    np.testing.assert_array_equal(raw_frames(tmp_path / "raw"), frames)
    write_video(tmp_path / "video", frames)
    assert raw_frames(tmp_path / "video") is None


def test_pictures_are_written_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (7, 160, 160, 3), np.uint8)
    sizes: list[int] = []

    class Noting(FileIO):
        def write(self, piece: Any) -> int:
            sizes.append(memoryview(piece).nbytes)
            return super().write(piece)

    with monkeypatch.context() as noting:
        noting.setattr(Path, "open", lambda path, mode: Noting(path, mode))
        write_raw(tmp_path / "raw", frames)
    assert max(sizes) <= AT_ONCE < frames.nbytes
    np.testing.assert_array_equal(raw_frames(tmp_path / "raw"), frames)


@pytest.mark.parametrize("passing", [True, False])
def test_moved_mouths_are_found_by_name(tmp_path: Path, passing: bool, done: Counter[str]) -> None:
    store = Store(tmp_path, passing=passing)
    held_here = RunPictures(store)
    frames = np.full((2, 4, 4, 3), 7, np.uint8)
    assert held_here.get("a") is None
    held_here.hold("a", frames)
    np.testing.assert_array_equal(held_here.get("a"), frames)
    elsewhere = RunPictures(store).get("a")
    assert (elsewhere is not None) == passing, "processes of a run share them; a store keeps none"
    assert not done["_content_digest"] or not passing
