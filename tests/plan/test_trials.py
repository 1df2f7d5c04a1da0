"""Trials outside the protocol: generated, stored and scored like any other, keyed by what the model is given."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clip_sets import coded, levels_of_audio, levels_of_frames, random_levels, spoken, write_clips

from pytest_lipleak.core.clips import held
from pytest_lipleak.core.conditions import CONDITIONS
from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.media.clipsets import ClipSet
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.expert import ExpertIdentity
from pytest_lipleak.sync.protocols import Protocol

LEVELS = {name: random_levels(ord(name)) for name in "ab"}
BY_TEXT = {str(condition): condition for condition in CONDITIONS}


class LevelExpert:
    """Sees brightness, hears loudness; one row per window."""

    identity = ExpertIdentity("level", "1", "0" * 64, True)

    def embed_video(self, frames: Any) -> np.ndarray:
        return self._rows(levels_of_frames(np.stack(list(frames))))

    def embed_audio(self, audio: np.ndarray) -> np.ndarray:
        return self._rows(levels_of_audio(audio))

    def _rows(self, levels: np.ndarray) -> np.ndarray:
        return np.stack([levels[i : i + 5] for i in range(len(levels) - 5)])


class CopiesReference:
    fingerprint = "copies"

    def __init__(self) -> None:
        self.given: list[tuple[np.ndarray, np.ndarray]] = []

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        self.given.append((audio, reference))
        return reference


@pytest.fixture
def clips(tmp_path: Path) -> ClipSet:
    return write_clips(tmp_path / "clips", LEVELS)


@pytest.fixture
def evaluation(clips: ClipSet, tmp_path: Path) -> Evaluation:
    model = Model("copier", CopiesReference())
    return Evaluation(clips, model, LevelExpert(), Plan(Protocol.DIRECT), Store(tmp_path / "store"))  # type: ignore[arg-type]


def test_a_probe_is_what_was_asked_for_and_made_once(evaluation: Evaluation) -> None:
    model: Any = evaluation.model.generator
    swapped = evaluation.clips["b"].frames
    audio = spoken(LEVELS["b"])
    for name in ("reference of b", "the same by another name"):
        trial = evaluation.probe_trial("a", audio=audio, reference=swapped, name=name)
        np.testing.assert_array_equal(held(evaluation.artefacts.video(trial)), coded(LEVELS["b"]))
        # It copies b's lips: in sync with b's speech, not with a's.
        assert evaluation.artefacts.score(trial, audio).lse_d == pytest.approx(0, abs=1e-3)
        assert evaluation.artefacts.score(trial, spoken(LEVELS["a"])).lse_d > 30
    assert len(model.given) == 1
    np.testing.assert_array_equal(model.given[0][0], audio)
    np.testing.assert_array_equal(model.given[0][1], swapped)


def test_indices_name_frames_of_the_clip_itself(evaluation: Evaluation) -> None:
    backwards = list(range(len(LEVELS["a"])))[::-1]
    trial = evaluation.probe_trial("a", audio=spoken(LEVELS["a"]), reference=backwards, name="backwards")
    np.testing.assert_array_equal(held(evaluation.artefacts.video(trial)), coded(LEVELS["a"])[::-1])


def test_other_audio_or_reference_is_another_probe(evaluation: Evaluation) -> None:
    own, other = spoken(LEVELS["a"]), spoken(LEVELS["b"])
    frames = evaluation.clips["b"].frames
    every = range(len(frames))
    given: list[tuple[np.ndarray, Any]] = [
        (own, every), (other, every), (own, frames), (own, np.roll(frames, 1, axis=0)), (own, [*every][::-1])
    ]  # fmt: skip
    trials = [evaluation.probe_trial("a", audio=audio, reference=ref, name="probe") for audio, ref in given]
    assert len({evaluation.artefacts.source(trial) for trial in trials}) == len(given)


def test_a_probe_that_equals_a_condition_is_that_condition(evaluation: Evaluation) -> None:
    condition = evaluation.trial("a", BY_TEXT["AM,CR"])
    probe = evaluation.probe_trial("a", audio=spoken(LEVELS["a"]), reference=range(30), name="as AM,CR")
    assert evaluation.artefacts.source(probe) == evaluation.artefacts.source(condition)


@pytest.mark.parametrize(
    "wrong",
    [{"audio": np.zeros(640, np.float32)}, {"reference": np.zeros((1, 8, 8, 3))}],
    ids=["audio", "reference"],
)
def test_what_no_model_takes_is_refused(evaluation: Evaluation, wrong: dict[str, Any]) -> None:
    given = {"audio": spoken(LEVELS["a"]), "reference": [0], **wrong}
    with pytest.raises(ConfigurationError, match=r"probe 'odd'.*expected"):
        evaluation.probe_trial("a", name="odd", **given)
