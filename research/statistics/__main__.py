"""``python -m research.statistics``: prints the tables of docs/statistics.md; seeded, on one core in a few minutes."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.evaluation.measures.lag_scan import scan_chance
from pytest_lipleak.statistics.bootstrap import distance_interval, expanded_interval
from pytest_lipleak.statistics.sequences import FIRST, SKEWED, mean_sequence
from pytest_lipleak.verdicts.limits import Limit, Measurement
from pytest_lipleak.verdicts.value_against_limit import SUITE, SUITE_ALPHA, clips_that_settle

Draw = Callable[[np.random.Generator, tuple[int, ...]], NDArray[np.float64]]
KINDS: dict[str, Draw] = {
    "normal": lambda generator, size: generator.normal(size=size),
    "gamma 2 (skewness 1.4)": lambda generator, size: generator.gamma(2, 1, size) - 2,
    "lognormal, sigma 0.5 (1.8)": lambda generator, size: generator.lognormal(0, 0.5, size) - np.exp(0.125),
    "lognormal, sigma 1 (6.2)": lambda generator, size: generator.lognormal(0, 1, size) - np.exp(0.5),
    "Student's t, 5 degrees": lambda generator, size: generator.standard_t(5, size),
}


def main() -> None:
    """Print every table."""
    for title, table in (
        ("Expanded percentile interval of a mean, 95 %: misses, by clips", _means),
        ("Clips of one speaker alike (ICC 0.5), 10 each: misses, by speakers", _speakers),
        ("LSD, 95 %: misses, by clips", _lsd),
        ("Sequential, 95 %: wrong stops within 150 units", _sequences),
        ("p <= .05 without a leak, where speakers' lips agree with voices by chance", _voices),
        ("How many clips would settle it: the range holds what is needed", _settling),
        ("Eight gates without a leak: any p that small", _suites),
    ):
        print(f"\n### {title}\n")
        for number, row in enumerate(table()):
            print("| " + " | ".join(f"{c:.1%}" if isinstance(c, float) else str(c) for c in row) + " |")
            if number == 0:
                print("|" + "---|" * len(row))


def _missed(ends: Sequence[tuple[float, float] | None], truth: float) -> float:
    pairs = np.array([pair for pair in ends if pair is not None])
    return float(((pairs[:, 0] > truth) | (pairs[:, 1] < truth)).mean())


def _first(means: Sequence[float]) -> float:
    return means[0]


def _means() -> list[list[object]]:
    sizes = (5, 6, 8, 12, 16, 32)
    rows: list[list[object]] = [["scores", *sizes]]
    for kind, draw in KINDS.items():
        generator = np.random.default_rng(1)
        samples = {size: draw(generator, (1000, size, 1)) for size in sizes}
        rows.append([kind, *(_missed([_interval(s) for s in samples[n]], 0) for n in sizes)])
    return rows


def _interval(sample: NDArray[np.float64], labels: list[str] | None = None) -> tuple[float, float] | None:
    return expanded_interval(sample, _first, clusters=labels, resamples=600)


def _speakers() -> list[list[object]]:
    sizes = (5, 6, 8, 12)
    rows: list[list[object]] = [["drawn", *sizes]]
    found: dict[str, list[object]] = {"clips": [], "speakers": []}
    for count in sizes:
        generator = np.random.default_rng(count)
        levels = np.repeat(generator.normal(size=(800, count, 1)), 10, axis=1)
        samples = levels + generator.normal(size=levels.shape)
        labels = [str(number) for number in range(count) for _ in range(10)]
        found["clips"].append(_missed([_interval(sample) for sample in samples], 0))
        found["speakers"].append(_missed([_interval(sample, labels) for sample in samples], 0))
    return rows + [[kind, *values] for kind, values in found.items()]


def _lsd() -> list[list[object]]:
    sizes = (6, 12, 32)
    rows: list[list[object]] = [["true C and D gaps, in standard deviations", *sizes]]
    pairs = metric("LSD-CR").differences
    for gaps in ((0.0, 0.0), (0.0, 1.0), (0.25, 0.25), (0.8, -1.2)):
        cells: list[object] = []
        for size in sizes:
            generator = np.random.default_rng(size)
            samples = generator.normal(0, 1, (600, size, 4)) + np.array([gaps[0], 0, gaps[1], 0])
            ends = [distance_interval(sample, pairs, resamples=600) for sample in samples]
            cells.append(_missed(ends, (abs(gaps[0]) + abs(gaps[1])) / 2))
        rows.append([f"{gaps[0]:g}, {gaps[1]:g}", *cells])
    return rows


def _sequences() -> list[list[object]]:
    rows: list[list[object]] = [
        [
            "scores",
            "from 5 units on, whatever their skewness",
            f"as it is: from {FIRST} on, skewness below {SKEWED}",
        ]
    ]
    for kind, draw in KINDS.items():
        values = draw(np.random.default_rng(3), (8000, 150))
        found = []
        for options in ((5,), (FIRST, SKEWED)):
            ends = mean_sequence(values, 0.05, *options)
            found.append(float(((ends[..., 0] > 0) | (ends[..., 1] < 0)).any(axis=-1).mean()))
        rows.append([kind, *found])
    generator = np.random.default_rng(4)
    alike = np.repeat(generator.normal(size=(4000, 15)), 10, axis=1) + generator.normal(size=(4000, 150))
    by_clip = mean_sequence(alike, 0.05, 5)
    by_speaker = mean_sequence(alike.reshape(4000, 15, 10).mean(axis=2), 0.05, FIRST, SKEWED)
    outside = [
        float(((ends[..., 0] > 0) | (ends[..., 1] < 0)).any(axis=-1).mean()) for ends in (by_clip, by_speaker)
    ]
    return [*rows, ["15 speakers, 10 clips each, ICC 0.5 (clips; speakers)", *outside]]


def _voices() -> list[list[object]]:
    rows: list[list[object]] = [["speakers x clips", "share of speakers", "clips drawn", "speakers drawn"]]
    for count, each in ((4, 10), (6, 4), (12, 1)):
        for spread in (0.0, 0.5, 1.0):
            generator = np.random.default_rng(count)
            speaker = np.repeat(np.arange(count), each)
            labels = [str(number) for number in speaker]
            found: list[list[float]] = [[], []]
            for _ in range(400):
                voice = generator.normal(0, spread, (count, count))
                scores = voice[speaker][:, speaker] + generator.normal(size=(len(speaker), len(speaker)))
                # A scan of one lag: a clip's own score first, then those of 20 unrelated audios.
                tables = [
                    np.concatenate([row[[clip]], np.delete(row, clip)[:20]])[:, None]
                    for clip, row in enumerate(scores)
                ]
                for place, drawn in zip(found, (None, labels), strict=True):
                    place.append(scan_chance(tables, clusters=drawn, draws=499)[0])
            rates = [float(np.mean(np.array(place) <= 0.05)) for place in found]
            rows.append([f"{count} x {each}", f"{spread**2 / (1 + spread**2):.0%}", *rates])
    return rows


def _settling() -> list[list[object]]:
    """Of skewed scores, too: what is needed is still what Student's interval of many such clips takes."""
    rows: list[list[object]] = [["scores, gap in standard deviations", 8, 12, 30]]
    limit = Limit(metric("LSE-C_S"), "<", 0.0, 0.95)
    for kind in ("normal", "gamma 2 (skewness 1.4)", "lognormal, sigma 0.5 (1.8)"):
        spread = KINDS[kind](np.random.default_rng(0), (200_000,)).std()
        for effect in (0.2, 0.4, 0.7):
            cells: list[object] = []
            for count in (8, 12, 30):
                sizes = np.arange(5, 3000)
                needed = int(sizes[(t.ppf(0.975, sizes - 1) / np.sqrt(sizes) <= effect).argmax()])
                held = []
                samples = KINDS[kind](np.random.default_rng(7), (1500, count)) / spread - effect
                for sample in samples:
                    middle = float(sample.mean())
                    half = float(t.ppf(0.975, count - 1) * sample.std(ddof=1) / np.sqrt(count))
                    if middle - half < 0 < middle + half:
                        clips = {str(number): 0.0 for number in range(count)}
                        found = Measurement(
                            limit.metric, middle, (middle - half, middle + half), clips, (), ""
                        )
                        low, high = clips_that_settle(limit, replace(found, confidence=0.95))
                        held.append(low <= max(needed, count + 1) <= high)
                cells.append(float(np.mean(held)))
            rows.append([f"{kind}, {effect:g}", *cells])
    return rows


def _suites() -> list[list[object]]:
    rows: list[list[object]] = [
        ["correlation of the gates", f"p <= {SUITE_ALPHA:g}", f"p <= {SUITE_ALPHA / SUITE:g}"]
    ]
    for correlation in (0.0, 0.5, 0.9):
        generator = np.random.default_rng(5)
        shared = generator.normal(size=(8000, 1))
        apart = generator.normal(size=(8000, SUITE))
        least = norm.sf(np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * apart).min(axis=1)
        found = (float((least <= alpha).mean()) for alpha in (SUITE_ALPHA, SUITE_ALPHA / SUITE))
        rows.append([f"{correlation:g}", *found])
    return rows


if __name__ == "__main__":
    main()
