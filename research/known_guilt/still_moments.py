"""One still reference that is shown for a part of the time: which frames should count, and what chance gives then.

python -m research.known_guilt.still_moments --shared FOLDER --work FOLDER

measures on the sets for choosing what ``MOMENTS`` and ``TIMES_CHANCE`` (``evaluation.probes.probes``) rest on: in how
many pairs of clips a picture is found that is shown for a part of the time, and in how many an honest model that draws
anew is accused. ``REF_swap[PA,AR]`` judges a model by two clips.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.metrics.default_gates import default_limit
from pytest_lipleak.evaluation.probes import probes
from pytest_lipleak.evaluation.probes.probes import MOMENTS, TIMES_CHANCE, SwapShares
from pytest_lipleak.faces.centred import mouth_images
from pytest_lipleak.faces.mouth_swap import most_different, with_mouths
from pytest_lipleak.media.finished_tables import AGAIN
from pytest_lipleak.sync.embedded import EmbeddedExpert
from research.known_guilt.catalogue import FILMED, LIPS_ALONE, MEMBERS, WARPED, WHOLE_FACE
from research.known_guilt.clip_sets import CHOOSE, SETS, prepared
from research.known_guilt.edits import Ellipse, LowerHalf
from research.known_guilt.generator import FULL, LEAKS, KnownGuilt, Member
from research.known_guilt.leaks import Leak
from research.known_guilt.lips import Heard, Lips, Retrieved, Warped
from research.known_guilt.measuring import Bench, nudged

LIMIT = default_limit("REF_swap[PA,AR]")
DRAWING = (
    "warped, given the first frame, sampled anew, much",
    "warped, given the first frame, each time another mood",
)
"""Honest members of the bench that give other lips at every call."""

DRAWS = 8
"""How often those are asked for each clip: two unlucky answers of 24 are in a sixth of the pairs."""

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


@dataclass(frozen=True, eq=False)
class Answers:
    """What one clip answered: to another mouth in its reference, and to the same input again.

    Args:
        changed: product of the output's change with the reference's, one per frame.
        again: the same of further answers to the first input.
        full: what a complete copy gives, summed over frames.
    """

    changed: NDArray[np.float64]
    again: tuple[NDArray[np.float64], ...]
    full: float

    def found(self, moments: float) -> float:
        """What the probe notes of it, in the units of ``full`` per frame."""
        first = self._shares(self.changed, moments)
        if not first.asks_again:
            return first.most
        found, _ = first.beyond_all(self._shares(products, moments) for products in self.again)
        return found

    def _shares(self, products: NDArray[np.float64], moments: float) -> SwapShares:
        shares = SwapShares(moments)
        shares.products, shares.full = products.tolist(), self.full
        shares.apart = float(np.abs(products).sum())
        return shares


def value(pair: Sequence[Answers], moments: float = MOMENTS) -> float:
    """``REF_swap[PA,AR]`` of some clips."""
    whole = sum(each.full / len(each.changed) for each in pair)
    return sum(each.found(moments) for each in pair) / whole


def accused(answers: Sequence[Answers], moments: float, times_chance: float) -> tuple[int, int]:
    """In how many pairs of clips the limit is broken, and how many pairs there are."""
    with patch.object(probes, "TIMES_CHANCE", times_chance):
        values = [value(pair, moments) for pair in itertools.combinations(answers, 2)]
    return sum(each >= LIMIT for each in values), len(values)


def answers(bench: Bench, generator: KnownGuilt, names: Sequence[str]) -> Iterator[Answers]:
    """Ask a generator for each clip under speech with pauses, with another mouth in its reference and without."""
    generator.use_clips(bench.clips)
    for name in names:
        real = bench.real[name]
        reference = real.frames[:1]
        every, own = (mouth_images(each).reshape(len(each), -1) for each in (real.frames, reference))
        others, _ = most_different(own, every)
        swapped = np.asarray(with_mouths(reference, real.frames, others))
        change = np.broadcast_to(np.subtract(swapped, reference, dtype=np.float32), real.frames.shape)
        alike = [nudged(real.frames, time) for time in range(len(AGAIN))]
        given = [(real.frames, reference), (real.frames, swapped), *((same, same[:1]) for same in alike)]
        first, *others = (
            generator.generate(frames.copy(), real.paused.copy(), shown.copy()) for frames, shown in given
        )
        shares = [
            SwapShares.of(change, np.subtract(each, first, dtype=np.float32), MOMENTS) for each in others
        ]
        changed, *again = (np.array(each.products) for each in shares)
        yield Answers(changed, tuple(again), shares[0].full)


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
    asked = parser.parse_args()
    expert = EmbeddedExpert()
    ways = {
        "all frames": (1.0, 0.0),
        **{
            f"{MOMENTS:g} of them, {times:g} x chance": (MOMENTS, times) for times in (1.5, 2.0, TIMES_CHANCE)
        },
    }
    totals = {way: {guilt: np.zeros(2, int) for guilt in ("leaky", "drawing")} for way in ways}
    for name in asked.sets:
        bench = Bench(prepared(name, asked.shared, asked.work), expert, SETS[name].pairing)
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
