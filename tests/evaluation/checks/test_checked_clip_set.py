"""``lipleak clips``: a set is ready, or every clip that is not says why and what to do."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_lipleak.cli import main
from pytest_lipleak.core.listing import Listing
from pytest_lipleak.evaluation.checks import clip_set
from pytest_lipleak.evaluation.checks.clip_set import ClipReport, ClipRules, check_clips
from pytest_lipleak.faces.centred import is_centred
from pytest_lipleak.media.clipsets import EMBEDDED, open_clips
from pytest_lipleak.media.video import write_video
from pytest_lipleak.report.checked_clip_set import text_of
from pytest_lipleak.report.progress import silent
from pytest_lipleak.sync.experts import load_expert
from pytest_lipleak.sync.protocols import Protocol

Look = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def look(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Look:
    # Without a face model at hand, and without asking the network for one.
    monkeypatch.setattr(clip_set, "_detector", lambda rules: (None, "no face model at hand"))

    def run(*arguments: str | Path) -> tuple[int, dict[str, Any]]:
        status = main(["clips", *map(str, arguments), "--json"])
        return status, json.loads(capsys.readouterr().out)

    return run


def by_name(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {clip["name"]: clip for clip in found["clips"]}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three good clips among every kind that cannot be used."""
    folder = tmp_path_factory.mktemp("mixed")
    embedded = open_clips(EMBEDDED)
    for name in ("anna_1", "mara_2", "omar_1"):
        shutil.copy(embedded.files[name].video, folder / f"{name}.mkv")
    shutil.copy(embedded.files["anna_1"].video, folder / "b_copy.mkv")
    anna, mara, zola = embedded["anna_1"], embedded["mara_3"], embedded["zola_1"]
    half = 60
    quieter = (anna.audio[6400:] // 3).astype(np.int16)
    write_video(folder / "c_quieter.mkv", anna.frames[10:], quieter)
    write_video(folder / "silent.mkv", anna.frames[:75], np.zeros(75 * 640, np.int16))
    write_video(folder / "no_audio.mkv", anna.frames[:75])
    still = np.repeat(anna.frames[:1], len(anna.audio) // 640, axis=0)
    write_video(folder / "still.mkv", still, anna.audio)
    write_video(folder / "short.mkv", mara.frames[:30], mara.audio[: 30 * 640])
    other = zola.audio[: len(mara.audio)]
    write_video(folder / "dubbed.mkv", mara.frames[: len(other) // 640], other)
    shots = np.concatenate([anna.frames[:half], zola.frames[half:120]])
    write_video(
        folder / "two_shots.mkv",
        shots,
        np.concatenate([anna.audio[: half * 640], zola.audio[half * 640 : 120 * 640]]),
    )
    (folder / "corrupt.mp4").write_bytes(np.random.default_rng(0).bytes(20_000))
    (folder / "empty.mp4").touch()
    return folder


@pytest.mark.slow
def test_the_embedded_clips_are_ready(look: Look) -> None:
    status, found = look("embedded")
    assert status == 0
    assert found["ready"]
    assert found["protocol"] == "direct"
    clips = by_name(found)
    assert len(clips) == 12
    assert {clip["heard"] for clip in clips.values()} == {True}
    assert {clip["offset"] for clip in clips.values()} == {0}
    assert sorted(clip["partner"] for clip in clips.values()) == sorted(clips)
    assert clips["anna_1"]["seconds"] == pytest.approx(5.48)
    assert clips["anna_1"]["size"] == [160, 160]
    assert clips["anna_1"]["speech"] == pytest.approx(5.4, abs=0.3)
    assert {clip["shots"] for clip in clips.values()} == {1}
    assert "no face model at hand" in found["notes"][0]


@pytest.mark.slow
def test_every_bad_clip_says_what_to_do_and_the_good_ones_are_judged(mixed: Path, look: Look) -> None:
    status, found = look(mixed, "--expert", "embedded")
    assert status == 3
    assert not found["ready"]
    clips = by_name(found)
    words = {name: " ".join(clip["problems"]) for name, clip in clips.items()}
    good = ["anna_1", "b_copy", "c_quieter", "mara_2", "omar_1", "two_shots"]
    assert {name: words[name] for name in good} == dict.fromkeys(good, "")
    for name, expected in {
        "corrupt": "corrupt",
        "empty": "0 bytes",
        "no_audio": "no audio",
        "silent": "0.0 s of speech",
        "still": "stands still",
        "short": "of speech",
        "dubbed": "does not hear",
    }.items():
        assert expected in words[name], name
    for name in ("anna_1", "mara_2", "omar_1"):
        assert clips[name]["heard"] is True
        assert clips[name]["lse_c"] > 2 * clips[name]["unrelated"]
        above = clips[name]["lse_c"] - clips[name]["unrelated"]
        assert clips[name]["above_unrelated"] == pytest.approx(above, abs=1e-3)
    assert clips["dubbed"]["above_unrelated"] < 0.5 < clips["anna_1"]["above_unrelated"]
    assert clips["b_copy"]["copy_of"] == "anna_1"
    assert any("a copy of clip 'anna_1'" in note for note in clips["b_copy"]["notes"])
    # The first pictures and sounds are cut off, and the sound is quieter.
    assert "anna_1" in (clips["c_quieter"]["copy_of"], clips["c_quieter"]["same_recording_as"])
    assert clips["two_shots"]["shots"] == 2
    # Copies of one recording are no partners.
    assert {clips["anna_1"]["partner"], clips["b_copy"]["partner"]}.isdisjoint({"anna_1", "b_copy"})


def test_what_people_read_opens_with_the_verdict(
    look: Look, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(open_clips(EMBEDDED).files["anna_1"].video, tmp_path / "a.mkv")
    (tmp_path / "b.mp4").write_bytes(bytes(5000))
    (tmp_path / "notes.pdf").touch()
    assert main(["clips", str(tmp_path)]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(
        f"{tmp_path}: NOT READY, to be fixed: the set as a whole and 1 of 2 clips (b); expert "
    )
    assert lines[1].startswith("FIX ")
    assert "no partner for the XM setup; add a clip with other speech" in lines[1]
    assert lines.index("FIX   b") < lines.index("ok    a")
    assert "Traceback" not in "".join(lines)


def test_one_clip_is_compared_with_its_own_speech_later(look: Look) -> None:
    status, found = look(open_clips(EMBEDDED).files["anna_1"].video, "--expert", "embedded")
    assert status == 3
    (clip,) = found["clips"]
    assert clip["problems"] == []
    assert clip["heard"] is True
    assert "no partner" in found["problems"][0]


def test_no_clip_at_all(look: Look, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clips", str(tmp_path)]) == 2
    assert "0 clips" in capsys.readouterr().err
    assert main(["clips", str(tmp_path / "nowhere")]) == 2
    assert "no such file or folder" in capsys.readouterr().err
    (tmp_path / "b.mp4").write_bytes(bytes(5000))
    status, found = look(tmp_path)
    assert status == 3
    assert found["problems"] == ["no clip can be read; see the clips"]


def test_a_fault_of_ours_in_one_clip_loses_no_other(
    look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = open_clips(EMBEDDED).files
    for name in ("anna_1", "mara_1"):
        shutil.copy(files[name].video, tmp_path)

    def broken(path: Path) -> None:
        if path.stem == "anna_1":
            raise ZeroDivisionError("division by zero")
        return real(path)

    real = clip_set._streams
    monkeypatch.setattr(clip_set, "_streams", broken)
    status, found = look(tmp_path)
    assert status == 3
    clips = by_name(found)
    assert "ZeroDivisionError: division by zero (test_checked_clip_set.py" in clips["anna_1"]["problems"][0]
    assert clips["mara_1"]["heard"] is True


def box(x: float, y: float, side: float, count: int = 10) -> np.ndarray:
    return np.tile([x - side / 2, y - side / 2, x + side / 2, y + side / 2], (count, 1))


@pytest.mark.parametrize(
    ("boxes", "size", "centred"),
    [
        # A SyncNet crop: half side s, 2.8 s wide, the centre one s below the top.
        (box(80, 57, 114), (160, 160), True),
        (box(80, 57, 60), (160, 160), False),
        (box(50, 57, 114), (160, 160), False),
        (box(180, 130, 140), (288, 360), False),
        (box(540, 600, 210), (1920, 1080), False),
        (np.concatenate([box(80, 57, 114, 9), box(20, 57, 114, 1)]), (160, 160), True),
        (np.concatenate([box(80, 57, 114, 6), box(20, 57, 114, 4)]), (160, 160), False),
    ],
)
def test_face_centred_frames_are_known_by_where_the_mouth_lies(
    boxes: np.ndarray, size: tuple[int, int], centred: bool
) -> None:
    assert is_centred(boxes, *size) is centred


def motion(levels: list[float]) -> clip_set._Motion:
    found = clip_set._Motion()
    for _ in found.watching(np.full((8, 8, 3), level, np.uint8) for level in levels):
        pass
    return found


def test_cuts_and_still_pictures() -> None:
    assert motion([100] * 20).still
    assert motion([100]).still
    assert motion([100] * 10 + [160] * 10).cuts == 1
    assert motion([100] * 10 + [160] * 10 + [40] * 10).cuts == 2
    # A pan, a flickering lamp and a slow fade are no cuts.
    assert motion(list(range(0, 240, 12))).cuts == 0
    assert motion([100, 130] * 10).cuts == 0
    assert motion([100, 100, 130, 130] * 10).cuts == 0
    assert motion([100 + number for number in range(50)]).cuts == 0
    assert not motion([100, 101] * 10).still


@pytest.mark.slow
def test_real_clips_are_tracked_where_faces_do_not_fill_the_frame(shared: Path, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    for name in ("grid_bbaf2n.mpg", "grid_lwbsza.mpg", "merkel_mismatched.avi"):
        shutil.copy(shared / "clips" / name, tmp_path)
    rules = ClipRules(None, Protocol.DIRECT, shared / "weights")
    found = check_clips(open_clips(tmp_path), load_expert("embedded"), rules, silent)
    clips = {clip.name: clip for clip in found.clips}
    assert found.protocol is Protocol.TRACKED
    assert "measure with --lipleak-protocol tracked" in found.notes[0]
    assert {name: clip.centred for name, clip in clips.items()} == {
        "grid_bbaf2n": False,
        "grid_lwbsza": False,
        "merkel_mismatched": True,
    }
    assert {clip.faces for clip in clips.values()} == {1}
    scores = {name: clip.lse_c for name, clip in clips.items()}
    assert scores.pop("merkel_mismatched") < 1 < min(scores.values())


@pytest.mark.slow
def test_faces_amid_the_frame_are_a_problem_where_crops_were_asked_for(shared: Path, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    for name in ("grid_bbaf2n.mpg", "grid_lwbsza.mpg"):
        shutil.copy(shared / "clips" / name, tmp_path)
    rules = ClipRules(Protocol.DIRECT, Protocol.DIRECT, shared / "weights")
    found = check_clips(open_clips(tmp_path), load_expert("embedded"), rules, silent)
    assert not found.ready
    for clip in found.clips:
        assert any("use --lipleak-protocol tracked" in why for why in clip.problems)
        assert any(why.startswith("the mouth lies at 0.7") for why in clip.problems)


@pytest.mark.slow
def test_nobody_in_the_picture(shared: Path, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    bars = np.repeat(np.arange(160)[None] // 20 % 2 * 200, 160, axis=0).astype(np.uint8)
    frames = np.stack([np.roll(bars, 2 * number, axis=1) for number in range(75)])
    frames = np.repeat(frames[..., None], 3, axis=3)
    write_video(tmp_path / "bars.mkv", frames, open_clips(EMBEDDED)["anna_1"].audio[: 75 * 640])
    rules = ClipRules(None, Protocol.DIRECT, shared / "weights")
    found = check_clips(open_clips(tmp_path), load_expert("embedded"), rules, silent)
    assert any("no face was found in any of the 75 frames" in why for why in found.clips[0].problems)


def test_a_set_is_ready_only_where_nothing_is_to_be_fixed() -> None:
    clip = ClipReport("a", Path("a.mp4"))
    report = clip_set.ClipSetReport("x", (clip,), (), (), Protocol.DIRECT, "embedded 3", Listing(1))
    assert report.ready
    clip.problems.append("no audio")
    assert not report.ready


def test_how_a_picture_was_turned_is_told_once_in_the_words_of_who_turned_it() -> None:
    """FFmpeg's angle alone calls a mirrored picture turned by 180 degrees."""
    note = "picture mirrored, as its display matrix says"
    clip = ClipReport("a", Path("a.mp4"), notes=[note], rotation=180, size=(8, 8), frames=50)
    report = clip_set.ClipSetReport("x", (clip,), (), (), Protocol.DIRECT, "embedded 3", Listing(1))
    told = [line.strip() for line in text_of(report)]
    assert "8 x 8, 2.00 s" in told
    assert [line for line in told if "turned" in line or "mirrored" in line] == [note]
