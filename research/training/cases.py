"""The clips that the embedded expert is measured on, what is known of each, and figures with intervals over people."""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.scores import SyncScore
from pytest_lipleak.core.timebase import SAMPLES_PER_FRAME
from pytest_lipleak.media.audio import read_audio
from pytest_lipleak.media.video import read_video
from pytest_lipleak.sync.embedded import EmbeddedExpert
from pytest_lipleak.sync.lse import score
from pytest_lipleak.sync.mouth_window import aligned_faces, mouth_windows
from research.training.splits import SPLITS

TALKERS_DELAY = 1
"""Frames by which the audio of all talkers files is late against the clips that SyncNet v2 judged: see
``research.training.realign``. Late audio has a negative offset in SyncNet's sign."""

FULL, FIVE, THREE = 10_000, 125, 75


@dataclass(frozen=True)
class Case:
    """One clip with what is known of it.

    ``offset`` in SyncNet's sign; ``confidence``: of the real SyncNet v2; ``speech``: which recording it speaks
    with (several talkers share one); ``fold``: which third of the people it belongs to.
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
    fold: str = ""

    @cached_property
    def faces(self) -> NDArray[np.uint8]:
        """What the expert is shown: the crops, mouth-aligned where the corners are known."""
        return self.crops if self.corners is None else np.stack(list(aligned_faces(self.crops, self.corners)))

    @cached_property
    def windows(self) -> NDArray[np.uint8]:
        """The mouth windows of ``faces``."""
        return mouth_windows(self.faces)

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


FOLDS = ("0", "1", "2")


def talkers(
    shared: Path, folds: Path, corners: Path | None = None, chosen: Sequence[str] = FOLDS
) -> list[Case]:
    """The 121 talkers, or those of chosen folds, each with the expert that has not seen its people."""
    experts = {fold: EmbeddedExpert(folds / f"fold{fold}.onnx") for fold in chosen}
    split = {row["file"]: row for row in csv.DictReader((SPLITS / "talkers.csv").open())}
    cases = []
    for row in csv.DictReader((shared / "talkers" / "manifest.csv").open()):
        path = shared / "talkers" / row["file"]
        offsets = [int(x) for x in row["syncnet_v2_offsets"].strip("[]").split(",") if x.strip()]
        place = split[row["file"]]
        if place["fold"] not in chosen:
            continue
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
                experts[place["fold"]],
                read_video(path).frames,
                read_audio(path)[0],
                offsets[0] - TALKERS_DELAY if offsets else 99,
                float(row["syncnet_v2_confidence"]),
                known,
                place["speech"],
                place["fold"],
            )
        )
    return cases


def grid_held_out(shared: Path, expert: EmbeddedExpert) -> list[Case]:
    """Sentences of speaker s1 left out of training, those that are at hand: a seen person, unseen words."""
    rows = csv.DictReader((SPLITS / "grid_s1.csv").open())
    paths = [shared / "grid_s1" / row["file"] for row in rows if row["train"] == "0"]
    paths = [path for path in paths if path.exists()]
    return [clip(path, "s1", expert) for path in paths[::2]]


def clip(path: Path, person: str, expert: EmbeddedExpert) -> Case:
    """A file of face crops that is in sync at offset 0."""
    return Case(path.stem, person, expert, read_video(path).frames, read_audio(path)[0])


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
        groups[TALKERS] = [c for c in talkers(a.shared, a.folds, None, a.fold) if in_sync(c)]
    if a.folds and a.corners:
        groups[ALIGNED] = [c for c in talkers(a.shared, a.folds, a.corners, a.fold) if in_sync(c)]
    groups[SPEAKER_1] = grid_held_out(a.shared, shipped)
    if a.crops:
        unseen = [c for c in tracked_clips(a.crops, shipped) if c.name not in NOT_UNSEEN]
        groups[GRID_UNSEEN] = [c for c in unseen if c.name.startswith("grid")]
        groups[WEB] = [c for c in unseen if not c.name.startswith("grid")]
    if a.rendered:
        paths = sorted(a.rendered.glob("*.mkv"))
        groups[RENDERED] = [clip(path, path.stem.rsplit("_", 1)[0], shipped) for path in paths]
    if a.wild:
        speakers = {
            Path(row["file"]).stem: row["speaker"]
            for row in csv.DictReader((a.shared / "wild" / "manifest.csv").open())
        }
        for aligned in (False, True):
            cases = tracked_clips(a.wild, shipped, aligned=aligned)
            cases = [replace(case, person=speakers[case.name]) for case in cases]
            groups[f"in the wild{', mouth-aligned' * aligned}, {WHOLE_CLIP}"] = cases
    return groups


TALKERS = "talkers, people and recordings left out"
ALIGNED = "talkers, people and recordings left out, mouth-aligned"
SPEAKER_1 = "GRID s1, sentences left out"
GRID_UNSEEN = "GRID, five unseen people"
RENDERED = "rendered, slow speech"
WHOLE_CLIP = "against their whole-clip offset"
WEB = f"web clips, {WHOLE_CLIP}"
