"""Plan, generate, score: everything measured about one model on one clip set, on demand."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Clip, Frames, check_audio, check_frames
from pytest_lipleak.core.conditions import CONDITIONS, Condition, Reference, Setup
from pytest_lipleak.core.corpus import Corpus, Key
from pytest_lipleak.core.errors import (
    ConfigurationError,
    GeneratorError,
    LipleakError,
    NotApplicableError,
    StoreError,
    UnscorableError,
)
from pytest_lipleak.core.metrics import SET_MEASURES, Metric
from pytest_lipleak.core.metrics import metric as metric_called
from pytest_lipleak.core.scores import NullScores, TakeScore, Unscored
from pytest_lipleak.core.verdicts import Limit, Measurement, Rules, Verdict, judge
from pytest_lipleak.evaluation import sanity
from pytest_lipleak.evaluation.aggregate import measure
from pytest_lipleak.evaluation.artefacts import Artefacts, Take
from pytest_lipleak.evaluation.costs import Stopwatch
from pytest_lipleak.evaluation.crops import Crops
from pytest_lipleak.evaluation.dose import curve_for
from pytest_lipleak.evaluation.gallery import Gallery, file_stem
from pytest_lipleak.evaluation.nulls import UnrelatedSpeech
from pytest_lipleak.evaluation.pairing import mismatched_pairs
from pytest_lipleak.evaluation.pictures import (
    Pictures,
    PictureTools,
    kept_measure,
    set_measure,
)
from pytest_lipleak.evaluation.plan import Plan as Plan
from pytest_lipleak.evaluation.probes import probed
from pytest_lipleak.evaluation.progress import Progress, Shown
from pytest_lipleak.evaluation.provenance import provenance_of
from pytest_lipleak.evaluation.references import reference_indices
from pytest_lipleak.evaluation.store import Store
from pytest_lipleak.evaluation.way_out import way_out
from pytest_lipleak.generators.limits import LastWords, to_stderr
from pytest_lipleak.generators.protocol import supported_references
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.generators.shared import BusyError, SharedGenerator, ready
from pytest_lipleak.media.audio import fit, silence
from pytest_lipleak.media.clipsets import ClipSet
from pytest_lipleak.sync.expert import SyncExpert
from pytest_lipleak.sync.protocols import Protocol


class Evaluation:
    """Measures one model on one clip set; nothing is generated before it is needed.

    Args:
        clips: the real clips.
        model: the model under test.
        expert: the sync expert that judges.
        plan: the choices of the protocol.
        store: where artefacts are kept; may be shared with other processes.
        run: identifies this run; models without a fingerprint are reused only within it.
        device: as reported.
        weights: folder of model files, for face tracking.
        arcface: an ArcFace ONNX file to use for CSIM instead of the default one.
        keep: folder for videos that people can play, generated and real, or None.
        gallery: where the pictures of a report are written, or None.
        rules: how values become verdicts.
        progress: told about every take.
        lead: where in the work to begin, in 0..1, so that parallel workers spread out.
        timeout: seconds that the model may take for one take, or None.
        last_words: told why the process ends when the model hangs and cannot be interrupted.
        expert_reason: why this expert judges, for the reports.
        dose: a dose curve of these clips (``lipleak calibrate``); None takes the shipped one where it fits.
    """

    def __init__(
        self,
        clips: ClipSet,
        model: Model,
        expert: SyncExpert,
        plan: Plan,
        store: Store,
        *,
        run: str = "",
        device: str = "cpu",
        weights: Path | None = None,
        arcface: Path | None = None,
        keep: Path | None = None,
        gallery: Gallery | None = None,
        rules: Rules = Rules(),  # noqa: B008 - frozen
        progress: Progress = lambda done, wanted, what: None,
        lead: float = 0.0,
        timeout: float | None = None,
        last_words: LastWords = to_stderr,
        expert_reason: str = "as asked",
        dose: Path | None = None,
    ) -> None:
        self.clips = clips
        self.model = model
        self.expert = expert
        self.seed = plan.seed
        self._plan = plan
        self._partners = dict(plan.partners) if plan.partners is not None else None
        self._keep = keep
        self._gallery = gallery
        self.rules = rules
        self.verdicts: list[Verdict] = []
        self.put_off: list[str] | None = None
        """Why assertions of the running test could not be decided, where the plugin skips it at its end; else None."""
        self._progress = Shown(progress)
        self._lead = lead
        self._stopwatch = Stopwatch()
        self._tools = PictureTools(weights, device, plan.protocol, store, arcface)
        self._crops = Crops(
            plan.protocol,
            weights,
            plan.face,
            expert,
            retrack=plan.retrack,
            landmarks=lambda clip, boxes: self._tools.landmarks(clip.digest, lambda: clip.video, boxes),
            store=store,
        )
        self.artefacts = Artefacts(
            clips,
            model,
            expert,
            plan,
            store,
            self._crops,
            self._tools,
            run=run,
            device=device,
            timeout=timeout,
            last_words=last_words,
            tell=self._progress.tell,
            stopwatch=self._stopwatch,
        )
        self._unrelated = UnrelatedSpeech(clips, self.artefacts.speech, plan.seed)
        self._failures: dict[Key, LipleakError] = {}
        self._examined = False
        about = provenance_of(
            clips,
            model,
            expert,
            plan,
            crop_notes=self._crops.notes,
            device=device,
            arcface=arcface,
            expert_reason=expert_reason,
            sequential=rules.sequential,
        )
        self.silence_kind, self.strategy = about.silence, about.alternative_reference
        supported = supported_references(model.generator)
        self.corpus = Corpus(
            about,
            not_applicable={
                reference: f"model {model.name!r} declares no {reference} (it supports {', '.join(supported)})"
                for reference in Reference
                if reference not in supported
            },
            costs={self._stopwatch.process: self._stopwatch.seconds},
        )
        self.corpus.curve, _ = curve_for(self.corpus.provenance, dose)

    def __repr__(self) -> str:
        # Short: pytest prints it beside every failed test that uses the fixture.
        return f"<lip leakage of {self.model.name} on {self.clips.origin}>"

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
        self.artefacts.patiently(lambda: self._need_all_of(wanted))
        return measure(self.corpus, wanted, confidence)

    def _need_all_of(self, metric: Metric) -> None:
        if metric.is_probe:
            self._need_probes(metric)
        elif metric.is_picture:
            with self._stopwatch("other"):
                self._need_pictures(metric)
        else:
            self.need(metric.conditions)
            if metric.over_null:
                self._need_nulls(metric.conditions)

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
            verdict = Verdict(limit, nothing, objection) if objection else self._settled(limit)
        except NotApplicableError:
            raise
        except LipleakError as error:
            self.verdicts.append(Verdict(limit, nothing, str(error).partition("\n")[0]))
            raise
        self.verdicts.append(verdict)
        return verdict

    def _settled(self, limit: Limit) -> Verdict:
        """Measure and judge; in a sequential run clip by clip, until the verdict is settled."""
        allow = self.rules.allow_unscored
        whole = limit.metric.is_picture or limit.metric.is_probe
        if not self.rules.sequential or whole or limit.confidence is None:
            return judge(limit, self.measure(limit.metric, limit.confidence), allow_unscored=allow)
        # Whatever other limits have measured already: the verdict follows from the order alone, in every process.
        order = self.corpus.provenance.in_order
        verdict = judge(limit, measure(self.corpus, limit.metric, limit.confidence, ()))
        for count in range(1, len(order) + 1):
            self.need(limit.metric.conditions, order[:count])
            if limit.metric.over_null:
                self._need_nulls(limit.metric.conditions)
            measurement = measure(self.corpus, limit.metric, limit.confidence, order[:count])
            verdict = judge(limit, measurement, allow_unscored=allow)
            # A clip without a score counts for nothing where that is allowed, and the next one comes.
            if not verdict.inconclusive and (measurement.clips or not allow):
                break
        return verdict

    @property
    def failures(self) -> dict[Key, str]:
        """Why takes, or picture measures of them, could not be made: nothing of them is in ``corpus``."""
        return {key: str(error) for key, error in self._failures.items()}

    def take_over(self, measured: Corpus, failures: Mapping[Key, str]) -> None:
        """Go on from what other processes measured of the same model, clips and plan: nothing of it is made here.

        Args:
            measured: their scores, of all clips.
            failures: takes that they could not make, with the reason; those are not tried again.
        """
        about = measured.provenance
        measured.curve = self.corpus.curve
        self.corpus.provenance.pairing.update(about.pairing)  # type: ignore[attr-defined]
        measured.provenance = replace(self.corpus.provenance, device=about.device, libraries=about.libraries)
        measured.costs.update(self.corpus.costs)
        measured.asked.clear()
        self.corpus = measured
        self._failures.update({key: GeneratorError(words) for key, words in failures.items()})

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
        with self._stopwatch("scoring"):
            for (clip, condition), take in tuple(self.corpus.takes.items()):
                if condition is None and clip not in self.corpus.unrelated:
                    self.corpus.unrelated[clip] = self._unrelated_scores(take)
        sanity.mark_unheard(self.corpus)

    def _leave_to_merge(self, limit: Limit) -> NoReturn:
        part, parts = self._plan.shard or (1, 1)
        if whole := {column.measure for column in limit.metric.columns} & SET_MEASURES:
            raise ConfigurationError(
                f"{limit}: {', '.join(whole)} compares whole sets of frames and cannot be put together from "
                "parts; leave it out, or run without --lipleak-shard"
            )
        self.corpus.asked[limit.exact] = self.rules.allow_unscored
        if not limit.metric.is_picture:
            self._examine()
        self.measure(limit.metric)
        raise NotApplicableError(f"part {part}/{parts} is measured; `lipleak merge` judges {limit} over all")

    def _unrelated_scores(self, take: TakeScore) -> tuple[float, ...]:
        """LSE-C of a real clip against unrelated audios, each by its best shift."""
        if found := self._against_unrelated(take).free:
            return found
        # A clip alone is compared with its own speech half a clip later.
        clip = self.clips[take.clip]
        return (self.artefacts.score(Take(clip), np.roll(clip.audio, len(clip.audio) // 2)).lse_c,)

    def need(self, conditions: Iterable[Condition] = CONDITIONS, clips: Iterable[str] | None = None) -> None:
        """Make and score every take of these conditions, and of the real clips, that is still missing.

        ``clips``: of these clips alone.
        """
        wanted = tuple(conditions)
        self._check_applicable(wanted)
        names = self.corpus.provenance.clip_names if clips is None else clips
        keys: list[Key] = [(name, c) for name in names for c in (None, *wanted)]
        with self._stopwatch("other"):
            self.artefacts.patiently(lambda: self._finish(self._open(keys)))
        self._raise_failures(keys)

    def _open(self, keys: Iterable[Key]) -> list[Key]:
        """Those takes that are neither scored nor given up."""
        lost = self.corpus.unscored
        done = self.corpus.takes.keys() | lost.keys() | self._failures.keys()
        return [key for key in keys if key not in done and (key[0], None) not in lost]

    def _need_nulls(self, conditions: Iterable[Condition]) -> None:
        """Score every take of these conditions against unrelated audio."""
        wanted = set(conditions)
        with self._stopwatch("scoring"):
            for (name, condition), take in tuple(self.corpus.takes.items()):
                if condition in wanted and (name, condition) not in self.corpus.nulls:
                    self.corpus.nulls[name, condition] = self._null_scores(take)

    def _null_scores(self, take: TakeScore) -> NullScores:
        null = self._against_unrelated(take)
        if not null.free:
            raise UnscorableError(
                f"{take.clip}: the clip set holds no speech but its own (and its XM partner's), so there is nothing "
                "unrelated to compare with; add clips with other speech"
            )
        return null

    def _against_unrelated(self, take: TakeScore) -> NullScores:
        # Under XM the partner's speech is not unrelated: it drove the lips.
        partner = () if take.partner is None else (take.partner,)
        source = self.take(take.clip, take.condition)
        return self.artefacts.null_scores(source, self._unrelated, take.own_offset, partner)

    def _need_pictures(self, metric: Metric) -> None:
        """Take the picture measures that ``metric`` still lacks."""
        self._check_applicable(metric.conditions)
        for column in metric.columns:
            assert column.condition is not None
            if column.measure in SET_MEASURES:
                self._measure_set(column.measure, column.condition)
                continue
            keys: list[Key] = [(name, column.condition) for name in self.corpus.provenance.clip_names]
            for done, key in enumerate(keys):
                self._progress(done, len(keys), f"{column.measure} {_label(key)}")
                self._measure_pictures(column.measure, key)
            self._progress(len(keys), len(keys), "")
            self._raise_failures(keys)

    def _need_probes(self, metric: Metric) -> None:
        """Generate anew with another reference what ``metric`` asks for and still lacks."""
        (condition,) = metric.conditions
        measure = metric.columns[0].measure
        generator = self.model.generator
        if getattr(generator, "reference_from_video", False) or getattr(generator, "supports", None) == ():
            # It would make the same video whatever reference it is offered: no evidence that nothing leaks.
            raise NotApplicableError(
                f"{metric.name}: model {self.model.name!r} cannot be given another reference"
            )
        if measure == "REF_swap" and self._plan.protocol is Protocol.TRACKED:
            raise NotApplicableError(
                f"{metric.name}: where the mouth lies is known for face-centred clips only"
            )
        self._check_applicable((condition,))
        self.need(())
        keys: list[Key] = [(name, condition) for name in self.corpus.provenance.clip_names]
        for done, key in enumerate(keys):
            self._progress(done, len(keys), f"{measure} {_label(key)}")
            self._probe(measure, key)
        self._progress(len(keys), len(keys), "")
        self._raise_failures(keys)

    def _probe(self, measure: str, key: Key) -> None:
        clip, condition = key
        known = self.corpus.pictures.setdefault(key, {})
        if measure in known or (key, measure) in self.corpus.unpictured or key in self._failures:
            return
        if refused := self.corpus.unscored.get((clip, None)):
            self.corpus.unpictured[key, measure] = replace(refused, condition=condition, measure=measure)
            return
        assert condition is not None
        try:
            known |= probed(self, measure, clip, condition)
        except UnscorableError as error:
            self.corpus.unpictured[key, measure] = Unscored(clip, condition, str(error), measure)
        except LipleakError as error:
            self._failures[key] = error

    def _measure_pictures(self, measure: str, key: Key) -> None:
        name, condition = key
        known = self.corpus.pictures.setdefault(key, {})
        if measure in known or (key, measure) in self.corpus.unpictured or key in self._failures:
            return
        try:
            output, real = self._pictures(key)
            with self._stopwatch("pictures"):
                known |= kept_measure(measure, output, real)
            if self._gallery is not None and measure.startswith("MAR") and condition is not None:
                self._gallery.add_opening(
                    self.model.name, name, condition, measure, known[measure], output.opening, real.opening
                )
        except UnscorableError as error:
            self.corpus.unpictured[key, measure] = Unscored(*key, str(error), measure)
        except LipleakError as error:
            self._failures[key] = error

    def _measure_set(self, measure: str, condition: Condition) -> None:
        if (measure, condition) not in self.corpus.sets:
            names = self.corpus.provenance.clip_names
            with self._stopwatch("pictures"):
                found = set_measure(measure, names, lambda name: self._pictures((name, condition)))
            self.corpus.sets[measure, condition] = found

    def _pictures(self, key: Key) -> tuple[Pictures, Pictures]:
        """The generated and the real video of a take; frames are read when a measure looks at them."""
        name, condition = key
        assert condition is not None
        digest, source = self.clips[name].digest, self.artefacts.source(self.take(name, condition))

        def boxes() -> NDArray[np.float64] | None:
            return self.artefacts.cropper(self.clips[name]).boxes

        # By name, not by clip: decoded clips are large, and the clip set keeps only a few.
        output = Pictures(
            self._tools, source, lambda: self.artefacts.video(self.take(name, condition)), boxes
        )
        return output, Pictures(self._tools, digest, lambda: self.clips[name].video, boxes)

    def _check_applicable(self, conditions: Iterable[Condition]) -> None:
        for condition in conditions:
            if why := self.corpus.not_applicable.get(condition.reference):
                raise NotApplicableError(f"condition [{condition}] is not applicable: {why}")
            if condition.setup is Setup.XM:
                self.pairs()

    def _raise_failures(self, keys: Iterable[Key]) -> None:
        failed = {key: self._failures[key] for key in keys if key in self._failures}
        if failed:
            first, *others = failed.values()
            more = f"\n{len(others)} more takes failed, the first with: {others[0]}" if others else ""
            advice = way_out(first, tuple(failed), self.corpus.takes.keys(), self.silence_kind)
            again = type(first).__new__(type(first))  # some build their words from other arguments
            again.args = (f"{first}{more}{advice}",)
            raise again from first

    def pairs(self) -> dict[str, str]:
        """Return the partner of every clip under XM."""
        if self._partners is None:
            self._partners = mismatched_pairs(self.clips, self.seed, self.corpus.provenance.pairing_rule)
        pairing = self.corpus.provenance.pairing
        if not pairing and isinstance(pairing, dict):
            pairing.update(self._partners)
        return self._partners

    def driving_audio(self, clip: Clip, setup: Setup) -> Audio:
        """Return the audio that drives ``clip`` under ``setup``: int16, shape (640 T,)."""
        samples = len(clip.audio)
        if setup is Setup.AM:
            return clip.audio
        if setup is Setup.SI:
            return silence(samples, self.silence_kind, self.seed)
        return fit(self.clips.speech(self.pairs()[clip.name]), samples)

    def frames(self, clip: str, condition: Condition) -> Frames:
        """Return what the model generated for a clip under a condition, uint8 RGB (T, H, W, 3)."""
        return self.artefacts.frames(self.take(clip, condition))

    def take(self, clip: str, condition: Condition | None) -> Take:
        """Return what the model is given for a clip under a condition, or the real clip for None.

        ``artefacts`` generates, embeds and scores it: ``artefacts.score(take, audio)``.
        """
        return self._take_of(self.clips[clip], condition)

    def _take_of(self, clip: Clip, condition: Condition | None) -> Take:
        if condition is None:
            return Take(clip)
        reference = reference_indices(clip, condition.reference, self.strategy, self.seed)
        return Take(clip, str(condition), self.driving_audio(clip, condition.setup), reference)

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
        real = self.clips[clip]
        try:
            check_audio(audio, f"probe {name!r}")
            if isinstance(reference, np.ndarray):
                check_frames(reference, f"probe {name!r}")
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
        return Take(real, name, fit(audio, len(real.audio)), reference)

    def _finish(self, missing: list[Key]) -> None:
        start = int(self._lead * len(missing))
        ahead = missing[start:] + missing[:start]
        total = len(ahead)
        if isinstance(self.model.generator, SharedGenerator):
            ahead = self._generated_first(ahead)
        # First what nobody is making, then what others hold: no worker waits while there is work.
        for wait in (False, True):
            behind = []
            for key in ahead:
                self._progress(total - len(ahead) + ahead.index(key), total, _label(key))
                if not self._attempt(key, partial(self._score, key, wait=wait)):
                    behind.append(key)
            ahead = behind
        if ahead:
            # They must be generated, and others hold the model.
            raise BusyError
        if total:
            self._progress(total, total, "")

    def _generated_first(self, keys: list[Key]) -> list[Key]:
        """Generate while this process may hold the model, as others can score meanwhile; return what is left."""
        for done, key in enumerate(keys):
            self._progress(done, len(keys), _label(key))
            if not self._attempt(key, partial(self._generate, *key)):
                break
        return self._open(keys)

    def _generate(self, name: str, condition: Condition | None) -> None:
        if condition is None or not self.artefacts.lacks(self.take(name, condition)):
            return
        if not ready(self.model.generator):
            raise BusyError
        # Where the real clip cannot be judged, nothing is generated for it.
        self._real_take(self.clips[name])
        self.artefacts.video(self.take(name, condition))

    def _score(self, key: Key, *, wait: bool) -> None:
        name, condition = key
        self.corpus.takes[key] = self._scored(self.clips[name], condition, wait=wait)

    def _attempt(self, key: Key, act: Callable[[], None]) -> bool:
        """Do something for a take, and note why it cannot be done; False where others are at it."""
        name, condition = key
        try:
            act()
        except BusyError:
            return False
        except UnscorableError as error:
            self.corpus.unscored[key] = Unscored(name, condition, str(error))
        except LipleakError as error:
            self._failures[key] = error
        return True

    def _scored(self, clip: Clip, condition: Condition | None, *, wait: bool) -> TakeScore:
        # The real clip comes first: where it cannot be judged, nothing is generated for it.
        real = self._real_take(clip)
        if condition is None:
            return real
        take = self._take_of(clip, condition)
        own = self.artefacts.score(take, clip.audio, wait=wait)
        driving = own if condition.setup is Setup.AM else None
        partner = None
        if condition.setup is Setup.XM:
            assert take.audio is not None
            partner = self.pairs()[clip.name]
            driving = self.artefacts.score(take, take.audio)
        kept = self._kept(take, condition)
        scored = TakeScore(clip.name, condition, own, driving, real.own_offset, partner, video=kept)
        if self._gallery is not None:
            speech = take.audio if partner else None
            video = partial(self.artefacts.video, take)
            self._gallery.add(self.model.name, scored, clip, video, speech, self.artefacts.cropper(clip))
        return scored

    def _real_take(self, clip: Clip) -> TakeScore:
        if known := self.corpus.takes.get((clip.name, None)):
            return known
        cropper = self.artefacts.cropper(clip)
        review = self.artefacts.review(clip)
        if not review.suitable:
            raise UnscorableError("; ".join(review.refusals))
        take = Take(clip)
        own = self.artefacts.score(take, clip.audio)
        notes = clip.notes + cropper.notes + review.warnings
        scored = TakeScore(clip.name, None, own, own, own.offset, notes=notes, video=self._kept(take, None))
        if self._gallery is not None:
            self._gallery.add_real(self.model.name, scored, clip)
        return scored

    def _kept(self, take: Take, condition: Condition | None) -> str | None:
        if self._keep is None:
            return None
        path = self._keep / f"{file_stem(self.model.name, take.clip.name, condition)}.mp4"
        try:
            self.artefacts.write_to_look_at(take, path)
        except StoreError as error:
            # Said in the end; the score, which may have cost hours, is not lost over it.
            self._failures[take.clip.name, condition] = error
            return None
        return str(path)


def _label(key: Key) -> str:
    name, condition = key
    return f"{name} [{condition}]" if condition else f"{name} (real clip)"
