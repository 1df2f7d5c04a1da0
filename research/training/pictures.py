"""Faces on which the embedded expert is weak, with what it says of them: ``docs/figures/expert-failures.webp``.

    python -m research.training.pictures --out docs/figures/expert-failures.webp [--weights FOLDER]

The twelve clips of the demo, which are rendered, changed as :mod:`research.training.robustness` does; no other media is
shown. Of each change the clip that fares worst is pictured; the table that is printed counts all twelve. The expert was
trained on such rendered faces, so that strangers fare worse than these. ``--weights``, the folder of
``face_landmarker.task``, adds a table by mouth-aligned crops, whose corners are sought in the changed clip.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pytest_lipleak.faces.landmarks import FaceLandmarker, steady_corners
from pytest_lipleak.machine.resources import resource
from pytest_lipleak.sync.embedded import EmbeddedExpert
from pytest_lipleak.sync.expert import Embeddings
from research.training.cases import Case, clip
from research.training.refusals import refused
from research.training.robustness import PICTURED

SHOWN_FRAME = 40
COLUMNS, WIDTH, HEIGHT, MARGIN = 4, 196, 248, 8
"""Of the sheet: pictures in a row, and pixels."""

RIGHT, REFUSED, WRONG = "right", "refused", "wrong without a word"
COLOURS = {RIGHT: "#2a7f3f", REFUSED: "#555555", WRONG: "#b3261e"}


@dataclass(frozen=True)
class Said:
    """What the expert and the product say of one changed clip: a word of the three above, and the picture."""

    word: str
    why: str
    offset: int
    lse_c: float
    picture: NDArray[np.uint8]


def demo_cases(expert: EmbeddedExpert) -> list[Case]:
    """The demo's clips, in sync at offset 0; a person's clips begin with one name."""
    paths = sorted(Path(str(resource("clips"))).glob("*.mkv"))
    return [clip(p, p.stem.split("_")[0], expert) for p in paths]


def say(case: Case, unrelated: list[Embeddings]) -> Said:
    """Judge one clip against its own audio, as a real clip is judged before any model is."""
    faces = case.faces[: case.frames]
    (found,) = case.score()
    if why := refused(case.expert, faces, case.audio, unrelated):
        word = REFUSED
    else:
        word = RIGHT if abs(found.offset - case.offset) <= 1 else WRONG
    return Said(word, shortened(why or ""), found.offset, found.lse_c, case.crops[SHOWN_FRAME])


SHORT = {
    "the face lies": "the face lies",
    "does not move": "the mouth does not move",
    "not sure of the offset": "two offsets fit alike",
    "does not hear": "unrelated audio fits as well",
}
"""What stands below a picture for a reason that has these words."""


def shortened(why: str) -> str:
    """A reason in few words; its beginning where none is known."""
    return next((short for words, short in SHORT.items() if words in why), why[:25])


def judged(cases: list[Case], weights: Path | None = None) -> dict[str, list[Said]]:
    """All clips under all changes; ``weights``: mouth-aligned where landmarks are found, as the product does."""
    heard = [case.expert.embed_audio(case.audio) for case in cases]
    found: dict[str, list[Said]] = {}
    for name, change in PICTURED.items():
        found[name] = []
        for i, case in enumerate(cases):
            changed = replace(case, crops=change(case.crops))
            if weights:
                changed = replace(
                    changed, corners=steady_corners(FaceLandmarker(weights).landmarks(changed.crops))
                )
            found[name].append(say(changed, heard[:i] + heard[i + 1 :]))
    return found


def worst(said: list[Said]) -> Said:
    """The wrong one with the highest confidence, else a refused one, else the right one with the lowest."""
    rank = {WRONG: 2, REFUSED: 1, RIGHT: 0}
    return max(said, key=lambda one: (rank[one.word], one.lse_c if one.word == WRONG else -one.lse_c))


def draw(found: dict[str, list[Said]], path: Path) -> None:
    """The worst clip of each change, with what was said under it."""
    rows = -(-len(found) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * WIDTH, rows * HEIGHT), "white")
    pen, bold, plain = ImageDraw.Draw(sheet), ImageFont.load_default(15), ImageFont.load_default(13)
    for number, (name, said) in enumerate(found.items()):
        one, (row, column) = worst(said), divmod(number, COLUMNS)
        left, top = column * WIDTH + MARGIN, row * HEIGHT + MARGIN
        pen.text((left, top), name, "black", bold)
        sheet.paste(Image.fromarray(one.picture), (left, top + 22))
        text = f"{one.word}\noffset {one.offset}, LSE-C {one.lse_c:.2f}\n{one.why}"
        pen.text((left, top + 186), text, COLOURS[one.word], plain)
    sheet.save(path, quality=80)


def tell(crops: str, found: dict[str, list[Said]]) -> None:
    """Print how many of each change are right, refused and wrong."""
    print(
        f"| {crops}, change | right | refused | wrong without a word | median LSE-C |\n|---|---|---|---|---|"
    )
    for name, said in found.items():
        counts = [sum(one.word == word for one in said) for word in (RIGHT, REFUSED, WRONG)]
        print(f"| {name} | {' | '.join(map(str, counts))} | {np.median([one.lse_c for one in said]):.2f} |")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="a WebP or PNG file")
    parser.add_argument("--expert", type=Path, help="instead of the shipped one")
    parser.add_argument("--weights", type=Path, help="folder with face_landmarker.task: mouth-aligned, too")
    a = parser.parse_args()
    cv2.setNumThreads(1)
    cases = demo_cases(EmbeddedExpert(a.expert))
    found = judged(cases)
    tell("plain crops", found)
    draw(found, a.out)
    if a.weights:
        print()
        tell("mouth-aligned", judged(cases, a.weights))


if __name__ == "__main__":
    main()
