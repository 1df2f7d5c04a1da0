"""What every sync expert offers: embeddings of video and audio on one scale."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Image

Embeddings = NDArray[np.float32]
"""One row per window of five frames, shape (W, D)."""

Distances = NDArray[np.float32]
"""Of every video window to the audio windows up to 15 before and after it, shape (W, 31)."""

WINDOW_FRAMES = 5
"""A window sees five video frames and the 0.2 s of audio beside them."""

MIN_FRAMES = 6
"""Fewer frames leave no window; the reference code drops the last window, and so do we."""


@dataclass(frozen=True)
class ExpertIdentity:
    """Which network judged; it travels with every score.

    Args:
        name: ``syncnet`` or ``embedded``.
        version: of the weights.
        weights_sha256: of the weights file.
        verified: whether that hash is the published one.
    """

    name: str
    version: str
    weights_sha256: str
    verified: bool

    @property
    def label(self) -> str:
        """What reports print, for example ``embedded 1`` or ``syncnet v2, unverified weights 0123abcd``."""
        verified = "" if self.verified else f", unverified weights {self.weights_sha256[:8]}"
        return f"{self.name} {self.version}{verified}"


@dataclass(frozen=True)
class Suitability:
    """Whether an expert can judge a real clip.

    Args:
        refusals: why it can't; empty when it can.
        warnings: what weakens the judgement.
    """

    refusals: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def suitable(self) -> bool:
        """True when nothing speaks against a score."""
        return not self.refusals

    def refused(self, why: str | None) -> "Suitability":
        """This, with one more refusal where there is one."""
        return replace(self, refusals=(*self.refusals, why)) if why else self


KEPT_WINDOWS = 1500
"""Windows (a minute) whose embeddings are handed on by an examination, so that memory does not grow with a video."""


class Examined(NamedTuple):
    """What one pass over a clip gives.

    Args:
        distances: of every window.
        review: whether the expert can judge it, if it is a real clip.
        video: embeddings of the first ``KEPT_WINDOWS`` windows.
        audio: likewise, of what was heard beside them.
    """

    distances: Distances
    review: Suitability
    video: Embeddings
    audio: Embeddings


class SyncExpert(Protocol):
    """A two-tower network whose video and audio embeddings are close when lips follow the audio."""

    @property
    def identity(self) -> ExpertIdentity:
        """Name, version and weights hash."""

    @property
    def mouth_aligned(self) -> bool:
        """Whether it judges face crops better in which the mouth is level and in its place."""

    @property
    def works_beside(self) -> bool:
        """Whether what ``begin`` returns may run in a thread of its own while the model makes the next video.

        It needs a processor for it then, and changes nothing that a model could notice. False where it does not say.
        """

    @property
    def gathers(self) -> bool:
        """Whether what ``begin`` returns embeds whatever was begun and not asked for, all in one call.

        Several short videos are begun then before the first is asked for. False where it does not say.
        """

    def begin(self, frames: Iterable[Image]) -> Callable[[], Embeddings]:
        """Look at face crops; return what gives their embeddings, the same as ``embed_video``: to the bit, or gathered
        to rounding.

        Asked only where it works beside or gathers: what takes Python's own time is done at once; where it works
        beside, what is left lets Python go on.
        """

    def embed_video(self, frames: Iterable[Image]) -> Embeddings:
        """Embed face crops.

        Args:
            frames: uint8 RGB, the face filling the frame, 25 per second: an array (T, H, W, 3), or images
                (H, W, 3) one after the other, which are not kept.

        Returns:
            float32, shape (max(T - 5, 0), D); row i sees frames i..i+4.
        """

    def embed_audio(self, audio: Audio) -> Embeddings:
        """Embed speech.

        Args:
            audio: int16 mono, 16 kHz, shape (N,).

        Returns:
            float32, shape (max(N // 640 - 5, 0), D); row i sees the audio beside frames i..i+4.
        """

    def review(self, frames: Iterable[Image], audio: Audio) -> Suitability:
        """Say whether this expert can judge a **real** clip, given its face crops and its own audio.

        Never asked of a generated clip: that its mouth is still or out of sync is its score's business.
        """

    def examine(self, frames: Iterable[Image], audio: Audio) -> Examined:
        """Distances of a clip to its audio, and its review, in one pass that keeps no frames.

        Audio beyond the last frame is left out.
        """


def window_count(frames: int) -> int:
    """Windows of ``frames`` frames: T - 5, the reference code's choice (one fewer than fit)."""
    return max(frames - WINDOW_FRAMES, 0)
