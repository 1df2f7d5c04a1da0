"""Is a model fit to be measured? A few calls on a short clip, before hours are spent on all of them."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pytest_lipleak.core.clips import Frames, Video, held
from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.errors import GeneratorError, LipleakError
from pytest_lipleak.core.number_words import counted, named
from pytest_lipleak.core.timebase import FRAME_RATE
from pytest_lipleak.evaluation.checks.tried_model import NOISE, TriedModel, apart
from pytest_lipleak.evaluation.evaluation import Evaluation
from pytest_lipleak.faces.centred import MOUTH_COLUMNS, MOUTH_ROWS
from pytest_lipleak.faces.framing import mouths_elsewhere
from pytest_lipleak.faces.mouth_swap import with_other_mouths
from pytest_lipleak.generators.contract import batch_of, fingerprint_of
from pytest_lipleak.plan.references import reference_indices
from pytest_lipleak.plan.silent_audio import silence
from pytest_lipleak.sync.protocols import Protocol

OK, LOOK, FIX = "ok", "look", "fix"
"""Nothing to do; worth a look; results would be missing or wrong."""

LEAST_EFFECT = 0.2
"""Share of the real mouth's movement by which other speech must change an output before the audio counts as heard: one
grey level is no lip movement."""

DROWNED = "not to be told from what changes at every call"
SEED_FIRST = "seed its random numbers first, then look again"

NOT_REACHED = (
    "if your model takes no reference, declare supports = (); if it takes one, look where generate() loses its "
    "argument reference"
)
"""What to do where no reference changes an output: a model without one is no mistake, and needs none added."""

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


MANY_CLIPS = 60
"""More are not judged beside a model: ``lipleak clips`` is for them."""


def examine(
    evaluation: Evaluation,
    clip: str,
    *,
    frames: int = FRAMES,
    timeout: float | None = None,
    tell: Callable[[str], None] = lambda check: None,
) -> Checkup:
    """Call a model about ten times on the first frames of a clip and say what is to be mended.

    Args:
        evaluation: of the model on the clip set.
        clip: name of the clip.
        frames: how many of its frames are used.
        timeout: seconds that one call may take.
        tell: is given the name of each check before it begins.

    Raises:
        UnscorableError: no face can be followed through the clip (protocol ``tracked``).
    """
    tried = TriedModel(evaluation, evaluation.clips[clip], frames, timeout)
    result = Checkup(tried.model.name, clip, tried.clip.frames.shape)
    # A call that fails leaves out those checks that need it.
    for check in CHECKS:
        tell(check.__name__.strip("_").replace("_", " "))
        found = list(check(tried))
        result.findings += found
        if check is _signature and found[0].verdict == FIX:
            break
    if tried.first is not None:
        result.seconds_per_frame = tried.seconds_per_frame
    result.calls, result.seconds = len(tried.durations), sum(tried.durations)
    return result


def _signature(tried: TriedModel) -> Iterator[Finding]:
    try:
        inspect.signature(tried.generator.generate).bind(0, 0, 0)
    except TypeError as error:
        yield Finding(
            "signature", FIX, f"generate{inspect.signature(tried.generator.generate)}: {error}",
            "let it take (frames, audio, reference), by position",
        )  # fmt: skip
    except ValueError:
        yield Finding("signature", LOOK, "generate() does not tell its parameters")
    else:
        yield Finding("signature", OK, "generate(frames, audio, reference)")


def _declarations(tried: TriedModel) -> Iterator[Finding]:
    about = tried.model.declared
    told = "CR and AR, by default" if about.supports is None else ", ".join(about.supports) or "no reference"
    chosen = about.sees_reference and Reference.AR in about.references
    strategy = tried.evaluation.strategy if chosen else "none"
    batch = batch_of(tried.generator)
    yield Finding(
        "declares", OK,
        f"supports {told}; AR {strategy}; silence {tried.evaluation.silence_kind}"
        + ("" if batch is None else f"; batch {batch}"),
    )  # fmt: skip
    fingerprint = tried.model.fingerprint
    if fingerprint is None:
        yield Finding(
            "fingerprint", LOOK, "none: nothing is reused in another run (--lipleak-store)",
            "give it one that changes with weights and code",
        )  # fmt: skip
    elif tried.model.declared.fingerprint != fingerprint_of(tried.generator, tried.model.name):
        yield Finding("fingerprint", FIX, "it changes from one look to the next", "build it once")
    else:
        short = fingerprint if len(fingerprint) <= 50 else f"{fingerprint[:50]}..."
        yield Finding("fingerprint", OK, short)


def _output(tried: TriedModel) -> Iterator[Finding]:
    try:
        tried.first = tried.call(tried.usual)
    except GeneratorError as error:
        yield Finding("output", FIX, tried.words_of(error))
        return
    yield Finding("output", OK, f"uint8 {tried.first.shape}, like its input")


def _determinism(tried: TriedModel) -> Iterator[Finding]:
    if tried.first is None:
        return
    if tried.again is None:
        yield Finding("determinism", FIX, "the second call with the same input failed, the first did not")
        return
    most = int(apart(tried.first, tried.again).max())
    share = float((tried.first != tried.again).any(axis=(1, 2, 3)).mean())
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


def _audio(tried: TriedModel) -> Iterator[Finding]:
    if tried.first is None:
        return
    try:
        output = tried.call(Condition(Setup.XM, tried.usual.reference), tried.other_speech())
    except GeneratorError as error:
        yield Finding("audio", FIX, tried.words_of(error))
        return
    change = tried.change(tried.first, output)
    share = change / max(tried.movement, 1e-6)
    told = f"other speech changes the mouth by {change:.1f} grey levels, {share:.0%} of what the real one moves by"
    if change > 2 * tried.noise and share >= LEAST_EFFECT:
        yield Finding("audio", OK, told)
    elif change > 2 * tried.noise:
        yield Finding(
            "audio", LOOK, f"{told} (at least {LEAST_EFFECT:.0%} expected): the lips hardly follow the audio",
            "look whether the audio reaches the network: int16, 16 kHz, mono; and at its scale",
        )  # fmt: skip
    elif tried.unsteady:
        yield Finding("audio", LOOK, f"what other speech changes is {DROWNED}", SEED_FIRST)
    else:
        yield Finding(
            "audio", LOOK, "the output is the same whatever speech drives it",
            "look whether the audio reaches the network: int16, 16 kHz, mono",
        )  # fmt: skip


def _silence(tried: TriedModel) -> Iterator[Finding]:
    if tried.first is None:
        return
    said: dict[str, str] = {}
    for kind in ("zeros", "noise"):
        audio = silence(len(tried.clip.audio), kind, tried.evaluation.seed)
        try:
            said[kind] = _hole_in(tried, tried.call(Condition(Setup.SI, tried.usual.reference), audio))
        except GeneratorError as error:
            said[kind] = tried.words_of(error)
    chosen = tried.evaluation.silence_kind
    other = "noise" if chosen == "zeros" else "zeros"
    if said[chosen]:
        failure_advice = "mend its audio front end" if said[other] else f'declare silence = "{other}"'
        yield Finding("silence", FIX, f"{chosen}: {said[chosen]}", failure_advice)
    elif said[other]:
        yield Finding("silence", OK, f"takes {chosen}, as declared (not {other}: {said[other]})")
    else:
        yield Finding("silence", OK, f"takes exact zeros and noise; measured with {chosen}")


def _hole_in(tried: TriedModel, output: Frames) -> str:
    """Say where a mouth became a black or white patch: NaN turned into uint8."""
    for value in (0, 255):
        came, was = (
            (video[tried.mouth] == value).all(axis=-1).mean() for video in (output, tried.clip.frames)
        )
        if came > was + 0.2:
            return f"{came:.0%} of the mouth has the grey level {value}, as NaN has after a cast to uint8"
    return ""


def _references(tried: TriedModel) -> Iterator[Finding]:
    if tried.first is None:
        return
    if not tried.model.declared.sees_reference:
        yield Finding("reference", OK, "a mask-free model: none is used, CR is not applicable")
        return
    outputs = {tried.usual.reference: tried.first}
    found = []
    for reference in tried.supported:
        try:
            if reference not in outputs:
                outputs[reference] = tried.call(Condition(Setup.AM, reference))
            found.append(_dependence(tried, reference, outputs[reference]))
        except GeneratorError as error:
            found.append(Finding(f"reference {reference}", FIX, tried.words_of(error)))
    reached = all(each.verdict is OK for each in found)
    if len(found) == 2 and not reached and found[0] == replace(found[1], check=found[0].check):
        yield replace(found[0], check="reference CR and AR")  # one cause
        return
    yield from found
    alike = len(outputs) == 2 and not tried.change(*outputs.values()) > 2 * tried.noise
    if alike and reached and tried.declares_use and not tried.unsteady:
        first = [tried.reference(reference)[0] for reference in tried.supported]
        yield Finding(
            "CR and AR", FIX, "both give the same output",
            'it takes the first frame of its reference alone, which both have in common: declare supports = ("AR",)'
            if np.array_equal(*first)
            else "let generate() use its argument reference, not a frame of its own choice",
        )  # fmt: skip


def _dependence(tried: TriedModel, reference: Reference, output: Frames) -> Finding:
    """Say how the output changes with the reference, and with nothing but its mouth."""
    check, condition = f"reference {reference}", Condition(Setup.AM, reference)
    if tried.model.declared.reference_from_video:
        return Finding(
            check, LOOK, "not looked at: the model finds its reference in the video and takes no other",
            "probes of the reference do not apply to it",
        )  # fmt: skip
    own = tried.reference(reference)
    # Of the whole clip, so that a single reference frame finds another mouth, too.
    swapped = held(with_other_mouths(tried.clip.frames, tried.boxes))
    indices = reference_indices(tried.clip, reference, tried.evaluation.strategy, tried.evaluation.seed)
    lips = tried.change(output, tried.call(condition, reference=swapped[indices]))
    if lips > 2 * tried.noise:
        text = f"another mouth in it changes the output's mouth by {lips:.1f} grey levels"
        if not tried.declares_use:
            return Finding(check, FIX, f"{text}, though uses_reference is False", "leave uses_reference out")
        return Finding(check, OK, f"{text}: lips could leak")
    moved = tried.clip.frames[[index - len(own) // 2 - 1 for index in indices]]
    whole = tried.change(output, tried.call(condition, reference=moved))
    if whole > 2 * tried.noise:
        text = f"other frames change the output's mouth by {whole:.1f} grey levels, another mouth in them does not"
        verdict = OK if tried.declares_use else FIX
        return Finding(check, verdict, text, "" if tried.declares_use else "leave uses_reference out")
    if tried.unsteady:
        return Finding(check, LOOK, f"what it changes is {DROWNED}", SEED_FIRST)
    if not tried.declares_use:
        return Finding(check, OK, "does not reach the output, as declared")
    return Finding(
        check, FIX, "it does not reach the output, whatever it shows",
        NOT_REACHED,
    )  # fmt: skip


def _cost(tried: TriedModel) -> Iterator[Finding]:
    if tried.first is None:
        return
    minute = tried.seconds_per_frame * 60 * FRAME_RATE * 3 * len(tried.supported) / 60
    yield Finding(
        "speed", OK,
        f"{1000 * tried.seconds_per_frame:.1f} ms a frame, {tried.durations[0]:.1f} s the first call; "
        f"{3 * len(tried.supported)} conditions of a minute of video take about {minute:.1f} min",
    )  # fmt: skip
    if memory := tried.memory:
        yield Finding("memory", OK, memory)


CHECKS: tuple[Callable[[TriedModel], Iterator[Finding]], ...] = (
    _signature, _declarations, _output, _determinism, _audio, _silence, _references, _cost,
)  # fmt: skip
"""In their order."""


def framing_checked(evaluation: Evaluation, protocol: str, weights: Path | None) -> Iterator[Finding]:
    """Say of which clips the mouth lies where nobody looks for it; nothing where it does not, or is not known.

    Args:
        evaluation: of the model on the clip set.
        protocol: under which it is measured; ``tracked`` finds mouths wherever they are.
        weights: folder with the face model, or None to use the download folder.
    """
    if protocol == Protocol.TRACKED or len(evaluation.clips) > MANY_CLIPS:
        return
    readable: dict[str, Video] = {}
    for name in evaluation.clips:
        with suppress(LipleakError):  # the check of the clips tells
            readable[name] = evaluation.clips[name].video
    found: dict[str, str] = {}
    with suppress(LipleakError):  # without the face model nothing is known
        found = mouths_elsewhere(readable, weights)
    if found:
        (down, up), (left, right) = MOUTH_ROWS, MOUTH_COLUMNS
        yield Finding(
            "framing", LOOK,
            f"{named([*found])}: the mouth lies at {next(iter(found.values()))}{' in the first' * (len(found) > 1)}; "
            f"protocol {protocol} looks for it at {down} to {up} of the height and {left} to {right} of the width",
            "use --protocol tracked, or cut the clips to the face",
        )  # fmt: skip


def clips_checked(evaluation: Evaluation) -> Finding:
    """Ask whether the sync expert can judge the clips, as ``lipleak clips`` does.

    A model on clips that nobody can judge is measured in vain.
    """
    every, more = counted(len(evaluation.clips), "clip"), "`lipleak clips` says more"
    if len(evaluation.clips) > MANY_CLIPS:
        return Finding("clips", LOOK, f"not looked at: there are {every}", "let `lipleak clips` judge them")
    try:
        why = evaluation.expert_unfit()
    except LipleakError as error:
        return Finding("clips", FIX, str(error).partition("\n")[0], more)
    if why:
        return Finding("clips", FIX, why, more)
    lost = {clip: entry.reason for (clip, of), entry in evaluation.corpus.unscored.items() if of is None}
    if lost:
        first, reason = next(iter(lost.items()))
        return Finding("clips", LOOK, f"{len(lost)} of {every} cannot be judged: {first}: {reason}", more)
    return Finding("clips", OK, f"the expert hears that {every} are in sync")
