"""A folder of finished videos and a table are judged by one command, and mistakes in them are said."""

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import cv2
import numpy as np
import pytest

from pytest_lipleak.cli import BROKEN, GOOD, LEAK, NOT_JUDGED, USAGE, main
from pytest_lipleak.core.clips import Clip
from pytest_lipleak.evaluation.checks.finished import look_over
from pytest_lipleak.evaluation.checks.model import Finding
from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
from pytest_lipleak.generators.finished_model import FinishedVideos
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.media.clipsets import EMBEDDED, open_clips
from pytest_lipleak.media.video import write_playable, write_video
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.experts import load_expert
from pytest_lipleak.sync.protocols import Protocol

NAMES = ("anna_1", "mara_1", "omar_1", "zola_1")
LENGTH = 70
GATE = "--gate=LipCorr_XO[CR] < 0.3"


def still_mouthed(clip: Clip) -> np.ndarray:
    """The clip with a bar for a mouth, which does not move."""
    made: np.ndarray = clip.frames.copy()
    made[:, 36:60, 22:58] = (140, 60, 60)
    return made


def copied(clip: Clip) -> np.ndarray:
    """The clip, a little brighter: its own lips, whatever drove it."""
    return np.asarray(np.clip(clip.frames.astype(int) + 4, 0, 255), np.uint8)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Clip]:
    embedded = open_clips(EMBEDDED)
    return {
        name: Clip(
            name,
            np.stack([cv2.resize(each, (80, 80)) for each in embedded[name].frames[:LENGTH]]),
            embedded[name].audio[: LENGTH * 640],
        )
        for name in NAMES
    }


@pytest.fixture(scope="module")
def made(clips: dict[str, Clip], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What stands in ``folder``."""
    made = tmp_path_factory.mktemp("made")
    for part in ("clips", "out"):
        (made / part).mkdir()
    rows = []
    for place, name in enumerate(NAMES):
        clip, other = clips[name], clips[NAMES[(place + 1) % len(NAMES)]]
        write_video(made / f"clips/{name}.mkv", clip.video, clip.audio)
        for model, make in (("copies", copied), ("bars", still_mouthed)):
            output = f"out/{model}_{name}.mp4"
            write_playable(made / output, make(clip), other.audio)
            rows.append({"output": output, "source": f"clips/{name}.mkv", "model": model, "setup": ""})
    write_table(made, rows)
    return made


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Clips, the videos of two models, each driven by the next clip's speech, which is heard in them."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def write_table(folder: Path, rows: list[dict[str, str]]) -> None:
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def evaluate(*arguments: str) -> int:
    return main(
        ["evaluate", "--model=videos:manifest.csv", "--expert=embedded", "--store=store", GATE, *arguments]
    )


def test_every_model_is_judged_and_stands_beside_the_others(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("--all-models", "--json=both.json", "--html=both.html") == LEAK
    out = capsys.readouterr().out
    assert "FAILED: leaks the source's lips under other speech: 1 of 1 limit broken" in out
    assert re.search("^source lip leakage +value", out, re.MULTILINE)
    assert "PASSED: 1 limit kept" in out
    assert "not looked at: leaks under AR, under silence" in out
    # Nothing can be made anew, so nobody is told to.
    assert "`lipleak export` writes what those are made from" in out
    assert "lipleak probe" not in out
    assert "--keep" not in out
    assert "manifest.csv does not say which reference the videos were made with: they stand under CR" in out
    report = json.loads((folder / "both.json").read_text())
    # The first model passes; what is said of both is what the worse one deserves.
    assert (report["verdict"], [each["verdict"] for each in report["results"]]) == ("fail", ["pass", "fail"])
    assert report["headline"].startswith(
        "FAILED: leaks the source's lips under other speech: 1 of 1 limit broken"
    )
    assert "not looked at: leaks under AR" in report["results"][1]["headline"]
    page = (folder / "both.html").read_text()
    assert all(f"<strong>{name}</strong>" in page for name in ("bars", "copies"))
    assert "Models side by side" in page
    pictures = re.findall(r'src="(both_files/[^"]*strip.webp)"', page)
    assert len(pictures) == 2 * len(NAMES)
    assert all((folder / unquote(picture)).is_file() for picture in pictures)
    results = report["results"]
    assert {each["provenance"]["model"]: each["verdict"] for each in results} == {
        "copies": "fail",
        "bars": "pass",
    }
    # The setup was told from what is heard, and so was who drove.
    trials = [trial for trial in results[0]["trials"] if trial["condition"] == "XM,CR"]
    assert [trial["clip"] for trial in trials] == [f"clips/{name}" for name in NAMES]
    side_by_side = out.rpartition("Leakage over chance")[2]
    assert all(name in side_by_side for name in ("copies", "bars"))
    # Another model costs that model alone.
    kept = {path: path.stat().st_ino for path in (folder / "store").rglob("embedding-*")}
    assert evaluate("--model-arg=model=bars", "-q") == GOOD
    assert {path: path.stat().st_ino for path in (folder / "store").rglob("embedding-*")} == kept


def posed_anew(frames: np.ndarray, seed: int) -> np.ndarray:
    """The first frame's head with the lips of ``frames``, moved and turned by itself."""
    draw = np.random.default_rng(seed)
    times = np.arange(len(frames)) / 25
    turn, right, down = (
        reach * np.sin(2 * np.pi * draw.uniform(0.3, 0.9) * times + draw.uniform(0, 6))
        for reach in (6, 2.4, 2.4)
    )
    lips = np.zeros((80, 80), np.float32)
    cv2.ellipse(lips, (40, 47), (14, 11), 0, 0, 360, 1, -1)
    soft = cv2.GaussianBlur(lips, (0, 0), 2)[..., None]
    made = []
    for at, frame in enumerate(frames):
        head = (frames[0] * (1 - soft) + frame * soft).astype(np.uint8)
        pose = cv2.getRotationMatrix2D((40, 40), turn[at], 1.04)
        pose[:, 2] += right[at], down[at]
        made.append(cv2.warpAffine(head, pose, (80, 80), borderMode=cv2.BORDER_REPLICATE))
    return np.stack(made)


def test_systems_that_pose_the_head_are_judged_where_the_table_says_so(
    folder: Path, clips: dict[str, Clip], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = []
    for place, name in enumerate(NAMES):
        other = clips[NAMES[(place + 1) % len(NAMES)]]
        # The lips of its own clip, or of one that is neither its own nor the driving one.
        for model, lips in (("leaks", clips[name]), ("honest", clips[NAMES[(place + 2) % len(NAMES)]])):
            head = clips[name].frames[:1]
            frames = np.concatenate([head, lips.frames[1:]])
            write_playable(folder / f"out/{model}_{name}.mp4", posed_anew(frames, place), other.audio)
            output = {"output": f"out/{model}_{name}.mp4", "source": f"clips/{name}.mkv", "reference": "CR"}
            rows.append({**output, "model": model, "pose": "free"})
    write_table(folder, rows)
    assert evaluate("--model-arg=model=leaks", "-q", "--json=leaks.json") == LEAK
    assert evaluate("--model-arg=model=honest", "-q") == GOOD
    out = capsys.readouterr().out
    assert "FAILED: leaks the source's lips under other speech" in out
    assert out.count("whether 4 videos with freely posed heads belong to their clips") == 2
    notes = json.loads((folder / "leaks.json").read_text())["results"][0]["provenance"]["notes"]
    assert any(
        note.startswith("pose=free: the heads of 4 videos need not move as their clips' do") for note in notes
    )
    # Nobody says so of the same videos: they are refused. An argument says it of all.
    write_table(folder, [{**row, "pose": ""} for row in rows])
    assert evaluate("--model-arg=model=leaks", "-q") == NOT_JUDGED
    assert "pose=free" in capsys.readouterr().out, "why nothing was judged is told by the quiet, too"
    assert evaluate("--model-arg=model=leaks", "--model-arg=pose=free", "-q") == LEAK
    assert evaluate("--model-arg=model=leaks", "--model-arg=pose=loose", "-q") == USAGE
    assert "pose 'loose' is none of source, free" in capsys.readouterr().err


def test_what_is_missing_passes_no_limit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "out/bars_mara_1.mp4").unlink()
    rows = [
        {"output": f"out/bars_{name}.mp4", "source": f"clips/{name}.mkv", "setup": "XM"} for name in NAMES
    ]
    write_table(folder, rows)
    assert evaluate("-q") == NOT_JUDGED
    assert evaluate("--allow-unscored", "--json=report.json") == GOOD
    report = json.loads((folder / "report.json").read_text())["results"][0]
    assert [entry["clip"] for entry in report["unscored"]] == ["clips/mara_1"]
    assert report["unscored"][0]["reason"].startswith("no video of it under other speech is there")
    assert "unscored: clips/mara_1 [XM,CR]: no video" in capsys.readouterr().out


def test_an_output_whose_name_no_file_can_have_is_a_failed_trial(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"output": f"out/bars_{name}.mp4", "source": f"clips/{name}.mkv", "setup": "XM"} for name in NAMES
    ]
    rows.append({"output": f"{'x' * 300}.mp4", "source": f"clips/{NAMES[0]}.mkv", "setup": "SI"})
    write_table(folder, rows)
    assert evaluate("--gate=success[SI,CR] > 0.5", "--json=report.json") == BROKEN
    assert "unexpected" not in capsys.readouterr().err
    lost = json.loads((folder / "report.json").read_text())["results"][0]["unscored"]
    assert any("xxx.mp4 is not there" in entry["reason"] for entry in lost)


def test_a_pattern_misses_the_clips_of_which_nothing_was_made(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names of files do not say what should be there; the clips do."""
    (folder / "out/bars_mara_1.mp4").unlink()
    pattern = ["--model=videos:out/bars_{clip}.mp4", "--clips=clips", "--gate=success[XM,CR] > 0.9"]
    assert evaluate(*pattern, "--json=report.json") == BROKEN
    assert "unscored: mara_1 [XM,CR]: no video of it under other speech is there" in capsys.readouterr().out
    report = json.loads((folder / "report.json").read_text())["results"][0]
    found = {each["metric"]: (each["value"], each["outcome"]) for each in report["verdicts"]}
    assert found["success[XM,CR]"] == (0.75, "fail")
    assert found["LipCorr_XO[CR]"][1] == "not judged"


def test_a_model_whose_rows_are_refused_keeps_no_other_from_being_judged(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (folder / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows = [row for row in rows if row["model"] == "bars"]
    for name in NAMES:
        lost = {
            "output": f"nowhere/{name}.mp4",
            "source": f"clips/{name}.mkv",
            "model": "absent",
            "setup": "XM",
        }
        rows.insert(0, lost)
    write_table(folder, rows)
    assert evaluate("--all-models", "--json=both.json", "--html=both.html") == NOT_JUDGED
    told = capsys.readouterr()
    assert "none of its 4 videos is there" in told.err
    assert "PASSED: 1 limit kept" in told.out
    report = json.loads((folder / "both.json").read_text())
    assert report["verdict"] == "not judged"
    assert "model absent (manifest.csv: none of its 4 videos is there" in report["headline"]
    assert [each["verdict"] for each in report["results"]] == ["pass"]
    assert "model absent" in (folder / "both.html").read_text()
    # Where no model can be judged, the table cannot be used.
    write_table(folder, [row for row in rows if row["model"] == "absent"])
    assert evaluate("--all-models") == USAGE


def test_limits_that_are_about_nothing_that_is_there_are_not_called_missing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = ["--model=videos:manifest.csv", "--model-arg=model=bars", "--expert=embedded"]
    assert main(["evaluate", *table, "--gate=LSE-C_S < 3"]) == NOT_JUDGED
    assert capsys.readouterr().out.startswith("NOT JUDGED: no limit is about what there are videos of")


def _another_person(folder: Path, clips: dict[str, Clip], row: dict[str, str]) -> None:
    write_playable(folder / row["output"], still_mouthed(clips["zola_1"]), clips["omar_1"].audio)


def _own_speech_is_heard(folder: Path, clips: dict[str, Clip], row: dict[str, str]) -> None:
    write_playable(folder / row["output"], still_mouthed(clips["anna_1"]), clips["anna_1"].audio)
    row["audio"] = "clips/mara_1.mkv"


def _silence_that_speaks(folder: Path, clips: dict[str, Clip], row: dict[str, str]) -> None:
    row |= {"audio": "silence", "setup": "SI"}


def _box_outside(folder: Path, clips: dict[str, Clip], row: dict[str, str]) -> None:
    row["box"] = "40,0,80,80"


def _shows_less_than_it_says(folder: Path, clips: dict[str, Clip], row: dict[str, str]) -> None:
    """Its sound is as long as the clip, and nothing in the file says that its pictures are not."""
    row["output"] = "out/less.mkv"
    path = folder / row["output"]
    write_video(path, still_mouthed(clips["anna_1"])[: LENGTH - 6], clips["mara_1"].audio)
    path.write_bytes(path.read_bytes().replace(b"DURATION", b"NO_LEGTH"))


def _own_speech_as_other(folder: Path, clips: dict[str, Clip], row: dict[str, str]) -> None:
    row["audio"] = "clips/anna_1.mkv"


@pytest.mark.parametrize(
    ("spoil", "status", "words"),
    [
        (
            _another_person,
            NOT_JUDGED,
            "was not made from clip 'clips/anna_1': upper faces move alike with r =",
        ),
        (_own_speech_is_heard, NOT_JUDGED, "the clip's own speech is heard in it"),
        (
            _silence_that_speaks,
            NOT_JUDGED,
            "bars_anna_1.mp4 (manifest.csv, line 2): sound is heard in it, but silence should have driven it",
        ),
        (
            _shows_less_than_it_says,
            NOT_JUDGED,
            "less.mkv (manifest.csv, line 2): shows 64 frames of the clip's 70",
        ),
        (_box_outside, NOT_JUDGED, "the box 40,0,80,80 (x, y, width, height) ends at 120 x 80"),
        (
            _own_speech_as_other,
            USAGE,
            "setup XM contradicts the audio anna_1.mkv, which is the clip's own speech",
        ),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
def test_a_wrong_row_is_refused(
    folder: Path,
    clips: dict[str, Clip],
    spoil: Callable[[Path, dict[str, Clip], dict[str, str]], None],
    status: int,
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [
        {
            "output": f"out/bars_{name}.mp4",
            "source": f"clips/{name}.mkv",
            "setup": "XM",
            "audio": "",
            "box": "",
        }
        for name in NAMES
    ]
    spoil(folder, clips, rows[0])
    write_table(folder, rows)
    gate = "--gate=LSE-C_S[CR] < 9" if rows[0]["setup"] == "SI" else GATE
    assert main(["evaluate", "--model=videos:manifest.csv", "--expert=embedded", gate]) == status
    told: Any = capsys.readouterr()
    assert words in told.out + told.err


def test_sounds_that_are_all_wrong_are_one_fact(
    folder: Path, clips: dict[str, Clip], capsys: pytest.CaptureFixture[str]
) -> None:
    """A script that took the wrong sound took it for all of them."""
    write_table(
        folder,
        [
            {
                "output": f"out/bars_{name}.mp4",
                "source": f"clips/{name}.mkv",
                "audio": f"clips/{NAMES[place - 1]}.mkv",
            }
            for place, name in enumerate(NAMES)
        ],
    )
    reason = "other sound is heard in it, and not the audio that should have driven it"
    assert main(["doctor", "--model=videos:manifest.csv", "--expert=embedded"]) == NOT_JUDGED
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FIX")]
    assert line.count(reason) == 1
    assert all(
        f"bars_{name}.mp4 (manifest.csv, line {place + 2})" in line for place, name in enumerate(NAMES)
    )
    assert main(["evaluate", "--model=videos:manifest.csv", "--expert=embedded"]) == NOT_JUDGED
    told = capsys.readouterr().out
    assert told.count(reason) == 1
    assert all(told.count(f"bars_{name}.mp4") == 1 for name in NAMES)
    assert told.count("there are no videos of it") == 1


@pytest.mark.parametrize("edit", ["made[:, 36:60, 22:58] = (140, 60, 60)", "pass"], ids=["edited", "copied"])
def test_kept_videos_are_judged_again(folder: Path, edit: str) -> None:
    """A copy of the clip, too: that it is what the model made, and no wrong file, is known of a kept one."""
    (folder / "models.py").write_text(
        "class Made:\n"
        "    fingerprint = 'made'\n"
        "    def generate(self, frames, audio, reference):\n"
        "        made = frames.copy()\n"
        f"        {edit}\n"
        "        return made\n"
    )
    arguments = ["evaluate", "--expert=embedded", GATE, "--gate=LSE-C[AM,CR] > 9", "-q"]
    live = main([*arguments, "--model=models.py:Made", "--clips=clips", "--keep=kept", "--json=live.json"])
    again = main([*arguments, "--model=videos:kept", "--json=again.json"])
    assert live == again != GOOD, "nothing is in sync to 9"
    (one,), (other,) = (json.loads(Path(f"{name}.json").read_text())["results"] for name in ("live", "again"))
    for before, after in zip(one["verdicts"], other["verdicts"], strict=True):
        assert after["clips"] == before["clips"] == len(NAMES)
        # Kept videos are compressed for browsers.
        assert after["value"] == pytest.approx(before["value"], abs=0.15)


def test_a_free_pose_is_compared_with_the_clips_of_its_table_whatever_is_in_the_store(
    folder: Path, clips: dict[str, Clip]
) -> None:
    """What was found beside fewer clips is no answer: whether it looks more like another one hangs on the others."""
    write_playable(folder / "out/wrong.mp4", posed_anew(clips["mara_1"].frames, 3), clips["zola_1"].audio)
    row = {"output": "out/wrong.mp4", "source": "clips/anna_1.mkv", "reference": "CR", "pose": "free"}

    def found(*others: str) -> Finding:
        more = [{**row, "output": f"out/bars_{name}.mp4", "source": f"clips/{name}.mkv"} for name in others]
        write_table(folder, [row, *more])
        finished = FinishedVideos("manifest.csv")
        evaluation = Evaluation(
            finished.over(None),
            Model(finished.name, finished),
            load_expert("embedded"),
            Plan(Protocol.DIRECT),
            Store(folder / "store"),
        )
        return look_over(evaluation, finished, lambda *told: None)[0]

    assert "does not look like clip 'clips/anna_1'" in found("omar_1").text
    assert "looks more like clip 'clips/mara_1'" in found("omar_1", "mara_1").text
