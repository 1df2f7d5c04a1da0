"""A model that is tried on the first frames of a clip: its calls, and what they change."""

import sys
import time
from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Clip, Frames, held, stretch
from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.errors import GeneratorError
from pytest_lipleak.core.timebase import FRAME_RATE, SAMPLES_PER_FRAME
from pytest_lipleak.evaluation.evaluation import Evaluation
from pytest_lipleak.faces.mouth_swap import mouth_pixels
from pytest_lipleak.generators.interface import run_generator
from pytest_lipleak.media.audio import fit
from pytest_lipleak.plan.references import reference_indices

NOISE = 2
"""Grey levels by which two runs may differ: sums on a GPU are not always taken in the same order."""


class TriedModel:
    """A model, and the short clip on which it is called.

    Args:
        evaluation: of the model on the clip set.
        clip: whose beginning it is called on.
        frames: how many of its frames are used.
        timeout: seconds that one call may take.
    """

    def __init__(self, evaluation: Evaluation, clip: Clip, frames: int, timeout: float | None) -> None:
        length = min(frames, len(clip.video))
        self.evaluation = evaluation
        self.model = evaluation.model
        self.generator: Any = evaluation.model.generator
        first = held(stretch(clip.video, 0, length))
        self.clip = Clip(clip.name, first, clip.audio[: length * SAMPLES_PER_FRAME])
        self.durations: list[float] = []
        """Seconds of each call."""
        self.first: Frames | None = None
        """Output of the first call, or None where it failed."""
        self._timeout = timeout
        self._memory_before = _peak_memory()

    @property
    def supported(self) -> tuple[Reference, ...]:
        """References that it has."""
        return self.model.declared.references

    @property
    def usual(self) -> Condition:
        """The condition of the usual call."""
        return Condition(Setup.AM, self.supported[0])

    @cached_property
    def boxes(self) -> NDArray[np.float64] | None:
        """Where the face is, or None where it fills the frames."""
        return self.evaluation.artefacts.cropper(self.clip).boxes

    @cached_property
    def mouth(self) -> NDArray[np.bool_]:
        """Which pixels are the mouth's."""
        return mouth_pixels(self.clip.frames.shape, self.boxes)

    def reference(self, reference: Reference) -> Frames:
        """Return the reference frames of the clip."""
        indices = reference_indices(self.clip, reference, self.evaluation.strategy, self.evaluation.seed)
        return self.clip.frames[indices]

    def call(
        self, condition: Condition, audio: Audio | None = None, reference: Frames | None = None
    ) -> Frames:
        """Call the model; raises ``GeneratorError`` where it fails."""
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
                timeout=self._timeout,
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
        return int(apart(self.first, self.again)[self.mouth].max(initial=0)) > NOISE

    @cached_property
    def movement(self) -> float:
        """Mean difference in the mouth between frames of the real clip a second apart: what speech moves."""
        frames = self.clip.frames
        return self.change(frames, np.roll(frames, min(FRAME_RATE, len(frames) // 2), axis=0))

    def change(self, one: Frames, other: Frames) -> float:
        """Mean difference within the mouth, in grey levels."""
        return float(apart(one, other)[self.mouth].mean())

    def other_speech(self) -> Audio:
        """The partner's speech; of a clip alone, its own half a clip later."""
        if len(self.evaluation.clips) < 2:
            return np.roll(self.clip.audio, len(self.clip.audio) // 2)
        partner = self.evaluation.pairs()[self.clip.name]
        return fit(self.evaluation.clips.speech(partner), len(self.clip.audio))

    @property
    def declares_use(self) -> bool:
        """Whether its output depends on the reference, as it says."""
        return self.model.declared.uses_reference

    @property
    def seconds_per_frame(self) -> float:
        """Of a call after the first."""
        later = self.durations[1:] or self.durations
        return float(np.median(later)) / len(self.clip.frames)

    @property
    def memory(self) -> str:
        """What it took, in words; empty where that is unknown."""
        return _memory(self._memory_before)


def apart(one: Frames, other: Frames) -> NDArray[np.int16]:
    """Differences of two videos, in grey levels, int16."""
    found: NDArray[np.int16] = np.abs(one.astype(np.int16) - other)
    return found


def _peak_memory() -> tuple[int, int] | None:
    """Peak memory of this process and of the largest child that has ended, in bytes; None where unknown."""
    try:
        import resource
    except ImportError:  # Windows, whose peak psutil knows, of this process alone
        import psutil

        peak = getattr(psutil.Process().memory_info(), "peak_wset", None)
        return None if peak is None else (int(peak), 0)
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
