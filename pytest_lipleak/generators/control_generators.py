"""Control generators: they leak a known share of the reference's lips, and need no weights.

They composite mouths. The mouth that was really filmed with the driving audio is taken from the clip
that the audio belongs to, aligned to the target frame and blended in; under silence it is the most
closed mouth of the target clip. A share ``alpha`` of the reference's mouth is mixed back in: alpha 0
follows the audio with real lips, alpha 1 copies its reference.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Clip, Frames, Image, Video, digest_of, held
from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.core.held_arrays import HeldArrays
from pytest_lipleak.core.timebase import SAMPLES_PER_FRAME
from pytest_lipleak.faces.centred import mouth_darkness
from pytest_lipleak.faces.mouth_swap import Place, aligned, mouth_patch, moved_to
from pytest_lipleak.media.video import HELD

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
    takes_videos = True

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha
        self.uses_reference = alpha > 0
        self.fingerprint = f"control-4 alpha={alpha!r}"
        self._clips: Mapping[str, Clip] = {}
        self._heard: Heard | None = None
        self._asked: dict[str, tuple[str, int, int] | None] = {}
        self._moved = HeldArrays(HELD)

    def use_clips(self, clips: Mapping[str, Clip]) -> None:
        """Remember where donor mouths come from."""
        self._clips = clips
        self._heard = None
        self._asked, self._moved = {}, HeldArrays(HELD)

    def generate(self, frames: Video, audio: Audio, reference: Video) -> Frames:
        """Composite the driven mouth, and the leaked share of the reference's, into every frame."""
        per_frame = len(reference) == len(frames)
        pictures = held(frames)
        mouths = held(reference) if self.alpha > 0 else pictures
        patch = mouth_patch(*pictures.shape[1:3])
        driven, brighter = self._driven(pictures, audio, patch.place) if self.alpha < 1 else (None, None)
        output = pictures.copy()
        none = np.zeros(patch.weight.shape, np.float32)
        for index, frame in enumerate(pictures):
            mouth = none
            if driven is not None and brighter is not None:
                mouth = np.float32(1 - self.alpha) * (driven[index] + brighter[index])
            if self.alpha > 0:
                mouth = mouth + np.float32(self.alpha) * aligned(
                    mouths[index if per_frame else 0], frame, patch.place
                )
            # A donor that is brought in line may be brighter than white, or darker than black.
            patch.mix(output[index][patch.place], mouth)
        return output

    def _driven(self, frames: Frames, audio: Audio, place: Place) -> tuple[Frames, NDArray[np.float32]]:
        """The mouths that the audio drives, on those of ``frames``, and how much brighter each is to be.

        They are the same whatever the reference: the same frames and audio are asked for again with another.
        """
        name = f"{frames.shape} {_sums_of(frames).hex()} {digest_of(audio)}"
        driven, brighter = self._moved.get(name), self._moved.get(f"{name} brighter")
        if driven is None or brighter is None:
            mouths = self._driven_mouths(frames, audio)
            moved = [moved_to(mouth, frame, place) for mouth, frame in zip(mouths, frames, strict=True)]
            driven = np.stack([mouth for mouth, _ in moved])
            brighter = np.array([by or 0 for _, by in moved], np.float32)
            self._moved.hold(name, driven)
            self._moved.hold(f"{name} brighter", brighter)
        return driven, brighter

    def _driven_mouths(self, frames: Frames, audio: Audio) -> Sequence[Image]:
        if _is_silent(audio):
            closed = int(mouth_darkness(frames).argmin())
            return [frames[closed]] * len(frames)
        found = self._donor(audio)
        if found is None:
            return self._mouths_between_pauses(frames, audio)
        donor, length, late = found
        samples = np.arange(len(frames)) * SAMPLES_PER_FRAME - late
        # Before a late audio begins, the mouth waits; an audio that ends early begins anew only where it repeats.
        heard = np.maximum(samples, 0) % length
        known = donor.frames
        return [known[index] for index in np.minimum(heard // SAMPLES_PER_FRAME, len(known) - 1)]

    def _mouths_between_pauses(self, frames: Frames, audio: Audio) -> Sequence[Image]:
        """The donor's mouths where something of its speech is heard, the clip's most closed one in pauses."""
        if self._heard is None:
            self._heard = Heard({name: self._speech_of(name) for name in self._clips})
        donor, indices = self._heard(audio, len(frames))
        if donor is None:
            raise ValueError(
                "the driving audio belongs to no clip of the set; control generators only know the speech of their "
                "clips"
            )
        known, closed = self._clips[donor].frames, frames[int(mouth_darkness(frames).argmin())]
        return [closed if index < 0 else known[min(index, len(known) - 1)] for index in indices]

    def _speech_of(self, name: str) -> Audio:
        speech: Audio = getattr(self._clips, "speech", lambda name: self._clips[name].audio)(name)
        return speech

    def _donor(self, audio: Audio) -> tuple[Clip, int, int] | None:
        """Return the clip that this audio belongs to, after how many samples it repeats, and how late it is.

        None where it is no clip's speech as a whole.
        """
        # Every audio drives several videos of a clip.
        asked = digest_of(audio)
        if asked not in self._asked:
            self._asked[asked] = self._found_donor(audio)
        found = self._asked[asked]
        return None if found is None else (self._clips[found[0]], *found[1:])

    def _found_donor(self, audio: Audio) -> tuple[str, int, int] | None:
        for name in self._clips:
            speech = self._speech_of(name)
            common = min(len(speech), len(audio))
            if common and np.array_equal(speech[:common], audio[:common]):
                return name, len(speech), 0
        shifts = Shifts(audio)
        for name in self._clips:
            speech = self._speech_of(name)
            late, likeness = shifts.best(speech)
            if likeness > ALIKE:
                return name, len(speech), late
        return None


class Heard:
    """Finds which frames of which speech are heard, where pauses were put into it.

    Args:
        speeches: int16, by name.
    """

    def __init__(self, speeches: Mapping[str, Audio]) -> None:
        self._known: dict[bytes, tuple[str, int]] = {}
        for name, speech in speeches.items():
            for index, piece in enumerate(_beginnings(speech)):
                if not _is_silent(piece):
                    self._known.setdefault(piece.tobytes(), (name, index))

    def __call__(self, audio: Audio, frames: int) -> tuple[str | None, NDArray[np.int64]]:
        """Return whose speech it is, and which frame of it is heard in every frame; -1 in pauses. None: nobody's."""
        found = [self._known.get(piece.tobytes()) for piece in _beginnings(audio)[:frames]]
        names = Counter(each[0] for each in found if each)
        name = names.most_common(1)[0][0] if names else None
        indices = [each[1] if each and each[0] == name else -1 for each in found]
        return name, np.array(indices + [-1] * (frames - len(indices)), np.int64)


def _beginnings(audio: Audio) -> NDArray[np.int16]:
    """The first half of every frame, (T, 320): the end of a word may be faded out."""
    frames = len(audio) // SAMPLES_PER_FRAME
    return audio[: frames * SAMPLES_PER_FRAME].reshape(frames, -1)[:, : SAMPLES_PER_FRAME // 2]


class Shifts:
    """Finds how much later an audio comes than speech.

    Args:
        audio: int16 mono.
    """

    def __init__(self, audio: Audio) -> None:
        self._audio = audio
        self._spectra: dict[int, NDArray[np.complex128]] = {}

    def best(self, speech: Audio) -> tuple[int, float]:
        """Return by how many samples the audio is later, up to ``LATEST`` either way, and their correlation then."""
        from numpy.fft import irfft, rfft

        audio = self._audio
        # As long as it takes for what is wrapped around not to reach these shifts.
        size = _quick_length(max(len(speech), len(audio), LATEST + 1) + LATEST)
        if size not in self._spectra:
            self._spectra[size] = rfft(audio.astype(np.float64), size)
        products = irfft(self._spectra[size] * np.conj(rfft(speech.astype(np.float64), size)), size)
        shifts = np.arange(-LATEST, LATEST + 1)
        late = int(shifts[np.argmax(products[shifts])])
        start = max(late, 0)
        end = min(len(audio), len(speech) + late)
        one, other = (
            each.astype(np.float64) for each in (audio[start:end], speech[start - late : end - late])
        )
        size_of_both = float(np.linalg.norm(one) * np.linalg.norm(other))
        return late, float(one @ other) / size_of_both if size_of_both else 0.0


def _quick_length(least: int) -> int:
    """A length for which the Fourier transform is quick: 3, 4 or 5 times a power of two, ``least`` or a little more."""
    return min(factor << (-(-least // factor) - 1).bit_length() for factor in (3, 4, 5))


def _sums_of(frames: Frames) -> bytes:
    """What tells frames from others in a fifth of the time of a hash: their words, each times an odd number, summed."""
    rows = np.ascontiguousarray(frames).reshape(len(frames), -1)
    if rows.shape[1] % 8:
        rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 8)))
    return bytes((rows.view(np.uint64) @ _odd_numbers(rows.shape[1] // 8)).tobytes())


@lru_cache(2)
def _odd_numbers(count: int) -> NDArray[np.uint64]:
    return np.random.default_rng(0).integers(2**63, size=count, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


def _is_silent(audio: Audio) -> bool:
    return float(np.sqrt(np.mean(np.square(audio, dtype=np.float64)))) < SILENCE_RMS
