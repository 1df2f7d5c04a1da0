"""Face tracks and crops: the ``tracked`` protocol, for video in the wild.

Source of rules and constants: ``run_pipeline.py`` of the SyncNet demo code (Chung & Zisserman 2016). Two
things differ. The detector is MediaPipe's BlazeFace instead of S3FD; its boxes are rescaled to the
framing that S3FD gives, but scores depend on the detector all the same. And a track must last through the
whole clip, because a generated clip is scored from its first frame to its last.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Frames
from pytest_lipleak.core.errors import ConfigurationError, UnscorableError
from pytest_lipleak.faces.detection import Face, FaceDetector, Image, overlap
from pytest_lipleak.sync.expert import SyncExpert
from pytest_lipleak.sync.lse import median_filter, score

SIZE = 224
"""Height and width of a crop, in pixels."""

MIN_OVERLAP = 0.5
"""A face belongs to a track when its box overlaps the track's last one by more (intersection over union)."""

MAX_MISSED = 25
"""Frames in a row without the face that a track survives: one second.

What the demo's option promises; its code stops one frame earlier."""

SMOOTHING = 13
"""Width of the median filter over centre and size, in frames."""

CROP_SCALE = 0.40
PADDING = 110
"""Grey level beyond the edges of the frame."""

HALF_SIZE = 1.13
RAISED = 0.17
"""BlazeFace's half side times 1.13, its centre raised by 0.17 half sides: S3FD's framing.

Fitted on published SyncNet crops, whose box follows from their framing: the SyncNet demo's example (1.18,
0.17), 40 clips of generated talkers (median 1.13, 0.10; standard deviation 0.07, 0.08) and 8 of GRID (1.08,
0.10). The mouth comes to lie at 0.50 to 0.56 of the crop's height, in the published crops at 0.53."""

SHORT_CLIP_MIN_TRACK = 20
"""Instead of the published minimum where the whole clip is no longer than that: 15 windows of sync."""

LEAST_FACE = 40.0
"""Faces above the published minimum are taken first; where there is none, or the frame is too small for a crop of such
a face, one that is larger than this, with a note."""


class FacePolicy(StrEnum):
    """Whose face, where several are seen."""

    LARGEST = "largest"
    """The one with the largest box on average."""
    SPEAKING = "speaking"
    """The one whose lips are best in sync with the clip's own audio (LSE-C)."""


@dataclass(frozen=True)
class TrackRules:
    """When a track is good enough.

    Args:
        min_track: a track needs more detections than this.
        min_face: a face must be larger than this, in pixels, on average over the track.
        notes: how these differ from the published rules.
    """

    min_track: int = 100
    min_face: float = 100.0
    notes: tuple[str, ...] = ()


PUBLISHED = TrackRules()
"""The SyncNet demo's own."""


def rules_for(frames: int, height: int, width: int) -> TrackRules:
    """The published rules as far as a clip of that length and size can meet them at all; notes say where not."""
    notes = []
    min_track, min_face = PUBLISHED.min_track, PUBLISHED.min_face
    if frames <= min_track:
        notes.append(
            f"clip of {frames} frames: tracks of more than {SHORT_CLIP_MIN_TRACK} frames are accepted "
            f"(short-clip minimum; published: more than {min_track})"
        )
        min_track = SHORT_CLIP_MIN_TRACK
    if min(height, width) < min_face * (1 + CROP_SCALE):
        notes.append(
            f"frames of {width}x{height}: faces of more than {LEAST_FACE:g} pixels are accepted "
            f"(small-frame minimum; published: more than {min_face:g})"
        )
        min_face = LEAST_FACE
    return TrackRules(min_track, min_face, tuple(notes))


@dataclass(frozen=True, eq=False)
class FaceTrack:
    """One face through a whole clip, in S3FD's framing, smoothed.

    Args:
        x: column of the box centre per frame, in pixels, float64 (T,).
        y: row of the box centre per frame.
        half_size: half the box side per frame, in pixels.
        policy: why this face.
        notes: what a report must say: rules relaxed, frames interpolated, other faces seen.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    half_size: NDArray[np.float64]
    policy: FacePolicy = FacePolicy.LARGEST
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.x)

    @property
    def boxes(self) -> NDArray[np.float64]:
        """Left, top, right, bottom per frame, in pixels, float64 (T, 4)."""
        x, y, s = self.x, self.y, self.half_size
        return np.stack([x - s, y - s, x + s, y + s], axis=1)


@dataclass(frozen=True, eq=False)
class FaceSurvey:
    """What is to be seen of faces in a clip, whatever the rules of tracks.

    Args:
        faces: how many are seen in at least half of the frames.
        side: of the one that is seen in most frames, in S3FD's framing: mean side of its box in pixels; 0 without one.
        lost: frames without it.
        longest_gap: most frames in a row without it.
        boxes: left, top, right, bottom where it was seen, float64 (N, 4).
    """

    faces: int
    side: float
    lost: int
    longest_gap: int
    boxes: NDArray[np.float64]


@dataclass
class _Sightings:
    """One face while it is followed: where it was seen."""

    frames: list[int] = field(default_factory=list)
    boxes: list[NDArray[np.float64]] = field(default_factory=list)

    @property
    def side(self) -> float:
        """Mean side of the box, interpolated frames not counted."""
        return float(np.mean([box[2:] - box[:2] for box in self.boxes]))

    def gap(self, length: int) -> int:
        """Most frames in a row without the face, before the first and after the last sighting included."""
        return int(np.diff([-1, *self.frames, length]).max()) - 1


def track(
    frames: Iterable[Image],
    *,
    weights: Path | None = None,
    detector: FaceDetector | None = None,
    policy: FacePolicy = FacePolicy.LARGEST,
    expert: SyncExpert | None = None,
    audio: Audio | None = None,
    rules: TrackRules | None = None,
) -> FaceTrack:
    """Follow one face through a clip.

    Args:
        frames: uint8 RGB images (H, W, 3), 25 fps: an array (T, H, W, 3), or an iterator of which only
            boxes are kept.
        weights: folder with ``face_landmarker.task``, or None to use the download folder.
        detector: to use instead of a new one.
        policy: whose face, where several last through the clip.
        expert: that judges who speaks, under the policy ``speaking``.
        audio: int16 mono, 16 kHz, likewise.
        rules: shortest track and smallest face; None for :func:`rules_for` the clip.

    Raises:
        UnscorableError: no face, or none long enough, large enough, or seen throughout; says which.
        ConfigurationError: who speaks can't be told without expert and audio, or from an iterator.
    """
    policy = FacePolicy(policy)
    if policy is FacePolicy.SPEAKING and (expert is None or audio is None or iter(frames) is frames):
        raise ConfigurationError(
            "the face policy 'speaking' needs a sync expert, the clip's audio and frames that can be read twice; "
            "pass expert=, audio= and an array of frames, or use the policy 'largest'"
        )
    seen, length, size = _follow(frames, detector or FaceDetector(weights))
    wanted = rules or rules_for(length, *size)
    notes = list(wanted.notes)
    usable = [sightings for sightings in seen if _objection(sightings, length, wanted) is None]
    if not usable:
        # Rules that somebody gives are kept.
        usable = _usable(seen, length, rules or replace(wanted, min_face=LEAST_FACE))
        notes.append(
            f"the face is {usable[0].side:.0f} pixels large (published minimum: more than {wanted.min_face:g}): its "
            "crops are enlarged, and blur may weaken scores"
        )
    usable.sort(key=lambda sightings: -sightings.side)
    if len(usable) > 1:
        notes.append(f"{len(usable)} faces last through the clip; taken is the {policy} one")
    tracks = [_smoothed(sightings, length, policy, notes) for sightings in usable]
    if policy is FacePolicy.LARGEST or len(tracks) == 1:
        return tracks[0]
    assert expert is not None
    assert audio is not None
    heard = expert.embed_audio(audio)
    return max(tracks, key=lambda each: score(expert.embed_video(crop(frames, each)), heard).lse_c)


def survey(frames: Iterable[Image], detector: FaceDetector) -> FaceSurvey:
    """Look for faces in every frame of a clip: uint8 RGB images (H, W, 3), 25 fps."""
    seen, length, _ = _follow(frames, detector)
    if not seen:
        return FaceSurvey(0, 0.0, length, length, np.empty((0, 4)))
    lasting = [sightings for sightings in seen if 2 * len(sightings.frames) >= length]
    main = max(seen, key=lambda sightings: (len(sightings.frames), sightings.side))
    lost, boxes = length - len(main.frames), np.array(main.boxes)
    return FaceSurvey(len(lasting), main.side, lost, main.gap(length), boxes)


def crop(frames: Iterable[Image], track: FaceTrack, size: int = SIZE) -> Frames:
    """Cut the face out of every frame: uint8 RGB (T, size, size, 3). See :func:`crops`."""
    return np.stack(list(crops(frames, track, size)))


def crops(frames: Iterable[Image], track: FaceTrack, size: int = SIZE) -> Iterator[Image]:
    """Yield the face crop of every frame, uint8 RGB (size, size, 3).

    With half size s and centre (x, y): rows y - s .. y + 1.8 s, columns x - 1.4 s .. x + 1.4 s, padded
    with grey 110, resized with OpenCV's default interpolation.

    Args:
        frames: those tracked, or others of the same geometry, such as a generated clip's.
        track: of as many frames.
        size: height and width of the crops; SyncNet's by default.

    Raises:
        ValueError: another number of frames than the track has.
    """
    import cv2

    count = 0
    for count, frame in enumerate(frames, 1):
        if count > len(track):
            break
        cut = _square(frame, track.x[count - 1], track.y[count - 1], track.half_size[count - 1])
        yield np.asarray(cv2.resize(cut, (size, size)), np.uint8)
    if count != len(track):
        got = "more" if count > len(track) else str(count)
        raise ValueError(f"{got} frames for a face track of {len(track)}; expected as many")


def _square(frame: Image, x: float, y: float, s: float) -> Image:
    # The demo pads the frame first and truncates after, so truncation is downward for the padded numbers.
    margin = int(s * (1 + 2 * CROP_SCALE))
    top, bottom = int(y + margin - s) - margin, int(y + margin + s * (1 + 2 * CROP_SCALE)) - margin
    left, right = (int(x + margin + sign * s * (1 + CROP_SCALE)) - margin for sign in (-1, 1))
    height, width = frame.shape[:2]
    result = np.full((max(bottom - top, 1), max(right - left, 1), 3), PADDING, np.uint8)
    rows = slice(max(top, 0), min(bottom, height))
    columns = slice(max(left, 0), min(right, width))
    if rows.start < rows.stop and columns.start < columns.stop:
        inside = frame[rows, columns]
        result[rows.start - top :, columns.start - left :][: inside.shape[0], : inside.shape[1]] = inside
    return result


def reframed(face: Face) -> NDArray[np.float64]:
    """The detector's box (left, top, right, bottom) in S3FD's framing."""
    half = face.side / 2
    x, y = face.centre[0], face.centre[1] - RAISED * half
    s = HALF_SIZE * half
    return np.array([x - s, y - s, x + s, y + s])


def _follow(frames: Iterable[Image], detector: FaceDetector) -> tuple[list[_Sightings], int, tuple[int, int]]:
    """All faces ever seen, number of frames, their height and width."""
    seen: list[_Sightings] = []
    size = (0, 0)
    length = 0
    for index, frame in enumerate(frames):
        length, size = index + 1, frame.shape[:2]
        alive = [sightings for sightings in seen if index - sightings.frames[-1] - 1 <= MAX_MISSED]
        hint = max(alive, key=lambda sightings: sightings.frames[-1]).boxes[-1] if alive else None
        boxes = [reframed(face) for face in detector.detect(frame, hint)]
        _assign(index, boxes, alive, seen)
    return seen, length, size


def _assign(
    index: int, boxes: list[NDArray[np.float64]], alive: list[_Sightings], seen: list[_Sightings]
) -> None:
    """Give each box to the track that it overlaps most, each track at most one; the rest start new ones."""
    pairs = [
        (overlap(box, sightings.boxes[-1]), which, other)
        for which, box in enumerate(boxes)
        for other, sightings in enumerate(alive)
    ]
    given: set[int] = set()
    taken: set[int] = set()
    for shared, which, other in sorted(pairs, reverse=True):
        if shared > MIN_OVERLAP and which not in given and other not in taken:
            alive[other].frames.append(index)
            alive[other].boxes.append(boxes[which])
            given.add(which)
            taken.add(other)
    seen.extend(_Sightings([index], [box]) for which, box in enumerate(boxes) if which not in given)


def _usable(seen: list[_Sightings], length: int, rules: TrackRules) -> list[_Sightings]:
    """Those good enough, largest first; raise with the reason that the best one is not."""
    if not seen:
        raise UnscorableError(f"no face was found in any of the {length} frames")
    usable = [sightings for sightings in seen if _objection(sightings, length, rules) is None]
    if not usable:
        longest = max(seen, key=lambda sightings: (len(sightings.frames), sightings.side))
        raise UnscorableError(f"no face can be followed: {_objection(longest, length, rules)}")
    return sorted(usable, key=lambda sightings: -sightings.side)


def _objection(sightings: _Sightings, length: int, rules: TrackRules) -> str | None:
    first, last, count = sightings.frames[0], sightings.frames[-1], len(sightings.frames)
    if count <= rules.min_track:
        return (
            f"the best face was detected in {count} of {length} frames, expected more than {rules.min_track}"
        )
    if sightings.side <= rules.min_face:
        return (
            f"the face is {sightings.side:.0f} pixels large, expected more than {rules.min_face:g}; "
            "use footage of higher resolution or cut closer to the face"
        )
    if sightings.gap(length) > MAX_MISSED:
        return (
            f"the face is lost for {sightings.gap(length)} frames in a row (seen from frame {first} to {last} of "
            f"{length}), expected at most {MAX_MISSED}; cut the clip to the frames that show the face"
        )
    return None


def _smoothed(sightings: _Sightings, length: int, policy: FacePolicy, notes: list[str]) -> FaceTrack:
    # Before the first and after the last sighting the box stays where it was.
    boxes = np.stack(
        [np.interp(np.arange(length), sightings.frames, side) for side in np.array(sightings.boxes).T], axis=1
    )
    size = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) / 2
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    x, y, s = (median_filter(values, SMOOTHING) for values in (middle[:, 0], middle[:, 1], size))
    if missed := length - len(sightings.frames):
        notes = [
            *notes,
            f"face not detected in {missed} of {length} frames; its place was interpolated there",
        ]
    return FaceTrack(x, y, s, policy, tuple(notes))
