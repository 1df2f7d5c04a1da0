"""Sets of clips: a folder of videos, a CSV manifest, the LRS2 layout, or the embedded clips."""

import csv
import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path

from pytest_lipleak.core.clips import Audio, Clip, StreamedVideo, beginning, digest_of
from pytest_lipleak.core.errors import InputError, MissingDataError
from pytest_lipleak.core.timebase import FRAME_RATE, SAMPLES_PER_FRAME
from pytest_lipleak.media.audio import read_audio
from pytest_lipleak.media.video import FileState, VideoFile, file_state, read_video
from pytest_lipleak.model_files import file_sha256
from pytest_lipleak.resources import resource_path

EMBEDDED = "embedded"
"""Name of the clips that ship with the package."""

VIDEO_SUFFIXES = frozenset(
    {".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv"}
)
LATE_FRAMES = 5
"""Audio may end this many frames before the video (containers cut at packets); more is an error."""

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

    Raises:
        InputError: no clips, or two of one name.
    """

    def __init__(self, files: Sequence[ClipFile], origin: str) -> None:
        if not files:
            raise InputError(f"{origin}: 0 clips; expected at least one video file to measure")
        self.files = {file.name: file for file in sorted(files, key=lambda file: file.name)}
        if len(self.files) < len(files):
            names = [file.name for file in files]
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError(f"{origin}: two clips are called {twice!r}; give every clip a name of its own")
        self.origin = origin
        self._kept: OrderedDict[str, Clip] = OrderedDict()
        self._states: dict[str, FileState] = {}
        self._audio: dict[str, tuple[Audio, tuple[str, ...]]] = {}
        self._digests: dict[str, str] = {}

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
            self._kept[name] = _streamed(self._kept[name], self.files[name].video, self._states[name])
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
        return self._speech(self.files[name])[0]

    def same_speech(self, one: str, other: str) -> bool:
        """Whether two clips say the same: same samples, or same text where both are known."""
        texts = {self.files[one].text, self.files[other].text}
        return (len(texts) == 1 and None not in texts) or self._speech_digest(one) == self._speech_digest(
            other
        )

    def same_speaker(self, one: str, other: str) -> bool:
        """Whether two clips are known to show the same speaker."""
        speaker = self.files[one].speaker
        return speaker is not None and speaker == self.files[other].speaker

    def _speech_digest(self, name: str) -> str:
        # Pairing compares every clip with every other one.
        if name not in self._digests:
            self._digests[name] = digest_of(self.speech(name))
        return self._digests[name]

    def _speech(self, file: ClipFile) -> tuple[Audio, tuple[str, ...]]:
        if file.name not in self._audio:
            self._audio[file.name] = read_audio(file.audio or file.video)
        return self._audio[file.name]

    def _load(self, file: ClipFile) -> Clip:
        self._states[file.name] = file_state(file.video)
        opened = read_video(file.video)
        audio, notes = self._speech(file)
        frames = len(opened.video)
        length = audible_frames(file.audio or file.video, frames, len(audio))
        if length < frames:
            notes = (*notes, f"last {frames - length} frames without audio left out")
        audio = audio[: length * SAMPLES_PER_FRAME]
        return Clip(file.name, beginning(opened.video, length), audio, file.speaker, opened.notes + notes)


def _streamed(clip: Clip, path: Path, state: FileState) -> Clip:
    """The same clip, of which no frames are held."""
    length, height, width, channels = clip.video.shape
    video = StreamedVideo(
        lambda: islice(VideoFile(path, state=state), length), (length, height, width, channels)
    )
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
            LRS2's ``.txt`` transcripts are read); a single video; or a CSV manifest with the columns
            ``file`` and optionally ``audio``, ``speaker`` (or ``person``), ``text``, ``name``, paths
            relative to the manifest.

    Raises:
        MissingDataError: there is no such file or folder.
        InputError: nothing usable in it.
    """
    if str(spec) == EMBEDDED:
        return _embedded()
    path = Path(spec)
    if path.is_dir():
        return ClipSet([_in_folder(path, video) for video in _videos(path)], str(spec))
    if not path.exists():
        raise MissingDataError(
            f"clips {str(spec)!r}: no such file or folder; name a folder of videos, a CSV manifest, "
            f"or {EMBEDDED!r} for the clips that ship with pytest-lipleak"
        )
    if path.suffix.lower() == ".csv":
        return ClipSet(_manifest(path), str(spec))
    return ClipSet([ClipFile(path.stem, path)], str(spec))


_UNPACKED = ExitStack()
"""Keeps a zipped installation's clips unpacked until the interpreter ends."""


def _embedded() -> ClipSet:
    folder = _UNPACKED.enter_context(resource_path("clips"))
    return ClipSet(_manifest(folder / "manifest.csv"), EMBEDDED)


def _videos(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES)


def _in_folder(folder: Path, video: Path) -> ClipFile:
    relative = video.relative_to(folder)
    speaker = relative.parent.name or None
    name = relative.with_suffix("").as_posix()
    if len(list(video.parent.glob(f"{video.stem}.*"))) > 1 and _has_twin(video):
        name = relative.as_posix()
    return ClipFile(name, video, speaker=speaker, text=_transcript(video.with_suffix(".txt")))


def _has_twin(video: Path) -> bool:
    twins = [path for path in video.parent.glob(f"{video.stem}.*") if path.suffix.lower() in VIDEO_SUFFIXES]
    return len(twins) > 1


def _transcript(path: Path) -> str | None:
    """The words after ``Text:`` in LRS2's transcript files."""
    if not path.is_file():
        return None
    first = path.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
    label, _, words = first.partition(":")
    return words.strip() or None if label.strip().lower() == "text" else None


def _manifest(path: Path) -> list[ClipFile]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    if rows and "file" not in rows[0]:
        raise InputError(f"{path}: no column 'file'; found {', '.join(rows[0])}")
    return [_row(path, number, row) for number, row in enumerate(rows, start=2)]


def _row(manifest: Path, line: int, row: Mapping[str, str | None]) -> ClipFile:
    cells = {key: (value or "").strip() or None for key, value in row.items() if key is not None}
    name = cells["file"]
    if name is None:
        raise InputError(f"{manifest}, line {line}: the column 'file' is empty")
    files = {column: _named(manifest, line, column, cells.get(column)) for column in ("file", "audio")}
    video = files["file"]
    assert video is not None
    return ClipFile(
        cells.get("name") or Path(name).with_suffix("").as_posix(),
        video,
        files["audio"],
        cells.get("speaker") or cells.get("person"),
        cells.get("text"),
    )


def _named(manifest: Path, line: int, column: str, name: str | None) -> Path | None:
    if name is None:
        return None
    path = manifest.parent / name
    if not path.is_file():
        raise InputError(f"{manifest}, line {line}: {column} {name!r} is not a file beside the manifest")
    return path


def read_pairs(path: Path, clips: ClipSet) -> dict[str, str]:
    """Read a pair list in the format of Wav2Lip's test lists.

    Each line is ``audio_id video_id``; ids are clip names, with or without suffix. Returns the partner
    (whose audio drives) of every named video.

    Raises:
        InputError: a line that does not parse, names an unknown clip, a clip twice, or pairs a clip with
            its own speech.
    """
    if not path.is_file():
        raise MissingDataError(f"pairs {path}: no such file")
    partners: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        where = f"{path}, line {number}"
        ids = line.split()
        if len(ids) != 2:
            raise InputError(f"{where}: expected 'audio_id video_id', got {line.strip()!r}")
        partner, video = (_known(name, clips, where) for name in ids)
        if video in partners:
            raise InputError(f"{where}: the video {video!r} is listed twice")
        if partner == video or clips.same_speech(partner, video):
            raise InputError(f"{where}: {video!r} is paired with its own speech; that is not a mismatch")
        partners[video] = partner
    if not partners:
        raise InputError(f"{path}: 0 pairs; expected lines 'audio_id video_id'")
    return partners


def _known(name: str, clips: ClipSet, where: str) -> str:
    for candidate in (name, Path(name).with_suffix("").as_posix()):
        if candidate in clips:
            return candidate
    raise InputError(
        f"{where}: no clip {name!r} in {clips.origin} (known: {', '.join(list(clips)[:5])}, ...)"
    )
