"""What the product refuses: how many clips that can be judged it loses, and how many hopeless ones it stops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.timebase import SAMPLES_PER_FRAME
from pytest_lipleak.evaluation.results.preconditions import out_of_sync
from pytest_lipleak.sync.embedded import EmbeddedExpert
from pytest_lipleak.sync.expert import Embeddings
from pytest_lipleak.sync.lse import score, score_of
from pytest_lipleak.sync.suitability import suitability_of_mouths
from research.training.cases import FIVE, THREE, Case, Groups, differs, share
from research.training.data import at_times
from research.training.robustness import HARD_VIEWS

UNRELATED_AUDIOS = 50


def refusal_rows(groups: Groups) -> Iterator[tuple[str, ...]]:
    """Share of clips that the product refuses, by what was done to them: real ones are lost, hopeless ones stopped.

    Refused is what ``suitability`` refuses, and what fits its audio no better than unrelated audio does.
    """
    for name, cases in groups.items():
        for length in (THREE, FIVE):
            parts = [(case, *next(case.cuts(length))) for case in cases if case.frames >= length - 10]
            if len(parts) < 9:
                continue
            people = [case.person for case, _, _ in parts]
            spoken = [
                case.audio[start * SAMPLES_PER_FRAME : stop * SAMPLES_PER_FRAME]
                for case, start, stop in parts
            ]
            heard = {
                expert: [expert.embed_audio(audio) for audio in spoken]
                for expert in {case.expert for case in cases}
            }
            kinds: dict[str, list[bool]] = {kind: [] for kind in ("own", "other", "still", "silent")}
            for i, (case, start, stop) in enumerate(parts):
                others = [j for j in range(len(parts)) if differs(parts[j][0], case)]
                wrong = others[i % len(others)]
                null = [heard[case.expert][j] for j in others if j != wrong][:UNRELATED_AUDIOS]
                moving = case.faces[start:stop]
                still = np.repeat(moving[len(moving) // 2][None], len(moving), axis=0)
                for kind, faces, audio in (
                    ("own", moving, spoken[i]),
                    ("other", moving, spoken[wrong]),
                    ("still", still, spoken[i]),
                    ("silent", moving, np.zeros_like(spoken[i])),
                ):
                    kinds[kind].append(refused(case.expert, faces, audio, null) is not None)
            yield name, f"{length / 25:g} s", *(share(found, people) for found in kinds.values())


def still_rows(groups: Groups) -> Iterator[tuple[str, ...]]:
    """Share of clips whose mouth is said not to move: as they are, slowed down, and one picture under sensor noise."""
    for name, cases in groups.items():
        people = [case.person for case in cases]
        cells = []
        for slower in (1, 2, 3, 4):
            found = [at_times(c.windows, np.arange(c.frames) / slower) for c in cases]
            cells.append(share([told_still(w, c.audio) for w, c in zip(found, cases, strict=True)], people))
        for level in (4, 8):
            rng = np.random.default_rng(0)
            noisy = []
            for case in cases:
                grains = rng.normal(0, level, (case.frames, *case.windows.shape[1:]))
                noisy.append(np.clip(case.windows[0] + grains, 0, 255).astype(np.uint8))
            cells.append(share([told_still(w, c.audio) for w, c in zip(noisy, cases, strict=True)], people))
        yield name, *cells


def view_rows(cases: list[Case]) -> Iterator[tuple[str, ...]]:
    """Hard views of a face, whole clips: share judged right (offset within one), refused, and wrong without a word."""
    for name, change in HARD_VIEWS.items():
        right, silent, told = [], [], []
        changed = [replace(case, crops=change(case.crops)) for case in cases]
        for i, case in enumerate(changed):
            others = [case.expert.embed_audio(c.audio) for c in changed if differs(c, cases[i])]
            hit = abs(case.score()[0].offset - case.offset) <= 1
            why = refused(case.expert, case.faces[: case.frames], case.audio, others[:UNRELATED_AUDIOS])
            stopped = why is not None
            right.append(hit and not stopped)
            told.append(stopped)
            silent.append(not hit and not stopped)
        people = [case.person for case in cases]
        yield name, *(share(found, people) for found in (right, told, silent))


def told_still(mouths: NDArray[np.uint8], audio: NDArray[np.int16]) -> bool:
    """Whether a clip is refused because its mouth does not move."""
    return any("does not move" in reason for reason in suitability_of_mouths(mouths, audio).refusals)


def refused(
    expert: EmbeddedExpert, faces: NDArray[np.uint8], audio: NDArray[np.int16], unrelated: list[Embeddings]
) -> str | None:
    """Why the product refuses a real clip, not suitable or not heard, or None where it judges it."""
    found = expert.examine(faces, audio)
    if not found.review.suitable:
        return found.review.refusals[0]
    return out_of_sync(score_of(found.distances), [score(found.video, heard).lse_c for heard in unrelated])
