"""Results read as a share of copied lips: on curves whose answer is known, and with the control generators."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.corpus import Corpus, Provenance
from pytest_lipleak.core.dose import COLUMNS, Dose, DoseCurve, scale_of
from pytest_lipleak.core.errors import InputError, MissingDataError, UnscorableError
from pytest_lipleak.core.metrics.formulas import every_metric, metric
from pytest_lipleak.core.scores import SyncScore, TrialScore
from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
from pytest_lipleak.evaluation.results.dose_curves import (
    calibrated,
    curve_for,
    curve_text,
    dose_of,
    misfits,
    read_curve,
    table_lines,
)
from pytest_lipleak.generators.registry import load_model
from pytest_lipleak.media.clipsets import EMBEDDED, open_clips
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.experts import load_expert
from pytest_lipleak.sync.protocols import Protocol

NAMES = tuple(f"clip{number}" for number in range(8))
ABOUT = Provenance(
    "m", "set", NAMES, "fake 1", "direct", "first", "zeros", {}, 0, "cpu", "0",
    weights_sha256="1" * 64, clips_sha256="2" * 64,
)  # fmt: skip


def scored(lse_c: float, lse_d: float) -> SyncScore:
    means = [lse_c + lse_d] * 31
    means[15] = lse_d
    return SyncScore(tuple(means), windows=40)


def leaking(share: float, noise: float = 0.0, seed: int = 0, about: Provenance = ABOUT) -> Corpus:
    """A world in which agreement with copied lips is 4 times the share, and people differ by up to 1."""
    corpus, random = Corpus(about), np.random.default_rng(seed)
    for number, clip in enumerate(about.clip_names):
        person, chance = number / 7, random.normal(0, noise, 6)
        own, driven = 4 * share + person, 4 * (1 - share) + person
        for reference in Reference:
            for setup, c_own, c_driven in (
                (Setup.AM, 4 + person, 4 + person),
                (Setup.XM, own, driven),
                (Setup.SI, own, 0.0),
            ):
                condition = Condition(setup, reference)
                offset = chance[["AM", "XM", "SI"].index(setup)]
                against_own = scored(max(c_own + offset, 0), 14 - c_own - offset)
                against_driving = scored(max(c_driven + offset, 0), 14 - c_driven - offset)
                corpus.trials[clip, condition] = TrialScore(
                    clip, condition, against_own, None if setup is Setup.SI else against_driving, 0
                )
    return corpus


@pytest.fixture(scope="module")
def curve() -> DoseCurve:
    return calibrated(leaking)


@pytest.mark.parametrize("share", [0.0, 0.04, 0.25, 0.5, 0.93, 1.0])
def test_a_known_share_is_read_exactly(curve: DoseCurve, share: float) -> None:
    for wanted in every_metric():
        if scale_of(wanted) is not None:
            dose = dose_of(wanted, leaking(share), curve)
            assert dose is not None
            # LSE-C is cut at 0: all of these rise from end to end.
            assert dose.share == pytest.approx(share, abs=1e-4), wanted.name
            # The same clips in curve and result: people's differences cancel.
            assert (dose.low, dose.high) == pytest.approx((share, share), abs=1e-3), wanted.name


def test_what_has_a_scale() -> None:
    named = {wanted.name for wanted in every_metric() if scale_of(wanted) is not None}
    assert named == {
        *(f"LSD-{reference}" for reference in Reference),
        *(f"LSE-{letter}_S{ar}" for letter in "CD" for ar in ("", "[AR]")),
        *(f"LSE-{letter}_XO[{reference}]" for letter in "CD" for reference in Reference),
    }  # fmt: skip
    assert dose_of(metric("LSE-C[XM,CR]"), leaking(0.5), calibrated(leaking)) is None


def test_the_ends_are_as_wide_as_other_versions_of_the_libraries_make_them(curve: DoseCurve) -> None:
    """In LSE-C_S: 0.0008 and 0.004 beyond what no copy gives."""
    near, beyond = (dose_of(metric("LSE-C_S"), leaking(share), curve) for share in (-0.0002, -0.001))
    assert near is not None
    assert beyond is not None
    assert (near.share, beyond.share) == (0, -math.inf)


@pytest.mark.parametrize("name", ["LSE-C_S", "LSE-D_S", "LSD-CR"])
def test_off_the_curve_is_said_and_never_a_number(curve: DoseCurve, name: str) -> None:
    halved = calibrated(leaking, [0.2, 0.4, 0.6])
    below, above = dose_of(metric(name), leaking(0.1), halved), dose_of(metric(name), leaking(0.9), halved)
    assert below is not None
    assert above is not None
    assert (below.share, above.share) == (-math.inf, math.inf)
    assert str(below).startswith("leaks less than any copy: less than 0 %")
    assert str(above).startswith("leaks more than a full copy: more than 100 %")
    assert below.short.startswith("< 0 %")
    assert below.to_dict()["share"] is None
    assert json.dumps(above.to_dict(), allow_nan=False)


def test_the_interval_covers_as_often_as_it_says(curve: DoseCurve) -> None:
    """A noisy world: about 95 % of the intervals hold the truth."""
    covered, worlds, silent = 0, 60, metric("LSE-C_S").columns[0]
    for seed in range(worlds):
        random = np.random.default_rng(seed)
        noisy = replace(
            curve, columns={silent: np.array(curve.columns[silent]) + random.normal(0, 0.4, (11, len(NAMES)))}
        )
        result = Corpus(ABOUT)
        for number, clip in enumerate(NAMES):
            score = scored(4 * 0.35 + number / 7 + random.normal(0, 0.4), 10)
            result.trials[clip, silent.condition] = TrialScore(clip, silent.condition, score, None, 0)
        dose = dose_of(metric("LSE-C_S"), result, noisy)
        assert dose is not None
        covered += dose.low <= 0.35 <= dose.high
    # 57 of 60 are expected; fewer than 50 would come once in ten thousand runs.
    assert covered >= 50


def test_words() -> None:
    assert str(Dose(0.234, 0.18, 0.291)) == "leaks like a 23 % copy [18 %, 29 %]"
    assert Dose(0.234, 0.18, math.inf).short == "23 % [18, > 100]"
    assert str(Dose(0.5, math.nan, math.nan)) == "leaks like a 50 % copy"


def test_read_back_as_written(curve: DoseCurve, tmp_path: Path) -> None:
    file = tmp_path / "dose.json"
    file.write_text(curve_text(curve))
    again = read_curve(file)
    assert curve_text(again) == curve_text(curve)
    assert again.about == curve.about
    assert max(map(len, file.read_text().splitlines())) < 200
    assert len(table_lines(again)) == 12


@pytest.mark.parametrize(
    "changes",
    [
        {"expert": "fake 2"},
        {"weights_sha256": "3"},
        {"protocol": "lrs"},
        {"clips_sha256": "3"},
        {"face": "largest"},
    ],
)
def test_another_measurement_is_refused(curve: DoseCurve, changes: dict[str, Any], tmp_path: Path) -> None:
    (word,) = changes
    (reason,) = misfits(curve, replace(ABOUT, **changes))
    assert word.replace("_", " ") in reason
    file = tmp_path / "dose.json"
    file.write_text(curve_text(curve))
    assert curve_for(ABOUT, file)[0] is not None
    with pytest.raises(InputError, match="made for something else"):
        curve_for(replace(ABOUT, **changes), file)
    # The shipped curve of the embedded clips is not even mentioned as an error.
    found, why = curve_for(ABOUT)
    assert found is None
    assert why is not None


def test_broken_files(curve: DoseCurve, tmp_path: Path) -> None:
    whole = json.loads(curve_text(curve))
    texts = [
        "{}",
        "[]",
        "no json",
        json.dumps(whole | {"format": 2}),
        json.dumps(whole | {"shares": whole["shares"][::-1]}),
        json.dumps(whole | {"clips": whole["clips"][1:]}),
        json.dumps(whole | {"columns": dict(list(whole["columns"].items())[1:])}),
        curve_text(curve).replace("[", "[NaN, ", 5),
    ]
    for number, text in enumerate(texts):
        file = tmp_path / f"{number}.json"
        file.write_text(text)
        with pytest.raises(InputError, match=r"dose curve"):
            read_curve(file)
    with pytest.raises(MissingDataError):
        read_curve(tmp_path / "nowhere.json")


def test_no_curve_of_clips_that_cannot_be_judged() -> None:
    def objected(share: float) -> Corpus:
        corpus = leaking(share)
        corpus.expert_unfit = "this expert cannot judge these clips"
        return corpus

    with pytest.raises(UnscorableError, match="cannot judge"):
        calibrated(objected)
    with pytest.raises(UnscorableError, match="scored under all conditions: 1 clip; a dose curve needs two"):
        calibrated(lambda share: leaking(share, about=replace(ABOUT, clip_names=NAMES[:1])))
    assert len(calibrated(lambda s: leaking(s)).clip_names) == 8
    assert COLUMNS


def test_the_control_generators_are_read_as_what_they_are(tmp_path: Path) -> None:
    """The shipped curve, on four of its clips: a share that lies between its points."""
    clips = open_clips(EMBEDDED)
    names = [name for name in clips if name.startswith(("anna", "zola"))][:4]
    partners = {name: (next(other for other in names if other != name),) for name in names}
    plan = Plan(Protocol.DIRECT, pairs=partners)
    for share, expected in ((0.0, 0.0), (0.35, 0.35)):
        model = load_model(f"demo:leaky={share}")
        evaluation = Evaluation(clips, model, load_expert("embedded"), plan, Store(tmp_path))
        assert evaluation.corpus.curve is not None, "the shipped curve fits the shipped expert and clips"
        measured = evaluation.measure("LSE-C_S")
        dose, curve = measured.dose, evaluation.corpus.curve
        assert dose is not None
        # Without a leak it lies at the curve's begin, or below by what another OpenCV rounds: less than any copy.
        assert max(dose.share, 0.0) == pytest.approx(expected, abs=0.03)
        columns = scale_of(measured.metric)
        assert columns is not None
        scale = [
            measured.metric.combine(
                [
                    np.mean([curve.columns[c][n][curve.clip_names.index(name)] for name in names])
                    for c in columns
                ]
            )
            for n in (0, -1)
        ]
        assert measured.value > scale[0] - 0.03 * (scale[1] - scale[0]), "by no more than that"
        assert math.isnan(dose.low), "two speakers have no interval"
