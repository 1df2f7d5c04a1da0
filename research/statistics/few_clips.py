"""What the default gates say of 3 to 12 clips: ``python -m research.statistics.few_clips WORK/results.jsonl``.

Suites are drawn from the curves that the bench of known guilt keeps of 12 clips (``research.known_guilt``), on the sets
that limits may be chosen on. Other speech is that of the clips drawn: nothing else is known of so few.
"""

import argparse
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pytest_lipleak.core.metrics.formulas import Metric
from pytest_lipleak.evaluation.measures.lag_scan import scan_chance
from pytest_lipleak.evaluation.results.resampling_units import voices
from pytest_lipleak.verdicts.limits import Limit, Measurement, Outcome
from pytest_lipleak.verdicts.value_against_limit import judge
from research.known_guilt.clip_sets import CHOOSE, SETS
from research.known_guilt.judge import (
    DRAWS,
    Line,
    asks_whether_lips_follow,
    corpus_of,
    gates,
    gates_of,
    rows_of,
    value_of,
)
from research.known_guilt.measuring import SEED
from research.known_guilt.run import read

SIZES = (3, 4, 6, 9, 12)
ASSERTIONS = {"assert_no_silent_leak": "LSE-C_S@floor", "assert_no_own_audio_leak": "LSE-C_XO@floor"}
"""By name, the measure that it judges at alpha .01."""


class Judged(NamedTuple):
    """One gate on one suite.

    Args:
        limit: the gate.
        found: value and p.
        outcome: as the product judges it.
    """

    limit: Limit
    found: Measurement
    outcome: Outcome


def drawn(line: Line, names: list[str]) -> dict[str, Any]:
    """Return a line as if these had been all clips."""
    order = sorted(line["clips"])
    random.Random(f"lipleak unrelated {SEED}").shuffle(order)
    clips = {}
    for name in names:
        clip = dict(line["clips"][name])
        others = [other for other in order if other != name]
        for setup in ("SI", "XM"):
            scan = clip[setup]
            # Under XM the partner is missing among the others; who that was is not written down.
            known = len(scan["excess"]) - 1 == len(others)
            kept = (
                [at for at, other in enumerate(others) if other in names] if known else range(len(names) - 2)
            )
            rows = [0, *(1 + at for at in kept)]
            tables = {table: [scan[table][row] for row in rows] for table in ("excess", "lips")}
            clip[setup] = {**scan, **tables}
        clips[name] = clip
    return {**line, "clips": clips}


def outcomes(line: Line) -> Iterator[Judged]:
    """Judge every gate about leaks."""
    corpus = corpus_of(line)
    clips = corpus.provenance.clip_names
    for limit in gates_of(line, gates()):
        rows = None if asks_whether_lips_follow(limit) else rows_of(corpus, limit.metric)
        # A run of so few clips would have probed more of them than happen to be among those drawn.
        if rows is None or (
            limit.metric.is_probe and len(rows) < len(corpus.provenance.clips_of(limit.metric))
        ):
            continue
        value = value_of(limit.metric, rows)
        found = Measurement(limit.metric, value, None, dict.fromkeys(clips, value), (), "", least_p=0.0)
        found = replace(found, p=_p(corpus, limit.metric))
        yield Judged(limit, found, judge(limit, found).outcome)


def _asserted(each: Judged, name: str) -> bool:
    """Whether the assertion on a measure fails for a leak."""
    same = each.limit.metric.name.partition("[")[0] == name
    return same and judge(replace(each.limit, alpha=0.01), each.found).outcome is Outcome.FAIL


def _p(corpus: Any, metric: Metric) -> float | None:
    if not (metric.over_lags and metric.has_p):
        return None
    scans = [corpus.scans[clip, metric.columns[0].condition] for clip in corpus.provenance.clip_names]
    tables = [np.array(scan.lips if metric.is_lips else scan.excess) for scan in scans]
    return scan_chance(tables, draws=DRAWS, clusters=voices(corpus, corpus.provenance.clip_names))[0]


def verdict(found: list[Outcome]) -> str:
    """Of all gates together."""
    return next((word for word in (Outcome.FAIL, Outcome.INCONCLUSIVE) if word in found), Outcome.PASS)


def main() -> None:
    """Print a table: by guilt and number of clips, how the suites ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument(
        "--sets", nargs="*", default=[name for name, each in SETS.items() if each.part == CHOOSE]
    )
    parser.add_argument("--draws", type=int, default=2, help="suites of every size but the whole")
    asked = parser.parse_args()
    counts: Counter[tuple[str, int, str]] = Counter()
    for line in read(asked.results):
        for size in SIZES if line["set"] in asked.sets else ():
            every = sorted(line["clips"])
            for draw in range(asked.draws if size < len(every) else 1):
                names = sorted(random.Random(f"{size} {draw} {line['set']}").sample(every, size))
                found = list(outcomes(drawn(line, names) if size < len(every) else line))
                alone = any(not each.limit.holds(each.found.value) for each in found)
                counts[line["guilt"], size, "by values alone"] += alone
                for word, name in ASSERTIONS.items():
                    counts[line["guilt"], size, word] += any(_asserted(each, name) for each in found)
                counts[line["guilt"], size, verdict([each.outcome for each in found])] += 1
    words = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS, "by values alone", *ASSERTIONS)
    heads = ("guilt", "clips", "leaks", "inconclusive", "kept", "leaks by values alone", *ASSERTIONS)
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for guilt, size in dict.fromkeys((guilt, size) for guilt, size, _ in counts):
        cells = [str(counts[guilt, size, word]) for word in words]
        print(f"| {guilt} | {size} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
