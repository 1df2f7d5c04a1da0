"""Draws the figures of the documentation from the JSON reports of two real runs.

    lipleak evaluate --model demo --json demo.json
    lipleak evaluate --model demo:leaky --json leaky.json --html leaky
    python docs/figures/make.py demo.json leaky.json leaky/index.html

The page, when named, is photographed by Chromium through playwright (`pip install playwright`).
"""

import json
import shutil
import sys
from pathlib import Path

from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.scores import MAX_SHIFT
from pytest_lipleak.report.charts import Dots, Series, curves, distributions, spread
from pytest_lipleak.report.json import read_document

HERE = Path(__file__).parent
STYLE = """<style>
text { fill: #808a94; font: 11px sans-serif; } .mid { text-anchor: middle; } .end { text-anchor: end; }
.grid { stroke: #808a94; stroke-opacity: .3; fill: none; } .line { fill: none; stroke-width: 2.2; }
.thin { stroke-width: 1; opacity: .35; }
.box { fill: #808a94; opacity: .2; } .median { stroke: #808a94; stroke-width: 2; }
.line.own { stroke: #e0692b; } .dot.own { fill: #e0692b; }
.line.driving { stroke: #3d86e0; } .dot.driving { fill: #3d86e0; }
.line.real { stroke: #808a94; } .dot.real { fill: #808a94; }
</style>"""
"""Colours that can be read on white and on black."""

CONDITIONS = [None, *(Condition(setup, Reference.CR) for setup in Setup)]


def scores(corpus: Corpus, condition: Condition | None, audio: str) -> dict[str, object]:
    """Scores by clip, against the driving or the clip's own audio."""
    trials = {clip: trial for (clip, of), trial in corpus.trials.items() if of == condition}
    return {
        clip: getattr(trial, audio) for clip, trial in trials.items() if getattr(trial, audio) is not None
    }


def series(corpus: Corpus, condition: Condition | None) -> dict[str, dict[str, object]]:
    """What is drawn of a condition, by colour."""
    if condition is None:
        return {"real": scores(corpus, None, "own")}
    if condition.setup is Setup.AM:
        return {"driving": scores(corpus, condition, "driving")}
    if condition.setup is Setup.SI:
        return {"own": scores(corpus, condition, "own")}
    return {audio: scores(corpus, condition, audio) for audio in ("driving", "own")}


def draw(name: str, corpus: Corpus, ends: tuple[float, float]) -> None:
    """Write the curves under CR and the distribution of one model."""
    rows = []
    for condition in CONDITIONS:
        found = series(corpus, condition)
        lines = [Series(k, k, {c: s.mean_distances for c, s in v.items()}) for k, v in found.items()]
        label = f"{condition.setup} {condition.reference}" if condition else "real clips"
        svg = curves(f"{name}, {label}", lines, range(-MAX_SHIFT, MAX_SHIFT + 1), ends)
        write(f"{name}-{condition.setup if condition else 'real'}".lower(), svg)
        told = {"own": " own audio", "driving": " driving", "real": ""}
        rows += [Dots(label + told[k], k, {c: s.lse_c for c, s in v.items()}) for k, v in found.items()]
    write(f"{name}-clips", distributions(f"{name}: LSE-C of every clip", rows, "LSE-C"))


def write(name: str, svg: str) -> None:
    """Write one drawing as a file of its own."""
    start, _, rest = svg.partition(">")
    whole = f'{start} xmlns="http://www.w3.org/2000/svg">{STYLE}{rest}'
    (HERE / f"{name}.svg").write_text(f"{whole}\n", encoding="utf-8")


def photograph(page: Path) -> None:
    """Write what a reader sees first of a report, as WebP."""
    import cv2
    import numpy as np
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": 1280, "height": 1260})
        view.goto(page.resolve().as_uri())
        view.wait_for_timeout(1000)
        picture = cv2.imdecode(np.frombuffer(view.screenshot(), np.uint8), cv2.IMREAD_COLOR)
        browser.close()
    cv2.imwrite(str(HERE / "report.webp"), picture, [cv2.IMWRITE_WEBP_QUALITY, 70])


def main(demo: str, leaky: str, page: str | None = None) -> None:
    """Draw everything."""
    corpora = {}
    for name, path in (("demo", demo), ("leaky", leaky)):
        (corpora[name],) = read_document(json.loads(Path(path).read_text(encoding="utf-8")))
    every = [s for c in corpora.values() for t in c.trials.values() for s in (t.own, t.driving) if s]
    ends = spread(value for score in every for value in score.mean_distances)
    for name, corpus in corpora.items():
        draw(name, corpus, ends)
    if page is not None:
        photograph(Path(page))


if __name__ == "__main__":
    main(*sys.argv[1:])
