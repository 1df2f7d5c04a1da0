"""The bench of known guilt: which generators the default verdict judges rightly.

python -m research.known_guilt run --shared FOLDER --work FOLDER
python -m research.known_guilt run --small --work FOLDER
python -m research.known_guilt table --work FOLDER --out docs/evidence/known-guilt.md
python -m research.known_guilt table --work FOLDER --sets grid-report --gates FILE
"""

from __future__ import annotations

import argparse
from pathlib import Path

from research.known_guilt.catalogue import MEMBERS, SMALL_BENCH, in_rounds
from research.known_guilt.clip_sets import SETS
from research.known_guilt.generator import HONEST, LEAKS, WEAK
from research.known_guilt.judge import gates_in
from research.known_guilt.run import read, run
from research.known_guilt.tables import filled, mistakes, rows_of, tables


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--work", type=Path, required=True, help="prepared clips and results")
    parser.add_argument("--shared", type=Path, help="folder of the shared clips; the embedded ones need none")
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    parser.add_argument("--members", nargs="*", help="of whose names one of these is a part; all by default")
    parser.add_argument("--guilt", choices=(HONEST, LEAKS, WEAK), help="only those; all by default")
    parser.add_argument("--small", action="store_true", help="a few members on the embedded clips: a minute")
    parser.add_argument(
        "--results", default="results", help="name of this run's results under the work folder"
    )
    parser.add_argument(
        "--scans", help="name of older results under the work folder: their scans are kept, probes taken anew"
    )
    parser.add_argument(
        "--gates",
        type=Path,
        help="judge by the gates that `lipleak calibrate --gates` wrote, not the default ones",
    )
    parser.add_argument("--out", type=Path, help="a page with places for the tables; else they are printed")
    asked = parser.parse_args()
    results = asked.work / f"{asked.results}.jsonl"
    names = SMALL_BENCH if asked.small else in_rounds()
    if asked.members:
        names = [name for name in names if any(part in name for part in asked.members)]
    if asked.guilt:
        names = [name for name in names if MEMBERS[name].guilt == asked.guilt]
    if asked.what == "run":
        run(
            [MEMBERS[name] for name in names],
            ["embedded"] if asked.small else asked.sets,
            asked.shared,
            asked.work,
            results,
            asked.work / f"{asked.scans}.jsonl" if asked.scans else None,
        )
        wrong = mistakes(rows_of(read(results)))
        print("\n".join(wrong) or "every verdict is right")
        return 1 if wrong else 0
    limits = None if asked.gates is None else gates_in(asked.gates.read_text())
    lines = [line for line in read(results) if line["set"] in asked.sets and line["member"] in names]
    found = tables(rows_of(lines, limits), limits)
    if asked.out:
        asked.out.write_text(filled(asked.out.read_text(), found))
    else:
        print("\n\n".join(found.values()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
