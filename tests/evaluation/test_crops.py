"""Mouth-aligned crops: the corners of the real clip, for all its trials, and never without saying so."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from clip_sets import random_levels, write_clips

from pytest_lipleak.core.clips import Clip
from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
from pytest_lipleak.evaluation.make import crops as rooms
from pytest_lipleak.evaluation.make.crops import MOUTH_ALIGNED, NOT_ALIGNED, Crops
from pytest_lipleak.evaluation.make.picture_tools import PictureTools
from pytest_lipleak.evaluation.one_video import score_file
from pytest_lipleak.faces import tracking
from pytest_lipleak.faces.landmarks import MOUTH_CORNERS, POINTS, steady_corners
from pytest_lipleak.faces.tracking import FaceTrack
from pytest_lipleak.generators.registry import as_model
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.expert import ExpertIdentity, Suitability
from pytest_lipleak.sync.mouth_window import aligned_faces
from pytest_lipleak.sync.protocols import Protocol

FRAMES = 30
ALIGNING = SimpleNamespace(mouth_aligned=True)
LEFT, RIGHT = np.array([150.0, 130.0]), np.array([210.0, 150.0])
"""Mouth corners of the clip, in pixels."""


def mesh(left: np.ndarray, right: np.ndarray, count: int = FRAMES) -> np.ndarray:
    """Landmarks (T, 478, 2) that stand still."""
    points = np.full((count, POINTS, 2), 170, np.float32)
    points[:, MOUTH_CORNERS[0]], points[:, MOUTH_CORNERS[1]] = left, right
    return points


def picture(*dots: np.ndarray, count: int = FRAMES) -> np.ndarray:
    """Black frames with bright dots, uint8 RGB (T, 320, 320, 3)."""
    frames = np.zeros((count, 320, 320, 3), np.uint8)
    for x, y in dots:
        frames[:, int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3] = 255
    return frames


def clip(frames: np.ndarray) -> Clip:
    return Clip("a", frames, np.zeros(640 * len(frames), np.int16))


@pytest.fixture(autouse=True)
def _one_track(monkeypatch: pytest.MonkeyPatch) -> None:
    middle, half = np.full(FRAMES, 170.0), np.full(FRAMES, 60.0)
    monkeypatch.setattr(tracking, "track", lambda *_, **__: FaceTrack(middle, middle, half))


def centre_of(image: np.ndarray) -> np.ndarray:
    """x and y of the one bright spot."""
    rows, columns = np.nonzero(image[..., 0] > 60)
    return np.array([columns.mean(), rows.mean()])


def test_mouth_corners_come_to_lie_level_and_in_their_place() -> None:
    crops = Crops(Protocol.TRACKED, None, expert=ALIGNING, landmarks=lambda *_: mesh(LEFT, RIGHT))  # type: ignore[arg-type]
    cropper = crops.of(clip(picture(LEFT)))
    for dot, place in ((LEFT, (63.5, 83.0)), (RIGHT, (95.5, 83.0))):
        first = next(iter(cropper(picture(dot))))
        assert first.shape == (160, 160, 3)
        np.testing.assert_allclose(centre_of(first), place, atol=0.6)


def test_generated_trials_are_cropped_by_the_corners_of_the_real_clip() -> None:
    asked: list[str] = []

    def find(real: Clip, boxes: np.ndarray) -> np.ndarray:
        asked.append(real.name)
        assert boxes.shape == (FRAMES, 4)
        return mesh(LEFT, RIGHT)

    real = clip(picture(LEFT))
    crops = Crops(Protocol.TRACKED, None, expert=ALIGNING, landmarks=find)  # type: ignore[arg-type]
    generated = picture(LEFT + np.array([0, 12]))  # lips that moved down must be seen lower
    seen = centre_of(next(iter(crops.of(real)(generated))))
    expected = aligned_faces(generated, np.tile(np.stack([LEFT, RIGHT]), (FRAMES, 1, 1)))
    np.testing.assert_allclose(seen, centre_of(next(expected)), atol=0.01)
    assert seen[1] > 86
    assert crops.of(real) is crops.of(real)
    assert asked == ["a"]
    with pytest.raises(ValueError, match="longer"):
        list(crops.of(real)(generated[:-1]))


def test_too_few_landmarks_leave_plain_crops_and_say_so() -> None:
    lost = mesh(LEFT, RIGHT)
    lost[: FRAMES // 2] = np.nan
    frames = np.random.default_rng(0).integers(0, 256, (FRAMES, 320, 320, 3), dtype=np.uint8)
    crops = Crops(Protocol.TRACKED, None, expert=ALIGNING, landmarks=lambda *_: lost)  # type: ignore[arg-type]
    cropper = crops.of(clip(frames))
    assert cropper.notes == (
        "face landmarks in 15 of 30 frames only: plain face crops, not mouth-aligned ones",
    )
    assert cropper.track is not None
    np.testing.assert_array_equal(np.stack(list(cropper(frames))), tracking.crop(frames, cropper.track))


@pytest.mark.parametrize(
    ("protocol", "expert", "retrack", "aligned", "notes"),
    [
        (Protocol.TRACKED, ALIGNING, False, True, (MOUTH_ALIGNED,)),
        (Protocol.TRACKED, ALIGNING, True, False, (NOT_ALIGNED,)),
        (Protocol.TRACKED, SimpleNamespace(mouth_aligned=False), False, False, ()),
        (Protocol.TRACKED, SimpleNamespace(), False, False, ()),
        (Protocol.DIRECT, ALIGNING, False, False, ()),
    ],
)
def test_when_mouths_are_aligned(
    protocol: Protocol, expert: Any, retrack: bool, aligned: bool, notes: tuple[str, ...]
) -> None:
    frames = picture(LEFT)
    crops = Crops(protocol, None, expert=expert, retrack=retrack, landmarks=lambda *_: mesh(LEFT, RIGHT))
    assert (crops.of(clip(frames)).corners is not None) is aligned
    assert crops.notes == notes


def test_a_few_frames_without_a_face_take_their_neighbours_corners() -> None:
    points = mesh(LEFT, RIGHT)
    points[10:, MOUTH_CORNERS[0], 0] += 10
    points[[0, 9, 10, 29]] = np.nan
    corners = steady_corners(points)
    assert corners is not None
    np.testing.assert_allclose(corners[[0, 29], 0, 0], [150, 160])
    np.testing.assert_allclose(corners[[9, 10], 0, 0], [150 + 10 / 3, 150 + 20 / 3], rtol=1e-5)
    points[:10] = np.nan
    assert steady_corners(points) is None


@pytest.mark.parametrize(("hertz", "pixels", "share"), [(4.0, 3.0, (0.0, 0.05)), (0.15, 20.0, (0.85, 1.05))])
def test_crops_follow_the_head_and_not_the_lips(
    hertz: float, pixels: float, share: tuple[float, float]
) -> None:
    time = np.arange(100) / 25
    corners = np.tile(np.array([[144.0, 160.0], [176.0, 160.0]]), (100, 1, 1))
    corners[..., 1] += pixels * np.sin(2 * np.pi * hertz * time)[:, None]
    dot = np.array([160.0, 160.0])
    places = [centre_of(face)[1] for face in aligned_faces(picture(dot, count=100), corners)]
    moved = np.std(places[20:80]) / np.std(corners[20:80, 0, 1])
    assert share[0] <= moved <= share[1]


class Counting:
    """Counts the videos it embeds; two of them differ in nothing but the crops they want."""

    identity = ExpertIdentity("counting", "1", "0" * 64, True)

    def __init__(self, mouth_aligned: bool) -> None:
        self.mouth_aligned = mouth_aligned
        self.videos = 0

    def review(self, frames: Any, audio: np.ndarray) -> Suitability:
        return Suitability((), ())

    def embed_video(self, frames: Any) -> np.ndarray:
        self.videos += 1
        return np.random.default_rng(0).normal(size=(len(list(frames)) - 5, 4)).astype(np.float32)

    def embed_audio(self, audio: np.ndarray) -> np.ndarray:
        return np.random.default_rng(1).normal(size=(len(audio) // 640 - 5, 4)).astype(np.float32)


def test_plain_and_aligned_crops_are_different_artefacts_and_the_report_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = write_clips(tmp_path / "clips", {"a": random_levels(0, FRAMES)})
    monkeypatch.setattr(PictureTools, "landmarks", lambda *_: mesh(LEFT, RIGHT))
    videos, notes = [], []
    for aligned in (False, True, True):
        expert = Counting(aligned)
        model, plan = as_model(Silent()), Plan(Protocol.TRACKED)
        evaluation = Evaluation(clips, model, expert, plan, Store(tmp_path / "store"))
        evaluation.need(())
        videos.append(expert.videos)
        notes.append(MOUTH_ALIGNED in evaluation.corpus.provenance.notes)
    assert videos == [1, 1, 0]
    assert notes == [False, True, True]


class Silent:
    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        return frames


@pytest.mark.slow
def test_a_file_is_scored_by_mouth_aligned_crops(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ai_edge_litert")
    monkeypatch.undo()
    example = shared / "clips" / "syncnet_example.avi"
    result = score_file(example, expert="embedded", protocol="tracked", weights=shared / "weights")
    assert result.score.offset == 3
    assert MOUTH_ALIGNED in result.notes
    assert rooms.NOT_ALIGNED not in result.notes
