"""Which leak measure ranks guilt right: the paper's four, this project's, and those of KeySync, THEval and HighSync.

    python -m research.known_guilt.leak_measures run --shared FOLDER --work FOLDER
    python -m research.known_guilt.leak_measures table --work FOLDER --out docs/evidence/leak-measures.md

The first generator of every class of the bench, on some clips of a set. The paper's four and the rivals are measured
here, by the product's own functions; what the default gates ask comes from the bench's results on the same set (the
file ``--bench``). Each measure then has one question to answer: does it put a leaking generator above an honest one?
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Frames
from pytest_lipleak.core.metrics.formulas import lip_sync_difference
from pytest_lipleak.faces.landmarks import FaceLandmarker, Landmarks, mouth_opening
from pytest_lipleak.media.audio import fit
from pytest_lipleak.media.clipsets import ClipSet
from pytest_lipleak.plan.pairing import mismatched_pairs
from pytest_lipleak.quality.lips_at_rest import closed_share, deviation, lip_distance, lip_leak, pauses
from pytest_lipleak.quality.mouth import motion_energy
from pytest_lipleak.sync.embedded import EmbeddedExpert
from pytest_lipleak.sync.lse import score
from research.known_guilt.catalogue import MEMBERS, in_rounds
from research.known_guilt.clip_sets import SETS, SIZE, prepared
from research.known_guilt.generator import HONEST, LEAKS, KnownGuilt
from research.known_guilt.judge import LEAK, judged
from research.known_guilt.run import read
from research.known_guilt.tables import filled, table

SEED = 0
DRAWS = 2000

HIGHER_LEAKS = (
    "LSE-C_S", "LSD", "LipLeak", "LipLeak@real", "SLS", "SLS@real", "Closed@real", "MAR_motion",
    "LSE-C_S@floor", "LSE-C_XO@floor", "LipCorr_S", "LipCorr_XO", "any default gate",
)  # fmt: skip
"""Measures of which more is a leak; of the others less is."""

WHOSE: Mapping[str, str] = {
    "LSE-C_S": "the paper", "LSE-D_S": "the paper", "LSD": "the paper",
    "LipLeak": "KeySync", "LipLeak@real": "KeySync, over the real clip's",
    "SLS": "THEval", "SLS@real": "THEval, over the real clip's",
    "Closed": "HighSync", "Closed@real": "HighSync, over the real clip's", "MAR_motion": "ours, under silence",
    "LSE-C_S@floor": "ours", "LSE-C_XO@floor": "ours", "LipCorr_S": "ours", "LipCorr_XO": "ours",
    "any default gate": "ours, yes or no",
}  # fmt: skip
"""Every measure of the study, in the order of the table, and who reports it."""


def chosen(rounds: int = 1) -> list[str]:
    """Names of the first generators of every class, honest and leaking ones in turn; weak ones leak nothing.

    Args:
        rounds: how many of a class; one of every class comes first, then the next.
    """
    taken: Counter[tuple[str, str]] = Counter()
    sides: dict[str, list[str]] = {HONEST: [], LEAKS: []}
    for name in in_rounds():
        member = MEMBERS[name]
        kind = member.guilt, member.kind
        if (
            member.guilt in sides
            and not member.alternative
            and not member.needs_people
            and taken[kind] < rounds
        ):
            taken[kind] += 1
            sides[member.guilt].append(name)
    return [name for pair in zip_longest(*sides.values()) for name in pair if name is not None]


class Measured:
    """A clip set on which generators are measured.

    Args:
        clips: face-centred.
        pairing: whose speech drives.
        weights: folder of the face model.
        count: of clips, drawn by the seed.
    """

    def __init__(self, clips: ClipSet, pairing: str, weights: Path, count: int) -> None:
        drawn = np.random.default_rng(SEED).permutation(sorted(clips))[:count]
        self.names = sorted(map(str, drawn))
        self.pairing = pairing
        self._clips = clips
        self._pairs = mismatched_pairs(clips, SEED, pairing)
        self._expert = EmbeddedExpert()
        self._weights = weights
        self._real = {name: self._landmarks(clips[name].frames) for name in self.names}

    def _landmarks(self, frames: Frames) -> Landmarks:
        return FaceLandmarker(self._weights).landmarks(frames)

    def of(self, generator: KnownGuilt) -> dict[str, dict[str, float]]:
        """Return what every clip scores, by clip and measure."""
        generator.use_clips(self._clips)
        return {name: self._one(generator, name) for name in self.names}

    def _one(self, generator: KnownGuilt, name: str) -> dict[str, float]:
        clip = self._clips[name]
        frames, own = clip.frames, clip.audio
        driving = fit(self._clips.speech(self._pairs[name]), len(own))

        def made(audio: Audio) -> Frames:
            return generator.generate(frames.copy(), audio.copy(), frames.copy())

        silent, other, matched = made(np.zeros_like(own)), made(driving), made(own)
        speech = self._expert.embed_audio(own)
        unheard = score(self._expert.embed_video(silent), speech)
        am = score(self._expert.embed_video(matched), speech)
        xm = score(self._expert.embed_video(other), self._expert.embed_audio(driving))
        found = {
            "LSE-C_S": unheard.lse_c, "LSE-D_S": unheard.lse_d,
            "C_AM": am.lse_c, "C_XM": xm.lse_c, "D_AM": am.lse_d, "D_XM": xm.lse_d,
        }  # fmt: skip
        return found | at_rest(self._landmarks(silent), self._real[name], own, frames.shape[1:3])


def at_rest(output: Landmarks, real: Landmarks, speech: Audio, size: tuple[int, ...]) -> dict[str, float]:
    """Return the rivals' measures of a video under silence, and what the real clip has of them (``_real``)."""
    openings = [mouth_opening(each) for each in (output, real)]
    distances = [lip_distance(each, *size[:2]) for each in (output, real)]
    talking = ~pauses(speech, len(real))
    return {
        "LipLeak": lip_leak(openings[0]), "LipLeak_real": lip_leak(openings[1]),
        "SLS": deviation(distances[0]), "SLS_real": deviation(distances[1][talking]),
        "Closed": closed_share(openings[0]), "Open_real": 1 - closed_share(openings[1]),
        "MAR_motion": motion_energy(openings[0]),
    }  # fmt: skip


def summarised(clips: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return a generator's value of every measure: means over clips first, as the product does."""
    mean = {
        name: float(np.nanmean([clip[name] for clip in clips.values()]))
        for name in next(iter(clips.values()))
    }

    def over(value: float, full: float) -> float:
        return value / full if full > 0 else float("nan")

    return {
        **{name: mean[name] for name in ("LSE-C_S", "LSE-D_S", "LipLeak", "SLS", "Closed", "MAR_motion")},
        "LSD": lip_sync_difference([mean["C_AM"], mean["C_XM"], mean["D_AM"], mean["D_XM"]]),
        "LipLeak@real": over(mean["LipLeak"], mean["LipLeak_real"]),
        "SLS@real": over(mean["SLS"], mean["SLS_real"]),
        "Closed@real": over(1 - mean["Closed"], mean["Open_real"]),
    }


def of_bench(line: Mapping[str, Any]) -> dict[str, float]:
    """Return what the default gates ask, from a line of the bench's results."""
    found = judged(line)
    bare = {name.replace("[CR]", ""): value for name, value in found.values.items()}
    kept = {name: value for name, value in bare.items() if name in WHOSE}
    return {**kept, "any default gate": float(found.verdict == LEAK)}


def ranked_right(honest: NDArray[np.float64], leaking: NDArray[np.float64]) -> float:
    """Return the share of pairs in which the leaking one has the larger value; ties count half (the area under ROC)."""
    above = leaking[:, None] - honest[None]
    return float(((above > 0) + 0.5 * (above == 0)).mean())


def ranking(honest: Sequence[float], leaking: Sequence[float]) -> tuple[float, float, float]:
    """Return ``ranked_right`` and its 95 % percentile interval, generators of both sides drawn anew."""
    both = [np.array(side, np.float64) for side in (honest, leaking)]
    rng = np.random.default_rng(SEED)
    draws = [
        ranked_right(*(side[rng.integers(len(side), size=len(side))] for side in both)) for _ in range(DRAWS)
    ]
    low, high = np.percentile(draws, [2.5, 97.5])
    return ranked_right(*both), float(low), float(high)


def run(shared: Path, work: Path, name: str, count: int, rounds: int, results: Path) -> None:
    """Measure on one clip set the generators that are missing in the results, one JSON line each."""
    import cv2

    cv2.setNumThreads(1)
    done = {(line["member"], line["set"]) for line in read(results)}
    missing = [member for member in chosen(rounds) if (member, name) not in done]
    if not missing:
        return
    bench = Measured(prepared(name, shared, work), SETS[name].pairing, shared / "weights", count)
    for member in missing:
        found = bench.of(KnownGuilt(MEMBERS[member], SETS[name].pairing))
        line = {"member": member, "set": name, "guilt": MEMBERS[member].guilt, "clips": found}
        with results.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(f"{MEMBERS[member].guilt:7} {member}", flush=True)


def tables(results: Path, bench: Path) -> dict[str, str]:
    """Return the tables of the page, by their places."""
    judged_lines = {(line["member"], line["set"]): line for line in read(bench)}
    rows: list[dict[str, Any]] = []
    for line in read(results):
        values = summarised(line["clips"])
        if known := judged_lines.get((line["member"], line["set"])):
            values |= of_bench(known)
        rows.append({**line, "values": values})
    found: dict[str, str] = {}
    for name in dict.fromkeys(row["set"] for row in rows):
        of_set = [row for row in rows if row["set"] == name]
        body = []
        for measure, whose in WHOSE.items():
            sides = [
                [
                    row["values"][measure]
                    for row in of_set
                    if row["guilt"] == side and np.isfinite(row["values"].get(measure, np.nan))
                ]
                for side in (HONEST, LEAKS)
            ]
            if min(map(len, sides)) < 2:
                continue
            sign = 1 if measure in HIGHER_LEAKS else -1
            right, low, high = ranking(*([sign * value for value in side] for side in sides))
            body.append(
                [
                    f"`{measure}`" if measure != "any default gate" else measure,
                    whose,
                    f"{right:.2f} [{low:.2f}, {high:.2f}]",
                    f"{np.median(sides[0]):.3g}",
                    f"{np.median(sides[1]):.3g}",
                    f"{len(sides[0])} / {len(sides[1])}",
                ]
            )
        heads = ["measure", "whose", "ranked right", "median honest", "median leaking", "honest / leaking"]
        found[f"ranking_{name}"] = table(heads, body)
        shown = ("LSE-C_S", "LSD", "LipLeak", "SLS", "Closed", "LipCorr_S", "any default gate")
        found[f"generators_{name}"] = table(
            ["generator", "guilt", *shown],
            [
                [
                    row["member"],
                    row["guilt"],
                    *(f"{row['values'][each]:.3g}" if each in row["values"] else "" for each in shown),
                ]
                for row in sorted(of_set, key=lambda row: row["guilt"])
            ],
        )
    return found


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--work", type=Path, required=True, help="prepared clips and results")
    parser.add_argument("--shared", type=Path, help="folder of the shared clips and of the face model")
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    parser.add_argument("--clips", type=int, default=SIZE, help="how many of a set's, drawn by the seed")
    parser.add_argument("--rounds", type=int, default=1, help="how many generators of every class")
    parser.add_argument(
        "--bench", default="results", help="name of the bench's results under the work folder"
    )
    parser.add_argument("--results", type=Path, help="default: leak_measures.jsonl under the work folder")
    parser.add_argument("--out", type=Path, help="a page with places for the tables; else they are printed")
    asked = parser.parse_args()
    results = asked.results or asked.work / "leak_measures.jsonl"
    if asked.what == "run":
        for name in asked.sets:
            run(asked.shared, asked.work, name, asked.clips, asked.rounds, results)
        return
    found = tables(results, asked.work / f"{asked.bench}.jsonl")
    if asked.out:
        asked.out.write_text(filled(asked.out.read_text(), found))
    else:
        print("\n\n".join(f"{place}\n\n{text}" for place, text in found.items()))


if __name__ == "__main__":
    main()
