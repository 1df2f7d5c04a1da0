"""Sets of clips: a folder of videos, a table, the LRS2 layout, or the embedded clips."""

import hashlib
import math
import os
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pytest_lipleak.core.clips import Audio, Clip, Image, StreamedVideo, Video, held, stretch
from pytest_lipleak.core.errors import (
    ConfigurationError,
    InputError,
    LipleakError,
    MissingDataError,
    UnknownClipError,
)
from pytest_lipleak.core.held_arrays import HeldArrays
from pytest_lipleak.core.listing import Listing
from pytest_lipleak.core.names import check_name, escaped
from pytest_lipleak.core.scores import ENDS_EARLY
from pytest_lipleak.core.suggestions import meant, meant_file
from pytest_lipleak.core.timebase import FRAME_RATE, SAMPLES_PER_FRAME
from pytest_lipleak.machine.model_files import file_sha256
from pytest_lipleak.machine.resources import resource_path
from pytest_lipleak.media.clip_folders import videos_in
from pytest_lipleak.media.clip_lists import ClipFile as ClipFile
from pytest_lipleak.media.clip_lists import read_clip_list
from pytest_lipleak.media.copies import is_copy
from pytest_lipleak.media.decoding import Decoding
from pytest_lipleak.media.opening import FileState, check_unchanged
from pytest_lipleak.media.same_speech import FoundInPart, Speeches, also_in_part
from pytest_lipleak.media.tables import is_file
from pytest_lipleak.media.timeline import Recording, Timeline
from pytest_lipleak.media.video import HELD, VideoFile, held_if_short

EMBEDDED = "embedded"
"""Name of the clips that ship with the package."""

TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".txt"})
"""Endings of manifests."""

LATE_FRAMES = 5
"""Audio may end this many frames before the video (containers cut at packets); more is an error."""

AUDIO_BYTES = 100_000_000
"""Decoded audio kept in memory, 52 minutes; that of other clips is decoded when it is needed again."""

KEPT_BYTES = 125_000_000
"""Decoded frames kept in memory, besides those of the last clip; those of other clips are decoded when looked at."""


Recorded = TypeVar("Recorded", Audio, Video)


Remember = Callable[["ClipSet", str, Callable[[], Any], Mapping[str, int]], Any]
"""Finds again JSON-ready data about the clips of a set, by its name and the lengths of clips that it depends on, or
computes it."""


def _nowhere(name: str, length: int) -> None:
    """End no clip before its own end."""


def _computed(clips: "ClipSet", what: str, compute: Callable[[], Any], lengths: Mapping[str, int]) -> Any:
    """Remember nothing."""
    return compute()


@dataclass(frozen=True)
class _Remembered:
    """What is kept of a clip that was let go: asked for again, its pictures are streamed and its sound is decoded.

    Args:
        shape: of its video.
        timeline: of its file, without the sound.
        notes: of the clip.
        sound: state of the file with its sound, which may be another one.
        digest: of the clip, where it was asked for.
    """

    shape: tuple[int, ...]
    timeline: Timeline
    notes: tuple[str, ...]
    sound: FileState
    digest: str | None

    @classmethod
    def of(
        cls, recording: Recording, shape: Iterable[int], notes: Iterable[str], digest: str | None
    ) -> "_Remembered":
        """What is kept of a clip of this recording."""
        timeline = replace(recording.timeline, audio=None)
        return cls(tuple(shape), timeline, tuple(notes), recording.sound_state, digest)


class ClipSet(Mapping[str, Clip]):
    """Clips by name, decoded when asked for.

    Args:
        files: at least one clip, names unique.
        origin: what the user named, for reports.
        left_out: why other files there are no clips, by their name.
        ends: gives, for a clip and its length, the frame before which all that is measured of it ends, or None for its
            own end.

    Raises:
        InputError: no clips, or two of one name.
    """

    def __init__(
        self,
        files: Sequence[ClipFile],
        origin: str,
        left_out: Mapping[str, str] | None = None,
        *,
        ends: Callable[[str, int], int | None] = _nowhere,
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
        self.driving: dict[str, Path] = {}
        """Files of further speech, which drove outputs and is no clip's, by name."""
        self.remember: Remember = _computed
        """Finds again what was found out of the very same files, by its name, or computes it."""
        self.recall: Callable[[ClipFile, Callable[[], Any]], Any] | None = None
        """Finds again what a clip of the very same file is, so that its pictures need not be decoded to know it."""
        self.decoding = Decoding()
        """Gives the pictures of files."""
        self._ends = ends
        self._looked_at = HeldArrays(HELD)
        """Pictures of clips that were let go and are looked at again; the whole ones of the last."""
        self._kept: OrderedDict[str, Clip] = OrderedDict()
        self._remembered: dict[str, _Remembered] = {}
        self._recordings: dict[str, Recording] = {}
        self._heard: OrderedDict[str, int] = OrderedDict()
        """Bytes of the sounds that are held, by clip; the latest stands last."""
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
            known = self._remembered.get(name)
            self._kept[name] = self._load(_file_of(self, name)) if known is None else self._again(name, known)
            self._let_go_of_frames(name)
        self._kept.move_to_end(name)
        self._let_go_of_sounds(name)
        return self._kept[name]

    def _let_go_of_frames(self, latest: str) -> None:
        """Stream from now on what was not asked for longest, until few enough frames are held."""
        sizes = {name: int(getattr(clip.video, "nbytes", 0)) for name, clip in self._kept.items()}
        total = sum(sizes.values())
        for name in [name for name in sizes if sizes[name] and name != latest]:
            if total <= KEPT_BYTES:
                return
            clip = self._kept[name]
            self._kept[name] = self._streamed(name, self._known(clip), clip.audio)
            total -= sizes[name]

    def _let_go_of_sounds(self, latest: str) -> None:
        """Let those go that were not asked for longest, and with each all of its clip that takes room."""
        if latest not in self._heard:
            self._heard[latest] = self._recording(latest).audio.nbytes
            self._heard_bytes += self._heard[latest]
        self._heard.move_to_end(latest)
        while self._heard_bytes > AUDIO_BYTES and len(self._heard) > 1:
            oldest, size = self._heard.popitem(last=False)
            self._heard_bytes -= size
            if (clip := self._kept.pop(oldest, None)) is not None:
                self._remembered[oldest] = self._known(clip)
            del self._recordings[oldest]

    def _known(self, clip: Clip) -> _Remembered:
        known = self._remembered.get(clip.name)
        if known is not None and known.digest is not None:
            return known
        # Pictures that are held are hashed before they are let go: nobody decodes them again for that.
        digest = clip.digest if isinstance(clip.video, np.ndarray) else vars(clip).get("digest")
        return _Remembered.of(self._recording(clip.name), clip.video.shape, clip.notes, digest)

    def _again(self, name: str, known: _Remembered) -> Clip:
        known.timeline.check_unchanged()
        recording = self._recording(name)
        check_unchanged(recording.audio_file, known.sound)
        first = self.files[name].first * SAMPLES_PER_FRAME
        audio = recording.audio[first : first + known.shape[0] * SAMPLES_PER_FRAME]
        return self._streamed(name, known, _unchanging(audio))

    def _streamed(self, name: str, known: _Remembered, audio: Audio) -> Clip:
        """A clip of which no frames are held."""
        file, (length, height, width, channels) = self.files[name], known.shape
        shape = (length, height, width, channels)
        whole = StreamedVideo(lambda: _cut_out(VideoFile(known.timeline), file, known), shape)

        def read() -> Iterable[Image]:
            known.timeline.check_unchanged()
            raw = self.decoding.found(known.timeline)
            return (
                _looked_at_again(self._looked_at, name, whole) if raw is None else _cut_out(raw, file, known)
            )

        streamed = Clip(name, StreamedVideo(read, shape), audio, file.speaker, known.notes)
        if known.digest is not None:  # asked for far more often than pictures are
            vars(streamed)["digest"] = known.digest
        return streamed

    @cached_property
    def digest(self) -> str:
        """SHA-256 over names, speakers, words and file contents: what the whole set *is*, without decoding it."""
        sha = hashlib.sha256()
        for clip in self.files.values():
            sha.update(repr((clip.name, clip.speaker, clip.text, *clip.cut)).encode())
            for path in (clip.video, clip.audio):
                sha.update((file_sha256(path) if path else "").encode())
            if clip.box is not None:
                sha.update(str(clip.box).encode())
        return sha.hexdigest()

    @cached_property
    def speech_digest(self) -> str:
        """SHA-256 of the set, and of the further speech that drove outputs: what is compared for recordings."""
        if not self.driving:
            return self.digest
        known = [f"{name} {file_sha256(path)}" for name, path in sorted(self.driving.items())]
        return hashlib.sha256("\n".join([self.digest, *known]).encode()).hexdigest()

    @cached_property
    def partners(self) -> dict[str, str] | None:
        """The XM partner of every clip, where the list of clips names them; None where it does not.

        Raises:
            InputError: a partner is no clip of the set, or says the same as its clip.
        """
        given = {name: file.partner for name, file in self.files.items() if file.partner is not None}
        for name, partner in given.items():
            if partner not in self:
                raise InputError(
                    f"{self.origin}: the partner {escaped(partner)!r} of clip {name!r} is no clip of the list; add "
                    f"it, or name another{meant(partner, self)}"
                )
            if self.same_speech(name, partner):
                raise InputError(
                    f"{self.origin}: {name!r} is paired with its own speech ({partner!r}); that is not a mismatch"
                )
        if given and (without := [name for name in self if name not in given]):
            raise InputError(
                f"{self.origin}: clip {without[0]!r} has no partner, as {len(given)} others have; name one for every "
                "clip, or leave the column out"
            )
        return given or None

    def speech(self, name: str) -> Audio:
        """Return the whole audio of a clip, or of ``driving``, int16 mono 16 kHz, without decoding frames."""
        audio = _unchanging(self._recording(name).audio)
        # Pairing asks for that of every clip.
        self._let_go_of_sounds(name)
        if name in self.driving:
            return audio
        first, stop = self.files[name].first, self.files[name].stop
        return audio[first * SAMPLES_PER_FRAME : None if stop is None else stop * SAMPLES_PER_FRAME]

    def speech_length(self, name: str) -> int:
        """Return the number of samples of ``speech``; nothing is decoded for it where that is remembered."""
        return self._speeches.length(name)

    def speech_level(self, name: str) -> float:
        """Return how loud ``speech`` is, root mean square of int16 samples; nothing is decoded where that is known."""
        return self._speeches.level(name)

    def add_driving(self, path: Path) -> str:
        """Add speech that drove outputs and is no clip's; before anything is compared. Return its name."""
        name = path.name
        if name in self.files or self.driving.get(name, path) != path:
            name = f"sound of {path}"
        self.driving[name] = path
        return name

    def same_speech(self, one: str, other: str) -> bool:
        """Whether two clips say the same: same recording, or same text where both are known."""
        return other in self.same_speech_as(one)

    def same_speech_as(self, name: str) -> frozenset[str]:
        """Return all clips that say the same as one, itself among them.

        The first call decodes the audio of every clip, without its frames, and compares all of them, unless what
        comes of that is remembered.
        """
        return self._speeches.same_as(name)

    @cached_property
    def _speeches(self) -> Speeches:
        texts = {name: file.text for name, file in self.files.items()} | dict.fromkeys(self.driving)
        return Speeches(texts, self.speech, lambda compute: self.remember(self, "speeches", compute, {}))

    @cached_property
    def copies(self) -> dict[str, str]:
        """Clips that are another clip again, of the same recording and the same pictures, and that other clip.

        Found out by decoding the audio of every clip, and the frames of those of one recording, unless remembered.
        """
        shortened = self._ends is not _nowhere
        return dict(also_in_part(lambda: _copies_of(self, self._speeches, shortened=shortened)))

    def _recording(self, name: str) -> Recording:
        if name not in self._recordings:
            file = self.files.get(name)
            self._recordings[name] = (
                Recording(self.driving[name]) if file is None else Recording(file.video, file.audio)
            )
        return self._recordings[name]

    def _load(self, file: ClipFile) -> Clip:
        recording = self._recording(file.name)
        decode = partial(_decoded, file, recording, self.decoding, self._ends)
        if self.recall is None:
            return decode()
        fresh: list[Clip] = []

        def what_it_is() -> dict[str, Any]:
            fresh.append(clip := decode())
            return {"shape": clip.video.shape, "notes": clip.notes, "digest": clip.digest}

        found = self.recall(file, what_it_is)
        if fresh:
            return fresh[0]
        known = _Remembered.of(recording, found["shape"], found["notes"], found["digest"])
        self._remembered[file.name] = known
        return self._again(file.name, known)


def _file_of(clips: ClipSet, name: str) -> ClipFile:
    if name not in clips.files:
        raise UnknownClipError(f"no clip '{escaped(str(name))}' in {clips.origin}{meant(str(name), clips)}")
    return clips.files[name]


def _decoded(
    file: ClipFile, recording: Recording, decoding: Decoding, ends: Callable[[str, int], int | None]
) -> Clip:
    """Decode a clip; see ``ClipSet`` for ``decoding`` and ``ends``."""
    opened = decoding.opened(recording.timeline)
    audio, notes = recording.audio, opened.notes + recording.sound_notes
    frames = len(opened.video)
    length = audible_frames(recording.audio_file, frames, len(audio))
    if length < frames:
        notes += (f"last {frames - length} frames without audio left out",)
    first, stop = file.first, length if file.stop is None else file.stop
    _check_stretch(file, first, stop, length)
    end = ends(file.name, stop - first)
    if end is not None and first + end < stop - LATE_FRAMES:
        notes += (f"last {stop - first - end} frames left out: {ENDS_EARLY}",)
        stop = first + end
    audio = audio[first * SAMPLES_PER_FRAME : stop * SAMPLES_PER_FRAME]
    video = opened.video if file.box is None else file.box.of(opened.video, str(file.video))
    return Clip(file.name, _unchanging(_cut(video, first, stop)), _unchanging(audio), file.speaker, notes)


def _copies_of(clips: ClipSet, speeches: Speeches, *, shortened: bool) -> dict[str, str]:
    """Find the copies among clips, or find them again.

    Args:
        clips: to compare.
        speeches: of them.
        shortened: whether more than their files decides where clips end.

    Raises:
        FoundInPart: a clip of a recording that others hold, too, cannot be read.
    """

    def compute() -> dict[str, str]:
        return _copies_in(clips, speeches)

    alike = [name for name in clips if len(speeches.same_recording(name)) > 1] if shortened else []
    try:
        lengths = {name: len(clips[name].video) for name in alike}
    except LipleakError:
        raise FoundInPart(also_in_part(compute)) from None
    found: dict[str, str] = clips.remember(clips, "copies", compute, lengths)
    return found


def _copies_in(clips: ClipSet, speeches: Speeches) -> dict[str, str]:
    copies: dict[str, str] = {}
    unread = False
    for name in clips if len(clips) > 1 else ():
        for other, lag in sorted(speeches.same_recording(name).items()):
            known = other in clips.files and other not in copies
            if not known or other >= name:
                continue
            try:
                if is_copy(clips[name], clips[other], lag):
                    copies[name] = other
                    break
            except LipleakError:
                # Refused by name where it is measured.
                unread = True
    if unread:
        raise FoundInPart(copies)
    return copies


def _check_stretch(file: ClipFile, first: int, stop: int, length: int) -> None:
    if not first < stop <= length:
        raise InputError(
            f"{file.video}: clip {file.name!r} is the stretch from {first / FRAME_RATE:.2f} to "
            f"{stop / FRAME_RATE:.2f} s, and the file ends at {length / FRAME_RATE:.2f} s; correct the list, or "
            "get the file that it was made from"
        )


def _unchanging(recorded: Recorded) -> Recorded:
    """Return pictures or sound that nobody can write to: models are shown what everything is measured by."""
    if isinstance(recorded, np.ndarray):
        recorded = recorded.view()
        recorded.flags.writeable = False
    return recorded


def _cut(video: Video, first: int, stop: int) -> Video:
    """Frames ``first`` to before ``stop``, held where these few are short."""
    cut = stretch(video, first, stop)
    return held_if_short(lambda: cut) if isinstance(cut, StreamedVideo) and len(cut) < len(video) else cut


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


def open_clips(spec: str | Path, root: str | Path | None = None) -> ClipSet:
    """Open what the user named.

    Args:
        spec: ``embedded``; a folder, searched for videos at any depth (sub-folders count as speakers and
            LRS2's ``.txt`` transcripts are read; see ``clip_folders.videos_in``); a single video; or a list of
            clips, see ``clip_lists.read_clip_list``.
        root: the folder below which the files of a list lie, or ``embedded``; None takes the list's own.

    Raises:
        MissingDataError: there is no such file or folder.
        InputError: nothing usable in it.
        ConfigurationError: a ``root`` of what is no list.
    """
    is_list = str(spec) != EMBEDDED and Path(spec).suffix.lower() in TABLE_SUFFIXES
    if root is not None and (not is_list or os.path.isdir(spec)):  # noqa: PTH112 - as below
        raise ConfigurationError(
            f"clips root '{escaped(str(root))}': is for a list of clips (.csv, .tsv, .txt), and the clips are "
            f"'{escaped(str(spec))}'; leave it out"
        )
    if str(spec) == EMBEDDED:
        return ClipSet(read_clip_list(_embedded_folder() / "manifest.csv"), EMBEDDED)
    path = Path(spec)
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises for names that are too long
        return _in_folder(path, str(spec))
    if not os.path.lexists(path):
        raise MissingDataError(
            f"clips '{escaped(str(spec))}': no such file or folder; name a folder of videos, a table, "
            f"or {EMBEDDED!r} for the clips that ship with pytest-lipleak"
            f"{meant(path.name, [EMBEDDED]) or meant_file(path)}"
        )
    if not is_file(path):
        raise InputError(
            f"clips '{escaped(str(spec))}': is no file or folder (a pipe, a device or a link to nothing?); name a "
            "folder of videos, a manifest or a video"
        )
    if is_list:
        return ClipSet(read_clip_list(path, None if root is None else root_of(spec, root)), str(spec))
    return ClipSet([ClipFile(check_name(path.stem, str(path.parent)), path)], str(spec))


def root_of(spec: str | Path, root: str | Path | None = None) -> Path:
    """Return the folder that the files of a clip set are named from in a list of clips.

    Raises:
        MissingDataError: ``root`` is no folder.
    """
    if EMBEDDED in (str(spec), str(root)):
        return _embedded_folder()
    if root is None:
        return Path(spec) if os.path.isdir(spec) else Path(spec).parent  # noqa: PTH112 - as in open_clips
    if not os.path.isdir(root):  # noqa: PTH112 - as in open_clips
        raise MissingDataError(
            f"clips root '{escaped(str(root))}': no such folder; name the one below which the list's files lie"
            f"{meant_file(Path(root))}"
        )
    return Path(root)


_UNPACKED = ExitStack()
"""Keeps a zipped installation's clips unpacked until the interpreter ends."""


@cache
def _embedded_folder() -> Path:
    return _UNPACKED.enter_context(resource_path("clips"))


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


def _looked_at_again(kept: HeldArrays, name: str, video: StreamedVideo) -> Iterable[Image]:
    """Whoever looks at a clip once does so again soon, for an output is laid on it in several passes: hold the last."""
    if math.prod(video.shape) > HELD:
        return video
    pictures = kept.get(name)
    if pictures is None:
        kept.make_room(math.prod(video.shape))
        pictures = held(video)
        pictures.setflags(write=False)
        kept.hold(name, pictures)
    return pictures


def _cut_out(pictures: Iterable[Image], file: ClipFile, known: _Remembered) -> Iterator[Image]:
    """Yield those pictures of a file that are the clip's, as it is cut out of them."""
    images = islice(pictures, file.first, file.first + known.shape[0])
    return images if file.box is None else (image[file.box.slices] for image in images)
