"""Plan, generate, score: everything measured about one model on one clip set, on demand."""

import math
import os
import random
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak import __version__
from pytest_lipleak.core.clips import Audio, Clip, Frames, digest_of
from pytest_lipleak.core.conditions import CONDITIONS, Condition, Reference, Setup
from pytest_lipleak.core.corpus import Corpus, Key, Provenance
from pytest_lipleak.core.errors import ConfigurationError, LipleakError, NotApplicableError, UnscorableError
from pytest_lipleak.core.metrics import SET_MEASURES, Metric
from pytest_lipleak.core.metrics import metric as metric_called
from pytest_lipleak.core.scores import TakeScore, Unscored
from pytest_lipleak.core.verdicts import Limit, Measurement, Verdict, judge
from pytest_lipleak.evaluation import sanity
from pytest_lipleak.evaluation.aggregate import measure
from pytest_lipleak.evaluation.crops import Crops
from pytest_lipleak.evaluation.gallery import Gallery, file_stem
from pytest_lipleak.evaluation.pairing import ANY, GIVEN, mismatched_pairs
from pytest_lipleak.evaluation.parts import part_of, shard_data
from pytest_lipleak.evaluation.pictures import (
    Pictures,
    PictureTools,
    open_share_sensitivity,
    set_measure,
    take_measure,
)
from pytest_lipleak.evaluation.progress import Progress, Shown
from pytest_lipleak.evaluation.references import reference_indices
from pytest_lipleak.evaluation.store import Store, key_of, versions_of
from pytest_lipleak.generators.facecrops import ClipFace
from pytest_lipleak.generators.limits import LastWords, to_stderr
from pytest_lipleak.generators.protocol import run_generator, supported_references
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.media.audio import fit, silence
from pytest_lipleak.media.clipsets import ClipSet
from pytest_lipleak.media.video import read_frames, write_playable, write_video
from pytest_lipleak.model_files import file_sha256
from pytest_lipleak.sync.expert import Embeddings, SyncExpert, window_count
from pytest_lipleak.sync.protocols import Protocol, protocol_notes
from pytest_lipleak.sync.score import score

KEPT_SPEECH = 64_000_000
"""Bytes of embedded speech kept in memory, the latest first."""

STORE_FORMAT = 2
"""Part of every key; raise it when what is stored changes its meaning."""

GENERATION_LIBRARIES = ("numpy", "onnxruntime", "opencv-python", "torch")
EMBEDDING_LIBRARIES = ("av", *GENERATION_LIBRARIES)
"""Part of the keys: other versions of these make other pixels and embeddings."""


@dataclass(frozen=True)
class Plan:
    """The choices of the protocol that are the user's.

    Args:
        protocol: how frames become face crops.
        seed: of the XM pairing and of random references.
        silence: ``zeros`` or ``noise``; None takes the model's own, else zeros.
        alternative_reference: AR strategy; None takes the model's own, else ``first``.
        pairing: ``any`` or ``same-speaker``; None takes the model's own, else ``any``.
        partners: pairs given by the user, partner by clip; None draws them.
        face: whose face under ``tracked`` where several are seen, ``largest`` or ``speaking``.
        retrack: track the face anew in every generated video instead of reusing the real clip's boxes.
        shard: measure part i of n of the clips, (i, n) with i from 1; XM partners are drawn over all clips.
    """

    protocol: Protocol
    seed: int = 0
    silence: str | None = None
    alternative_reference: str | None = None
    pairing: str | None = None
    partners: Mapping[str, str] | None = None
    face: str = "largest"
    retrack: bool = False
    shard: tuple[int, int] | None = None


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
        allow_unscored: judge the rest when some clips cannot be scored.
        progress: told about every take.
        lead: where in the work to begin, in 0..1, so that parallel workers spread out.
        timeout: seconds that the model may take for one take, or None.
        last_words: told why the process ends when the model hangs and cannot be interrupted.
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
        allow_unscored: bool = False,
        progress: Progress = lambda done, wanted, what: None,
        lead: float = 0.0,
        timeout: float | None = None,
        last_words: LastWords = to_stderr,
    ) -> None:
        self.clips = clips
        self.model = model
        self.expert = expert
        self.seed = plan.seed
        self.silence_kind = plan.silence or getattr(model.generator, "silence", None) or "zeros"
        self.strategy = (
            plan.alternative_reference or getattr(model.generator, "alternative_reference", None) or "first"
        )
        self._plan = plan
        self._partners = dict(plan.partners) if plan.partners is not None else None
        self._store = store
        self._run = run
        self._keep = keep
        self._gallery = gallery
        self._allow_unscored = allow_unscored
        self.verdicts: list[Verdict] = []
        self._progress = Shown(progress)
        self._lead = lead
        self._timeout = timeout
        self._last_words = last_words
        self._tools = PictureTools(weights, device, plan.protocol, store, arcface)
        self._crops = Crops(
            plan.protocol,
            weights,
            plan.face,
            expert,
            retrack=plan.retrack,
            landmarks=lambda clip, boxes: self._tools.landmarks(clip.digest, lambda: clip.frames, boxes),
        )
        self._speech: OrderedDict[str, Embeddings] = OrderedDict()
        self._failures: dict[Key, LipleakError] = {}
        self._introduced = False
        self._examined = False
        # Clips that a pair list does not name are partners only, and are not measured.
        every = tuple(name for name in clips if self._partners is None or name in self._partners)
        names = every if plan.shard is None else part_of(every, *plan.shard)
        supported = supported_references(model.generator)
        self.corpus = Corpus(
            Provenance(
                model=model.name,
                clips=clips.origin,
                clip_names=names,
                expert=expert.identity.label,
                protocol=str(plan.protocol),
                alternative_reference=self.strategy,
                silence=self.silence_kind,
                pairing={},
                seed=plan.seed,
                device=device,
                version=__version__,
                notes=(
                    *protocol_notes(plan.protocol),
                    *_choices_to_know(plan, arcface),
                    *self._crops.notes,
                    *_silence_to_know(plan, self.silence_kind),
                ),
                shard={} if plan.shard is None else shard_data(plan.shard, every, clips, model),
                weights_sha256=expert.identity.weights_sha256,
                verified_weights=expert.identity.verified,
                clips_sha256=clips.digest,
                pairing_rule=self._pairing_rule,
                face=_face(plan),
            ),
            not_applicable={
                reference: f"model {model.name!r} declares no {reference} (it supports {', '.join(supported)})"
                for reference in Reference
                if reference not in supported
            },
        )

    def __repr__(self) -> str:
        # Short: pytest prints it beside every failed test that uses the fixture.
        return f"<lip leakage of {self.model.name} on {self.clips.origin}>"

    def measure(self, metric: Metric | str) -> Measurement:
        """Return a metric's value, generating and scoring what it still needs.

        Args:
            metric: a metric or its name, for example ``"LSD-CR"`` or ``"LSE-C[XM,AR]"``.

        Raises:
            ConfigurationError: unknown metric.
            NotApplicableError: the model does not have a condition it needs.
            GeneratorError: the model failed on some clips; all others were finished first.
            InputError: a clip cannot be read, or XM has no pairs.
        """
        wanted = metric_called(metric) if isinstance(metric, str) else metric
        if wanted.is_picture:
            self._need_pictures(wanted)
        else:
            self.need(wanted.conditions)
        return measure(self.corpus, wanted)

    def judge(self, limit: Limit) -> Verdict:
        """Measure what ``limit`` speaks of and judge it; the verdict is remembered for the reports.

        A run on a part of the clips measures what ``lipleak merge`` will judge, and says so by
        ``NotApplicableError``.

        Raises as ``measure`` does. What could not be measured because something failed is remembered as a
        broken limit: a report must not look as if it had never been asked for.
        """
        if self._plan.shard is not None:
            self._leave_to_merge(limit)
        nothing = Measurement(limit.metric, math.nan, None, {}, (), self.corpus.provenance.expert)
        try:
            # Asked first: a model is not run for hours for an expert that cannot judge its clips.
            objection = None if limit.metric.is_picture else self.expert_objection()
            measurement = nothing if objection else self.measure(limit.metric)
        except NotApplicableError:
            raise
        except LipleakError as error:
            self.verdicts.append(Verdict(limit, nothing, str(error).partition("\n")[0]))
            raise
        verdict = judge(limit, measurement, allow_unscored=self._allow_unscored)
        if objection:
            verdict = Verdict(limit, measurement, objection)
        self.verdicts.append(verdict)
        return verdict

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
        """Score every real clip against unrelated audio."""
        self.need(())
        for clip, condition in tuple(self.corpus.takes):
            if condition is None and clip not in self.corpus.unrelated:
                self.corpus.unrelated[clip] = tuple(self._unrelated_scores(clip))

    def _leave_to_merge(self, limit: Limit) -> NoReturn:
        part, parts = self._plan.shard or (1, 1)
        if whole := {column.measure for column in limit.metric.columns} & SET_MEASURES:
            raise ConfigurationError(
                f"{limit}: {', '.join(whole)} compares whole sets of frames and cannot be put together from "
                "parts; leave it out, or run without --lipleak-shard"
            )
        self.corpus.asked[f"{limit.metric.name} {limit.operator} {limit.value!r}"] = self._allow_unscored
        self.measure(limit.metric)
        if not limit.metric.is_picture:
            self._examine()
        raise NotApplicableError(f"part {part}/{parts} is measured; `lipleak merge` judges {limit} over all")

    def _unrelated_scores(self, name: str) -> list[float]:
        clip = self.clips[name]
        video = self._embedding(clip, None, wait=True)
        assert video is not None
        others = [other for other in self.clips if not self.clips.same_speech(name, other)]
        random.Random(f"lipleak unrelated {self.seed} {name}").shuffle(others)
        audios = [fit(self.clips.speech(other), len(clip.audio)) for other in others[: sanity.OTHERS]]
        # A clip alone is compared with its own speech half a clip later.
        audios = audios or [np.roll(clip.audio, len(clip.audio) // 2)]
        return [score(video, self._embedded_speech(audio)).lse_c for audio in audios]

    def need(self, conditions: Iterable[Condition] = CONDITIONS) -> None:
        """Make and score every take of these conditions, and of the real clips, that is still missing."""
        wanted = tuple(conditions)
        self._check_applicable(wanted)
        keys: list[Key] = [(name, c) for name in self.corpus.provenance.clip_names for c in (None, *wanted)]
        self._finish(
            [key for key in keys if key not in self.corpus.takes and key not in self.corpus.unscored]
        )
        self._raise_failures(keys)

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

    def _measure_pictures(self, measure: str, key: Key) -> None:
        name, condition = key
        known = self.corpus.pictures.setdefault(key, {})
        if measure in known or (key, measure) in self.corpus.unpictured or key in self._failures:
            return
        try:
            output, real = self._pictures(key)
            known[measure] = take_measure(measure, output, real)
            if measure == "MAR_open":
                known |= open_share_sensitivity(output)
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
            found = set_measure(measure, names, lambda name: self._pictures((name, condition)))
            self.corpus.sets[measure, condition] = found

    def _pictures(self, key: Key) -> tuple[Pictures, Pictures]:
        """The generated and the real video of a take; frames are read when a measure looks at them."""
        name, condition = key
        assert condition is not None
        digest, source = self.clips[name].digest, self._generation_key(self.clips[name], condition)

        def boxes() -> NDArray[np.float64] | None:
            return self._crops.of(self.clips[name]).boxes

        # By name, not by clip: decoded clips are large, and the clip set keeps only a few.
        output = Pictures(self._tools, source, lambda: self._generated(self.clips[name], condition), boxes)
        return output, Pictures(self._tools, digest, lambda: self.clips[name].frames, boxes)

    def _check_applicable(self, conditions: Iterable[Condition]) -> None:
        for condition in conditions:
            if why := self.corpus.not_applicable.get(condition.reference):
                raise NotApplicableError(f"condition [{condition}] is not applicable: {why}")
            if condition.setup is Setup.XM:
                self.pairs()

    def _raise_failures(self, keys: Iterable[Key]) -> None:
        failed = [self._failures[key] for key in keys if key in self._failures]
        if failed:
            more = f"\n{len(failed) - 1} more takes failed, the first with: {failed[1]}" if failed[1:] else ""
            again = type(failed[0]).__new__(type(failed[0]))  # some build their words from other arguments
            again.args = (f"{failed[0]}{more}",)
            raise again from failed[0]

    def pairs(self) -> dict[str, str]:
        """Return the partner of every clip under XM."""
        if self._partners is None:
            self._partners = mismatched_pairs(self.clips, self.seed, self._pairing_rule)
        pairing = self.corpus.provenance.pairing
        if not pairing and isinstance(pairing, dict):
            pairing.update(self._partners)
        return self._partners

    @property
    def _pairing_rule(self) -> str:
        if self._plan.partners is not None:
            return GIVEN
        return self._plan.pairing or getattr(self.model.generator, "pairing", None) or ANY

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
        return self._generated(self.clips[clip], condition)

    def _finish(self, missing: list[Key]) -> None:
        start = int(self._lead * len(missing))
        ahead = [key for key in missing[start:] + missing[:start] if key not in self._failures]
        total = len(ahead)
        # First what nobody is making, then what others hold: no worker waits while there is work.
        for wait in (False, True):
            behind = []
            for key in ahead:
                self._progress(total - len(ahead) + ahead.index(key), total, _label(key))
                if not self._attempt(key, wait=wait):
                    behind.append(key)
            ahead = behind
        if total:
            self._progress(total, total, "")

    def _attempt(self, key: Key, *, wait: bool) -> bool:
        name, condition = key
        try:
            take = self._take(self.clips[name], condition, wait=wait)
        except UnscorableError as error:
            self.corpus.unscored[key] = Unscored(name, condition, str(error))
        except LipleakError as error:
            self._failures[key] = error
        else:
            if take is None:
                return False
            self.corpus.takes[key] = take
        return True

    def _take(self, clip: Clip, condition: Condition | None, *, wait: bool) -> TakeScore | None:
        # The real clip comes first: where it cannot be judged, nothing is generated for it.
        real = self._real_take(clip)
        if condition is None:
            return real
        video = self._embedding(clip, condition, wait=wait)
        if video is None:
            return None
        own = score(video, self._embedded_speech(clip.audio))
        driving = own if condition.setup is Setup.AM else None
        partner = None
        if condition.setup is Setup.XM:
            partner = self.pairs()[clip.name]
            driving = score(video, self._embedded_speech(self.driving_audio(clip, Setup.XM)))
        kept = self._kept(clip, condition)
        take = TakeScore(clip.name, condition, own, driving, real.own_offset, partner, video=kept)
        if self._gallery is not None:
            speech = self.driving_audio(clip, Setup.XM) if partner else None
            cropper = self._crops.of(clip)
            self._gallery.add(
                self.model.name, take, clip, lambda: self._generated(clip, condition), speech, cropper
            )
        return take

    def _real_take(self, clip: Clip) -> TakeScore:
        if take := self.corpus.takes.get((clip.name, None)):
            return take
        cropper = self._crops.of(clip)
        review = self.expert.review(cropper(clip.frames), clip.audio)
        if not review.suitable:
            raise UnscorableError("; ".join(review.refusals))
        video = self._embedding(clip, None, wait=True)
        assert video is not None
        own = score(video, self._embedded_speech(clip.audio))
        notes = clip.notes + cropper.notes + review.warnings
        take = TakeScore(clip.name, None, own, own, own.offset, notes=notes, video=self._kept(clip, None))
        if self._gallery is not None:
            self._gallery.add_real(self.model.name, take, clip)
        return take

    def _embedding(self, clip: Clip, condition: Condition | None, *, wait: bool) -> Embeddings | None:
        def make(path: Path) -> None:
            frames = clip.frames if condition is None else self._generated(clip, condition)
            anew = self._plan.retrack and condition is not None
            cropper = self._crops.through(frames, clip.audio) if anew else self._crops.of(clip)
            rows = self.expert.embed_video(cropper(frames))
            if len(rows) != window_count(len(frames)):
                raise UnscorableError(
                    f"{len(rows)} windows of {len(frames)} frames; frames were lost on the way"
                )
            with path.open("wb") as file:
                np.save(file, rows)

        source = clip.digest if condition is None else self._generation_key(clip, condition)
        identity = self.expert.identity
        key = key_of(
            source=source,
            clip=clip.digest,
            expert=[identity.name, identity.version, identity.weights_sha256],
            # Under lrs, the encoder of the JPEG step stands in the notes; under tracked, whether mouths are aligned.
            protocol=[str(self._plan.protocol), *protocol_notes(self._plan.protocol), *self._crops.notes],
            face=self._plan.face,
            retrack=self._plan.retrack,
            device=self._kind_of_device,
            libraries=versions_of(*EMBEDDING_LIBRARIES),
            package=__version__,
            format=STORE_FORMAT,
        )
        about = self._about(clip, condition) | {"expert": identity.label}
        path = self._store.get_or_make("embedding.npy", key, make, wait=wait, about=about)
        return None if path is None else np.load(path, allow_pickle=False)

    def _embedded_speech(self, audio: Audio) -> Embeddings:
        digest = digest_of(audio)
        if digest not in self._speech:
            self._speech[digest] = self.expert.embed_audio(audio)
            # A clip's own speech and its partner's are needed together, for all its takes in a row.
            while len(self._speech) > 2 and sum(kept.nbytes for kept in self._speech.values()) > KEPT_SPEECH:
                self._speech.popitem(last=False)
        self._speech.move_to_end(digest)
        return self._speech[digest]

    def _generated(self, clip: Clip, condition: Condition) -> Frames:
        fresh: list[Frames] = []

        def make(path: Path) -> None:
            self._introduce(clip)
            indices = reference_indices(clip, condition.reference, self.strategy, self.seed)
            audio = self.driving_audio(clip, condition.setup)
            fresh.append(
                run_generator(
                    self.model.generator,
                    self.model.name,
                    clip,
                    condition,
                    audio,
                    clip.frames[indices],
                    timeout=self._timeout,
                    last_words=self._last_words,
                )
            )
            write_video(path, fresh[0])

        key = self._generation_key(clip, condition)
        path = self._store.get_or_make("video.mkv", key, make, about=self._about(clip, condition))
        assert path is not None
        return fresh[0] if fresh else read_frames(path)

    def _about(self, clip: Clip, condition: Condition | None) -> dict[str, str]:
        """What an artefact is, for people who list the store."""
        model = {} if condition is None else {"model": self.model.name}
        return {**model, "clip": clip.name, "condition": str(condition) if condition else "real clip"}

    @property
    def _kind_of_device(self) -> str:
        return self.corpus.provenance.device.partition(":")[0]

    def _introduce(self, clip: Clip) -> None:
        """Tell the model what it wants to know beyond its inputs: once for all clips, and of this clip's face."""
        if not self._introduced:
            for method, given in (("use_clips", self.clips), ("use_progress", self._progress.tell)):
                if callable(use := getattr(self.model.generator, method, None)):
                    use(given)
        self._introduced = True
        if callable(use_face := getattr(self.model.generator, "use_face", None)):
            use_face(ClipFace(self._crops.of(clip).boxes, partial(self._find_landmarks, clip)))

    def _find_landmarks(
        self, clip: Clip, frames: Frames, boxes: NDArray[np.float64] | None
    ) -> NDArray[np.float32]:
        same = frames.shape == clip.frames.shape and np.array_equal(frames, clip.frames)
        return self._tools.landmarks(clip.digest if same else digest_of(frames), lambda: frames, boxes)

    def _generation_key(self, clip: Clip, condition: Condition) -> str:
        return key_of(
            model=self.model.name,
            # Without a fingerprint, what is on disk may come from other weights: never beyond this run.
            fingerprint=self.model.fingerprint or f"run {self._run or os.getpid()}",
            arguments=sorted((name, repr(value)) for name, value in self.model.arguments.items()),
            # A model that is told the clip set may answer with any of its clips.
            others=self.clips.digest if hasattr(self.model.generator, "use_clips") else None,
            # One that is told where the face is depends on how that was found.
            face=self._geometry if hasattr(self.model.generator, "use_face") else None,
            clip=clip.digest,
            audio=digest_of(self.driving_audio(clip, condition.setup)),
            reference=reference_indices(clip, condition.reference, self.strategy, self.seed),
            condition=str(condition),
            device=self._kind_of_device,
            libraries=versions_of(*GENERATION_LIBRARIES),
            package=__version__,
            format=STORE_FORMAT,
        )

    @property
    def _geometry(self) -> list[str]:
        """What decides where a clip's face is."""
        return [str(self._plan.protocol), self._plan.face, str(versions_of("ai-edge-litert"))]

    def _kept(self, clip: Clip, condition: Condition | None) -> str | None:
        if self._keep is None:
            return None
        path = self._keep / f"{file_stem(self.model.name, clip.name, condition)}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        if condition is None:
            write_playable(temporary, clip.frames, clip.audio)
        else:
            audio = self.driving_audio(clip, condition.setup)
            write_playable(temporary, self._generated(clip, condition), audio)
        temporary.replace(path)
        return str(path)


def _choices_to_know(plan: Plan, arcface: Path | None) -> tuple[str, ...]:
    """What a report must say of the user's choices beside protocol, seed and silence."""
    told = [f"the {_face(plan)}"] if _face(plan) else []
    if arcface is not None:
        told.append(f"CSIM by {arcface.name}, SHA-256 {file_sha256(arcface)[:8]}")
    return tuple(told)


def _silence_to_know(plan: Plan, kind: str) -> tuple[str, ...]:
    if kind == "zeros":
        return ()
    return (f"silence is white noise at -60 dBFS, {'as asked' if plan.silence else 'as the model declares'}",)


def _face(plan: Plan) -> str:
    if plan.protocol is not Protocol.TRACKED:
        return ""
    return f"{plan.face} face is tracked{', anew in generated videos' if plan.retrack else ''}"


def _label(key: Key) -> str:
    name, condition = key
    return f"{name} [{condition}]" if condition else f"{name} (real clip)"
