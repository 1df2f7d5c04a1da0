"""Finished videos, gone through clip by clip: all that is asked of a clip is done while its pictures are at hand."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from pytest_lipleak.core.conditions import Condition, Reference
from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.errors import LipleakError
from pytest_lipleak.core.metrics.formulas import Metric
from pytest_lipleak.evaluation.assembly import Parts
from pytest_lipleak.evaluation.results.preconditions import out_of_sync


@dataclass(frozen=True)
class _Asked:
    """What is asked of every clip.

    Args:
        conditions: whose outputs are scored.
        scanned: with which references outputs are compared with the clip at every lag.
        pictures: metrics of single videos that can be taken, as far as is known.
    """

    conditions: tuple[Condition, ...]
    scanned: tuple[Reference, ...]
    pictures: list[Metric]

    @classmethod
    def by(cls, metrics: Iterable[Metric], corpus: Corpus) -> "_Asked":
        """What metrics ask for, as far as there are videos of it.

        Probes are of a dozen clips at most, and sets of frames are compared as wholes: they are left out.
        """
        there = [
            metric
            for metric in metrics
            if not metric.is_probe
            and not metric.over_sets
            and not any(corpus.why_lacking(each.condition) for each in metric.columns if each.condition)
        ]
        scored = [metric for metric in there if not metric.is_picture]
        conditions = dict.fromkeys(each for metric in scored for each in metric.conditions)
        return cls(
            tuple(each for each in conditions if not corpus.why_lacking(each)),
            tuple(dict.fromkeys(each.conditions[-1].reference for each in scored if each.over_lags)),
            [metric for metric in there if metric.is_picture],
        )


@dataclass(frozen=True, eq=False)
class ClipByClip:
    """Measures ahead what will be asked for, in the order in which nothing has to be decoded twice.

    What it finds is what is found where each metric goes through all clips: scores and measures do not depend on their
    order. What another process is at, or what fails, it leaves to them.

    Args:
        parts: what makes, measures and notes.
    """

    parts: Parts

    def measure(self, metrics: Sequence[Metric]) -> None:
        """Measure what these metrics need of every clip, one after the other."""
        asked = _Asked.by(metrics, self.parts.record.corpus)
        names = self.parts.record.in_turn(self.parts.record.corpus.provenance.clip_names)
        each = 1 + len(asked.conditions)
        for place, name in enumerate(names):
            self._measure(name, asked, place * each, len(names) * each)

    def _measure(self, name: str, asked: _Asked, done: int, total: int) -> None:
        # Pictures are compared with pictures: without a condition nothing is put to the expert, real clips neither.
        if asked.conditions and not self._scored(name, asked, done, total):
            return
        for metric in tuple(asked.pictures):
            if not self._could_take(metric, name):
                # What is not installed, or cannot be downloaded, is not there for the next clip, either.
                asked.pictures.remove(metric)

    def _scored(self, name: str, asked: _Asked, done: int, total: int) -> bool:
        """Score a clip and its outputs, and scan them; False where nobody asks for its outputs."""
        scheduler, measures, corpus = self.parts.scheduler, self.parts.measures, self.parts.record.corpus
        scheduler.finish_free([(name, None)], done, total)
        if (name, None) not in corpus.trials:
            return False
        if out_of_sync(corpus.trials[name, None].own, measures.sanity_of(name)):
            # Unless the expert hears none of the clips.
            return False
        conditions = self.parts.trials.conditions
        outputs = [(name, each) for cell in asked.conditions for each in conditions(name, cell)]
        scheduler.finish_free(outputs, done + 1, total)
        with suppress(LipleakError):
            for reference in asked.scanned:
                measures.scans.note(name, reference, wait=False)
        return True

    def _could_take(self, metric: Metric, name: str) -> bool:
        """Take a measure of pictures of one clip; a failure is left to who asks for it: others ask for other things."""
        failures = self.parts.record.failures
        cells = metric.conditions
        keys = [(name, each) for cell in cells for each in self.parts.trials.conditions(name, cell)]
        new = [key for key in keys if key not in failures]
        try:
            self.parts.measures.pictures(metric, [name])
        except LipleakError:
            for key in new:
                failures.pop(key, None)
            return len(new) < len(keys)
        return True
