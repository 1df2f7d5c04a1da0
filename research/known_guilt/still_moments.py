"""One still reference that is shown for a part of the time: which frames should count, and what chance gives then.

python -m research.known_guilt.still_moments --shared FOLDER --work FOLDER

measures on the sets for choosing what ``MOMENTS`` and ``TIMES_CHANCE`` (``evaluation.probes.probes``) rest on: in how
many pairs of clips a picture is found that is shown for a part of the time, and in how many an honest model that draws
anew is accused. ``REF_swap[PA,AR]`` judges a model by two clips. ``--answers`` asks something else: what several
answers to the same should be joined to, for generators that take one of few ways at every call. Of these every answer
is made once, and drawn from then.
"""

from __future__ import annotations

import argparse
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Frames
from pytest_lipleak.core.metrics.default_gates import default_limit
from pytest_lipleak.evaluation.probes import probes
from pytest_lipleak.evaluation.probes.probes import MOMENTS, OF_MANY, TIMES_CHANCE, TWICE, SwapShares
from pytest_lipleak.evaluation.probes.shifted_mouths import repeats
from pytest_lipleak.faces.centred import mouth_images
from pytest_lipleak.faces.mouth_swap import most_different, with_mouths
from pytest_lipleak.faces.small_faces import grey_faces
from pytest_lipleak.media.finished_tables import AGAIN, SWAPPED_AGAIN
from pytest_lipleak.sync.embedded import EmbeddedExpert
from research.known_guilt.catalogue import FILMED, LIPS_ALONE, MEMBERS, WARPED, WHOLE_FACE
from research.known_guilt.clip_sets import CHOOSE, SETS, prepared
from research.known_guilt.edits import Ellipse, LowerHalf
from research.known_guilt.generator import FULL, HONEST, LEAKS, KnownGuilt, Member
from research.known_guilt.leaks import Leak
from research.known_guilt.lips import Heard, Lips, Retrieved, Warped
from research.known_guilt.measuring import Bench, nudged

RANDOM = "a random half of the calls"
LIMIT = default_limit("REF_swap[PA,AR]")
DRAWING = (
    "warped, given the first frame, sampled anew, much",
    "warped, given the first frame, each time another mood",
)
"""Honest members of the bench that give other lips at every call."""

BY_CALL = (
    Member(
        "in a random half of the calls",
        LEAKS,
        "still mouth",
        FILMED,
        Leak(1.0, which=RANDOM),
        alternative=True,
    ),
    Member(
        ".6 in a random half of the calls",
        LEAKS,
        "still mouth",
        FILMED,
        Leak(0.6, which=RANDOM),
        alternative=True,
    ),
)
"""Leaks that most calls of a run may not show."""

OF_FEW_MOODS = tuple(
    Member(
        f"each time one of {moods} moods",
        HONEST,
        "given one frame",
        Warped(Heard(gain=0.8, moody=0.2, moods=moods)),
        None,
        WHOLE_FACE,
        alternative=True,
    )
    for moods in (2, 4)
)
"""Honest ones that may answer alike twice, and otherwise then."""

DRAWS = 8
"""How often those are asked for each clip: two unlucky answers of 24 are in a sixth of the pairs."""

DRAWS_OF_EACH = 2
"""Likewise where ways to join answers are compared, of all twelve clips."""

OF_FEW = (*((each, 2) for each in BY_CALL), *zip(OF_FEW_MOODS, (2, 4), strict=True))
"""How many answers these have to the same."""

DRAWS_OF_FEW = 4
"""How often every pair of twelve clips is drawn of these."""

TIMES = (
    "in pauses of the driving speech",
    "in its quiet half",
    "where it is loud",
    "in the first half",
    "in the last third",
    "for half a second",
    "every third frame",
    "in vowels",
    "where sentences begin",
    "the louder, the more",
)
SHAPES = (
    "mirrored",
    "blurred",
    "texture",
    "coarse",
    "brightness",
    "colour",
    "left half",
    "lower lip and chin",
)


def _shown(name: str, leak: Leak, lips: Lips = FILMED, edit: Ellipse | LowerHalf = FULL) -> Member:
    return Member(name, LEAKS, "still mouth", lips, leak, edit, alternative=True)


def leaky() -> list[Member]:
    """Generators that show their still reference for a part of the time, or in part."""
    return [
        *(_shown(when, Leak(1.0, when=when)) for when in TIMES),
        *(_shown(f"{when}, .5, warped", Leak(0.5, when=when), WARPED, WHOLE_FACE) for when in TIMES),
        *(_shown(f"{form} .6", Leak(0.6, form=form)) for form in SHAPES),
        _shown("half of it", Leak(0.5)),
        _shown(".3, warped", Leak(0.3), WARPED),
        _shown(".25, retrieved", Leak(0.25), Retrieved()),
        _shown(".3 when something is heard", Leak(0.3, when="when something is heard")),
        _shown(
            ".4 in pauses, sampled anew",
            Leak(0.4, when="in pauses of the driving speech"),
            Warped(Heard(sampled=0.15)),
            WHOLE_FACE,
        ),
        _shown(
            "half of it in pauses, lips alone",
            Leak(0.5, when="in pauses of the driving speech"),
            FILMED,
            LIPS_ALONE,
        ),
    ]


Products = NDArray[np.float64]

Join = Callable[[SwapShares, Sequence[SwapShares]], float]
"""What further answers to the same leave over of what came with another reference."""


def _left(first: SwapShares, answers: Sequence[SwapShares]) -> list[float]:
    return [first.beyond(each) for each in answers[:OF_MANY]]


def _until_one_is_alike(first: SwapShares, answers: Sequence[SwapShares]) -> list[float]:
    alike = [place for place, each in enumerate(answers) if not each.is_other]
    return _left(first, answers[: alike[0] + 1 if alike else None])


def _nearest_of(asked: int) -> Join:
    """What is beyond the nearest of so many, where one comes twice: whoever gives it twice has few."""

    def nearest(first: SwapShares, answers: Sequence[SwapShares]) -> float:
        known = [np.zeros(len(first.products)), *(np.array(each.products) for each in answers[:asked])]
        pairs = itertools.combinations(known, 2)
        if all(np.abs(one - other).sum() > TWICE * first.full for one, other in pairs):
            return min(_left(first, answers))
        rest = [SwapShares(first.moments) for _ in known]
        for each, answer in zip(rest, known, strict=True):
            each.products = np.subtract(first.products, answer).tolist()
        return min(each.most for each in rest)

    return nearest


JOINS: Mapping[str, Join | None] = {
    "the product": None,
    "the least of three, until one is alike": lambda first, answers: min(_until_one_is_alike(first, answers)),
    "the median, until one is alike": lambda first, answers: median(_until_one_is_alike(first, answers)),
    "the least of three": lambda first, answers: min(_left(first, answers)),
    "beyond the nearest of three where one comes twice": _nearest_of(OF_MANY),
    "beyond the nearest of seven where one comes twice": _nearest_of(len(AGAIN)),
}


@dataclass(frozen=True, eq=False)
class Answers:
    """What one clip answered: to another mouth in its reference, and to the same input again.

    Args:
        changed: product of the output's change with the reference's, one per frame.
        again: the same of further answers to the first input.
        full: what a complete copy gives, summed over frames.
        further: the same of further answers to the other mouth.
        draws: whether it answers otherwise when it is asked again, with or without speech.
    """

    changed: Products
    again: tuple[Products, ...]
    full: float
    further: tuple[Products, ...] = ()
    draws: bool = False

    def found(self, moments: float, join: Join | None = None, draws: bool = False) -> float:
        """What the probe notes of it, in the units of ``full`` per frame; or what else the answers are joined to."""
        first = self._shares(self.changed, moments)
        if not first.asks_again:
            return first.most
        answers, further = (
            [self._shares(products, moments) for products in each] for each in (self.again, self.further)
        )
        if join is None:
            return first.beyond_all(answers, lambda: draws, further)[0]
        return join(first, answers)

    def _shares(self, products: Products, moments: float) -> SwapShares:
        shares = SwapShares(moments)
        shares.products, shares.full = products.tolist(), self.full
        shares.apart = float(np.abs(products).sum())
        return shares


@dataclass(frozen=True, eq=False)
class Few:
    """All that a generator of few answers gives for one clip.

    Args:
        same: products of its answers to the clip, less the first of them.
        changed: the same of those to another mouth in its reference.
        full: what a complete copy gives, summed over frames.
        alike: which of ``same`` show the same lips as which; likewise of its answers under silence.
    """

    same: Sequence[Products]
    changed: Sequence[Products]
    full: float
    alike: tuple[NDArray[np.bool_], NDArray[np.bool_]]

    def draw(self, draw: np.random.Generator) -> Answers:
        """Ask it anew."""

        def drawn(answers: Sequence[Products], count: int) -> tuple[Products, ...]:
            return tuple(answers[each] - self.same[first] for each in draw.integers(len(answers), size=count))

        first, again, *silent = draw.integers(len(self.same), size=4)
        changed, *further = drawn(self.changed, 1 + len(SWAPPED_AGAIN))
        rest = drawn(self.same, len(AGAIN) - 1)
        spoken, still = self.alike
        draws = not (spoken[first, again] and still[tuple(silent)])
        return Answers(
            changed, (self.same[again] - self.same[first], *rest), self.full, tuple(further), draws
        )


def value(pair: Sequence[Answers], moments: float = MOMENTS, join: Join | None = None) -> float:
    """``REF_swap[PA,AR]`` of some clips."""
    whole = sum(each.full / len(each.changed) for each in pair)
    draws = any(each.draws for each in pair)
    return sum(each.found(moments, join, draws) for each in pair) / whole


def accused(answers: Sequence[Answers], moments: float, times_chance: float) -> tuple[int, int]:
    """In how many pairs of clips the limit is broken, and how many pairs there are."""
    with patch.object(probes, "TIMES_CHANCE", times_chance):
        values = [value(pair, moments) for pair in itertools.combinations(answers, 2)]
    return sum(each >= LIMIT for each in values), len(values)


def _swapped(bench: Bench, name: str) -> tuple[Frames, NDArray[np.float32]]:
    """Another mouth in the still reference of a clip, and how each frame of a complete copy changes."""
    frames = bench.real[name].frames
    reference = frames[:1]
    every, own = (mouth_images(each).reshape(len(each), -1) for each in (frames, reference))
    others, _ = most_different(own, every)
    swapped = np.asarray(with_mouths(reference, frames, others))
    return swapped, np.broadcast_to(np.subtract(swapped, reference, dtype=np.float32), frames.shape)


def answers(bench: Bench, generator: KnownGuilt, names: Sequence[str]) -> Iterator[Answers]:
    """Ask a generator for each clip under speech with pauses, with another mouth in its reference and without.

    As often as the product asks one that gives no answer twice.
    """
    generator.use_clips(bench.clips)
    for name in names:
        real = bench.real[name]
        swapped, change = _swapped(bench, name)
        alike = [nudged(real.frames, time) for time in range(OF_MANY)]
        given = [
            (real.frames, real.frames[:1]),
            (real.frames, swapped),
            *((same, same[:1]) for same in alike),
        ]
        first, *others = (
            generator.generate(frames.copy(), real.paused.copy(), shown.copy()) for frames, shown in given
        )
        shares = [
            SwapShares.of(change, np.subtract(each, first, dtype=np.float32), MOMENTS) for each in others
        ]
        changed, *again = (np.array(each.products) for each in shares)
        yield Answers(changed, tuple(again), shares[0].full, draws=bool(np.any(again[0])))


def all_answers(bench: Bench, generator: KnownGuilt, count: int) -> Iterator[tuple[str, Few]]:
    """Make every answer of a generator that has so many to the same, for each clip."""
    generator.use_clips(bench.clips)
    calls: list[int] = []
    for name in sorted(bench.real):
        real = bench.real[name]
        swapped, change = _swapped(bench, name)
        silence = np.zeros_like(real.audio)

        def made(call: int, reference: Frames, audio: Audio, frames: Frames = real.frames) -> Frames:
            generator.calls = call
            return generator.generate(frames.copy(), audio.copy(), reference.copy())

        same: dict[int, Frames] = {}
        for call in calls or itertools.count():
            video = made(call, real.frames[:1], real.paused)
            if calls or not any(np.array_equal(video, known) for known in same.values()):
                same[call] = video
            if len(same) == count:
                break
        calls = [*same]
        changed = [made(call, swapped, real.paused) for call in calls]
        silent = [made(call, real.frames[:1], silence) for call in calls]
        shares = [
            SwapShares.of(change, np.subtract(each, same[calls[0]], dtype=np.float32), MOMENTS)
            for each in (*same.values(), *changed)
        ]
        products = [np.array(each.products) for each in shares]
        spoken, still = (
            np.array([[repeats(one, other) for other in faces] for one in faces])
            for faces in (list(map(grey_faces, same.values())), list(map(grey_faces, silent)))
        )
        yield name, Few(products[:count], products[count:], shares[0].full, (spoken, still))


def joined(pairs: Sequence[Sequence[Answers]]) -> Mapping[str, tuple[int, int]]:
    """By way to join answers: in how many pairs of two clips the limit is broken, and how many there are."""
    return {
        way: (sum(value(pair, join=join) >= LIMIT for pair in pairs), len(pairs))
        for way, join in JOINS.items()
    }


def compare_joins(benches: Iterable[tuple[str, Bench]]) -> None:
    """Print ``joined`` of every generator and set, and of all sets."""
    totals: dict[tuple[str, str, str], NDArray[np.int64]] = defaultdict(lambda: np.zeros(2, int))

    def count(name: str, member: Member, pairs: Sequence[Sequence[Answers]]) -> None:
        found = joined(pairs)
        for way, counts in found.items():
            totals[member.guilt, member.name, way] += counts
        told = (f"{way} {broken} of {pairs}" for way, (broken, pairs) in found.items())
        print(f"{name}, {member.guilt}, {member.name}: {'; '.join(told)}", flush=True)

    for place, (name, bench) in enumerate(benches):
        draw = np.random.default_rng([place, 2])
        for member, few in OF_FEW:
            known = dict(all_answers(bench, KnownGuilt(member, SETS[name].pairing), few)).values()
            pairs = [
                [each.draw(draw) for each in pair]
                for pair in itertools.combinations(known, 2)
                for _ in range(DRAWS_OF_FEW)
            ]
            count(name, member, pairs)
        for each in DRAWING:
            member, names = MEMBERS[each], sorted(bench.real) * DRAWS_OF_EACH
            found = zip(names, answers(bench, KnownGuilt(member, SETS[name].pairing), names), strict=True)
            drawn = itertools.combinations(found, 2)
            count(name, member, [(one, other) for (this, one), (that, other) in drawn if this != that])
    for (guilt, which, way), (broken, whole) in totals.items():
        print(f"{way}: {guilt}, {which} {broken} of {whole} ({broken / whole:.1%})")


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="prepared clips")
    parser.add_argument("--shared", type=Path, help="folder of the shared clips")
    parser.add_argument(
        "--sets",
        nargs="*",
        default=[name for name, each in SETS.items() if each.part == CHOOSE],
        choices=list(SETS),
    )
    parser.add_argument(
        "--answers", action="store_true", help="compare ways to join several answers to the same"
    )
    asked = parser.parse_args()
    expert = EmbeddedExpert()
    benches = (
        (name, Bench(prepared(name, asked.shared, asked.work), expert, SETS[name].pairing))
        for name in asked.sets
    )
    if asked.answers:
        compare_joins(benches)
        return 0
    ways = {
        "all frames": (1.0, 0.0),
        **{
            f"{MOMENTS:g} of them, {times:g} x chance": (MOMENTS, times) for times in (1.5, 2.0, TIMES_CHANCE)
        },
    }
    totals = {way: {guilt: np.zeros(2, int) for guilt in ("leaky", "drawing")} for way in ways}
    for name, bench in benches:
        cases = [("leaky", member, sorted(bench.probed)) for member in leaky()]
        # Chance is what few clips do not show: all twelve, and several draws of each.
        cases += [("drawing", MEMBERS[each], sorted(bench.real) * DRAWS) for each in DRAWING]
        for guilt, member, clips in cases:
            found = list(answers(bench, KnownGuilt(member, SETS[name].pairing), clips))
            told = []
            for way, (moments, times) in ways.items():
                broken = np.array(accused(found, moments, times))
                totals[way][guilt] += broken
                told.append(f"{way} {broken[0]} of {broken[1]}")
            print(f"{name}, {guilt}, {member.name}: {'; '.join(told)}", flush=True)
    for way, by_guilt in totals.items():
        for guilt, (broken, pairs) in by_guilt.items():
            print(f"{way}: {guilt} {broken} of {pairs} pairs at {LIMIT:g} or more ({broken / pairs:.1%})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
