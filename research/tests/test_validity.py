"""The validity experiment: rates against an analytic case, and its shortcut against the generator itself."""

from statistics import NormalDist

import numpy as np
import pytest

from pytest_lipleak.core.corpus import Corpus, Provenance
from pytest_lipleak.core.scores import SyncScore, TrialScore
from pytest_lipleak.core.verdicts import Limit
from pytest_lipleak.generators.control import ControlGenerator
from pytest_lipleak.media.clipsets import EMBEDDED, open_clips
from research.benchmarks.leak_pool import CLEAN, SI, Cell, mixed
from research.benchmarks.validity import Pool, any_gate, fires, gates, probe_fires, values

NAMES = tuple(f"clip{number}" for number in range(400))


def scored(lse_c: float) -> SyncScore:
    means = [10.0] * 31
    means[15] -= lse_c
    return SyncScore(tuple(means), 70)


@pytest.fixture(scope="module")
def pool() -> Pool:
    """400 clips whose silent LSE-C is normal around 2 with deviation 0.5."""
    corpus = Corpus(Provenance("m", "set", NAMES, "e", "direct", "first", "zeros", {}, 0, "cpu", "0"))
    for name, lse_c in zip(NAMES, np.random.default_rng(1).normal(2, 0.5, len(NAMES)), strict=True):
        corpus.trials[name, SI] = TrialScore(name, SI, scored(lse_c), None, 0)
    follows = {name: (0.1 if number % 2 else 0.3, 1.0) for number, name in enumerate(NAMES)}
    return Pool("normal", {(CLEAN, 0.0): Cell(corpus, follows=follows)}, NAMES, 100)


@pytest.mark.parametrize("size", [4, 16])
def test_rates_are_those_of_the_normal_distribution(pool: Pool, size: int) -> None:
    draws = pool.draws(size, 4000, seed=3)
    assert all(len(set(drawn)) == size for drawn in draws[:100].tolist())
    fired = fires(pool, pool.cells[CLEAN, 0.0], Limit.parse("LSE-C_S < 2.2"), draws).mean()
    values_of_clips = values(pool, pool.cells[CLEAN, 0.0], "LSE-C_S", np.arange(len(NAMES))[:, None])
    spread = values_of_clips.std() * np.sqrt((1 - size / len(NAMES)) / size)  # drawn without repetition
    expected = 1 - NormalDist(float(values_of_clips.mean()), float(spread)).cdf(2.2)
    assert fired == pytest.approx(expected, abs=0.02)


def test_draws_and_probes(pool: Pool) -> None:
    assert np.array_equal(pool.draws(8, 5, 1), pool.draws(8, 5, 1))
    assert pool.draws(8, 50, 1, change="changed").max() < 100
    even, odd = np.arange(0, 8, 2)[None], np.arange(1, 9, 2)[None]
    cell = pool.cells[CLEAN, 0.0]
    assert probe_fires(pool, cell, even).tolist() == [True]
    assert probe_fires(pool, cell, odd).tolist() == [True], "the limit itself is a leak"
    assert callable(any_gate)
    names = {limit.metric.name for limit in gates()}
    assert names
    assert not any("AR" in name for name in names)


def test_shares_are_mixtures_of_what_the_generator_makes() -> None:
    clips = open_clips(EMBEDDED)
    clip = clips["anna_1"]
    frames, audio = clip.frames[:8], np.zeros(8 * 640, np.int16)
    none, copy, half = (
        ControlGenerator(share).generate(frames, audio, frames[::-1]) for share in (0.0, 1.0, 0.5)
    )
    # Both ends are rounded before they are mixed.
    assert np.abs(mixed(none, copy, 0.5).astype(int) - half).max() <= 1
    assert np.array_equal(mixed(none, copy, 0.0), none)
    assert np.array_equal(mixed(none, copy, 1.0), copy)
