"""One file on one clock: which streams are read, where the first picture is, and the sound that belongs to it.

:class:`Recording` is the way from files to a clip: one pass over the packets chooses the streams, finds the first
picture that can be decoded, which is time 0, decodes the sound and lays it on that clock; the pictures are then decoded
as often as they are looked at.
"""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_lipleak.core.clips import Audio
from pytest_lipleak.core.errors import InputError
from pytest_lipleak.media.clip_bounds import (
    LARGEST_BACKSTEP,
    LONGEST_CLIP,
    LONGEST_GAP,
    LONGEST_STOP,
    MOST_DAMAGED,
    backstep,
    check_picture_size,
    jump,
)
from pytest_lipleak.media.opening import FileState, check_unchanged, demuxed, file_state, opened
from pytest_lipleak.media.sound_timeline import SoundTrack
from pytest_lipleak.media.tracks import Tracks, choose_tracks, require

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

LONGEST_PACKET = 0.3
"""Seconds of the longest packets of sound that people write: FLAC at 16 kHz."""

STATES_DURATION = frozenset({"asf", "flv", "gxf", "matroska", "mov", "mp4", "mxf", "webm"})
"""Container formats whose header states the duration; others (MPEG streams, say) only let it be guessed."""

HIDES_RUN_IN = frozenset({"aac", "flv", "loas", "mpegts"})
"""Container formats that do not say that the first frame of AAC is its run-in: half a window, heard by nobody.

MP4's edit lists say so, and players leave it out. It is 21 ms at 48 kHz, and 64 ms at 16 kHz.
"""

STATES_TICKS = frozenset({"avi"})
"""Container formats whose header states how many ticks of its clock a stream has; not all need a picture."""


@dataclass(frozen=True, eq=False)
class Timeline:
    """What one pass over a file finds out.

    Args:
        path: the file.
        state: what it was then; see :func:`file_state`.
        tracks: the streams that are read.
        zero: seconds on the file's clock at which the first decodable picture is shown; None without pictures.
        audio: int16 mono, 16 kHz; sample 0 is at ``zero``, or the first sample of a file without pictures; None where
            the sound was not asked for.
        notes: what was chosen and mended, in words.
    """

    path: Path
    state: FileState
    tracks: Tracks
    zero: float | None
    audio: Audio | None
    notes: tuple[str, ...]

    def check_unchanged(self) -> None:
        """See ``media.opening.check_unchanged``."""
        check_unchanged(self.path, self.state)


def survey(path: Path, *, pictures: bool = True, sound: bool | None = True) -> Timeline:
    """Look once through the packets of a file, and decode its sound.

    Args:
        path: the file.
        pictures: whether sample 0 is at its first picture; else it is the first sample, whatever else is in the file.
        sound: whether its sound is wanted; None: where there is any.

    Raises:
        InputError: what is wanted is missing or cannot be decoded; the file is corrupt or truncated; its clock jumps
            or runs backwards; it is beyond one of the limits in ``media/clip_bounds.py``.
    """
    state = file_state(path)
    with opened(path) as container:
        tracks = choose_tracks(path, container)
        if sound:
            require(path, tracks, "audio")
        sound = tracks.audio is not None if sound is None else sound
        found = _Survey(path, container, tracks, pictures, sound)
        found.run()
    return Timeline(path, state, tracks, found.zero, found.audio(), (*tracks.notes, *found.notes()))


class _Survey:
    """One pass over the packets of a file."""

    def __init__(
        self, path: Path, container: "InputContainer", tracks: Tracks, pictures: bool, sound: bool
    ) -> None:
        self.path = path
        self.zero: float | None = None
        self._container: Any = container
        self._tracks = tracks
        self._picture = tracks.video if pictures else None
        self._sound = SoundTrack(path, self._has_run_in()) if sound else None
        self._clock = _PictureClock(path)
        self._packets = 0
        self._damaged: list[float] = []
        self._heard_at = math.inf

    def _has_run_in(self) -> bool:
        codec = self._container.streams[self._tracks.audio].codec_context.name
        return codec in ("aac", "aac_latm") and self._container.format.name in HIDES_RUN_IN

    def run(self) -> None:
        pictures = None
        if self._picture is not None:
            video = self._container.streams[self._picture]
            check_picture_size(self.path, video.codec_context.width, video.codec_context.height)
            # One picture is wanted: threads would first be fed with many.
            video.codec_context.thread_count = 1
            pictures = Pictures(video)
        ends: dict[int, float] = {}
        ticks = {stream.index: tick_of(stream) for stream in self._container.streams}
        for packet in demuxed(self._container):
            index, stamp = packet.stream.index, packet.dts if packet.pts is None else packet.pts
            if stamp is not None:
                ends[index] = max(ends.get(index, 0.0), (stamp + (packet.duration or 0)) * ticks[index])
            if index == self._picture and pictures is not None:
                self._clock.pass_by(packet, ticks[index])
                if self.zero is None:
                    self.zero = next((time for time, _ in pictures.of(packet)), None)
            if self._sound is not None and index == self._tracks.audio:
                self._hear(packet, ticks[index])
        self._check_damage()
        self._check_complete(ends)
        if pictures is not None and self.zero is None:
            raise InputError(f"{self.path}: the video stream has no decodable frame")
        if self._sound is not None:
            self._sound.finish()
        self._check_stops()

    def _hear(self, packet: Any, tick: float) -> None:
        import av

        assert self._sound is not None
        if packet.size == 0 and packet.dts is not None:
            return
        self._packets += packet.size > 0
        time = _time(packet, tick)
        # One without a time belongs to the packet before it; without any, to the clip.
        self._heard_at = self._heard_at if time is None else time
        try:
            frames = packet.stream.decode(packet)
        except av.error.FFmpegError:
            self._damaged.append(self._heard_at)
            return
        for frame in frames:
            if frame.samples:
                self._sound.add(frame)

    def _check_damage(self) -> None:
        """Count the damaged packets of the clip: what lies before its first picture is not part of it."""
        damaged = [time for time in self._damaged if self.zero is None or time >= self.zero]
        self._packets -= len(self._damaged) - len(damaged)
        self._damaged = damaged
        if len(damaged) > MOST_DAMAGED * self._packets:
            raise InputError(
                f"{self.path}: {len(damaged)} of {self._packets} sound packets cannot be decoded; "
                "the file is corrupt or encrypted; get it anew, or leave it out"
            )

    def _check_complete(self, ends: dict[int, float]) -> None:
        formats = set(self._container.format.name.split(","))
        if formats & STATES_DURATION:
            _check_announced(
                self.path, max(ends.values(), default=0.0), (self._container.duration or 0) / 1e6
            )
        if formats & STATES_TICKS and self._picture is not None:
            video = self._container.streams[self._picture]
            _check_announced(self.path, ends.get(self._picture, 0.0), float(video.frames * video.time_base))

    def _check_stops(self) -> None:
        """Refuse a time in which there is neither sound nor a new picture: the clock of the whole file jumps."""
        if self._sound is None or self._picture is None:
            return
        begin = self._sound.begin
        before = (-math.inf, math.inf if begin is None else begin)
        silent = [before, *self._sound.gaps, (self._sound.end, math.inf)]
        for begin, end in self._clock.gaps:
            for quiet, loud in silent:
                stop = max(begin, quiet), min(end, loud)
                if stop[1] - stop[0] > LONGEST_STOP:
                    raise jump(self.path, "neither sound nor pictures between", *stop)

    def audio(self) -> Audio | None:
        return None if self._sound is None else self._sound.on_clock(self.zero)

    def notes(self) -> tuple[str, ...]:
        notes = self._sound.notes() if self._sound is not None else ()
        if self._damaged:
            notes += (
                f"{len(self._damaged)} of {self._packets} sound packets cannot be decoded: silence in their place",
            )
        begin = self._clock.begin
        if self.zero is not None and begin is not None and self.zero - begin > LARGEST_BACKSTEP:
            notes += (
                f"the first {self.zero - begin:.2f} s of the video cannot be decoded (the file begins in the middle of "
                "a recording): the clip begins with the first picture that can",
            )
        return notes


class _PictureClock:
    """The decoding times of a video stream: they ascend, whatever the order of its pictures.

    ``gaps`` are places (begin, end) longer than ``LONGEST_STOP`` without a new picture.
    """

    def __init__(self, path: Path) -> None:
        self.begin: float | None = None
        self.gaps: list[tuple[float, float]] = []
        self._path = path
        self._last: float | None = None

    def pass_by(self, packet: "Packet[Any]", tick: float) -> None:
        time = _time(packet, tick)
        if time is None or not packet.size or packet.is_discard:
            return
        shown = time if packet.pts is None else packet.pts * tick
        self.begin = shown if self.begin is None else min(self.begin, shown)
        last = time if self._last is None else self._last
        if time - last > LONGEST_GAP:
            raise jump(self._path, f"no new picture for longer than {LONGEST_GAP:g} s", last, time)
        if time - last < -LARGEST_BACKSTEP:
            raise backstep(self._path, "picture", last, time)
        if time - self.begin > LONGEST_CLIP:
            raise InputError(
                f"{self._path}: longer than {LONGEST_CLIP / 3600:g} hours; cut the clip to the part that matters"
            )
        if time - last > LONGEST_STOP:
            self.gaps.append((last, time))
        self._last = time


def tick_of(stream: Any) -> float:
    """Seconds that a stream counts time in; 0 where it does not say. No fraction: those cost more than packets do."""
    return float(stream.time_base or 0)


def _time(packet: "Packet[Any]", tick: float) -> float | None:
    stamp = packet.pts if packet.dts is None else packet.dts
    return None if stamp is None or not tick else stamp * tick


def _check_announced(path: Path, found: float, announced: float) -> None:
    # Some muxers count one frame or packet more or less than they hold; a truncated download lacks many.
    if found < min(0.9 * announced, announced - LONGEST_PACKET):
        raise InputError(
            f"{path}: {found:.4g} seconds of the {announced:.4g} that the file announces are there; "
            "the file is truncated or corrupt; get it anew, or leave it out"
        )


class Pictures:
    """The pictures of one stream and the times at which they are shown, packet by packet.

    The first is the first whole one: what a stream that was cut inside a group of pictures leaves in front of it is
    no picture. Containers that store only the order of decoding (AVI) show the n-th picture at the n-th time; streams
    without a container show each as long as it says.

    Args:
        stream: the stream, opened for this pass alone.

    ``decoded`` counts the pictures; ``damaged`` the packets that cannot be decoded, after the first picture.
    """

    def __init__(self, stream: "VideoStream") -> None:
        self.decoded = self.damaged = 0
        self._stream = stream
        self._tick = tick_of(stream)
        self._period = 1 / float(stream.average_rate or stream.guessed_rate or 25)
        self._times: deque[tuple[float | None, bool]] = deque()
        self._last: float | None = None
        self._next = 0.0

    def of(self, packet: Any) -> Iterator[tuple[float, "VideoFrame"]]:
        """Yield what the next packet brings to light: seconds on the file's clock, and the picture."""
        import av

        if packet.size:
            self._times.append((_time(packet, self._tick), packet.is_keyframe))
        elif packet.dts is not None:
            # A picture that was dropped while recording; an empty packet would end the stream.
            return
        try:
            frames: list[Any] = self._stream.decode(packet)
        except av.error.FFmpegError:
            self.damaged += self._last is not None
            if self._times:
                self._times.pop()
            return
        for frame in frames:
            if self._last is None:
                if frame.is_corrupt:
                    continue
                while len(self._times) > 1 and not self._times[0][1]:
                    self._times.popleft()
            slot = self._times.popleft()[0] if self._times else None
            stamp = slot if frame.pts is None else frame.pts * self._tick
            self._last = self._next if stamp is None else stamp
            # The rate of a stream without a container is the demuxer's guess; its pictures know better.
            self._next = self._last + (frame.duration * self._tick if frame.duration else self._period)
            self.decoded += 1
            yield self._last, frame


class Recording:
    """A video file and its sound, on one clock; each is decoded when asked for.

    Args:
        video: the video file.
        audio: a file with the sound instead of the video's own, which starts at its own first sample.
    """

    def __init__(self, video: Path, audio: Path | None = None) -> None:
        self.video = video
        self.audio_file = audio or video
        self._apart = audio is not None and not _same(video, audio)

    @cached_property
    def timeline(self) -> Timeline:
        """The video file's clock, and its sound where it is the clip's."""
        return survey(self.video, sound=not self._apart)

    @cached_property
    def _heard(self) -> Timeline:
        return survey(self.audio_file, pictures=False) if self._apart else self.timeline

    @property
    def audio(self) -> Audio:
        """The whole sound, int16 mono 16 kHz; no picture but the first is decoded for it."""
        assert self._heard.audio is not None
        return self._heard.audio

    @property
    def sound_state(self) -> FileState:
        """Of the file whose sound it is, as it was when that was decoded."""
        return self._heard.state

    @property
    def sound_notes(self) -> tuple[str, ...]:
        """What was chosen and mended in a sound file of its own; the video file's notes stand in its timeline."""
        return self._heard.notes if self._apart else ()


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
