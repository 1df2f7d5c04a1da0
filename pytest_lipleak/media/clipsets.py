"""Sets of clips: a folder of videos, a CSV manifest, the LRS2 layout, or the embedded clips."""

import hashlib
import os
import re
import unicodedata
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePosixPath

from pytest_lipleak.core.clips import Audio, Clip, StreamedVideo, beginning
from pytest_lipleak.core.errors import InputError, LipleakError, MissingDataError
from pytest_lipleak.core.listing import Listing
from pytest_lipleak.core.names import check_name, check_printable, escaped
from pytest_lipleak.core.timebase import FRAME_RATE, SAMPLES_PER_FRAME
from pytest_lipleak.machine.model_files import file_sha256
from pytest_lipleak.machine.resources import resource_path
from pytest_lipleak.media.clip_folders import videos_in
from pytest_lipleak.media.copies import is_copy
from pytest_lipleak.media.speeches import Speeches
from pytest_lipleak.media.tables import Row, is_file, read_table
from pytest_lipleak.media.timeline import Recording, Timeline
from pytest_lipleak.media.video import VideoFile, read_video

EMBEDDED = "embedded"
"""Name of the clips that ship with the package."""

TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".txt"})
"""Endings of manifests."""

LATE_FRAMES = 5
"""Audio may end this many frames before the video (containers cut at packets); more is an error."""

AUDIO_BYTES = 500_000_000
"""Decoded audio kept in memory; that of other clips is decoded when it is needed again."""

KEPT_BYTES = 125_000_000
"""Decoded frames kept in memory, besides those of the last clip; those of other clips are decoded when looked at."""


@dataclass(frozen=True)
class ClipFile:
    """Where a clip lies and what is known of it before decoding.

    Args:
        name: unique within the set.
        video: the video file.
        audio: a separate audio file, or None to use the video's own audio stream.
        speaker: who speaks, or None if unknown.
        text: what is said, or None if unknown; two clips with the same text are never paired.
    """

    name: str
    video: Path
    audio: Path | None = None
    speaker: str | None = None
    text: str | None = None


class ClipSet(Mapping[str, Clip]):
    """Clips by name, decoded when asked for.

    Args:
        files: at least one clip, names unique.
        origin: what the user named, for reports.
        left_out: why other files there are no clips, by their name.

    Raises:
        InputError: no clips, or two of one name.
    """

    def __init__(
        self, files: Sequence[ClipFile], origin: str, left_out: Mapping[str, str] | None = None
    ) -> None:
        self.listing = Listing(len(files), left_out or {})
        if not files:
            why = f" ({self.listing.summary})" if left_out else ""
            raise InputError(f"{origin}: 0 clips{why}; expected at least one video file to measure")
        self.files = {file.name: file for file in sorted(files, key=lambda file: file.name)}
        if len(self.files) < len(files):
            twice = Counter(file.name for file in files).most_common(1)[0][0]
            raise InputError(f"{origin}: two clips are called {twice!r}; give every clip a name of its own")
        self.origin = origin
        self._kept: OrderedDict[str, Clip] = OrderedDict()
        self._recordings: dict[str, Recording] = {}
        self._heard: OrderedDict[str, int] = OrderedDict()
        self._heard_bytes = 0

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __contains__(self, name: object) -> bool:
        # Mapping's own would decode the clip to find out.
        return name in self.files

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, name: str) -> Clip:
        if name not in self._kept:
            self._kept[name] = self._load(self.files[name])
            self._let_go_of_frames(name)
        self._kept.move_to_end(name)
        return self._kept[name]

    def _let_go_of_frames(self, latest: str) -> None:
        """Stream from now on what was not asked for longest, until few enough frames are held."""
        held = {name: int(getattr(clip.video, "nbytes", 0)) for name, clip in self._kept.items()}
        total = sum(held.values())
        for name in [name for name in held if held[name] and name != latest]:
            if total <= KEPT_BYTES:
                return
            self._kept[name] = _streamed(self._kept[name], self._recording(name).timeline)
            total -= held[name]

    @cached_property
    def digest(self) -> str:
        """SHA-256 over names, speakers, words and file contents: what the whole set *is*, without decoding it."""
        sha = hashlib.sha256()
        for clip in self.files.values():
            sha.update(repr((clip.name, clip.speaker, clip.text)).encode())
            for path in (clip.video, clip.audio):
                sha.update((file_sha256(path) if path else "").encode())
        return sha.hexdigest()

    def speech(self, name: str) -> Audio:
        """Return the whole audio of a clip, int16 mono 16 kHz, without decoding its frames."""
        audio = self._recording(name).audio
        if name not in self._kept:
            # Pairing asks for that of every clip; those asked for longest ago are let go.
            self._heard_bytes += audio.nbytes if name not in self._heard else 0
            self._heard[name] = audio.nbytes
            self._heard.move_to_end(name)
            while self._heard_bytes > AUDIO_BYTES and len(self._heard) > 1:
                oldest, size = self._heard.popitem(last=False)
                self._heard_bytes -= size
                if oldest not in self._kept:
                    del self._recordings[oldest]
        return audio

    def same_speech(self, one: str, other: str) -> bool:
        """Whether two clips say the same: same recording, or same text where both are known."""
        return other in self.same_speech_as(one)

    def same_speech_as(self, name: str) -> frozenset[str]:
        """Return all clips that say the same as one, itself among them.

        The first call decodes the audio of every clip, without its frames, and compares all of them.
        """
        return self._speeches.same_as(name)

    @cached_property
    def _speeches(self) -> Speeches:
        texts = {name: file.text for name, file in self.files.items()}
        return Speeches(texts, self.speech)

    @cached_property
    def copies(self) -> dict[str, str]:
        """Clips that are another clip again, of the same recording and the same pictures, and that other clip.

        Found out by decoding the audio of every clip, and the frames of those of one recording.
        """
        copies: dict[str, str] = {}
        for name in self if len(self) > 1 else ():
            for other, lag in sorted(self._speeches.same_recording(name).items()):
                if other < name and other not in copies and self._is_copy(name, other, lag):
                    copies[name] = other
                    break
        return copies

    def _is_copy(self, name: str, other: str, lag: float) -> bool:
        try:
            return is_copy(self[name], self[other], lag)
        except LipleakError:
            # Refused by name where it is measured.
            return False

    def _recording(self, name: str) -> Recording:
        if name not in self._recordings:
            file = self.files[name]
            self._recordings[name] = Recording(file.video, file.audio)
        return self._recordings[name]

    def _load(self, file: ClipFile) -> Clip:
        recording = self._recording(file.name)
        opened = read_video(recording.timeline)
        audio, notes = recording.audio, opened.notes + recording.sound_notes
        frames = len(opened.video)
        length = audible_frames(recording.audio_file, frames, len(audio))
        if length < frames:
            notes += (f"last {frames - length} frames without audio left out",)
        audio = audio[: length * SAMPLES_PER_FRAME]
        return Clip(file.name, beginning(opened.video, length), audio, file.speaker, notes)


def _streamed(clip: Clip, timeline: Timeline) -> Clip:
    """The same clip, of which no frames are held."""
    length, height, width, channels = clip.video.shape
    video = StreamedVideo(lambda: islice(VideoFile(timeline), length), (length, height, width, channels))
    streamed = replace(clip, video=video)
    # Known already, and asked for far more often than pictures are.
    vars(streamed)["digest"] = clip.digest
    return streamed


def audible_frames(audio_file: Path, frames: int, samples: int) -> int:
    """How many of ``frames`` video frames have sound, given ``samples`` samples at 16 kHz.

    Raises:
        InputError: the audio ends clearly before the video does, or there is none.
    """
    audible = samples // SAMPLES_PER_FRAME
    if audible < frames - LATE_FRAMES:
        raise InputError(
            f"{audio_file}: the audio ends after {audible / FRAME_RATE:.2f} s, the video after "
            f"{frames / FRAME_RATE:.2f} s; cut the video to the part that has sound"
        )
    if not audible:
        raise InputError(f"{audio_file}: less than one frame (0.04 s) of sound")
    return min(audible, frames)


def open_clips(spec: str | Path) -> ClipSet:
    """Open what the user named.

    Args:
        spec: ``embedded``; a folder, searched for videos at any depth (sub-folders count as speakers and
            LRS2's ``.txt`` transcripts are read; see ``clip_folders.videos_in``); a single video; or a manifest,
            a table (see ``tables.read_table``) with the columns ``file`` and optionally ``audio``, ``speaker`` (or
            ``person``), ``text``, ``name``, paths relative to the manifest.

    Raises:
        MissingDataError: there is no such file or folder.
        InputError: nothing usable in it.
    """
    if str(spec) == EMBEDDED:
        return _embedded()
    path = Path(spec)
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises for names that are too long
        return _in_folder(path, str(spec))
    if not os.path.lexists(path):
        raise MissingDataError(
            f"clips '{escaped(str(spec))}': no such file or folder; name a folder of videos, a CSV manifest, "
            f"or {EMBEDDED!r} for the clips that ship with pytest-lipleak"
        )
    if not is_file(path):
        raise InputError(
            f"clips '{escaped(str(spec))}': is no file or folder (a pipe, a device or a link to nothing?); name a "
            "folder of videos, a manifest or a video"
        )
    if path.suffix.lower() in TABLE_SUFFIXES:
        return ClipSet(_manifest(path), str(spec))
    return ClipSet([ClipFile(check_name(path.stem, str(path.parent)), path)], str(spec))


_UNPACKED = ExitStack()
"""Keeps a zipped installation's clips unpacked until the interpreter ends."""


def _embedded() -> ClipSet:
    folder = _UNPACKED.enter_context(resource_path("clips"))
    return ClipSet(_manifest(folder / "manifest.csv"), EMBEDDED)


def _in_folder(folder: Path, origin: str) -> ClipSet:
    videos, left_out = videos_in(folder)
    files = [
        ClipFile(name, video, speaker=video.relative_to(folder).parent.name or None, text=_transcript(video))
        for name, video in _named_by_place(folder, videos).items()
    ]
    return ClipSet(files, origin, left_out)


def _named_by_place(folder: Path, videos: Sequence[Path]) -> dict[str, Path]:
    """Return the videos by name: their place below the folder, without the ending where that tells them apart."""
    names = {video: video.relative_to(folder).with_suffix("").as_posix() for video in videos}
    while twice := {name for name, count in Counter(names.values()).items() if count > 1}:
        # One that bears its ending may be called like another that lacks it.
        names |= {
            video: video.relative_to(folder).as_posix() for video, name in names.items() if name in twice
        }
    return {check_name(name, str(folder)): video for video, name in names.items()}


def _transcript(video: Path) -> str | None:
    """The words after ``Text:`` in the first line of LRS2's transcript files."""
    path = video.with_suffix(".txt")
    if not is_file(path):
        return None
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        first = file.readline(10_000)
    label, _, words = first.partition(":")
    return words.strip() or None if label.strip().lower() == "text" else None


def _manifest(path: Path) -> list[ClipFile]:
    return [_row(path, row) for row in read_table(path, required=["file"])]


def _row(manifest: Path, row: Row) -> ClipFile:
    if "file" not in row.cells:
        raise InputError(f"{row.where}: the column 'file' is empty; name the clip's video")
    speaker = row.cells.get("speaker") or row.cells.get("person")
    if speaker is not None:
        check_printable(speaker, row.where, "speaker")
    video = _named_file(manifest, row, "file")
    name = row.cells.get("name")
    return ClipFile(
        check_name(_name_of(row.cells["file"]) if name is None else name, row.where),
        video,
        _named_file(manifest, row, "audio") if "audio" in row.cells else None,
        speaker,
        row.cells.get("text"),
    )


def _name_of(file: str) -> str:
    """The name of a clip that has none of its own: where its file lies, wherever that is, without the ending."""
    parts = [part for part in re.split(r"[/\\]+", file) if part not in ("", ".", "..")]
    return PurePosixPath(*parts).with_suffix("").as_posix() if parts else file


def _named_file(manifest: Path, row: Row, column: str) -> Path:
    name = row.cells[column]
    # Written under Windows, or under macOS, which takes accents apart; drives and archives put them together.
    slashed = name.replace("\\", "/")
    spellings = (name, slashed, *(unicodedata.normalize(form, slashed) for form in ("NFC", "NFD")))
    path = next((path for each in spellings if is_file(path := manifest.parent / each)), None)
    if path is None:
        shown = escaped(name if len(name) <= 200 else f"{name[:197]}...")
        raise InputError(
            f"{row.where}: {column} '{shown}' is not a file beside the manifest; paths are relative to it"
        )
    return path
