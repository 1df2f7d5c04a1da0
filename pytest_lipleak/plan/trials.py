"""Trials: what the model is given for every clip under every condition, and beside the six."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import (
    Audio,
    Clip,
    Frames,
    Image,
    StreamedVideo,
    Video,
    check_audio,
    check_video,
    digest_of,
    frames_at,
    held,
)
from pytest_lipleak.core.conditions import Condition, Setup
from pytest_lipleak.core.corpus import Provenance
from pytest_lipleak.core.errors import ConfigurationError, UnscorableError
from pytest_lipleak.media.audio import fit
from pytest_lipleak.media.clipsets import ClipSet
from pytest_lipleak.media.finished_tables import AGAIN
from pytest_lipleak.media.pauses import with_pauses
from pytest_lipleak.plan.pairing import drawn_partners
from pytest_lipleak.plan.references import reference_indices
from pytest_lipleak.plan.silent_audio import silence

REAL = "real clip"

IdentityReference = Sequence[int] | Frames | StreamedVideo
"""Indices of frames of the clip, or a video, uint8 RGB (T, H, W, 3) under CR, (R, H, W, 3) under AR."""


@dataclass(frozen=True, eq=False)
class Trial:
    """A video of a clip, real or to be generated: what it is, not its frames.

    Args:
        clip: the real clip.
        label: the condition or the probe, in the words of reports; not part of any key.
        audio: drives the model, int16, shape (640 T,); None means the real clip itself.
        reference: the identity reference.
        original: the real clip where the frames of ``clip`` were changed, for a probe; None where they were not.
        condition: one of the six, or that of which it is a probe; None beside them.
        probe: name of the probe, or empty.
    """

    clip: Clip
    label: str = REAL
    audio: Audio | None = None
    reference: IdentityReference = ()
    original: Clip | None = None
    condition: Condition | None = None
    probe: str = ""

    @property
    def real(self) -> Clip:
        """The real clip, by whose face everything is cropped."""
        return self.clip if self.original is None else self.original

    @property
    def reference_video(self) -> Video:
        """The identity reference, uint8 RGB; the clip itself where every frame is its own reference."""
        if isinstance(self.reference, np.ndarray | StreamedVideo):
            return self.reference
        own = list(self.reference) == list(range(len(self.clip.video)))
        return self.clip.video if own else frames_at(self.clip.video, self.reference)

    @cached_property
    def audio_key(self) -> str:
        """What tells the driving audio from others: a hash; empty for the real clip."""
        return "" if self.audio is None else digest_of(self.audio)

    @cached_property
    def reference_key(self) -> str | list[int]:
        """What tells the identity reference from others: a hash, or the indices."""
        if isinstance(self.reference, np.ndarray | StreamedVideo):
            return digest_of(self.reference)
        return list(map(int, self.reference))


class Trials:
    """The trials of a clip set under the choices of one evaluation.

    Args:
        clips: the real clips.
        about: seed, silence, AR strategy and pairing rule; its partners are filled in when they are first needed.
        pairs: given by the user, partners by clip; None draws them.
        count: how many partners of a clip are drawn.
    """

    def __init__(
        self, clips: ClipSet, about: Provenance, pairs: Mapping[str, Sequence[str]] | None, count: int = 1
    ) -> None:
        self.clips = clips
        self._about = about
        self._pairs = None if pairs is None else {clip: tuple(names) for clip, names in pairs.items()}
        self._count = count
        self._noted = False
        self._nudged: tuple[Clip, int, Clip] | None = None

    def partners(self) -> Mapping[str, tuple[str, ...]]:
        """Return the partners of every clip under XM, in order.

        Raises:
            InputError: a clip has not as many as are asked for.
        """
        about = self._about
        if self._pairs is None:
            self._pairs = drawn_partners(self.clips, about.seed, about.pairing_rule, self._count)
        if not self._noted:  # asked for several times a trial, of thousands
            about.note_partners(self._pairs)
            self._noted = True
        return self._pairs

    def pairs(self) -> dict[str, str]:
        """Return the first partner of every clip under XM.

        Raises:
            InputError: a clip has no possible partner.
        """
        return {clip: names[0] for clip, names in self.partners().items()}

    def conditions(self, name: str, cell: Condition) -> list[Condition]:
        """Return what one of the six conditions comes to for a clip: under XM one for each of its partners."""
        count = len(self.partners().get(name, ("",))) if cell.setup is Setup.XM else 1
        return [replace(cell, partner=partner) for partner in range(count)]

    def driving_audio(self, clip: Clip, setup: Setup, partner: int = 0) -> Audio:
        """Return the audio that drives ``clip`` under ``setup``: int16, shape (640 T,).

        ``partner``: which of the clip's partners speaks under XM; under PA it is always the first.
        """
        samples = len(clip.audio)
        if setup is Setup.AM:
            return clip.audio
        if setup is Setup.SI:
            return silence(samples, self._about.silence, self._about.seed)
        if setup is Setup.PA:
            return self._with_pauses(clip)[0]
        return fit(self._partners_speech(clip, partner), samples)

    def _partners_speech(self, clip: Clip, partner: int = 0) -> Audio:
        partners = self.partners().get(clip.name)
        if partners is None:
            raise UnscorableError("no video of it under other speech is there, so nobody knows what drove it")
        return self.clips.speech(partners[partner])

    def pauses(self, clip: Clip) -> NDArray[np.bool_]:
        """Return which frames of ``clip`` lie in a pause of what drives it under PA: bool (T,)."""
        return self._with_pauses(clip)[1][: len(clip.video)]

    def _with_pauses(self, clip: Clip) -> tuple[Audio, NDArray[np.bool_]]:
        return with_pauses(self._partners_speech(clip), len(clip.audio), f"{self._about.seed} {clip.name}")

    def of(self, name: str, condition: Condition | None) -> Trial:
        """Return what the model is given for a clip under a condition, or the real clip for None."""
        clip = self.clips[name]
        if condition is None:
            return Trial(clip)
        about = self._about
        reference = reference_indices(clip, condition.reference, about.alternative_reference, about.seed)
        audio = self.driving_audio(clip, condition.setup, condition.partner)
        return Trial(clip, str(condition), audio, reference, condition=condition)

    def again(self, name: str, condition: Condition, time: int = 0) -> Trial:
        """Return a trial to be made once more, to see whether the model repeats itself.

        One pixel at the upper edge is another by one grey level: a model may draw its noise by what it is given.

        Args:
            name: of the clip.
            condition: under which it is made.
            time: 0 for the first time that the model is asked again, 1 for the second ...
        """
        once = self.of(name, condition)
        if self._nudged is None or self._nudged[:2] != (once.clip, time):
            # With its hash, which takes as long as the copy.
            self._nudged = once.clip, time, replace(once.clip, video=_nudged(once.clip.video, time))
        label = f"{once.label}, once more{f' ({time + 1})' if time else ''}"
        return replace(once, clip=self._nudged[2], label=label, original=once.clip, probe=AGAIN[time])

    def probe(
        self, name: str, audio: Audio, reference: IdentityReference, label: str, frames: Video | None = None
    ) -> Trial:
        """Return a trial of a clip beside the six conditions, see ``Evaluation.probe_trial``.

        ``frames``: what the model edits instead of the clip's own, as many and as large.
        """
        clip = self.clips[name]
        try:
            check_audio(audio, f"probe {label!r}")
            if isinstance(reference, np.ndarray | StreamedVideo):
                check_video(reference, f"probe {label!r}")
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
        audio = fit(audio, len(clip.audio))
        if frames is None:
            return Trial(clip, label, audio, reference)
        return Trial(replace(clip, video=frames), label, audio, reference, clip)


def _nudged(video: Video, column: int) -> Frames | StreamedVideo:
    def compose() -> Iterator[Image]:
        for frame in video:
            changed = np.array(frame)
            changed[0, column] ^= 1
            yield changed

    count, height, width, channels = video.shape
    streamed = StreamedVideo(compose, (count, height, width, channels))
    return held(streamed) if isinstance(video, np.ndarray) else streamed
