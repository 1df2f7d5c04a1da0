"""Video files in and out of arrays, through PyAV: no ffmpeg binary is needed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pytest_lipleak.core.clips import Audio, Frames
from pytest_lipleak.core.errors import InputError
from pytest_lipleak.core.timebase import FRAME_RATE, SAMPLE_RATE

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import InputContainer
    from av.stream import Stream

STATES_DURATION = frozenset({"asf", "flv", "matroska", "mov", "mp4", "webm"})
"""Container formats whose header states the duration; others (MPEG streams, say) only let it be guessed."""


@dataclass(frozen=True)
class Video:
    """Decoded frames and what was done to them.

    Args:
        frames: uint8 RGB, shape (T, H, W, 3), 25 frames per second.
        notes: conversions, in words.
    """

    frames: Frames
    notes: tuple[str, ...]


@contextmanager
def opened(path: Path) -> Iterator["InputContainer"]:
    """Open a media file; whatever goes wrong with it while the context lasts becomes an ``InputError``."""
    import av

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


def read_video(path: Path) -> Video:
    """Decode the first video stream of ``path`` to RGB at 25 frames per second.

    Any container and codec PyAV reads. Other and uneven frame rates are converted by taking, for every
    1/25 s, the frame shown at that time; the conversion stands in the notes.

    Raises:
        InputError: missing, empty, corrupt or truncated file, or no video stream.
    """
    with opened(path) as container:
        if not container.streams.video:
            raise InputError(f"{path}: no video stream")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        rate = stream.average_rate or stream.guessed_rate
        times: list[float] = []
        images: list[Frames] = []
        packets, end = 0, 0.0
        for packet in container.demux():
            end = max(end, _end(packet))
            if packet.stream.index != stream.index:
                continue
            packets += packet.size > 0
            for frame in stream.decode(packet):
                times.append(frame.time if frame.time is not None else len(images) / float(rate or FRAME_RATE))
                images.append(_rgb(frame))
        _check_complete(path, "frames", packets, stream.frames)
        _check_complete(path, "seconds", end, _stated_duration(container))
    if not images:
        raise InputError(f"{path}: the video stream has no decodable frame")
    if len({image.shape for image in images}) > 1:
        raise InputError(f"{path}: the frame size changes within the video; cut it into clips of one size")
    return _at_frame_rate(np.stack(images), times, rate)


def _check_complete(path: Path, what: str, found: float, announced: float) -> None:
    # Some muxers count one frame more or less than they hold; a truncated download lacks many. Packets
    # are counted, not decoded frames: an edit list may hide frames of a whole file.
    if found < 0.9 * announced:
        raise InputError(
            f"{path}: {found:.4g} {what} of the {announced:.4g} that the file announces are there; "
            "the file is truncated or corrupt"
        )


def _stated_duration(container: "InputContainer") -> float:
    """Seconds that the header promises, over all streams; 0 where it promises nothing."""
    stated = STATES_DURATION.intersection(container.format.name.split(","))
    return (container.duration or 0) / 1e6 if stated else 0.0


def _end(packet: "Packet[Stream]") -> float:
    if packet.pts is None or packet.time_base is None:
        return 0.0
    return float((packet.pts + (packet.duration or 0)) * packet.time_base)


def _at_frame_rate(frames: Frames, times: list[float], rate: Fraction | None) -> Video:
    if rate is None:
        return Video(frames, ())
    since_start = np.asarray(times) - times[0]
    # A gap (dropped frames, a damaged stretch) would shift all that follows against the sound.
    steady = bool((np.abs(since_start - np.arange(len(times)) / float(rate)) < 0.5 / FRAME_RATE).all())
    if rate == FRAME_RATE and steady:
        return Video(frames, ())
    duration = since_start[-1] + 1 / float(rate)
    wanted = np.arange(round(duration * FRAME_RATE)) / FRAME_RATE
    # Half a millisecond of slack: time stamps are rounded to the container's clock.
    shown = np.searchsorted(since_start, wanted + 5e-4, side="right") - 1
    what = "frame rate" if rate != FRAME_RATE else "uneven frame rate"
    note = f"{what} converted from {float(rate):g} to {FRAME_RATE} ({len(frames)} to {len(shown)} frames)"
    return Video(frames[np.clip(shown, 0, len(frames) - 1)], (note,))


def read_frames(path: Path) -> Frames:
    """Decode a video that ``write_video`` wrote, exactly: uint8 RGB (T, H, W, 3)."""
    with opened(path) as container:
        images = [_rgb(frame) for frame in container.decode(video=0)]
    return np.stack(images)


def _rgb(frame: "VideoFrame") -> Frames:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def write_video(path: Path, frames: Frames, audio: Audio | None = None, *, lossless: bool = True) -> None:
    """Write RGB frames at 25 fps, and 16 kHz audio where given, to a Matroska file.

    Args:
        path: the file to write; its folder must exist.
        frames: uint8 RGB, shape (T, H, W, 3).
        audio: int16 mono, 16 kHz; stored as FLAC, which is exact and adds no delay.
        lossless: FFV1 in RGB, bit-exact; else H.264 at crf 18, for people to look at.
    """
    import av

    with av.open(str(path), "w", format="matroska") as container:
        video = container.add_stream("ffv1" if lossless else "libx264", rate=FRAME_RATE)
        video.height, video.width = frames.shape[1:3]
        video.pix_fmt = "bgr0" if lossless else "yuv420p"
        if not lossless:
            video.options = {"crf": "18", "preset": "veryfast"}
            frames = _even(frames)
            video.height, video.width = frames.shape[1:3]
        sound = None
        if audio is not None:
            sound = container.add_stream("flac", rate=SAMPLE_RATE, layout="mono", format="s16")
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


def _even(frames: Frames) -> Frames:
    height, width = frames.shape[1:3]
    return np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
