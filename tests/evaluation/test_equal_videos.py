"""A video that is equal to one that is there is neither written nor embedded again, and no other is taken for equal."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clip_sets import random_levels, write_clips

from pytest_lipleak.core.clips import Frames, held
from pytest_lipleak.core.conditions import CONDITIONS
from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
from pytest_lipleak.evaluation.make import run_pictures, videos
from pytest_lipleak.evaluation.make.equal_videos import EqualVideos
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.experts import load_expert
from pytest_lipleak.sync.protocols import Protocol

CR, AR = (next(each for each in CONDITIONS if str(each) == name) for name in ("AM,CR", "AM,AR"))
FRAMES = 30


def noise(seed: int = 0) -> Frames:
    return np.random.default_rng(seed).integers(0, 256, (9, 4, 4, 3), np.uint8)


@pytest.mark.parametrize("frame", range(9))
def test_one_grey_level_of_one_picture_makes_another_video(tmp_path: Path, frame: int) -> None:
    known = {"first": noise(), "second": noise()}
    equal = EqualVideos(Store(tmp_path, passing=True), known.get)
    assert equal.note("first", "clip", known["first"]) is None
    known["second"][frame, 1, 2, 0] ^= 1
    assert equal.note("second", "clip", known["second"]) is None
    assert (equal.first("first"), equal.first("second")) == ("first", "second")


def test_equal_videos_of_one_clip_are_one_in_every_process_of_the_run(tmp_path: Path) -> None:
    known = {"first": noise(), "second": noise()}
    one, other, later = (EqualVideos(Store(tmp_path, passing=True), known.get) for _ in range(3))
    assert other.first("second") == "second", "nobody made it yet"
    assert one.note("first", "clip", noise()) is None
    assert other.note("second", "clip", noise()) == "first"
    assert one.note("third", "another clip", noise()) is None, "is cropped by another face"
    for each in (one, other, later):
        assert [each.first(key) for key in ("first", "second", "third")] == ["first", "first", "third"]


def test_a_video_that_is_not_at_hand_is_equal_to_none(tmp_path: Path) -> None:
    equal = EqualVideos(Store(tmp_path, passing=True), {}.get)
    equal.note("first", "clip", noise())
    assert equal.note("second", "clip", noise()) is None
    assert equal.first("second") == "second"


class Darker:
    """Half as bright, whatever the reference; ``told`` adds a grey level to the frame in the middle under AR."""

    fingerprint = "1"

    def __init__(self, told: bool) -> None:
        self.told = told
        self.buffer: Any = None

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        # In one array at every call, as some models do.
        self.buffer = np.empty_like(frames) if self.buffer is None else self.buffer
        np.floor_divide(frames, 2, out=self.buffer)
        if self.told and len(reference) == 1:
            self.buffer[len(frames) // 3] += 1
        return self.buffer


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("told", [True, False])
def test_what_is_made_again_is_neither_written_nor_embedded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: bool, linked: bool
) -> None:
    monkeypatch.setattr(run_pictures, "LEAST_FREE", 0)
    written, embedded = [], []
    write_raw = videos.write_raw
    monkeypatch.setattr(videos, "write_raw", lambda *given: (written.append(given[0]), write_raw(*given)))
    if not linked:

        def refused(path: Path, target: Path) -> None:
            raise OSError("no second names here")

        monkeypatch.setattr(Path, "hardlink_to", refused)
    clips = write_clips(tmp_path, {"a": random_levels(1, FRAMES), "b": random_levels(2, FRAMES)})
    expert: Any = load_expert("embedded")
    embed = expert.embed_mouths
    expert.embed_mouths = lambda windows: (embedded.append(windows.tobytes()), embed(windows))[1]

    def evaluation(folder: str, *, passing: bool) -> Evaluation:
        store = Store(tmp_path / folder, passing=passing)
        return Evaluation(clips, Model("darker", Darker(told)), expert, Plan(Protocol.DIRECT), store)

    def found(measured: Evaluation) -> list[np.ndarray]:
        trials = [measured.trial(name, condition) for name in "ab" for condition in (CR, AR)]
        artefacts = measured.artefacts
        seen = [
            (held(artefacts.video(each)), artefacts.embedding(each), artefacts.faces(each)) for each in trials
        ]
        return [array for each in seen for array in each]

    once = found(evaluation("passing", passing=True))
    assert len(written) == (2 if linked and not told else 4)
    assert len(embedded) == (4 if told else 2)
    for one, other in zip(once, found(evaluation("kept", passing=False)), strict=True):
        np.testing.assert_array_equal(one, other)
