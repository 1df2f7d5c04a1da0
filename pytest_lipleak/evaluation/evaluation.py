"""Plan, generate, score: everything measured about one model on one clip set, on demand."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NoReturn

from pytest_lipleak.core.clips import Audio, Clip, Frames, held
from pytest_lipleak.core.conditions import CONDITIONS, Condition, Reference, Setup
from pytest_lipleak.core.corpus import Corpus, Key
from pytest_lipleak.core.errors import (
    ConfigurationError,
    LipleakError,
    NotApplicableError,
)
from pytest_lipleak.core.metrics import Metric
from pytest_lipleak.core.metrics import metric as metric_called
from pytest_lipleak.core.verdicts import Limit, Measurement, Rules, Verdict, judge
from pytest_lipleak.evaluation.make.artefacts import Artefacts, ClipFaces
from pytest_lipleak.evaluation.make.costs import Stopwatch
from pytest_lipleak.evaluation.make.crops import Crops
from pytest_lipleak.evaluation.make.nulls import UnrelatedSpeech
from pytest_lipleak.evaluation.make.picture_tools import PictureTools
from pytest_lipleak.evaluation.make.progress import Shown
from pytest_lipleak.evaluation.make.record import Record
from pytest_lipleak.evaluation.make.schedule import Schedule
from pytest_lipleak.evaluation.make.videos import Videos
from pytest_lipleak.evaluation.make.worker import Files, Worker
from pytest_lipleak.evaluation.measures.on_demand import Measures
from pytest_lipleak.evaluation.plan.choices import Plan as Plan
from pytest_lipleak.evaluation.plan.takes import Take, Takes
from pytest_lipleak.evaluation.results import sanity
from pytest_lipleak.evaluation.results.aggregate import measure
from pytest_lipleak.evaluation.results.dose import curve_for
from pytest_lipleak.evaluation.results.provenance import provenance_of
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.media.clipsets import ClipSet
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.expert import SyncExpert


class Evaluation:
    """Measures one model on one clip set; nothing is generated before it is needed.

    Args:
        clips: the real clips.
        model: the model under test.
        expert: the sync expert that judges.
        plan: the choices of the protocol.
        store: where artefacts are kept; may be shared with other processes.
        rules: how values become verdicts.
        worker: this process.
        files: what is read beside clips and model, and written beside the store.
    """

    def __init__(
        self,
        clips: ClipSet,
        model: Model,
        expert: SyncExpert,
        plan: Plan,
        store: Store,
        *,
        rules: Rules = Rules(),  # noqa: B008 - frozen
        worker: Worker = Worker(),  # noqa: B008 - frozen
        files: Files = Files(),  # noqa: B008 - frozen
    ) -> None:
        self.clips = clips
        self.model = model
        self.expert = expert
        self.seed = plan.seed
        self.rules = rules
        self.verdicts: list[Verdict] = []
        self.put_off: list[str] | None = None
        """Why assertions of the running test could not be decided, where the plugin skips it at its end; else None."""
        self._plan = plan
        self._stopwatch = Stopwatch()
        self._examined = False
        shown = Shown(worker.progress)
        tools = PictureTools(files.weights, worker.device, plan.protocol, store, files.arcface)
        crops = Crops(
            plan.protocol,
            files.weights,
            plan.face,
            expert,
            retrack=plan.retrack,
            landmarks=lambda clip, boxes: tools.landmarks(clip.digest, lambda: clip.video, boxes),
            store=store,
        )
        faces = ClipFaces(crops, tools, plan)
        videos = Videos(clips, model, store, worker, faces.geometry, faces.of, shown.tell, self._stopwatch)
        self.artefacts = Artefacts(videos, expert, plan, store, crops, worker.device, self._stopwatch)
        about = provenance_of(
            clips,
            model,
            expert,
            plan,
            crop_notes=crops.notes,
            device=worker.device,
            arcface=files.arcface,
            sequential=rules.sequential,
        )
        self.silence_kind, self.strategy = about.silence, about.alternative_reference
        supported = model.declared.references
        corpus = Corpus(
            about,
            not_applicable={
                reference: f"model {model.name!r} declares no {reference} (it supports {', '.join(supported)})"
                for reference in Reference
                if reference not in supported
            },
            costs={self._stopwatch.process: self._stopwatch.seconds},
        )
        corpus.curve, _ = curve_for(about, files.dose)
        self._record = Record(corpus)
        self._takes = Takes(clips, about, plan.partners)
        self._schedule = Schedule(self._record, self._takes, self.artefacts, shown, worker.start_share, files)
        unrelated = UnrelatedSpeech(clips, self.artefacts.speech, plan.seed)
        self._measures = Measures(
            self._record, self._takes, self.artefacts, unrelated, tools, shown, self._stopwatch, files.gallery
        )

    def __repr__(self) -> str:
        # Short: pytest prints it beside every failed test that uses the fixture.
        return f"<lip leakage of {self.model.name} on {self.clips.origin}>"

    @property
    def corpus(self) -> Corpus:
        """What was measured so far."""
        return self._record.corpus

    @property
    def failures(self) -> dict[Key, LipleakError]:
        """Why takes, or picture measures of them, could not be made: nothing of them is in ``corpus``."""
        return dict(self._record.failures)

    def measure(self, metric: Metric | str, confidence: float | None = None) -> Measurement:
        """Return a metric's value, generating and scoring what it still needs.

        Args:
            metric: a metric or its name, for example ``"LSD-CR"`` or ``"LSE-C[XM,AR]"``.
            confidence: coverage of its interval; None: 0.95.

        Raises:
            ConfigurationError: unknown metric.
            NotApplicableError: the model does not have a condition it needs.
            GeneratorError: the model failed on some clips; all others were finished first.
            InputError: a clip cannot be read, or XM has no pairs.
        """
        wanted = metric_called(metric) if isinstance(metric, str) else metric
        for turn in self._schedule.turns():
            with turn:
                self._need_all_of(wanted)
        return measure(self.corpus, wanted, confidence)

    def _need_all_of(self, metric: Metric) -> None:
        if metric.is_probe:
            self._check_probe(metric)
        # What the metric speaks of first: its words name that condition, not one that is measured beside it.
        own = [column.condition for column in metric.columns if column.condition is not None]
        self._check_applicable((*own, *metric.beside))
        if metric.is_probe:
            self._need(metric.conditions, self.corpus.provenance.probed)
            self._measures.probes(metric)
        elif metric.is_picture:
            self._measures.pictures(metric)
        else:
            keys = self._keys(metric.conditions)
            # Not by way of ``_need``: tracebacks are read.
            self._schedule.finish(keys)
            self._record.raise_failures(keys)
            if metric.over_null:
                self._measures.nulls(metric.conditions)
            if metric.over_lags:
                self._measures.scans.scan(metric.conditions[-1])

    def _check_probe(self, metric: Metric) -> None:
        if not metric.of_reference:
            return
        if not self.model.declared.takes_other_references:
            # It would make the same video whatever reference it is offered: no evidence that nothing leaks.
            raise NotApplicableError(
                f"{metric.name}: model {self.model.name!r} cannot be given another reference"
            )

    def _check_applicable(self, conditions: Iterable[Condition]) -> None:
        for condition in conditions:
            if why := self.corpus.not_applicable.get(condition.reference):
                raise NotApplicableError(f"condition [{condition}] is not applicable: {why}")
            if condition.setup is Setup.XM:
                self.pairs()

    def need(self, conditions: Iterable[Condition] = CONDITIONS, clips: Iterable[str] | None = None) -> None:
        """Make and score every take of these conditions, and of the real clips, that is still missing.

        ``clips``: of these clips alone.
        """
        for turn in self._schedule.turns():
            with turn:
                self._need(conditions, clips)

    def _need(self, conditions: Iterable[Condition], clips: Iterable[str] | None = None) -> None:
        wanted = tuple(conditions)
        self._check_applicable(wanted)
        keys = self._keys(wanted, clips)
        self._schedule.finish(keys)
        self._record.raise_failures(keys)

    def _keys(self, conditions: Iterable[Condition], clips: Iterable[str] | None = None) -> list[Key]:
        names = self.corpus.provenance.clip_names if clips is None else clips
        return [(name, each) for name in names for each in (None, *conditions)]

    def judge(self, limit: Limit) -> Verdict:
        """Measure what ``limit`` speaks of and judge it; the verdict is remembered for the reports.

        A run on a part of the clips measures what ``lipleak merge`` will judge, and says so by
        ``NotApplicableError``.

        Raises as ``measure`` does. What could not be measured because something failed is remembered as a
        broken limit: a report must not look as if it had never been asked for.
        """
        limit = self.rules.applied_to(limit)
        if self._plan.shard is not None:
            self._leave_to_merge(limit)
        nothing = Measurement(limit.metric, math.nan, None, {}, (), self.corpus.provenance.expert)
        try:
            # Asked first: a model is not run for hours for an expert that cannot judge its clips.
            objection = None if limit.metric.is_picture else self.expert_objection()
            if objection:
                verdict = Verdict(limit, nothing, objection)
            elif self._goes_clip_by_clip(limit):
                verdict = self._settled(limit)
            else:
                measurement = self.measure(limit.metric, limit.confidence)
                verdict = judge(limit, measurement, allow_unscored=self.rules.allow_unscored)
        except NotApplicableError:
            raise
        except LipleakError as error:
            self.verdicts.append(Verdict(limit, nothing, str(error).partition("\n")[0]))
            raise
        self.verdicts.append(verdict)
        return verdict

    def _goes_clip_by_clip(self, limit: Limit) -> bool:
        """Whether a sequential run can settle a limit before all clips are measured."""
        metric = limit.metric
        whole = metric.is_picture or metric.is_probe or metric.over_lags
        return self.rules.sequential and not whole and limit.confidence is not None

    def _settled(self, limit: Limit) -> Verdict:
        """Measure and judge clip by clip, until the verdict is settled."""
        allow = self.rules.allow_unscored
        # Whatever other limits have measured already: the verdict follows from the order alone, in every process.
        order = self.corpus.provenance.in_order
        verdict = judge(limit, measure(self.corpus, limit.metric, limit.confidence, ()))
        for count in range(1, len(order) + 1):
            self.need(limit.metric.conditions, order[:count])
            if limit.metric.over_null:
                self._measures.nulls(limit.metric.conditions)
            measurement = measure(self.corpus, limit.metric, limit.confidence, order[:count])
            verdict = judge(limit, measurement, allow_unscored=allow)
            # A clip without a score counts for nothing where that is allowed, and the next one comes.
            if not verdict.inconclusive and (measurement.clips or not allow):
                break
        return verdict

    def take_over(self, measured: Corpus, failures: Mapping[Key, LipleakError]) -> None:
        """Go on from what other processes measured of the same model, clips and plan: nothing of it is made here.

        Args:
            measured: their scores, of all clips.
            failures: takes that they could not make, with the error; those are not tried again.
        """
        about = measured.provenance
        measured.curve = self.corpus.curve
        self.corpus.provenance.pairing.update(about.pairing)  # type: ignore[attr-defined]
        measured.provenance = replace(self.corpus.provenance, device=about.device, libraries=about.libraries)
        measured.costs.update(self.corpus.costs)
        measured.asked.clear()
        self._record.corpus = measured
        self._record.failures.update(failures)

    def expert_objection(self) -> str | None:
        """Return why the sync expert cannot judge these clips, or None when it can; asked before any verdict.

        Real clips must score better with their own audio than with others' of equal length.
        """
        if not self._examined:
            self._examine()
            self.corpus.objection = sanity.objection_to(self.corpus)
            self._examined = True
        return self.corpus.objection

    def _examine(self) -> None:
        """Score every real clip against unrelated audio; one that the expert does not hear counts as unscored."""
        self.need(())
        self._measures.sanity()
        sanity.mark_unheard(self.corpus)

    def _leave_to_merge(self, limit: Limit) -> NoReturn:
        part, parts = self._plan.shard or (1, 1)
        if limit.metric.over_sets:
            raise ConfigurationError(
                f"{limit}: {limit.metric.family.measure} compares whole sets of frames and cannot be put together from "
                "parts; leave it out, or run without --lipleak-shard"
            )
        self.corpus.asked[limit.exact] = self.rules.allow_unscored
        if not limit.metric.is_picture:
            self._examine()
        self.measure(limit.metric)
        raise NotApplicableError(f"part {part}/{parts} is measured; `lipleak merge` judges {limit} over all")

    def pairs(self) -> dict[str, str]:
        """Return the partner of every clip under XM.

        Raises:
            InputError: a clip has no possible partner.
        """
        return self._takes.pairs()

    def driving_audio(self, clip: Clip, setup: Setup) -> Audio:
        """Return the audio that drives ``clip`` under ``setup``: int16, shape (640 T,)."""
        return self._takes.driving_audio(clip, setup)

    def frames(self, clip: str, condition: Condition) -> Frames:
        """Return what the model generated for a clip under a condition, uint8 RGB (T, H, W, 3)."""
        take = self.take(clip, condition)
        return held(self._schedule.video(take))

    def take(self, clip: str, condition: Condition | None) -> Take:
        """Return what the model is given for a clip under a condition, or the real clip for None.

        ``artefacts`` generates, embeds and scores it: ``artefacts.score(take, audio)``.
        """
        return self._takes.of(clip, condition)

    def probe_take(self, clip: str, *, audio: Audio, reference: Sequence[int] | Frames, name: str) -> Take:
        """Return a take outside the protocol: any driving audio, any identity reference.

        It is generated, stored and scored like any other (``artefacts``), and keyed by the content of what the
        model is given, so that equal probes of different names are one.

        Args:
            clip: whose frames the model is given.
            audio: drives the model, int16 mono 16 kHz; cut or repeated to the clip's length.
            reference: indices of the clip's frames, or frames of its size, uint8 RGB: (T, H, W, 3) as under CR,
                (R, H, W, 3) as under AR.
            name: of the probe, for errors and lists.

        Raises:
            ConfigurationError: audio or reference have another dtype or shape.
        """
        return self._takes.probe(clip, audio, reference, name)
