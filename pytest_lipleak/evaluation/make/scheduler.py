"""The work of one process: trials are generated, embedded and scored, those first that nobody else is at.

Nothing else waits for the model, and here only while no lock is held: whoever waits for the model must not hold what
those who have it may need.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial

from pytest_lipleak.core.clips import Clip, Video
from pytest_lipleak.core.conditions import OTHER_SPEECH, Condition, Setup
from pytest_lipleak.core.corpus import Key
from pytest_lipleak.core.errors import StoreError, UnscorableError
from pytest_lipleak.core.scores import ONE_COLOUR, TrialScore, cut_notes
from pytest_lipleak.evaluation.make.artefacts import Artefacts
from pytest_lipleak.evaluation.make.gallery import trial_stem
from pytest_lipleak.evaluation.make.kept_videos import write_to_look_at
from pytest_lipleak.evaluation.make.progress_relay import ProgressRelay
from pytest_lipleak.evaluation.make.this_process import Files
from pytest_lipleak.evaluation.make.trial_record import TrialRecord, label_of
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.generators.shared import BusyError, SharedGenerator, ready
from pytest_lipleak.plan.trials import Trial, Trials

LOOK_EVERY = 0.2
"""Seconds between two looks at whether the model is free; longer where a look takes long, to leave others room."""

LOOK_AT_LEAST_EVERY = 5.0


@dataclass(frozen=True, eq=False)
class Scheduler:
    """Makes and scores trials.

    Args:
        record: where scores, and why there are none, are noted.
        trials: what the model is given.
        artefacts: generates, embeds and scores.
        progress: told about every trial.
        files: where videos and pictures to look at are written.
    """

    record: TrialRecord
    trials: Trials
    artefacts: Artefacts
    progress: ProgressRelay
    files: Files

    def turns(self) -> Iterator[AbstractContextManager[None]]:
        """Yield turns until one ends well: one that finds the model held by others is followed by another, later."""
        done = False

        @contextmanager
        def turn() -> Iterator[None]:
            nonlocal done
            with suppress(BusyError):
                yield
                done = True

        while True:
            begun = time.monotonic()
            yield turn()
            if done:
                return
            self.progress.tell("waits for another worker to let go of the model (--lipleak-workers-per-gpu)")
            # Looking through all that is to be done takes a while in large clip sets, and others work here, too.
            time.sleep(min(LOOK_EVERY + 2 * (time.monotonic() - begun), LOOK_AT_LEAST_EVERY))

    def video(self, trial: Trial) -> Video:
        """Return a trial's video, uint8 RGB (T, H, W, 3), as soon as it can be made."""
        videos = []
        for turn in self.turns():
            with turn:
                videos.append(self.artefacts.video(trial))
        return videos[-1]

    @property
    def _model(self) -> Model:
        return self.artefacts.videos.model

    def finish(self, keys: Iterable[Key]) -> None:
        """Make and score those of these trials that are missing, or note why they cannot be.

        Raises:
            BusyError: some must be generated, and others hold the model; all else is done.
        """
        ahead = self.record.in_turn(self.record.missing(keys))
        total = len(ahead)
        if isinstance(self._model.generator, SharedGenerator):
            ahead = self._generated_first(ahead)
        # First what nobody is making, then what others hold: no worker waits while there is work.
        for wait in (False, True):
            ahead = self._finished(ahead, total - len(ahead), total, wait=wait)
        if ahead:
            raise BusyError
        if total:
            self.progress(total, total, "")

    def finish_free(self, keys: Iterable[Key], done: int, total: int) -> None:
        """Like ``finish``, without what others are at: that stays missing.

        Args:
            keys: of the trials.
            done: how much of the work is done, for the progress.
            total: of so much.
        """
        self._finished(self.record.missing(keys), done, total, wait=False)

    def _finished(self, keys: Sequence[Key], before: int, total: int, *, wait: bool) -> list[Key]:
        """Score trials in their order, beside the making of the next where allowed; return what others are at."""
        behind: list[Key] = []
        made: list[Key] = []

        def score_made(but: int = 0) -> None:
            while len(made) > but:
                key = made.pop(0)
                with _left_to(behind, key), self.record.attempt(key):
                    self.record.corpus.trials[key] = self._scored(*key, wait=wait)

        try:
            for done, key in enumerate(keys, before):
                self.progress(done, total, label_of(key))
                with _left_to(behind, key), self.record.attempt(key):
                    if self._begin(*key, wait=wait):
                        made.append(key)
                        score_made(but=self.artefacts.beside.ahead)
                    else:
                        score_made()
                        self.record.corpus.trials[key] = self._scored(*key, wait=wait)
        finally:
            # Whatever ends the work: what was made is scored.
            score_made()
        return behind

    def _begin(self, name: str, condition: Condition | None, *, wait: bool) -> bool:
        """Let the model make a trial's video, and begin to embed it; False where scoring does all that there is."""
        # The real clip comes first: where it cannot be judged, nothing is generated for it.
        if (
            not self.artefacts.beside.allowed
            or condition is None
            or (name, None) not in self.record.corpus.trials
        ):
            return False
        trial = self.trials.of(name, condition)
        if not self.artefacts.lacks(trial):
            return False
        self.artefacts.make(trial, wait=wait)
        return True

    def _generated_first(self, keys: list[Key]) -> list[Key]:
        """Generate while this process may hold the model, as others can score meanwhile; return what is left."""
        with suppress(BusyError):
            for done, key in enumerate(keys):
                self.progress(done, len(keys), label_of(key))
                with self.record.attempt(key):
                    self._generate(*key)
        return self.record.missing(keys)

    def _generate(self, name: str, condition: Condition | None) -> None:
        if condition is None or not self.artefacts.lacks(trial := self.trials.of(name, condition)):
            return
        if not ready(self._model.generator):
            raise BusyError
        # Where the real clip cannot be judged, nothing is generated for it.
        self._real_trial(trial.clip)
        self.artefacts.video(trial)

    def _scored(self, name: str, condition: Condition | None, *, wait: bool) -> TrialScore:
        # The real clip comes first: where it cannot be judged, nothing is generated for it.
        clip = self.trials.clips[name]
        real = self._real_trial(clip)
        if condition is None:
            return real
        trial = self.trials.of(name, condition)
        if self.artefacts.lacks(trial):
            self.artefacts.videos.get(trial, wait=wait)
        own = self.artefacts.score(trial, clip.audio, wait=wait)
        driving = own if condition.setup is Setup.AM else None
        partner = None
        if condition.setup in OTHER_SPEECH:
            assert trial.audio is not None
            partner = self.trials.partners()[name][condition.partner]
            driving = self.artefacts.score(trial, trial.audio)
        kept = self._kept(trial, condition)
        notes = (
            *self.artefacts.videos.notes(trial),
            *((ONE_COLOUR,) if self.artefacts.shows_nothing(trial) else ()),
        )
        scored = TrialScore(name, condition, own, driving, real.own_offset, partner, notes, video=kept)
        if self.files.gallery is not None:
            speech = trial.audio if partner else None
            video = partial(self.artefacts.video, trial)
            with self._outlived(trial.clip.name, condition):
                self.files.gallery.add(
                    self._model.name, scored, clip, video, speech, self.artefacts.cropper(clip)
                )
        return scored

    def _real_trial(self, clip: Clip) -> TrialScore:
        if known := self.record.corpus.trials.get((clip.name, None)):
            return known
        try:
            return self._real_score(clip)
        except UnscorableError as error:
            raise UnscorableError("; ".join((str(error), *cut_notes(clip.notes)))) from error

    def _real_score(self, clip: Clip) -> TrialScore:
        cropper = self.artefacts.cropper(clip)
        review = self.artefacts.review(clip)
        if not review.suitable:
            raise UnscorableError("; ".join(review.refusals))
        trial = Trial(clip)
        own = self.artefacts.score(trial, clip.audio)
        notes = clip.notes + cropper.notes + review.warnings
        scored = TrialScore(clip.name, None, own, own, own.offset, notes=notes, video=self._kept(trial, None))
        if self.files.gallery is not None:
            with self._outlived(clip.name, None):
                self.files.gallery.add_real(self._model.name, scored, clip)
        return scored

    def _kept(self, trial: Trial, condition: Condition | None) -> str | None:
        if self.files.keep is None:
            return None
        path = self.files.keep / f"{trial_stem(self._model.name, trial.clip.name, condition)}.mp4"
        with self._outlived(trial.clip.name, condition):
            audio = trial.clip.audio if trial.audio is None else trial.audio
            write_to_look_at(self.artefacts.video(trial), audio, path)
        return None if (trial.clip.name, condition) in self.record.failures else str(path)

    @contextmanager
    def _outlived(self, clip: str, condition: Condition | None) -> Iterator[None]:
        """Note what cannot be written to look at: the score, which may have cost hours, is not lost over it."""
        try:
            yield
        except StoreError as error:
            # Said in the end.
            self.record.failures[clip, condition] = error


@contextmanager
def _left_to(behind: list[Key], key: Key) -> Iterator[None]:
    """Note a trial that another process is at."""
    try:
        yield
    except BusyError:
        behind.append(key)
