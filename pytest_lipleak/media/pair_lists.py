"""Pair lists: whose audio drives which clip, named by the user."""

import re
from collections.abc import Iterator
from pathlib import Path

from pytest_lipleak.core.errors import InputError
from pytest_lipleak.core.names import escaped
from pytest_lipleak.core.number_words import named
from pytest_lipleak.core.suggestions import meant
from pytest_lipleak.media.clipsets import ClipSet
from pytest_lipleak.media.tables import delimiter_of, normalised, read_lines, read_table

AUDIO_COLUMNS = ("audio", "audio_id")
VIDEO_COLUMNS = ("video", "video_id")


def given_pairs(path: Path | None, clips: ClipSet) -> dict[str, tuple[str, ...]] | None:
    """Return the partners that the user gave: those of a pair list, else those of the list of clips; None for none.

    Raises:
        MissingDataError, InputError: as ``read_pairs``.
    """
    if path is not None:
        return read_pairs(path, clips)
    of_list = clips.partners
    return None if of_list is None else {clip: (partner,) for clip, partner in of_list.items()}


def read_pairs(path: Path, clips: ClipSet) -> dict[str, tuple[str, ...]]:
    """Read a pair list: Wav2Lip's test lists, or a table.

    In Wav2Lip's form each line is ``audio_id video_id``; ids are clip names, with or without ending. Names with
    blanks stand in double quotes, or are separated by a tab; without either they are understood where only one
    division of the line gives two clips of the set. A table (see ``tables.read_table``) has the columns ``audio``
    and ``video`` (or ``audio_id``, ``video_id``).

    Returns:
        The partners, whose audio drives, of every named video, in the order of the lines.

    Raises:
        MissingDataError: the file cannot be read.
        InputError: a line that does not parse, names an unknown clip, a pair twice, or pairs a clip with
            its own speech.
    """
    partners: dict[str, tuple[str, ...]] = {}
    for where, partner, video in _pairs(path, clips):
        if partner in partners.get(video, ()):
            raise InputError(f"{where}: the pair of {partner!r} and {video!r} is listed twice")
        if partner == video or clips.same_speech(partner, video):
            raise InputError(f"{where}: {video!r} is paired with its own speech; that is not a mismatch")
        partners[video] = (*partners.get(video, ()), partner)
    if not partners:
        raise InputError(f"{path}: 0 pairs; expected lines 'audio_id video_id'")
    return partners


def _pairs(path: Path, clips: ClipSet) -> Iterator[tuple[str, str, str]]:
    """Yield file and line, the clip whose audio drives, and the clip that is driven."""
    lines = read_lines(path)
    columns = _columns(lines)
    if columns:
        for row in read_table(path, columns):
            ids = [row.cells.get(column) for column in columns]
            if None in ids:
                raise InputError(f"{row.where}: expected an audio and a video; one of the cells is empty")
            audio, video = (_known(str(name), clips, row.where) for name in ids)
            yield row.where, audio, video
        return
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            where = f"{path}, line {number}"
            audio, video = _divided(line.strip(), clips, where)
            yield where, audio, video


def _columns(lines: list[str]) -> list[str]:
    """The two columns of a table of pairs; none where the list has no such headings."""
    heading = next((line for line in lines if line.strip() and not line.lstrip().startswith("#")), "")
    headings = [normalised(cell.replace('"', "")) for cell in heading.split(delimiter_of(heading))]
    found = [
        next((name for name in names if name in headings), "") for names in (AUDIO_COLUMNS, VIDEO_COLUMNS)
    ]
    return found if all(found) else []


def _divided(line: str, clips: ClipSet, where: str) -> tuple[str, str]:
    if "\t" in line:
        ids = [name.strip().strip('"') for name in line.split("\t") if name.strip()]
    elif '"' in line:
        ids = [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|([^\s"]+)', line)]
    else:
        ids = re.split(r"[\s,;]+", line)
        if len(ids) > 2 or any(mark in line for mark in ",;"):
            return _by_known_names(line, clips, where)
    if len(ids) != 2:
        raise _unreadable(line, where)
    audio, video = (_known(name, clips, where) for name in ids)
    return audio, video


def _by_known_names(line: str, clips: ClipSet, where: str) -> tuple[str, str]:
    """Divide a line of names with blanks or commas in them where that gives two clips of the set."""
    divisions = {
        (audio, video)
        for mark in re.finditer(r"\s*[\s,;]\s*", line)
        if (audio := _found(line[: mark.start()], clips)) and (video := _found(line[mark.end() :], clips))
    }
    if len(divisions) == 1:
        return divisions.pop()
    if divisions:
        raise InputError(
            f"{where}: '{_short(line)}' can be divided into two clips in {len(divisions)} ways; separate the names "
            "by a tab, or write them in double quotes"
        )
    raise _unreadable(line, where)


def _unreadable(line: str, where: str) -> InputError:
    return InputError(
        f"{where}: expected 'audio_id video_id', got '{_short(line)}'; write names with blanks in double quotes, or "
        "separate the two by a tab"
    )


def _found(name: str, clips: ClipSet) -> str | None:
    without_ending = re.sub(r"(?<=[^/.])\.[^/.]*$", "", name)
    return next((known for known in (name, without_ending) if known in clips), None)


def _known(name: str, clips: ClipSet, where: str) -> str:
    found = _found(name, clips)
    if found is None:
        raise InputError(
            f"{where}: no clip '{_short(name)}' in {clips.origin} (known: {named([*clips])}){meant(name, clips)}"
        )
    return found


def _short(text: str) -> str:
    return escaped(text if len(text) <= 120 else f"{text[:117]}...")
