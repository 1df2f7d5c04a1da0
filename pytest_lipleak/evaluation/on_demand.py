"""What is measured of trials beyond their sync scores, and only when asked for: nulls, pictures, probes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio
from pytest_lipleak.core.conditions import Condition
from pytest_lipleak.core.corpus import Key
from pytest_lipleak.core.errors import UnscorableError
from pytest_lipleak.core.metrics.formulas import Metric
from pytest_lipleak.core.scores import TrialScore
from pytest_lipleak.evaluation.make.artefacts import Artefacts
from pytest_lipleak.evaluation.make.costs import Stopwatch
from pytest_lipleak.evaluation.make.gallery import Gallery
from pytest_lipleak.evaluation.make.picture_tools import PictureTools
from pytest_lipleak.evaluation.make.progress_relay import Progress
from pytest_lipleak.evaluation.make.trial_record import TrialRecord, label_of
from pytest_lipleak.evaluation.make.unrelated_speech import UnrelatedSpeech
from pytest_lipleak.evaluation.measures.pictures import (
    MEASURES,
    Pictures,
    is_kept,
    kept_measure,
    set_measure,
)
from pytest_lipleak.evaluation.measures.scans import Scans
from pytest_lipleak.evaluation.probes.probes import PROBE_TRIALS, PROBES, Probed
from pytest_lipleak.plan.trials import Trial, Trials

Features = tuple[NDArray[np.float32], ...]
"""Of one clip: Inception-v3 features of generated and of real frames, (N, 2048) each."""


@dataclass(frozen=True, eq=False)
class Measures:
    """Takes measures of trials that are made, or makes them for it.

    Args:
        record: where measures, and why there are none, are noted.
        trials: what the model is given.
        artefacts: generates, embeds and scores.
        unrelated: the clip set's speech as null audio.
        tools: the networks of picture measures.
        progress: told about every measure.
        stopwatch: takes the time.
        gallery: where the pictures of a report are written, or None.
    """

    record: TrialRecord
    trials: Trials
    artefacts: Artefacts
    unrelated: UnrelatedSpeech
    tools: PictureTools
    progress: Progress
    stopwatch: Stopwatch
    gallery: Gallery | None

    @cached_property
    def scans(self) -> Scans:
        """Compares outputs with the clip's own speech and lips at every lag."""
        return Scans(self.record, self.trials, self.artefacts, self.unrelated, self.progress, self.stopwatch)

    def sanity(self) -> None:
        """Score every real clip against unrelated audio: LSE-C, each by its best shift."""
        for clip, condition in tuple(self.record.corpus.trials):
            if condition is None:
                self.sanity_of(clip)

    def sanity_of(self, clip: str) -> Sequence[float]:
        """Score one real clip, whose own score is known, against unrelated audio, unless that was done."""
        corpus = self.record.corpus
        if clip not in corpus.unrelated:
            with self.stopwatch("scoring"):
                real = corpus.trials[clip, None]
                corpus.unrelated[clip] = self._against_unrelated(real) or self._against_itself(clip)
        return corpus.unrelated[clip]

    def _against_itself(self, name: str) -> tuple[float, ...]:
        """A clip alone is compared with its own speech half a clip later."""
        clip = self.trials.clips[name]
        return (self.artefacts.score(Trial(clip), np.roll(clip.audio, len(clip.audio) // 2)).lse_c,)

    def _against_unrelated(self, trial: TrialScore) -> tuple[float, ...]:
        source = self.trials.of(trial.clip, trial.condition)
        return self.artefacts.unrelated_scores(source, self.unrelated)

    def pictures(self, metric: Metric, clips: Iterable[str] | None = None) -> None:
        """Take the picture measures that ``metric`` still lacks.

        Args:
            metric: of pictures.
            clips: of these alone; whole sets of frames are always compared over all.

        Raises:
            LipleakError: of some clips; all others were finished first.
        """
        with self.stopwatch("other"):
            # Its other column, if any, is what the real clip has of it, and is noted with the first.
            column = metric.columns[0]
            assert column.condition is not None
            if metric.over_sets:
                self._compare_sets(column.measure, column.condition)
            else:
                names = self.record.corpus.provenance.clip_names if clips is None else clips
                of = self.trials.conditions
                keys = [(name, each) for name in names for each in of(name, column.condition)]
                self._of_every_video(column.measure, keys, self._compared)

    def probes(self, metric: Metric) -> None:
        """Generate anew with another reference what ``metric`` asks for and still lacks; raises as ``pictures``."""
        condition = metric.conditions[-1]
        # Under XM, too, a probe is taken of the first partner alone.
        keys = [(name, condition) for name in self.record.corpus.provenance.clips_of(metric)]
        self._of_every_video(metric.columns[0].measure, keys, self._probed)

    def _of_every_video(
        self,
        measure: str,
        keys: Sequence[tuple[str, Condition]],
        take_measure: Callable[[str, str, Condition], Mapping[str, float]],
    ) -> None:
        record = self.record
        for done, key in enumerate(record.in_turn(keys)):
            self.progress(done, len(keys), f"{measure} {label_of(key)}")
            if record.lacks(measure, key):
                with record.attempt(key, measure):
                    found = take_measure(measure, *key)
                    record.corpus.pictures.setdefault(key, {}).update(found)
        self.progress(len(keys), len(keys), "")
        record.raise_failures(keys, alone=True)

    def _compared(self, measure: str, clip: str, condition: Condition) -> Mapping[str, float]:
        output, real = self._pictures(clip, condition)
        if not is_kept(measure, output, real):
            # Before any lock is taken.
            self.artefacts.videos.get(self.trials.of(clip, condition))
        with self.stopwatch("pictures"):
            found = kept_measure(measure, output, real)
        if self.gallery is not None and MEASURES[measure].of_opening:
            model = self.record.corpus.provenance.model
            self.gallery.add_opening(
                model, clip, condition, measure, found[measure], output.opening, real.opening
            )
        return found

    def _compare_sets(self, measure: str, condition: Condition) -> None:
        """Compare all frames of a condition; under XM those of the first partner, or its sets would be larger."""
        corpus = self.record.corpus
        if (measure, condition) not in corpus.sets:
            names = corpus.provenance.clip_names
            self._make_all(measure, condition)
            with self.stopwatch("pictures"):
                found = set_measure(measure, names, lambda name: self._pictures(name, condition))
            corpus.sets[measure, condition] = found

    def frame_features(self, condition: Condition) -> dict[str, Features]:
        """Return the features of every clip's generated and real frames, which ``take_over_features`` keeps elsewhere.

        Raises:
            LipleakError: of some clips; all others were made first.
        """
        self._make_all("FID", condition)
        found = {name: self._pictures(name, condition) for name in self.record.corpus.provenance.clip_names}
        return {name: tuple(each.take_features() for each in pair) for name, pair in found.items()}

    def take_over_features(self, condition: Condition, features: Mapping[str, Features]) -> None:
        """Keep what another process found of the same videos: nothing is generated for sets of frames then."""
        for name, rows in features.items():
            for pictures, each in zip(self._pictures(name, condition), rows, strict=True):
                pictures.take_over_features(each)

    def _make_all(self, measure: str, condition: Condition) -> None:
        """Generate every video of a set: one that fails must not keep the others from being made.

        Raises:
            LipleakError: of some clips; all others were made.
        """
        keys: list[Key] = [(name, condition) for name in self.record.corpus.provenance.clip_names]
        for key in self.record.missing(keys):
            trial = self.trials.of(*key)
            with self.record.attempt(key, measure):
                if self.artefacts.lacks(trial) and not self._pictures(key[0], condition)[0].has_features:
                    self.artefacts.videos.get(trial)
        self.record.raise_failures(keys, alone=True)

    def _pictures(self, name: str, condition: Condition) -> tuple[Pictures, Pictures]:
        """The generated and the real video of a trial; frames are read when a measure looks at them."""
        # By name, not by clip: decoded clips are large, and the clip set keeps only a few.
        clips, trials, artefacts = self.trials.clips, self.trials, self.artefacts
        digest, source = clips[name].digest, artefacts.source(trials.of(name, condition))

        def boxes() -> NDArray[np.float64] | None:
            return artefacts.cropper(clips[name]).boxes

        def driving() -> Audio:
            return trials.driving_audio(clips[name], condition.setup, condition.partner)

        output = Pictures(
            self.tools, source, lambda: artefacts.video(trials.of(name, condition)), boxes, driving
        )
        return output, Pictures(
            self.tools, digest, lambda: clips[name].video, boxes, lambda: clips[name].audio
        )

    def _probed(self, measure: str, clip: str, condition: Condition) -> Mapping[str, float]:
        return PROBES[measure](self._probe_of(measure, clip, condition))

    def probe_trials(self, metric: Metric, clip: str) -> Sequence[Trial]:
        """Return what the model is given for a probe of a clip, whose real video is scored.

        Raises:
            UnscorableError: nothing can be probed in it.
        """
        measure = metric.columns[0].measure
        return PROBE_TRIALS[measure](self._probe_of(measure, clip, metric.conditions[-1]))

    def _probe_of(self, measure: str, clip: str, condition: Condition) -> Probed:
        corpus = self.record.corpus
        if refused := corpus.unscored.get((clip, None)):
            raise UnscorableError(refused.reason)
        # The first that the expert can judge: nothing is generated of others.
        first = next(
            (
                name
                for name in corpus.provenance.probed(measure, condition)
                if (name, condition) in corpus.trials
            ),
            clip,
        )
        driven = corpus.trials.get((clip, condition))
        partner = None if driven is None else driven.partner
        real = corpus.trials[clip, None]
        about = corpus.provenance
        still = about.swapped_beside(condition) if measure == "REF_swap" else ()
        return Probed(
            self.trials,
            self.artefacts,
            real,
            condition,
            self.unrelated,
            partner,
            first,
            about.finished,
            still,
        )
