"""Plan, generate, score: everything measured about one model on one clip set, on demand."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from pytest_lipleak.core.clips import Audio, Clip, Frames, held
from pytest_lipleak.core.conditions import CONDITIONS, Condition, Setup
from pytest_lipleak.core.corpus import Corpus, Key
from pytest_lipleak.core.errors import LipleakError
from pytest_lipleak.core.metrics.formulas import Metric
from pytest_lipleak.evaluation.assembly import assemble
from pytest_lipleak.evaluation.judging import Judge
from pytest_lipleak.evaluation.make.this_process import Files, ThisProcess
from pytest_lipleak.evaluation.measuring import Measuring
from pytest_lipleak.evaluation.on_demand import Features
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.media.clipsets import ClipSet
from pytest_lipleak.plan.trials import Trial
from pytest_lipleak.plan.user_choices import Plan as Plan
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.expert import SyncExpert
from pytest_lipleak.verdicts.limits import Limit, Measurement, Rules, Verdict


class Evaluation:
    """Measures one model on one clip set; nothing is generated before it is needed.

    Args:
        clips: the real clips.
        model: the model under test.
        expert: the sync expert that judges.
        plan: what the user chose of how clips are tried.
        store: where artefacts are kept; may be shared with other processes.
        rules: how values become verdicts.
        process: this one, within its run.
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
        process: ThisProcess = ThisProcess(),  # noqa: B008 - frozen
        files: Files = Files(),  # noqa: B008 - frozen
    ) -> None:
        self.clips = clips
        self.model = model
        self.expert = expert
        self.seed = plan.seed
        self.rules = rules
        self.deferred_skips: list[str] | None = None
        """Why assertions of the running test could not be decided, where the plugin skips it at its end; else None."""
        parts = assemble(clips, model, expert, plan, store, rules=rules, process=process, files=files)
        self.artefacts = parts.artefacts
        self._record, self._trials, self._scheduler = parts.record, parts.trials, parts.scheduler
        self._measuring = Measuring(parts, model, in_passing=not rules.sequential)
        self._judge = Judge(self._measuring, rules, plan.shard)
        about = self.corpus.provenance
        self.silence_kind, self.strategy = about.silence, about.alternative_reference

    def __repr__(self) -> str:
        # Short: pytest prints it beside every failed test that uses the fixture.
        return f"<lip leakage of {self.model.name} on {self.clips.origin}>"

    @property
    def corpus(self) -> Corpus:
        """What was measured so far."""
        return self._record.corpus

    @property
    def failures(self) -> dict[Key, LipleakError]:
        """Why trials, or picture measures of them, could not be made: nothing of them is in ``corpus``."""
        return dict(self._record.failures)

    @property
    def verdicts(self) -> list[Verdict]:
        """What was judged so far."""
        return self._judge.verdicts

    def foresee(self, metrics: Iterable[Metric]) -> None:
        """Take note of what will be asked for: finished videos are then gone through clip by clip.

        Values do not depend on it, and nothing is measured before something is asked for. Without it every metric goes
        through all clips, and where they are thousands, pictures that were let go are decoded again for the next.
        """
        self._measuring.foresee(metrics)

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
        return self._measuring.measure(metric, confidence)

    def need(self, conditions: Iterable[Condition] = CONDITIONS, clips: Iterable[str] | None = None) -> None:
        """Make and score every trial of these conditions, and of the real clips, that is still missing.

        ``clips``: of these clips alone.
        """
        self._measuring.need(conditions, clips)

    def judge(self, limit: Limit) -> Verdict:
        """Measure what ``limit`` speaks of and judge it; the verdict is remembered for the reports.

        A run on a part of the clips measures what ``lipleak merge`` will judge, and says so by
        ``NotApplicableError``.

        Raises as ``measure`` does. What could not be measured because something failed is remembered as a
        broken limit: a report must not look as if it had never been asked for.
        """
        return self._judge.judge(limit)

    def stood_for(self, limit: Limit) -> str | None:
        """Return why a default gate is not asked of this model, though the model has what it needs; None: it is."""
        return self._judge.stood_for(limit)

    def expert_unfit(self) -> str | None:
        """Return why the sync expert cannot judge these clips, or None when it can; asked before any verdict.

        Real clips must score better with their own audio than with others' of equal length.
        """
        return self._judge.expert_unfit()

    def take_over(self, measured: Corpus, failures: Mapping[Key, LipleakError]) -> None:
        """Go on from what other processes measured of the same model, clips and plan: nothing of it is made here.

        Args:
            measured: their scores, of all clips.
            failures: trials that they could not make, with the error; those are not tried again.
        """
        about = measured.provenance
        measured.curve = self.corpus.curve
        self.corpus.provenance.note_partners(about.partners)
        measured.provenance = replace(self.corpus.provenance, device=about.device, libraries=about.libraries)
        measured.costs.update(self.corpus.costs)
        measured.asked.clear()
        self._record.corpus = measured
        self._record.failures.update(failures)

    def frame_features(self, condition: Condition) -> dict[str, Features]:
        """Return what FID and KID need of every clip under a condition: features of generated and of real frames."""
        return self._measuring.frame_features(condition)

    def take_over_features(self, condition: Condition, features: Mapping[str, Features]) -> None:
        """Keep what ``frame_features`` gave another process: no video is made for it here."""
        self._measuring.take_over_features(condition, features)

    def pairs(self) -> dict[str, str]:
        """Return the partner of every clip under XM.

        Raises:
            InputError: a clip has no possible partner.
        """
        return self._trials.pairs()

    def driving_audio(self, clip: Clip, setup: Setup) -> Audio:
        """Return the audio that drives ``clip`` under ``setup``: int16, shape (640 T,)."""
        return self._trials.driving_audio(clip, setup)

    def frames(self, clip: str, condition: Condition) -> Frames:
        """Return what the model generated for a clip under a condition, uint8 RGB (T, H, W, 3)."""
        trial = self.trial(clip, condition)
        return held(self._scheduler.video(trial))

    def trial(self, clip: str, condition: Condition | None) -> Trial:
        """Return what the model is given for a clip under a condition, or the real clip for None.

        ``artefacts`` generates, embeds and scores it: ``artefacts.score(trial, audio)``.
        """
        return self._trials.of(clip, condition)

    def trials_of(self, clip: str, cell: Condition) -> list[Trial]:
        """Return ``trial`` in one of the six conditions: under XM one for each partner of the clip."""
        return [self._trials.of(clip, condition) for condition in self._trials.conditions(clip, cell)]

    def probe_trials(self, metric: Metric) -> Iterator[Trial]:
        """Yield what the model would be given for a probe, for every clip that is probed; nothing is generated."""
        return self._measuring.probe_trials(metric)

    def probe_trial(self, clip: str, *, audio: Audio, reference: Sequence[int] | Frames, name: str) -> Trial:
        """Return a trial beside the six conditions: any driving audio, any identity reference.

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
        return self._trials.probe(clip, audio, reference, name)
