"""What is advised about a model that fails: only what follows from what it did not fail on."""

from pathlib import Path

import numpy as np
import pytest

from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.corpus import Key
from pytest_lipleak.core.errors import GeneratorError, InputError, LipleakError
from pytest_lipleak.evaluation.evaluation import Evaluation
from pytest_lipleak.evaluation.make.failure_advice import ONLY_SILENCE, ONLY_SOME, failure_advice
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.media.clipsets import EMBEDDED, ClipSet, open_clips
from pytest_lipleak.plan.user_choices import Plan
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.experts import load_expert
from pytest_lipleak.sync.protocols import Protocol

SILENT, MATCHED = Condition(Setup.SI, Reference.CR), Condition(Setup.AM, Reference.CR)
NO_MEL = GeneratorError("no mel")


@pytest.mark.parametrize(
    ("error", "failed", "worked", "silence", "told"),
    [
        (NO_MEL, [("a", SILENT), ("b", SILENT)], [("a", MATCHED)], "zeros", ONLY_SILENCE),
        (NO_MEL, [("a", SILENT)], [("a", MATCHED)], "noise", ""),
        (NO_MEL, [("a", SILENT)], [("a", MATCHED), ("b", SILENT)], "zeros", ONLY_SOME),
        (NO_MEL, [("a", SILENT)], [("b", MATCHED)], "zeros", ""),
        (NO_MEL, [("a", SILENT)], [("a", None)], "zeros", ""),
        (NO_MEL, [("a", MATCHED), ("a", SILENT)], [("b", MATCHED)], "zeros", ONLY_SOME),
        (NO_MEL, [("a", MATCHED), ("b", MATCHED)], [("a", None)], "zeros", ""),
        (GeneratorError("see --lipleak-timeout"), [("a", SILENT)], [("a", MATCHED)], "zeros", ""),
        (InputError("no such clip"), [("a", MATCHED)], [("b", MATCHED)], "zeros", ""),
    ],
)
def test_advice(error: LipleakError, failed: list[Key], worked: list[Key], silence: str, told: str) -> None:
    assert failure_advice(error, failed, worked, silence).strip() == told


class TakesNoOtherReference:
    """Fails in every probe of the reference."""

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        if not np.array_equal(frames, reference):
            raise ValueError("another reference")
        return frames


def test_a_trial_that_fails_in_a_probe_has_not_worked(tmp_path: Path) -> None:
    files = open_clips(EMBEDDED).files
    clips = ClipSet([files[name] for name in ("anna_1", "mara_1", "zola_1")], "three clips")
    model = Model("takes no other", TakesNoOtherReference())
    evaluation = Evaluation(clips, model, load_expert("embedded"), Plan(Protocol.DIRECT), Store(tmp_path))
    evaluation.measure("LSE-C_S")
    with pytest.raises(GeneratorError, match="another reference") as failed:
        evaluation.measure("REF_shift[SI,CR]")
    assert "1 more video failed" in str(failed.value)
    assert ONLY_SOME not in str(failed.value)
