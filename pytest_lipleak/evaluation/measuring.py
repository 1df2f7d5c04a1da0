"""What a metric needs, made and measured: trials first, then what is measured of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial

from pytest_lipleak.core.conditions import CONDITIONS, OTHER_SPEECH, Condition
from pytest_lipleak.core.corpus import Corpus, Key
from pytest_lipleak.core.errors import NotApplicableError, UnscorableError
from pytest_lipleak.core.metrics.formulas import Metric
from pytest_lipleak.core.metrics.formulas import metric as metric_called
from pytest_lipleak.core.remarks import hear
from pytest_lipleak.evaluation.assembly import Parts
from pytest_lipleak.evaluation.clip_by_clip import ClipByClip
from pytest_lipleak.evaluation.on_demand import Features
from pytest_lipleak.evaluation.results import preconditions
from pytest_lipleak.evaluation.results.aggregate import measure
from pytest_lipleak.generators.finished_model import finished_of
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.plan.trials import Trial
from pytest_lipleak.verdicts.limits import Measurement


class Measuring:
    """Measures one model; nothing is generated before it is needed.

    Args:
        parts: what makes, measures and notes.
        model: the model under test.
        in_passing: whether all that is foreseen of a clip may be measured when the first of it is asked for.
    """

    def __init__(self, parts: Parts, model: Model, *, in_passing: bool = True) -> None:
        self.model = model
        # A model that generates is not run for hours before its clips are known to be fit for the expert.
        self._clip_by_clip = ClipByClip(parts) if in_passing and finished_of(model) else None
        self._foreseen: dict[str, Metric] = {}
        self._ahead: set[str] = set()
        self._record = parts.record
        self._trials = parts.trials
        self._scheduler = parts.scheduler
        self._measures = parts.measures

    @property
    def corpus(self) -> Corpus:
        """What was measured so far."""
        return self._record.corpus

    def foresee(self, metrics: Iterable[Metric]) -> None:
        """Take note of what will be asked for; see ``Evaluation.foresee``."""
        self._foreseen |= {each.name: each for each in metrics if each.name not in self._ahead}

    def _measure_foreseen(self) -> None:
        """Measure clip by clip what is foreseen, once; what cannot be is said where it is asked for."""
        if self._clip_by_clip is not None and self._foreseen:
            foreseen = [*self._foreseen.values()]
            self._ahead |= self._foreseen.keys()
            self._foreseen.clear()
            hear(self._record.remark)
            self._clip_by_clip.measure(foreseen)

    def measure(self, metric: Metric | str, confidence: float | None = None) -> Measurement:
        """Return a metric's value, generating and scoring what it still needs; see ``Evaluation.measure``."""
        wanted = metric_called(metric) if isinstance(metric, str) else metric
        self._measure_foreseen()
        hear(self._record.remark)
        for turn in self._scheduler.turns():
            with turn:
                # Called here, not there: tracebacks are read.
                self._scored(wanted)()
        return measure(self.corpus, wanted, confidence)

    def _scored(self, metric: Metric) -> Callable[[], None]:
        """Make and score what a metric needs, and return what is to be measured beyond scores."""
        if metric.is_probe:
            self._check_probe(metric)
        # What the metric speaks of first: its words name that condition, not one that is measured beside it.
        own = [column.condition for column in metric.columns if column.condition is not None]
        self._check_applicable(own)
        # Of finished videos there may be none of those.
        beside = [each for each in metric.beside if self.corpus.why_lacking(each) is None]
        self._check_applicable(beside)
        conditions = tuple(dict.fromkeys((*beside, *own)))
        if metric.is_picture and not metric.is_probe:
            return partial(self._measures.pictures, metric)
        keys = self._keys(conditions, self.corpus.provenance.clips_of(metric) if metric.is_probe else None)
        # Not by way of ``_need``: tracebacks are read.
        self._scheduler.finish(keys)
        self._record.raise_failures(keys)
        if metric.is_probe:
            return partial(self._measures.probes, metric)
        return partial(self._measures.scans.scan, metric.conditions[-1]) if metric.over_lags else lambda: None

    def _check_probe(self, metric: Metric) -> None:
        finished, condition = finished_of(self.model), metric.conditions[-1]
        if finished is not None and not finished.probes(metric.family.measure, condition):
            raise NotApplicableError(
                f"{metric.name}: there are no videos of this probe in {finished.table.origin}"
            )
        if not metric.of_reference:
            return
        if not self.model.declared.takes_other_references:
            # It would make the same video whatever reference it is offered: no evidence that nothing leaks.
            raise NotApplicableError(
                f"{metric.name}: model {self.model.name!r} cannot be given another reference"
            )

    def has(self, metric: Metric) -> bool:
        """Whether the model has what a probe asks for; nothing is generated."""
        try:
            self._check_probe(metric)
            self._check_applicable(metric.conditions)
        except NotApplicableError:
            return False
        return True

    def _check_applicable(self, conditions: Iterable[Condition]) -> None:
        for condition in conditions:
            if why := self.corpus.why_lacking(condition):
                raise NotApplicableError(f"condition [{condition}] is not applicable: {why}")
            if condition.setup in OTHER_SPEECH:
                self._trials.pairs()

    def need(self, conditions: Iterable[Condition] = CONDITIONS, clips: Iterable[str] | None = None) -> None:
        """Make and score every trial of these conditions, and of the real clips, that is still missing.

        ``clips``: of these clips alone.
        """
        for turn in self._scheduler.turns():
            with turn:
                self._need(conditions, clips)

    def _need(self, conditions: Iterable[Condition], clips: Iterable[str] | None = None) -> None:
        wanted = tuple(conditions)
        self._check_applicable(wanted)
        keys = self._keys(wanted, clips)
        self._scheduler.finish(keys)
        self._record.raise_failures(keys)

    def _keys(self, conditions: Iterable[Condition], clips: Iterable[str] | None = None) -> list[Key]:
        names = self.corpus.provenance.clip_names if clips is None else clips
        wanted = tuple(conditions)
        of = self._trials.conditions
        return [
            (name, each) for name in names for each in (None, *(c for cell in wanted for c in of(name, cell)))
        ]

    def probe_trials(self, metric: Metric) -> Iterator[Trial]:
        """Yield what the model would be given for a probe, clip by clip; nothing is generated.

        Clips in which nothing can be probed are left out, as they are when a model is judged.
        """
        names = self.corpus.provenance.clips_of(metric)
        self.need((), names)
        for name in names:
            with suppress(UnscorableError):
                yield from self._measures.probe_trials(metric, name)

    def frame_features(self, condition: Condition) -> dict[str, Features]:
        """Return what FID and KID need of every clip, generating what is missing; another process takes it over."""
        found: dict[str, Features] = {}
        for turn in self._scheduler.turns():
            with turn:
                self._check_applicable([condition])
                found = self._measures.frame_features(condition)
        return found

    def take_over_features(self, condition: Condition, features: Mapping[str, Features]) -> None:
        """Keep what ``frame_features`` gave another process that measured the same."""
        self._measures.take_over_features(condition, features)

    def examine(self) -> None:
        """Score every real clip against unrelated audio; one that the expert does not hear counts as unscored."""
        self._measure_foreseen()
        self.need(())
        self._measures.sanity()
        preconditions.mark_out_of_sync(self.corpus)
