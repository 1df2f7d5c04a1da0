"""Which files of a folder are clips, which are left out, and why."""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from pytest_lipleak.core.errors import MissingDataError
from pytest_lipleak.core.names import escaped

VIDEO_SUFFIXES = frozenset({
    ".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".m1v", ".m2t", ".m2ts", ".m2v",
    ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mod", ".mov", ".mp4", ".mpe", ".mpeg", ".mpg", ".mpv", ".mts",
    ".mxf", ".nut", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".tod", ".ts", ".vob", ".webm", ".wmv",
    ".wtv", ".y4m",
})  # fmt: skip
"""Endings that count as video."""

COMPANION_SUFFIXES = frozenset({
    ".aac", ".ac3", ".aiff", ".ass", ".bib", ".cfg", ".csv", ".db", ".flac", ".gif", ".htm", ".html",
    ".ini", ".ipynb", ".jpeg", ".jpg", ".json", ".lab", ".log", ".m4a", ".md", ".md5", ".mka", ".mp3",
    ".npy", ".npz", ".ogg", ".opus", ".pdf", ".pickle", ".pkl", ".png", ".pt", ".py", ".rst", ".sh",
    ".sha256", ".srt", ".ssa", ".sub", ".textgrid", ".toml", ".tsv", ".txt", ".url", ".vtt", ".wav",
    ".webp", ".wma", ".xml", ".yaml", ".yml", ".zip",
})  # fmt: skip
"""Endings of what lies beside clips and is none: sound, pictures, transcripts, notes. Such files are not counted."""

SYSTEM_FOLDERS = frozenset(
    {"@eadir", "__macosx", "#recycle", "$recycle.bin", "system volume information", "lost+found"}
)
"""Folders in which network drives, archives and systems keep files of their own, in small letters."""


@dataclass
class _Search:
    videos: list[Path] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    visited: dict[tuple[int, int], Path] = field(default_factory=dict)
    linked: list[tuple[Path, str | None]] = field(default_factory=list)
    called_like_videos: list[Path] = field(default_factory=list)


def videos_in(folder: Path) -> tuple[list[Path], dict[str, str]]:
    """Return every video below ``folder``, sorted, and why each other file that looks like one is left out.

    Linked folders are followed, each real folder once. Left out are hidden files, what lies in hidden folders or in
    those of the system (``SYSTEM_FOLDERS``), links to nothing, what has a video's name and is no file, and files of
    an unknown ending.

    Raises:
        MissingDataError: the folder cannot be read.
    """
    search = _Search()
    # A link to a folder above is a loop, too.
    for above in folder.resolve().parents:
        status = above.stat()
        search.visited[status.st_dev, status.st_ino] = above
    _descend(folder, folder, None, search)
    # Last, so that a folder bears its own name and not that of a link to it.
    while search.linked:
        path, why = search.linked.pop(0)
        _descend(path, folder, why, search)
    holders = {above for video in search.videos for above in video.parents}
    for path in search.called_like_videos:
        if path not in holders:
            search.left_out[_below(path, folder)] = "folder with a video's name"
    return sorted(search.videos), dict(sorted(search.left_out.items()))


def _descend(path: Path, top: Path, why: str | None, search: _Search) -> None:
    """Look through a folder and what lies below it; ``why`` all of that is left out, or None."""
    pending = [(path, why)]
    while pending:
        folder, why = pending.pop()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in search.visited:
                continue
            search.visited[status.st_dev, status.st_ino] = folder
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            if folder == top:
                raise MissingDataError(
                    f"{folder}: the folder cannot be read ({error.strerror}); check its rights"
                ) from None
            search.left_out[_below(folder, top)] = "folder that cannot be read"
            continue
        for entry in entries:
            inside = why or _why_not_inside(entry.name)
            if _is_folder(entry):
                if Path(entry.name).suffix.lower() in VIDEO_SUFFIXES and inside is None:
                    search.called_like_videos.append(Path(entry.path))
                target = search.linked if entry.is_symlink() else pending
                target.append((Path(entry.path), inside))
            elif looks_like_clip(entry.name):
                reason = inside or _why_no_clip(entry)
                if reason is None:
                    search.videos.append(Path(entry.path))
                else:
                    search.left_out[_below(Path(entry.path), top)] = reason


def looks_like_clip(name: str) -> bool:
    """Whether a user may take a file of this name for a clip of the set: all but companions and hidden notes."""
    suffix = Path(name).suffix.lower()
    return suffix in VIDEO_SUFFIXES or (suffix not in COMPANION_SUFFIXES and not name.startswith("."))


def _why_not_inside(name: str) -> str | None:
    if name.lower() in SYSTEM_FOLDERS:
        return "in a folder of the system"
    return "hidden" if name.startswith(".") else None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _why_no_clip(entry: os.DirEntry[str]) -> str | None:
    """Why an entry that is no folder is no clip; None where it is one."""
    try:
        mode = Path(entry.path).stat().st_mode
    except OSError:
        return "link to nothing" if entry.is_symlink() else "cannot be read"
    if not stat.S_ISREG(mode):
        return "no file but a pipe, socket or device"
    suffix = Path(entry.name).suffix.lower()
    if suffix not in VIDEO_SUFFIXES:
        return (
            f"of the ending {escaped(suffix)}, which is no video's" if suffix else "without a video's ending"
        )
    return None


def _below(path: Path, top: Path) -> str:
    return path.relative_to(top).as_posix()
