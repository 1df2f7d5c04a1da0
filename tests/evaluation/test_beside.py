"""What is embedded beside the model: the same digits in the same order, and the model notices nothing of it."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clip_sets import random_levels, write_clips

from pytest_lipleak.core.conditions import CONDITIONS
from pytest_lipleak.core.errors import GeneratorError, UnscorableError
from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
from pytest_lipleak.evaluation.make.beside import MOST, Beside
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.expert import WINDOW_FRAMES, ExpertIdentity, Suitability
from pytest_lipleak.sync.gathered import Gathered
from pytest_lipleak.sync.protocols import Protocol

LEVELS = {name: random_levels(ord(name)) for name in "abcd"}


def test_what_is_begun_is_done_in_another_thread_and_taken_once():
    beside = Beside[int](allowed=True)
    did: list[int] = []

    def work() -> int:
        did.append(threading.get_ident())
        return len(did)

    beside.begin("one", work)
    beside.begin("one", work)  # is begun already
    assert beside.take("one", work) == 1
    assert did[0] != threading.get_ident()
    assert beside.take("one", work) == 2, "taken already, so done anew"
    assert did[1] == threading.get_ident()


def test_what_gathers_is_begun_without_a_thread_and_done_where_it_is_taken():
    beside, before = Beside[int](allowed=True, in_thread=False), threading.active_count()
    for number in range(beside.ahead + 1):
        beside.begin(str(number), threading.get_ident)
    assert threading.active_count() == before
    assert {beside.take(str(number), lambda: 0) for number in range(beside.ahead + 1)} == {
        threading.get_ident()
    }


def test_nothing_is_begun_where_there_is_no_processor_for_it():
    beside = Beside[int](allowed=False)
    beside.begin("one", threading.get_ident)
    assert beside.take("one", threading.get_ident) == threading.get_ident()


def test_an_error_is_raised_where_the_result_is_asked_for():
    beside = Beside[int](allowed=True)

    def fails() -> int:
        raise UnscorableError("no face")

    beside.begin("one", fails)
    with pytest.raises(UnscorableError, match="no face"):
        beside.take("one", lambda: 1)


def test_of_many_results_the_first_are_let_go_and_made_anew():
    beside = Beside[str](allowed=True)
    for number in range(MOST + 2):
        beside.begin(str(number), lambda: "begun")
    taken = [beside.take(str(number), lambda: "anew") for number in range(MOST + 2)]
    assert taken == ["anew", "anew", *["begun"] * MOST]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_waits_for_what_was_begun():
    beside = Beside[int](allowed=True)
    goes_on, before = threading.Event(), threading.active_count()
    for number in range(2):
        beside.begin(str(number), lambda: int(goes_on.wait(10)))
    threading.Timer(0.2, goes_on.set).start()
    if (child := os.fork()) == 0:
        os._exit(0 if goes_on.is_set() and threading.active_count() == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert threading.active_count() <= before + 1, "and no thread is left, of which Python would warn"
    assert [beside.take(str(number), lambda: 5) for number in range(2)] == [1, 1]


class BrightnessExpert:
    """Sees brightness, hears loudness; one row per window."""

    identity = ExpertIdentity("brightness", "1", "0" * 64, True)

    def __init__(self, works_beside: bool) -> None:
        self.works_beside = works_beside
        self.threads: list[int] = []

    def embed_video(self, frames: Any) -> np.ndarray:
        return self.begin(frames)()

    def begin(self, frames: Any) -> Callable[[], np.ndarray]:
        levels = np.stack([np.float32(frame[0, 0, 0]) for frame in frames])

        def embed() -> np.ndarray:
            self.threads.append(threading.get_ident())
            return _rows(levels)

        return embed

    def embed_audio(self, audio: np.ndarray) -> np.ndarray:
        return _rows(audio[::640].astype(np.float32) / 100)

    def review(self, frames: Any, audio: np.ndarray) -> Suitability:
        return Suitability((), ())


def _rows(levels: np.ndarray) -> np.ndarray:
    return np.stack([levels[i : i + 5] for i in range(len(levels) - 5)])


class Darker:
    fingerprint = "darker"

    def __init__(self, fails_at: int | None = None) -> None:
        self.fails_at = fails_at
        self.asked: list[tuple[int, bytes]] = []

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        self.asked.append((threading.get_ident(), audio[:5000].tobytes() + frames[0, 0].tobytes()))
        if len(self.asked) == self.fails_at:
            raise KeyboardInterrupt
        return frames // 2 + reference[:1] // 4


def evaluated(folder: Path, works_beside: bool, model: Darker) -> tuple[Evaluation, BrightnessExpert]:
    clips = write_clips(folder / "clips", LEVELS)
    expert = BrightnessExpert(works_beside)
    store = Store(folder / f"store {works_beside}")
    plan = Plan(Protocol.DIRECT)
    return Evaluation(clips, Model("darker", model), expert, plan, store), expert  # type: ignore[arg-type]


def test_scores_their_order_and_what_the_model_is_asked_are_the_same(tmp_path):
    found = []
    for works_beside in (False, True):
        model = Darker()
        evaluation, expert = evaluated(tmp_path, works_beside, model)
        evaluation.need(CONDITIONS)
        trials = evaluation.corpus.trials
        found.append(
            (list(trials), [trial.own for trial in trials.values()], [what for _, what in model.asked])
        )
        assert {thread for thread, _ in model.asked} == {threading.get_ident()}
        others = [thread for thread in expert.threads if thread != threading.get_ident()]
        assert len(others) == (len(LEVELS) * len(CONDITIONS) if works_beside else 0)
    assert found[0] == found[1]


class GatheringExpert(BrightnessExpert):
    """Embeds all videos that wait in one call, as on a GPU."""

    gathers = True

    def __init__(self) -> None:
        super().__init__(works_beside=False)
        self.calls: list[int] = []
        self._gathered = Gathered(self._tower, 128)

    def _tower(self, frames: np.ndarray) -> np.ndarray:
        self.calls.append(len(frames))
        return np.lib.stride_tricks.sliding_window_view(frames[:, 0, 0, 0].astype(np.float32), WINDOW_FRAMES)

    def begin(self, frames: Any) -> Callable[[], np.ndarray]:
        return self._gathered.begin(np.stack([np.asarray(frame) for frame in frames][:-1]))


def test_scores_are_the_same_where_the_videos_of_several_trials_are_embedded_in_one_call(tmp_path):
    clips = write_clips(tmp_path / "clips", LEVELS)
    found = []
    for expert in (BrightnessExpert(False), GatheringExpert()):
        model, store = Darker(), Store(tmp_path / type(expert).__name__)
        evaluation = Evaluation(clips, Model("darker", model), expert, Plan(Protocol.DIRECT), store)  # type: ignore[arg-type]
        evaluation.need(CONDITIONS)
        trials = evaluation.corpus.trials
        found.append({key: trial.own for key, trial in trials.items()})
    assert found[0] == found[1]
    made = len(LEVELS) * len(CONDITIONS)
    together = [frames for frames in expert.calls if frames > min(expert.calls)]
    assert len(together) >= made // (MOST + 1)
    assert len(expert.calls) < made


@pytest.mark.parametrize("expert", [BrightnessExpert(True), GatheringExpert()], ids=["beside", "gathered"])
def test_what_was_made_is_scored_when_the_work_is_ended(tmp_path, expert):
    model = Darker(fails_at=4)
    clips = write_clips(tmp_path / "clips", LEVELS)
    evaluation = Evaluation(  # type: ignore[arg-type]
        clips, Model("darker", model), expert, Plan(Protocol.DIRECT), Store(tmp_path / "store")
    )
    with pytest.raises(KeyboardInterrupt):
        evaluation.need(CONDITIONS)
    scored = [condition for _, condition in evaluation.corpus.trials if condition]
    assert len(scored) == 3


def test_a_model_that_fails_keeps_no_other_trial_from_its_score(tmp_path):
    class FailsOnce(Darker):
        def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
            made = super().generate(frames, audio, reference)
            if len(self.asked) == 2:
                raise ValueError("no")
            return made

    model = FailsOnce()
    evaluation, _ = evaluated(tmp_path, True, model)
    with pytest.raises(GeneratorError):
        evaluation.need(CONDITIONS[:2])
    every = len(LEVELS) * 2
    assert len(model.asked) == every
    assert sum(condition is not None for _, condition in evaluation.corpus.trials) == every - 1
