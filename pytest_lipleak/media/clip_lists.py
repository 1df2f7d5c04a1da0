"""Lists of clips: what labs publish without media, so that two of them measure the same clips and pairs.

A list is a table, and every manifest is one. It says which file below a folder is a clip, which stretch of it, what
the file's hash is, who speaks, what is said, and whose speech drives it under XM.
"""

import csv
import io
import os
import re
from collections.abc import Iterable, Mapping, Sized
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from pytest_lipleak.core.errors import InputError
from pytest_lipleak.core.names import check_name, check_printable, escaped
from pytest_lipleak.core.number_words import counted, named
from pytest_lipleak.core.suggestions import meant_file
from pytest_lipleak.core.timebase import FRAME_RATE
from pytest_lipleak.machine.model_files import file_sha256
from pytest_lipleak.media.boxes import Box
from pytest_lipleak.media.tables import Row, file_beside, read_table

COLUMNS = (
    "file", "sha256", "audio", "audio_sha256", "name", "start", "end", "speaker", "text", "partner"
)  # fmt: skip
"""Columns of a list, in the order in which it is written; all but ``file`` may be missing."""

ALWAYS = frozenset({"file", "sha256", "start", "end", "speaker", "text", "partner"})
"""Those that are written even where every cell is empty."""


@dataclass(frozen=True)
class ClipFile:
    """Where a clip lies and what is known of it before decoding.

    Args:
        name: unique within the set.
        video: the video file.
        audio: a separate audio file, or None to use the video's own audio stream.
        speaker: who speaks, or None if unknown.
        text: what is said, or None if unknown; two clips with the same text are never paired.
        first: frame of the file, at 25 per second, that the clip begins with.
        stop: frame before which it ends, or None for the file's end.
        partner: the clip whose speech drives it under XM, where that is given.
        box: the part of the picture that is the clip, or None for all of it.
    """

    name: str
    video: Path
    audio: Path | None = None
    speaker: str | None = None
    text: str | None = None
    first: int = 0
    stop: int | None = None
    partner: str | None = None
    box: Box | None = None

    @property
    def cut(self) -> tuple[int | None, ...]:
        """Beginning and end of a stretch; empty for a whole file."""
        return () if (self.first, self.stop) == (0, None) else (self.first, self.stop)


def read_clip_list(path: Path, root: Path | None = None) -> list[ClipFile]:
    """Read a list of clips: a table (see ``tables.read_table``) of which ``file`` alone must be there.

    ``file`` and ``audio`` are relative to ``root``; ``start`` and ``end`` are seconds, rounded to frames, of a stretch
    of the file; ``sha256`` and ``audio_sha256`` are hashes of whole files, which are compared; ``speaker`` may be
    called ``person``; ``partner`` is the name of another clip.

    Args:
        path: the list.
        root: the folder that files are named from; None takes the list's own.

    Raises:
        MissingDataError: the list cannot be read.
        InputError: it does not parse, or files are missing or of another hash; the message names them.
    """
    folder = path.parent if root is None else root
    found: list[ClipFile] = []
    missing: dict[str, str] = {}
    different: list[str] = []
    hashes: dict[Path, str] = {}
    rows = list(read_table(path, required=["file"]))
    listed, given = ([row.cells[each] for row in rows if each in row.cells] for each in ("file", "name"))
    names = names_of(listed, given)
    for row in rows:
        if "file" not in row.cells:
            raise InputError(f"{row.where}: the column 'file' is empty; name the clip's video")
        files = {
            column: file_beside(folder, row.cells[column])
            for column in ("file", "audio")
            if column in row.cells
        }
        for column, file in files.items():
            shown = f"{escaped(_short(row.cells[column]))} ({_line(row)})"
            wanted = row.cells.get("sha256" if column == "file" else "audio_sha256", "").lower()
            if file is None:
                missing[shown] = row.cells[column]
            elif wanted:
                _check_hash(row, wanted)
                if file not in hashes:
                    hashes[file] = file_sha256(file)
                if hashes[file] != wanted:
                    different.append(shown)
        video = files["file"]
        if video is not None:
            name = row.cells.get("name", names[row.cells["file"]])
            found.append(_clip_of(row, name, video, files.get("audio")))
    where = "beside it" if root is None else f"below {root}"
    if missing:
        others = frozenset(folder / row.cells["file"] for row in rows if "file" in row.cells)
        near = meant_file(folder / next(iter(missing.values())), others)
        raise InputError(
            f"{path}: {counted(len(missing), 'file')} {_are(missing)} not {where}: {named([*missing])}; a list "
            f"names files relative to {'its own folder' if root is None else 'that folder'}{near}"
        )
    if different:
        raise InputError(
            f"{path}: {counted(len(different), 'file')} {_are(different)} not the one that the list was made from "
            f"(another SHA-256): {named(different)}; get the original, or make a list of your own"
        )
    return found


def _clip_of(row: Row, name: str, video: Path, audio: Path | None) -> ClipFile:
    speaker = row.cells.get("speaker") or row.cells.get("person")
    if speaker is not None:
        check_printable(speaker, row.where, "speaker")
    first, stop = (_frame(row, column) for column in ("start", "end"))
    if stop is not None and stop <= (first or 0):
        raise InputError(
            f"{row.where}: start {row.cells.get('start', '0')} and end {row.cells['end']} leave no frame (0.04 s); end "
            "is the second of the file at which the clip ends"
        )
    return ClipFile(
        check_name(name, row.where),
        video,
        audio,
        speaker,
        row.cells.get("text"),
        first or 0,
        stop,
        row.cells.get("partner"),
    )


def _frame(row: Row, column: str) -> int | None:
    text = row.cells.get(column)
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,6}([.,]\d{1,9})?", text):
        raise InputError(
            f"{row.where}: {column} '{escaped(_short(text))}' is no time; write seconds, for example 12.48"
        )
    return round(float(text.replace(",", ".")) * FRAME_RATE)


def _check_hash(row: Row, text: str) -> None:
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise InputError(
            f"{row.where}: '{escaped(_short(text))}' is no SHA-256; expected 64 hexadecimal digits, or an empty cell"
        )


def name_of(file: str) -> str:
    """Return the name of a clip that has none of its own: where its file lies, wherever that is, without the ending."""
    parts = [part for part in re.split(r"[/\\]+", file) if part not in ("", ".", "..")]
    return PurePosixPath(*parts).with_suffix("").as_posix() if parts else file


def names_of(files: Iterable[str], given: Iterable[str] = ()) -> dict[str, str]:
    """Return the names of clips that have none of their own, by what a table calls their files.

    A file that is named from the table's folder has its whole place for a name. Of those with absolute paths, which say
    where a machine keeps them, so much is left as tells them apart: the name of the file, with the same number of
    folders before each. ``given`` are names that other clips have of their own.
    """
    names = {file: name_of(file) for file in files}
    absolute = {file: name.split("/") for file, name in names.items() if _is_absolute(file)}
    taken = set(given) | set(names.values()) - {names[file] for file in absolute}
    longest = max(map(len, absolute.values()), default=0)
    for count in range(1, longest + 1):
        short = {file: "/".join(parts[-count:]) for file, parts in absolute.items()}
        if len(set(short.values())) == len(set(map(tuple, absolute.values()))) and not taken & set(
            short.values()
        ):
            return names | short
    return names


def _is_absolute(file: str) -> bool:
    return PurePosixPath(file).is_absolute() or PureWindowsPath(file).is_absolute()


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:197]}..."


def _line(row: Row) -> str:
    return row.where.rpartition(", ")[2]


def _are(items: Sized) -> str:
    return "is" if len(items) == 1 else "are"


def clip_list(files: Mapping[str, ClipFile], root: Path, partners: Mapping[str, str]) -> str:
    """Return the text of a list of clips: CSV, UTF-8.

    Args:
        files: the clips by name.
        root: the folder that files are named from.
        partners: under XM, by clip; empty where there are none.

    Raises:
        MissingDataError: a file cannot be read.
    """
    rows = [_row_of(file, root, partners.get(name, "")) for name, file in files.items()]
    used = [column for column in COLUMNS if column in ALWAYS or any(row[column] for row in rows)]
    text = io.StringIO()
    writer = csv.DictWriter(text, used, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _row_of(file: ClipFile, root: Path, partner: str) -> dict[str, str]:
    video = _from(root, file.video)
    return {
        "file": video,
        "sha256": file_sha256(file.video),
        "audio": "" if file.audio is None else _from(root, file.audio),
        "audio_sha256": "" if file.audio is None else file_sha256(file.audio),
        "name": "" if name_of(video) == file.name else file.name,
        "start": f"{file.first / FRAME_RATE:.2f}" if file.first else "",
        "end": "" if file.stop is None else f"{file.stop / FRAME_RATE:.2f}",
        "speaker": file.speaker or "",
        "text": file.text or "",
        "partner": partner,
    }


def _from(root: Path, file: Path) -> str:
    name = Path(os.path.relpath(file, root)).as_posix()
    # A line that begins with a hash mark is a comment.
    return f"./{name}" if name.startswith("#") else name
