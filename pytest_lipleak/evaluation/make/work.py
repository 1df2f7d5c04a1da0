"""The work of one process: takes are generated, embedded and scored, those first that nobody else is at."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pytest_lipleak.core.clips import Clip
from pytest_lipleak.core.conditions import Condition, Setup
from pytest_lipleak.core.corpus import Key
from pytest_lipleak.core.errors import StoreError, UnscorableError
from pytest_lipleak.core.scores import TakeScore
from pytest_lipleak.evaluation.make.artefacts import Artefacts
from pytest_lipleak.evaluation.make.gallery import Gallery, take_stem
from pytest_lipleak.evaluation.make.progress import Progress
from pytest_lipleak.evaluation.make.record import Record, label_of
from pytest_lipleak.evaluation.plan.takes import Take, Takes
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.generators.shared import BusyError, SharedGenerator, ready


@dataclass(frozen=True, eq=False)
class Work:
    """Makes and scores takes.

    Args:
        record: where scores, and why there are none, are noted.
        takes: what the model is given.
        artefacts: generates, embeds and scores.
        model: the model under test.
        progress: told about every take.
        lead: where in the work to begin, in 0..1, so that parallel workers spread out.
        keep: folder for videos that people can play, generated and real, or None.
        gallery: where the pictures of a report are written, or None.
    """

    record: Record
    takes: Takes
    artefacts: Artefacts
    model: Model
    progress: Progress
    lead: float
    keep: Path | None
    gallery: Gallery | None

    def finish(self, keys: Iterable[Key]) -> None:
        """Make and score those of these takes that are missing, or note why they cannot be.

        Raises:
            BusyError: some must be generated, and others hold the model; all else is done.
        """
        missing = self.record.missing(keys)
        start = int(self.lead * len(missing))
        ahead = missing[start:] + missing[:start]
        total = len(ahead)
        if isinstance(self.model.generator, SharedGenerator):
            ahead = self._generated_first(ahead)
        # First what nobody is making, then what others hold: no worker waits while there is work.
        for wait in (False, True):
            behind = []
            for key in ahead:
                self.progress(total - len(ahead) + ahead.index(key), total, label_of(key))
                if not self._done(key, partial(self._score, *key, wait=wait)):
                    behind.append(key)
            ahead = behind
        if ahead:
            raise BusyError
        if total:
            self.progress(total, total, "")

    def _generated_first(self, keys: list[Key]) -> list[Key]:
        """Generate while this process may hold the model, as others can score meanwhile; return what is left."""
        for done, key in enumerate(keys):
            self.progress(done, len(keys), label_of(key))
            if not self._done(key, partial(self._generate, *key)):
                break
        return self.record.missing(keys)

    def _done(self, key: Key, act: Callable[[], None]) -> bool:
        """Do something for a take; False where others are at it."""
        try:
            self.record.attempt(key, act)
        except BusyError:
            return False
        return True

    def _generate(self, name: str, condition: Condition | None) -> None:
        if condition is None or not self.artefacts.lacks(take := self.takes.of(name, condition)):
            return
        if not ready(self.model.generator):
            raise BusyError
        # Where the real clip cannot be judged, nothing is generated for it.
        self._real_take(take.clip)
        self.artefacts.video(take)

    def _score(self, name: str, condition: Condition | None, *, wait: bool) -> None:
        self.record.corpus.takes[name, condition] = self._scored(name, condition, wait=wait)

    def _scored(self, name: str, condition: Condition | None, *, wait: bool) -> TakeScore:
        # The real clip comes first: where it cannot be judged, nothing is generated for it.
        clip = self.takes.clips[name]
        real = self._real_take(clip)
        if condition is None:
            return real
        take = self.takes.of(name, condition)
        own = self.artefacts.score(take, clip.audio, wait=wait)
        driving = own if condition.setup is Setup.AM else None
        partner = None
        if condition.setup is Setup.XM:
            assert take.audio is not None
            partner = self.takes.pairs()[name]
            driving = self.artefacts.score(take, take.audio)
        kept = self._kept(take, condition)
        scored = TakeScore(name, condition, own, driving, real.own_offset, partner, video=kept)
        if self.gallery is not None:
            speech = take.audio if partner else None
            video = partial(self.artefacts.video, take)
            with self._outlived(take.clip.name, condition):
                self.gallery.add(self.model.name, scored, clip, video, speech, self.artefacts.cropper(clip))
        return scored

    def _real_take(self, clip: Clip) -> TakeScore:
        if known := self.record.corpus.takes.get((clip.name, None)):
            return known
        cropper = self.artefacts.cropper(clip)
        review = self.artefacts.review(clip)
        if not review.suitable:
            raise UnscorableError("; ".join(review.refusals))
        take = Take(clip)
        own = self.artefacts.score(take, clip.audio)
        notes = clip.notes + cropper.notes + review.warnings
        scored = TakeScore(clip.name, None, own, own, own.offset, notes=notes, video=self._kept(take, None))
        if self.gallery is not None:
            with self._outlived(clip.name, None):
                self.gallery.add_real(self.model.name, scored, clip)
        return scored

    def _kept(self, take: Take, condition: Condition | None) -> str | None:
        if self.keep is None:
            return None
        path = self.keep / f"{take_stem(self.model.name, take.clip.name, condition)}.mp4"
        with self._outlived(take.clip.name, condition):
            self.artefacts.write_to_look_at(take, path)
        return None if (take.clip.name, condition) in self.record.failures else str(path)

    @contextmanager
    def _outlived(self, clip: str, condition: Condition | None) -> Iterator[None]:
        """Note what cannot be written to look at: the score, which may have cost hours, is not lost over it."""
        try:
            yield
        except StoreError as error:
            # Said in the end.
            self.record.failures[clip, condition] = error
