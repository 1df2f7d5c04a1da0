"""Video files in and out of arrays, through PyAV: no ffmpeg binary is needed."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_lipleak.core.clips import Audio, Frames, Image, StreamedVideo, Video, held
from pytest_lipleak.core.errors import InputError
from pytest_lipleak.core.timebase import FRAME_RATE, SAMPLE_RATE

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

STATES_DURATION = frozenset({"asf", "flv", "matroska", "mov", "mp4", "webm"})
"""Container formats whose header states the duration; others (MPEG streams, say) only let it be guessed."""


@dataclass(frozen=True)
class OpenedVideo:
    """A video that was decoded once, and what was done to it.

    Args:
        video: uint8 RGB, shape (T, H, W, 3), 25 frames per second.
        notes: conversions, in words.
    """

    video: Video
    notes: tuple[str, ...]

    @property
    def frames(self) -> Frames:
        """The whole video as one array."""
        return held(self.video)


@contextmanager
def opened(path: Path) -> Iterator["InputContainer"]:
    """Open a media file; whatever goes wrong with it while the context lasts becomes an ``InputError``."""
    import av

    if path.is_dir():
        raise InputError(f"{path}: is a folder, expected one media file")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty (0 bytes)")
    try:
        with av.open(str(path)) as container:
            yield container
    except av.error.FFmpegError as error:
        raise InputError(
            f"{path}: cannot be decoded ({error.strerror}); the file is corrupt, truncated or not a media file"
        ) from error


class VideoFile:
    """The frames of a file's first video stream as RGB at 25 frames per second, decoded anew in every pass.

    Iterating yields uint8 images (H, W, 3) and keeps none, so that memory does not grow with the length.
    Any container and codec PyAV reads. Other and uneven frame rates are converted by taking, for every
    1/25 s, the frame shown at that time.

    Args:
        path: the file.
        most: yield no more than this many frames; the rest is decoded and counted all the same.
        state: what the file must still be, where it was read before; see :func:`file_state`.

    After a complete pass ``length`` is the number of frames at 25 fps, beyond ``most`` too, and ``notes``
    says what was converted.

    Raises (while iterating):
        InputError: missing, empty, corrupt or truncated file, no video stream, or a file that was changed since the
            first pass.
    """

    def __init__(self, path: Path, most: int | None = None, state: "FileState" = None) -> None:
        self.path = path
        self.length = 0
        self.notes: tuple[str, ...] = ()
        self._most = most
        self._state = state

    def __iter__(self) -> Iterator[Image]:
        self._check_unchanged()
        with opened(self.path) as container:
            if not container.streams.video:
                raise InputError(f"{self.path}: no video stream")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            conversion = _Conversion(stream.average_rate or stream.guessed_rate)
            length, sizes = 0, set()
            for length, picture in enumerate(conversion.apply(_decoded(self.path, container, stream)), 1):
                sizes.add((picture.width, picture.height))
                if len(sizes) > 1:
                    raise InputError(
                        f"{self.path}: the frame size changes within the video; cut it into clips of one size"
                    )
                if self._most is None or length <= self._most:
                    yield _rgb(picture)
        if not length:
            raise InputError(f"{self.path}: the video stream has no decodable frame")
        self._check_unchanged()
        self.length, self.notes = length, conversion.notes

    def _check_unchanged(self) -> None:
        # What was measured of the first pass, its hash above all, must be true of the others.
        state = file_state(self.path)
        if state != (self._state or state):
            raise InputError(f"{self.path}: the file was changed while it was measured; run again")
        self._state = state


FileState = tuple[int, int, int] | None


def file_state(path: Path) -> FileState:
    """What tells that a file was written to or replaced: its time of change, size and number; None without a file."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


HELD = 50_000_000
"""Bytes of frames up to which a video is held in memory; a longer one is decoded anew in every pass."""


def read_video(path: Path) -> OpenedVideo:
    """Decode a video once, and hold it where it is short; see :class:`VideoFile`, also for the errors."""
    file = VideoFile(path)
    video = held_if_short(lambda: file)
    return OpenedVideo(video, file.notes)


def held_if_short(read: Callable[[], Iterable[Image]]) -> Video:
    """Look once through the pictures that ``read`` gives: a short video comes back as an array, a long one streamed.

    Raises:
        InputError: there is no picture, or their size changes.
    """
    images: list[Image] = []
    count, size, shape = 0, 0, (0, 0, 0)
    for image in read():
        if count and image.shape != shape:
            raise InputError(
                f"the size of the pictures changes within the video, from {shape[1]} x {shape[0]} to "
                f"{image.shape[1]} x {image.shape[0]} pixels"
            )
        count, size, shape = count + 1, size + image.nbytes, image.shape
        images.append(image)
        if size > HELD:
            images.clear()
    if not count:
        raise InputError("the video stream has no decodable frame")
    return np.stack(images) if size <= HELD else StreamedVideo(read, (count, *shape))


def _decoded(path: Path, container: "InputContainer", stream: "VideoStream") -> Iterator["VideoFrame"]:
    packets, end = 0, 0.0
    for packet in container.demux():
        end = max(end, _end(packet))
        if packet.stream.index == stream.index:
            packets += packet.size > 0
            yield from stream.decode(packet)
    _check_complete(path, "frames", packets, stream.frames)
    _check_complete(path, "seconds", end, _stated_duration(container))


def _check_complete(path: Path, what: str, found: float, announced: float) -> None:
    # Some muxers count one frame more or less than they hold; a truncated download lacks many. Packets
    # are counted, not decoded frames: an edit list may hide frames of a whole file.
    if found < 0.9 * announced:
        raise InputError(
            f"{path}: {found:.4g} {what} of the {announced:.4g} that the file announces are there; "
            "the file is truncated or corrupt; get it anew, or leave it out"
        )


def _stated_duration(container: "InputContainer") -> float:
    """Seconds that the header promises, over all streams; 0 where it promises nothing."""
    stated = STATES_DURATION.intersection(container.format.name.split(","))
    return (container.duration or 0) / 1e6 if stated else 0.0


def _end(packet: "Packet[Stream]") -> float:
    if packet.pts is None or packet.time_base is None:
        return 0.0
    return float((packet.pts + (packet.duration or 0)) * packet.time_base)


class _Conversion:
    """Which frame is on the screen at every 1/25 s.

    Args:
        rate: frames per second that the file states; None leaves the frames as they are.
    """

    def __init__(self, rate: Fraction | None) -> None:
        self.notes: tuple[str, ...] = ()
        self._rate = rate

    def apply(self, frames: Iterator["VideoFrame"]) -> Iterator["VideoFrame"]:
        """Yield the frames at 25 fps; ``notes`` are complete afterwards."""
        if self._rate is None:
            yield from frames
            return
        period = 1 / float(self._rate)
        steady = self._rate == FRAME_RATE
        came, went, start, time = 0, 0, 0.0, 0.0
        on_screen = held = None
        for frame in frames:
            time = came * period if frame.time is None else frame.time
            start = start if came else time
            time -= start
            # A gap (dropped frames, a damaged stretch) would shift all that follows against the sound.
            steady = steady and abs(time - came * period) < 0.5 / FRAME_RATE
            time = came * period if steady else time
            # Half a millisecond of slack: time stamps are rounded to the container's clock.
            while on_screen is not None and went / FRAME_RATE + 5e-4 < time:
                if held is not None:
                    yield held
                held, went = on_screen, went + 1
            on_screen, came = frame, came + 1
        if on_screen is None:
            return
        # The last frame lasts one period; of what was shown at most the held frame lies beyond that end.
        length = max(round((time + period) * FRAME_RATE), 1)
        if held is not None and went <= length:
            yield held
        for _ in range(went, length):
            yield on_screen
        if not steady:
            what = "frame rate" if self._rate != FRAME_RATE else "uneven frame rate"
            self.notes = (
                f"{what} converted from {float(self._rate):g} to {FRAME_RATE} ({came} to {length} frames)",
            )


def stored_images(path: Path) -> Iterator[Image]:
    """Decode a video that ``write_video`` wrote, exactly, image by image (H, W, 3): none is kept."""
    with opened(path) as container:
        for frame in container.decode(video=0):
            yield _rgb(frame)


def _rgb(frame: "VideoFrame") -> Image:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


_LOSSLESS = {
    True: ("libx264rgb", "rgb24", {"qp": "0", "preset": "ultrafast"}),
    False: ("ffv1", "bgr0", {}),
}
"""Codec, pixel format and options, by whether libav was built with x264."""


def _has_x264() -> bool:
    import av

    return "libx264rgb" in av.codecs_available


def write_video(path: Path, video: Video, audio: Audio | None = None) -> None:
    """Write RGB frames at 25 fps, and 16 kHz audio where given, bit-exact.

    Args:
        path: the file to write; its folder must exist. A Matroska file, or MP4 where its name ends in ``.mp4`` and
            libav has x264.
        video: uint8 RGB, shape (T, H, W, 3); H.264 in RGB without loss, FFV1 where libav has no x264.
        audio: int16 mono, 16 kHz; stored as FLAC, which is exact and adds no delay.

    Measured per frame at 160 x 160 and 1280 x 720, real faces, one core: lossless H.264 takes 8 and 180 kB,
    0.4 and 9 ms to write, 0.6 and 11 ms to read; FFV1 18 and 229 kB, 1.4 and 35 ms, 2.0 and 30 ms; a
    compressed npz 41 and 582 kB, 2.7 and 48 ms, 0.4 and 14 ms; raw frames are 77 and 2765 kB.
    """
    codec, pixels, options = _LOSSLESS[_has_x264()]
    container = "mp4" if path.suffix == ".mp4" and _has_x264() else "matroska"
    _write(path, container, video, audio, (codec, pixels, options), ("flac", "s16"), {})


def write_playable(path: Path, video: Video, audio: Audio) -> None:
    """Write RGB frames at 25 fps with 16 kHz audio to an MP4 file that browsers play, for people to look at.

    H.264 at crf 18 in yuv420p and AAC, the index in front so that playing starts before the end is loaded;
    odd sizes are padded by a row or column. Where libav has no x264: VP9 and Opus, in the same container.

    Args:
        path: the file to write; its folder must exist.
        video: uint8 RGB, shape (T, H, W, 3).
        audio: int16 mono, 16 kHz.
    """
    if _has_x264():
        encoding: _Encoding = ("libx264", "yuv420p", {"crf": "18", "preset": "veryfast"})
        sound = "aac", "fltp"
    else:
        encoding = "libvpx-vp9", "yuv420p", {"crf": "24", "b": "0", "deadline": "realtime", "cpu-used": "6"}
        sound = "libopus", "s16"
    _write(path, "mp4", with_even_sides(video), audio, encoding, sound, {"movflags": "+faststart"})


_Encoding = tuple[str, str, dict[str, str]]


def _write(
    path: Path,
    container_format: str,
    frames: Video,
    audio: Audio | None,
    encoding: _Encoding,
    sound_encoding: tuple[str, str],
    container_options: dict[str, str],
) -> None:
    import av

    codec, pixels, options = encoding
    with av.open(str(path), "w", format=container_format, options=container_options) as container:
        video: Any = container.add_stream(codec, rate=FRAME_RATE)
        _, video.height, video.width, _ = frames.shape
        video.pix_fmt = pixels
        video.options = dict(options)
        sound: Any = None
        if audio is not None:
            name, samples = sound_encoding
            sound = container.add_stream(name, rate=SAMPLE_RATE, layout="mono", format=samples)
        for index, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = index
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if sound is not None and audio is not None:
            packet = av.AudioFrame.from_ndarray(audio[None], format="s16", layout="mono")
            packet.sample_rate, packet.pts = SAMPLE_RATE, 0
            container.mux(sound.encode(packet))
            container.mux(sound.encode())


def with_even_sides(video: Video) -> Video:
    """Return a video whose odd height or width has one row or column more, a copy of the last."""
    count, height, width, channels = video.shape
    if not height % 2 and not width % 2:
        return video
    more = ((0, height % 2), (0, width % 2), (0, 0))

    def read() -> Iterator[Image]:
        return (np.pad(image, more, mode="edge") for image in video)

    return StreamedVideo(read, (count, height + height % 2, width + width % 2, channels))
