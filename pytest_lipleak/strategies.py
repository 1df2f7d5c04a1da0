"""Property-based tests of a generator: change its inputs in ways whose effect is known, and look for a counterexample.

    from pytest_lipleak.strategies import check_metamorphic

    def test_relations(lipleak_model, lipleak_clips):
        check_metamorphic(lipleak_model, lipleak_clips)

Each relation says what must follow from a change of the inputs (Chen et al. 2018, "Metamorphic Testing: A Review of
Challenges and Opportunities", ACM Computing Surveys 51): swapping the mouth of the reference must not move the lips,
audio that comes k frames later makes lips that come k frames later, loudness does not matter, nor does the kind of
silence, and mirroring the pictures mirrors the output. Hypothesis draws few changes, and shrinks one that breaks the
relation, within a time budget. Needs the extra ``[strategies]``.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from pytest_lipleak.core.clips import Audio, Clip, Frames, frames_at, held
from pytest_lipleak.core.conditions import Reference
from pytest_lipleak.core.errors import ConfigurationError, MissingExtraError, UnscorableError
from pytest_lipleak.core.metrics.default_gates import PROBE_LIMIT
from pytest_lipleak.core.scores import SyncScore
from pytest_lipleak.core.timebase import SAMPLES_PER_FRAME
from pytest_lipleak.faces.mouth_swap import mouth_mask, with_mouths
from pytest_lipleak.generators.contract import Choices, choose
from pytest_lipleak.generators.facecrops import ClipFace
from pytest_lipleak.generators.interface import run_generator
from pytest_lipleak.generators.registry import Model, as_model
from pytest_lipleak.plan.references import reference_indices
from pytest_lipleak.plan.silent_audio import silence
from pytest_lipleak.sync.lse import score

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from pytest_lipleak.sync.expert import SyncExpert

MOST_SHIFT = 8
"""Frames that audio is shifted by at most; scores look 15 frames to either side."""

TOLERANCE = 0.25
"""Share of the unchanged output's sync by which a change may lower it."""

T = TypeVar("T")


def _hypothesis() -> Any:
    try:
        import hypothesis
        import hypothesis.strategies
    except ImportError:
        raise MissingExtraError("a property-based test", "hypothesis", "strategies") from None
    return hypothesis


def audio_gains() -> "SearchStrategy[float]":
    """Factors of loudness from 0.25 to 2; shrinks towards 1, which changes nothing."""
    found: SearchStrategy[float] = _hypothesis().strategies.sampled_from(
        [1.0, 0.9, 1.1, 0.75, 1.25, 0.5, 1.5, 0.35, 2.0, 0.25]
    )
    return found


def audio_shifts(most: int = MOST_SHIFT) -> "SearchStrategy[int]":
    """Shifts of the audio in whole frames, positive for later; shrinks towards 0."""
    found: SearchStrategy[int] = _hypothesis().strategies.integers(-most, most)
    return found


def silences() -> "SearchStrategy[tuple[str, int]]":
    """Kinds of silence, with the seed of the noise: ``("zeros", 0)``, ``("noise", 3)``."""
    strategies = _hypothesis().strategies
    noise = strategies.tuples(strategies.just("noise"), strategies.integers(0, 9))
    found: SearchStrategy[tuple[str, int]] = strategies.one_of(strategies.just(("zeros", 0)), noise)
    return found


def reference_frames(frames: int) -> "SearchStrategy[int]":
    """Frames of a clip whose mouth the reference may show, as an index; shrinks towards the first."""
    found: SearchStrategy[int] = _hypothesis().strategies.integers(0, frames - 1)
    return found


def mirrored() -> "SearchStrategy[bool]":
    """Whether the pictures are mirrored left to right."""
    found: SearchStrategy[bool] = _hypothesis().strategies.booleans()
    return found


def louder(audio: Audio, gain: float) -> Audio:
    """Return audio times ``gain``, int16, clipped."""
    return np.asarray(np.clip(np.rint(audio.astype(np.float64) * gain), -32768, 32767), np.int16)


def later(audio: Audio, frames: int) -> Audio:
    """Return audio that comes ``frames`` later (earlier where negative), filled up with silence; same length."""
    shifted, by = np.zeros_like(audio), frames * SAMPLES_PER_FRAME
    if by >= 0:
        shifted[by:] = audio[: len(audio) - by]
    else:
        shifted[:by] = audio[-by:]
    return shifted


def mirror(frames: Frames) -> Frames:
    """Return pictures mirrored left to right, (T, H, W, 3)."""
    return np.ascontiguousarray(frames[:, :, ::-1])


@dataclass(frozen=True)
class Subject:
    """One model on one clip, with what it makes of the unchanged inputs.

    Args:
        model: the model under test.
        clip: the real clip.
        expert: judges sync.
        reference: ``CR``, or ``AR`` where the model has no CR.
    """

    model: Model
    clip: Clip
    expert: "SyncExpert"
    reference: Reference

    def given(self) -> Frames:
        """The unchanged identity reference: every frame under CR, those of the model's AR strategy under AR."""
        strategy = choose(Choices(), self.model.declared.choices).alternative_reference
        return frames_at(self.clip.video, reference_indices(self.clip, self.reference, strategy, seed=0))

    def generate(
        self, audio: Audio | None = None, reference: Frames | None = None, frames: Frames | None = None
    ) -> Frames:
        """Call the model with changed inputs; what is None stays as it is."""
        clip = self.clip if frames is None else Clip(self.clip.name, frames, self.clip.audio)
        self.model.show_face(lambda: ClipFace(None))
        made = run_generator(
            self.model.generator,
            self.model.name,
            clip,
            f"{self.reference}, changed inputs",
            self.clip.audio if audio is None else audio,
            self.given() if reference is None else reference,
            takes_videos=self.model.declared.takes_videos,
        )
        return held(made)

    def sync(self, video: Frames) -> SyncScore:
        """Score a video against the clip's own, unchanged audio."""
        return score(self.expert.embed_video(video), self.expert.embed_audio(self.clip.audio))


class UntriedError(Exception):
    """A change that leaves the inputs as they are, or that nothing could be told of: it is not counted."""


@dataclass(frozen=True)
class Relation:
    """What must follow from a change.

    Args:
        meaning: in one line.
        changes: from the clip's number of frames to the changes to try.
        broken: from the subject, the unchanged output and a change to what is wrong, or None; raises ``UntriedError``
            at once, without a call of the model, for a change that changes nothing.
    """

    meaning: str
    changes: "Callable[[int], SearchStrategy[Any]]"
    broken: Callable[[Subject, Frames, Any], str | None]


def _loudness(subject: Subject, plain: Frames, gain: float) -> str | None:
    audio = _changed(subject.clip.audio, louder(subject.clip.audio, gain))
    before = subject.sync(plain)
    after = subject.sync(subject.generate(audio))
    return _kept(before.lse_c, after.confidence_at(before.offset), f"with {gain:g} times the loudness")


def _shift(subject: Subject, plain: Frames, frames: int) -> str | None:
    audio = _changed(subject.clip.audio, later(subject.clip.audio, frames))
    before = subject.sync(plain)
    if abs(before.offset + frames) > 15:
        raise UntriedError
    after = subject.sync(subject.generate(audio))
    # Lips that come later than the audio have a larger offset: positive when the audio is first.
    there = before.offset + frames
    return _kept(
        before.lse_c,
        after.confidence_at(there),
        f"with audio {frames:+d} frames later, where the lips belong",
    )


def _silence(subject: Subject, plain: Frames, kind: tuple[str, int]) -> str | None:
    samples = len(subject.clip.audio)
    # A model whose audio front end cannot take exact zeros is only ever given noise.
    noise_only = subject.model.declared.choices.silence == "noise"
    usual = ("noise", 0) if noise_only else ("zeros", 0)
    if kind == usual or (noise_only and kind[0] == "zeros"):
        raise UntriedError
    base, other = (subject.generate(silence(samples, *each)) for each in (usual, kind))
    moved, most = (
        _mouth_change(base, other),
        _mouth_change(subject.clip.frames[:-1], subject.clip.frames[1:]),
    )
    if moved <= most:
        return None
    than = "noise (seed 0)" if noise_only else "zeros"
    return f"silence as {kind[0]} (seed {kind[1]}) gives another mouth than {than}: {moved:.1f} grey levels apart"


def _reference(subject: Subject, plain: Frames, index: int) -> str | None:
    given = subject.given()
    swapped = held(with_mouths(given, subject.clip.frames, [index] * len(given)))
    change = swapped.astype(np.float32) - given
    weight = mouth_mask(*given.shape[1:3])
    full = float(np.mean(weight * change * change))
    if full < 1:
        raise UntriedError  # the same mouth: there is nothing that could arrive
    output = subject.generate(reference=swapped).astype(np.float32) - plain
    share = float(np.mean(weight * output * change)) / full
    if share < PROBE_LIMIT:
        return None
    return f"the mouth of frame {index} in the reference: {100 * share:.0f} % of it arrives in the output"


def _mirror(subject: Subject, plain: Frames, flipped: bool) -> str | None:
    if not flipped:
        raise UntriedError
    output = subject.generate(reference=mirror(subject.given()), frames=mirror(subject.clip.frames))
    before = subject.sync(plain)
    after = subject.sync(mirror(output))
    return _kept(before.lse_c, after.confidence_at(before.offset), "with mirrored pictures, mirrored back")


def _changed(before: Audio, after: Audio) -> Audio:
    if np.array_equal(before, after):
        raise UntriedError
    return after


def _kept(before: float, after: float, what: str) -> str | None:
    if after >= (1 - TOLERANCE) * before:
        return None
    return f"{what}: confidence {after:.2f}, was {before:.2f}"


def _mouth_change(one: Frames, other: Frames) -> float:
    weight = mouth_mask(*one.shape[1:3])
    return float(np.mean(weight * np.abs(one.astype(np.float32) - other)) / np.mean(weight))


RELATIONS: Mapping[str, Relation] = {
    "reference": Relation(
        "swapping the reference's mouth does not move the lips", reference_frames, _reference
    ),
    "shift": Relation(
        "audio that comes later makes lips that come later", lambda frames: audio_shifts(), _shift
    ),
    "loudness": Relation("loudness does not matter", lambda frames: audio_gains(), _loudness),
    "silence": Relation("the kind of silence does not matter", lambda frames: silences(), _silence),
    "mirror": Relation("mirroring the pictures mirrors the output", lambda frames: mirrored(), _mirror),
}
"""By name. ``check_metamorphic`` takes all of them, or those that are named."""


def check_metamorphic(
    model: Any,
    clips: Mapping[str, Clip],
    *,
    clip: str | None = None,
    relations: Sequence[str] = tuple(RELATIONS),
    examples: int = 5,
    seconds: float = 60.0,
    expert: "SyncExpert | None" = None,
) -> dict[str, int]:
    """Look for changes of a model's inputs that break a relation, and fail with the simplest one found.

    Args:
        model: a generator, a function or a loaded model, as the fixture ``lipleak_model`` gives.
        clips: real clips by name, as the fixture ``lipleak_clips`` gives.
        clip: which of them; None takes the first.
        relations: names of ``RELATIONS``.
        examples: changes tried per relation; each costs one call of the model, or two. Those that change nothing,
            as a shift by 0, do not count.
        seconds: of each relation. What was begun is finished; no further change is tried then, and shrinking
            stops at the simplest change known so far.
        expert: judges sync; None takes the embedded one.

    Returns:
        How many changes were tried, by relation: always at least one that changes something.

    Raises:
        AssertionError: a relation is broken; says which change does it.
        UnscorableError: the model's unchanged output is not in sync, so that nothing can be told of a change; or
            no change that was drawn for a relation changes anything.
        GeneratorError: the model failed.
        ConfigurationError: unknown relation.
        MissingExtraError: hypothesis is not installed.
    """
    if unknown := [name for name in relations if name not in RELATIONS]:
        raise ConfigurationError(f"unknown relation {unknown[0]!r}; known are {', '.join(RELATIONS)}")
    _hypothesis()
    subject = _subject(model, clips, clip, expert)
    plain = subject.generate()
    found = subject.sync(plain)
    real = subject.sync(subject.clip.frames)
    if found.lse_c < real.lse_c / 4:
        raise UnscorableError(
            f"model {subject.model.name!r}, clip {subject.clip.name!r}: the unchanged output scores LSE-C "
            f"{found.lse_c:.2f}, the real clip {real.lse_c:.2f}; lips that do not follow the audio cannot be seen to "
            "follow a change of it"
        )
    return {name: _search(name, RELATIONS[name], subject, plain, examples, seconds) for name in relations}


def _subject(model: Any, clips: Mapping[str, Clip], clip: str | None, expert: "SyncExpert | None") -> Subject:
    if expert is None:
        from pytest_lipleak.sync.embedded import EmbeddedExpert

        expert = EmbeddedExpert()
    loaded = as_model(model)
    loaded.introduce(clips, lambda text: None)
    has = loaded.declared.references
    name = next(iter(clips)) if clip is None else clip
    return Subject(loaded, clips[name], expert, Reference.CR if Reference.CR in has else Reference.AR)


def _search(
    name: str, relation: Relation, subject: Subject, plain: Frames, examples: int, seconds: float
) -> int:
    hypothesis = _hypothesis()
    known: dict[Any, str | None] = {}
    end = time.monotonic() + seconds

    def holds(change: Any) -> None:
        if change not in known:
            if known and time.monotonic() > end:
                hypothesis.reject()
            try:
                known[change] = relation.broken(subject, plain, change)
            except UntriedError:
                hypothesis.reject()
        # What was found is remembered, so that Hypothesis meets the same failure again without another call.
        if known[change] is not None:
            raise AssertionError(
                f"{subject.model.name}, clip {subject.clip.name}, [{subject.reference}]: {relation.meaning}, but "
                f"{known[change]}"
            )

    settings = hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        report_multiple_bugs=False,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
    )
    holds.__name__ = holds.__qualname__ = name
    # Rejected changes do not count as examples: at least one that changes something is tried, whatever its time.
    with suppress(hypothesis.errors.Unsatisfiable):
        settings(hypothesis.given(change=relation.changes(len(subject.clip.frames)))(holds))()
    if not known:
        raise UnscorableError(
            f"model {subject.model.name!r}, clip {subject.clip.name!r}, relation {name!r}: no change that was drawn "
            "changes the inputs, so that nothing was tried; raise examples, or take another clip"
        )
    return len(known)
