"""Measures one generator on one clip set with the product's own measures, in memory and as cheaply as can be.

What ``Evaluation`` does with a store, a schedule and every condition is done here for what a default verdict rests on
alone, by the same functions; ``research/tests`` holds that both come to the same values. What is kept are the curves
of every clip, not verdicts, so that limits can be studied without generating anything again.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Frames
from pytest_lipleak.core.corpus import PROBED
from pytest_lipleak.core.metrics.formulas import FULL
from pytest_lipleak.core.scores import MAX_SHIFT
from pytest_lipleak.evaluation.make.unrelated_speech import UnrelatedSpeech
from pytest_lipleak.evaluation.measures.edited_region import edited_region
from pytest_lipleak.evaluation.measures.floor import floor_frames, most_closed
from pytest_lipleak.evaluation.measures.lag_scan import excesses
from pytest_lipleak.evaluation.measures.lips import Movement, correlations, movement, without
from pytest_lipleak.evaluation.measures.probes import MOVED
from pytest_lipleak.evaluation.measures.scans import UNRELATED
from pytest_lipleak.evaluation.measures.shifted_mouths import Arrival, Given, Output, arrivals, repeats
from pytest_lipleak.faces.centred import mouth_images
from pytest_lipleak.faces.mouth_swap import most_different, mouth_mask, with_mouths
from pytest_lipleak.faces.small import Faces, Region, enlarged, grey_faces, lips_core, lips_region
from pytest_lipleak.media.audio import fit
from pytest_lipleak.media.clipsets import ClipSet
from pytest_lipleak.media.pauses import with_pauses
from pytest_lipleak.plan.pairing import mismatched_pairs
from pytest_lipleak.sync.distances import shifted_means
from pytest_lipleak.sync.expert import Embeddings, SyncExpert
from pytest_lipleak.sync.score import score
from research.known_guilt.generator import LEAKS, KnownGuilt

SEED = 0
DECIMALS = 4


@dataclass(frozen=True, eq=False)
class Real:
    """A real clip and what is known of it before anything is generated.

    Args:
        frames: uint8 RGB (T, H, W, 3).
        audio: its own speech.
        partner: who drives it under XM.
        driving: the partner's speech, as long as the clip.
        paused: the same with pauses.
        pauses: which frames lie in a pause.
        speech: embedding of its own speech.
        means: mean distances to it at 31 shifts.
        offset: the clip's known offset.
        faces: grey.
        still: its most closed mouth, one frame.
        lips: how its lips move, the floor taken out.
        floor: how a still mouth would move with the head.
    """

    frames: Frames
    audio: Audio
    partner: str
    driving: Audio
    paused: Audio
    pauses: NDArray[np.bool_]
    speech: Embeddings
    means: NDArray[np.float64]
    offset: int
    faces: Faces
    still: Frames
    lips: Movement
    floor: Movement


class Bench:
    """A clip set, ready to measure generators on.

    Args:
        clips: face-centred.
        expert: judges.
        pairing: whose speech drives.
    """

    def __init__(self, clips: ClipSet, expert: SyncExpert, pairing: str) -> None:
        self.clips = clips
        self.pairing = pairing
        self._expert = expert
        self._pairs = mismatched_pairs(clips, SEED, pairing)
        self._unrelated = UnrelatedSpeech(clips, expert.embed_audio, SEED)
        self.real = {name: self._real(name) for name in clips}
        count = max(min(PROBED, 3 * len(clips) // 4), 1)
        self.probed = random.Random(f"lipleak probes {SEED}").sample(sorted(clips), count)

    def _real(self, name: str) -> Real:
        clip = self.clips[name]
        frames = clip.frames
        speech, seen = self._expert.embed_audio(clip.audio), self._expert.embed_video(frames)
        faces = grey_faces(frames)
        still = frames[most_closed(faces)]
        floor = movement(grey_faces(floor_frames(frames, still, enlarged(lips_region(), 8))))
        partner = self._pairs[name]
        paused, pauses = with_pauses(self.clips.speech(partner), len(clip.audio), f"{SEED} {name}")
        return Real(
            frames,
            clip.audio,
            partner,
            fit(self.clips.speech(partner), len(clip.audio)),
            paused,
            pauses[: len(frames)],
            speech,
            _mean_distances(seen, speech),
            score(seen, speech).offset,
            faces,
            still,
            without(movement(faces), floor),
            floor,
        )

    def measure(self, generator: KnownGuilt) -> dict[str, Any]:
        """Return the curves of every clip, as JSON takes them."""
        generator.use_clips(self.clips)
        return {name: self._of(generator, name) for name in self.real}

    def _of(self, generator: KnownGuilt, name: str) -> dict[str, Any]:
        real, alternative = self.real[name], generator.member.alternative
        reference = real.frames[:1] if alternative else real.frames
        silence = np.zeros_like(real.audio)
        videos = {
            setup: generator.generate(real.frames.copy(), audio.copy(), reference.copy())
            for setup, audio in (("SI", silence), ("XM", real.driving))
        }
        faces = {setup: grey_faces(video) for setup, video in videos.items()}
        region = edited_region(faces.values(), real.faces)
        floor = self._expert.embed_video(floor_frames(real.frames, real.still, region))
        found: dict[str, Any] = {"region": round(float(region.mean()), DECIMALS), "offset": real.offset}
        for setup, video in videos.items():
            seen = self._expert.embed_video(video)
            related = [name] if setup == "SI" else [name, real.partner]
            found[setup] = self._scan(name, related, seen, floor, faces[setup])
            if setup == "XM":
                driven = score(seen, self._expert.embed_audio(real.driving))
                found["LSE-C[XM]"] = round(driven.lse_c, DECIMALS)
        if generator.member.guilt != LEAKS:
            # Whether lips follow the audio is asked of the others alone: it costs a third more.
            own = generator.generate(real.frames.copy(), real.audio.copy(), reference.copy())
            found["LSE-C[AM]"] = round(score(self._expert.embed_video(own), real.speech).lse_c, DECIMALS)
        if name in self.probed:
            found["probes"] = self._probes(generator, real, region)
            if alternative:
                found["probes"]["REF_swap"] = _swapped(generator, real, reference, videos["SI"])
        return found

    def _scan(
        self, name: str, related: list[str], seen: Embeddings, floor: Embeddings, output: Faces
    ) -> dict[str, Any]:
        real = self.real[name]
        others = self._unrelated.others(related)[:UNRELATED]
        rows = [
            np.vstack(
                [
                    _mean_distances(video, real.speech),
                    self._unrelated.mean_distances(video, related, UNRELATED),
                ]
            )
            for video in (seen, floor)
        ]
        moved = without(movement(output), real.floor)
        lips, slope = correlations(moved, real.lips)
        null = [correlations(moved, self.real[other].lips)[0] for other in others]
        return {
            "excess": excesses(rows[0], rows[1], real.offset).round(DECIMALS).tolist(),
            "lips": np.stack([lips, *null]).round(DECIMALS).tolist(),
            "slope": slope.round(DECIMALS).tolist(),
        }

    def _probes(self, generator: KnownGuilt, real: Real, region: Region) -> dict[str, Any]:
        """Move the mouths of reference and input frames, under other speech with pauses; as ``measures.probes``."""
        frames = real.frames
        alternative = generator.member.alternative
        reference = frames[:1] if alternative else frames

        def made(inputs: Frames, references: Frames) -> Output:
            video = generator.generate(inputs.copy(), real.paused.copy(), references.copy())
            return Output(grey_faces(video), _mean_distances(self._expert.embed_video(video), real.speech))

        moved, indices = _earlier(real)
        inside = lips_core()
        before = made(frames, reference)
        nudged = frames.copy()
        nudged[:, 0, 0] ^= 1
        again = made(nudged, nudged[:1] if alternative else nudged)
        second = None if repeats(before.faces, again.faces) else again
        mouths = np.asarray(with_mouths(frames, frames, indices, region=inside))
        given = Given(real.faces, grey_faces(mouths), inside, real.means, moved, real.pauses)
        found = {"FRAME_shift": arrivals(before, made(mouths, reference), given, second)}
        if not alternative:
            mouths = np.asarray(with_mouths(frames, frames, indices))
            given = Given(real.faces, grey_faces(mouths), region, real.means, moved, real.pauses)
            found["REF_shift"] = arrivals(before, made(frames, mouths), given, second)
        return {
            name: {
                part: {
                    "curve": each.curve.round(DECIMALS).tolist(),
                    "full": each.full,
                    "chance": each.chance,
                }
                for part, each in parts.items()
            }
            for name, parts in found.items()
        }


def _earlier(real: Real) -> tuple[int, list[int]]:
    moved = MOVED if abs(real.offset - MOVED) <= MAX_SHIFT else -MOVED
    count = len(real.frames)
    return moved, [(at + moved) % count for at in range(count)]


def _swapped(generator: KnownGuilt, real: Real, reference: Frames, before: Frames) -> dict[str, Any]:
    """How much of another still mouth in the reference arrives under silence; as ``measures.probes``."""
    every, own = (mouth_images(each).reshape(len(each), -1) for each in (real.frames, reference))
    other, _ = most_different(own.mean(axis=0, keepdims=True), every)
    swapped = np.asarray(with_mouths(reference, real.frames, other * len(reference)))
    after = generator.generate(real.frames.copy(), np.zeros_like(real.audio), swapped.copy())
    change = np.subtract(swapped, reference, dtype=np.float32).mean(axis=0)
    weight = mouth_mask(*real.frames.shape[1:3])
    arriving = np.subtract(after, before, dtype=np.float32)
    return {
        "share": float(np.mean(weight * arriving * change, dtype=np.float64)),
        "full": float(np.mean(weight * change * change, dtype=np.float64)),
    }


def _mean_distances(video: Embeddings, speech: Embeddings) -> NDArray[np.float64]:
    """Mean distances at 31 shifts, (31,); a row of ``sync.distances.distances`` averaged."""
    return np.asarray(shifted_means(video, speech[: len(video)], np.zeros(1, np.int64))[0])


def shares(probe: Mapping[str, Any], name: str) -> dict[str, float]:
    """What a probe found, in the names of ``measures.probes.followed``."""
    if "share" in probe:
        return {name: probe["share"], f"{name}{FULL}": probe["full"]}
    found = {}
    for part, each in probe.items():
        arrival = Arrival(np.array(each["curve"]), each["full"], each["chance"])
        found |= {f"{name}{part}": arrival.found, f"{name}{part}{FULL}": arrival.full}
    return found
