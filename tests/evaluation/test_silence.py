"""Which silence drives the model under SI: what is asked for, else what the model declares, else zeros."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_lipleak.core.conditions import Setup
from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
from pytest_lipleak.generators.registry import as_model
from pytest_lipleak.media.clipsets import open_clips
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.experts import load_expert
from pytest_lipleak.sync.protocols import Protocol


@pytest.mark.parametrize(
    ("declared", "asked", "kind", "note"),
    [
        (None, None, "zeros", None),
        ("noise", None, "noise", "silence is white noise at -60 dBFS, as the model declares"),
        (None, "noise", "noise", "silence is white noise at -60 dBFS, as asked"),
        ("noise", "zeros", "zeros", None),
        ("zeros", "noise", "noise", "silence is white noise at -60 dBFS, as asked"),
    ],
)
def test_the_kind_of_silence_stands_in_the_report(
    tmp_path: Path, declared: str | None, asked: str | None, kind: str, note: str | None
) -> None:
    class Model:
        silence = declared

        def generate(self, frames: Any, audio: Any, reference: Any) -> Any:
            return frames

    clips = open_clips("embedded")
    plan = Plan(Protocol.DIRECT, silence=asked)
    evaluation = Evaluation(clips, as_model(Model()), load_expert("embedded"), plan, Store(tmp_path))
    told = [text for text in evaluation.corpus.provenance.notes if "silence" in text]
    assert evaluation.corpus.provenance.silence == kind
    assert told == ([note] if note else [])
    audio = evaluation.driving_audio(clips["anna_1"], Setup.SI)
    level = np.sqrt(np.mean(np.square(audio.astype(float) / 32768)))
    assert len(audio) == len(clips["anna_1"].audio)
    if kind == "zeros":
        assert level == 0
    else:
        assert 20 * np.log10(level) == pytest.approx(-60, abs=0.1)
