"""Measures one generator on one clip set with the product's own measures, in memory and as cheaply as can be.

What ``Evaluation`` does with a store, a schedule and every condition is done here for what a default verdict rests on
alone, by the same functions; ``research/tests`` holds that both come to the same values. What is kept are the curves
of every clip, not verdicts, so that limits can be studied without generating anything again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Frames, Image, Video
from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.corpus import Provenance
from pytest_lipleak.core.metrics.formulas import FULL, has_echo
from pytest_lipleak.core.scores import MAX_SHIFT
from pytest_lipleak.evaluation.make.unrelated_speech import UnrelatedSpeech
from pytest_lipleak.evaluation.measures.edited_region import edited_region
from pytest_lipleak.evaluation.measures.floor import floor_frames, most_closed
from pytest_lipleak.evaluation.measures.lag_scan import excesses
from pytest_lipleak.evaluation.measures.lips import Movement, correlations, movement, without
from pytest_lipleak.evaluation.measures.scans import UNRELATED
from pytest_lipleak.evaluation.probes.probes import MOVED, SwapShares, moments_under
from pytest_lipleak.evaluation.probes.shifted_mouths import (
    Arrival,
    Given,
    Layers,
    Output,
    arrivals,
    repeats,
)
from pytest_lipleak.faces.centred import mouth_images
from pytest_lipleak.faces.mouth_swap import around_lips, in_another_order, most_different, with_mouths
from pytest_lipleak.faces.small_faces import (
    Faces,
    Region,
    blended,
    chroma_faces,
    enlarged,
    grey_faces,
    lips_core,
    lips_region,
    lower_face,
)
from pytest_lipleak.media.audio import fit
from pytest_lipleak.media.clipsets import ClipSet
from pytest_lipleak.media.finished_tables import AGAIN, SWAPPED_AGAIN
from pytest_lipleak.media.pauses import with_pauses
from pytest_lipleak.plan.pairing import mismatched_pairs
from pytest_lipleak.sync.distances import shifted_means
from pytest_lipleak.sync.expert import Embeddings, SyncExpert
from pytest_lipleak.sync.lse import score
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
        self._given: dict[tuple[str, str], tuple[Frames, Faces]] = {}
        self._pairs = mismatched_pairs(clips, SEED, pairing)
        self._unrelated = UnrelatedSpeech(clips, expert.embed_audio, SEED)
        self.real = {name: self._real(name) for name in clips}
        about = provenance("", "", clips, {})
        self.probed, self._probed_alone = (
            about.probed("REF_shift", Condition(setup, Reference.CR)) for setup in (Setup.PA, Setup.AM)
        )
        self._still = about.swapped_beside(Condition(Setup.SI, Reference.AR))

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

    def measure(
        self, generator: KnownGuilt, known: Mapping[str, Mapping[str, Any]] | None = None
    ) -> dict[str, Any]:
        """Return the curves of every clip, as JSON takes them.

        Args:
            generator: to be measured.
            known: what was measured of it before; then the probes alone are taken anew.
        """
        generator.use_clips(self.clips)
        if known is None:
            found = {name: self._scanned(generator, name) for name in self.real}
        else:
            found = {name: dict(known[name]) for name in self.real}
        steady: bool | None = None
        for name in sorted(self.probed):
            found[name]["probes"], steady = self._probes(generator, name, steady)
        return found

    def _scanned(self, generator: KnownGuilt, name: str) -> dict[str, Any]:
        real = self.real[name]
        reference = real.frames[:1] if generator.member.alternative else real.frames
        videos = {
            setup: generator.generate(real.frames.copy(), audio.copy(), reference.copy())
            for setup, audio in (("SI", np.zeros_like(real.audio)), ("XM", real.driving))
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
        return found

    def _swapped(
        self, generator: KnownGuilt, name: str, reference: Frames, audio: Audio, before: Frames
    ) -> dict[str, Any]:
        """How much of other mouths in the reference arrives under an audio; as ``probes.probes``."""
        real = self.real[name]
        alternative = generator.member.alternative
        moments = moments_under(Setup.PA if audio.any() else Setup.SI) if alternative else 1.0

        def swap() -> Video:
            every, own = (mouth_images(each).reshape(len(each), -1) for each in (real.frames, reference))
            others, _ = in_another_order(own) if len(own) > 1 else most_different(own, every)
            return with_mouths(reference, real.frames, others)

        swapped, _ = self._moved(name, f"{len(reference)} swapped", swap)
        change = np.subtract(swapped, reference, dtype=np.float32)
        changes = np.broadcast_to(change.mean(axis=0), real.frames.shape) if len(change) == 1 else change

        def arrived(inputs: Frames, references: Frames) -> SwapShares:
            after = generator.generate(inputs.copy(), audio.copy(), references.copy())
            return SwapShares.of(changes, np.subtract(after, before, dtype=np.float32), moments)

        shares = arrived(real.frames, swapped)
        full = shares.full / len(changes)
        given = (nudged(real.frames, time) for time in range(len(AGAIN)))
        if not alternative:
            found, _, _ = shares.beyond_same(lambda: change, (arrived(same, same) for same in given))
            return {"share": found * full, "full": full}
        if not shares.asks_again:
            return {"share": shares.most, "full": full}
        found, _ = shares.beyond_all(
            (arrived(same, same[:1]) for same in given),
            lambda: self._draws(generator),
            (arrived(nudged(real.frames, time), swapped) for time in range(len(SWAPPED_AGAIN))),
        )
        return {"share": found, "full": full}

    def _draws(self, generator: KnownGuilt) -> bool:
        """Whether it answers one of the probed clips otherwise when it is asked again; as ``Probed.draws``."""
        for name, condition in self._still:
            real = self.real[name]
            audio = real.paused if condition.setup is Setup.PA else np.zeros_like(real.audio)
            once, again = (
                grey_faces(generator.generate(same, audio.copy(), same[:1].copy()))
                for same in (real.frames.copy(), nudged(real.frames))
            )
            if not repeats(once, again):
                return True
        return False

    def _earlier(self, name: str, by: int, region: Region | None = None) -> tuple[Frames, Faces]:
        """Frames whose mouths come so many frames earlier: the whole mouth, or ``region``."""
        frames = self.real[name].frames
        indices = [(at + by) % len(frames) for at in range(len(frames))]
        what = f"{by} {'reference' if region is None else 'input'}"
        return self._moved(name, what, lambda: with_mouths(frames, frames, indices, region=region))

    def _moved(self, name: str, what: str, make: Callable[[], Video]) -> tuple[Frames, Faces]:
        """Frames with other mouths, and what is looked at of them: the same for all generators."""
        if (name, what) not in self._given:
            made = np.asarray(make())
            self._given[name, what] = made, grey_faces(made)
        return self._given[name, what]

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

    def _probes(
        self, generator: KnownGuilt, name: str, steady: bool | None
    ) -> tuple[dict[str, Any], bool | None]:
        """Move mouths of reference and input frames, as ``probes.probes``; and whether the model repeats itself."""
        real = self.real[name]
        frames = real.frames
        alternative = generator.member.alternative
        reference = frames[:1] if alternative else frames
        core = lips_core()
        moved = MOVED if abs(real.offset - MOVED) <= MAX_SHIFT else -MOVED
        inputs, changed_input = self._earlier(name, moved, lower_face())
        references, changed_reference = self._earlier(name, moved)
        later_inputs, changed_later_input = self._earlier(name, -moved, lower_face())
        later_references, changed_later = self._earlier(name, -moved)
        silence = generator.generate(frames.copy(), np.zeros_like(real.audio), reference.copy())
        silent, spoken = layers(silence), silence
        found: dict[str, Any] = {}
        own = [("AM", real.audio, None)] if name in self._probed_alone else []
        for setup, audio, pauses in (("PA", real.paused, real.pauses), *own):

            def made(inputs: Frames, references: Frames, audio: Audio = audio) -> Frames:
                return generator.generate(inputs.copy(), audio.copy(), references.copy())

            def seen(video: Frames, crops: Iterable[Image] | None = None) -> Output:
                embedded = self._expert.embed_video(video if crops is None else crops)
                others = self._unrelated.mean_distances(embedded, [name, real.partner], UNRELATED)
                return Output(grey_faces(video), np.vstack([_mean_distances(embedded, real.speech), others]))

            plain = made(frames, reference)
            spoken = plain if setup == "PA" else spoken
            before = seen(plain)
            again: Frames | None = None
            if not steady:
                same = nudged(frames)
                again = made(same, same[:1] if alternative else same)
                if steady is None:
                    steady = repeats(before.faces, grey_faces(again))
                again = None if steady else again
            given = Given(
                real.faces,
                changed_input,
                core,
                real.means,
                moved,
                None,
                pauses,
                changed_later_input,
                still_counts=False,
            )
            # Under its own speech the reference is taken from the moved frames.
            beside_it = (inputs[:1] if alternative else inputs) if setup == "AM" else reference
            video = made(inputs, beside_it)
            after = seen(video, blended(plain, video, core))
            second = None if again is None else seen(again, blended(plain, again, core))
            beside = [layers(plain), silent, *([] if again is None else [layers(again)])]
            shown = None
            if has_echo("FRAME_shift", Condition(Setup(setup), Reference.CR)):
                shown = Layers(beside[0], layers(video), layers(made(later_inputs, beside_it)), *beside[1:])
            found[f"FRAME_shift[{setup}]"] = arrivals(before, after, given, shown, second)
            if not alternative:
                second = None if again is None else seen(again)
                given = Given(
                    real.faces,
                    changed_reference,
                    lips_region(),
                    real.means,
                    moved,
                    around_lips(),
                    pauses,
                    changed_later,
                )
                video = made(frames, references)
                shown = Layers(beside[0], layers(video), layers(made(frames, later_references)), *beside[1:])
                found[f"REF_shift[{setup}]"] = arrivals(before, seen(video), given, shown, second)
        curves = {
            probe: {
                part: {
                    "curve": each.curve.round(DECIMALS).tolist(),
                    "full": each.full,
                    "chance": each.chance,
                }
                for part, each in parts.items()
            }
            for probe, parts in found.items()
        }
        curves["REF_swap[SI]"] = self._swapped(generator, name, reference, np.zeros_like(real.audio), silence)
        if alternative:
            curves["REF_swap[PA]"] = self._swapped(generator, name, reference, real.paused, spoken)
        return curves, steady


def provenance(model: str, clip_set: str, clips: Iterable[str], speakers: Mapping[str, str]) -> Provenance:
    """Return what is said of a corpus: which clips probes are drawn from it."""
    return Provenance(
        model,
        clip_set,
        tuple(clips),
        "embedded",
        "direct",
        "first",
        "zeros",
        {},
        SEED,
        "cpu",
        "",
        speakers=dict(speakers),
    )


def layers(video: Frames) -> tuple[NDArray[np.uint8], ...]:
    """A face-centred video in grey and in colour, as ``Artefacts.layers``."""
    return grey_faces(video), chroma_faces(video)


def nudged(frames: Frames, time: int = 0) -> Frames:
    """The same but for one pixel at the upper edge, as a model is asked again."""
    same = frames.copy()
    same[:, 0, time] ^= 1
    return same


def _mean_distances(video: Embeddings, speech: Embeddings) -> NDArray[np.float64]:
    """Mean distances at 31 shifts, (31,); a row of ``sync.distances.distances`` averaged."""
    return np.asarray(shifted_means(video, speech[: len(video)], np.zeros(1, np.int64))[0])


def shares(probe: Mapping[str, Any], name: str) -> dict[str, float]:
    """What a probe found, in the names of ``probes.probes.followed``."""
    if "share" in probe:
        return {name: probe["share"], f"{name}{FULL}": probe["full"]}
    found = {}
    for part, each in probe.items():
        arrival = Arrival(np.array(each["curve"]), each["full"], each["chance"])
        found |= {f"{name}{part}": arrival.found, f"{name}{part}{FULL}": arrival.full}
    return found
