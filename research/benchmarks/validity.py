"""When did the first default gates fire? False alarms, power, robustness and agreement, on small sets from a pool.

    python -m research.benchmarks.validity --shared FOLDER --work FOLDER

Control generators copy a known share of the reference's lips. Every clip of a pool is generated and scored once per
share (`research/benchmarks/leak_pool.py`); sets of n clips are then drawn from the pool many times,
and every gate and assertion judges each of them. Prints the tables of docs/validity.md. The limits are those of then,
not today's defaults, whose evidence is the bench of known guilt (`research/known_guilt`).
"""

from __future__ import annotations

import argparse
import math
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.core.verdicts import Limit
from pytest_lipleak.statistics.nulls import chance_p
from pytest_lipleak.sync.experts import load_expert
from research.benchmarks.leak_pool import (
    CLEAN,
    NULL_SHARES,
    PICTURES,
    SHARES,
    SI,
    SOUNDS,
    XM,
    Cell,
    Cells,
    grid,
    judged,
    make,
    talkers,
)

LSD = Limit.parse("LSD-CR < 0.5")
"""Shown beside the default gates: the paper's own measure."""
EXPERT, PROTOCOL = "embedded", "direct"
GATES = ("LSE-C_S@offset[CR] < 0.7", "LSE-C_XO@offset[CR] < 1.4", "LSE-C[AM,CR] > 1.2")
"""The default gates of then, under CR."""
LEAST_EXCESS: Mapping[str, float] = {"LSE-C_S@null": 0.2, "LSE-C_XO@null": 0.4}
"""What `assert_no_silent_leak` and `assert_no_own_audio_leak` then called a leak."""
PROBE_LIMIT = 0.1
"""What `assert_reference_does_not_move_lips` then called a leak."""
SIZES = (4, 8, 16, 32)
SHOWN = (0.0, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0)
ALPHA = 0.01
NULL_DRAWS = 1999
"""Of the randomisation test: enough to tell p <= 0.01."""

MOST_NULL_SETS = 300
"""Drawn sets that the randomisation test judges, which costs more than the others."""

Draws = NDArray[np.int64]
"""Rows of clip numbers, shape (sets, n)."""

Fires = NDArray[np.bool_]
"""For each drawn set whether it fires."""


@dataclass(frozen=True)
class Pool:
    """One clip set with its scores.

    Args:
        name: of the set.
        cells: scores by change and share.
        names: the clips, in order.
        changed: how many of them, the first ones, were also judged under changes.
    """

    name: str
    cells: Cells
    names: Sequence[str]
    changed: int

    def draws(self, size: int, count: int, seed: int, change: str = CLEAN) -> Draws:
        """Draw sets of clips without repetition within a set."""
        clips = len(self.names) if change == CLEAN else self.changed
        return np.argsort(np.random.default_rng(seed).random((count, clips)), axis=1)[:, :size]


def gates() -> list[Limit]:
    """The default gates of then, under CR."""
    return [Limit.parse(text) for text in GATES]


def values(pool: Pool, cell: Cell, name: str, draws: Draws) -> NDArray[np.float64]:
    """A metric's value on every drawn set."""
    wanted = metric(name)
    columns = [cell.corpus.column(column) for column in wanted.columns]
    known = [clip for clip in pool.names if clip in columns[0]]
    rows = np.array([[column[clip] for column in columns] for clip in known])
    means = rows[draws].mean(axis=1)
    return np.asarray(wanted.combine(list(means.T)), np.float64)


def fires(pool: Pool, cell: Cell, limit: Limit, draws: Draws) -> Fires:
    """Whether a gate fires on every drawn set."""
    found = values(pool, cell, limit.metric.name, draws)
    return np.array([not limit.holds(value) for value in found.tolist()])


def null_fires(pool: Pool, cell: Cell, name: str, draws: Draws) -> Fires:
    """Whether `assert_no_silent_leak` or `assert_no_own_audio_leak` fails: null audio comes from the drawn set."""
    condition = {"LSE-C_S@null": SI, "LSE-C_XO@null": XM}[name]
    least = LEAST_EXCESS[name]
    found = []
    for drawn in draws[:MOST_NULL_SETS]:
        clips = [pool.names[number] for number in drawn]
        own, nulls = [], []
        for clip in clips:
            trial, null = cell.corpus.trials[clip, condition], cell.nulls[clip, condition]
            own.append(trial.own.confidence_at(trial.own_offset))
            nulls.append([null[other] for other in clips if other in null])
        excess = float(np.mean([mine - np.mean(null) for mine, null in zip(own, nulls, strict=True)]))
        found.append(excess >= least and chance_p(own, nulls, draws=NULL_DRAWS) <= ALPHA)
    return np.array(found)


def probe_fires(pool: Pool, cell: Cell, draws: Draws) -> Fires:
    """Whether the probe of a moved reference finds a leak."""
    both = np.array([cell.follows[clip] for clip in pool.names])[draws].sum(axis=1)
    return np.asarray(both[:, 0] / both[:, 1] >= PROBE_LIMIT)


def judges(pool: Pool, size: int) -> Iterator[tuple[str, Callable[[Cell, Draws], Fires], Sequence[float]]]:
    """Yield every gate and assertion: its name, how it judges, and the shares it was measured at."""
    for limit in gates():
        yield f"`{limit}`", lambda cell, draws, limit=limit: fires(pool, cell, limit, draws), SHARES
    yield "any of these gates", lambda cell, draws: any_gate(pool, cell, draws), SHARES
    yield f"`{LSD}`, no default gate", lambda cell, draws: lsd_fires(pool, cell, draws), SHARES
    if size >= 16:
        for words, name in (("silent", "LSE-C_S@null"), ("own_audio", "LSE-C_XO@null")):
            yield (
                f"`assert_no_{words}_leak`",
                lambda cell, draws, name=name: null_fires(pool, cell, name, draws),
                NULL_SHARES,
            )
    yield (
        "`assert_reference_does_not_move_lips`",
        lambda cell, draws: probe_fires(pool, cell, draws),
        SHARES,
    )


def any_gate(pool: Pool, cell: Cell, draws: Draws) -> Fires:
    """Whether any default gate fires."""
    return np.any([fires(pool, cell, limit, draws) for limit in gates()], axis=0)


def power_tables(pool: Pool, count: int, seed: int) -> Iterator[str]:
    """Yield tables of how often each judge fires, by copied share, one per size of set."""
    for size in (size for size in SIZES if size < len(pool.names)):
        shares = [share for share in SHOWN if (CLEAN, share) in pool.cells]
        yield f"\n#### {pool.name}, {size} clips\n"
        yield f"| copied share | {' | '.join(f'{share:g}' for share in shares)} | smallest share found in 95 % |"
        yield f"|---|{'---|' * (len(shares) + 1)}"
        draws = pool.draws(size, count, seed)
        for name, judge, measured in judges(pool, size):
            rates = {share: float(judge(pool.cells[CLEAN, share], draws).mean()) for share in measured}
            found = [share for share in measured if share > 0 and all(
                rates[other] >= 0.95 for other in measured if other >= share)]  # fmt: skip
            cells = [_percent(rates[share]) if share in rates else "" for share in shares]
            yield f"| {name} | {' | '.join(cells)} | {f'{found[0]:g}' if found else 'none'} |"


def change_table(pool: Pool, size: int, count: int, seed: int) -> Iterator[str]:
    """Yield how often any default gate fires under changed pictures and sound."""
    yield f"\n#### {pool.name}, {size} clips out of {pool.changed}: any default gate\n"
    yield "| change | false alarms | share 0.25 found | share 0.5 found | gates with false alarms |"
    yield "|---|---|---|---|---|"
    for change in (CLEAN, *PICTURES, *SOUNDS):
        draws = pool.draws(size, count, seed, change="changed")
        rates = [
            _percent(float(any_gate(pool, pool.cells[change, share], draws).mean()))
            for share in (0.0, 0.25, 0.5)
        ]
        alarms = [
            f"`{limit}` {_percent(rate)}"
            for limit in gates()
            if (rate := float(fires(pool, pool.cells[change, 0.0], limit, draws).mean()))
        ]
        yield f"| {change} | {' | '.join(rates)} | {', '.join(alarms)} |"


def value_table(pool: Pool, size: int, count: int, seed: int) -> Iterator[str]:
    """Yield the values that the limits must separate, and Spearman's correlation with the copied share."""
    from scipy.stats import spearmanr

    yield f"\n#### {pool.name}, {size} clips: middle 98 % of the drawn sets\n"
    shares = [share for share in SHOWN if (CLEAN, share) in pool.cells]
    yield f"| copied share | {' | '.join(f'{share:g}' for share in shares)} | Spearman: sets, single clips |"
    yield f"|---|{'---|' * (len(shares) + 1)}"
    draws = pool.draws(size, count, seed)
    single = np.arange(len(pool.names))[:, None]
    for name in (
        "LSD-CR",
        "signed-LSD-CR",
        "LSE-C_S",
        "LSE-C_S@offset",
        "LSE-C_XO[CR]",
        "LSE-C_XO@offset[CR]",
        "LSE-C[XM,CR]",
    ):
        by_share = {share: values(pool, pool.cells[CLEAN, share], name, draws) for share in SHARES}
        ends = {share: np.quantile(found, [0.01, 0.99]) for share, found in by_share.items()}
        few = np.array(list(by_share.values())).T[:200]
        ones = np.array([values(pool, pool.cells[CLEAN, share], name, single) for share in SHARES]).T
        agreement = [
            float(np.mean([spearmanr(SHARES, row).statistic for row in rows])) for rows in (few, ones)
        ]
        cells = [f"{ends[share][0]:.2f} to {ends[share][1]:.2f}" for share in shares]
        yield f"| {name} | {' | '.join(cells)} | {agreement[0]:+.3f}, {agreement[1]:+.3f} |"


def lsd_fires(pool: Pool, cell: Cell, draws: Draws) -> Fires:
    """Whether a limit on LSD fires, which is no default gate."""
    return fires(pool, cell, LSD, draws)


def target_lines(pools: Sequence[Pool], count: int, seed: int) -> Iterator[str]:
    """Yield whether the targets are met with 16 clips, by pool: all default gates, and some that see leaks alone."""
    yield "\n| target, 16 clips | " + " | ".join(pool.name for pool in pools) + " |"
    yield "|---|" + "---|" * len(pools)
    targets: Mapping[str, tuple[float, Callable[[float], bool]]] = {
        "false alarms, at most 1 %": (0.0, lambda rate: rate <= 0.01),
        "share 0.5 found, at least 99 %": (0.5, lambda rate: rate >= 0.99),
        "share 0.25 found, at least 90 %": (0.25, lambda rate: rate >= 0.90),
    }
    groups: Mapping[str, Callable[[Pool, Cell, Draws], Fires]] = {
        "any default gate": any_gate,
        "`assert_no_silent_leak`": lambda pool, cell, draws: null_fires(pool, cell, "LSE-C_S@null", draws),
        "`assert_reference_does_not_move_lips`": probe_fires,
        f"`{LSD}`, no default gate": lsd_fires,
    }
    for group, judge in groups.items():
        for words, (share, met) in targets.items():
            cells = []
            for pool in pools:
                rate = float(judge(pool, pool.cells[CLEAN, share], pool.draws(16, count, seed)).mean())
                cells.append(f"{_percent(rate)}, {'met' if met(rate) else '**missed**'}")
            yield f"| {group}: {words} | {' | '.join(cells)} |"


def _percent(rate: float) -> str:
    return "0" if rate == 0 else "100 %" if rate == 1 else f"{100 * rate:.1f} %"


def main() -> None:
    """Make, judge, draw, print."""
    parser = argparse.ArgumentParser(
        prog="python -m research.benchmarks.validity",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--shared", type=Path, required=True, help="folder with grid_s1/ and talkers/")
    parser.add_argument(
        "--work",
        type=Path,
        required=True,
        help="folder for videos and scores; what is there is not made again",
    )
    parser.add_argument("--grid", type=int, default=48, help="clips of GRID (default: 48)")
    parser.add_argument(
        "--talkers", type=int, default=40, help="clips of generated talkers (default: 40; 0 for none)"
    )
    parser.add_argument(
        "--changed", type=int, default=24, help="GRID clips also judged under changes (default: 24)"
    )
    parser.add_argument("--draws", type=int, default=2000, help="sets drawn for each figure (default: 2000)")
    parser.add_argument("--seed", type=int, default=0, help="of the draws (default: 0)")
    options = parser.parse_args()
    expert = load_expert(EXPERT)
    label = expert.identity.label
    pools = []
    chosen = [("GRID speaker s1", grid(options.shared, options.grid), options.changed)]
    if options.talkers:
        chosen.append(("talkers", talkers(options.shared, options.talkers), 0))
    for name, clips, changed in chosen:
        folder = options.work / clips.origin
        make(clips, folder, changed)
        file = options.work / f"{clips.origin}-{len(clips)}-{changed}-{label.replace(' ', '_')}.pickle"
        if not file.exists():
            file.write_bytes(pickle.dumps(judged(clips, folder, expert, changed)))
        cells = pickle.loads(file.read_bytes())
        pools.append(Pool(f"{name} ({len(clips)} clips)", cells, list(clips), changed))
    print(f"Expert {label}, protocol {PROTOCOL}; {options.draws} draws, seed {options.seed}. Gates: ", end="")
    print(", ".join(f"`{limit}`" for limit in gates()))
    large = [pool for pool in pools if len(pool.names) > 16]
    for line in target_lines(large, options.draws, options.seed):
        print(line)
    for pool in pools:
        for line in power_tables(pool, options.draws, options.seed):
            print(line, flush=True)
    for pool in pools:
        if pool.changed:
            for line in change_table(pool, min(16, pool.changed), options.draws, options.seed):
                print(line, flush=True)
    for pool in pools:
        size = min(16, math.ceil(len(pool.names) / 2))
        for line in value_table(pool, size, options.draws, options.seed):
            print(line, flush=True)


if __name__ == "__main__":
    main()
