"""The best of a column is one that a paired test sets above every other, and nothing else is marked."""

from dataclasses import replace
from typing import Any

import pytest
from corpora import corpus

from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.errors import InputError
from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.core.scores import TrialScore
from pytest_lipleak.evaluation.comparison import paired_difference
from pytest_lipleak.report.side_by_side import entry_of, side_by_side
from pytest_lipleak.report.tables import Table

NAMES = [f"clip{number}" for number in range(8)]


def model(name: str, leak: float, **about: Any) -> Corpus:
    found = corpus(NAMES, leak=leak)
    return replace(found, provenance=replace(found.provenance, model=name, **about))


def best(*models: Corpus, table: str = "leakage") -> dict[str, list[str]]:
    """Which columns each row leads."""
    (found,) = side_by_side([entry_of(each) for each in models], [table])
    return marks(found)


def marks(table: Table) -> dict[str, list[str]]:
    return {
        row.label: [c.name for c, cell in zip(table.columns, row.cells, strict=True) if cell.best]
        for row in table.rows
    }


def test_a_model_better_on_every_clip_is_the_best() -> None:
    found = best(model("honest", 0.0), model("half", 0.5), model("copy", 1.0))
    assert found == {"honest": ["LSE-C_S", "LSE-D_S", "LSD-CR", "LSD-AR"], "half": [], "copy": []}


def test_a_smaller_mean_alone_is_not() -> None:
    # Much better on one clip, a little worse on all others: the mean is lower, and nothing is shown by it.
    usual, lucky = model("usual", 0.5), model("lucky", 0.5)
    better = corpus(NAMES, leak=0.0)
    worse = corpus(NAMES, leak=0.55)
    for key in list(lucky.trials):
        lucky.trials[key] = (better if key[0] == NAMES[0] else worse).trials[key]
    values = [
        paired_difference(metric("LSE-C_S"), usual, lucky).value,
        paired_difference(metric("LSE-C_S"), usual, lucky, confidence=0.5).value,
    ]
    assert values[0] == values[1] < 0
    assert best(usual, lucky) == {"usual": [], "lucky": []}


def test_a_best_model_must_beat_all_others_at_once() -> None:
    twin = model("twin", 0.0)
    assert best(model("honest", 0.0), twin, model("copy", 1.0)) == {"honest": [], "twin": [], "copy": []}


def test_other_pairs_leave_what_other_speech_drives_unmarked() -> None:
    other = model("copy", 1.0)
    pairs = dict(zip(NAMES, [*NAMES[2:], *NAMES[:2]], strict=True))
    other = replace(other, provenance=replace(other.provenance, pairing=pairs))
    assert best(model("honest", 0.0), other)["honest"] == ["LSE-C_S", "LSE-D_S"]
    with pytest.raises(InputError, match="LSD-CR: not comparable by clip, other XM pairs"):
        paired_difference(metric("LSD-CR"), model("honest", 0.0), other)


def test_captions_say_how_figures_were_made() -> None:
    about = {"weights_sha256": "ab" * 32, "clips_sha256": "cd" * 32}
    entries = [
        entry_of(model("honest", 0.0, **about)),
        entry_of(model("copy", 1.0, silence="noise", **about)),
    ]
    table = side_by_side(entries, ["leakage"], intervals=True)[0]
    assert "expert embedded 1, protocol direct, 8 clips (a list, SHA-256 cdcdcdcd)" in table.title
    notes = "\n".join(table.notes)
    assert "95 % bootstrap intervals over clips" in notes
    assert "better than every other model of its column and group in a paired bootstrap" in notes
    assert "honest: AR strategy first, silence zeros" in notes
    assert "copy: AR strategy first, silence noise" in notes
    assert "expert's weights SHA-256 abababab" in notes
    assert notes.count("seed 0") == 2, "of each model, once"
    low, high = table.rows[1].cells[0].interval or (0, 0)
    assert table.rows[1].cells[0].text == f"{table.rows[1].cells[0].value:.2f} [{low:.2f}, {high:.2f}]"


def test_a_set_of_frames_has_no_test_and_no_mark() -> None:
    from pytest_lipleak.core.conditions import Condition, Reference, Setup
    from pytest_lipleak.core.scores import SetScore

    models = [model("honest", 0.0), model("copy", 1.0)]
    for each, value in zip(models, (3.0, 30.0), strict=True):
        each.sets["FID", Condition(Setup.SI, Reference.CR)] = SetScore(value, 200, {})
    found = best(*models, table="SI")
    assert "FID" not in found["honest CR"]
    assert "LSE-C" in found["honest CR"]
    assert isinstance(models[0].trials[NAMES[0], None], TrialScore)
