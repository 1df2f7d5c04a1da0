"""The ffmpeg program of the imageio-ffmpeg wheel: another build than the libav that PyAV brings."""

import subprocess
from functools import cache
from pathlib import Path


class UnknownCodecError(Exception):
    """This build of ffmpeg lacks an encoder or a container."""


@cache
def program() -> str:
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def ffmpeg(*arguments: str | Path) -> bytes:
    """Run ffmpeg on one thread; returns what it wrote to standard output."""
    command = [program(), "-v", "error", "-nostdin", "-y", "-filter_threads", "1", *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, timeout=60)
    words = run.stderr.decode(errors="replace")
    if run.returncode:
        if "Unknown encoder" in words or "Requested output format" in words:
            raise UnknownCodecError(words.strip())
        raise RuntimeError(f"{' '.join(command)}\n{words}")
    return run.stdout
