"""Is a model fit to be measured? A few calls on a short clip, before hours are spent on all of them."""

import inspect
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Clip, Frames, beginning, held
from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.errors import GeneratorError
from pytest_lipleak.core.timebase import FRAME_RATE, SAMPLES_PER_FRAME
from pytest_lipleak.evaluation.evaluation import Evaluation
from pytest_lipleak.evaluation.plan.references import reference_indices
from pytest_lipleak.faces.mouth_swap import mouth_pixels, with_other_mouths
from pytest_lipleak.generators.contract import batch_of, fingerprint_of
from pytest_lipleak.generators.protocol import run_generator
from pytest_lipleak.media.audio import fit, silence

OK, LOOK, FIX = "ok", "look", "fix"
"""Nothing to do; worth a look; results would be missing or wrong."""

NOISE = 2
"""Grey levels by which two runs may differ: sums on a GPU are not always taken in the same order."""

LEAST_EFFECT = 0.2
"""Share of the real mouth's movement by which other speech must change an output before the audio counts as heard: one
grey level is no lip movement."""

DROWNED = "not to be told from what changes at every call"
SEED_FIRST = "seed its random numbers first, then look again"

FRAMES = 50
"""How many frames of a clip are used by default: two seconds."""


@dataclass(frozen=True)
class Finding:
    """What one check saw.

    Args:
        check: what was looked at.
        verdict: ``ok``, ``look`` or ``fix``.
        text: what was seen.
        advice: what to do, where something is to be done.
    """

    check: str
    verdict: str
    text: str
    advice: str = ""


@dataclass
class Checkup:
    """The findings on one model, and what it cost to get them.

    Args:
        model: its name.
        clip: on which it ran.
        shape: of that clip's frames.
        findings: in the order of the checks.
        calls: how often the model was called.
        seconds: all calls together.
        seconds_per_frame: of a call after the first, or None where every call failed.
    """

    model: str
    clip: str
    shape: tuple[int, ...]
    findings: list[Finding] = field(default_factory=list)
    calls: int = 0
    seconds: float = 0.0
    seconds_per_frame: float | None = None

    @property
    def to_fix(self) -> int:
        """How many checks found something that must be mended."""
        return sum(finding.verdict == FIX for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return plain, JSON-ready data."""
        return {
            **vars(self),
            "shape": list(self.shape),
            "findings": [vars(finding) for finding in self.findings],
            "to_fix": self.to_fix,
        }


def examine(
    evaluation: Evaluation, clip: str, *, frames: int = FRAMES, timeout: float | None = None
) -> Checkup:
    """Call a model about ten times on the first frames of a clip and say what is to be mended.

    Args:
        evaluation: of the model on the clip set.
        clip: name of the clip.
        frames: how many of its frames are used.
        timeout: seconds that one call may take.

    Raises:
        UnscorableError: no face can be followed through the clip (protocol ``tracked``).
    """
    return _Examination(evaluation, evaluation.clips[clip], frames, timeout).run()


class _Examination:
    """The checks in their order; a call that fails leaves those that need it out."""

    def __init__(self, evaluation: Evaluation, clip: Clip, frames: int, timeout: float | None) -> None:
        length = min(frames, len(clip.video))
        self.evaluation = evaluation
        self.model = evaluation.model
        self.generator: Any = evaluation.model.generator
        first = held(beginning(clip.video, length))
        self.clip = Clip(clip.name, first, clip.audio[: length * SAMPLES_PER_FRAME])
        self.timeout = timeout
        self.result = Checkup(self.model.name, clip.name, self.clip.frames.shape)
        self.durations: list[float] = []
        self.first: Frames | None = None

    def run(self) -> Checkup:
        checks: tuple[Callable[[], Iterator[Finding]], ...] = (
            self.signature, self.declarations, self.output, self.determinism, self.audio, self.silence,
            self.references, self.cost,
        )  # fmt: skip
        self.memory_before = _peak_memory()
        for check in checks:
            found = list(check())
            self.result.findings += found
            if check == self.signature and found[0].verdict == FIX:
                break
        self.result.calls = len(self.durations)
        self.result.seconds = sum(self.durations)
        return self.result

    def signature(self) -> Iterator[Finding]:
        try:
            inspect.signature(self.generator.generate).bind(0, 0, 0)
        except TypeError as error:
            yield Finding(
                "signature", FIX, f"generate{inspect.signature(self.generator.generate)}: {error}",
                "let it take (frames, audio, reference), by position",
            )  # fmt: skip
        except ValueError:
            yield Finding("signature", LOOK, "generate() does not tell its parameters")
        else:
            yield Finding("signature", OK, "generate(frames, audio, reference)")

    def declarations(self) -> Iterator[Finding]:
        about = self.model.declared
        told = (
            "CR and AR, by default" if about.supports is None else ", ".join(about.supports) or "no reference"
        )
        chosen = about.sees_reference and Reference.AR in about.references
        strategy = self.evaluation.strategy if chosen else "none"
        batch = batch_of(self.generator)
        yield Finding(
            "declares", OK,
            f"supports {told}; AR {strategy}; silence {self.evaluation.silence_kind}"
            + ("" if batch is None else f"; batch {batch}"),
        )  # fmt: skip
        fingerprint = self.model.fingerprint
        if fingerprint is None:
            yield Finding(
                "fingerprint", LOOK, "none: nothing is reused in another run (--lipleak-store)",
                "give it one that changes with weights and code",
            )  # fmt: skip
        elif fingerprint != fingerprint_of(self.generator, self.model.name):
            yield Finding("fingerprint", FIX, "it changes from one look to the next", "build it once")
        else:
            short = fingerprint if len(fingerprint) <= 50 else f"{fingerprint[:50]}..."
            yield Finding("fingerprint", OK, short)

    @property
    def supported(self) -> tuple[Reference, ...]:
        return self.model.declared.references

    @property
    def usual(self) -> Condition:
        return Condition(Setup.AM, self.supported[0])

    @cached_property
    def boxes(self) -> NDArray[np.float64] | None:
        return self.evaluation.artefacts.cropper(self.clip).boxes

    @cached_property
    def mouth(self) -> NDArray[np.bool_]:
        return mouth_pixels(self.clip.frames.shape, self.boxes)

    def reference(self, reference: Reference) -> Frames:
        indices = reference_indices(self.clip, reference, self.evaluation.strategy, self.evaluation.seed)
        return self.clip.frames[indices]

    def call(
        self, condition: Condition, audio: Audio | None = None, reference: Frames | None = None
    ) -> Frames:
        self.evaluation.artefacts.videos.introduce(self.clip)
        begun = time.perf_counter()
        try:
            made = run_generator(
                self.generator,
                self.model.name,
                self.clip,
                str(condition),
                self.clip.audio if audio is None else audio,
                self.reference(condition.reference) if reference is None else reference,
                takes_videos=self.model.declared.takes_videos,
                timeout=self.timeout,
            )
            return held(made)
        finally:
            self.durations.append(time.perf_counter() - begun)

    def words_of(self, error: GeneratorError) -> str:
        """An error's words without what is the same for all: model and clip."""
        return str(error).removeprefix(f"model {self.model.name!r}, clip {self.clip.name!r}, ")

    @cached_property
    def again(self) -> Frames | None:
        """Output of the very same call, or None where it failed."""
        with suppress(GeneratorError):
            return self.call(self.usual)
        return None

    def output(self) -> Iterator[Finding]:
        try:
            self.first = self.call(self.usual)
        except GeneratorError as error:
            yield Finding("output", FIX, self.words_of(error))
            return
        yield Finding("output", OK, f"uint8 {self.first.shape}, like its input")

    def determinism(self) -> Iterator[Finding]:
        if self.first is None:
            return
        if self.again is None:
            yield Finding("determinism", FIX, "the second call with the same input failed, the first did not")
            return
        most = int(_apart(self.first, self.again).max())
        share = float((self.first != self.again).any(axis=(1, 2, 3)).mean())
        if most == 0:
            yield Finding("determinism", OK, "the same input twice gives the same output, to the bit")
        elif most <= NOISE:
            yield Finding("determinism", LOOK, f"two calls differ by at most {most} grey levels")
        else:
            yield Finding(
                "determinism", FIX,
                f"two calls with the same input differ by up to {most} grey levels, in {share:.0%} of the frames",
                "seed its random numbers inside generate(), so that every run measures the same videos",
            )  # fmt: skip

    @property
    def noise(self) -> float:
        """Mean difference in the mouth between two runs of the same call."""
        if self.first is None or self.again is None:
            return 0.0
        return self.change(self.first, self.again)

    @property
    def unsteady(self) -> bool:
        """Whether the mouth differs by more than rounding between two runs of the same call."""
        if self.first is None or self.again is None:
            return False
        return int(_apart(self.first, self.again)[self.mouth].max(initial=0)) > NOISE

    @cached_property
    def movement(self) -> float:
        """Mean difference in the mouth between frames of the real clip a second apart: what speech moves."""
        frames = self.clip.frames
        return self.change(frames, np.roll(frames, min(FRAME_RATE, len(frames) // 2), axis=0))

    def change(self, one: Frames, other: Frames) -> float:
        """Mean difference within the mouth, in grey levels."""
        return float(_apart(one, other)[self.mouth].mean())

    def audio(self) -> Iterator[Finding]:
        if self.first is None:
            return
        try:
            output = self.call(Condition(Setup.XM, self.usual.reference), self.other_speech())
        except GeneratorError as error:
            yield Finding("audio", FIX, self.words_of(error))
            return
        change = self.change(self.first, output)
        share = change / max(self.movement, 1e-6)
        told = f"other speech changes the mouth by {change:.1f} grey levels, {share:.0%} of what the real one moves by"
        if change > 2 * self.noise and share >= LEAST_EFFECT:
            yield Finding("audio", OK, told)
        elif change > 2 * self.noise:
            yield Finding(
                "audio", LOOK, f"{told} (at least {LEAST_EFFECT:.0%} expected): the lips hardly follow the audio",
                "look whether the audio reaches the network: int16, 16 kHz, mono; and at its scale",
            )  # fmt: skip
        elif self.unsteady:
            yield Finding("audio", LOOK, f"what other speech changes is {DROWNED}", SEED_FIRST)
        else:
            yield Finding(
                "audio", LOOK, "the output is the same whatever speech drives it",
                "look whether the audio reaches the network: int16, 16 kHz, mono",
            )  # fmt: skip

    def other_speech(self) -> Audio:
        """The partner's speech; of a clip alone, its own half a clip later."""
        if len(self.evaluation.clips) < 2:
            return np.roll(self.clip.audio, len(self.clip.audio) // 2)
        partner = self.evaluation.pairs()[self.clip.name]
        return fit(self.evaluation.clips.speech(partner), len(self.clip.audio))

    def silence(self) -> Iterator[Finding]:
        if self.first is None:
            return
        said: dict[str, str] = {}
        for kind in ("zeros", "noise"):
            audio = silence(len(self.clip.audio), kind, self.evaluation.seed)
            try:
                said[kind] = self.hole_in(self.call(Condition(Setup.SI, self.usual.reference), audio))
            except GeneratorError as error:
                said[kind] = self.words_of(error)
        chosen = self.evaluation.silence_kind
        other = "noise" if chosen == "zeros" else "zeros"
        if said[chosen]:
            way_out = "mend its audio front end" if said[other] else f'declare silence = "{other}"'
            yield Finding("silence", FIX, f"{chosen}: {said[chosen]}", way_out)
        elif said[other]:
            yield Finding("silence", OK, f"takes {chosen}, as declared (not {other}: {said[other]})")
        else:
            yield Finding("silence", OK, f"takes exact zeros and noise; measured with {chosen}")

    def hole_in(self, output: Frames) -> str:
        """Say where a mouth became a black or white patch: NaN turned into uint8."""
        for value in (0, 255):
            came, was = (
                (video[self.mouth] == value).all(axis=-1).mean() for video in (output, self.clip.frames)
            )
            if came > was + 0.2:
                return f"{came:.0%} of the mouth has the grey level {value}, as NaN has after a cast to uint8"
        return ""

    def references(self) -> Iterator[Finding]:
        if self.first is None:
            return
        if not self.model.declared.sees_reference:
            yield Finding("reference", OK, "a mask-free model: none is used, CR is not applicable")
            return
        outputs = {self.usual.reference: self.first}
        for reference in self.supported:
            try:
                if reference not in outputs:
                    outputs[reference] = self.call(Condition(Setup.AM, reference))
                yield self.dependence(reference, outputs[reference])
            except GeneratorError as error:
                yield Finding(f"reference {reference}", FIX, self.words_of(error))
        alike = len(outputs) == 2 and not self.change(*outputs.values()) > 2 * self.noise
        if alike and self.declares_use and not self.unsteady:
            yield Finding(
                "CR and AR", FIX, "both give the same output",
                "let generate() use its argument reference, not a frame of its own choice",
            )  # fmt: skip

    @property
    def declares_use(self) -> bool:
        return self.model.declared.uses_reference

    def dependence(self, reference: Reference, output: Frames) -> Finding:
        """Say how the output changes with the reference, and with nothing but its mouth."""
        check, condition = f"reference {reference}", Condition(Setup.AM, reference)
        if self.model.declared.reference_from_video:
            return Finding(
                check, LOOK, "not looked at: the model finds its reference in the video and takes no other",
                "probes of the reference do not apply to it",
            )  # fmt: skip
        own = self.reference(reference)
        # Of the whole clip, so that a single reference frame finds another mouth, too.
        swapped = held(with_other_mouths(self.clip.frames, self.boxes))
        indices = reference_indices(self.clip, reference, self.evaluation.strategy, self.evaluation.seed)
        lips = self.change(output, self.call(condition, reference=swapped[indices]))
        if lips > 2 * self.noise:
            text = f"another mouth in it changes the output's mouth by {lips:.1f} grey levels"
            if not self.declares_use:
                return Finding(
                    check, FIX, f"{text}, though uses_reference is False", "leave uses_reference out"
                )
            return Finding(check, OK, f"{text}: lips could leak")
        moved = self.clip.frames[[index - len(own) // 2 - 1 for index in indices]]
        whole = self.change(output, self.call(condition, reference=moved))
        if whole > 2 * self.noise:
            text = f"other frames change the output's mouth by {whole:.1f} grey levels, another mouth in them does not"
            verdict = OK if self.declares_use else FIX
            return Finding(check, verdict, text, "" if self.declares_use else "leave uses_reference out")
        if self.unsteady:
            return Finding(check, LOOK, f"what it changes is {DROWNED}", SEED_FIRST)
        if not self.declares_use:
            return Finding(check, OK, "does not reach the output, as declared")
        return Finding(
            check, FIX, "it does not reach the output, whatever it shows",
            "let generate() use its argument reference; for a mask-free model declare supports = ()",
        )  # fmt: skip

    def cost(self) -> Iterator[Finding]:
        if self.first is None:
            return
        later = self.durations[1:] or self.durations
        self.result.seconds_per_frame = float(np.median(later)) / len(self.clip.frames)
        minute = self.result.seconds_per_frame * 60 * FRAME_RATE * 3 * len(self.supported) / 60
        yield Finding(
            "speed", OK,
            f"{1000 * self.result.seconds_per_frame:.1f} ms a frame, {self.durations[0]:.1f} s the first call; "
            f"{3 * len(self.supported)} conditions of a minute of video take about {minute:.1f} min",
        )  # fmt: skip
        if memory := _memory(self.memory_before):
            yield Finding("memory", OK, memory)


def _apart(one: Frames, other: Frames) -> NDArray[np.int16]:
    apart: NDArray[np.int16] = np.abs(one.astype(np.int16) - other)
    return apart


def _peak_memory() -> tuple[int, int] | None:
    """Peak memory of this process and of the largest child that has ended, in bytes; None where unknown."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    own, children = (
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own * unit, children * unit


def _memory(before: tuple[int, int] | None) -> str:
    now = _peak_memory()
    if now is None or before is None:
        return ""
    told = f"peak {now[0] / 1e6:.0f} MB in this process, {before[0] / 1e6:.0f} MB before the model ran"
    if now[1] > before[1]:
        told += f"; {now[1] / 1e6:.0f} MB in a child process"
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        told += f"; {torch.cuda.max_memory_allocated() / 1e6:.0f} MB on CUDA by torch"
    return told
