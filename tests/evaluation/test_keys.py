"""Whatever changes a result has its own artefact: nothing stale is ever reused."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clip_sets import grouped, random_levels, write_clips

from pytest_lipleak.core.conditions import CONDITIONS
from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
from pytest_lipleak.evaluation.make import videos as rooms
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.media.clipsets import ClipSet
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.expert import ExpertIdentity
from pytest_lipleak.sync.protocols import Protocol

BY_TEXT = {str(condition): condition for condition in CONDITIONS}


class Expert:
    identity = ExpertIdentity("level", "1", "0" * 64, True)


class Counts:
    """Counts its calls; with the same fingerprint whatever it is."""

    fingerprint = "weights 1"

    def __init__(self, **attributes: Any) -> None:
        self.calls = 0
        vars(self).update(attributes)

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        self.calls += 1
        return frames


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> ClipSet:
    return write_clips(tmp_path_factory.mktemp("clips"), {name: random_levels(ord(name)) for name in "abc"})


def made(clips: ClipSet, folder: Path, trial: str = "AM,AR", clip: str = "a", **changes: Any) -> int:
    """How often the model is called for one trial of a clip, on a store that may know it."""
    generator = Counts(**changes.pop("attributes", {}))
    model = Model(changes.pop("name", "m"), generator, changes.pop("arguments", {"checkpoint": "a.pth"}))
    plan = Plan(Protocol.DIRECT, **changes.pop("plan", {}))
    options = {"run": "run 1", "device": "cpu", **changes}
    evaluation = Evaluation(clips, model, Expert(), plan, Store(folder), **grouped(options))  # type: ignore[arg-type]
    evaluation.frames(clip, BY_TEXT[trial])
    return generator.calls


@pytest.mark.parametrize(
    "same",
    [{}, {"run": "run 2"}, {"device": "cpu"}, {"plan": {"seed": 3}}, {"plan": {"face": "speaking"}}],
    ids=str,
)
def test_the_same_trial_is_made_once(clips: ClipSet, tmp_path: Path, same: dict[str, Any]) -> None:
    assert made(clips, tmp_path) == 1
    assert made(clips, tmp_path, **same) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"arguments": {"checkpoint": "b.pth"}},
        {"arguments": {"checkpoint": "a.pth", "steps": 20}},
        {"arguments": {}},
        {"attributes": {"fingerprint": "weights 2"}},
        {"device": "cuda:0"},
        {"trial": "AM,CR"},
        {"trial": "SI,AR"},
        {"trial": "XM,AR"},
        {"plan": {"alternative_reference": "most-dissimilar"}},
        {"plan": {"alternative_reference": "multiple"}},
    ],
    ids=str,
)
def test_a_change_is_made_anew(clips: ClipSet, tmp_path: Path, change: dict[str, Any]) -> None:
    assert made(clips, tmp_path) == 1
    assert made(clips, tmp_path, **change) == 1


def test_clips_that_are_given_the_same_silence_and_frames_of_the_same_place(
    clips: ClipSet, tmp_path: Path
) -> None:
    assert made(clips, tmp_path, "SI,CR") == 1
    assert made(clips, tmp_path, "SI,CR", clip="b") == 1


def test_silences_partners_and_libraries(
    clips: ClipSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert made(clips, tmp_path, "SI,CR") == 1
    assert made(clips, tmp_path, "SI,CR", plan={"silence": "noise"}) == 1
    for partner in ("b", "c"):
        assert made(clips, tmp_path, "XM,CR", plan={"pairs": {"a": (partner,)}}) == 1
    monkeypatch.setattr(rooms, "versions_of", lambda *packages: dict.fromkeys(packages, "other"))
    assert made(clips, tmp_path, "SI,CR") == 1


def test_a_model_that_is_told_the_clips_depends_on_all_of_them(clips: ClipSet, tmp_path: Path) -> None:
    told = {"attributes": {"use_clips": lambda clips: None}}
    fewer = ClipSet([file for name, file in clips.files.items() if name != "c"], "fewer")
    assert made(clips, tmp_path, **told) == 1
    assert made(clips, tmp_path, **told) == 0
    assert made(fewer, tmp_path, **told) == 1
    assert made(fewer, tmp_path) == 1, "not told, it is another model"
    assert made(clips, tmp_path) == 0, "and its other clips do not matter"


@pytest.mark.parametrize(("run", "calls"), [("run 1", 0), ("run 2", 1)])
def test_without_a_fingerprint_nothing_outlives_its_run(
    clips: ClipSet, tmp_path: Path, run: str, calls: int
) -> None:
    unknown: dict[str, Any] = {"attributes": {"fingerprint": None}}
    assert made(clips, tmp_path, **unknown) == 1
    assert made(clips, tmp_path, **unknown, run=run) == calls


class Sees(Expert):
    """Counts how often it is shown a video, and sees the same whatever it is shown."""

    mouth_aligned = False

    def __init__(self, **identity: str) -> None:
        self.identity = replace(Expert.identity, **identity)
        self.calls = 0

    def embed_video(self, frames: Iterable[np.ndarray]) -> np.ndarray:
        self.calls += 1
        return np.zeros((max(sum(1 for _ in frames) - 5, 0), 4), np.float32)

    def embed_audio(self, audio: np.ndarray) -> np.ndarray:
        return np.full((max(len(audio) // 640 - 5, 0), 4), audio[0], np.float32)


def shown(clips: ClipSet, folder: Path, protocol: Protocol = Protocol.DIRECT, **changes: Any) -> int:
    """How often the expert is shown one trial of clip a, on a store that may know what it saw."""
    expert = Sees(**changes.pop("identity", {}))
    model = Model("m", Counts(**changes.pop("attributes", {})), {})
    plan = Plan(protocol, **changes.pop("plan", {}))
    grouping = grouped({"run": "run 1", "device": changes.pop("device", "cpu")})
    evaluation = Evaluation(clips, model, expert, plan, Store(folder), **grouping)  # type: ignore[arg-type]
    evaluation.artefacts.embedding(evaluation._trials.of("a", BY_TEXT[changes.pop("trial", "AM,AR")]))
    return expert.calls


@pytest.mark.parametrize(
    "change",
    [
        {"protocol": Protocol.LRS},
        {"identity": {"name": "other"}},
        {"identity": {"version": "2"}},
        {"identity": {"weights_sha256": "1" * 64}},
        {"attributes": {"fingerprint": "weights 2"}},
        {"trial": "SI,AR"},
        {"plan": {"retrack": True}},
        {"plan": {"face": "speaking"}},
        {"device": "cuda:0"},
    ],
    ids=str,
)
def test_what_the_expert_sees_depends_on_how_it_is_shown(
    clips: ClipSet, tmp_path: Path, change: dict[str, Any]
) -> None:
    assert shown(clips, tmp_path) == 1
    assert shown(clips, tmp_path) == 0
    assert shown(clips, tmp_path, **change) == 1


def test_a_score_depends_on_what_is_heard(clips: ClipSet, tmp_path: Path) -> None:
    def distance(level: int) -> float:
        grouping = grouped({"run": "run 1", "device": "cpu"})
        plan, store = Plan(Protocol.DIRECT), Store(tmp_path)
        evaluation = Evaluation(clips, Model("m", Counts(), {}), Sees(), plan, store, **grouping)  # type: ignore[arg-type]
        trial = evaluation._trials.of("a", BY_TEXT["AM,AR"])
        return evaluation.artefacts.score(trial, np.full(len(trial.clip.audio), level, np.int16)).lse_d

    first, other, again = map(distance, (3, 5, 3))
    assert other == pytest.approx(first * 5 / 3, rel=1e-4)
    assert again == first
