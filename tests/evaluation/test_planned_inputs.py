"""What an export planned for a video is compared with what a run gives, also where another video cut the clip."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.corpus import Provenance
from pytest_lipleak.core.errors import UnscorableError, WrongVideoError
from pytest_lipleak.evaluation.make.planned_inputs import PlannedInputs, inputs_of
from pytest_lipleak.media.clipsets import ClipFile, ClipSet
from pytest_lipleak.media.finished_tables import FinishedVideo, TrialName
from pytest_lipleak.media.video import write_video
from pytest_lipleak.plan.trials import Trials

LENGTH, LEFT = 60, 40
SILENT = Condition(Setup.SI, Reference.AR)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> ClipFile:
    path = tmp_path_factory.mktemp("planned") / "a.mkv"
    draws = np.random.default_rng(0)
    frames = draws.integers(0, 255, (LENGTH, 16, 16, 3), dtype=np.uint8)
    write_video(path, frames, draws.integers(-9, 9, LENGTH * 640, dtype=np.int16))
    return ClipFile("a", path)


def trials(
    file: ClipFile, left: int | None = None, strategy: str = "first", silence: str = "zeros"
) -> Trials:
    about = Provenance("m", "set", ("a",), "e", "direct", strategy, silence, {}, 0, "cpu", "0")
    return Trials(ClipSet([file], "set", ends=lambda clip, length: left), about, {})


def checked(file: ClipFile, planned: Trials, left: int | None, probe: str = "") -> None:
    name = TrialName("a", SILENT, probe)
    row = FinishedVideo("line 2", Path("out.mp4"), "a", inputs=inputs_of(planned.of("a", SILENT)))
    PlannedInputs(trials(file)).check(name, row, trials(file, left).of("a", SILENT))


@pytest.mark.parametrize("left", [None, LEFT], ids=["whole", "cut"])
def test_only_what_was_made_from_other_inputs_is_refused(file: ClipFile, left: int | None) -> None:
    checked(file, trials(file), left)
    others: list[Callable[[ClipFile], Trials]] = [
        lambda file: trials(file, silence="noise"),
        lambda file: trials(file, strategy="multiple"),
        lambda file: trials(replace(file, first=5)),
    ]
    for other in others:
        with pytest.raises(WrongVideoError, match=r"line 2: out\.mp4 was made from other inputs \(\d+-\w+\)"):
            checked(file, other(file), left)


def test_of_a_probe_of_a_clip_that_was_cut_nothing_is_said(file: ClipFile) -> None:
    checked(file, trials(file), None, "REF_swap")
    with pytest.raises(UnscorableError, match=f"made from {LENGTH} frames, and {LEFT} of the clip are left"):
        checked(file, trials(file), LEFT, "REF_swap")
