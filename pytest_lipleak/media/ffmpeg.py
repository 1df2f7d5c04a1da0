"""The JPEG step by the ffmpeg binary: what the reference code itself runs, where a user asks for it."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from pytest_lipleak.core.clips import Image
from pytest_lipleak.core.errors import ConfigurationError, InputError
from pytest_lipleak.core.timebase import FRAME_RATE

END_OF_IMAGE = b"\xff\xd9"
CHUNK = 1 << 16


class FfmpegFile:
    """The frames of a video as ffmpeg's JPEG files show them; used like :class:`media.video.VideoFile`.

    The reference's command, ``ffmpeg -i video -threads 1 -f image2 %06d.jpg``, into a pipe: the bytes are the
    same. They depend on the version of ffmpeg, which stands in the notes; other frame rates are converted by
    ffmpeg.

    Args:
        path: the file.
        most: yield no more than this many frames.

    Raises:
        ConfigurationError: no ffmpeg on PATH.
        InputError: (while iterating) ffmpeg cannot decode the file.
    """

    def __init__(self, path: Path, most: int | None = None) -> None:
        binary = shutil.which("ffmpeg")
        if binary is None:
            raise ConfigurationError(
                "the JPEG step by ffmpeg needs an ffmpeg binary on PATH; install it, or leave the step to PyAV"
            )
        self.path = path
        self.length = 0
        self.notes = (f"JPEG step by {_version(binary)}",)
        self._binary = binary
        self._most = most

    def __iter__(self) -> Iterator[Image]:
        import cv2

        command = [self._binary, "-v", "error", "-nostdin", "-i", str(self.path), "-r", str(FRAME_RATE)]
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
