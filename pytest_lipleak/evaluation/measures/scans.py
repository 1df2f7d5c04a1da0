"""Takes the lag scan and the comparison of lips to the clips: what of a clip is in what was made of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Clip, Image, digest_of
from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.errors import UnscorableError
from pytest_lipleak.core.held_arrays import HeldArrays
from pytest_lipleak.core.scores import LagScan
from pytest_lipleak.evaluation.make.artefacts import Artefacts
from pytest_lipleak.evaluation.make.costs import Stopwatch
from pytest_lipleak.evaluation.make.progress_relay import Progress
from pytest_lipleak.evaluation.make.trial_record import TrialRecord, label_of
from pytest_lipleak.evaluation.make.unrelated_speech import UnrelatedSpeech
from pytest_lipleak.evaluation.measures.edited_region import edited_region
from pytest_lipleak.evaluation.measures.floor import floor_frames, most_closed
from pytest_lipleak.evaluation.measures.lag_scan import excesses
from pytest_lipleak.evaluation.measures.lips import Movement, correlations, movement, without
from pytest_lipleak.faces.small_faces import Faces, Region, enlarged, grey_faces, lips_region
from pytest_lipleak.plan.trials import Trial, Trials
from pytest_lipleak.sync.distances import distances
from pytest_lipleak.sync.expert import Embeddings

SCANNED = (Setup.SI, Setup.XM)
"""Setups in which the clip's own speech was not heard."""

UNRELATED = 20
"""Unrelated audios, and unrelated lips, that a scan is compared with at most."""

DECIMALS = 4

MOVEMENTS = 10_000_000
"""Bytes of lips' movements that are held: those of 80 clips of 5 s."""


@dataclass(frozen=True, eq=False)
class Scans:
    """Scans the outputs of one model.

    Args:
        record: where scans are noted, and why there are none.
        trials: what the model is given.
        artefacts: generates and embeds.
        unrelated: the clip set's speech as null audio.
        progress: told about every clip.
        stopwatch: takes the time.
    """

    record: TrialRecord
    trials: Trials
    artefacts: Artefacts
    unrelated: UnrelatedSpeech
    progress: Progress
    stopwatch: Stopwatch

    @cached_property
    def _lips(self) -> HeldArrays:
        """How the lips of the last clips move: each clip is compared with many."""
        return HeldArrays(MOVEMENTS)

    def scan(self, condition: Condition) -> None:
        """Scan what was generated of every clip with the condition's reference, and note it; those that are scored.

        Raises:
            UnscorableError: nothing is unrelated to a trial under this condition.
        """
        reference = condition.reference
        corpus = self.record.corpus
        names = self.record.in_turn(corpus.provenance.clip_names)
        wanted = [name for name in names if self._lacks(name, reference)]
        # What others are at comes last, so that processes share the work.
        for wait in (False, True):
            left = []
            for done, name in enumerate(wanted):
                self.progress(done, len(wanted), f"all lags, {label_of((name, condition))}")
                if not self.note(name, reference, wait=wait):
                    left.append(name)
            wanted = left
        for name in corpus.provenance.clip_names:
            scored = (each for each in self._scored(name, reference) if each.cell == condition)
            if any((name, each) not in corpus.scans for each in scored):
                raise UnscorableError(
                    f"{name}: the clip set holds no speech but its own (and its XM partner's), so there is nothing "
                    "unrelated to compare with; add clips with other speech"
                )

    def note(self, name: str, reference: Reference, *, wait: bool = True) -> bool:
        """Scan what was scored of one clip with a reference, unless that was done, and note it.

        Returns:
            False where another process is at it, or at an output that it rests on, and ``wait`` is false.
        """
        if not wait and not self._is_complete(name, reference):
            return False
        found = self.of(name, reference, wait=wait) if self._lacks(name, reference) else {}
        if found is None:
            return False
        self.record.corpus.scans.update({(name, condition): scan for condition, scan in found.items()})
        return True

    def _lacks(self, name: str, reference: Reference) -> bool:
        """Whether a scan of a clip is not taken yet, and can be."""
        scans = self.record.corpus.scans
        return any((name, condition) not in scans for condition in self._comparable(name, reference))

    def _is_complete(self, name: str, reference: Reference) -> bool:
        """Whether all that a scan rests on is scored, or cannot be: the region is where any of the outputs changes."""
        corpus = self.record.corpus
        cells = [Condition(setup, reference) for setup in SCANNED]
        return all(
            key in corpus.trials or key in corpus.unscored
            for cell in cells
            if corpus.why_lacking(cell) is None
            for key in ((name, each) for each in self.trials.conditions(name, cell))
        )

    def _scored(self, name: str, reference: Reference) -> set[Condition]:
        trials = self.record.corpus.trials
        every = (each for setup in SCANNED for each in self._conditions(name, Condition(setup, reference)))
        return {condition for condition in every if (name, condition) in trials and (name, None) in trials}

    def _conditions(self, name: str, cell: Condition) -> list[Condition]:
        """Those of a cell that may have been made; who drives under XM may not be known, where nobody needed it."""
        return [condition for _, condition in self.record.corpus.videos(name, cell) if condition]

    def _comparable(self, name: str, reference: Reference) -> set[Condition]:
        """Those of the scored conditions for which there is unrelated speech."""
        scored = self._scored(name, reference)
        return {condition for condition in scored if self.unrelated.others(self._related(name, condition))}

    def of(self, name: str, reference: Reference, *, wait: bool = True) -> dict[Condition, LagScan] | None:
        """Return the scans of one clip, where there is unrelated speech.

        None where another process is at it and ``wait`` is false.
        """
        data = self._data(name, reference, wait=wait)
        if data is None:
            return None
        return {
            condition: LagScan.from_dict(data["scans"][_place(condition)])
            for condition in self._scored(name, reference)
            if _place(condition) in data["scans"]
        }

    def _data(self, name: str, reference: Reference, *, wait: bool = True) -> dict[str, Any] | None:
        conditions = sorted(self._scored(name, reference))
        related = [self._related(name, condition) for condition in conditions]
        trials = [self.trials.of(name, condition) for condition in conditions]
        found: dict[str, Any] | None = self.artefacts.data_of(
            "scan",
            trials,
            lambda: self._computed(name, conditions, trials),
            wait=wait,
            speech=[*self.unrelated.identity, UNRELATED, related],
            offset=self._offset(name),
        )
        return found

    def _computed(
        self, name: str, conditions: Sequence[Condition], trials: Sequence[Trial]
    ) -> dict[str, Any]:
        clip = self.trials.clips[name]
        faces = self.artefacts.faces(Trial(clip))
        outputs = [self.artefacts.faces(trial) for trial in trials]
        region = edited_region(outputs, faces)
        floor = self._floor_of(clip, faces, region)
        comparable = self._comparable(name, conditions[0].reference)
        scanned = [each for each in zip(conditions, trials, outputs, strict=True) if each[0] in comparable]
        # What needs no floor is done while that is embedded.
        lips = [self._lips_in(name, condition, output) for condition, _, output in scanned]
        scans = {}
        for (condition, trial, _), (alike, slope) in zip(scanned, lips, strict=True):
            videos = self.artefacts.embedding(trial), floor()
            with self.stopwatch("scoring"):
                heard = self._heard_in(name, condition, videos)
            scan = LagScan(heard, alike, slope, float(region.mean()))
            scans[_place(condition)] = scan.to_dict()
        return {"scans": scans}

    def _floor_of(self, clip: Clip, faces: Faces, region: Region) -> Callable[[], Embeddings]:
        """Begin to embed a clip's floor, where that is allowed; return what gives it."""
        work = cache(partial(self.artefacts.embedding_of, self._with_still_mouth(clip, faces, region)))
        beside, name = self.artefacts.beside, f"floor {clip.digest} {digest_of(region)}"
        # What is decoded anew in every pass is decoded where it is needed.
        if isinstance(clip.video, np.ndarray):
            beside.begin(name, work)
        return cache(partial(beside.take, name, work))

    def _heard_in(
        self, name: str, condition: Condition, videos: tuple[Embeddings, Embeddings]
    ) -> tuple[tuple[float, ...], ...]:
        """The clip's own speech and unrelated speech in an output over its floor, by lag, given their embeddings."""
        related = self._related(name, condition)
        speech = self.artefacts.speech(self.trials.clips[name].audio)
        seen, floor = (
            np.vstack(
                [
                    distances(video, speech).mean(axis=0, dtype=np.float64),
                    self.unrelated.mean_distances(video, related, UNRELATED),
                ]
            )
            for video in videos
        )
        return _rounded(excesses(seen, floor, self._offset(name)))

    def _lips_in(
        self, name: str, condition: Condition, output: Faces
    ) -> tuple[tuple[tuple[float, ...], ...], tuple[float, ...]]:
        """How an output's lips follow the clip's own and unrelated ones, by lag, and the slope on its own."""
        with self.stopwatch("scoring"):
            others = self.unrelated.others(self._related(name, condition))[:UNRELATED]
            known = self._own_lips(name)
            assert known is not None
            own, still = known
            moved = without(movement(output), still)
            lips, slope = correlations(moved, own)
            null: dict[str, NDArray[np.float64]] = {}
            # What others are at comes last: workers compare with the same lips.
            for wait in (False, True):
                for other in self.record.in_turn(others):
                    if other not in null and (found := self._own_lips(other, wait=wait)) is not None:
                        null[other] = correlations(moved, found[0])[0]
            rows = np.stack([lips, *(null[other] for other in others)])
            return _rounded(rows), tuple(np.round(slope, DECIMALS).tolist())

    def _offset(self, name: str) -> int:
        return self.record.corpus.trials[name, None].own_offset

    def _related(self, name: str, condition: Condition) -> list[str]:
        """Clips whose speech is in an output or may be: its own and, under XM, the partner's."""
        partner = self.record.corpus.trials[name, condition].partner
        return [name] if partner is None else [name, partner]

    def _own_lips(self, name: str, *, wait: bool = True) -> tuple[Movement, Movement] | None:
        """How the lips of a real clip move, and how a still mouth there would, carried along with the head.

        The second is taken out of the first. None where another process is at it and ``wait`` is false.
        """
        held = self._lips.get(name)
        if held is not None:
            return held[0], held[1]
        clip = self.trials.clips[name]

        def make() -> NDArray[np.float32]:
            faces = self.artefacts.faces(Trial(clip))
            # Wider than the lips: the soft edge of what is pasted must not reach them.
            still = self._with_still_mouth(clip, faces, enlarged(lips_region(), 8))
            return np.stack([movement(faces), movement(grey_faces(still))])

        lips = self.artefacts.array_of("lips", clip, make, wait=wait)
        if lips is None:
            return None
        own, floor = lips
        self._lips.hold(name, np.stack([without(own, floor), floor]))
        return without(own, floor), floor

    def _with_still_mouth(self, clip: Clip, faces: Faces, region: Region) -> Iterator[Image]:
        cropper, still = self.artefacts.cropper(clip), most_closed(faces)
        crop = np.asarray(next(islice(iter(cropper(clip.video)), still, None)))
        return floor_frames(cropper(clip.video), crop, region)


def _place(condition: Condition) -> str:
    """The scan of a condition among those of its clip and reference."""
    return f"{condition.setup}{condition.partner + 1 if condition.partner else ''}"


def _rounded(rows: NDArray[np.floating]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in np.round(rows, DECIMALS).tolist())
