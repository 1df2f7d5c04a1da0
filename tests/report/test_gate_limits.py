"""Limits between what no leak and what half a copy comes to."""

from dataclasses import replace

import pytest
from corpora import corpus

from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.core.verdicts import Limit, Measurement
from pytest_lipleak.evaluation.results.gate_limits import (
    CALIBRATED,
    FOLLOWS,
    HALF,
    NONE,
    gates_for,
    limit_between,
    options_file,
)
from pytest_lipleak.settings.options import OPTIONS


def measured(name: str, low: float, high: float) -> Measurement:
    return Measurement(metric(name), (low + high) / 2, (low, high), {"a": low, "b": high}, (), "syncnet v2")


def test_a_limit_stands_halfway_between_intervals_that_part() -> None:
    name = "LSE-C_S@floor"
    assert limit_between(measured(name, -0.1, 0.2), measured(name, 0.8, 1.2)) == pytest.approx(0.5)
    assert limit_between(measured(name, -0.1, 0.9), measured(name, 0.8, 1.2)) is None
    assert limit_between(measured(FOLLOWS, 5, 6), measured(FOLLOWS, 1, 2)) == pytest.approx(3.5)
    assert limit_between(measured(FOLLOWS, 2, 6), measured(FOLLOWS, 1, 3)) is None


def test_every_gate_can_be_read_and_what_cannot_be_told_is_said() -> None:
    honest = corpus(["a", "b", "c"])
    honest.unrelated = dict.fromkeys("abc", (1.0, 1.2))
    silent, other = CALIBRATED
    between = {
        NONE: {
            silent: measured(silent, 0, 0.1),
            other: measured(other, 0, 0.9),
            FOLLOWS: measured(FOLLOWS, 5, 6),
        },
        HALF: {
            silent: measured(silent, 1, 2),
            other: measured(other, 0.5, 1),
            FOLLOWS: measured(FOLLOWS, 3, 4),
        },
    }
    gates, missing = gates_for(between, honest)
    assert "LSE-C_S@floor < 0.55" in gates
    assert "LSE-C_S@floor[AR] < 0.55" in gates
    assert "LSE-C[AM,AR] > 3.05" in gates, "between 1.1 of unrelated speech and 5"
    assert not any(gate.startswith("LSE-C_XO@floor") for gate in gates)
    assert [words.partition(":")[0] for words in missing] == ["LSE-C_XO@floor[CR]"]
    assert all(str(Limit.parse(gate)) == gate for gate in gates)
    lines = options_file(gates, "syncnet", "lrs", "clips/").splitlines()
    flags = {f"--lipleak-{option.name.replace('_', '-')}" for option in OPTIONS}
    assert {line.partition("=")[0] for line in lines} <= flags


def test_too_few_speakers_are_named_as_the_reason() -> None:
    honest = corpus(["a", "b", "c"])
    few = {name: replace(measured(name, 0, 1), interval=None) for name in (*CALIBRATED, FOLLOWS)}
    _, missing = gates_for({NONE: few, HALF: few}, honest)
    assert "needs at least 5 clips, and a limit needs intervals" in missing[0]
