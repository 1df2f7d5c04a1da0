"""How much work a fixed evaluation trials: counts instead of times, so that speed cannot rot unnoticed."""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.errors import NotApplicableError, WeightsError, WrongVideoError
from pytest_lipleak.core.metrics.default_gates import DEFAULT_GATES
from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.evaluation import clip_by_clip, on_demand
from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
from pytest_lipleak.evaluation.judging import Judge
from pytest_lipleak.evaluation.make import finished_videos, noted_faces, videos
from pytest_lipleak.evaluation.make.this_process import ThisProcess
from pytest_lipleak.evaluation.measures import scans
from pytest_lipleak.evaluation.one_video import score_file
from pytest_lipleak.evaluation.results import preconditions
from pytest_lipleak.faces import mouth_swap, small_faces, tracking
from pytest_lipleak.faces.detection import Face
from pytest_lipleak.generators import interface
from pytest_lipleak.generators.finished_model import FinishedVideos
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.media import clipsets, decoding, timeline, video
from pytest_lipleak.media.clipsets import ClipFile, ClipSet
from pytest_lipleak.media.geometry import Upright
from pytest_lipleak.media.video import write_video
from pytest_lipleak.run.remembered_clips import RememberedClips
from pytest_lipleak.run.remembered_speech import RememberedSpeech
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync import syncnet
from pytest_lipleak.sync.protocols import Protocol
from pytest_lipleak.sync.syncnet import SyncNet
from pytest_lipleak.sync.weights import WeightsFile
from pytest_lipleak.verdicts.limits import Limit

CLIPS, FRAMES, WINDOWS, SIZE = 3, 30, 25, 96
GRAIN = 8
"""Pixels along a side of what noise draws at once: finer noise takes a codec most of the time of these tests."""
TRIALS = 7
"""The real clip and six conditions."""


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What has been done so far; networks are replaced by counters."""
    done: Counter[str] = Counter()

    def counted(name: str, function: Any, amount: Any = lambda *arguments, **options: 1) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            done[name] += amount(*arguments, **options)
            return function(*arguments, **options)

        return call

    def tower(name: str, more: int) -> Any:
        return counted(
            name,
            lambda batch: np.ones((len(batch) - more, syncnet.DIMENSIONS), np.float32),
            lambda batch: len(batch) - more,
        )

    towers = tower("video windows", 4), tower("audio windows", 0)
    monkeypatch.setattr(syncnet, "_onnx_towers", lambda weights, threads, device: towers)
    # As large as a network wants them, faces of all windows take most of the time of these tests.
    monkeypatch.setattr(syncnet, "prepare_frame", lambda frame: frame[::GRAIN, ::GRAIN].copy())
    sources = (decoding, "read_video"), (timeline, "survey"), (video, "opened"), (videos, "stored_images")
    for module, name in sources:
        monkeypatch.setattr(module, name, counted(name, getattr(module, name)))
    monkeypatch.setattr(Upright, "__call__", counted("conversions", Upright.__call__))
    monkeypatch.setattr(videos, "write_video", counted("encodes", write_video, lambda _, made: len(made)))
    monkeypatch.setattr(interface, "_own", counted("copies", interface._own, len))
    for module in (noted_faces, small_faces):
        monkeypatch.setattr(module, "grey_face", counted("grey faces", small_faces.grey_face))
    monkeypatch.setattr(mouth_swap, "aligned", counted("moved mouths", mouth_swap.aligned))
    monkeypatch.setattr(tracking, "track", counted("face tracks", tracking.track))
    monkeypatch.setattr(tracking, "FaceDetector", lambda weights: Detector(done))
    return done


class Detector:
    """Sees a face in the middle of every picture."""

    def __init__(self, done: Counter[str]) -> None:
        self.done = done

    def detect(self, image: np.ndarray, hint: object = None) -> list[Face]:
        self.done["detections"] += 1
        return [Face(np.array([18.0, 18.0, 78.0, 78.0]), np.zeros((6, 2)), 1.0)]


class Unchanged:
    """Returns the frames as they are."""

    fingerprint = "unchanged frames"

    def __init__(self, done: Counter[str]) -> None:
        self.done = done

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        self.done["generated"] += 1
        return frames


@pytest.fixture
def clips(tmp_path: Path) -> ClipSet:
    return ClipSet([_clip(tmp_path, number) for number in range(CLIPS)], "noise")


def _clip(folder: Path, seed: int, frames: int = FRAMES, *, still: bool = True) -> ClipFile:
    noise = np.random.default_rng(seed)
    path = folder / f"{seed}.mkv"
    drawn = _grains(noise, 256, 1 if still else frames)
    pictures = drawn.repeat(frames // len(drawn), axis=0)
    write_video(path, pictures, noise.integers(-3000, 3000, 640 * frames).astype(np.int16))
    return ClipFile(path.stem, path)


def _grains(noise: np.random.Generator, below: int, frames: int) -> np.ndarray:
    """Noise in grains, uint8 (T, SIZE, SIZE, 3)."""
    small = noise.integers(0, below, (frames, SIZE // GRAIN, SIZE // GRAIN, 3), np.uint8)
    return small.repeat(GRAIN, axis=1).repeat(GRAIN, axis=2)


def expert() -> SyncNet:
    return SyncNet(WeightsFile(Path("none"), "0" * 64, verified=False))


def evaluation(clips: ClipSet, work: Counter[str], folder: Path, protocol: Protocol) -> Evaluation:
    model = Model("unchanged", Unchanged(work))
    return Evaluation(clips, model, expert(), Plan(protocol), Store(folder / "store"))


@pytest.mark.parametrize("protocol", Protocol)
def test_six_conditions_share_decoding_faces_and_speech(
    clips: ClipSet, work: Counter[str], tmp_path: Path, protocol: Protocol
) -> None:
    measured = evaluation(clips, work, tmp_path, protocol)
    measured.need()
    assert len(measured.corpus.trials) == CLIPS * TRIALS, measured.corpus.unscored
    assert work["read_video"] == CLIPS
    assert work["survey"] == CLIPS
    assert work["generated"] == CLIPS * 6
    assert not work["stored_images"], "what was made just now is not decoded to be scored"
    assert work["conversions"] == CLIPS * FRAMES, "only real clips are decoded, each once"
    assert work["encodes"] == CLIPS * 6 * FRAMES
    assert work["copies"] == CLIPS * (6 + 3) * FRAMES + CLIPS * 3, (
        "the model's own frames and references, of which under AR there is one"
    )
    assert work["grey faces"] == CLIPS * TRIALS * FRAMES
    assert work["video windows"] == CLIPS * TRIALS * WINDOWS
    # All clips are equally long here, so a partner's speech is the very audio of another clip.
    assert work["audio windows"] == CLIPS * WINDOWS
    tracked = protocol is Protocol.TRACKED
    assert work["face tracks"] == CLIPS * tracked
    assert work["detections"] == CLIPS * FRAMES * tracked


def test_lips_and_floors_are_taken_from_what_was_seen_already(
    clips: ClipSet, work: Counter[str], tmp_path: Path
) -> None:
    measured = evaluation(clips, work, tmp_path, Protocol.DIRECT)
    for name in ("LipCorr_S", "LSE-C_S@floor", "LipCorr_S[AR]"):
        measured.measure(name)
    assert work["generated"] == CLIPS * 4, "under silence, and under the own speech beside it"
    assert not work["stored_images"]
    assert work["conversions"] == CLIPS * FRAMES
    assert work["encodes"] == CLIPS * 4 * FRAMES
    assert work["grey faces"] == CLIPS * (5 + 1) * FRAMES, "five videos, and a still mouth once a clip"
    assert work["video windows"] == CLIPS * (5 + 2) * WINDOWS, "five videos, and a floor a reference"


def test_probes_share_moved_mouths_and_what_was_seen_already(work: Counter[str], tmp_path: Path) -> None:
    moving = ClipSet([_clip(tmp_path, number, frames=40, still=False) for number in range(CLIPS)], "noise")
    measured = evaluation(moving, work, tmp_path, Protocol.DIRECT)
    probed = len(measured.corpus.provenance.probed("FRAME_shift", Condition(Setup.AM, Reference.CR)))
    for name in ("FRAME_shift[AM,CR]", "FRAME_shift[AM,AR]"):
        assert measured.measure(name).clips == probed
    assert work["moved mouths"] == probed * 40, "the same mouths are moved under every condition"
    assert not work["stored_images"]
    assert work["conversions"] == probed * 40
    made = 3 * probed * 2 + 2
    assert work["generated"] == made, "as it is, under other audio, with moved mouths; one clip once more"
    assert work["encodes"] == made * 40


class Drawing(Unchanged):
    """Makes other noise at every call."""

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        made = super().generate(frames, audio, reference)
        return made ^ _grains(np.random.default_rng(self.done["generated"]), 64, len(made))


class AnotherAlone(Unchanged):
    supports = ("AR",)


@pytest.mark.parametrize(
    ("model", "conditions", "probes"),
    [
        (Unchanged, 72, 36),
        pytest.param(Drawing, 72, 42, marks=pytest.mark.slow),
        pytest.param(AnotherAlone, 36, 20, marks=pytest.mark.slow),
    ],
)
def test_the_default_verdict_on_twelve_clips_costs_half_as_many_videos_again_as_the_conditions(
    work: Counter[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: type[Unchanged],
    conditions: int,
    probes: int,
) -> None:
    moving = ClipSet([_clip(tmp_path, number, frames=36, still=False) for number in range(12)], "noise")
    made = Model("counted", model(work))
    store = Store(tmp_path / "store", passing=True)
    measured = Evaluation(moving, made, expert(), Plan(Protocol.DIRECT), store)
    monkeypatch.setattr(Judge, "expert_unfit", lambda self: None)
    for text in DEFAULT_GATES["embedded", "direct"]:
        with suppress(NotApplicableError):
            measured.judge(replace(Limit.parse(text), by_default=True))
    assert work["generated"] == conditions + probes


def write_finished(clips: ClipSet, folder: Path) -> None:
    """Write an output of each clip, under the speech of the next, and their table."""
    rows = ["output,source,audio,reference"]
    for number, (name, file) in enumerate(clips.files.items()):
        made = clips[name].frames.copy()
        made[:, 50:66, 34:62] = 90
        write_video(folder / f"out{number}.mkv", made)
        rows.append(f"out{number}.mkv,{file.video.name},{(number + 1) % len(clips)}.mkv,CR")
    (folder / "manifest.csv").write_text("\n".join(rows))


MOUTHS = {"SI": np.s_[:, 50:66, 34:62], "XM": np.s_[:, 44:80, 20:76]}
"""What is edited under silence, and under other speech: more of the face."""


def write_both_setups(clips: ClipSet, folder: Path) -> FinishedVideos:
    """Write two outputs of each clip, whose mouths flicker, each in its own way, and their table."""
    rows = ["output,source,audio,reference,setup"]
    for number, (name, file) in enumerate(clips.files.items()):
        for setup, mouth in MOUTHS.items():
            made = clips[name].frames.copy()
            light = np.random.default_rng([number, len(setup)]).integers(60, 200, len(made))
            made[mouth] = light[:, None, None, None]
            write_video(folder / f"{setup}{number}.mkv", made)
            audio = "silence" if setup == "SI" else f"{(number + 1) % len(clips)}.mkv"
            rows.append(f"{setup}{number}.mkv,{file.video.name},{audio},CR,{setup}")
    (folder / "both.csv").write_text("\n".join(rows))
    return FinishedVideos(str(folder / "both.csv"))


@pytest.fixture
def seeing(work: Counter[str], monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Towers whose embeddings follow from what they are given; every clip is judged."""

    def rows(batch: Any) -> np.ndarray:
        flat = np.asarray(batch, np.float32).reshape(len(batch), -1)
        if flat.shape[1] > syncnet.DIMENSIONS:
            flat = flat.reshape(len(flat), syncnet.DIMENSIONS, -1).mean(axis=2)
        flat = flat - flat.mean(axis=1, keepdims=True)
        return np.stack([np.resize(row, syncnet.DIMENSIONS) for row in flat / (1 + np.abs(flat).max())])

    def video(batch: Any) -> np.ndarray:
        return np.lib.stride_tricks.sliding_window_view(rows(batch), 5, axis=0).mean(axis=2)

    monkeypatch.setattr(syncnet, "_onnx_towers", lambda weights, threads, device: (video, rows))
    for module in (clip_by_clip, preconditions):
        monkeypatch.setattr(module, "out_of_sync", lambda real, others: None)
    return work


def numbers_of(measured: Evaluation) -> dict[str, Any]:
    """All that was found, times apart."""
    return vars(measured.corpus) | {"costs": {}}


@pytest.mark.usefixtures("seeing")
@pytest.mark.parametrize("many", [2, 3])
def test_no_scan_is_taken_before_all_outputs_that_it_rests_on_are_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    """The region is where any of them changes the clip; of two clips, none under other speech has a scan itself."""
    clips = ClipSet([_clip(tmp_path, number) for number in range(many)], "noise")
    finished = write_both_setups(clips, tmp_path)
    asked = metric("LipCorr_S[CR]")

    def ahead(folder: str) -> Evaluation:
        store = Store(tmp_path / folder)
        model = Model("made", finished)
        measured = Evaluation(finished.over(None), model, expert(), Plan(Protocol.DIRECT), store)
        measured.foresee([asked])
        measured.expert_unfit()
        return measured

    alone = ahead("alone")
    assert {clip for clip, _ in alone.corpus.scans} == clips.files.keys()
    wide = 36 * 56 / SIZE**2
    assert all(scan.region > 0.9 * wide for scan in alone.corpus.scans.values())
    original = Store.data

    def data(store: Store, kind: str, *arguments: Any, wait: bool = True, **options: Any) -> Any:
        about = options.get("about", {})
        if kind == "laid" and not wait and about["clip"] == "1" and "XM" in str(about):
            return None
        return original(store, kind, *arguments, wait=wait, **options)

    monkeypatch.setattr(Store, "data", data)
    beside = ahead("beside another worker")
    assert ("1", Condition(Setup.SI, Reference.CR)) in beside.corpus.trials
    assert ("1", Condition(Setup.XM, Reference.CR)) not in beside.corpus.trials
    assert {clip for clip, _ in beside.corpus.scans} == clips.files.keys() - {"1"}
    assert beside.measure(asked).value == alone.measure(asked).value
    assert numbers_of(beside) == numbers_of(alone)


def test_pictures_alone_are_compared_without_the_expert(
    clips: ClipSet, work: Counter[str], tmp_path: Path
) -> None:
    write_finished(clips, tmp_path)
    finished = FinishedVideos(str(tmp_path / "manifest.csv"))
    store, model = Store(tmp_path / "store"), Model("made", finished)
    measured = Evaluation(finished.over(None), model, expert(), Plan(Protocol.DIRECT), store)
    asked = metric("SSIM[XM,CR]")
    measured.foresee([asked])
    assert measured.measure(asked).clips == CLIPS
    assert not work["video windows"]
    assert not work["audio windows"]


def test_finished_videos_are_hashed_looked_through_and_decoded_once(
    clips: ClipSet, work: Counter[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_finished(clips, tmp_path)
    work.clear()
    for module, name in ((finished_videos, "survey"), (finished_videos, "file_sha256")):
        original = getattr(module, name)

        def call(*arguments: Any, of: Any = original, what: str = name, **options: Any) -> Any:
            work[f"outputs: {what}"] += 1
            return of(*arguments, **options)

        monkeypatch.setattr(module, name, call)
    finished = FinishedVideos(str(tmp_path / "manifest.csv"))
    sources = finished.over(None)
    for _ in range(2):
        store = Store(tmp_path / "store")
        measured = Evaluation(sources, Model("made", finished), expert(), Plan(Protocol.DIRECT), store)
        measured.need([Condition(Setup.XM, Reference.CR)])
        assert measured.measure("LipCorr_XO[CR]").clips == CLIPS
        assert len(measured.corpus.trials) == 2 * CLIPS, measured.corpus.unscored
        assert work["outputs: survey"] == CLIPS
        assert work["survey"] == CLIPS, "the sources"
        assert work["opened"] == 2 * CLIPS, "pictures of sources and outputs"
    assert work["outputs: file_sha256"] == 2 * CLIPS, (
        "once a run: whether they are the same is seen by content"
    )


def test_pictures_that_cannot_be_measured_take_nothing_from_other_limits(
    clips: ClipSet, work: Counter[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_finished(clips, tmp_path)
    finished = FinishedVideos(str(tmp_path / "manifest.csv"))
    store = Store(tmp_path / "store")
    measured = Evaluation(
        finished.over(None), Model("made", finished), expert(), Plan(Protocol.DIRECT), store
    )

    def refused(*arguments: Any) -> float:
        work["tried"] += 1
        raise WeightsError("there are none")

    monkeypatch.setattr(on_demand, "kept_measure", refused)
    monkeypatch.setattr(clip_by_clip, "out_of_sync", lambda real, others: None)
    asked = [metric(name) for name in ("LSE-C[XM,CR]", "SSIM[XM,CR]")]
    measured.foresee(asked)
    assert measured.measure(asked[0]).clips == CLIPS
    assert work["tried"] == 1
    with pytest.raises(WeightsError, match="there are none"):
        measured.measure(asked[1])


def test_an_output_that_another_process_is_at_is_left_to_it(
    clips: ClipSet, work: Counter[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_finished(clips, tmp_path)
    monkeypatch.setattr(clip_by_clip, "out_of_sync", lambda real, others: None)
    finished = FinishedVideos(str(tmp_path / "manifest.csv"))
    store = Store(tmp_path / "store")
    measured = Evaluation(
        finished.over(None), Model("made", finished), expert(), Plan(Protocol.DIRECT), store
    )
    condition = Condition(Setup.XM, Reference.CR)
    held: list[str] = []
    original = store.data

    def data(kind: str, *arguments: Any, wait: bool = True, **options: Any) -> Any:
        if kind == "laid" and not wait and options["about"]["clip"] == "1":
            held.append("1")
            return None
        return original(kind, *arguments, wait=wait, **options)

    monkeypatch.setattr(Store, "data", lambda self, *arguments, **options: data(*arguments, **options))
    work.clear()
    measured.foresee([metric("LSE-C[XM,CR]")])
    measured.expert_unfit()
    assert held
    assert ("1", condition) not in measured.corpus.trials
    assert work["opened"] == 2 * CLIPS - 1
    assert measured.measure("LSE-C[XM,CR]").clips == CLIPS, "at the end it is waited for"


def test_a_clip_whose_pictures_were_let_go_is_decoded_once_for_all_that_is_done_with_it(
    clips: ClipSet, work: Counter[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither memory nor the run's raw pictures hold those of thousands of clips."""
    monkeypatch.setattr(clipsets, "KEPT_BYTES", 1)
    write_finished(clips, tmp_path)
    work.clear()
    finished = FinishedVideos(str(tmp_path / "manifest.csv"))
    sources, store = finished.over(None), Store(tmp_path / "store")
    measured = Evaluation(sources, Model("made", finished), expert(), Plan(Protocol.DIRECT), store)
    measured.need([])
    assert work["opened"] == CLIPS
    measured.need([Condition(Setup.XM, Reference.CR)])
    assert len(measured.corpus.trials) == 2 * CLIPS, measured.corpus.unscored
    assert work["opened"] - CLIPS - CLIPS <= CLIPS, "each clip at most once more for its output"


def test_more_clips_than_anything_holds_are_decoded_once_for_all_that_is_asked_of_them(
    seeing: Counter[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real clip, outputs, lags and pictures of one clip, then those of the next: the numbers are the same."""
    size = FRAMES * SIZE**2 * 3
    for module, name, most in (
        (clipsets, "KEPT_BYTES", 2 * size),
        (clipsets, "HELD", size),
        (noted_faces, "NOTED", size),
        (scans, "UNRELATED", 1),
    ):
        monkeypatch.setattr(module, name, most)
    many = 6
    clips = ClipSet([_clip(tmp_path, number, still=False) for number in range(many)], "noise")
    finished = write_both_setups(clips, tmp_path)
    names = ("LSE-C_S", "LSE-C[XM,CR]", "LipCorr_S[CR]", "LipCorr_XO[CR]", "SSIM[XM,CR]")
    asked = [metric(name) for name in names]

    def measured(folder: str, *, foreseen: bool, begins_at: float = 0.0) -> tuple[Evaluation, int]:
        seeing.clear()
        found = Evaluation(
            finished.over(None),
            Model("made", finished),
            expert(),
            Plan(Protocol.DIRECT),
            Store(tmp_path / folder),
            process=ThisProcess(start_share=begins_at),
        )
        if foreseen:
            found.foresee(asked)
        found.expert_unfit()
        assert [found.measure(each).clips for each in asked] == [many] * len(asked)
        return found, seeing["opened"]

    one_by_one, decoded = measured("ahead", foreseen=True)
    compared_with_all = 2
    """Clips whose lips stand for those of others, here one, and another for that one."""
    assert 3 * many <= decoded <= 3 * many + compared_with_all
    metric_by_metric, decoded = measured("after", foreseen=False, begins_at=0.5)
    assert decoded >= 6 * many
    assert numbers_of(one_by_one) == numbers_of(metric_by_metric)
    # Or it would say nothing that they are equal.
    corpus = one_by_one.corpus
    for setup in (Setup.SI, Setup.XM):
        keys = [(str(number), Condition(setup, Reference.CR)) for number in range(many)]
        assert len({corpus.trials[key].own.lse_c for key in keys}) == many
        assert len({corpus.scans[key].lips for key in keys}) == many
        assert len({corpus.scans[key].excess for key in keys}) == many
    assert len({corpus.pictures[key]["SSIM"] for key in keys}) == many


@pytest.mark.parametrize(
    ("protocol", "passing"),
    [(Protocol.DIRECT, False), (Protocol.DIRECT, True), (Protocol.TRACKED, False)],
    ids=["direct", "another worker of the run", "tracked"],
)
def test_a_second_run_over_a_store_decodes_no_finished_video_and_no_clip_of_it(
    clips: ClipSet, work: Counter[str], tmp_path: Path, protocol: Protocol, passing: bool
) -> None:
    write_finished(clips, tmp_path)
    store = Store(tmp_path / "store", passing=passing)
    asked = [metric(name) for name in ("LSE-C[XM,CR]", "LipCorr_XO[CR]")]

    def judged() -> Corpus:
        work.clear()
        finished = FinishedVideos(str(tmp_path / "manifest.csv"))
        sources = finished.over(None, RememberedSpeech(lambda: store))
        sources.recall = RememberedClips(finished, lambda: store)
        measured = Evaluation(sources, Model("made", finished), expert(), Plan(protocol), store)
        measured.foresee(asked)
        measured.expert_unfit()
        assert [measured.measure(each).clips for each in asked] == [CLIPS] * 2
        return measured.corpus

    first, decoded = judged(), work["opened"]
    assert decoded == 2 * CLIPS
    again = judged()
    assert not work["opened"]
    assert not work["video windows"]
    assert vars(again) | {"costs": {}} == vars(first) | {"costs": {}}
    # Another content under the same name is another clip.
    _clip(tmp_path, 0, still=False)
    with pytest.raises(WrongVideoError):
        judged()
    assert work["opened"]


@pytest.mark.parametrize("protocol", [Protocol.DIRECT, Protocol.TRACKED])
def test_another_model_in_a_table_of_finished_videos_costs_that_model_alone(
    clips: ClipSet, work: Counter[str], tmp_path: Path, protocol: Protocol
) -> None:
    rows = ["output,source,audio,reference,model"]
    for number, (name, file) in enumerate(clips.files.items()):
        for model, grey in (("one", 90), ("other", 140)):
            made = clips[name].frames.copy()
            made[:, 50:66, 34:62] = grey
            write_video(tmp_path / f"{model}{number}.mkv", made)
            rows.append(f"{model}{number}.mkv,{file.video.name},{(number + 1) % CLIPS}.mkv,CR,{model}")
    table = tmp_path / "manifest.csv"
    table.write_text("\n".join(rows))

    def judged(model: str) -> dict[str, float]:
        work.clear()
        finished = FinishedVideos(str(table), model)
        sources, store = finished.over(None), Store(tmp_path / "store")
        measured = Evaluation(sources, Model(model, finished), expert(), Plan(protocol), store)
        measured.expert_unfit()
        assert measured.measure("LipCorr_XO[CR]").clips == CLIPS
        return dict(work)

    first, second = judged("one"), judged("other")
    assert first["video windows"] == CLIPS * WINDOWS * 3, "clips, outputs, and their floors"
    assert second["video windows"] == CLIPS * WINDOWS * 2, "outputs and their floors"
    # The clips' pictures, once each: outputs are laid on them, and floors are drawn from them where outputs differ.
    assert first["opened"] == second["opened"] == 2 * CLIPS
    assert first.get("face tracks", 0) == CLIPS * (protocol is Protocol.TRACKED)
    assert not second.get("face tracks")
    assert not second.get("detections")
    assert judged("other").get("video windows", 0) == 0


@pytest.mark.parametrize("protocol", [Protocol.DIRECT, Protocol.TRACKED])
def test_what_is_measured_is_not_measured_again(
    clips: ClipSet, work: Counter[str], tmp_path: Path, protocol: Protocol
) -> None:
    def measure() -> Evaluation:
        measured = evaluation(clips, work, tmp_path, protocol)
        measured.need()
        measured.expert_unfit()
        assert measured.measure("SSIM[AM,CR]").clips == CLIPS
        return measured

    first = measure()
    before = work.copy()
    first.need()
    assert work == before
    again = measure()
    assert work == before, (
        "a model with a fingerprint is not run again, nor is anything of it tracked or scored"
    )
    assert again.corpus.trials == first.corpus.trials
    assert (again.corpus.pictures, again.corpus.unrelated) == (first.corpus.pictures, first.corpus.unrelated)


@pytest.mark.parametrize("kind", ["score", "review", "track", "measure"])
def test_what_is_damaged_is_made_again_and_that_is_noted(
    clips: ClipSet, work: Counter[str], tmp_path: Path, kind: str
) -> None:
    notes: list[Any] = []

    def measure() -> Any:
        measured = evaluation(clips, work, tmp_path, Protocol.TRACKED)
        notes.append(measured.corpus.remarks)
        return measured.measure("LSE-C_S").per_clip, measured.measure("PSNR[SI,CR]").per_clip

    first = measure()
    files = list((tmp_path / "store").rglob(f"{kind}-*-*.json"))
    assert files
    for file in files:
        file.write_text(file.read_text()[:-7])
    assert measure() == first
    assert any(re.search(f"{kind}-.* is corrupt and will be made again", text) for text in notes[-1])


@pytest.fixture
def counting_expert(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_lipleak.evaluation.one_video.load_expert", lambda *_, **__: expert())


@pytest.mark.usefixtures("counting_expert")
@pytest.mark.parametrize(("protocol", "passes"), [("direct", 1), ("lrs", 1), ("tracked", 2)])
def test_a_file_is_decoded_once_and_twice_where_a_face_is_followed(
    work: Counter[str], tmp_path: Path, protocol: str, passes: int
) -> None:
    path = _clip(tmp_path, 0).video
    result = score_file(path, expert="syncnet", protocol=protocol)
    assert result.score.windows == WINDOWS
    assert work["opened"] == passes
    assert work["video windows"] == work["audio windows"] == WINDOWS


@pytest.mark.usefixtures("counting_expert", "work")
@pytest.mark.parametrize("protocol", Protocol)
def test_few_frames_are_held_however_long_the_video(
    tmp_path: Path, most_pictures_alive: Callable[[], int], protocol: Protocol
) -> None:
    score_file(_clip(tmp_path, 0, frames=400).video, expert="syncnet", protocol=protocol)
    assert 0 < most_pictures_alive() <= 30


def test_scoring_imports_only_what_it_needs(tmp_path: Path) -> None:
    path = _clip(tmp_path, 0, frames=75).video
    code = (
        "import sys; from pytest_lipleak.cli import main; "
        f"main(['score', {str(path)!r}, '--expert', 'embedded']); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "onnxruntime" in loaded
    assert not loaded & {"torch", "onnx", "scipy", "librosa", "skimage", "pytest", "pooch"}
