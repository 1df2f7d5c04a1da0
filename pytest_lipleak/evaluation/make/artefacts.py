"""What a sync expert sees in videos, and its scores: each made once, found again in a store.

What making an artefact needs is made before its lock is taken, so that a process holds one lock at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Clip, Frames, Image, Video, digest_of
from pytest_lipleak.core.errors import UnscorableError
from pytest_lipleak.core.scores import SyncScore
from pytest_lipleak.core.version import __version__
from pytest_lipleak.evaluation.make.beside import Beside
from pytest_lipleak.evaluation.make.costs import Stopwatch
from pytest_lipleak.evaluation.make.crops import Cropper, Crops
from pytest_lipleak.evaluation.make.heard_speech import HeardSpeech
from pytest_lipleak.evaluation.make.noted_faces import NotedFaces
from pytest_lipleak.evaluation.make.picture_tools import PictureTools
from pytest_lipleak.evaluation.make.run_pictures import RunPictures
from pytest_lipleak.evaluation.make.unrelated_speech import UnrelatedSpeech
from pytest_lipleak.evaluation.make.videos import GENERATION_LIBRARIES, OutputVideos
from pytest_lipleak.faces.small_faces import Faces
from pytest_lipleak.generators.facecrops import ClipFace
from pytest_lipleak.generators.shared import BusyError
from pytest_lipleak.machine.written_files import write_array
from pytest_lipleak.plan.trials import Trial
from pytest_lipleak.plan.user_choices import Plan
from pytest_lipleak.store.keys import STORE_FORMAT, key_of, versions_of
from pytest_lipleak.store.store import Store, read_array
from pytest_lipleak.sync.expert import Embeddings, Suitability, SyncExpert, window_count
from pytest_lipleak.sync.lse import score
from pytest_lipleak.sync.protocols import protocol_notes

EMBEDDING_LIBRARIES = ("ai-edge-litert", "av", *GENERATION_LIBRARIES)
"""Part of the keys: other versions of these make other pixels and embeddings."""

LEAST_CONTRAST = 8.0
"""Grey levels between the darkest and the brightest spot of a frame that shows anything."""


class Artefacts:
    """Makes and finds what a sync expert sees and hears in clips and in what a model made of them.

    Args:
        videos: what the model made.
        expert: the sync expert that judges.
        plan: what the user chose of how clips are tried.
        store: where artefacts are kept; may be shared with other processes.
        crops: how frames become face crops.
        device: where networks run.
        stopwatch: trials the time of each stage.
    """

    def __init__(
        self,
        videos: OutputVideos,
        expert: SyncExpert,
        plan: Plan,
        store: Store,
        crops: Crops,
        device: str,
        stopwatch: Stopwatch,
    ) -> None:
        self.videos = videos
        self._expert = expert
        self._plan = plan
        self._store = store
        self._crops = crops
        self._kind_of_device = device.partition(":")[0]
        self._stopwatch = stopwatch
        self._noted = NotedFaces()
        beside, gathers = (getattr(expert, name, False) for name in ("works_beside", "gathers"))
        self.beside = Beside[Embeddings](beside or gathers, in_thread=beside)
        """What the sync expert sees, begun while the model makes the next video."""
        self.speech = HeardSpeech(expert, stopwatch)
        """Speech as the sync expert hears it."""
        self.mouths = RunPictures(store)
        """Frames with moved mouths: the same are given under several conditions."""
        self.video = videos.get
        """A trial's video, uint8 RGB (T, H, W, 3)."""

    def source(self, trial: Trial) -> str:
        """Return the key of a trial's video: a hash of all that its frames depend on."""
        return self.videos.key(trial)

    def lacks(self, trial: Trial) -> bool:
        """Whether nobody has generated a trial yet, nor embedded it."""
        return not (self._store.find("embedding.npy", self._embedding_key(trial)) or self.videos.has(trial))

    def cropper(self, clip: Clip, generated: Video | None = None) -> Cropper:
        """The crops of a real clip, which also serve what was generated from it, or those of ``generated``."""
        _ = clip.digest  # hashed once per clip, which is not tracking
        with self._stopwatch("tracking"):
            return self._crops.of(clip) if generated is None else self._crops.through(generated, clip.audio)

    def embedding(self, trial: Trial, *, wait: bool = True) -> Embeddings:
        """Return a trial's video as the sync expert sees it, float32 (W, D), generating it if nobody did.

        Args:
            trial: generated or real.
            wait: whether to wait for another process that is making it; otherwise that is an error.

        Raises:
            BusyError: another process is making it, and ``wait`` is false.
            UnscorableError: no face can be followed, or frames were lost.
            GeneratorError: the model failed.
        """
        key, about = self._embedding_key(trial), self.videos.about(trial)
        shown: list[tuple[Video, Cropper]] = []

        def needs() -> None:
            video = self.videos.get(trial, wait=wait)
            shown[:] = [(video, self.cropper(trial.real, video if self._retracked(trial) else None))]

        make = _writing(lambda: self.beside.take(key, lambda: self._begun(trial, *shown[0])()))
        found = self._store.load(
            "embedding.npy",
            key,
            make,
            read_array,
            needs=needs,
            wait=wait,
            about=about | {"expert": self._expert.identity.label},
        )
        if found is None:
            raise BusyError
        return found

    def make(self, trial: Trial, *, wait: bool = True) -> None:
        """Let the model make a trial, if nobody did, and embed it, beside what is done next where that is allowed."""
        video = self.videos.get(trial, wait=wait) if self.lacks(trial) else None
        if self._store.find("embedding.npy", self._embedding_key(trial)):
            return  # that of an equal video
        # What is streamed is decoded where it is asked for.
        if isinstance(video, np.ndarray) and self.beside.allowed and not self._retracked(trial):
            work = self._begun(trial, video, self.cropper(trial.real))
            self.beside.begin(self._embedding_key(trial), work)
        elif video is not None:
            self.embedding(trial, wait=wait)

    def _retracked(self, trial: Trial) -> bool:
        return self._plan.retrack and trial.audio is not None

    def _begun(self, trial: Trial, video: Video, cropper: Cropper) -> Callable[[], Embeddings]:
        """Look at a trial's face crops; return what embeds them, where the sync expert has that apart."""
        crops: Iterable[Image] = cropper(video)
        # What is streamed is too long to be held in any form.
        if isinstance(video, np.ndarray) and not self._retracked(trial):
            crops = self._noted.through(self.videos.source(trial), crops)
        begin = self._expert.begin if self.beside.allowed else partial(partial, self._expert.embed_video)
        with self._stopwatch("embedding"):
            embed = begin(crops)
        return partial(_embedded, embed, len(trial.clip.video), self._stopwatch)

    def _embedding_key(self, trial: Trial) -> str:
        # Equal videos of a clip have one: what depends on who is heard in them, too, has to name that beside it.
        identity = self._expert.identity
        return key_of(
            source=self.videos.source(trial),
            clip=trial.real.digest,
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

    def score(self, trial: Trial, audio: Audio, *, wait: bool = True) -> SyncScore:
        """Score a trial's video against any audio, int16 mono 16 kHz; waits and raises as ``embedding`` does."""
        seen = self._embedding_key(trial)
        key = key_of(embedding=seen, audio=digest_of(audio), format=STORE_FORMAT)
        seen_and_heard: list[Embeddings] = []

        def needs() -> None:
            seen_and_heard[:] = self.embedding(trial, wait=wait), self.speech(audio)

        def compute() -> dict[str, Any]:
            with self._stopwatch("scoring"):
                return score(*seen_and_heard).to_dict()

        found = self._store.data(
            "score",
            key,
            compute,
            needs=needs,
            about=self.videos.about(trial)
            | {"expert": self._expert.identity.label, "audio": digest_of(audio)[:8]},
        )
        return SyncScore.from_dict(found)

    def unrelated_scores(self, trial: Trial, unrelated: UnrelatedSpeech) -> tuple[float, ...]:
        """Return a trial's LSE-C against speech that has nothing to do with it, one for each of the audios."""
        name = trial.clip.name
        found = self.data_of(
            "null",
            [trial],
            lambda: {"lse_c": unrelated.scores(self.embedding(trial), name)},
            clip=name,
            speech=unrelated.identity,
        )
        return tuple(found["lse_c"])

    def shows_nothing(self, trial: Trial) -> bool:
        """Return whether every frame of a trial's video is of one colour; a frame with a face ends the look at it.

        A video that was embedded and is there no more is not made again for a look at it.
        """
        key = key_of(of=self.source(trial), contrast=LEAST_CONTRAST)
        if not (self.videos.has(trial) or self._store.find("look.json", key)):
            return False

        def look() -> dict[str, bool]:
            return {"one_colour": all(map(_is_one_colour, self.video(trial)))}

        about = self.videos.about(trial)
        # What lies with the run as it is in memory is looked at quicker than kept in a file; a file would be decoded.
        at_hand = self._store.passing and not self.videos.are_files
        found = look() if at_hand else self._store.data("look", key, look, about=about)
        return bool(found["one_colour"])

    def faces(self, trial: Trial) -> Faces:
        """Return a trial's face crops, grey and small, uint8 (T, SIDE, SIDE), by the geometry of the real clip."""
        known = self.videos.faces(trial)
        if known is not None:
            return known
        return self._noted.of(self.videos.source(trial), self._crops_of(trial))

    def layers(self, trial: Trial) -> tuple[NDArray[np.uint8], ...]:
        """Return a trial's face crops in grey, and their colour alone: both small, see ``faces.small_faces``."""
        return self.faces(trial), self._noted.colour_of(self.videos.source(trial), self._crops_of(trial))

    def _crops_of(self, trial: Trial) -> Iterator[Image]:
        """Yield a trial's face crops, by the geometry of the real clip; nothing is opened before the first is asked."""
        yield from self.cropper(trial.real)(self.video(trial))

    def embedding_of(self, crops: Iterable[Image]) -> Embeddings:
        """Return face crops that no model made as the sync expert sees them, float32 (W, D); not kept."""
        with self._stopwatch("embedding"):
            return self._expert.embed_video(crops)

    def array_of(
        self, kind: str, clip: Clip, make: Callable[[], NDArray[Any]], *, wait: bool = True
    ) -> NDArray[Any] | None:
        """Return an array that follows from a real clip's face crops alone, from the store where it was made before.

        None where another process is making it and ``wait`` is false.
        """
        key, write = key_of(of=self._embedding_key(Trial(clip)), format=STORE_FORMAT), _writing(make)
        return self._store.load(f"{kind}.npy", key, write, read_array, wait=wait, about={"clip": clip.name})

    def data_of(
        self, kind: str, trials: Sequence[Trial], compute: Callable[[], Any], *, wait: bool = True, **of: Any
    ) -> Any:
        """Return JSON-ready data that follows from what a sync expert sees in trials, and from ``of``.

        None where another process is computing it and ``wait`` is false.
        """
        key = key_of(trials=[self._embedding_key(trial) for trial in trials], of=of, format=STORE_FORMAT)
        about = self.videos.about(trials[0]) | {"expert": self._expert.identity.label}

        def needs() -> None:
            for trial in trials:
                if self.videos.faces(trial) is None and not self.videos.has(trial):
                    self.videos.get(trial, wait=wait)
                self.embedding(trial, wait=wait)

        return self._store.data(kind, key, compute, needs=needs, wait=wait, about=about)

    def review(self, clip: Clip) -> Suitability:
        """Return whether the sync expert can judge a real clip.

        Raises:
            UnscorableError: no face can be followed through it.
        """
        trial, cropper = Trial(clip), self.cropper(clip)

        def compute() -> dict[str, Any]:
            with self._stopwatch("embedding"):
                return vars(self._expert.review(cropper(clip.video), clip.audio))

        key = key_of(review=self._embedding_key(trial))
        found = self._store.data("review", key, compute, about=self.videos.about(trial))
        return Suitability(tuple(found["refusals"]), tuple(found["warnings"]))


def _writing(make: Callable[[], NDArray[Any]]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        write_array(path, make())

    return write


class ClipFaces:
    """Where the faces of clips are, for models that ask for it.

    Args:
        crops: find faces.
        tools: finds landmarks.
        plan: what the user chose of how clips are tried.
    """

    def __init__(self, crops: Crops, tools: PictureTools, plan: Plan) -> None:
        self._crops = crops
        self._tools = tools
        self.geometry = [str(plan.protocol), plan.face, str(versions_of("ai-edge-litert"))]
        """What decides where a clip's face is."""

    def of(self, clip: Clip) -> ClipFace:
        """Return where the face of a clip is."""
        return ClipFace(self._crops.of(clip).boxes, partial(self._landmarks, clip))

    def _landmarks(
        self, clip: Clip, frames: Frames, boxes: NDArray[np.float64] | None
    ) -> NDArray[np.float32]:
        same = frames.shape == clip.video.shape and all(map(np.array_equal, frames, clip.video))
        return self._tools.landmarks(clip.digest if same else digest_of(frames), lambda: frames, boxes)


def _embedded(embed: Callable[[], Embeddings], frames: int, stopwatch: Stopwatch) -> Embeddings:
    with stopwatch("embedding"):
        rows = embed()
    if len(rows) != window_count(frames):
        raise UnscorableError(f"{len(rows)} windows of {frames} frames; frames were lost on the way")
    return rows


def _is_one_colour(frame: Image) -> bool:
    """Whether the brightness of an RGB frame varies by less than what compression leaves of a plain picture."""
    return float(np.ptp(frame[::4, ::4].mean(axis=2))) < LEAST_CONTRAST
