"""The page of the documentation that holds the recipes and what came of them."""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from .measured import FRAME_MS, Result

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "evidence" / "media-conformance.md"

HEAD = """\
# Media conformance

What lipleak reads is what a player shows: {read} kinds of file are read frame by frame as the original has
them, with the sound in its place, and {refused} are refused with words that say what to do.

Every row is one file, made from 3 s of an embedded clip whose 75 frames carry their numbers. It is read as a run
reads a clip, and by the ffmpeg program, another build than the one that lipleak reads with. Asserted are

- the frames: at 25 fps every frame is the one that belongs there; where the frame rate is another, at most as
  many frames off as that rate leaves stale (10 fps: 3);
- the picture: upright, of the right shape, colours within 3 grey levels of ffmpeg's;
- the length, within one frame;
- the sound against the picture, at the beginning and at the end, by cross-correlation with the original:
  within 10 ms, and within one frame ({frame:g} ms) more of ffmpeg's way. Taken out is the delay that a codec adds and
  the file does not tell (DTS 11 ms, CMAF 21 ms, a lone WMA 46 ms). Sound that two edits of an edit list cut may be off
  by 22 ms: ffmpeg's libraries cut it at packets.

A refusal comes within 2 s and takes less than 100 MB, whatever the file announces.

`python -m tests.media.conformance` writes this page; `tests/media/conformance` holds the recipes and runs them in CI.
"""


def page(results: Iterable[Result]) -> str:
    """The whole page as Markdown."""
    results = list(results)
    refused = sum(result.recipe.refused is not None for result in results)
    lines = [HEAD.format(read=len(results) - refused, refused=refused, frame=FRAME_MS)]
    for group, rows in groupby(results, key=lambda result: result.recipe.group):
        lines += [f"## {group.capitalize()}", ""]
        if group == "refused":
            lines += ["| recipe | what lipleak says |", "|---|---|"]
            lines += [f"| {row.recipe.name} | {_words(row)} |" for row in rows]
        else:
            lines += ["| recipe | frames | sound, ms | notes |", "|---|---|---|---|"]
            lines += [_row(row) for row in rows]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _row(row: Result) -> str:
    if row.frames is None or row.begin is None or row.end is None:
        return f"| {row.recipe.name} | refused | | {_words(row)} |"
    return (
        f"| {row.recipe.name} | {row.frames} | {round(row.begin):+d}, {round(row.end):+d} | {_words(row)} |"
    )


def _words(row: Result) -> str:
    fault = f"**not conforming**: {'; '.join(row.faults)} " if row.faults else ""
    return (fault + row.words).replace("|", "\\|").replace("<", "&lt;")
