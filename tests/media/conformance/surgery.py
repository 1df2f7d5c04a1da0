"""What the ffmpeg program can't write: cut bytes, joined files, edit lists, unknown codecs."""

import shlex
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from .ffmpeg_program import ffmpeg

Change = Callable[[Path], None]


def drop_first(share: float, packet: int) -> Change:
    """Cut off the beginning, as a recorder does that joins a broadcast: whole packets of ``packet`` bytes."""

    def change(path: Path) -> None:
        data = path.read_bytes()
        path.write_bytes(data[int(len(data) * share) // packet * packet :])

    return change


def keep_first(share: float) -> Change:
    """Cut off the end, as an interrupted download does."""

    def change(path: Path) -> None:
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])

    return change


def rename_first(code: bytes, new: bytes) -> Change:
    """Rename the first codec of this name, in the sample description, to one that nobody decodes."""

    def change(path: Path) -> None:
        data = path.read_bytes()
        at = data.index(b"stsd", data.index(b"moov"))
        at = data.index(code, at)
        path.write_bytes(data[:at] + new + data[at + len(code) :])

    return change


def joined(suffix: str, parts: Sequence[str], options: str = "") -> Callable[[Path, Path], Path]:
    """Encode parts of the original and put one file's bytes behind the other's, as ``cat`` does."""

    def make(original: Path, target: Path) -> Path:
        data = b""
        for number, part in enumerate(parts):
            piece = target.with_suffix(f".{number}{suffix}")
            cut, _, coding = _cut(part)
            ffmpeg(*cut, "-i", original, *coding, *shlex.split(options), piece)
            data += piece.read_bytes()
        path = target.with_suffix(suffix)
        path.write_bytes(data)
        return path

    return make


def _cut(part: str) -> tuple[list[str], None, list[str]]:
    words = shlex.split(part)
    cut: list[str] = []
    while words[0] in ("-ss", "-t"):
        cut += words[:2]
        words = words[2:]
    return cut, None, words


def add_subtitles(path: Path) -> None:
    """Add a subtitle track, a chapter and a text attachment."""
    words = path.with_suffix(".srt")
    words.write_text("1\n00:00:00,500 --> 00:00:09,000\nhello\n")
    chapters = path.with_suffix(".txt")
    chapters.write_text(";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=one\n")
    plain = path.rename(path.with_suffix(".plain.mkv"))
    attach = ("-attach", chapters, "-metadata:s:t", "mimetype=text/plain")
    ffmpeg(
        "-i",
        plain,
        "-i",
        words,
        "-i",
        chapters,
        "-map",
        "0",
        "-map",
        "1",
        "-map_chapters",
        "2",
        "-c",
        "copy",
        *attach,
        path,
    )


def edit_list(edits: Sequence[tuple[float | None, float]]) -> Change:
    """Give every track these edits, each (start in the media or None for an empty one, length), in seconds.

    The index must lie behind the media, so that nothing else moves.
    """

    def change(path: Path) -> None:
        data = path.read_bytes()
        top = {kind: (begin, end) for kind, begin, end in _boxes(data, 0, len(data))}
        begin, end = top[b"moov"]
        assert end == len(data)
        path.write_bytes(data[:begin] + _box(b"moov", _edited_movie(data, begin + 8, end, edits)))

    return change


def _edited_movie(data: bytes, begin: int, end: int, edits: Sequence[tuple[float | None, float]]) -> bytes:
    boxes = list(_boxes(data, begin, end))
    header = next(start for kind, start, _ in boxes if kind == b"mvhd")
    scale = struct.unpack(">I", data[header + 20 : header + 24])[0]
    movie = b""
    for kind, start, stop in boxes:
        if kind != b"trak":
            movie += data[start:stop]
            continue
        track = b""
        inner = list(_boxes(data, start + 8, stop))
        media = next(each for each in inner if each[0] == b"mdia")
        clock = next(first for name, first, _ in _boxes(data, media[1] + 8, media[2]) if name == b"mdhd")
        rate = struct.unpack(">I", data[clock + 20 : clock + 24])[0]
        for name, first, last in inner:
            if name == b"edts":
                continue
            if name == b"mdia":
                rows = b"".join(
                    struct.pack(">iiHH", round(length * scale), -1 if at is None else round(at * rate), 1, 0)
                    for at, length in edits
                )
                track += _box(b"edts", _box(b"elst", struct.pack(">II", 0, len(edits)) + rows))
            track += data[first:last]
        movie += _box(b"trak", track)
    return movie


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def _boxes(data: bytes, begin: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    while begin + 8 <= end:
        size, kind = struct.unpack(">I4s", data[begin : begin + 8])
        if size == 1:
            size = struct.unpack(">Q", data[begin + 8 : begin + 16])[0]
        yield kind, begin, begin + size
        begin += size
