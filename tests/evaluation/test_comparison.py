"""Two results on the same clips: refused when they were measured otherwise, else paired by clip."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pytest_lipleak.core.conditions import SETUPS, Condition, Reference
from pytest_lipleak.core.corpus import Corpus, Provenance
from pytest_lipleak.core.errors import InputError, UnscorableError
from pytest_lipleak.core.metrics.formulas import every_metric, metric
from pytest_lipleak.core.scores import SetScore, SyncScore, TrialScore, Unscored
from pytest_lipleak.evaluation.comparison import (
    difference,
    differences,
    has,
    incomparable,
    matching,
    regression,
    remarks,
    rounded,
)
from pytest_lipleak.verdicts.regressions import Allowance

AM, XM, SI = (Condition(setup, Reference.CR) for setup in SETUPS)
NAMES = tuple("abcdefgh")
WIDER = 0.98852
"""Percentiles of 8 clips that make a 95 % interval by Student's t: 2 cdf(sqrt(8 / 7) t(0.975, 7)) - 1."""
ABOUT = Provenance(
    "m", "set", NAMES, "fake 1", "direct", "first", "zeros",
    {name: NAMES[index - 1] for index, name in enumerate(NAMES)}, 0, "cpu", "0",
    weights_sha256="1" * 64, clips_sha256="2" * 64, pairing_rule="any",
)  # fmt: skip


def scored(lse_c: float, lse_d: float) -> SyncScore:
    means = [lse_c + lse_d] * 31
    means[15] = lse_d
    return SyncScore(tuple(means), windows=40, window_confidence=(lse_c,) * 40)


def corpus_of(scores: np.ndarray, about: Provenance = ABOUT) -> Corpus:
    """From (clips, 6) numbers: C and D under AM, XM and SI."""
    corpus = Corpus(about)
    for name, row in zip(NAMES, scores, strict=True):
        for number, condition in enumerate((AM, XM, SI)):
            score = scored(*row[2 * number : 2 * number + 2])
            corpus.trials[name, condition] = TrialScore(name, condition, score, score, 0, video=f"{name}.mkv")
    return corpus


@pytest.fixture
def scores() -> np.ndarray:
    return np.random.default_rng(1).uniform(2, 9, (len(NAMES), 6))


def test_against_itself_nothing_has_changed(scores: np.ndarray) -> None:
    found = differences(corpus_of(scores), corpus_of(scores))
    assert {each.metric.name for each in found} >= {"LSD-CR", "LSE-C_S", "LSE-C[AM,CR]", "LSE-D_XO[CR]"}
    assert {each.trend for each in found} == {"same"}
    assert regression(Allowance.parse("LSD-CR > +0"), corpus_of(scores), corpus_of(scores)).verdict.passed


def test_six_decimals_change_no_value_by_more(scores: np.ndarray) -> None:
    whole, kept = corpus_of(scores), rounded(corpus_of(scores))
    for name in ("LSE-C_S", "LSD-CR"):
        found = [difference(metric(name), each, each).before for each in (whole, kept)]
        assert found[0] == found[1]
    assert all(trial.own.window_confidence == () and trial.video is None for trial in kept.trials.values())


@pytest.mark.parametrize("name", ["LSD-CR", "LSE-C_S"])
def test_the_interval_is_scipys_paired_bootstrap(scores: np.ndarray, name: str) -> None:
    stats = pytest.importorskip("scipy.stats")
    shift = np.random.default_rng(2).normal(0.4, 0.6, scores.shape)
    before, after = np.round(scores, 6), np.round(scores + shift, 6)
    formulas: dict[str, Any] = {
        "LSD-CR": lambda m: 0.5 * (np.abs(m[..., 0] - m[..., 2]) + np.abs(m[..., 1] - m[..., 3])),
        "LSE-C_S": lambda m: m[..., 4],
    }

    def change(index: np.ndarray) -> np.ndarray:
        return formulas[name](after[index].mean(axis=-2)) - formulas[name](before[index].mean(axis=-2))

    found = difference(metric(name), corpus_of(before), corpus_of(after))
    # One axis of clips: SciPy draws the index, so both results keep the same clips.
    resampled = stats.bootstrap(
        (np.arange(len(NAMES)),), lambda index, axis: change(index), vectorized=True, n_resamples=20_000,
        method="percentile", confidence_level=WIDER, rng=np.random.default_rng(3), batch=500,
    )  # fmt: skip
    assert found.value == pytest.approx(float(change(np.arange(len(NAMES)))), abs=1e-5)
    assert found.interval == pytest.approx(tuple(resampled.confidence_interval), abs=0.05)


def test_pairing_makes_a_common_shift_certain(scores: np.ndarray) -> None:
    """Clips differ by several points, each rises by 0.2: only the paired interval can see that."""
    raised = scores.copy()
    raised[:, 4] += 0.2
    found = difference(metric("LSE-C_S"), corpus_of(scores), corpus_of(raised))
    assert found.value == pytest.approx(0.2)
    assert found.interval == pytest.approx((0.2, 0.2), abs=1e-5)
    assert found.trend == "worse"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"protocol": "lrs"}, "protocol: direct in the baseline, lrs now"),
        ({"face": "largest face is tracked"}, "face: none in the baseline"),
        ({"expert": "fake 2"}, "expert: fake 1 in the baseline, fake 2 now"),
        ({"weights_sha256": "3" * 64}, "weights SHA-256: 111111111111 in the baseline, 333333333333 now"),
        ({"clips_sha256": "3" * 64}, "contents of the clips (SHA-256): 222222222222"),
        ({"clip_names": NAMES[:-1]}, "clips: 8 (h) in the baseline, 7 now"),
        ({"seed": 1}, "seed: 0 in the baseline, 1 now"),
        ({"pairing_rule": "same-speaker"}, "pairing rule: any in the baseline"),
        ({"pairing": {**ABOUT.pairing, "b": "h"}}, "XM pairs: another partner for 1 clip, b for one"),
        ({"silence": "noise"}, "silence: zeros in the baseline, noise now"),
        ({"alternative_reference": "random"}, "alternative reference: first in the baseline, random now"),
        ({"verified_weights": False}, "unverified weights (fake 1)"),
        ({"weights_sha256": ""}, "does not say which weights and clips it rests on"),
        ({"clips_sha256": ""}, "does not say which weights and clips it rests on"),
        ({"shard": {"part": 1}}, "is a part of a corpus"),
        ({"notes": ("JPEG step by PyAV 1",)}, "made by: 0 in the baseline, 1 (JPEG step by PyAV 1) now"),
        ({"notes": ("CSIM by own.onnx, SHA-256 0",)}, "made by: "),
    ],
)
def test_what_was_measured_otherwise_is_refused(
    scores: np.ndarray, changes: dict[str, Any], words: str
) -> None:
    other = replace(ABOUT, **changes)
    assert [reason for reason in incomparable(ABOUT, other) if words in reason], incomparable(ABOUT, other)
    assert incomparable(other, ABOUT)
    with pytest.raises(InputError, match="must not be compared"):
        difference(metric("LSE-C_S"), corpus_of(scores), corpus_of(scores, other))


def test_every_difference_is_said_at_once() -> None:
    other = replace(ABOUT, protocol="lrs", seed=3, silence="noise")
    assert len(incomparable(ABOUT, other)) == 3
    assert incomparable(ABOUT, ABOUT) == []


def test_what_may_differ_is_told() -> None:
    assert incomparable(ABOUT, replace(ABOUT, model="other", version="1", device="cuda:0")) == []
    assert remarks(ABOUT, replace(ABOUT, version="1")) == ["mind: version was 0, is 1"]


@pytest.mark.parametrize("which", ["before", "after"])
def test_an_expert_that_cannot_judge_passes_nothing(scores: np.ndarray, which: str) -> None:
    corpora = {"before": corpus_of(scores), "after": corpus_of(scores)}
    corpora[which].expert_unfit = "this expert cannot judge these clips"
    found = regression(Allowance.parse("LSE-C_S > +9"), **corpora)
    assert (found.verdict.passed, found.verdict.judged) == (False, False)
    assert "cannot judge" in found.verdict.headline


def test_a_baseline_without_all_scores_passes_nothing(scores: np.ndarray) -> None:
    before = corpus_of(scores)
    # A real clip that was refused counts for nothing, whatever its trials scored.
    before.unscored["a", None] = Unscored("a", None, "no voice")
    found = regression(Allowance.parse("LSE-C_S > +9"), before, corpus_of(scores))
    assert (found.verdict.passed, found.verdict.judged) == (False, False)
    assert found.difference.lost == ("a",)
    assert "1 video of the baseline could not be scored" in found.verdict.headline


def test_a_clip_that_lost_its_score_cannot_pass(scores: np.ndarray) -> None:
    after = corpus_of(scores)
    del after.trials["a", SI]
    with pytest.raises(UnscorableError, match="not measured on all clips of the new result"):
        difference(metric("LSE-C_S"), corpus_of(scores), after)
    after.unscored["a", SI] = Unscored("a", SI, "no face")
    found = regression(Allowance.parse("LSE-C_S > +9"), corpus_of(scores), after)
    assert not found.verdict.passed
    assert not found.verdict.judged
    assert found.difference.lost == ("a",)
    allowed = regression(Allowance.parse("LSE-C_S > +0"), corpus_of(scores), after, allow_unscored=True)
    assert allowed.verdict.passed
    assert (
        allowed.difference.before == allowed.difference.after == pytest.approx(scores[1:, 4].mean(), abs=1e-5)
    )


def test_the_verdict_is_the_limit_that_follows_from_the_baseline(scores: np.ndarray) -> None:
    worse = scores.copy()
    worse[:, 4] += 0.3
    for text, passed in (("+0.31", True), ("+0.29", False), ("+1%", False), ("+50%", True)):
        found = regression(Allowance.parse(f"LSE-C_S > {text}"), corpus_of(scores), corpus_of(worse))
        assert found.verdict.passed is passed, text
        assert found.verdict.judged


def test_an_expert_that_cannot_judge_the_clips_passes_nothing(scores: np.ndarray) -> None:
    for broken in range(2):
        both = [corpus_of(scores), corpus_of(scores)]
        both[broken].expert_unfit = "this expert cannot judge these clips"
        found = regression(Allowance.parse("LSE-C_S > +9"), *both)
        assert found.verdict.reason == "this expert cannot judge these clips"


def test_distances_between_sets_are_compared_without_interval(scores: np.ndarray) -> None:
    before, after = corpus_of(scores), corpus_of(scores)
    before.sets["FID", AM], after.sets["FID", AM] = (
        SetScore(10.0, 500, {"a": 1.0}, None),
        SetScore(12.5, 500, {"a": 1.0}, None),
    )
    found = difference(metric("FID[AM,CR]"), before, after)
    assert (found.value, found.interval, found.trend) == (2.5, None, "unclear")
    assert not regression(Allowance.parse("FID[AM,CR] > +2"), before, after).verdict.passed
    assert regression(Allowance.parse("FID[AM,CR] > +3"), before, after).verdict.passed


def test_which_result_of_a_file(scores: np.ndarray) -> None:
    one, two = corpus_of(scores), corpus_of(scores, replace(ABOUT, model="other"))
    assert matching([one], "anything", "f") is one
    assert matching([one, two], "other", "f") is two
    with pytest.raises(InputError, match="f: holds 'm', 'other'; expected model 'third'"):
        matching([one, two], "third", "f")


def test_every_metric_is_found_and_has_a_name_of_its_own(scores: np.ndarray) -> None:
    names = [each.name for each in every_metric()]
    assert len(set(names)) == len(names)
    assert all(metric(name).name == name for name in names)
    assert not has(corpus_of(scores), metric("LSD-AR"))
