"""Media files opened safely: the one place where a name becomes an open file.

A name is never a URL, a pattern or a playlist: the file is opened by its absolute path through the ``file`` protocol,
and only by demuxers that read nothing but the file itself. So the hash of a file covers all that is read of it.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_lipleak.core.errors import InputError
from pytest_lipleak.core.suggestions import meant_file

if TYPE_CHECKING:
    from av import Packet
    from av.container import InputContainer

DEMUXERS = (
    # Containers of sound and picture, by libavformat's names. A family of names is one demuxer.
    "3g2", "3gp", "asf", "avi", "dhav", "dv", "flv", "gxf", "ivf", "kux", "live_flv", "m4a", "matroska", "mj2", "mov",
    "mp4", "mpeg", "mpegts", "mxf", "nsv", "nut", "ogg", "rm", "swf", "ty", "webm", "wtv", "yuv4mpegpipe",
    # Elementary streams of pictures, and animations.
    "apng", "av1", "cavsvideo", "dirac", "dnxhd", "evc", "gif", "h261", "h263", "h264", "hevc", "m4v", "mjpeg",
    "mpegvideo", "obu", "vc1", "vvc",
    # Sound alone.
    "aac", "ac3", "ac4", "aiff", "amr", "amrnb", "amrwb", "ape", "au", "caf", "dts", "dtshd", "eac3", "flac", "gsm",
    "loas", "mlp", "mp3", "mpc", "mpc8", "oma", "qcp", "tak", "truehd", "tta", "voc", "w64", "wav", "wsd", "wv", "xwma",
)  # fmt: skip
"""Demuxers that are allowed: of those left out, some open other files or the network (``hls``, ``concat``, ``sdp``,
``dash``, ``rtsp``, ``image2``, ``vobsub``, ...), the others are no recordings of people."""

FileState = tuple[int, int, int] | None


def file_state(path: Path) -> FileState:
    """What tells that a file was written to or replaced: its time of change, size and number; None without a file."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def check_unchanged(path: Path, state: FileState) -> None:
    """Refuse a file that was written to since: what was measured of one pass must be true of the others.

    Raises:
        InputError: it was.
    """
    if file_state(path) != state:
        raise InputError(f"{path}: the file was changed while it was measured; run again")


def file_url(path: Path) -> str:
    """Return the name under which FFmpeg opens exactly this file, whatever characters are in it."""
    return f"file:{path.absolute()}"


SAFELY = {"protocol_whitelist": "file", "format_whitelist": ",".join(DEMUXERS)}
"""FFmpeg's options that go with :func:`file_url`."""


@contextmanager
def opened(path: Path) -> Iterator["InputContainer"]:
    """Open a media file for reading; whatever goes wrong with it while the context lasts becomes an ``InputError``.

    Args:
        path: the file. A regular file of a format in ``DEMUXERS``.

    Raises:
        InputError: missing, empty, corrupt, or no media file; a folder, pipe or device; a playlist or another file
            that names what is to be read.
    """
    import av

    _check_regular(path)
    try:
        # Tags may be in any encoding; nobody reads them here. From PyAV 19 on they are decoded when they are asked for.
        tags: Any = {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
        with av.open(file_url(path), options=dict(SAFELY), **tags) as container:
            yield container
    except av.error.FFmpegError as error:
        why = str(error.strerror).lower()
        if isinstance(error, av.error.ArgumentError):
            why = "not a format of sound and picture, or a broken one; playlists and lists of files are not read"
        raise InputError(
            f"{path}: cannot be decoded ({why}); the file is corrupt, truncated or not a media file"
        ) from error


def demuxed(container: "InputContainer", streams: Sequence[Any] = ()) -> Iterator["Packet[Any]"]:
    """Yield the packets of some streams, of all where none is named, and an empty one of each at the end."""
    try:
        yield from container.demux(*streams)
    except IndexError:
        # PyAV trips over streams that appear on the way (in FLV, damaged ones above all), after all the others.
        return


def _check_regular(path: Path) -> None:
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a folder, expected one media file")
        if not path.exists():
            raise InputError(f"{path}: no such file{meant_file(path)}")
        if not path.is_file():
            raise InputError(f"{path}: a pipe, socket or device, expected one regular media file")
        if path.stat().st_size == 0:
            raise InputError(f"{path}: the file is empty (0 bytes)")
        if not os.access(path, os.R_OK):
            raise InputError(f"{path}: the file cannot be read; check its rights")
    except (OSError, ValueError) as error:
        raise InputError(f"{str(path)!r}: cannot be opened ({error})") from error
