"""Control generators: they leak a known share of the reference's lips, and need no weights.

They composite mouths. The mouth that was really filmed with the driving audio is taken from the clip
that the audio belongs to, aligned to the target frame and blended in; under silence it is the most
closed mouth of the target clip. A share ``alpha`` of the reference's mouth is mixed back in: alpha 0
follows the audio with real lips, alpha 1 copies its reference.
"""

from collections.abc import Mapping

import numpy as np

from pytest_lipleak.core.clips import Audio, Clip, Frames
from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.core.timebase import SAMPLES_PER_FRAME
from pytest_lipleak.faces.centred import mouth_darkness
from pytest_lipleak.faces.mouth_swap import aligned, mouth_mask

SILENCE_RMS = 100.0
"""Driving audio quieter than this (int16 units, -50 dBFS) counts as silence."""

ALIKE = 0.95
"""Correlation from which audio counts as a clip's speech at another loudness, or earlier or later."""

LATEST = 15 * SAMPLES_PER_FRAME
"""As far as sync scores look."""


def demo(variant: str = "") -> "ControlGenerator":
    """Build a control generator.

    Args:
        variant: empty for no leak, ``leaky`` for a full copy of the reference's lips, ``leaky=0.4`` for a
            share.
    """
    if not variant:
        return ControlGenerator(0.0)
    name, _, share = variant.partition("=")
    try:
        alpha = float(share) if share else 1.0
    except ValueError:
        alpha = float("nan")
    if name != "leaky" or not 0 <= alpha <= 1:
        raise ConfigurationError(
            f"model 'demo:{variant}': expected demo, demo:leaky or demo:leaky=SHARE with a share in 0..1"
        )
    return ControlGenerator(alpha)


class ControlGenerator:
    """Composites real mouths, and leaks the share ``alpha`` of the reference's mouth.

    Works on face-centred clips whose driving audio belongs to a clip of the same set; pair within one
    speaker, so that the donor's mouth fits.
    """

    alternative_reference = "first"
    supports = ("CR", "AR")
    pairing = "same-speaker"

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha
        self.uses_reference = alpha > 0
        self.fingerprint = f"control-2 alpha={alpha!r}"
        self._clips: Mapping[str, Clip] = {}

    def use_clips(self, clips: Mapping[str, Clip]) -> None:
        """Remember where donor mouths come from."""
        self._clips = clips

    def generate(self, frames: Frames, audio: Audio, reference: Frames) -> Frames:
        """Composite the driven mouth, and the leaked share of the reference's, into every frame."""
        driven = self._driven_mouths(frames, audio)
        per_frame = len(reference) == len(frames)
        mask = mouth_mask(frames.shape[1], frames.shape[2])
        output = np.empty_like(frames)
        for index, frame in enumerate(frames):
            mouth = np.zeros(frame.shape, np.float32)
            if self.alpha < 1:
                mouth += (1 - self.alpha) * aligned(driven[index], frame)
            if self.alpha > 0:
                mouth += self.alpha * aligned(reference[index if per_frame else 0], frame)
            output[index] = np.rint(frame + mask * (mouth - frame))
        return output

    def _driven_mouths(self, frames: Frames, audio: Audio) -> Frames:
        if _is_silent(audio):
            closed = int(mouth_darkness(frames).argmin())
            return np.broadcast_to(frames[closed], frames.shape)
        donor, length, late = self._donor(audio)
        samples = np.arange(len(frames)) * SAMPLES_PER_FRAME - late
        # Before a late audio begins, the mouth waits; an audio that ends early begins anew only where it repeats.
        heard = np.maximum(samples, 0) % length
        return np.asarray(donor.frames[np.minimum(heard // SAMPLES_PER_FRAME, len(donor.frames) - 1)])

    def _donor(self, audio: Audio) -> tuple[Clip, int, int]:
        """Return the clip that this audio belongs to, after how many samples it repeats, and how late it is."""
        speech_of = getattr(self._clips, "speech", lambda name: self._clips[name].audio)
        for name in self._clips:
            speech = speech_of(name)
            common = min(len(speech), len(audio))
            if common and np.array_equal(speech[:common], audio[:common]):
                return self._clips[name], len(speech), 0
        for name in self._clips:
            speech = speech_of(name)
            late, likeness = _best_shift(speech, audio)
            if likeness > ALIKE:
                return self._clips[name], len(speech), late
        raise ValueError(
            "the driving audio belongs to no clip of the set; control generators only know the speech of their clips"
        )


def _best_shift(speech: Audio, audio: Audio) -> tuple[int, float]:
    """By how many samples ``audio`` comes later than ``speech``, up to ``LATEST`` either way, and their correlation."""
    from numpy.fft import irfft, rfft

    size = len(speech) + len(audio)
    spectrum = rfft(audio.astype(np.float64), size) * np.conj(rfft(speech.astype(np.float64), size))
    products = irfft(spectrum, size)
    shifts = np.arange(-LATEST, LATEST + 1)
    late = int(shifts[np.argmax(products[shifts])])
    start = max(late, 0)
    end = min(len(audio), len(speech) + late)
    one, other = (each.astype(np.float64) for each in (audio[start:end], speech[start - late : end - late]))
    size_of_both = float(np.linalg.norm(one) * np.linalg.norm(other))
    return late, float(one @ other) / size_of_both if size_of_both else 0.0


def _is_silent(audio: Audio) -> bool:
    return float(np.sqrt(np.mean(np.square(audio, dtype=np.float64)))) < SILENCE_RMS
