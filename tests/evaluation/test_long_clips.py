"""Long clips are never held: what is measured on them is the same to the bit, and memory does not grow."""

import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_lipleak.core.clips import Clip, StreamedVideo
from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
from pytest_lipleak.evaluation.make import videos
from pytest_lipleak.evaluation.make.gallery import Gallery
from pytest_lipleak.evaluation.make.this_process import Files
from pytest_lipleak.faces import mouth_swap, tracking
from pytest_lipleak.faces.detection import Face
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.media import video
from pytest_lipleak.media.clipsets import ClipFile, ClipSet
from pytest_lipleak.media.video import write_video
from pytest_lipleak.plan.references import STRATEGIES, reference_frames
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.expert import ExpertIdentity, Suitability
from pytest_lipleak.sync.protocols import Protocol

SIZE, FRAMES, LONG = 64, 30, 100
LARGE = 128
BYTES = LONG * LARGE * LARGE * 3
SILENT = {reference: Condition(Setup.SI, reference) for reference in Reference}


class Shades:
    """Sees how bright faces are and hears how loud speech is, looking at one picture after the other."""

    identity = ExpertIdentity("shades", "1", "0" * 64, True)

    def embed_video(self, frames: Iterable[np.ndarray]) -> np.ndarray:
        return self._rows([frame.mean(axis=(0, 1)) for frame in frames])

    def embed_audio(self, audio: np.ndarray) -> np.ndarray:
        loudness = np.abs(audio.reshape(-1, 640)[:, ::64].astype(np.float32)).mean(axis=1)
        return self._rows(list(np.repeat(loudness[:, None] / 50, 3, axis=1)))

    def review(self, frames: Iterable[np.ndarray], audio: np.ndarray) -> Suitability:
        return Suitability((), (f"{sum(1 for _ in frames)} frames",))

    def _rows(self, shades: list[np.ndarray]) -> np.ndarray:
        return np.array([np.concatenate(shades[i : i + 5]) for i in range(len(shades) - 5)], np.float32)


class Detector:
    """Sees a face in the middle of every picture."""

    def detect(self, image: np.ndarray, hint: object = None) -> list[Face]:
        return [Face(np.array([12.0, 12.0, 52.0, 52.0]), np.zeros((6, 2)), 1.0)]


class Mixes:
    """Half the picture, half the reference."""

    fingerprint = "1"

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        output = np.empty_like(frames)
        for index, frame in enumerate(frames):
            output[index] = frame // 2 + reference[min(index, len(reference) - 1)] // 2
        return output


def clip_set(folder: Path, length: int, size: int = SIZE) -> ClipSet:
    folder.mkdir()
    noise = np.random.default_rng(0)
    still = noise.integers(0, 256, (size, size, 3))
    light = noise.uniform(0.2, 1, length)
    audio = noise.integers(-3000, 3000, 640 * length).astype(np.int16)
    path = folder / "0.mkv"
    write_video(path, (still * light[:, None, None, None]).astype(np.uint8), audio)
    return ClipSet([ClipFile("0", path, speaker="ann")], "noise")


def measure(clips: ClipSet, folder: Path, **plan: Any) -> Evaluation:
    plan = {"protocol": Protocol.DIRECT, **plan}
    store, gallery = Store(folder / "store"), Gallery(folder / "gallery")
    measured = Evaluation(
        clips,
        Model("mixes", Mixes()),
        Shades(),
        Plan(**plan),
        store,
        files=Files(keep=folder / "kept", gallery=gallery),
    )
    for name in ("LSE-C_S", "LSE-C_S[AR]", "PSNR[SI,AR]"):
        measured.measure(name)
    if plan["protocol"] is not Protocol.TRACKED:
        # Needs no landmarks where faces are centred.
        measured.measure("SSIM_mouth[SI,CR]")
    return measured


def hold(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    for module in (video, videos, mouth_swap):
        monkeypatch.setattr(module, "HELD", size)


@pytest.mark.parametrize(
    "plan",
    [
        {},
        {"protocol": Protocol.LRS, "alternative_reference": "random"},
        {"protocol": Protocol.TRACKED, "retrack": True, "alternative_reference": "multiple"},
    ],
    ids=str,
)
def test_streamed_clips_give_the_same_numbers_and_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plan: dict[str, Any]
) -> None:
    monkeypatch.setattr(tracking, "FaceDetector", lambda weights: Detector())
    files = list(clip_set(tmp_path / "clips", FRAMES).files.values())
    found = []
    for name, size in (("held", 10**9), ("streamed", 0)):
        hold(monkeypatch, size)
        clips = ClipSet(files, "noise")
        assert isinstance(clips["0"].video, np.ndarray) == bool(size)
        found.append(measure(clips, tmp_path / name, **plan))
    held, streamed = (each.corpus for each in found)
    assert streamed.trials
    assert not streamed.unscored
    assert {key: {**vars(trial), "video": None} for key, trial in streamed.trials.items()} == {
        key: {**vars(trial), "video": None} for key, trial in held.trials.items()
    }
    assert streamed.pictures == held.pictures
    ours, theirs = (files_of(tmp_path / name) for name in ("streamed", "held"))
    assert ours.keys() == theirs.keys()
    assert ours == theirs


def files_of(folder: Path) -> dict[str, bytes]:
    """What was stored and drawn: videos by their pictures, as a Matroska file has a random number in it."""
    found = {}
    for path in folder.rglob("*"):
        if path.suffix == ".mkv":
            pictures = np.stack(list(video.stored_images(path)))
            found[path.stem.rpartition("-")[0]] = pictures.tobytes()
        elif path.suffix in (".npy", ".json", ".webp"):
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_same_frames_are_chosen_as_alternative_reference(strategy: str) -> None:
    frames = np.random.default_rng(1).integers(0, 256, (30, 20, 20, 3), np.uint8)
    audio = np.zeros(30 * 640, np.int16)
    streamed = StreamedVideo(lambda: iter(frames), frames.shape)
    chosen = [
        reference_frames(Clip("a", either, audio), Reference.AR, strategy) for either in (frames, streamed)
    ]
    np.testing.assert_array_equal(*chosen)


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> ClipFile:
    (file,) = clip_set(tmp_path_factory.mktemp("long") / "clips", LONG, LARGE).files.values()
    return file


def evaluate_long(long_clip: ClipFile, folder: Path) -> Evaluation:
    measured = Evaluation(
        ClipSet([long_clip], "one long clip"),
        Model("mixes", Mixes()),
        Shades(),
        Plan(Protocol.LRS),
        Store(folder / "store"),
        files=Files(keep=folder / "kept", gallery=Gallery(folder / "gallery")),
    )
    for name in ("LSE-C_S", "PSNR[SI,CR]"):
        assert measured.measure(name).clips == 1
    return measured


def test_scoring_what_is_stored_holds_a_few_pictures_of_a_long_clip(
    long_clip: ClipFile,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    most_pictures_alive: Callable[[], int],
) -> None:
    hold(monkeypatch, 500_000)
    first = evaluate_long(long_clip, tmp_path)
    for path in [path for path in tmp_path.rglob("*-*-*.*") if path.suffix in (".npy", ".json")]:
        path.unlink()
    for path in (tmp_path / "gallery").rglob("*.json"):
        path.unlink()
    monkeypatch.setattr(Mixes, "generate", None)

    tracemalloc.start()
    try:
        again = evaluate_long(long_clip, tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert again.corpus.trials == first.corpus.trials
    assert again.corpus.pictures == first.corpus.pictures
    # Up to 500 kB of a video is collected before it is known to be long: 10 of 100 pictures.
    assert 0 < most_pictures_alive() <= 30
    assert peak < BYTES, "nor is it held beside what is needed of a clip of any length"


@pytest.mark.parametrize(("reference", "videos"), [(Reference.CR, 3), (Reference.AR, 2)])
def test_generating_holds_what_the_model_is_given_and_what_it_makes(
    long_clip: ClipFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: Reference, videos: int
) -> None:
    hold(monkeypatch, 500_000)
    measured = Evaluation(
        ClipSet([long_clip], "one long clip"),
        Model("mixes", Mixes()),
        Shades(),
        Plan(Protocol.DIRECT),
        Store(tmp_path),
    )
    tracemalloc.start()
    try:
        measured.need([SILENT[reference]])
        left, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert not measured.failures
    assert videos * BYTES < peak < (videos + 0.5) * BYTES
    assert left < BYTES / 2, "inputs and result are let go"
    probe = f"REF_swap[SI,{reference}]"
    tracemalloc.start()
    try:
        streamed = measured.measure(probe)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Under CR every frame's mouth goes into another one, so that all frames are held once more, as donors.
    donors = 1 if reference is Reference.CR else 0
    assert peak < (videos + donors + 0.5) * BYTES, "what is compared is not held"
    hold(monkeypatch, 10**9)
    held = Evaluation(
        ClipSet([long_clip], "one long clip"),
        measured.model,
        Shades(),
        Plan(Protocol.DIRECT),
        Store(tmp_path / "held"),
    )
    assert held.measure(probe).per_clip == streamed.per_clip
    assert streamed.value == pytest.approx(0.5, abs=0.02)


def test_a_model_that_works_in_place_changes_neither_reference_nor_clip(
    long_clip: ClipFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(monkeypatch, 500_000)

    class MasksInPlace:
        fingerprint = None

        def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
            frames[:, LARGE // 2 :] = 0
            assert reference[:, LARGE // 2 :].any()
            reference[:] = 0
            return frames

    clips = ClipSet([long_clip], "one long clip")
    before = clips["0"].digest
    model = Model("masks", MasksInPlace())
    measured = Evaluation(clips, model, Shades(), Plan(Protocol.DIRECT), Store(tmp_path))
    measured.need(SILENT.values())
    assert not measured.failures
    assert ClipSet([long_clip], "again")["0"].digest == before


def test_a_file_that_changes_while_it_is_measured_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(monkeypatch, 0)
    clips = clip_set(tmp_path / "clips", FRAMES)
    clip = clips["0"]
    write_video(clips.files["0"].video, np.zeros((FRAMES - 9, SIZE, SIZE, 3), np.uint8), clip.audio)
    with pytest.raises(Exception, match=r"the file was changed while it was measured"):
        clip.frames  # noqa: B018 - it decodes
