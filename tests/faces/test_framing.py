"""Which protocol fits is seen in the pictures: people that are rendered, as crops and somewhere in a larger frame."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from pytest_lipleak.core.clips import Clip
from pytest_lipleak.evaluation.one_video import score_clip
from pytest_lipleak.faces.centred import is_centred, mouth_elsewhere
from pytest_lipleak.faces.detection import FaceDetector
from pytest_lipleak.faces.framing import (
    ELSEWHERE,
    NOT_LOOKED,
    fills_frame,
    fitting_protocol,
    mouths_elsewhere,
)
from pytest_lipleak.media.clipsets import EMBEDDED, open_clips
from pytest_lipleak.run.chosen_expert import LOOKED_AT
from pytest_lipleak.run.run import Run
from pytest_lipleak.settings.resolve import make_settings
from pytest_lipleak.sync.protocols import Protocol

PEOPLE = ("anna_1", "mara_2", "omar_1")


@pytest.fixture(scope="module")
def weights() -> Path:
    import os

    pytest.importorskip("ai_edge_litert")
    if "LIPLEAK_SHARED" not in os.environ:
        pytest.skip("needs the face model; set LIPLEAK_SHARED")
    return Path(os.environ["LIPLEAK_SHARED"]) / "weights"


@pytest.fixture(scope="module")
def detector(weights: Path) -> FaceDetector:
    return FaceDetector(weights)


def by_phone(frames: np.ndarray, side: int) -> np.ndarray:
    """A person somewhere in a frame of 640 x 480, before a coloured wall, panned and zoomed by a hand."""
    rows, columns = np.mgrid[:480, :640]
    wall = np.stack([90 + 60 * np.sin(columns / 97), 110 + 40 * np.cos(rows / 71), 120 + 0 * rows], -1)
    images = []
    for index, frame in enumerate(frames):
        size = int(side * (1 + 0.12 * np.sin(index / 40)))
        left, top = (
            int(288 + 64 * np.sin(index / 60)) - size // 2,
            int(240 + 10 * np.cos(index / 33)) - size // 2,
        )
        image = wall.astype(np.uint8)
        image[top : top + size, left : left + size] = cv2.resize(frame, (size, size))
        images.append(image)
    return np.stack(images)


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("side", [130, 240])
def test_people_somewhere_in_the_frame(person: str, side: int, detector: FaceDetector) -> None:
    frames = open_clips(EMBEDDED)[person].frames[:30]
    assert fills_frame(by_phone(frames, side), detector) is False


@pytest.mark.parametrize("person", PEOPLE)
def test_people_who_fill_it(person: str, detector: FaceDetector) -> None:
    assert fills_frame(open_clips(EMBEDDED)[person].frames, detector) is True


def test_a_mouth_outside_of_the_region_is_told_with_its_place(weights: Path) -> None:
    """A face may fill the frame, and its mouth lie too low."""
    own = {person: open_clips(EMBEDDED)[person].frames[:30] for person in PEOPLE}
    assert mouths_elsewhere(own, weights) == {}
    low = {
        person: np.pad(frames, ((0, 0), (35, 0), (0, 0), (0, 0)), "edge")[:, :160]
        for person, frames in own.items()
    }
    found = mouths_elsewhere({**low, **{f"right {name}": frames for name, frames in own.items()}}, weights)
    assert tuple(found) == PEOPLE
    assert all(
        re.fullmatch(r"0\.7\d of the height and 0\.\d\d of the width", place) for place in found.values()
    )


def test_pictures_without_a_face_decide_nothing(weights: Path, detector: FaceDetector) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (30, 96, 96, 3), np.uint8)
    assert fills_frame(noise, detector) is None
    assert fitting_protocol(Protocol.DIRECT, [noise], weights) == (Protocol.DIRECT, "")


def test_one_clip_elsewhere_decides_for_all(weights: Path) -> None:
    """Under ``tracked`` crops are found again; under ``direct`` what is elsewhere is lost."""
    clips = open_clips(EMBEDDED)
    fills, elsewhere = clips["anna_1"].frames[:30], by_phone(clips["omar_1"].frames[:30], 240)
    assert fitting_protocol(Protocol.LRS, [fills, fills], weights) == (Protocol.LRS, "")
    assert fitting_protocol(Protocol.LRS, [fills, elsewhere], weights) == (Protocol.TRACKED, ELSEWHERE)


def test_without_the_face_model_nothing_is_downloaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fetched(*_: object) -> None:
        raise AssertionError("downloaded")

    monkeypatch.setattr("pytest_lipleak.machine.model_files.fetch", fetched)
    elsewhere = by_phone(open_clips(EMBEDDED)["omar_1"].frames[:30], 240)
    assert fitting_protocol(Protocol.DIRECT, [elsewhere], None) == (Protocol.DIRECT, NOT_LOOKED)


def test_a_run_chooses_by_at_most_so_many_clips(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pytest_lipleak.media.video import write_video

    person = open_clips(EMBEDDED)["mara_2"]
    frames = by_phone(person.frames[:30], 240)
    for number in range(2 * LOOKED_AT + 1):
        write_video(tmp_path / f"{number:02}.mkv", frames[:2], person.audio[:1280])
    given = {"model": "demo", "clips": tmp_path, "weights": weights, "expert": "embedded"}
    run = Run(make_settings(given, tmp_path, {}))
    looked: list[int] = []
    found = fills_frame
    monkeypatch.setattr(
        "pytest_lipleak.faces.framing.fills_frame", lambda *of: looked.append(1) or found(*of) or True
    )
    assert run.expert.protocol == Protocol.DIRECT
    assert len(looked) <= LOOKED_AT
    monkeypatch.undo()
    run = Run(make_settings(given, tmp_path, {}))
    assert (run.expert.protocol, run.expert.protocol_reason) == (Protocol.TRACKED, ELSEWHERE)
    assert f"protocol tracked: {ELSEWHERE}" in run.new_evaluation(run.model).corpus.remarks
    run.close()
    assert Run(make_settings(given | {"protocol": "direct"}, tmp_path, {})).expert.protocol == Protocol.DIRECT


def test_a_lone_score_says_what_was_chosen(weights: Path) -> None:
    person = open_clips(EMBEDDED)["omar_1"]
    clip = Clip("omar", by_phone(person.frames[:60], 240), person.audio[: 60 * 640])
    found = score_clip(clip, expert="embedded", weights=weights)
    assert found.protocol is Protocol.TRACKED
    assert found.notes[0] == f"protocol tracked: {ELSEWHERE}"
    crop = Clip("omar", person.frames[:60], person.audio[: 60 * 640])
    found = score_clip(crop, expert="embedded", weights=weights)
    assert found.protocol is Protocol.DIRECT
    assert not any("protocol" in note for note in found.notes)


@pytest.mark.parametrize(
    ("across", "down", "place"),
    [
        (100, 86, ""),
        (100, 146, "0.85 of the height and 0.50 of the width"),
        (100, 26, "0.25 of the height and 0.50 of the width"),
        (160, 86, "0.55 of the height and 0.80 of the width"),
        (64, 112, ""),
    ],
)
def test_where_the_mouth_of_a_known_box_lies(across: int, down: int, place: str) -> None:
    """Needs no face model: boxes of 100 pixels in frames of 200, whose mouths lie 24 pixels below their middle."""
    boxes = np.array([[across - 50, down - 50, across + 50, down + 50]] * 5, np.float64)
    assert mouth_elsewhere(boxes, 200, 200) == place
    if place:
        assert not is_centred(boxes, 200, 200)
