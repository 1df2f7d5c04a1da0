"""What more of a trained network brings without training it: each variant against the network as it is, in pairs.

    python -m research.training.variants --shared FOLDER --folds FOLDER [--corners FOLDER] [--other FOLDER] [--fold 0 1]

Talkers only, each judged by the experts of its fold, which have seen none of its people and heard none of its
recordings. ``--other``: experts of the same folds with another seed, or another recipe; they are measured alone, and
joined with the first. Every gain is a difference on the same cuts against the same wrong audios; its interval (95 %)
comes from one bootstrap over people of that difference.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio
from pytest_lipleak.sync.embedded import SCALE, EmbeddedExpert
from pytest_lipleak.sync.expert import Embeddings
from research.training.cases import FOLDS, FULL, THREE, Case, in_sync, interval, spearman, talkers
from research.training.contrast import FREE, KNOWN, auc_of, contrasts, halves, hits, moved_hits

Statistic = Callable[[NDArray[np.int64]], float]


class Averaged:
    """An expert whose embeddings are means over several versions of what it sees and hears, at unit length again."""

    def __init__(
        self,
        expert: Any,
        pictures: list[Callable[[NDArray[np.uint8]], NDArray[np.uint8]]],
        sounds: list[Callable[[Audio], Audio]],
    ) -> None:
        self.expert, self.pictures, self.sounds = expert, pictures, sounds

    def embed_mouths(self, windows: NDArray[np.uint8]) -> Embeddings:
        """As ``EmbeddedExpert`` does."""
        return unit(sum(self.expert.embed_mouths(change(windows))[:, :-1] for change in self.pictures))

    def embed_audio(self, audio: Audio) -> Embeddings:
        """As ``EmbeddedExpert`` does."""
        return unit(sum(self.expert.embed_audio(change(audio))[:, :-1] for change in self.sounds))


class Smoothed:
    """An expert whose embeddings are means over three neighbouring windows (1, 2, 1), at unit length again."""

    def __init__(self, expert: Any) -> None:
        self.expert = expert

    def embed_mouths(self, windows: NDArray[np.uint8]) -> Embeddings:
        """As ``EmbeddedExpert`` does."""
        return self._smooth(self.expert.embed_mouths(windows))

    def embed_audio(self, audio: Audio) -> Embeddings:
        """As ``EmbeddedExpert`` does."""
        return self._smooth(self.expert.embed_audio(audio))

    def _smooth(self, rows: Embeddings) -> Embeddings:
        padded = np.pad(rows[:, :-1], ((1, 1), (0, 0)), mode="edge")
        return unit(padded[:-2] + 2 * padded[1:-1] + padded[2:])


class Joined:
    """Several experts as one: embeddings side by side, each scaled so that the distance stays on the same scale."""

    def __init__(self, *experts: Any) -> None:
        self.experts = experts

    def embed_mouths(self, windows: NDArray[np.uint8]) -> Embeddings:
        """As ``EmbeddedExpert`` does."""
        return self._side_by_side([expert.embed_mouths(windows) for expert in self.experts])

    def embed_audio(self, audio: Audio) -> Embeddings:
        """As ``EmbeddedExpert`` does."""
        return self._side_by_side([expert.embed_audio(audio) for expert in self.experts])

    def _side_by_side(self, found: list[Embeddings]) -> Embeddings:
        return unit(np.concatenate([rows[:, :-1] for rows in found], axis=1))


def unit(rows: NDArray[np.float32]) -> Embeddings:
    """Rows at unit length with the constant of ``pytest_lipleak.sync.embedded`` appended, times its scale."""
    length = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-8)
    return np.asarray(SCALE * np.concatenate([rows / length, np.ones_like(length)], axis=1), np.float32)


def moved_by(right: int, down: int) -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]]:
    """Mouth windows moved by pixels of the window, the border repeated."""

    def move(windows: NDArray[np.uint8]) -> NDArray[np.uint8]:
        pads = ((0, 0), (max(down, 0), max(-down, 0)), (max(right, 0), max(-right, 0)))
        height, width = windows.shape[1:]
        top, left = max(-down, 0), max(-right, 0)
        return np.pad(windows, pads, mode="edge")[:, top : top + height, left : left + width]

    return move


def later(samples: int) -> Callable[[Audio], Audio]:
    """Audio moved by samples, of the same length; the sample at its end is repeated."""

    def move(audio: Audio) -> Audio:
        padded = np.pad(audio, (max(samples, 0), max(-samples, 0)), mode="edge")
        return padded[max(-samples, 0) :][: len(audio)]

    return move


def same(what: Any) -> Any:
    """Nothing changed."""
    return what


def mirrored(windows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mirror images."""
    return np.ascontiguousarray(windows[:, :, ::-1])


AROUND = [same, *(moved_by(x, y) for x, y in ((2, 0), (-2, 0), (0, 2), (0, -2)))]
NEARBY = [same, later(160), later(-160)]

PARTS = ("untrained", "others", "null")
"""What is measured: what needs no second expert, other experts, and scores less what unrelated speech gets."""

WITHOUT_TRAINING: dict[str, Callable[[Any], Any]] = {
    "mirror image alone": lambda e: Averaged(e, [mirrored], [same]),
    "with the mirror image, averaged": lambda e: Averaged(e, [same, mirrored], [same]),
    "with four windows 2 pixels beside it, averaged": lambda e: Averaged(e, AROUND, [same]),
    "with the audio 10 ms earlier and later, averaged": lambda e: Averaged(e, [same], NEARBY),
    "over three windows in time, 1 2 1": Smoothed,
}


@dataclass(frozen=True)
class Figures:
    """What one expert finds on the clips: for each question whose cuts they are, and the value over chosen cuts."""

    values: dict[str, tuple[list[str], Statistic]]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)


def figures(cases: list[Case]) -> Figures:
    """The questions that a release is asked."""
    heard = [c for c in cases if in_sync(c)]
    against = contrasts(heard, THREE, same_person=False)
    people = [c.person for c in against]
    found = {
        "AUC known offset, 3 s": (people, auc_of(against, KNOWN)),
        "AUC free, 3 s": (people, auc_of(against, FREE)),
    }
    for name, (right, of) in {
        "half clips within one": hits(heard, halves),
        "audio moved by 7, 2.4 s": moved_hits(heard, 60),
    }.items():
        found[name] = (of, mean_of(np.array(right, float)))
    judged = [c for c in cases if c.confidence > 0]
    ours = np.array([c.score()[0].lse_c for c in judged])
    theirs = np.array([c.confidence for c in judged])
    found["Spearman"] = ([c.person for c in judged], lambda i: spearman(ours[i], theirs[i]))
    return Figures(found)


def mean_of(values: NDArray[np.float64]) -> Statistic:
    """The mean over chosen cuts."""
    return lambda i: float(values[i].mean())


def gain(one: tuple[list[str], Statistic], other: tuple[list[str], Statistic]) -> str:
    """``+0.004 [0.001, 0.008]``: other less one, on the same draws of people."""
    people, before = one
    if other[0] != people:
        raise ValueError("the two were not measured on the same cuts")
    everyone = np.arange(len(people))
    low, high = interval(people, lambda i: other[1](i) - before(i), 1000)
    return f"{other[1](everyone) - before(everyone):+.3f} [{low:+.3f}, {high:+.3f}]"


def table(cases: list[Case], variants: dict[str, Callable[[Case], Any]]) -> Iterator[str]:
    """One row each: the value, and the gain over the clips' own experts."""
    plain = figures(cases)
    yield "| | " + " | ".join(plain) + " |"
    yield "|---|" + "---|" * len(plain.values)
    whole = (f"{value(np.arange(len(people))):.3f}" for people, value in plain.values.values())
    yield (
        f"| as it is, {len(cases)} clips, {len({c.person for c in cases})} people | "
        + " | ".join(whole)
        + " |"
    )
    for name, variant in variants.items():
        other = figures([replace(case, expert=variant(case)) for case in cases])
        yield f"| {name} | " + " | ".join(gain(plain.values[k], other.values[k]) for k in plain) + " |"


def less_the_null(cases: list[Case], unrelated: int = 8) -> Iterator[str]:
    """Gains of taking from each confidence the mean of what the same lips score against unrelated speech."""
    found = contrasts([c for c in cases if in_sync(c)], THREE, same_person=False, partners=4 + unrelated)
    plain = [replace(c, wrong=c.wrong[:4]) for c in found]
    nulls = [np.mean(c.wrong[4:], axis=0) for c in found]
    less = [
        replace(c, own=tuple(c.own - null), wrong=tuple(tuple(w - null) for w in c.wrong))
        for c, null in zip(plain, nulls, strict=True)
    ]
    people = [c.person for c in found]
    for which, name in ((KNOWN, "AUC known offset, 3 s"), (FREE, "AUC free, 3 s")):
        one, other = ((people, auc_of(of, which)) for of in (plain, less))
        yield f"| {name} | {one[1](np.arange(len(people))):.3f} | {gain(one, other)} |"
    judged = {c.name: c for c in cases if c.confidence > 0}
    whole = contrasts(list(judged.values()), FULL, same_person=False, partners=unrelated)
    theirs = np.array([judged[c.clip].confidence for c in whole])
    own = np.array([c.own[FREE] for c in whole])
    above = own - np.array([np.mean(c.wrong, axis=0)[FREE] for c in whole])
    people = [c.person for c in whole]
    one, other = ((people, lambda i, of=of: spearman(of[i], theirs[i])) for of in (own, above))
    yield f"| Spearman | {one[1](np.arange(len(people))):.3f} | {gain(one, other)} |"


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--folds", type=Path, required=True, help="of fold0.onnx ...")
    parser.add_argument(
        "--corners", type=Path, help="mouth corners of the talkers, NAME.npy: mouth-aligned, too"
    )
    parser.add_argument("--other", type=Path, nargs="*", default=[], help="further folders of fold0.onnx ...")
    parser.add_argument("--fold", nargs="+", default=FOLDS, choices=FOLDS, help="folds to judge")
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    a = parser.parse_args()
    cv2.setNumThreads(1)
    variants: dict[str, Callable[[Case], Any]] = {}
    if "untrained" in a.parts:
        for name, change in WITHOUT_TRAINING.items():
            variants[name] = lambda case, change=change: change(case.expert)
    for folder in a.other if "others" in a.parts else ():
        experts = {fold: EmbeddedExpert(folder / f"fold{fold}.onnx") for fold in a.fold}
        variants[f"{folder.parent.name} alone"] = lambda case, of=experts: of[case.fold]
        variants[f"joined with {folder.parent.name}"] = lambda case, of=experts: Joined(
            case.expert, of[case.fold]
        )
    for corners in (None, a.corners) if a.corners else (None,):
        cases = talkers(a.shared, a.folds, corners, a.fold)
        print(f"\n{'mouth-aligned' if corners else 'plain crops'}, folds {' '.join(a.fold)}: {a.folds}\n")
        for line in table(cases, variants) if variants else ():
            print(line, flush=True)
        if "null" in a.parts:
            print("\n| less what unrelated speech scores | as it is | gain |\n|---|---|---|")
            for line in less_the_null(cases):
                print(line, flush=True)


if __name__ == "__main__":
    main()
