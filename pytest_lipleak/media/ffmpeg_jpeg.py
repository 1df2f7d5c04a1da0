"""The JPEG step by the ffmpeg binary: what the reference code itself runs, where a user asks for it."""

import shutil
import subprocess
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from pytest_lipleak.core.clips import Image
from pytest_lipleak.core.errors import ConfigurationError, InputError
from pytest_lipleak.core.timebase import FRAME_RATE
from pytest_lipleak.media.geometry import square_size
from pytest_lipleak.media.opening import SAFELY, file_url, opened
from pytest_lipleak.media.timeline import Timeline
from pytest_lipleak.media.tracks import require

END_OF_IMAGE = b"\xff\xd9"
CHUNK = 1 << 16


class FfmpegFile:
    """The frames of a video as ffmpeg's JPEG files show them; used like :class:`media.video.VideoFile`.

    The reference's command, ``ffmpeg -i video -threads 1 -f image2 %06d.jpg``, into a pipe: the bytes are the
    same. They depend on the version of ffmpeg, which stands in the notes; other frame rates are converted and pictures
    are turned upright by ffmpeg. Time 0 is the first picture, as in the sound beside it.

    Args:
        timeline: what :func:`survey` found out about the file.
        most: yield no more than this many frames.

    Raises:
        ConfigurationError: no ffmpeg on PATH.
        InputError: (while iterating) ffmpeg cannot decode the file.
    """

    def __init__(self, timeline: Timeline, most: int | None = None) -> None:
        binary = shutil.which("ffmpeg")
        if binary is None:
            raise ConfigurationError(
                "the JPEG step by ffmpeg needs an ffmpeg binary on PATH; install it, or leave the step to PyAV"
            )
        self.path = timeline.path
        self.length = 0
        self.notes = (f"JPEG step by {_version(binary)}",)
        self._binary = binary
        self._stream = require(self.path, timeline.tracks, "video")
        self._most = most

    def __iter__(self) -> Iterator[Image]:
        import cv2

        safely = [word for option, value in SAFELY.items() for word in (f"-{option}", value)]
        command = [self._binary, "-v", "error", "-nostdin", *safely, "-i", file_url(self.path)]
        command += ["-map", f"0:{self._stream}", "-vf", self._filters(), "-r", str(FRAME_RATE)]
        command += ["-threads", "1", "-f", "image2pipe", "-c:v", "mjpeg", "-"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            length = 0
            for length, content in enumerate(_images(process.stdout), 1):
                if self._most is None or length <= self._most:
                    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
                    yield np.asarray(picture, np.uint8)[..., ::-1]
            complaint = process.stderr.read().decode(errors="replace").strip()
        if process.returncode or not length:
            raise InputError(f"{self.path}: ffmpeg cannot decode it: {complaint or 'no frames'}")
        self.length = length

    def _filters(self) -> str:
        """The first picture is at 0, and pixels are square."""
        with opened(self.path) as container:
            stream: Any = container.streams[self._stream]
            context = stream.codec_context
            size = square_size(context.width, context.height, stream.sample_aspect_ratio)
        # ffmpeg turns pictures before it filters them.
        scale = "scale=w='if(gt(sar,1),round(iw*sar),iw)':h='if(gt(sar,1),ih,round(ih/sar))',setsar=1"
        return "setpts=PTS-STARTPTS" + (f",{scale}" if size else "")


def _version(binary: str) -> str:
    output = subprocess.run([binary, "-version"], capture_output=True, text=True, check=True).stdout
    return " ".join(output.split()[:3])


def _images(stream: IO[bytes]) -> Iterator[bytes]:
    """Cut a stream of JPEG images; inside one, the end marker cannot occur (entropy-coded FF is followed by 00)."""
    waiting = b""
    while chunk := stream.read(CHUNK):
        *whole, waiting = (waiting + chunk).split(END_OF_IMAGE)
        for image in whole:
            yield image + END_OF_IMAGE
