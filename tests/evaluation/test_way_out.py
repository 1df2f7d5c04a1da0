"""What is advised about a model that fails: only what follows from what it did not fail on."""

import pytest

from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.corpus import Key
from pytest_lipleak.core.errors import GeneratorError, InputError, LipleakError
from pytest_lipleak.evaluation.way_out import ONLY_SILENCE, ONLY_SOME, way_out

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
    assert way_out(error, failed, worked, silence).strip() == told
