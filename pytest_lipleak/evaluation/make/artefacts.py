"""Generated videos and their embeddings and scores: each made once, found again in a store."""

import os
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak import __version__
from pytest_lipleak.core.clips import (
    Audio,
    Clip,
    Frames,
    Image,
    StreamedVideo,
    Video,
    digest_of,
    held,
)
from pytest_lipleak.core.errors import StoreError, UnscorableError
from pytest_lipleak.core.scores import NullScores, SyncScore
from pytest_lipleak.evaluation.make.costs import Stopwatch
from pytest_lipleak.evaluation.make.crops import Cropper, Crops
from pytest_lipleak.evaluation.make.nulls import UnrelatedSpeech
from pytest_lipleak.evaluation.make.picture_tools import PictureTools
from pytest_lipleak.evaluation.make.store import Store, key_of, read_array, versions_of
from pytest_lipleak.evaluation.plan.choices import Plan
from pytest_lipleak.evaluation.plan.takes import Take
from pytest_lipleak.faces.small import Faces, grey_faces
from pytest_lipleak.generators.facecrops import ClipFace
from pytest_lipleak.generators.limits import LastWords, to_stderr
from pytest_lipleak.generators.memory import MemoryWatch
from pytest_lipleak.generators.protocol import run_generator
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.generators.shared import BusyError, ready, without_waiting
from pytest_lipleak.libraries import OPENCV
from pytest_lipleak.media.clipsets import ClipSet
from pytest_lipleak.media.video import HELD, stored_images, write_playable, write_video
from pytest_lipleak.sync.expert import Embeddings, Suitability, SyncExpert, window_count
from pytest_lipleak.sync.protocols import protocol_notes
from pytest_lipleak.sync.score import score

KEPT_SPEECH = 64_000_000
"""Bytes of embedded speech kept in memory, the latest first."""

STORE_FORMAT = 4
"""Part of every key; raise it when what is stored changes its meaning."""

GENERATION_LIBRARIES = ("numpy", "onnxruntime", OPENCV, "torch")
EMBEDDING_LIBRARIES = ("ai-edge-litert", "av", *GENERATION_LIBRARIES)
"""Part of the keys: other versions of these make other pixels and embeddings."""

LOOK_EVERY = 0.2
"""Seconds between two looks at whether the model is free; longer where a look takes long, to leave others room."""

LOOK_AT_LEAST_EVERY = 5.0

Result = TypeVar("Result")


class Artefacts:
    """Makes and finds what one model makes of clips, and what a sync expert sees in it.

    Args:
        clips: the real clips, shown to models that ask for them.
        model: the model under test.
        expert: the sync expert that judges.
        plan: the choices of the protocol.
        store: where artefacts are kept; may be shared with other processes.
        crops: how frames become face crops.
        tools: finds landmarks for models that ask for them.
        run: identifies this run; models without a fingerprint are reused only within it.
        device: where networks run.
        timeout: seconds that the model may take for one take, or None.
        last_words: told why the process ends when the model hangs and cannot be interrupted.
        tell: shows a line of text that the model gives while it works.
        stopwatch: takes the time of each stage.
    """

    def __init__(
        self,
        clips: ClipSet,
        model: Model,
        expert: SyncExpert,
        plan: Plan,
        store: Store,
        crops: Crops,
        tools: PictureTools,
        *,
        run: str = "",
        device: str = "cpu",
        timeout: float | None = None,
        last_words: LastWords = to_stderr,
        tell: Callable[[str], None] = lambda text: None,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        self._clips = clips
        self._model = model
        self._expert = expert
        self._plan = plan
        self._store = store
        self._crops = crops
        self._tools = tools
        self._run = run
        self._kind_of_device = device.partition(":")[0]
        self._timeout = timeout
        self._last_words = last_words
        self._tell = tell
        self._stopwatch = stopwatch or Stopwatch()
        self._speech: OrderedDict[str, Embeddings] = OrderedDict()
        self._introduced = False
        self._patient = False
        self._memory = MemoryWatch(model.name)

    def source(self, take: Take) -> str:
        """Return the key of a take's video: a hash of all that its frames depend on."""
        if take.audio is None:
            return take.clip.digest
        return key_of(
            model=self._model.name,
            # Without a fingerprint, what is on disk may come from other weights: never beyond this run.
            fingerprint=self._model.fingerprint or f"run {self._run or os.getpid()}",
            arguments=sorted((name, repr(value)) for name, value in self._model.arguments.items()),
            # A model that is told the clip set may answer with any of its clips.
            others=self._clips.digest if "use_clips" in self._model.declared.hooks else None,
            # One that is told where the face is depends on how that was found.
            face=self._geometry if "use_face" in self._model.declared.hooks else None,
            clip=take.clip.digest,
            # Where the face is, is known of the real clip.
            **({} if take.original is None else {"original": take.original.digest}),
            audio=digest_of(take.audio),
            reference=take.reference_key,
            device=self._kind_of_device,
            libraries=versions_of(*GENERATION_LIBRARIES),
            package=__version__,
            format=STORE_FORMAT,
        )

    def patiently(self, act: Callable[[], Result]) -> Result:
        """Return what ``act`` gives; where it needs the model and others hold that, wait, and call it again.

        Only the outermost call waits, when all that was locked on the way is free again: whoever waits for the model
        must not hold what those who have it may need.
        """
        if self._patient:
            return act()
        self._patient = True
        try:
            while True:
                begun = time.monotonic()
                with suppress(BusyError):
                    return act()
                self._tell("waits for another worker to let go of the model (--lipleak-workers-per-gpu)")
                # Looking through all that is to be done takes a while in large clip sets, and others work here, too.
                time.sleep(min(LOOK_EVERY + 2 * (time.monotonic() - begun), LOOK_AT_LEAST_EVERY))
        finally:
            self._patient = False

    def frames(self, take: Take) -> Frames:
        """Return a take's frames, uint8 RGB (T, H, W, 3), generating them if nobody did.

        Raises:
            GeneratorError: the model failed.
        """
        return held(self.video(take))

    def video(self, take: Take) -> Video:
        """Return a take's video, uint8 RGB (T, H, W, 3), generating it if nobody did.

        A short one that was made just now is an array; any other is decoded from the store in every pass.

        Raises:
            GeneratorError: the model failed.
        """
        if take.audio is None:
            return take.clip.video
        fresh: list[Frames] = []
        # At once, not in the first pass: that may run in another thread.
        self.patiently(lambda: self._stored(take, fresh))
        if fresh:
            return fresh[0]
        _, height, width, channels = take.clip.video.shape
        return StreamedVideo(lambda: self._found(take), (len(take.clip.video), height, width, channels))

    def _found(self, take: Take) -> Iterator[Image]:
        """Begin another pass through a generated video; never make it again, as it might come out otherwise."""
        path = self._store.find("video.mkv", self.source(take))
        if path is None:
            raise StoreError(
                f"store {self._store.folder}: the generated video of {take.clip.name!r} under {take.label} was dropped "
                "while it was looked at; raise --lipleak-store-limit, and do not clear the store during a run"
            )
        return _begun(path)

    def _stored(self, take: Take, fresh: list[Frames]) -> Iterator[Image]:
        """Begin a pass through a generated video; it is generated, and put into ``fresh`` if short, if nobody did."""
        audio = take.audio
        assert audio is not None

        def make(path: Path) -> None:
            if not ready(self._model.generator):
                raise BusyError
            self.introduce(take.real)
            # The store's lock is held, and whoever has the model may wait for it.
            with without_waiting(), self._stopwatch("generation"):
                output = run_generator(
                    self._model.generator,
                    self._model.name,
                    take.clip,
                    take.label,
                    audio,
                    take.reference_video,
                    takes_videos=self._model.declared.takes_videos,
                    timeout=self._timeout,
                    last_words=self._last_words,
                )
            self._memory.note()
            self._model.check_unchanged()
            write_video(path, output)
            if isinstance(output, np.ndarray) and output.nbytes <= HELD:
                fresh.append(output)

        found = self._store.load("video.mkv", self.source(take), make, _begun, about=self._about(take))
        assert found is not None
        return found

    def lacks(self, take: Take) -> bool:
        """Whether nobody has generated a take yet, nor embedded it."""
        return not (
            self._store.find("embedding.npy", self._embedding_key(take))
            or self._store.find("video.mkv", self.source(take))
        )

    def cropper(self, clip: Clip, generated: Video | None = None) -> Cropper:
        """The crops of a real clip, which also serve what was generated from it, or those of ``generated``."""
        _ = clip.digest  # hashed once per clip, which is not tracking
        with self._stopwatch("tracking"):
            return self._crops.of(clip) if generated is None else self._crops.through(generated, clip.audio)

    def embedding(self, take: Take, *, wait: bool = True) -> Embeddings:
        """Return a take's video as the sync expert sees it, float32 (W, D), generating it if nobody did.

        Args:
            take: the take.
            wait: whether to wait for another process that is making it; otherwise that is an error.

        Raises:
            BusyError: another process is making it, and ``wait`` is false.
            UnscorableError: no face can be followed, or frames were lost.
            GeneratorError: the model failed.
        """

        def make(path: Path) -> None:
            with path.open("wb") as file:
                np.save(file, self._embed(take))

        about = self._about(take) | {"expert": self._expert.identity.label}
        key = self._embedding_key(take)

        def load() -> Embeddings:
            found = self._store.load("embedding.npy", key, make, read_array, wait=wait, about=about)
            if found is None:
                raise BusyError
            return found

        return self.patiently(load) if wait else load()

    def _embed(self, take: Take) -> Embeddings:
        video = self.video(take)
        anew = self._plan.retrack and take.audio is not None
        cropper = self.cropper(take.real, video if anew else None)
        with self._stopwatch("embedding"):
            rows = self._expert.embed_video(cropper(video))
        length = len(take.clip.video)
        if len(rows) != window_count(length):
            raise UnscorableError(f"{len(rows)} windows of {length} frames; frames were lost on the way")
        return rows

    def _embedding_key(self, take: Take) -> str:
        identity = self._expert.identity
        return key_of(
            source=self.source(take),
            clip=take.real.digest,
            expert=[identity.name, identity.version, identity.weights_sha256],
            # Under lrs, the encoder of the JPEG step stands in the notes; under tracked, whether mouths are aligned.
            protocol=[str(self._plan.protocol), *protocol_notes(self._plan.protocol), *self._crops.notes],
            face=self._plan.face,
            retrack=self._plan.retrack,
            device=self._kind_of_device,
            libraries=versions_of(*EMBEDDING_LIBRARIES),
            package=__version__,
            format=STORE_FORMAT,
        )

    def score(self, take: Take, audio: Audio, *, wait: bool = True) -> SyncScore:
        """Score a take's video against any audio, int16 mono 16 kHz; see ``embedding`` for ``wait``.

        Raises:
            UnscorableError: too few frames, or as ``embedding``.
            GeneratorError: the model failed.
        """
        seen = self._embedding_key(take)
        key = key_of(embedding=seen, audio=digest_of(audio), format=STORE_FORMAT)
        if self._store.find("score.json", key) is None:
            # Made before the score's own lock is taken: who may not wait for a video must not hold anything.
            self.embedding(take, wait=wait)

        def compute() -> dict[str, Any]:
            video, speech = self.embedding(take), self.speech(audio)
            with self._stopwatch("scoring"):
                return score(video, speech).to_dict()

        about = self._about(take) | {"expert": self._expert.identity.label, "audio": digest_of(audio)[:8]}
        return SyncScore.from_dict(self._store.data("score", key, compute, about=about))

    def null_scores(
        self, take: Take, unrelated: UnrelatedSpeech, offset: int, but: Sequence[str] = ()
    ) -> NullScores:
        """Score a take's video against speech that has nothing to do with it.

        Args:
            take: the take.
            unrelated: whose speech.
            offset: the clip's known offset.
            but: clips whose speech is not unrelated either.
        """
        name = take.clip.name
        seen = self._embedding_key(take)
        key = key_of(embedding=seen, clip=name, offset=offset, but=list(but), speech=unrelated.identity)

        def compute() -> dict[str, Any]:
            return vars(unrelated.scores(self.embedding(take), name, offset, but=but))

        found = self.patiently(lambda: self._store.data("null", key, compute, about=self._about(take)))
        return NullScores(tuple(found["at_offset"]), tuple(found["free"]), found["recordings"])

    def faces(self, take: Take) -> Faces:
        """Return a take's face crops, grey and small, uint8 (T, SIDE, SIDE), by the geometry of the real clip."""
        cropper, video = self.cropper(take.real), self.video(take)
        return grey_faces(cropper(video))

    def embedding_of(self, crops: Iterable[Image]) -> Embeddings:
        """Return face crops that no model made as the sync expert sees them, float32 (W, D); not kept."""
        with self._stopwatch("embedding"):
            return self._expert.embed_video(crops)

    def array_of(self, kind: str, clip: Clip, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Return an array that follows from a real clip's face crops alone, from the store where it was made before."""
        key = key_of(of=self._embedding_key(Take(clip)), format=STORE_FORMAT)

        def write(path: Path) -> None:
            with path.open("wb") as file:
                np.save(file, make())

        found = self._store.load(f"{kind}.npy", key, write, read_array, about={"clip": clip.name})
        assert found is not None
        return found

    def data_of(
        self, kind: str, takes: Sequence[Take], compute: Callable[[], Any], *, wait: bool = True, **of: Any
    ) -> Any:
        """Return JSON-ready data that follows from what a sync expert sees in takes, and from ``of``.

        None where another process is computing it and ``wait`` is false.
        """
        key = key_of(takes=[self._embedding_key(take) for take in takes], of=of, format=STORE_FORMAT)
        about = self._about(takes[0]) | {"expert": self._expert.identity.label}
        return self.patiently(lambda: self._store.data(kind, key, compute, wait=wait, about=about))

    def review(self, clip: Clip) -> Suitability:
        """Return whether the sync expert can judge a real clip.

        Raises:
            UnscorableError: no face can be followed through it.
        """

        def compute() -> dict[str, Any]:
            cropper = self.cropper(clip)
            with self._stopwatch("embedding"):
                return vars(self._expert.review(cropper(clip.video), clip.audio))

        take = Take(clip)
        key = key_of(review=self._embedding_key(take))
        found = self._store.data("review", key, compute, about=self._about(take))
        return Suitability(tuple(found["refusals"]), tuple(found["warnings"]))

    def speech(self, audio: Audio) -> Embeddings:
        """Return speech as the sync expert hears it, float32 (W, D); the latest are kept in memory."""
        digest = digest_of(audio)
        if digest not in self._speech:
            with self._stopwatch("embedding"):
                self._speech[digest] = self._expert.embed_audio(audio)
            # A clip's own speech and its partner's are needed together, for all its takes in a row.
            while len(self._speech) > 2 and sum(kept.nbytes for kept in self._speech.values()) > KEPT_SPEECH:
                self._speech.popitem(last=False)
        self._speech.move_to_end(digest)
        return self._speech[digest]

    def write_to_look_at(self, take: Take, path: Path) -> None:
        """Write a take to an MP4 file that people can play, with the audio that drove it, or the clip's own.

        Raises:
            StoreError: the folder cannot be written to, or its disk is full; nothing half-written stays.
        """
        video = self.video(take)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_playable(temporary, video, take.clip.audio if take.audio is None else take.audio)
            temporary.replace(path)
        except OSError as error:
            raise StoreError(
                f"video to keep {path}: cannot be written ({error.strerror or error}); free some space, name another "
                "folder with --lipleak-keep, or leave it out; scores and artefacts that are finished stay"
            ) from error
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def introduce(self, clip: Clip) -> None:
        """Tell the model what it wants to know beyond its inputs: once for all clips, and of this clip's face."""
        if not self._introduced:
            self._model.introduce(self._clips, self._tell)
        self._introduced = True
        self._model.show_face(lambda: ClipFace(self.cropper(clip).boxes, partial(self._find_landmarks, clip)))

    def _find_landmarks(
        self, clip: Clip, frames: Frames, boxes: NDArray[np.float64] | None
    ) -> NDArray[np.float32]:
        same = frames.shape == clip.video.shape and all(map(np.array_equal, frames, clip.video))
        return self._tools.landmarks(clip.digest if same else digest_of(frames), lambda: frames, boxes)

    @property
    def _geometry(self) -> list[str]:
        """What decides where a clip's face is."""
        return [str(self._plan.protocol), self._plan.face, str(versions_of("ai-edge-litert"))]

    def _about(self, take: Take) -> dict[str, str]:
        """What an artefact is, for people who list the store."""
        model = {} if take.audio is None else {"model": self._model.name}
        return {**model, "clip": take.clip.name, "condition": take.label}


def _begun(path: Path) -> Iterator[Image]:
    """Begin to decode a stored video: once its file is open, it may be dropped from the store."""
    images = stored_images(path)
    return chain([next(images)], images)
