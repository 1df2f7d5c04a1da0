"""Videos and audio handed to another program as files, and the video that comes back."""

import wave
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from pytest_lipleak.core.clips import Audio, Image, StreamedVideo, Video
from pytest_lipleak.core.errors import GeneratorError, InputError
from pytest_lipleak.core.timebase import FRAME_RATE, SAMPLE_RATE
from pytest_lipleak.media.opening import opened
from pytest_lipleak.media.video import held_if_short, stored_images, with_even_sides, write_video

RATE_SLACK = 0.05
"""Frames per second by which a file's rate may differ: containers round their clocks."""


def hand_over_video(path: Path, video: Video) -> None:
    """Write frames without loss, for OpenCV, ffmpeg and PyAV to read: H.264 in RGB in an MP4 file, 25 fps.

    There is no audio in it: a program must not find the clip's own speech. Frames of odd height or width get
    one row or column more, a copy of the last, because most encoders want even ones; ``fetch_video`` takes it
    off again.

    Args:
        path: where to write, ending in ``.mp4``.
        video: uint8 RGB, shape (T, H, W, 3).
    """
    write_video(path, with_even_sides(video))


def hand_over_audio(path: Path, audio: Audio) -> None:
    """Write audio exactly: a WAV file, 16 bit, mono, 16 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(audio.astype("<i2").tobytes())


def fetch_video(path: Path, shape: tuple[int, ...], slack: int) -> tuple[Video, str]:
    """Read the video that a program made of one of ``shape``.

    Frames are taken one by one, whatever their time stamps say: frame i of the output belongs to frame i of
    the input. At most ``slack`` frames may be missing at the end, where the last one is repeated, or be too
    many, which are dropped: programs cut video to whole windows of audio, Wav2Lip's three or four frames
    before its end, for example.

    Args:
        path: what the program wrote.
        shape: (T, H, W, 3) of its input.
        slack: see above.

    Returns:
        The video, uint8 RGB of ``shape``, read from the file in every pass where it is long; and what was done to
        the number of its frames, or an empty text.

    Raises:
        GeneratorError: no readable video, another frame rate or picture size, or too many frames more or less.
    """
    length, height, width, _ = shape
    try:
        with opened(path) as container:
            if not container.streams.video:
                raise GeneratorError(f"its output {path.name} has no video stream")
            rate = container.streams.video[0].average_rate
        if rate is not None and abs(rate - FRAME_RATE) > RATE_SLACK:
            raise GeneratorError(
                f"its output has {float(rate):g} frames per second, expected {FRAME_RATE} like its input; "
                "set the model's frame rate"
            )
        frames = held_if_short(lambda: stored_images(path))
    except InputError as error:
        raise GeneratorError(f"its output cannot be read: {error}") from error
    if frames.shape[1:3] not in ((height, width), (height + height % 2, width + width % 2)):
        raise GeneratorError(
            f"its output has pictures of {_size(frames.shape)}, expected {_size(shape)} like its input; switch off "
            "cropping, resizing and side-by-side output"
        )
    if abs(len(frames) - length) > slack:
        raise GeneratorError(
            f"its output has {len(frames)} frames, expected {length} like its input; at most {slack} may be missing "
            "or too many at the end (argument slack)"
        )
    return _fitted(frames, length, height, width), _told(len(frames), length)


def _fitted(video: Video, length: int, height: int, width: int) -> Video:
    """Cut padding and frames that are too many; repeat the last frame for those that are missing."""
    missing = max(length - len(video), 0)
    if isinstance(video, np.ndarray):
        frames = np.concatenate([video, np.repeat(video[-1:], missing, axis=0)]) if missing else video
        return frames[:length, :height, :width]

    def read() -> Iterator[Image]:
        for image in islice(video, length):
            last = image[:height, :width]
            yield last
        for _ in range(missing):
            yield last

    return StreamedVideo(read, (length, height, width, 3))


def _told(came: int, length: int) -> str:
    if came == length:
        return ""
    done = "the last was repeated" if came < length else "the rest was dropped"
    return f"its output has {came} frames for {length}; {done}"


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[2]} x {shape[1]} pixels"
