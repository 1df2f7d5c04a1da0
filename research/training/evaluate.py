"""Measures the embedded expert and writes the tables of ``docs/embedded-expert.md``.

    python -m research.training.evaluate --shared FOLDER --folds FOLDER [--crops FOLDER] [--out tables.md]

Talkers are judged by the expert of their fold, which has seen none of their people (``FOLDS/fold0.onnx`` ...); GRID and
the clips of ``clips/`` by the shipped expert. ``--crops`` names a folder of ``NAME.npz`` with ``crops`` (uint8 RGB face
crops of the tracked protocol), ``audio`` and ``corners``; without it the clips that need a face tracker are left out.
Intervals: 95 %, bootstrap over people.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.scores import SyncScore
from pytest_lipleak.core.timebase import SAMPLES_PER_FRAME
from pytest_lipleak.generators.control import ControlGenerator
from pytest_lipleak.media.audio import read_audio
from pytest_lipleak.media.video import read_video
from pytest_lipleak.sync.embedded import EmbeddedExpert
from pytest_lipleak.sync.mouth_window import aligned_faces, mouth_windows
from pytest_lipleak.sync.score import score
from research.training.robustness import AUDIO_CHANGES, PIXEL_CHANGES
from research.training.splits import SPLITS

TALKERS_DELAY = 1
"""Frames by which the audio of all talkers files is late against the clips that SyncNet v2 judged: see
``research.training.realign``. Late audio has a negative offset in SyncNet's sign."""

FULL, FIVE, THREE = 10_000, 125, 75


@dataclass(frozen=True)
class Case:
    """One clip with what is known of it.

    ``offset`` in SyncNet's sign; ``confidence``: of the real SyncNet v2; ``speech``: which recording it speaks
    with (several talkers share one); ``heard``: whether the expert's training heard that recording, with other faces.
    """

    name: str
    person: str
    expert: EmbeddedExpert
    crops: NDArray[np.uint8]
    audio: NDArray[np.int16]
    offset: int = 0
    confidence: float = float("nan")
    corners: NDArray[np.float64] | None = None
    speech: str = ""
    heard: bool = False

    @cached_property
    def windows(self) -> NDArray[np.uint8]:
        """The mouth windows, aligned where the corners are known."""
        return mouth_windows(self.crops if self.corners is None else aligned_faces(self.crops, self.corners))

    @property
    def frames(self) -> int:
        """Frames that have audio."""
        return min(len(self.crops), len(self.audio) // SAMPLES_PER_FRAME)

    def cuts(self, length: int) -> Iterator[tuple[int, int]]:
        """Cuts that do not overlap by more than half; the whole clip where it is shorter."""
        if self.frames <= length:
            yield 0, self.frames
            return
        count = max(round(self.frames / length), 2 if self.frames >= 1.5 * length else 1)
        for start in np.linspace(0, self.frames - length, count).astype(int):
            yield int(start), int(start) + length

    def score(
        self, start: int = 0, stop: int = FULL, *audios: NDArray[np.int16], moved: int = 0
    ) -> list[SyncScore]:
        """Frames start..stop against the clip's own audio there, then against other audios from their beginning.

        ``moved``: frames by which the own audio is taken from later in the clip, which adds as much to the offset.
        """
        stop = min(stop, self.frames)
        own = self.audio[(start + moved) * SAMPLES_PER_FRAME :]
        video = self.expert.embed_mouths(self.windows[start:stop])
        samples = (stop - start) * SAMPLES_PER_FRAME
        return [score(video, self.expert.embed_audio(audio[:samples])) for audio in (own, *audios)]


def interval(
    people: list[str], statistic: Callable[[NDArray[np.int64]], float], count: int = 1000
) -> tuple[float, float]:
    """95 % percentile interval of ``statistic(indices)``: people drawn with replacement, or one person's clips."""
    if len(set(people)) == 1:  # one person says nothing of others: the interval is over his clips
        people = [str(i) for i in range(len(people))]
    members = defaultdict(list)
    for i, person in enumerate(people):
        members[person].append(i)
    groups = [np.array(g) for g in members.values()]
    rng = np.random.default_rng(0)
    draws = (rng.integers(0, len(groups), len(groups)) for _ in range(count))
    values = [statistic(np.concatenate([groups[g] for g in draw])) for draw in draws]
    return float(np.nanpercentile(values, 2.5)), float(np.nanpercentile(values, 97.5))


def share(values: list[bool], people: list[str]) -> str:
    """``93 % [85, 99], n = 115 (38 people)``."""
    v = np.array(values, float)
    if not len(v):
        return "not measured"
    low, high = interval(people, lambda i: float(v[i].mean()))
    return f"{100 * v.mean():.0f} % [{100 * low:.0f}, {100 * high:.0f}], n = {len(v)} ({len(set(people))} people)"


def auc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Probability that a matched score lies above a mismatched one."""
    if not len(positive) or not len(negative):
        return float("nan")
    order = np.sort(negative)
    below = np.searchsorted(order, positive, "left")
    equal = np.searchsorted(order, positive, "right") - below
    return float((below + 0.5 * equal).mean() / len(order))


def spearman(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Rank correlation (no ties are expected)."""
    ranks = [np.argsort(np.argsort(x)) for x in (a, b)]
    return float(np.corrcoef(*ranks)[0, 1])


def differs(one: Case, other: Case) -> bool:
    """Whether two clips speak with different recordings."""
    return one.name != other.name and (not one.speech or one.speech != other.speech)


def in_sync(case: Case) -> bool:
    """What the real SyncNet v2 calls in sync: confidence above 4, offset within one frame (talkers only)."""
    return case.confidence > 4 and abs(case.offset + TALKERS_DELAY) <= 1


def offsets_row(cases: list[Case], length: int) -> str:
    """Share of cuts whose best shift lies within one frame of the known offset."""
    hits, people = [], []
    for case in cases:
        for start, stop in case.cuts(length):
            hits.append(abs(case.score(start, stop)[0].offset - case.offset) <= 1)
            people.append(case.person)
    return share(hits, people)


MOVED = 7
"""Frames by which audio is moved on purpose: then no best shift can be right by lying near 0."""


def moved_row(cases: list[Case], length: int) -> str:
    """As :func:`offsets_row` with audio moved by ``MOVED`` frames either way."""
    hits, people = [], []
    for case in cases:
        if case.frames >= length + 2 * MOVED:
            for moved in (-MOVED, MOVED):
                found = case.score(MOVED, MOVED + length, moved=moved)[0].offset
                hits.append(abs(found - case.offset - moved) <= 1)
                people.append(case.person)
    return share(hits, people)


def contrast(cases: list[Case], length: int, *, same_person: bool, partners: int = 4) -> dict[str, str]:
    """AUC of matched against mismatched audio, by confidence at the free minimum and at the known offset.

    ``within the clip``: share of wrong audios that the clip's own audio beats at the known offset, which is what a
    calibrated test asks.
    """
    rng = np.random.default_rng(1)
    rows: list[tuple[str, tuple[float, float], list[tuple[float, float]]]] = []
    for case in cases:
        others = [c for c in cases if (c.person == case.person) is same_person and differs(c, case)]
        if len(others) < (1 if same_person else 4):
            continue
        for start, stop in case.cuts(length):
            picks = rng.permutation(len(others))[:partners]
            audios = []
            for pick in picks:
                first = int(rng.integers(0, max(others[pick].frames - (stop - start), 0) + 1))
                audio = others[pick].audio[first * SAMPLES_PER_FRAME :]
                if len(audio) >= 0.8 * (stop - start) * SAMPLES_PER_FRAME:
                    audios.append(audio)
            if not audios:
                continue
            features = [(s.lse_c, s.confidence_at(case.offset)) for s in case.score(start, stop, *audios)]
            rows.append((case.person, features[0], features[1:]))
    if not rows:
        return dict.fromkeys(("free", "known offset", "within the clip"), "not measured")
    people = [r[0] for r in rows]
    result = {}
    for k, name in enumerate(("free", "known offset")):
        positive = [np.array([r[1][k]]) for r in rows]
        negative = [np.array([w[k] for w in r[2]]) for r in rows]

        def of(indices: NDArray[np.int64], positive: list = positive, negative: list = negative) -> float:
            return auc(
                np.concatenate([positive[i] for i in indices]), np.concatenate([negative[i] for i in indices])
            )

        low, high = interval(people, of, 400)
        value = of(np.arange(len(rows)))
        wrong = sum(map(len, negative))
        result[name] = f"{value:.3f} [{low:.3f}, {high:.3f}], n = {len(rows)} cuts, {wrong} wrong audios"
    wins = [np.mean([r[1][1] > w[1] for w in r[2]]) for r in rows]
    low, high = interval(people, lambda i: float(np.mean(np.array(wins)[i])))
    result["within the clip"] = f"{np.mean(wins):.3f} [{low:.3f}, {high:.3f}]"
    return result


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


def talkers(shared: Path, folds: Path, corners: Path | None = None) -> list[Case]:
    """All 121 talkers, each with the expert that has not seen its people."""
    experts = {fold: EmbeddedExpert(folds / f"fold{fold}.onnx") for fold in range(3)}
    split = {row["file"]: row for row in csv.DictReader((SPLITS / "talkers.csv").open())}
    trained = {
        str(fold): {r["speech"] for r in split.values() if r["fold"] != str(fold) and r["train"] == "1"}
        for fold in range(3)
    }
    cases = []
    for row in csv.DictReader((shared / "talkers" / "manifest.csv").open()):
        path = shared / "talkers" / row["file"]
        offsets = [int(x) for x in row["syncnet_v2_offsets"].strip("[]").split(",") if x.strip()]
        place = split[row["file"]]
        known = None
        if corners is not None:
            file = corners / f"{path.stem}.npy"
            if not file.exists():
                continue
            known = np.load(file)
        cases.append(
            Case(
                path.stem,
                place["person"],
                experts[int(place["fold"])],
                read_video(path).frames,
                read_audio(path)[0],
                offsets[0] - TALKERS_DELAY if offsets else 99,
                float(row["syncnet_v2_confidence"]),
                known,
                place["speech"],
                place["speech"] in trained[place["fold"]],
            )
        )
    return cases


def grid_held_out(shared: Path, expert: EmbeddedExpert) -> list[Case]:
    """Sentences of speaker s1 left out of training, those that are at hand: a seen person, unseen words."""
    rows = csv.DictReader((SPLITS / "grid_s1.csv").open())
    paths = [shared / "grid_s1" / row["file"] for row in rows if row["train"] == "0"]
    paths = [path for path in paths if path.exists()]
    return [Case(p.stem, "s1", expert, read_video(p).frames, read_audio(p)[0]) for p in paths[::2]]


KNOWN_OFFSETS = {"syncnet_example": 3}
"""Published by SyncNet's authors. GRID's offset is 0 as in the sentences of speaker s1."""
NOT_UNSEEN = ("merkel_mismatched", "grid_bbaf2n")
"""Mismatched on purpose; speaker s1, who is trained on."""


def tracked_clips(crops: Path, expert: EmbeddedExpert, *, aligned: bool = False) -> list[Case]:
    """``clips/`` through a face tracker: one ``NAME.npz`` each, as ``research.training.landmarks`` writes them.

    Web clips have offsets of their own that nobody published: taken is the expert's on the whole clip, so that only
    their cuts are evidence.
    """
    cases = []
    for path in sorted(crops.glob("*.npz")):
        data = np.load(path)
        pixels, corners = (data["frames"], data["corners"]) if aligned else (data["crops"], None)
        case = Case(path.stem, path.stem, expert, pixels, data["audio"], corners=corners)
        if not path.stem.startswith("grid"):
            case = replace(case, offset=KNOWN_OFFSETS.get(path.stem, case.score()[0].offset))
        cases.append(case)
    return cases


Groups = dict[str, list[Case]]


def groups_of(a: argparse.Namespace, shipped: EmbeddedExpert) -> Groups:
    """All cases by what they show; talkers only where the real SyncNet v2 found them in sync."""
    groups: Groups = {}
    if a.folds:
        groups[TALKERS] = [c for c in talkers(a.shared, a.folds) if in_sync(c)]
        groups[UNHEARD] = [c for c in groups[TALKERS] if not c.heard]
    if a.folds and a.corners:
        groups[ALIGNED] = [c for c in talkers(a.shared, a.folds, a.corners) if in_sync(c)]
        groups[ALIGNED_UNHEARD] = [c for c in groups[ALIGNED] if not c.heard]
    groups[SPEAKER_1] = grid_held_out(a.shared, shipped)
    if a.crops:
        unseen = [c for c in tracked_clips(a.crops, shipped) if c.name not in NOT_UNSEEN]
        groups["GRID, five unseen people"] = [c for c in unseen if c.name.startswith("grid")]
        groups["web clips, against their whole-clip offset"] = [
            c for c in unseen if not c.name.startswith("grid")
        ]
    return groups


TALKERS = "talkers, people left out"
UNHEARD = "talkers, people and speech left out"
ALIGNED = "talkers, people left out, mouth-aligned"
ALIGNED_UNHEARD = "talkers, people and speech left out, mouth-aligned"
SPEAKER_1 = "GRID s1, sentences left out"


def offsets_table(a: argparse.Namespace, groups: Groups, shipped: EmbeddedExpert) -> Iterator[str]:
    """Best shift within one frame, by length."""
    yield "| clips | offset within 1, full | 5 s cuts | 3 s cuts | 2.4 s cuts, audio moved by 7 frames |"
    yield "|---|---|---|---|---|"
    for name, cases in groups.items():
        full = "taken as known" if name.startswith("web") else offsets_row(cases, FULL)
        five = "too short" if name.startswith("GRID") else offsets_row(cases, FIVE)
        yield f"| {name} | {full} | {five} | {offsets_row(cases, THREE)} | {moved_row(cases, 60)} |"


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
    yield "| clips | Spearman with SyncNet v2's confidence |\n|---|---|"
    for names, corners in (((TALKERS, UNHEARD), None), ((ALIGNED, ALIGNED_UNHEARD), a.corners)):
        if corners or names[0] is TALKERS:
            cases = talkers(a.shared, a.folds, corners)
            yield f"| {names[0]} | {spearman_row(cases)} |"
            yield f"| {names[1]} | {spearman_row([c for c in cases if not c.heard])} |"


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


SECTIONS = {
    "offsets": offsets_table,
    "contrast": contrast_table,
    "spearman": spearman_table,
    "clips": clips_table,
    "subgroups": subgroups_table,
    "leak": leak_table,
    "null": null_table,
    "robustness": robustness_table,
}


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--folds", type=Path, help="of fold0.onnx ...; without it no talkers are judged")
    parser.add_argument("--expert", type=Path, help="instead of the shipped one")
    parser.add_argument("--corners", type=Path, help="mouth corners of the talkers, NAME.npy")
    parser.add_argument("--crops", type=Path, help="tracked clips, NAME.npz")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--out", type=Path)
    a = parser.parse_args()
    cv2.setNumThreads(1)
    shipped = EmbeddedExpert(a.expert)
    groups = groups_of(a, shipped)
    text = [f"Expert: {shipped.identity.label}. Intervals: 95 %, bootstrap over people."]
    for name in a.sections:
        if not a.folds and name not in ("offsets", "contrast", "clips"):
            continue
        text.append("")
        for line in SECTIONS[name](a, groups, shipped):
            print(line, flush=True)
            text.append(line)
    if a.out:
        a.out.write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
