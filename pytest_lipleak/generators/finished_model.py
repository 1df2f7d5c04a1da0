"""Finished videos as a model: what it makes of a clip under a condition is looked up, not computed."""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from filecmp import cmp
from itertools import chain, combinations
from pathlib import Path
from typing import NoReturn

import numpy as np

from pytest_lipleak.core.choices import PAIRINGS
from pytest_lipleak.core.clips import Audio, Frames
from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.errors import GeneratorError, InputError, LipleakError
from pytest_lipleak.core.number_words import counted, named
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.media.audio import fit, level, read_audio
from pytest_lipleak.media.clipsets import ClipFile, ClipSet, Remember
from pytest_lipleak.media.finished_tables import (
    OWN,
    SILENCE,
    TRACK,
    FinishedTable,
    FinishedVideo,
    TrialName,
    by_trial,
    free_pose,
    read_finished,
    rows_with_clips,
)
from pytest_lipleak.media.tables import is_file
from pytest_lipleak.media.timeline import survey
from pytest_lipleak.media.tracks import shown_frames

QUIET = 100.0
"""RMS of int16 samples up to which sound counts as silence: -50 dBFS, above the noise that stands for silence."""

LEAST_SHOWN = 0.5
"""An output of less than this share of its clip is a failed trial; a longer one that ends early ends its clip, too."""

COMPARED = 1600
"""Samples by which copies of a clip's speech are looked for: 0.1 s."""


class FinishedVideos:
    """The finished videos of one model.

    Args:
        spec: see ``media.finished_tables.read_finished``.
        model: whose videos, where there are several.
        pose: ``free`` where the system poses all heads by itself; None leaves it to the table.

    Raises:
        InputError, MissingDataError: the table cannot be used.
    """

    def __init__(self, spec: str, model: str | None = None, pose: str | None = None) -> None:
        whole = read_finished(spec)
        if pose is not None:
            is_free = free_pose(str(pose), "argument pose")
            whole = replace(whole, rows=tuple(replace(row, has_free_pose=is_free) for row in whole.rows))
        self.table: FinishedTable = whole.of(None if model is None else str(model))
        self.name = self.table.models[0] or f"videos:{spec}"
        self.fingerprint = _fingerprint(self.table.rows)
        self.pairing = PAIRINGS[0]
        self.trials: Mapping[TrialName, FinishedVideo] = {}
        """By what they are; known as soon as ``over`` was called."""
        self.conditions: tuple[Condition, ...] = ()
        """Those that there are videos of, or should be; likewise."""
        self.clips: ClipSet | None = None
        """Those that the videos were made from, likewise, each cut where its videos end."""
        self.whole_clips: ClipSet | None = None
        """The same at their full length."""
        self._assumed = self._who = ""
        self._outputs: dict[str, list[FinishedVideo]] = {}
        self.partners: dict[str, tuple[str, ...]] = {}
        """Under other speech, whose speech drove: clips, or names of ``ClipSet.driving``."""

    @property
    def is_resolved(self) -> bool:
        """Whether the clips are known that the videos were made from."""
        return bool(self.trials)

    @property
    def notes(self) -> tuple[str, ...]:
        """What readers must know of the table."""
        notes = []
        if not self.table.says_reference:
            notes.append(
                f"{self.table.origin} does not say which reference the videos were made with: they stand under CR, the "
                "current frame (column 'reference')"
            )
        if free := sum(row.has_free_pose for row in self.table.rows):
            notes.append(
                f"pose=free: the heads of {counted(free, 'video')} need not move as their clips' do, so that they "
                "were made of the clips that the table names rests on its word; a video that moves or looks plainly "
                "more like any other clip of the table is refused, one of another clip of the same person may not be"
            )
        notes += filter(None, (self._who, self._assumed))
        return tuple(notes)

    def probes(self, probe: str, condition: Condition) -> bool:
        """Whether there are videos of a probe, or should be."""
        return any(trial.probe == probe and trial.condition == condition for trial in self.trials)

    @property
    def clip_names(self) -> frozenset[str]:
        """Clips that something was made of, or should have been.

        A table says so of each. Names of files do not say what is missing: there it is all clips.
        """
        return frozenset(self.clips or () if "{" in self.table.origin else self._outputs)

    def generate(self, frames: Frames, audio: Audio, reference: Frames) -> NoReturn:
        """Refuse: nothing can be made anew.

        Raises:
            GeneratorError: always.
        """
        raise GeneratorError(
            "finished videos are looked up; nothing can be generated anew for what the table lacks"
        )

    def over(self, given: ClipSet | None, remember: Remember | None = None) -> ClipSet:
        """Return the clips that the videos were made from, and find out what drove each.

        Args:
            given: clips of the user's, or None to take the sources that the table names.
            remember: see ``ClipSet.remember``; None takes that of the clips, if there are any.

        Raises:
            InputError: a row means no clip, two rows are one video, or a setup contradicts the audio.
        """
        if given is None:
            files, rows, origin = _sources(self.table.rows), self.table.rows, self.table.origin
            left_out: Mapping[str, str] = {}
        else:
            files, origin, left_out = [*given.files.values()], given.origin, given.listing.left_out
            rows = tuple(rows_with_clips(self.table, list(given), given.origin))
        files, self._who = with_speakers(files, rows)
        clips = self.clips = ClipSet(
            files,
            origin,
            left_out,
            ends=lambda clip, length: min(
                (end for end in self.ends_of(clip) if end >= LEAST_SHOWN * length), default=None
            ),
        )
        if given is not None:
            clips.remember, clips.decoding = given.remember, given.decoding
        clips.remember = remember or clips.remember
        self.whole_clips = whole = ClipSet(files, origin)
        whole.driving, whole.decoding = clips.driving, clips.decoding
        sounds = _Sounds(clips)
        for row in rows:
            sounds.add(row)
        told, self._assumed = _in_setups(rows, sounds)
        rows, self.partners = _with_partners(told, sounds)
        _refuse_one_for_several(rows)
        self.trials = by_trial(rows)
        self.conditions = tuple(sorted({trial.condition.cell for trial in self.trials if not trial.probe}))
        self._outputs = {}
        for trial, row in self.trials.items():
            self._outputs.setdefault(trial.clip, []).append(row)
        return clips

    def ends_of(self, clip: str) -> tuple[int, ...]:
        """How many frames the videos of a clip show, each number once: it ends where the first of them does, those
        of less than ``LEAST_SHOWN`` of it apart. Those of probes end nothing: what they are compared with is whole.
        """
        rows = [row for row in self._outputs.get(clip, ()) if not row.probe]
        return tuple(sorted({shown_frames(row.output) for row in rows if is_file(row.output)}))


def finished_of(model: Model) -> FinishedVideos | None:
    """Return the finished videos that stand for a model, or None where it generates."""
    return model.generator if isinstance(model.generator, FinishedVideos) else None


def load(spec: str, model: str | None = None, pose: str | None = None) -> FinishedVideos:
    """Build the model ``videos:SPEC``; see ``FinishedVideos``."""
    return FinishedVideos(spec, model, pose)


def _fingerprint(rows: Iterable[FinishedVideo]) -> str:
    """Of what stands in the table: which videos are there is seen by content, each when it is read."""
    sha = hashlib.sha256()
    for row in rows:
        sha.update(repr(replace(row, where="")).encode("utf-8", "surrogatepass"))
    return sha.hexdigest()


def _sources(rows: Iterable[FinishedVideo]) -> list[ClipFile]:
    """The clips that a table names, each once.

    Raises:
        InputError: a row has no source, or another one than an earlier row of its clip.
    """
    found: dict[str, tuple[ClipFile, str]] = {}
    for row in rows:
        if row.source is None and row.clip not in found:
            raise InputError(
                f"{row.where}: names no source; name one in every row, or the clips with --lipleak-clips"
            )
        if row.source is None:
            continue
        file = ClipFile(row.clip, row.source, None, row.speaker, row.text, box=row.source_box)
        known, where = found.setdefault(row.clip, (file, row.where))
        if known != file:
            raise InputError(
                f"{row.where}: clip {row.clip!r} has another source, speaker, text or source_box than in {where}; give "
                "clips that differ names of their own in the column 'clip'"
            )
    return [file for file, _ in found.values()]


def with_speakers(files: Sequence[ClipFile], rows: Iterable[FinishedVideo]) -> tuple[list[ClipFile], str]:
    """Return the clips with their speakers, and what readers must know of these, in words.

    Where nobody is named, folders of the sources count as speakers, as those of a folder of clips do, if any holds
    several; else nobody knows, and each clip counts as another person.
    """
    told: dict[str, str] = {}
    for row in rows:
        if row.speaker is not None:
            told.setdefault(row.clip, row.speaker)
    found = [file if file.speaker else replace(file, speaker=told.get(file.name)) for file in files]
    unknown = sum(file.speaker is None for file in found)
    if not unknown or len(found) == 1:
        return found, ""
    parents = [file.video.parent.absolute() for file in found]
    if unknown == len(found) > len(set(parents)) > 1:
        names = _told_apart(parents)
        found = [replace(file, speaker=names[parent]) for file, parent in zip(found, parents, strict=True)]
        return found, "nobody says who is seen (column 'speaker'): folders of the sources count as speakers"
    return found, (
        f"nobody says who is seen in {unknown} of {len(found)} clips (column 'speaker'): each counts as another "
        "person, and intervals and p hold only if that is so"
    )


def _told_apart(folders: Iterable[Path]) -> dict[Path, str]:
    """Names of folders: their paths below what they have in common, whole where that is nothing."""
    known = set(folders)
    try:
        top = Path(os.path.commonpath(known))
    except ValueError:  # on several drives
        return {folder: folder.as_posix() for folder in known}
    return {folder: folder.relative_to(top).as_posix() for folder in known}


class _Sounds:
    """What drove outputs, by the names that a clip set has for it.

    Args:
        clips: the clip set; speech that is no clip's is added to it.
    """

    def __init__(self, clips: ClipSet) -> None:
        self.clips = clips
        self._names = {file.audio or file.video: name for name, file in clips.files.items()}
        self._quiet: set[Path] = set()
        self._starts: dict[bytes, list[str]] | None = None

    def add(self, row: FinishedVideo) -> None:
        """Give the sound that drove an output a name; none where the table says that the clip's own speech or silence
        did, or where it is silent.
        """
        path = _sound_file(row)
        if path is None or path in self._names or path in self._quiet:
            return
        copy = None
        if isinstance(row.audio, Path):
            audio, _ = read_audio(path)
            if is_quiet(audio):
                self._quiet.add(path)
                return
            copy = self._copied_from(audio)
        self._names[path] = copy or self.clips.add_driving(path)

    def name_of(self, row: FinishedVideo) -> str | None:
        """The name of the sound that drove an output, or None as for ``add``."""
        path = _sound_file(row)
        return None if path is None else self._names.get(path)

    def told(self, row: FinishedVideo) -> Setup:
        """Which setup the audio of a row means.

        Raises:
            InputError: it cannot be read.
        """
        name = self.name_of(row)
        if name is None or self.clips.speech_level(name) < QUIET:
            return Setup.SI
        return Setup.AM if self.clips.same_speech(row.clip, name) else Setup.XM

    def _copied_from(self, audio: Audio) -> str | None:
        """The clip whose speech a sound is to the sample, cut or repeated as `lipleak export` does it."""
        if self._starts is None:
            self._starts = {}
            for name in self.clips:
                with suppress(LipleakError):  # said of the clip where it is measured
                    self._starts.setdefault(_start(self.clips.speech(name)), []).append(name)
        for name in self._starts.get(_start(audio), ()):
            speech = self.clips.speech(name)
            if np.array_equal(audio, fit(speech, len(audio))):
                return name
        return None


def _sound_file(row: FinishedVideo) -> Path | None:
    """The file whose sound drove an output; None where it is the clip's own or silence, or cannot be known."""
    if row.setup is Setup.PA:
        return None  # as `lipleak export` planned it, of the speech that drives under XM
    if isinstance(row.audio, Path):
        return row.audio
    if row.audio != TRACK or not is_file(row.output):
        return None
    # Of the others it is known what drove them; what is heard in them is compared when they are read.
    return row.output if row.setup in (None, Setup.XM) else None


def _in_setups(rows: Sequence[FinishedVideo], sounds: _Sounds) -> tuple[list[FinishedVideo], str]:
    """Return the rows with their setups, and what was assumed, in words.

    A video that is not there, or cannot be read, tells nothing. Where all others are of one setup it is of that, too:
    one of thousands that failed stands in nobody's way.

    Raises:
        InputError: as for ``_in_setup``, where the others are of several setups, or there are none.
    """
    found: dict[int, FinishedVideo] = {}
    untold: dict[int, InputError] = {}
    for at, row in enumerate(rows):
        try:
            found[at] = _in_setup(row, sounds)
        except _UntoldError as error:
            untold[at] = error
    setups = {row.setup for row in found.values() if row.setup is not Setup.PA}
    if not untold:
        return list(found.values()), ""
    if len(setups) != 1:
        raise next(iter(untold.values()))
    (setup,) = setups
    found |= {at: replace(rows[at], setup=setup) for at in untold}
    outputs = named([rows[at].name for at in untold])
    return [found[at] for at in range(len(rows))], (
        f"{outputs}: nothing is heard that says what drove it, so {setup} was taken, as of all others "
        "(column 'setup')"
    )


class _UntoldError(InputError):
    """What drove an output cannot be known, for it is not there or cannot be read."""


def _in_setup(row: FinishedVideo, sounds: _Sounds) -> FinishedVideo:
    """Return a row with its setup, told from the audio where the table does not say it.

    Raises:
        InputError: the table and the audio contradict each other, or nobody knows what drove the output.
    """
    if row.setup is None and _sound_file(row) is None:
        raise _UntoldError(
            f"{row.where}: neither setup nor audio is given, and the output {row.name} is not there to be "
            "heard; name one of the two"
        )
    if row.audio in (OWN, SILENCE) or _sound_file(row) is None:
        return row
    if row.setup is not None and row.is_planned and sounds.name_of(row) in sounds.clips:
        return row  # written by `lipleak export`, and to the sample what it wrote
    try:
        told = sounds.told(row)
    except InputError as error:
        if row.audio == TRACK and row.setup is not None:
            return row  # refused by name when it is read
        # One whose pictures can be read would be judged by what was assumed: silence is often written without sound.
        kind = InputError if row.audio != TRACK or _has_pictures(row.output) else _UntoldError
        raise kind(f"{row.where}: what drove the output cannot be heard: {error}") from None
    if row.setup is None:
        return replace(row, setup=told)
    if told is not row.setup:
        kinds = {Setup.AM: "the clip's own speech", Setup.SI: "silence", Setup.XM: "other speech"}
        heard = f"audio {row.audio.name}" if isinstance(row.audio, Path) else f"sound of {row.name}"
        raise InputError(
            f"{row.where}: setup {row.setup} contradicts the {heard}, which is {kinds[told]}; correct one of the two"
        )
    return row


def _has_pictures(path: Path) -> bool:
    try:
        survey(path, sound=False)
    except InputError:
        return False
    return True


def _with_partners(
    rows: Sequence[FinishedVideo], sounds: _Sounds
) -> tuple[tuple[FinishedVideo, ...], dict[str, tuple[str, ...]]]:
    """Return the rows with the numbers of their partners under XM, and the partners of every clip.

    Where a row names no audio, its output was driven by the first partner that no other row of its clip and reference
    names.
    """
    partners: dict[str, list[str]] = {}
    by_place: dict[tuple[str, Reference], set[int]] = {}
    found: list[FinishedVideo] = []
    for row in sorted(rows, key=lambda row: not isinstance(row.audio, Path)):
        if row.setup is Setup.XM and not row.probe:
            known, name = partners.setdefault(row.clip, []), sounds.name_of(row)
            taken = by_place.setdefault((row.clip, row.reference), set())
            if isinstance(row.audio, Path) and name in known:
                number = known.index(name)
            elif isinstance(row.audio, Path):
                number = len(known)
            else:
                number = min(set(range(len(taken) + 1)) - taken)
            if name is not None and number == len(known):
                known.append(name)
            if isinstance(row.audio, Path):
                taken.add(number)
            row = replace(row, partner=number)
        found.append(row)
    return tuple(found), {clip: tuple(names) for clip, names in partners.items() if names}


def _refuse_one_for_several(rows: Iterable[FinishedVideo]) -> None:
    """Refuse one video that stands for a clip under several audios, by another name: a copy, or a link.

    With either reference a model may make the same; and what we planned or kept is what it made.

    Raises:
        InputError: there is such a video.
    """
    alike: dict[tuple[object, ...], list[FinishedVideo]] = {}
    for row in rows:
        if not row.inputs and is_file(row.output):
            alike.setdefault((row.clip, row.box, row.output.stat().st_size), []).append(row)
    for one, other in chain.from_iterable(combinations(group, 2) for group in alike.values()):
        if (one.setup, one.partner) != (other.setup, other.partner) and cmp(
            one.output, other.output, shallow=False
        ):
            raise InputError(
                f"{other.where}: {other.name} is the same video, to the byte, as {one.name} of "
                f"{one.where}, which other audio drove; name the right file. If the model really "
                "made one video for both, say so by a table of 'lipleak export', or let it write the sound"
            )


def is_quiet(audio: Audio) -> bool:
    """Whether sound counts as silence."""
    return level(audio) < QUIET


def _start(audio: Audio) -> bytes:
    return audio[:COMPARED].tobytes()
