"""Score one video file: what ``lipleak score`` does."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from pytest_lipleak.core.clips import Audio, Clip, Image
from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.core.scores import MAX_SHIFT, SyncScore
from pytest_lipleak.core.suggestions import meant
from pytest_lipleak.core.timebase import SAMPLES_PER_FRAME
from pytest_lipleak.evaluation.make.crops import Cropper, Crops
from pytest_lipleak.evaluation.results.preconditions import doubtful_offset, unheard
from pytest_lipleak.media.clipsets import audible_frames
from pytest_lipleak.media.ffmpeg_jpeg import FfmpegFile
from pytest_lipleak.media.timeline import Recording
from pytest_lipleak.media.video import VideoFile
from pytest_lipleak.sync.distances import shifted_means
from pytest_lipleak.sync.expert import Embeddings, ExpertIdentity, SyncExpert
from pytest_lipleak.sync.experts import choose_expert, default_protocol, load_expert
from pytest_lipleak.sync.lse import score_of
from pytest_lipleak.sync.protocols import Protocol, protocol_notes

JPEG_STEPS = ("pyav", "ffmpeg")


@dataclass(frozen=True)
class FileScore:
    """The score of one file, with what made it.

    Args:
        score: the sync score.
        frames: video frames at 25 fps.
        protocol: how frames became face crops.
        expert: who judged.
        notes: conversions and warnings.
        unrelated: LSE-C against other stretches of the same audio, which have nothing to do with the lips: what chance
            gives this face and this speech. Empty where the file is too short for any.
    """

    score: SyncScore
    frames: int
    protocol: Protocol
    expert: ExpertIdentity
    notes: tuple[str, ...]
    unrelated: tuple[float, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready data."""
        return {
            "lse_c": self.score.lse_c,
            "lse_d": self.score.lse_d,
            "offset": self.score.offset,
            "above_unrelated": self.above_unrelated,
            "windows": self.score.windows,
            "frames": self.frames,
            "mean_distances": list(self.score.mean_distances),
            "window_confidence": list(self.score.window_confidence),
            "protocol": str(self.protocol),
            "expert": self.expert.label,
            "weights_sha256": self.expert.weights_sha256,
            "verified_weights": self.expert.verified,
            "notes": list(self.notes),
        }

    @property
    def lse_c(self) -> float:
        """The confidence: how much better the best offset fits than the others."""
        return self.score.lse_c

    @property
    def lse_d(self) -> float:
        """The distance at the best offset."""
        return self.score.lse_d

    @property
    def offset(self) -> int:
        """The best offset, in frames."""
        return self.score.offset

    @property
    def above_unrelated(self) -> float | None:
        """How far the LSE-C stands above the mean of ``unrelated``; None where there is none.

        Clips of different length, faces and speech may be compared by it: what they score by chance is taken off.
        """
        return self.lse_c - float(np.mean(self.unrelated)) if self.unrelated else None

    def to_records(self) -> list[dict[str, Any]]:
        """Return one record of numbers and text, as ``pandas.DataFrame`` reads it."""
        return [{name: value for name, value in self.to_dict().items() if not isinstance(value, list)}]

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        (record,) = self.to_records()
        cells = "".join(
            f"<tr><th scope='row'>{escape(name)}</th><td>{escape(str(value))}</td></tr>"
            for name, value in record.items()
        )
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return f"<table>{cells}</table><ul>{notes}</ul>"


def score_file(
    video: Path,
    *,
    audio: Path | None = None,
    expert: str = "auto",
    protocol: str = "auto",
    weights: Path | None = None,
    allow_unverified: bool = False,
    device: str = "cpu",
    face: str = "largest",
    jpeg: str = "pyav",
) -> FileScore:
    """Score ``video`` against its own audio, or against the file ``audio``.

    Under ``tracked``, ``face`` says whose face counts where several are seen: ``largest`` or ``speaking``.

    ``jpeg`` says who makes the JPEG step of ``lrs``: ``pyav``, the same on every machine with the same PyAV, or
    ``ffmpeg``, the reference's own bytes by the ffmpeg of this machine; the notes name it.

    Frames are decoded, cropped and embedded as they come, and never all held: memory depends neither on the
    length of the video nor on its size. ``tracked`` decodes the file twice, and once more to find the mouth for an
    expert that judges mouth-aligned crops better.

    Raises:
        ConfigurationError: unknown expert or protocol, or the JPEG step cannot be made as asked.
        InputError: a file that cannot be read, or audio that ends before the video.
        UnscorableError: too short, or no face where one is needed.
        WeightsError, MissingDataError: see ``load_expert``.
    """
    recording = Recording(video, audio)
    heard = recording.audio
    # The picture may be longer than the sound; how long it is, is known when it has been decoded.
    audible = len(heard) // SAMPLES_PER_FRAME
    name, how, choice = _chosen(expert, protocol, weights, VideoFile(recording.timeline, audible))
    by_ffmpeg = _jpeg_step(jpeg, how)
    judge = load_expert(name, weights, allow_unverified=allow_unverified, device=device)
    seen: VideoFile | FfmpegFile
    crops = Crops(how, weights, face, judge)
    if by_ffmpeg:
        seen, cropper = FfmpegFile(recording.timeline, audible), Cropper(Protocol.DIRECT)
    else:
        seen = VideoFile(recording.timeline, audible)
        cropper = crops.through(seen, heard)
    found = _scored(judge, crops, cropper, how, seen, heard)
    audible_frames(recording.audio_file, seen.length, len(heard))
    conversions = (*recording.timeline.notes, *seen.notes, *recording.sound_notes)
    return replace(found, frames=seen.length, notes=(*choice, *conversions, *found.notes))


def score_clip(
    clip: Clip,
    *,
    expert: str = "auto",
    protocol: str = "auto",
    weights: Path | None = None,
    device: str = "cpu",
    face: str = "largest",
) -> FileScore:
    """Score a clip that is decoded; the options and errors are those of ``score_file``."""
    name, how, choice = _chosen(expert, protocol, weights, clip.video)
    judge = load_expert(name, weights, device=device)
    crops = Crops(how, weights, face, judge)
    cropper = crops.through(clip.video, clip.audio)
    found = _scored(judge, crops, cropper, how, clip.video, clip.audio)
    return replace(found, frames=len(clip.video), notes=(*choice, *found.notes))


def _chosen(
    expert: str, protocol: str, weights: Path | None, frames: Iterable[Image]
) -> tuple[str, Protocol, tuple[str, ...]]:
    """The expert, the protocol, and what is to be said of the choice."""
    name, _ = choose_expert(expert, weights)
    if protocol not in ("auto", *Protocol):
        raise ConfigurationError(
            f"unknown protocol {protocol!r}; known are auto, {', '.join(Protocol)}{meant(protocol, Protocol)}"
        )
    if protocol != "auto":
        return name, Protocol(protocol), ()
    from pytest_lipleak.faces.framing import fitting_protocol

    found, why = fitting_protocol(default_protocol(name), [frames], weights)
    return name, found, (f"protocol {found}: {why}",) if found is Protocol.TRACKED and why else ()


def _scored(
    judge: SyncExpert, crops: Crops, cropper: Cropper, protocol: Protocol, seen: Iterable[Image], heard: Audio
) -> FileScore:
    found = judge.examine(cropper(seen), heard)
    by_window, review = found.distances, found.review
    result = score_of(by_window)
    # A lone file may be real or generated, so what would be refused in an evaluation is only said here.
    warnings = [*(f"unreliable: {reason}" for reason in review.refusals), *review.warnings]
    chance = _chance(found.video, found.audio)
    if chance and unheard(result.lse_c, chance):
        away = (
            ""
            if protocol is Protocol.TRACKED
            else ", or the face does not fill the frame (use protocol tracked)"
        )
        above = "no better than chance" if max(chance) >= result.lse_c else "hardly better than chance"
        warnings.append(
            f"{above}: other stretches of the same audio give LSE-C {min(chance):.2f} to "
            f"{max(chance):.2f}; the lips do not follow this audio{away}"
        )
    elif why := doubtful_offset(result, chance):
        warnings.append(f"unreliable: {why}")
    aligned = crops.notes if cropper.corners is not None else ()
    notes = [*protocol_notes(cropper.protocol), *aligned, *cropper.notes, *warnings]
    if not judge.identity.verified:
        notes.append("unverified weights: these are not published numbers")
    return FileScore(result, len(by_window), protocol, judge.identity, tuple(notes), tuple(chance))


STEP = 5
"""Windows between the stretches that chance is known from; closer ones score alike."""


def _chance(video: Embeddings, audio: Embeddings) -> list[float]:
    """LSE-C of a video against its audio from too far before or behind; empty where it is too short for that."""
    windows = min(len(video), len(audio))
    starts = np.arange(2 * MAX_SHIFT, windows - 2 * MAX_SHIFT, STEP)
    if not len(starts):
        return []
    means = shifted_means(video[:windows], audio[:windows], starts)
    return [float(score) for score in np.median(means, axis=1) - means.min(axis=1)]


def _jpeg_step(jpeg: str, protocol: Protocol) -> bool:
    """Whether the ffmpeg binary makes the JPEG step."""
    if jpeg not in JPEG_STEPS:
        raise ConfigurationError(
            f"unknown JPEG step {jpeg!r}; known are {', '.join(JPEG_STEPS)}{meant(jpeg, JPEG_STEPS)}"
        )
    if jpeg == "ffmpeg" and protocol is not Protocol.LRS:
        raise ConfigurationError(f"protocol {protocol} has no JPEG step; only {Protocol.LRS} has one")
    return jpeg == "ffmpeg"
