"""Is a clip set fit to be measured on? Its real clips are looked at, and judged as a run judges them."""

import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_lipleak.core.clips import Clip, Image
from pytest_lipleak.core.errors import (
    InputError,
    LipleakError,
    MissingDataError,
    MissingExtraError,
    WeightsError,
)
from pytest_lipleak.core.listing import Listing
from pytest_lipleak.core.number_words import at_least_tenths, counted
from pytest_lipleak.core.scores import SyncScore
from pytest_lipleak.core.timebase import FRAME_RATE
from pytest_lipleak.evaluation.make.crops import Crops
from pytest_lipleak.evaluation.make.progress_relay import Progress
from pytest_lipleak.evaluation.make.unrelated_speech import UnrelatedSpeech
from pytest_lipleak.evaluation.results.preconditions import expert_unfit, out_of_sync
from pytest_lipleak.faces.centred import is_centred, mouth_elsewhere
from pytest_lipleak.media.clipsets import ClipSet
from pytest_lipleak.media.opening import opened
from pytest_lipleak.media.same_speech import Speeches
from pytest_lipleak.media.tracks import choose_tracks
from pytest_lipleak.plan.few_speeches import few_speeches
from pytest_lipleak.plan.pairing import ANY_SPEAKER, mismatched_pairs
from pytest_lipleak.sync.expert import SyncExpert
from pytest_lipleak.sync.lse import score
from pytest_lipleak.sync.protocols import Protocol
from pytest_lipleak.sync.suitability import MIN_SPEECH_SECONDS, sounding_frames, speech_seconds

if TYPE_CHECKING:
    from pytest_lipleak.faces.detection import FaceDetector

CUT = 10.0
"""Grey levels by which two frames differ on average, at 32 x 32 pixels, where a shot may end."""
CUT_ABOVE_MOTION = 4.0
"""A cut differs by so many times more than the frames around it, up to"""
CUT_REACH = 3
"""so many frames away: a repeated frame, as other rates leave it, tells nothing."""
STILL = 0.05
"""Grey levels: pictures that never differ by more are one picture."""


@dataclass
class ClipReport:
    """What is known of one clip; None where it could not be found out.

    Args:
        name: within its set.
        file: the video.
        speaker: who speaks, where known.
        problems: why the clip cannot be used as it is, and what to do.
        notes: what was converted, and what else to know.
        streams: codecs, picture size, rates and channels as in the file.
        rotation: degrees, clockwise, by which players turn the picture.
        frames: at 25 per second, as read.
        size: width and height as read, upright and with square pixels.
        speech: seconds, pauses between words included.
        shots: how many.
        faces: how many last through half of the clip or more.
        face_side: of the face that is seen most, in pixels.
        face_lost: frames without it.
        centred: whether the frames are face crops already.
        mouth_elsewhere: where the mouth lies, if that is outside of the mouth region of face crops.
        offset: in frames, SyncNet's sign.
        lse_c: with its own audio.
        unrelated: mean LSE-C with other clips' audio of this clip's length: its expected null.
        heard: whether its own audio stands out.
        partner: the clip whose audio would drive it under XM.
        copy_of: the clip that this is again, which counts once.
        same_recording_as: the first other clip that holds the same recording.
    """

    name: str
    file: Path
    speaker: str | None = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    streams: tuple[str, ...] = ()
    rotation: int | None = None
    frames: int | None = None
    size: tuple[int, int] | None = None
    speech: float | None = None
    shots: int | None = None
    faces: int | None = None
    face_side: float | None = None
    face_lost: int | None = None
    centred: bool | None = None
    mouth_elsewhere: str = ""
    offset: int | None = None
    lse_c: float | None = None
    unrelated: float | None = None
    heard: bool | None = None
    partner: str | None = None
    copy_of: str | None = None
    same_recording_as: str | None = None

    @property
    def seconds(self) -> float | None:
        """Length as read."""
        return None if self.frames is None else self.frames / FRAME_RATE

    @property
    def above_unrelated(self) -> float | None:
        """How far the clip's LSE-C stands above what these lips score by chance; None where it was not scored."""
        return None if self.lse_c is None or self.unrelated is None else round(self.lse_c - self.unrelated, 3)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready data."""
        derived = {"seconds": self.seconds, "above_unrelated": self.above_unrelated}
        return vars(self) | derived | {"file": str(self.file), "ready": not self.problems}


@dataclass(frozen=True)
class ClipSetReport:
    """What is known of a clip set.

    Args:
        origin: what the user named.
        clips: one by one.
        problems: why the set as a whole cannot be used, and what to do.
        notes: what else to know.
        protocol: under which the clips were judged.
        expert: who judged.
        listing: what was found and left out.
        few: what cannot be told of any model on so few speeches, or None.
    """

    origin: str
    clips: tuple[ClipReport, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    protocol: Protocol
    expert: str
    listing: Listing
    few: str | None = None

    @property
    def ready(self) -> bool:
        """Whether nothing is to be fixed."""
        return not self.problems and not any(clip.problems for clip in self.clips)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready data."""
        return {
            "clip_set": self.origin,
            "ready": self.ready,
            "problems": list(self.problems),
            "notes": list(self.notes),
            "few_speeches": self.few,
            "expert": self.expert,
            "protocol": str(self.protocol),
            "files": self.listing.to_dict(),
            "clips": [clip.to_dict() for clip in self.clips],
        }


@dataclass(frozen=True)
class ClipRules:
    """How the run would read and judge the clips.

    Args:
        protocol: how frames become crops; None takes ``default``, or ``tracked`` where faces do not fill the frames.
        default: the expert's own protocol.
        weights: folder with the face model, or None to use the download folder.
        face: whose face where several are seen.
        seed: of the XM pairing.
        pairing: who may be paired with whom.
    """

    protocol: Protocol | None
    default: Protocol
    weights: Path | None = None
    face: str = "largest"
    seed: int = 0
    pairing: str = ANY_SPEAKER


def check_clips(clips: ClipSet, expert: SyncExpert, rules: ClipRules, progress: Progress) -> ClipSetReport:
    """Look at every clip of a set, and judge it as a run does.

    What cannot be read or judged becomes a problem of its clip, with the remedy, and the others go on.

    Args:
        clips: the set.
        expert: that judges.
        rules: how.
        progress: told about every clip, twice.

    Raises:
        MissingExtraError, WeightsError: faces are to be tracked, and the face model is not at hand.
    """
    detector, blind = _detector(rules)
    reports = {name: ClipReport(name, file.video, file.speaker) for name, file in clips.files.items()}
    for number, (name, report) in enumerate(reports.items()):
        progress(number, 2 * len(clips), name)
        with _kept_as_problem(report):
            _look(clips[name], report, detector)
    notes = [] if blind is None else [f"faces were not looked for: {blind}"]
    fit = [clips.files[name] for name, report in reports.items() if not report.problems]
    protocol = rules.protocol or _fitting_protocol(rules.default, reports.values())
    if rules.protocol is None and protocol is not rules.default:
        notes.append(f"faces do not fill the frames of all clips: measure with --lipleak-protocol {protocol}")
    problems: list[str] = []
    few: str | None = None
    if not fit:
        problems.append("no clip can be read; see the clips")
    else:
        good = clips if len(fit) == len(clips) else ClipSet(fit, clips.origin)
        _find_copies(good, reports)
        problems += _pair(good, reports, rules)
        partners = {report.name: (report.partner,) for report in reports.values() if report.partner}
        few = few_speeches(good, partners)
        problems += _Judge(good, expert, protocol, rules).judge(reports, progress)
    for report in reports.values():
        if protocol is not Protocol.TRACKED and report.centred is False:
            place = report.mouth_elsewhere
            what = f"the mouth lies at {place}, not" if place else "the face does not fill the frame,"
            report.problems.append(
                f"{what} as protocol {protocol} expects; use --lipleak-protocol tracked, or cut the clip to the face"
            )
    progress(2 * len(clips), 2 * len(clips), "")
    rows = tuple(reports.values())
    identity = expert.identity.label
    return ClipSetReport(
        clips.origin, rows, tuple(problems), tuple(notes), protocol, identity, clips.listing, few
    )


def _detector(rules: ClipRules) -> "tuple[FaceDetector | None, str | None]":
    """The face detector, or why there is none."""
    from pytest_lipleak.faces.detection import FaceDetector

    try:
        return FaceDetector(rules.weights), None
    except (MissingExtraError, MissingDataError, WeightsError) as error:
        if rules.protocol is Protocol.TRACKED:
            raise
        return None, str(error)


@contextmanager
def _kept_as_problem(report: ClipReport) -> Iterator[None]:
    """Whatever one clip brings about must not lose what is known of the others."""
    try:
        yield
    except LipleakError as error:
        report.problems.append(str(error))
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        report.problems.append(
            f"looking at it failed with {type(error).__name__}: {error} ({Path(place.filename).name}, line "
            f"{place.lineno}); leave the clip out, or convert it, and report this as a fault of pytest-lipleak"
        )


def _look(clip: Clip, report: ClipReport, detector: "FaceDetector | None") -> None:
    """Fill in what needs no judge: one pass through the frames."""
    frames, height, width, _ = clip.video.shape
    report.frames, report.size = frames, (width, height)
    report.notes += clip.notes
    report.streams, report.rotation = _streams(report.file)
    report.speech = round(speech_seconds(sounding_frames(clip.audio)), 2)
    motion = _Motion()
    images = motion.watching(clip.video)
    if detector is None:
        for _ in images:
            pass
    else:
        from pytest_lipleak.faces.tracking import survey

        found = survey(images, detector)
        report.faces, report.face_side, report.face_lost = found.faces, round(found.side, 1), found.lost
        if len(found.boxes):
            report.centred = is_centred(found.boxes, height, width)
            report.mouth_elsewhere = mouth_elsewhere(found.boxes, height, width)
        else:
            report.problems.append(
                f"no face was found in any of the {frames} frames; leave the clip out, or cut it to the face"
            )
        if found.faces > 1:
            report.notes.append(
                f"{found.faces} faces; one is taken under tracked, see --lipleak-face: cut the clip to one person"
            )
    report.shots = motion.cuts + 1
    if report.shots > 1:
        report.notes.append(
            f"{report.shots} shots; cut it into a clip each, unless all show the speaking face"
        )
    if motion.still:
        report.problems.append("its picture stands still; leave it out, or name the video instead of a still")
    if report.speech < MIN_SPEECH_SECONDS:
        report.problems.append(
            f"{at_least_tenths(report.speech)} s of speech, expected {MIN_SPEECH_SECONDS:g} s or more; use a longer "
            "clip of somebody who speaks"
        )


def _streams(path: Path) -> tuple[tuple[str, ...], int]:
    """Every picture and sound stream in words, and by how many degrees the picture that is read is turned."""
    words, rotation = [], 0
    with opened(path) as container:
        taken = choose_tracks(path, container).video
        for stream in container.streams:
            context: Any = stream.codec_context
            if stream.type == "video" and context is not None:
                rate = f"{float(stream.average_rate):.5g} fps" if stream.average_rate else "no frame rate"
                words.append(f"{context.name} {context.width}x{context.height}, {rate}")
            elif stream.type == "audio" and context is not None:
                words.append(
                    f"{context.name} {context.sample_rate} Hz, {counted(context.channels, 'channel')}"
                )
            elif stream.type in ("video", "audio"):
                words.append(f"{stream.type} of an unknown codec")
        for frame in container.decode(container.streams[taken or 0]):
            rotation = -int(getattr(frame, "rotation", 0)) % 360  # PyAV counts counter-clockwise
            break
    return tuple(words), rotation


class _Motion:
    """Cuts and stillness from the differences of small grey pictures."""

    def __init__(self) -> None:
        self._changes: list[float] = []

    def watching(self, images: Iterable[Image]) -> Iterator[Image]:
        """Yield the images, and note how each differs from the one before."""
        import cv2

        last = None
        for image in images:
            small = cv2.resize(
                cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (32, 32), interpolation=cv2.INTER_AREA
            )
            now = np.asarray(small, np.float32)
            if last is not None:
                self._changes.append(float(np.abs(now - last).mean()))
            last = now
            yield image

    @property
    def still(self) -> bool:
        """Whether no picture differs from the one before."""
        return max(self._changes, default=0.0) < STILL

    @property
    def cuts(self) -> int:
        """How many pictures differ from the one before far more than those around do: a simple cut, no dissolve."""
        reach = CUT_REACH
        changes = np.pad(np.array(self._changes), reach)
        around = np.lib.stride_tricks.sliding_window_view(changes, 2 * reach + 1).copy()
        inner = around[:, reach].copy()
        around[:, reach] = 0.0
        return int((inner > np.maximum(CUT, CUT_ABOVE_MOTION * around.max(axis=1))).sum())


def _fitting_protocol(default: Protocol, reports: Iterable[ClipReport]) -> Protocol:
    """The expert's own protocol; ``tracked`` where a face does not fill its frame."""
    elsewhere = any(report.centred is False for report in reports)
    return Protocol.TRACKED if elsewhere else default


def _find_copies(clips: ClipSet, reports: dict[str, ClipReport]) -> None:
    """Note which clips are copies of others, and which hold a recording that one before holds: cut, of another take."""
    speeches = Speeches(dict.fromkeys(clips), clips.speech)
    for name in clips:
        report = reports[name]
        if name in clips.copies:
            report.copy_of = clips.copies[name]
            report.notes.append(
                f"a copy of clip {report.copy_of!r}: they count once, and this one is not measured"
            )
            continue
        lags = speeches.same_recording(name)
        first = next(other for other in clips if other in lags)
        if first != name:
            report.same_recording_as = first
            lag = lags[first]
            where = f", {abs(lag):.2f} s {'later' if lag > 0 else 'earlier'}" if lag else ""
            report.notes.append(
                f"clip {first!r} holds the same recording{where}: they are never paired with each other"
            )


def _pair(clips: ClipSet, reports: dict[str, ClipReport], rules: ClipRules) -> list[str]:
    """Note every clip's partner under XM; returns why there are none."""
    try:
        pairs = clips.partners or mismatched_pairs(clips, rules.seed, rules.pairing)
        for name, partner in pairs.items():
            reports[name].partner = partner
    except InputError as error:
        return [str(error)]
    return []


class _Judge:
    """The run's own question to real clips: does the expert hear their own audio among others'?"""

    def __init__(self, clips: ClipSet, expert: SyncExpert, protocol: Protocol, rules: ClipRules) -> None:
        self._clips = clips
        self._expert = expert
        self._crops = Crops(protocol, rules.weights, rules.face, expert)
        self._unrelated = UnrelatedSpeech(clips, expert.embed_audio, rules.seed)

    def judge(self, reports: dict[str, ClipReport], progress: Progress) -> list[str]:
        """Fill in offset, score and what chance gives; returns why the set as a whole cannot be judged."""
        own: dict[str, SyncScore] = {}
        others: dict[str, tuple[float, ...]] = {}
        for number, name in enumerate(self._clips, len(reports)):
            progress(number, 2 * len(reports), name)
            report = reports[name]
            if report.copy_of is not None:
                continue
            with _kept_as_problem(report):
                if (found := self._scores(self._clips[name], report)) is not None:
                    own[name], others[name] = found
        if why := expert_unfit({name: score.lse_c for name, score in own.items()}, others):
            return [why]
        for name in own:
            why = out_of_sync(own[name], others[name])
            reports[name].heard = why is None
            if why:
                reports[name].problems.append(
                    f"{why}; leave it out, or check that sound and picture belong together and the face fills the frame"
                )
        return []

    def _scores(self, clip: Clip, report: ClipReport) -> tuple[SyncScore, tuple[float, ...]] | None:
        """The score with the clip's own audio, and LSE-C with unrelated ones; None where the expert cannot judge it."""
        cropper = self._crops.of(clip)
        report.notes += cropper.notes
        review = self._expert.review(cropper(clip.video), clip.audio)
        known = " ".join(report.problems)
        report.problems += [
            why for why in review.refusals if "s of speech" not in why or "s of speech" not in known
        ]
        report.notes += review.warnings
        if not review.suitable:
            return None
        video = self._expert.embed_video(cropper(clip.video))
        mine = score(video, self._expert.embed_audio(clip.audio))
        null = tuple(self._unrelated.scores(video, clip.name))
        if not null:
            # A clip alone is compared with its own speech half a clip later, as in a run.
            later = np.roll(clip.audio, len(clip.audio) // 2)
            null = (score(video, self._expert.embed_audio(later)).lse_c,)
        report.offset, report.lse_c = mine.offset, round(mine.lse_c, 3)
        report.unrelated = round(float(np.mean(null)), 3)
        return mine, null
