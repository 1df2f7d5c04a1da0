"""``python -m research.benchmarks.verdict_work OLD NEW``: the work of a default verdict in two checkouts, in turns.

CPU seconds, user and system, of the process of ``lipleak evaluate``, less those that the thread of the model spends
in the model's own calls. NumPy takes one thread in both.
"""

import argparse
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

MODELS = ("demo", "demo:leaky=0.4")
"""One makes no use of its reference, one copies of it."""

EVALUATE = """
import resource, sys, time
from pytest_lipleak.generators import {module} as control

own, calls = 0.0, 0
generate = control.ControlGenerator.generate

def timed(*arguments, **named):
    global own, calls
    begun = time.thread_time()
    try:
        return generate(*arguments, **named)
    finally:
        own, calls = own + time.thread_time() - begun, calls + 1

control.ControlGenerator.generate = timed
from pytest_lipleak.cli import main
try:
    status = main(["evaluate", "--model", sys.argv[1], "-q"])
except SystemExit as end:
    status = end.code
spent = resource.getrusage(resource.RUSAGE_SELF)
print("SPENT", spent.ru_utime + spent.ru_stime - own, own, calls, status)
"""


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m research.benchmarks.verdict_work", description=__doc__)
    parser.add_argument(
        "trees", nargs=2, type=Path, metavar="TREE", help="a checkout; the first is compared with"
    )
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    found = defaultdict(list)
    for _ in range(options.rounds):
        for model in MODELS:
            for tree in options.trees:
                found[model, tree].append(_spent(tree.resolve(), model))
    print("| model | tree | videos | CPU s without the model's own | the model's own | ratio |")
    print("|---|---|---|---|---|---|")
    for (model, tree), runs in found.items():
        work, own = ([run[column] for run in runs] for column in (0, 1))
        first = [run[0] for run in found[model, options.trees[0]]]
        ratio = statistics.median(new / old for new, old in zip(work, first, strict=True))
        print(
            f"| `{model}` | {tree.name} | {runs[0][2]:.0f} | {_spread(work)} | {_spread(own)} | {ratio:.2f} |"
        )


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f}–{max(values):.1f})"


def _spent(tree: Path, model: str) -> tuple[float, float, float]:
    folder = tree / "pytest_lipleak" / "generators"
    module = "control_generators" if (folder / "control_generators.py").exists() else "control"
    done = subprocess.run(
        [sys.executable, "-c", EVALUATE.format(module=module), model],
        env=os.environ | {"PYTHONPATH": str(tree), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("SPENT ")]
    if not lines:
        sys.exit(f"{tree}, {model}: {done.stderr}")
    _, work, own, calls, status = lines[0].split()
    print(
        f"{tree.name}, {model}: {work} and {own} CPU s, {calls} videos, status {status}",
        file=sys.stderr,
        flush=True,
    )
    return float(work), float(own), float(calls)


if __name__ == "__main__":
    main()
