"""What the model makes of clips: each video generated once, and found again in a store."""

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from pytest_lipleak.core.clips import Clip, Frames, Image, StreamedVideo, Video
from pytest_lipleak.core.errors import GeneratorError, StoreError
from pytest_lipleak.core.held_arrays import HeldArrays
from pytest_lipleak.core.version import __version__
from pytest_lipleak.evaluation.make.costs import Stopwatch
from pytest_lipleak.evaluation.make.equal_videos import EqualVideos
from pytest_lipleak.evaluation.make.run_pictures import RawRoom
from pytest_lipleak.evaluation.make.this_process import ThisProcess
from pytest_lipleak.faces.small_faces import Faces
from pytest_lipleak.generators.facecrops import ClipFace
from pytest_lipleak.generators.interface import run_generator
from pytest_lipleak.generators.memory import MemoryWatch
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.generators.shared import BusyError, ready, without_waiting
from pytest_lipleak.machine.libraries import OPENCV
from pytest_lipleak.media.clipsets import ClipSet
from pytest_lipleak.media.video import HELD, raw_frames, stored_images, write_raw, write_video
from pytest_lipleak.plan.trials import Trial
from pytest_lipleak.store.keys import STORE_FORMAT, key_of, versions_of
from pytest_lipleak.store.store import Store

GENERATION_LIBRARIES = ("numpy", "onnxruntime", OPENCV, "torch")
"""Part of the keys: other versions of these make other pixels."""


class OutputVideos(ABC):
    """The videos of trials: those of the real clips, and those of a model.

    The model makes them here (``Videos``), or they are finished (``make.finished_videos``).
    """

    model: Model
    are_files = False
    """Whether each is a file that somebody else made, which has to be decoded to be looked at."""

    def key(self, trial: Trial) -> str:
        """Return the key of a trial's video: a hash of all that its frames depend on."""
        return trial.clip.digest if trial.audio is None else self.output_key(trial)

    def source(self, trial: Trial) -> str:
        """Return the key of the video that was made first of those that are equal to a trial's to the bit."""
        return self.key(trial)

    def about(self, trial: Trial) -> dict[str, str]:
        """Return what an artefact of a trial is, for people who list the store."""
        model = {} if trial.audio is None else {"model": self.model.name}
        return {**model, "clip": trial.clip.name, "condition": trial.label}

    def notes(self, trial: Trial) -> tuple[str, ...]:
        """Return what was done to a trial's video, in words; what a model makes here is taken as it is."""
        return ()

    def faces(self, trial: Trial) -> Faces | None:
        """Return the small grey faces of a trial, uint8 (T, SIDE, SIDE), where they are known without its video."""
        return None

    @abstractmethod
    def output_key(self, trial: Trial) -> str:
        """Return the key of what the model makes."""

    @abstractmethod
    def get(self, trial: Trial, *, wait: bool = True) -> Video:
        """Return a trial's video, uint8 RGB (T, H, W, 3)."""

    @abstractmethod
    def has(self, trial: Trial) -> bool:
        """Whether a trial's video need not be made."""

    @abstractmethod
    def introduce(self, clip: Clip) -> None:
        """Tell the model what it wants to know beyond its inputs."""


class Videos(OutputVideos):
    """Makes and finds the videos of one model.

    Args:
        clips: the real clips, shown to models that ask for them.
        model: the model under test.
        store: where videos are kept; may be shared with other processes.
        process: this one, within its run.
        geometry: what decides where a clip's face is.
        face_of: gives the face of a clip, for models that ask for it.
        tell: shows a line of text that the model gives while it works.
        stopwatch: trials the time.
    """

    def __init__(
        self,
        clips: ClipSet,
        model: Model,
        store: Store,
        process: ThisProcess,
        geometry: Sequence[str],
        face_of: Callable[[Clip], ClipFace],
        tell: Callable[[str], None],
        stopwatch: Stopwatch,
    ) -> None:
        self._clips = clips
        self.model = model
        self._store = store
        self._process = process
        self._geometry = list(geometry)
        self._face_of = face_of
        self._tell = tell
        self._stopwatch = stopwatch
        self._introduced = False
        self._not_introduced: GeneratorError | None = None  # why, where it raised: it is asked once
        self._memory = MemoryWatch(model.name)
        self._made = HeldArrays(HELD)
        # Nobody keeps those of a run: they need not be small.
        self._kind = "video.pictures" if store.passing else "video.mkv"
        self._room = RawRoom(store, "generated videos")
        self._equal = EqualVideos(store, self._raw)

    def source(self, trial: Trial) -> str:
        """Return the key of the video that was made first of those that are equal to a trial's to the bit."""
        return self._equal.first(self.key(trial))

    def output_key(self, trial: Trial) -> str:
        """Return the key of a generated video: a hash of all that its frames depend on."""
        hooks = self.model.declared.hooks
        return key_of(
            model=self.model.name,
            # Without a fingerprint, what is on disk may come from other weights: never beyond this run.
            fingerprint=self.model.fingerprint or f"run {self._process.run or os.getpid()}",
            arguments=sorted((name, repr(value)) for name, value in self.model.arguments.items()),
            # A model that is told the clip set may answer with any of its clips.
            others=self._clips.digest if "use_clips" in hooks else None,
            # One that is told where the face is depends on how that was found.
            face=self._geometry if "use_face" in hooks else None,
            clip=trial.clip.digest,
            # Where the face is, is known of the real clip.
            **({} if trial.original is None else {"original": trial.original.digest}),
            audio=trial.audio_key,
            reference=trial.reference_key,
            device=self._process.device.partition(":")[0],
            libraries=versions_of(*GENERATION_LIBRARIES),
            package=__version__,
            format=STORE_FORMAT,
        )

    def has(self, trial: Trial) -> bool:
        """Whether a trial's video is there."""
        return trial.audio is None or self._store.find(self._kind, self.key(trial)) is not None

    def get(self, trial: Trial, *, wait: bool = True) -> Video:
        """Return a trial's video, uint8 RGB (T, H, W, 3), generating it if nobody did.

        A short one that was made lately is an array, and so is one that is not compressed; any other is decoded from
        the store in every pass.

        Args:
            trial: what the model is given.
            wait: whether to wait for another process that is making it; otherwise that is an error.

        Raises:
            BusyError: others hold the model, or make the video and ``wait`` is false.
            GeneratorError: the model failed.
        """
        if trial.audio is None:
            return trial.clip.video
        key, about = self.key(trial), self.about(trial)
        if (made := self._made.get(key)) is not None:
            return made
        found = self._store.load(
            self._kind,
            key,
            partial(self._generate, trial, key),
            # At once, not in the first pass: that may run in another thread.
            lambda path: made if (made := self._made.get(key)) is not None else _begun(path),
            wait=wait,
            about=about,
        )
        if found is None:
            raise BusyError
        if isinstance(found, np.ndarray):
            return found
        _, height, width, channels = trial.clip.video.shape
        return StreamedVideo(
            lambda: self._again(trial, key), (len(trial.clip.video), height, width, channels)
        )

    def _again(self, trial: Trial, key: str) -> Iterable[Image]:
        """Begin another pass through a generated video; never make it again, as it might come out otherwise."""
        path = self._store.find(self._kind, key)
        if path is None:
            raise StoreError(
                f"store {self._store.folder}: the generated video of {trial.clip.name!r} under {trial.label} was "
                "dropped while it was looked at; raise --lipleak-store-limit, and do not clear the store during a run"
            )
        return _begun(path)

    def _generate(self, trial: Trial, key: str, path: Path) -> None:
        """Let the model make a video and write it; hold it until others of that size are made, if it is short."""
        audio = trial.audio
        assert audio is not None
        if not ready(self.model.generator):
            raise BusyError
        self.introduce(trial.real)
        self._made.make_room(math.prod(trial.clip.video.shape))
        # The video's lock is held, and whoever has the model may wait for it.
        with without_waiting(), self._stopwatch("generation"):
            output = run_generator(
                self.model.generator,
                self.model.name,
                trial.clip,
                trial.label,
                audio,
                trial.reference_video,
                takes_videos=self.model.declared.takes_videos,
                timeout=self._process.timeout,
                on_give_up=self._process.on_give_up,
                lent=True,
            )
        self._memory.note()
        self.model.check_unchanged()
        with self._stopwatch("videos"):
            if isinstance(output, np.ndarray) and self._stored_as_it_is(trial, path, output):
                return
            write_video(path, output)
        if isinstance(output, np.ndarray) and output.nbytes <= HELD:
            self._made.hold(key, output.copy())

    def _stored_as_it_is(self, trial: Trial, path: Path, output: Frames) -> bool:
        """Store a video as it lies in memory, under a second name where an equal one is stored so; False: no room."""
        if not self._store.passing:
            return False
        equal = self._equal.note(self.key(trial), trial.real.digest, output)
        stored = None if equal is None else self._store.find(self._kind, equal)
        if stored is not None:
            with suppress(OSError):  # file systems without such names
                path.hardlink_to(stored)
                return True
        if not self._room.takes(output.nbytes):
            return False
        write_raw(path, output)
        return True

    def _raw(self, key: str) -> Frames | None:
        path = self._store.find(self._kind, key)
        return None if path is None else raw_frames(path)

    def introduce(self, clip: Clip) -> None:
        """Tell the model what it wants to know beyond its inputs: once for all clips, and of this clip's face."""
        if self._not_introduced is not None:
            raise GeneratorError(str(self._not_introduced)) from self._not_introduced
        if not self._introduced:
            try:
                self.model.introduce(self._clips, self._tell)
            except GeneratorError as error:
                self._not_introduced = error
                raise
        self._introduced = True
        self.model.show_face(lambda: self._face_of(clip))


def _begun(path: Path) -> Frames | Iterator[Image]:
    """Begin to read a stored video: once its file is open, it may be dropped from the store."""
    raw = raw_frames(path)
    if raw is not None:
        return raw
    images = stored_images(path)
    return chain([next(images)], images)
