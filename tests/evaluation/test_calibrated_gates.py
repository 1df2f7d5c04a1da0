"""Limits between what no leak and what half a copy comes to."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from corpora import corpus

from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.metrics.default_gates import DEFAULT_GATES
from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.core.scores import Unscored
from pytest_lipleak.evaluation.results.aggregate import measure
from pytest_lipleak.evaluation.results.calibrated_gates import (
    CALIBRATED,
    FOLLOWS,
    FULL,
    HALF,
    NONE,
    few_speakers,
    gates_for,
    limit_between,
    on_these_clips,
    options_file,
    without_scores,
)
from pytest_lipleak.settings.options import OPTIONS
from pytest_lipleak.verdicts.limits import Limit, Measurement

Between = Mapping[float, Mapping[str, Measurement]]


def measured(name: str, low: float, high: float) -> Measurement:
    return Measurement(metric(name), (low + high) / 2, (low, high), {"a": low, "b": high}, (), "syncnet v2")


def test_a_limit_stands_halfway_between_intervals_that_part() -> None:
    name = "LSE-C_S@floor"
    assert limit_between(measured(name, -0.1, 0.2), measured(name, 0.8, 1.2)) == pytest.approx(0.5)
    assert limit_between(measured(name, -0.1, 0.9), measured(name, 0.8, 1.2)) is None
    sync = FOLLOWS[0]
    assert limit_between(measured(sync, 5, 6), measured(sync, 1, 2)) == pytest.approx(3.5)
    assert limit_between(measured(sync, 2, 6), measured(sync, 1, 3)) is None


def found(silent: dict[float, tuple[float, float]], other: dict[float, tuple[float, float]]) -> Between:
    """By copied share, what the two silent metrics come to; lips follow other speech less well than their own."""
    ends = dict(zip(CALIBRATED, (silent, other), strict=True))
    follows = dict(zip(FOLLOWS, ((5, 6), (2, 3)), strict=True))
    return {
        share: {
            **{name: measured(name, *by_share[share]) for name, by_share in ends.items()},
            **{name: measured(name, *both) for name, both in follows.items()},
        }
        for share in (NONE, HALF, FULL)
    }


def test_every_gate_can_be_read_and_what_cannot_be_told_is_said() -> None:
    honest = corpus(["a", "b", "c"])
    honest.unrelated = dict.fromkeys("abc", (1.0, 1.2))
    between = found(
        {NONE: (0, 0.1), HALF: (1, 2), FULL: (1, 1.2)}, {NONE: (0, 0.9), HALF: (0.5, 1), FULL: (2, 3)}
    )
    gates, missing, _ = gates_for(between, honest)
    assert "LSE-C_S@floor < 0.55" in gates
    assert "LSE-C_S@floor[AR] < 0.55" in gates
    floors = {limit.metric.name: limit.value for limit in map(Limit.parse, gates) if limit.operator == ">"}
    assert floors["LSE-C[AM,AR]"] == pytest.approx(1.1 + 0.1 * (5 - 1.1), abs=0.001)
    assert floors["LSE-C[XM,CR]"] == pytest.approx(1.1 + 0.1 * (2 - 1.1), abs=0.001)
    assert not any(gate.startswith("LSE-C_XO@floor") for gate in gates)
    assert [words.partition(":")[0] for words in missing] == ["LSE-C_XO@floor[CR]"]
    assert all(str(Limit.parse(gate)) == gate for gate in gates)
    lines = options_file(gates, "syncnet", "lrs", "clips/").splitlines()
    flags = {f"--lipleak-{option.name.replace('_', '-')}" for option in OPTIONS}
    assert {line.partition("=")[0] for line in lines} <= flags


def test_no_limit_stands_below_the_default_gates_share_of_a_full_copy() -> None:
    """Halfway would be .33 and .25 here, where honest lips of other kinds came to .34 and .39."""
    honest = corpus(["a", "b", "c"])
    honest.unrelated = dict.fromkeys("abc", (1.0, 1.2))
    between = found(
        {NONE: (0, 0.06), HALF: (0.6, 1), FULL: (0.9, 1.3)},
        {NONE: (0, 0.1), HALF: (0.4, 1), FULL: (0.9, 1.3)},
    )
    gates, missing, blunt = gates_for(between, honest)
    assert not missing
    assert not blunt, "half a copy breaks both"
    calibrated = {limit.metric.name: limit.value for limit in map(Limit.parse, gates)}
    default = {
        limit.metric.name: limit.value for limit in map(Limit.parse, DEFAULT_GATES["embedded", "direct"])
    }
    scans = [name for name in default if "@floor" in name]
    assert len(scans) == 4
    for name in scans:
        assert calibrated[name] == pytest.approx(default[name] * 1.1, abs=0.001)
        assert calibrated[name] > 0.39


def test_a_limit_that_half_a_copy_keeps_stands_and_says_so() -> None:
    """A full copy comes to .87, as on clips of GRID."""
    honest = corpus(["a", "b", "c"])
    honest.unrelated = dict.fromkeys("abc", (1.0, 1.2))
    between = found(
        {NONE: (0, 0.2), HALF: (0.28, 0.36), FULL: (0.8, 0.94)},
        {NONE: (0, 0.2), HALF: (0.44, 0.6), FULL: (0.8, 0.94)},
    )
    gates, missing, blunt = gates_for(between, honest)
    assert not missing
    assert {"LSE-C_S@floor < 0.348", "LSE-C_S@floor[AR] < 0.348", "LSE-C_XO@floor[CR] < 0.435"} <= set(gates)
    assert blunt == ["LSE-C_S@floor < 0.348: half a copy would keep it (0.32)"]


def test_a_limit_that_a_full_copy_keeps_is_none() -> None:
    honest = corpus(["a", "b", "c"])
    between = found(
        {NONE: (0, 0.1), HALF: (0.2, 1), FULL: (0.1, 3)}, {NONE: (0, 0.1), HALF: (1, 2), FULL: (2, 3)}
    )
    _, missing, _ = gates_for(between, honest)
    assert "LSE-C_S@floor: a full copy would keep 0.62" in missing[0]


def test_too_few_speakers_are_named_as_the_reason() -> None:
    honest = corpus(["a", "b", "c"])
    few = {name: replace(measured(name, 0, 1), interval=None) for name in (*CALIBRATED, *FOLLOWS)}
    _, missing, _ = gates_for({NONE: few, HALF: few, FULL: few}, honest)
    assert len(missing) == 4
    assert all("needs at least 5 clips, and a limit needs intervals" in words for words in missing)


@pytest.mark.parametrize(("speakers", "few"), [(1, True), (4, True), (5, False), (12, False)])
def test_limits_for_few_speakers_rest_on_the_clips_and_say_so(speakers: int, few: bool) -> None:
    names = [f"clip {number:02}" for number in range(12)]
    honest = corpus(names)
    of = {name: f"speaker {number % speakers}" for number, name in enumerate(names)}
    honest.provenance = replace(honest.provenance, speakers=of)
    by_people = measure(honest, metric("LSE-C[AM,CR]"))
    assert (by_people.interval is None) is few
    found = on_these_clips(honest, by_people)
    alone = measure(corpus(names), metric("LSE-C[AM,CR]"))
    assert found.interval == (alone.interval if few else by_people.interval)
    assert found.value == by_people.value
    words = few_speakers(honest)
    assert (words is not None) is few
    if words is not None:
        assert f"12 clips of {speakers} speaker" in words


def test_of_fewer_than_five_clips_there_is_no_interval_whoever_is_seen() -> None:
    honest = corpus(["a", "b", "c", "d"])
    honest.provenance = replace(honest.provenance, speakers=dict.fromkeys("abcd", "one"))
    assert on_these_clips(honest, measure(honest, metric("LSE-C[AM,CR]"))).interval is None
    assert few_speakers(honest) is None, "the reason is another one"


def test_clips_that_the_limits_were_set_without_are_named() -> None:
    """A plain run on them is not judged: whoever calibrated must hear of it before."""
    honest = corpus(["a", "b", "c"])
    assert without_scores(honest) is None
    for condition in (None, Condition(Setup.SI, Reference.CR)):
        honest.unscored["b", condition] = Unscored("b", condition, "the expert does not hear it")
    words = without_scores(honest)
    assert words is not None
    assert "without 1 clip that could not be scored (b)" in words
    assert "--lipleak-allow-unscored" in words
