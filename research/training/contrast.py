"""A clip's own audio against wrong audio, and its best shift against the known one: the raw findings of each cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.timebase import SAMPLES_PER_FRAME
from research.training.cases import Case, auc, differs, interval

FREE, KNOWN = 0, 1
"""Places in the scores of a cut: at the free minimum (LSE-C), and at the known offset."""

MOVED = 7
"""Frames by which audio is moved on purpose: then no best shift can be right by lying near 0."""

Hits = tuple[list[bool], list[str]]


@dataclass(frozen=True)
class Contrast:
    """One cut's confidences with its own audio and with wrong audios; ``FREE`` and ``KNOWN`` tell the two apart."""

    clip: str
    person: str
    own: tuple[float, float]
    wrong: tuple[tuple[float, float], ...]


def contrasts(cases: list[Case], length: int, *, same_person: bool, partners: int = 4) -> list[Contrast]:
    """Every cut against ``partners`` wrong audios, of the same person or of others.

    The draw hangs on the clips alone: two experts on the same clips are given the same wrong audios.
    """
    rng = np.random.default_rng(1)
    found = []
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
            if audios:
                scores = [(s.lse_c, s.confidence_at(case.offset)) for s in case.score(start, stop, *audios)]
                found.append(Contrast(case.name, case.person, scores[0], tuple(scores[1:])))
    return found


def auc_of(found: list[Contrast], which: int) -> Callable[[NDArray[np.int64]], float]:
    """AUC of own against wrong audio over the cuts ``indices``, as :func:`research.training.cases.interval` asks."""
    own = np.array([c.own[which] for c in found])
    wrong = [np.array([w[which] for w in c.wrong]) for c in found]
    return lambda indices: auc(own[indices], np.concatenate([wrong[i] for i in indices]))


def contrast(cases: list[Case], length: int, *, same_person: bool, partners: int = 4) -> dict[str, str]:
    """AUC of matched against mismatched audio, by confidence at the free minimum and at the known offset.

    ``within the clip``: share of wrong audios that the clip's own audio beats at the known offset, which is what a
    calibrated test asks.
    """
    found = contrasts(cases, length, same_person=same_person, partners=partners)
    if not found:
        return dict.fromkeys(("free", "known offset", "within the clip"), "not measured")
    people = [c.person for c in found]
    count = f"n = {len(found)} cuts, {sum(len(c.wrong) for c in found)} wrong audios"
    result = {}
    for which, name in ((FREE, "free"), (KNOWN, "known offset")):
        value = auc_of(found, which)
        low, high = interval(people, value, 400)
        result[name] = f"{value(np.arange(len(found))):.3f} [{low:.3f}, {high:.3f}], {count}"
    wins = np.array([np.mean([c.own[KNOWN] > w[KNOWN] for w in c.wrong]) for c in found])
    low, high = interval(people, lambda i: float(wins[i].mean()))
    result["within the clip"] = f"{wins.mean():.3f} [{low:.3f}, {high:.3f}]"
    return result


def halves(case: Case) -> Iterable[tuple[int, int]]:
    """The two halves of a clip."""
    middle = case.frames // 2
    return (0, middle), (middle, case.frames)


def hits(cases: list[Case], parts: Callable[[Case], Iterable[tuple[int, int]]]) -> Hits:
    """Whether each part's best shift lies within one frame of the known offset, and whose part it is."""
    right, people = [], []
    for case in cases:
        for start, stop in parts(case):
            right.append(abs(case.score(start, stop)[0].offset - case.offset) <= 1)
            people.append(case.person)
    return right, people


def moved_hits(cases: list[Case], length: int) -> Hits:
    """As :func:`hits` for ``length`` frames with audio moved by ``MOVED`` frames either way."""
    right, people = [], []
    for case in cases:
        if case.frames >= length + 2 * MOVED:
            for moved in (-MOVED, MOVED):
                found = case.score(MOVED, MOVED + length, moved=moved)[0].offset
                right.append(abs(found - case.offset - moved) <= 1)
                people.append(case.person)
    return right, people
