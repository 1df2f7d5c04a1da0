"""Make and read every recipe, and write the documentation's page; with words, only recipes that match, printed."""

import argparse
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .measured import Result, make, measure
from .original import make_original
from .page import PAGE, ROOT, page
from .recipes import RECIPES


def main() -> int:
    """Print a line a recipe; returns how many do not conform."""
    parser = argparse.ArgumentParser(prog="python -m tests.media.conformance", description=__doc__)
    parser.add_argument(
        "only", nargs="?", help="regular expression over group and name; no page is written then"
    )
    parser.add_argument(
        "--clip", type=Path, default=ROOT / "fixtures/clips/anna_1.mkv", help="a square clip of 4 s or more"
    )
    options = parser.parse_args()
    chosen = [each for each in RECIPES if re.search(options.only or "", f"{each.group} {each.name}")]
    results = []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        original = make_original(options.clip, Path(folder), start=0.5)
        places = [Path(folder, str(number)) for number in range(len(chosen))]
        for place in places:
            place.mkdir()
        for made in pool.map(lambda pair: make(pair[0], original, pair[1]), zip(chosen, places, strict=True)):
            result = measure(made, original)
            results.append(result)
            print(_line(result))
            print("".join(f"    {fault}\n" for fault in result.faults), end="", flush=True)
    if not options.only:
        PAGE.write_text(page(results), encoding="utf-8")
    return sum(bool(result.faults) for result in results)


def _line(result: Result) -> str:
    mark = "BAD" if result.faults else "ok "
    shifts = "" if result.begin is None or result.end is None else f"{result.begin:+.1f} {result.end:+.1f} ms"
    return f"{mark} {result.recipe.group}: {result.recipe.name} | {result.frames or ''} {shifts} | {result.words}"


sys.exit(min(main(), 100))
