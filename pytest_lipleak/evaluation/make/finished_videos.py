"""Finished videos in place of those that a model would make: found, laid on the clip they were made from, and read.

Nothing is generated, and nothing is written to a store but what was found out.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from pytest_lipleak.core.clips import Audio, Clip, Image, Video
from pytest_lipleak.core.errors import (
    InputError,
    LipleakError,
    MissingDataError,
    NotApplicableError,
    UnscorableError,
    WrongVideoError,
)
from pytest_lipleak.core.suggestions import meant_file
from pytest_lipleak.core.timebase import SAMPLES_PER_FRAME
from pytest_lipleak.core.version import __version__
from pytest_lipleak.evaluation.make.crops import Boxes, Crops
from pytest_lipleak.evaluation.make.finished_alignment import (
    FreePose,
    Laid,
    is_listened_to,
    lay,
    objection_to_sound,
    stepped,
)
from pytest_lipleak.evaluation.make.planned_inputs import PlannedInputs
from pytest_lipleak.evaluation.make.videos import GENERATION_LIBRARIES, OutputVideos
from pytest_lipleak.faces.lookalikes import Traits, traits_of
from pytest_lipleak.faces.placement import Place
from pytest_lipleak.faces.small_faces import Faces, grey_faces
from pytest_lipleak.generators.finished_model import FinishedVideos
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.generators.shared import BusyError
from pytest_lipleak.machine.model_files import file_sha256
from pytest_lipleak.machine.written_files import write_array
from pytest_lipleak.media.clipsets import LATE_FRAMES, ClipSet
from pytest_lipleak.media.finished_tables import FinishedVideo, TrialName
from pytest_lipleak.media.opening import FileState, file_state
from pytest_lipleak.media.tables import is_file, is_folder
from pytest_lipleak.media.timeline import Timeline, survey
from pytest_lipleak.media.video import VideoFile, held_if_short
from pytest_lipleak.plan.trials import Trial
from pytest_lipleak.store.keys import STORE_FORMAT, key_of, versions_of
from pytest_lipleak.store.store import Store, read_array

KEPT_VIDEOS = 2
"""Outputs that were read last, kept while they are short: what is embedded is also scanned and shown."""


def _survey(row: FinishedVideo) -> Timeline:
    """Look through an output once, and decode its sound on the way where it is compared with anything."""
    try:
        return survey(row.output, sound=None if is_listened_to(row) else False)
    except InputError:
        return survey(row.output, sound=False)  # a broken sound says nothing of the pictures


def _pictures(row: FinishedVideo, timeline: Timeline) -> Iterator[Image]:
    for image in VideoFile(timeline):
        if row.box is not None:
            height, width = image.shape[:2]
            try:
                row.box.check(height, width, row.where)
            except InputError as error:
                # A mistake of the table, and no failure of the model.
                raise WrongVideoError(str(error)) from None
            image = np.ascontiguousarray(image[row.box.slices])
        yield image


def _what_is_there(path: Path) -> str:
    return "is a folder; join its pictures to a video" if is_folder(path) else "is not there"


class FinishedOutputs(OutputVideos):
    """Finds the finished videos of one model.

    Args:
        model: whose generator is ``finished``.
        finished: what there is.
        store: where alignments are kept; may be shared with other processes.
        crops: gives the face crops of real clips, and follows faces through outputs.
        geometry: what decides where a clip's face is.
        planned: knows what `lipleak export` planned.
    """

    are_files = True

    def __init__(
        self,
        model: Model,
        finished: FinishedVideos,
        store: Store,
        crops: Crops,
        geometry: Sequence[str],
        planned: PlannedInputs,
    ) -> None:
        self.model = model
        self._finished = finished
        self._store = store
        self._crops = crops
        self._geometry = list(geometry)
        self._planned = planned
        self._contents: dict[Path, tuple[FileState, str]] = {}
        self._kept: OrderedDict[str, Video] = OrderedDict()
        self._outputs = finished.table.others | {each.output for each in finished.table.rows}
        self._last: tuple[FinishedVideo, Video, Audio | None] | None = None

    def output_key(self, trial: Trial) -> str:
        """Return the key of a finished video: a hash of the file's content, and of the clip that it is laid on.

        Raises:
            UnscorableError: there is no video.
        """
        row = self._row(trial)
        return key_of(
            finished=self._content(row.output),
            box=str(row.box or ""),
            may_copy=bool(row.inputs),
            pose=self._compared(row),
            clip=trial.real.digest,
            # What is heard in it may be compared with that.
            audio=trial.audio_key,
            libraries=versions_of("av", *GENERATION_LIBRARIES),
            package=__version__,
            format=STORE_FORMAT,
        )

    def _compared(self, row: FinishedVideo) -> str | bool:
        """Of an output whose head follows nobody: the clips that it may belong to instead, with their speakers."""
        clips = self._finished.clips
        assert clips is not None
        return row.has_free_pose and clips.digest

    def _content(self, path: Path) -> str:
        """SHA-256 of a file, hashed once while it is unchanged."""
        state = file_state(path)
        known = self._contents.get(path)
        if known is None or known[0] != state:
            known = self._contents[path] = state, file_sha256(path)
        return known[1]

    def has(self, trial: Trial) -> bool:
        """Whether nothing is left to be made for a trial's video: it is there, or never will be."""
        return True

    def introduce(self, clip: Clip) -> None:
        """Tell nobody anything: nothing is generated."""

    def get(self, trial: Trial, *, wait: bool = True) -> Video:
        """Return a trial's video, uint8 RGB (T, H, W, 3), in the time and the picture of its clip.

        Args:
            trial: what the model was to be given.
            wait: whether to wait for another process that lays it on its clip; otherwise that is an error.

        Raises:
            BusyError: another process is at it, and ``wait`` is false.
            UnscorableError: there is no video, or it cannot be read: a failed trial.
            WrongVideoError: it was not made from this clip, or not from this audio.
        """
        if trial.audio is None:
            return trial.clip.video
        key = self.key(trial)
        if key not in self._kept:
            self._kept[key] = self._read(trial, wait=wait)
            while len(self._kept) > KEPT_VIDEOS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def notes(self, trial: Trial) -> tuple[str, ...]:
        """Return what was done to a finished video, in words; raises as ``get`` does."""
        return () if trial.audio is None else tuple(self._laid(trial)["notes"])

    def looked_at(self, trial: Trial, probe: str) -> tuple[str, ...]:
        """Return ``notes`` of a probe's video; ``trial``: the same with nothing changed."""
        assert trial.condition is not None
        self._planned.leave_open(TrialName(trial.clip.name, trial.condition, probe))
        return self.notes(replace(trial, probe=probe))

    def _read(self, trial: Trial, *, wait: bool) -> Video:
        laid = self._laid(trial, wait=wait)
        row, clip = self._row(trial), trial.real
        as_laid = Laid(laid["indices"], Place(*laid["place"]), (), poses=laid["poses"])

        def read() -> Iterator[Image]:
            # Frame by frame: neither video is held.
            return as_laid.pictures(stepped(self._decoded(row), as_laid.indices), clip.video)

        return held_if_short(read)

    def _decoded(self, row: FinishedVideo) -> Video:
        """The pictures of an output; of the last one they are kept where they are few: they are laid, then read."""
        if self._last is None or self._last[0] != row:
            timeline = _survey(row)
            self._last = row, held_if_short(lambda: _pictures(row, timeline)), timeline.audio
        return self._last[1]

    def _laid(self, trial: Trial, *, wait: bool = True) -> dict[str, Any]:
        """How an output lies on its clip, found out once and kept, with its small faces.

        It is decoded while the lock is held: what that waits for in turn waits for no output.

        Raises:
            BusyError: another process finds it out, and ``wait`` is false.
            UnscorableError: there is none, or it cannot be read.
            WrongVideoError: it does not belong there.
        """
        key, about = self._laid_key(trial), self.about(trial)

        def data() -> dict[str, Any]:
            laid = self._lay(trial)
            if laid.faces is not None:
                self._store.get_or_make("faces.npy", key, partial(write_array, array=laid.faces), about=about)
            return {
                "indices": laid.indices,
                "place": astuple(laid.place),
                "poses": laid.poses,
                "notes": laid.notes,
                "refused": laid.refused,
            }

        found: dict[str, Any] | None = self._store.data("laid", key, data, wait=wait, about=about)
        if found is None:
            raise BusyError
        if found["refused"]:
            raise WrongVideoError(found["refused"], self._row(trial).place)
        return found

    def _laid_key(self, trial: Trial) -> str:
        return key_of(laid=self.key(trial), crops=self._geometry)

    def _lay(self, trial: Trial) -> Laid:
        row = self._row(trial)
        try:
            output = self._decoded(row)
        except (InputError, MissingDataError) as error:
            raise UnscorableError(f"the video cannot be read: {error}") from None
        free = FreePose(self._face_in, lambda: self._traits) if row.has_free_pose else None
        # Whoever wrote a table by hand may have named the clip; what we planned or kept is what the model made.
        crops = self._crops.of(trial.real)
        # The clip ends where its outputs say that they do: one that ends before shows less, or is a probe's.
        least = len(trial.real.video) - LATE_FRAMES
        laid = lay(trial.real, output, crops, free, may_copy=bool(row.inputs), least=least)
        if laid.refused is None:
            assert self._last is not None
            heard = self._last[2]
            laid = replace(laid, refused=objection_to_sound(row, heard, trial.real.audio, trial.audio))
        return laid

    def _face_in(self, output: Video) -> Boxes | None:
        track = self._crops.track(output, np.zeros(len(output) * SAMPLES_PER_FRAME, np.int16))
        return None if track is None else track.boxes

    @cached_property
    def _traits(self) -> Mapping[str, Traits]:
        """What is compared of every clip that can be read with outputs whose heads follow nobody."""
        clips = self._finished.clips
        assert clips is not None
        found = {}
        for name in clips:
            with suppress(LipleakError):  # said of that clip where it is measured
                found[name] = self._traits_of(clips, name)
        return found

    def _traits_of(self, clips: ClipSet, name: str) -> Traits:
        """Those of a clip, kept by the content of its files: nobody decodes it again for them."""

        def make(path: Path) -> None:
            clip = clips[name]
            traits = traits_of(grey_faces(self._crops.of(clip)(clip.video)))
            with path.open("wb") as file:
                np.savez(file, look=traits.look, quick=traits.quick)

        def read(path: Path) -> Traits:
            with np.load(path) as arrays:
                return Traits(arrays["look"], arrays["quick"])

        file = clips.files[name]
        key = key_of(
            traits=[self._content(path) for path in (file.video, file.audio) if path is not None],
            cut=file.cut,
            box=str(file.box or ""),
            ends=self._finished.ends_of(name),
            crops=self._geometry,
            libraries=versions_of("av", *GENERATION_LIBRARIES),
            package=__version__,
            format=STORE_FORMAT,
        )
        found = self._store.load("traits.npz", key, make, read, about={"clip": name})
        assert found is not None
        return found

    def faces(self, trial: Trial) -> Faces | None:
        """Return the small grey faces of a video that was laid on its clip, uint8 (T, SIDE, SIDE); None of others."""
        if trial.audio is None:
            return None
        path = self._store.find("faces.npy", self._laid_key(trial))
        try:
            return None if path is None else read_array(path)
        except OSError:
            return None  # dropped meanwhile

    def _row(self, trial: Trial) -> FinishedVideo:
        """Return the row of a trial, and refuse one that was made from something else.

        Raises:
            UnscorableError: a video is missing.
            NotApplicableError: the trial is none that could have been made beforehand.
            WrongVideoError: it was made from other inputs than this run gives.
        """
        if trial.condition is None:
            raise NotApplicableError(f"{trial.label}: finished videos cannot be made again with other inputs")
        trial_name = TrialName(trial.clip.name, trial.condition, trial.probe)
        row = self._finished.trials.get(trial_name)
        if row is None:
            raise UnscorableError(f"no video: the table has none of {trial_name}")
        if not is_file(row.output):
            near = meant_file(row.output, self._outputs)  # what another row names is not meant
            raise UnscorableError(f"no video: {row.output} {_what_is_there(row.output)} ({row.where}){near}")
        if row.is_planned:
            self._planned.check(trial_name, row, trial)
        return row
