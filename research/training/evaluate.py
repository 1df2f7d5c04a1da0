"""Measures the embedded expert and writes the tables of ``docs/embedded-expert.md``.

    python -m research.training.evaluate --shared FOLDER --folds FOLDER [--crops FOLDER] [--out tables.md]

Talkers are judged by the expert of their fold, which has seen none of their people and heard none of their recordings
(``FOLDS/fold0.onnx`` ...); GRID and the clips of ``clips/`` and ``wild/`` by the shipped expert. ``--crops`` and
``--wild`` name folders of ``NAME.npz`` with ``crops`` (uint8 RGB face crops of the tracked protocol), ``audio`` and
``corners``; without them the clips that need a face tracker are left out. ``wild/`` is looked at once per release.
Intervals: 95 %, bootstrap over people.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from pytest_lipleak.core.timebase import SAMPLES_PER_FRAME
from pytest_lipleak.generators.control_generators import ControlGenerator
from pytest_lipleak.sync.embedded import EmbeddedExpert
from research.training.cases import (
    ALIGNED,
    FIVE,
    FOLDS,
    FULL,
    GRID_UNSEEN,
    SPEAKER_1,
    TALKERS,
    THREE,
    WEB,
    WHOLE_CLIP,
    Case,
    Groups,
    differs,
    groups_of,
    interval,
    share,
    spearman,
    talkers,
    tracked_clips,
)
from research.training.contrast import contrast, halves, hits, moved_hits
from research.training.refusals import refusal_rows, still_rows, view_rows
from research.training.robustness import AUDIO_CHANGES, PIXEL_CHANGES


def offsets_row(cases: list[Case], length: int) -> str:
    """Share of cuts whose best shift lies within one frame of the known offset."""
    return share(*hits(cases, lambda case: case.cuts(length)))


def halves_row(cases: list[Case]) -> str:
    """As :func:`offsets_row` for the two halves of each clip."""
    return share(*hits(cases, halves))


def moved_row(cases: list[Case], length: int) -> str:
    """As :func:`offsets_row` with audio moved by ``MOVED`` frames either way."""
    return share(*moved_hits(cases, length))


def spearman_row(cases: list[Case]) -> str:
    """Rank correlation of our confidence with the published one of SyncNet v2."""
    cases = [c for c in cases if c.confidence > 0]
    ours = np.array([c.score()[0].lse_c for c in cases])
    theirs = np.array([c.confidence for c in cases])
    low, high = interval([c.person for c in cases], lambda i: spearman(ours[i], theirs[i]))
    people = len({c.person for c in cases})
    return f"{spearman(ours, theirs):.2f} [{low:.2f}, {high:.2f}], n = {len(cases)} ({people} people)"


def robustness(cases: list[Case]) -> Iterator[tuple[str, str, str, str]]:
    """Name of the change, offset within one frame (5 s), AUC at the known offset (3 s), mean confidence there."""
    plain: tuple[str, Callable[[Case], Case]] = ("nothing changed", lambda case: case)
    changes: list[tuple[str, Callable[[Case], Case]]] = [plain]
    for name, change in PIXEL_CHANGES.items():
        changes.append((name, lambda case, change=change: replace(case, crops=change(case.crops))))
    speech = {case.name: cases[(i + 11) % len(cases)].audio for i, case in enumerate(cases)}
    for name, alter in AUDIO_CHANGES.items():
        changes.append(
            (name, lambda case, alter=alter: replace(case, audio=alter(case.audio, speech[case.name])))
        )
    for name, apply in changes:
        changed = [apply(case) for case in cases]
        confidence = np.mean([c.score()[0].confidence_at(c.offset) for c in changed])
        known = (
            contrast(changed, THREE, same_person=False, partners=2)["known offset"]
            .split(",")[0]
            .split(" ")[0]
        )
        yield name, offsets_row(changed, FIVE).split(" [")[0], known, f"{confidence:.2f}"


def leak_rows(cases: list[Case]) -> Iterator[tuple[float, float, float]]:
    """The control generator driven by silence, scored against the clip's own audio, by its leaked share alpha."""
    for alpha in (0.0, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0):
        generator = ControlGenerator(alpha)
        known, free = [], []
        for case in cases:
            silent = np.zeros(len(case.crops) * SAMPLES_PER_FRAME, np.int16)
            output = generator.generate(case.crops, silent, case.crops)
            result = replace(case, crops=output).score()[0]
            known.append(result.confidence_at(case.offset))
            free.append(result.lse_c)
        yield alpha, float(np.mean(known)), float(np.mean(free))


def null_rows(cases: list[Case]) -> Iterator[tuple[int, float, float, float, float, int]]:
    """Wrong audio by length: free-minimum confidence (mean, deviation, 95th percentile), share of offsets -1 to 1."""
    for length in (50, THREE, 100, FIVE):
        values, middle = [], []
        for i, case in enumerate(cases):
            for step in (5, 17, 31):
                other = cases[(i + step) % len(cases)]
                if differs(other, case) and min(other.frames, case.frames) >= length:
                    wrong = case.score(0, length, other.audio)[1]
                    values.append(wrong.lse_c)
                    middle.append(abs(wrong.offset) <= 1)
        if values:
            yield (
                length,
                float(np.mean(values)),
                float(np.std(values)),
                float(np.percentile(values, 95)),
                float(np.mean(middle)),
                len(values),
            )


def offsets_table(a: argparse.Namespace, groups: Groups, shipped: EmbeddedExpert) -> Iterator[str]:
    """Best shift within one frame, by length."""
    yield "| clips | offset within 1, full | half clips | 5 s cuts | 3 s cuts | 2.4 s cuts, audio moved by 7 frames |"
    yield "|---|---|---|---|---|---|"
    for name, cases in groups.items():
        full = "taken as known" if WHOLE_CLIP in name else offsets_row(cases, FULL)
        five = "too short" if name.startswith("GRID") else offsets_row(cases, FIVE)
        cells = (name, full, halves_row(cases), five, offsets_row(cases, THREE), moved_row(cases, 60))
        yield f"| {' | '.join(cells)} |"


def contrast_table(a: argparse.Namespace, groups: Groups, shipped: EmbeddedExpert) -> Iterator[str]:
    """Matched against mismatched audio."""
    yield "| clips | cuts | mismatched audio | AUC free | AUC known offset | own beats wrong, known offset |"
    yield "|---|---|---|---|---|---|"
    for name, cases in groups.items():
        people = [c.person for c in cases]
        for length, words in ((THREE, "3 s"), (FIVE, "5 s")):
            if min((c.frames for c in cases), default=0) < length - 10:
                continue
            for same, kind in ((False, "other people"), (True, "same person, other words")):
                if len(people) > len(set(people)) if same else len(set(people)) > 4:
                    r = contrast(cases, length, same_person=same)
                    row = (name, words, kind, r["free"], r["known offset"], r["within the clip"])
                    yield f"| {' | '.join(row)} |"


def spearman_table(a: argparse.Namespace, groups: Groups, shipped: EmbeddedExpert) -> Iterator[str]:
    """Rank correlation with the real SyncNet v2, all talkers on which it found a face."""
    yield "| clips | Spearman with SyncNet v2's confidence | by fold |\n|---|---|---|"
    for name, corners in ((TALKERS, None), (ALIGNED, a.corners)):
        if corners or name is TALKERS:
            cases = talkers(a.shared, a.folds, corners, a.fold)
            parts = [[c for c in cases if c.fold == fold] for fold in a.fold]
            each = ", ".join(spearman_row(part).split(" (")[0] for part in parts)
            yield f"| {name} | {spearman_row(cases)} | {each} |"


def clips_table(a: argparse.Namespace, groups: Groups, shipped: EmbeddedExpert) -> Iterator[str]:
    """Every clip of the final test."""
    if a.crops:
        yield "| clip | offset | LSE-C | LSE-D | mouth-aligned: offset | LSE-C |\n|---|---|---|---|---|---|"
        aligned = tracked_clips(a.crops, shipped, aligned=True)
        for case, other in zip(tracked_clips(a.crops, shipped), aligned, strict=True):
            s, t = case.score()[0], other.score()[0]
            yield f"| {case.name} | {s.offset} | {s.lse_c:.2f} | {s.lse_d:.2f} | {t.offset} | {t.lse_c:.2f} |"


def sample(groups: Groups) -> list[Case]:
    """Every third talker."""
    return groups[TALKERS][::3]


def leak_table(a: argparse.Namespace, groups: Groups, shipped: EmbeddedExpert) -> Iterator[str]:
    """Response to the leaked share."""
    for name, cases in (("talkers", sample(groups)), ("GRID s1", groups[SPEAKER_1])):
        yield f"| {name}, n = {len(cases)}: alpha | confidence at the known offset | LSE-C (free) |\n|---|---|---|"
        for alpha, known, free in leak_rows(cases):
            yield f"| {alpha:g} | {known:.2f} | {free:.2f} |"
        yield ""


def null_table(a: argparse.Namespace, groups: Groups, shipped: EmbeddedExpert) -> Iterator[str]:
    """What unrelated audio scores, and where its best shift lies."""
    yield "| frames | LSE-C of unrelated audio: mean | deviation | 95th percentile | best shift -1 to 1 | n |"
    yield "|---|---|---|---|---|---|"
    for length, mean, deviation, high, middle, count in null_rows(groups[TALKERS]):
        yield f"| {length} | {mean:.2f} | {deviation:.2f} | {high:.2f} | {100 * middle:.0f} % | {count} |"


def robustness_table(a: argparse.Namespace, groups: Groups, shipped: EmbeddedExpert) -> Iterator[str]:
    """What the wild costs."""
    cases = sample(groups)
    yield f"n = {len(cases)} talkers of {len({c.person for c in cases})} people\n"
    yield "| change | offset within 1, 5 s | AUC known offset, 3 s | confidence there |\n|---|---|---|---|"
    for row in robustness(cases):
        yield f"| {' | '.join(row)} |"


def turned(case: Case, corners: Path) -> bool:
    """Whether the mouth lies more than 12 of 160 pixels beside the middle of the face box: a face turned away."""
    file = corners / f"{case.name}.npy"
    return not file.exists() or bool(abs(float(np.load(file)[..., 0].mean()) - 80) > 12)


def subgroups_table(a: argparse.Namespace, groups: Groups, shipped: EmbeddedExpert) -> Iterator[str]:
    """Faces turned away or not; darker and lighter pictures of skin (which lighting decides as much as skin does)."""
    cases = groups[TALKERS]
    luma = {
        c.name: float(np.median(c.crops[::10, 55:75, 60:100] @ np.array([0.299, 0.587, 0.114])))
        for c in cases
    }
    middle = float(np.median(list(luma.values())))
    parts = {
        f"skin in the picture darker than {middle:.0f} of 255": [c for c in cases if luma[c.name] < middle],
        "lighter": [c for c in cases if luma[c.name] >= middle],
    }
    if a.corners:
        parts["face turned away"] = [c for c in cases if turned(c, a.corners)]
        parts["face towards the camera"] = [c for c in cases if not turned(c, a.corners)]
    yield "| talkers | offset within 1, 3 s | AUC known offset, 3 s, other people |\n|---|---|---|"
    for name, part in parts.items():
        yield f"| {name} | {offsets_row(part, THREE)} | {contrast(part, THREE, same_person=False)['known offset']} |"


def refusal_table(a: argparse.Namespace, groups: Groups, shipped: EmbeddedExpert) -> Iterator[str]:
    """What is refused."""
    yield "| clips | length | lost: own audio | stopped: other speech | still mouth | silence |"
    yield "|---|---|---|---|---|---|"
    for row in refusal_rows(groups):
        yield f"| {' | '.join(row)} |"


def still_table(a: argparse.Namespace, groups: Groups, shipped: EmbeddedExpert) -> Iterator[str]:
    """Who is told that the mouth does not move; no expert has a part in it."""
    yield "| said not to move | as they are | half speed | a third | a quarter | still, noise 4 | 8 |"
    yield "|---|---|---|---|---|---|---|"
    for row in still_rows(groups):
        yield f"| {' | '.join(row)} |"


def views_table(a: argparse.Namespace, groups: Groups, shipped: EmbeddedExpert) -> Iterator[str]:
    """Hard views: right, refused, or wrong without a word."""
    shown = {"every third talker": sample(groups)} if TALKERS in groups else {}
    if a.crops:
        shown["real people never trained on"] = [case for name in (GRID_UNSEEN, WEB) for case in groups[name]]
    for name, cases in shown.items():
        yield f"| {name}, view | right | refused | wrong without a word |\n|---|---|---|---|"
        for row in view_rows(cases):
            yield f"| {' | '.join(row)} |"
        yield ""


SECTIONS = {
    "offsets": offsets_table,
    "contrast": contrast_table,
    "spearman": spearman_table,
    "clips": clips_table,
    "subgroups": subgroups_table,
    "leak": leak_table,
    "null": null_table,
    "robustness": robustness_table,
    "refusal": refusal_table,
    "still": still_table,
    "views": views_table,
}


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--folds", type=Path, help="of fold0.onnx ...; without it no talkers are judged")
    parser.add_argument(
        "--fold", nargs="+", default=FOLDS, choices=FOLDS, help="folds whose talkers are judged"
    )
    parser.add_argument("--rendered", type=Path, help="folder of rendered clips whose people speak slowly")
    parser.add_argument("--expert", type=Path, help="instead of the shipped one")
    parser.add_argument("--corners", type=Path, help="mouth corners of the talkers, NAME.npy")
    parser.add_argument("--crops", type=Path, help="tracked clips, NAME.npz")
    parser.add_argument(
        "--wild", type=Path, help="tracked clips of wild/, likewise: for a release's table only"
    )
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--out", type=Path)
    a = parser.parse_args()
    cv2.setNumThreads(1)
    shipped = EmbeddedExpert(a.expert)
    groups = groups_of(a, shipped)
    text = [f"Expert: {shipped.identity.label}. Intervals: 95 %, bootstrap over people."]
    for name in a.sections:
        if not a.folds and name not in ("offsets", "contrast", "clips", "refusal", "still", "views"):
            continue
        text.append("")
        for line in SECTIONS[name](a, groups, shipped):
            print(line, flush=True)
            text.append(line)
    if a.out:
        a.out.write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
