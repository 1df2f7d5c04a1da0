"""Video files in and out of arrays, through PyAV: no ffmpeg binary is needed."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_lipleak.core.clips import Audio, Frames, Image, StreamedVideo, Video, held
from pytest_lipleak.core.errors import InputError
from pytest_lipleak.core.timebase import FRAME_RATE, SAMPLE_RATE
from pytest_lipleak.media.clip_bounds import MOST_DAMAGED
from pytest_lipleak.media.conversion import Conversion
from pytest_lipleak.media.geometry import SQUARE, Upright
from pytest_lipleak.media.opening import demuxed, opened
from pytest_lipleak.media.timeline import Pictures, Timeline, survey
from pytest_lipleak.media.tracks import require

if TYPE_CHECKING:
    from av import VideoFrame


class VideoFile:
    """The pictures of a file as upright RGB at 25 frames per second, decoded anew in every pass.

    Iterating yields uint8 images (H, W, 3) and keeps none, so that memory does not grow with the length.
    Other and uneven frame rates are converted by taking, for every 1/25 s, the frame shown at that time.

    Args:
        timeline: what :func:`survey` found out about the file, or the file itself.
        most: yield no more than this many frames; the rest is decoded and counted all the same.

    After a complete pass ``length`` is the number of frames at 25 fps, beyond ``most`` too, and ``notes``
    says what was converted.

    Raises (while iterating):
        InputError: no decodable video stream, or a file that was changed since it was looked at first; see also
            :func:`survey` and :class:`Upright`.
    """

    def __init__(self, timeline: Timeline | Path, most: int | None = None) -> None:
        self.length = 0
        self.notes: tuple[str, ...] = ()
        self._given = timeline
        self._most = most

    @cached_property
    def timeline(self) -> Timeline:
        """What was found out about the file."""
        return survey(self._given, sound=False) if isinstance(self._given, Path) else self._given

    def __iter__(self) -> Iterator[Image]:
        self.timeline.check_unchanged()
        path, index = self.timeline.path, require(self.timeline.path, self.timeline.tracks, "video")
        with opened(path) as container:
            stream: Any = container.streams[index]
            stream.thread_type = "AUTO"
            _in_one_thread_if_small(stream)
            conversion = Conversion(stream.average_rate or stream.guessed_rate)
            upright = Upright(path, stream.sample_aspect_ratio)
            pictures, length = Pictures(stream), 0
            decoded = (each for packet in demuxed(container, [stream]) for each in pictures.of(packet))
            timed = _of_one_aspect(path, stream.codec_context, decoded)
            for length, picture in enumerate(conversion.apply(timed), 1):
                if self._most is None or length <= self._most:
                    yield upright(picture)
        if not length:
            raise InputError(f"{path}: the video stream has no decodable frame")
        self.timeline.check_unchanged()
        self.length = length
        self.notes = (*upright.notes, *conversion.notes, *_damage(path, pictures))


def _of_one_aspect(
    path: Path, codec: Any, timed: Iterable[tuple[float, "VideoFrame"]]
) -> Iterator[tuple[float, "VideoFrame"]]:
    """Refuse pixels that become wider or narrower on the way, as where a broadcast goes from 4:3 to 16:9."""
    first: float | None = None
    for time, picture in timed:
        aspect = float(codec.sample_aspect_ratio or 1)
        first = aspect if first is None else first
        if abs(aspect / first - 1) > SQUARE:
            raise InputError(
                f"{path}: the aspect of its pixels changes within the video, from {first:.3g} to {aspect:.3g}; cut it "
                "into clips of one aspect"
            )
        yield time, picture


def _damage(path: Path, pictures: Pictures) -> tuple[str, ...]:
    if pictures.damaged > MOST_DAMAGED * (pictures.decoded + pictures.damaged):
        raise InputError(
            f"{path}: {pictures.damaged} pictures cannot be decoded, {pictures.decoded} can; the file is corrupt; get "
            "it anew, or leave it out"
        )
    if not pictures.damaged:
        return ()
    return (f"{pictures.damaged} picture(s) cannot be decoded: the one before stays",)


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


HELD = 50_000_000
"""Bytes of frames up to which a video is held in memory; a longer one is decoded anew in every pass."""


def read_video(file: Timeline | Path) -> OpenedVideo:
    """Decode a video once, and hold it where it is short; see :class:`VideoFile`, also for the errors."""
    pictures = VideoFile(file)
    video = held_if_short(lambda: pictures)
    return OpenedVideo(video, (*pictures.timeline.notes, *pictures.notes))


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


def stored_images(path: Path) -> Iterator[Image]:
    """Decode a video that ``write_video`` wrote, exactly, image by image (H, W, 3): none is kept."""
    with opened(path) as container:
        upright = Upright(path, None)
        video = container.streams.video[0]
        _in_one_thread_if_small(video)
        for frame in container.decode(video):
            yield upright(frame)


def write_raw(path: Path, frames: Frames) -> None:
    """Write RGB frames as they lie in memory, for ``raw_frames``: in a fraction of the time, in five times the room.

    Args:
        path: the file to write.
        frames: uint8 RGB (T, H, W, 3).

    Raises:
        OSError: it cannot be written; its ``errno`` tells a full disk, or quota.
    """
    frames = np.ascontiguousarray(frames)
    values = frames.reshape(-1)
    with path.open("wb") as file:
        # ``np.save`` lets C write, whose error of a full disk or quota says neither.
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(frames))
        for start in range(0, len(values), AT_ONCE):
            file.write(values[start : start + AT_ONCE].data)


def raw_frames(path: Path) -> Frames | None:
    """Return what ``write_raw`` wrote, uint8 RGB (T, H, W, 3), None where the file is something else.

    Nothing is read before it is looked at, and processes that look at the same pictures share their memory; what is
    written to the array stays in it.
    """
    with path.open("rb") as file:
        begin = file.read(len(RAW_BEGIN))
    if begin != RAW_BEGIN:
        return None
    # A plain array over the mapping: slices of ``np.memmap`` take longer to make.
    mapped: Frames = np.load(path, mmap_mode="c", allow_pickle=False).view(np.ndarray)
    return mapped


AT_ONCE = 2**18
"""Bytes of a call that writes them. Given ten million at once, Linux takes memory in pieces of millions, whose first
use took a virtual machine four times as long."""

RAW_BEGIN = b"\x93NUMPY"
"""First bytes of a file of ``write_raw``."""

SMALL = 256 * 256
"""Pixels of a picture up to which one thread codes it: several take a fifth more to write it, and twice as much to read
it, and are hardly sooner done."""


def _in_one_thread_if_small(video: Any) -> None:
    if 0 < video.width * video.height <= SMALL:
        video.codec_context.thread_count = 1


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
        _in_one_thread_if_small(video)
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
