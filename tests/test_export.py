"""What is exported, made elsewhere and judged is what a live run of the same model gives, to the last digit."""

import csv
import json
import os
import platform
import shutil
import subprocess
import wave
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_lipleak.cli import NOT_JUDGED, USAGE, main
from pytest_lipleak.media.clipsets import EMBEDDED, open_clips
from pytest_lipleak.media.finished_tables import read_finished
from pytest_lipleak.media.video import write_video

MODEL = '''
import numpy as np


class Mix:
    """Moves a bar of the picture with the loudness, and leaks from reference and input."""

    fingerprint = "mix 1"

    def generate(self, frames, audio, reference):
        loud = np.abs(audio.reshape(len(frames), 640).astype(float)).mean(axis=1)
        mouths = reference if len(reference) == len(frames) else np.repeat(reference[:1], len(frames), axis=0)
        made, place = frames.copy(), np.s_[:, 40:54, 30:50]
        level = np.clip(loud / 20, 0, 120)[:, None, None, None]
        made[place] = (0.6 * mouths[place] + 0.2 * frames[place] + level / 4).astype(np.uint8)
        return made
'''
GATES = (
    "LSD-CR < 9",
    "LSE-C_XO@floor[AR] < 9",
    "LipCorr_S < 9",
    "REF_shift[PA,CR] < 9",
    "FRAME_shift[PA,CR] < 9",
    "FRAME_shift[AM,CR] < 9",
    "REF_swap[SI,CR] < 9",
    "REF_swap[PA,AR] < 9",
)
OPTIONS = ("--expert=embedded", "--seed=3", "--silence=noise")


@lru_cache(8)
def decoded(path: Path) -> np.ndarray:
    import av

    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def made_elsewhere(folder: Path, reference: str = "reference_video", setup: str = "") -> None:
    """Call the model for every row, by nothing but what stands in the folder; FFV1 is another codec than ours.

    ``reference``: the column that is taken for the reference; ``setup``: rows of this one alone.
    """
    import av

    names: dict[str, Any] = {}
    exec(MODEL, names)
    with (folder / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if setup not in ("", row["setup"]):
            continue
        with wave.open(str(folder / row["audio"])) as sound:
            audio = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
        made = names["Mix"]().generate(
            decoded(folder / row["video"]), audio, decoded(folder / row[reference])
        )
        path = (folder / row["output"]).with_suffix(".mkv")
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w") as container:
            stream: Any = container.add_stream("ffv1", rate=25)
            _, stream.height, stream.width, _ = made.shape
            stream.pix_fmt = "bgr0"
            for image in made:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode())


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import cv2

    folder = tmp_path_factory.mktemp("export") / "clips"
    embedded = open_clips(EMBEDDED)
    for name in ("anna_1", "anna_2", "mara_1"):
        speaker = folder / name.partition("_")[0]
        speaker.mkdir(parents=True, exist_ok=True)
        frames = [cv2.resize(each, (80, 80)) for each in embedded[name].frames[:70]]
        write_video(speaker / f"{name}.mkv", np.stack(frames), embedded[name].audio[: 70 * 640])
    return folder


@pytest.fixture(scope="module")
def exported(clips: Path) -> Path:
    folder = clips.parent / "todo"
    assert main(["export", str(folder), f"--clips={clips}", *OPTIONS]) == 0
    return folder


@pytest.fixture(scope="module")
def all_made(exported: Path) -> Path:
    """An export whose every output was made."""
    folder = exported.parent / "all made"
    shutil.copytree(exported, folder)
    made_elsewhere(folder)
    return folder


def result_of(*arguments: str, report: Path) -> dict[str, Any]:
    main(["evaluate", *arguments, *OPTIONS, "-q", f"--json={report}", *(f"--gate={gate}" for gate in GATES)])
    (result,) = json.loads(report.read_text())["results"]
    return dict(result)


def test_what_was_made_elsewhere_gives_the_numbers_of_the_live_run(
    clips: Path, all_made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mix.py").write_text(MODEL)
    live = result_of("--model=mix.py:Mix", f"--clips={clips}", report=tmp_path / "live.json")
    folder = tmp_path / "carried elsewhere"
    shutil.copytree(all_made, folder)
    finished = result_of(f"--model=videos:{folder}", report=tmp_path / "finished.json")
    assert {verdict["outcome"] for verdict in live["verdicts"]} == {"pass"}
    assert finished.keys() == live.keys()
    for part in finished.keys() - {"provenance", "costs"}:
        assert finished[part] == live[part], part
    told = {key for key, value in live["provenance"].items() if finished["provenance"][key] != value}
    assert told <= {"model", "fingerprint", "clips", "clips_sha256", "pairing_rule", "begun", "finished"}


def test_probes_that_were_made_from_another_column_pass_nothing(
    exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script that takes the source for the reference makes a probe's outputs once more: all of them read 0.00."""
    folder = tmp_path / "todo"
    shutil.copytree(exported, folder)
    made_elsewhere(folder, "source", "SI")
    gate = "--gate=REF_swap[SI,CR] < 0.3"
    assert main(["evaluate", f"--model=videos:{folder}", *OPTIONS, gate]) == NOT_JUDGED
    told = capsys.readouterr().out
    assert told.startswith("NOT JUDGED")
    assert "(in 1 of 1 clip, by 0 and 0 grey levels" in told
    assert "was the model given the column 'reference_video' of the table?" in told


def test_doctor_names_every_spoilt_video_of_a_probe(
    all_made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "todo"
    shutil.copytree(all_made, folder)
    rows = read_finished(str(folder)).rows
    spoilt = [row.output for row in rows if row.probe][::5]
    halved, short, early, other, gone, *_ = spoilt
    halved.write_bytes(halved.read_bytes()[: halved.stat().st_size // 2])
    write_video(short, decoded(short)[:20])
    write_video(early, decoded(early)[:40])
    write_video(other, decoded(folder / "sources" / "mara+mara_1.mkv"))
    gone.unlink()
    assert main(["doctor", f"--model=videos:{folder}", *OPTIONS]) == NOT_JUDGED
    told = capsys.readouterr().out
    assert f"NOT READY, to be fixed: 5 of {len(rows)} videos" in told
    wrong = [line for line in told.splitlines() if line.startswith("FIX")]
    assert len(wrong) == 5, "and none for another video's sake"
    for video in (halved, short, early, other, gone):
        assert any(f"{video.parent.name}/{video.stem}" in line for line in wrong), video


@pytest.mark.parametrize("reference", ["CR", "AR"])
@pytest.mark.parametrize("with_another", [True, False], ids=["", "made once"])
def test_a_model_that_draws_anew_passes_no_swap_of_a_picture_that_it_was_not_given(
    exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], reference: str, with_another: bool
) -> None:
    """Its outputs differ from each other in any case."""
    folder = tmp_path / "todo"
    shutil.copytree(exported, folder)
    draws = np.random.default_rng(0)
    with (folder / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["setup"], row["reference"]) == ("SI", reference)]
    for row in rows:
        if row["probe"] == "again" and not with_another:
            continue
        source = decoded(folder / row["source"])
        drawn = source.astype(np.int16) + draws.integers(-9, 10, source.shape)
        path = (folder / row["output"]).with_suffix(".mkv")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_video(path, np.uint8(drawn.clip(0, 255)))
    gate = f"--gate=REF_swap[SI,{reference}] < 0.3"
    assert main(["evaluate", f"--model=videos:{folder}", *OPTIONS, gate]) == NOT_JUDGED
    told = capsys.readouterr().out
    if with_another:
        assert "was the model given the column 'reference_video' of the table?" in told
    elif reference == "CR":
        assert "(in 1 of 1 clip, anna/anna_1 among them)" in told
    else:
        assert "no video: " in told


def test_an_export_goes_on_and_takes_no_other_choices(
    clips: Path, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = (exported / "manifest.csv").read_bytes()
    kept = exported / "sources" / "anna+anna_1.mkv"
    before = kept.stat().st_mtime_ns
    lost = exported / "audio" / "anna+anna_1_XM.wav"
    content = lost.read_bytes()
    lost.unlink()
    (exported / "manifest.csv").unlink()
    # Of a process that was killed, of one that is at work, and of one on another machine that shares the folder.
    gone, node = 2**22 + 1, platform.node()
    dead, alive, far = (
        exported / "sources" / f"tmp-{of}-{number}-x.mkv"
        for of, number in ((node, gone), (node, os.getpid()), (f"{node}2", gone))
    )
    for path in (dead, alive, far):
        path.touch()
    assert main(["evaluate", f"--model=videos:{exported}", *OPTIONS]) == USAGE
    assert "`lipleak export` was cut off before it had written everything" in capsys.readouterr().err
    assert main(["export", str(exported), f"--clips={clips}", *OPTIONS]) == 0
    assert "goes on with the export in" in capsys.readouterr().err
    assert (dead.exists(), alive.exists(), far.exists()) == (False, True, True)
    alive.unlink()
    far.unlink()
    assert ((exported / "manifest.csv").read_bytes(), lost.read_bytes()) == (table, content)
    assert kept.stat().st_mtime_ns == before
    assert main(["export", str(exported), f"--clips={clips}", *OPTIONS[:1], "--seed=4"]) == USAGE
    assert "other choices (seed, silence)" in capsys.readouterr().err
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["export", str(tmp_path), f"--clips={clips}", *OPTIONS]) == USAGE


def test_an_export_that_was_refused_before_it_wrote_anything_binds_nobody(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, listed = tmp_path / "todo", tmp_path / "clips.csv"
    names = [f"{clips}/{path.relative_to(clips)}" for path in sorted(clips.rglob("*.mkv"))]
    rows = [f"{name},{names[0]}" for name in names[1:]]
    listed.write_text("\n".join(["file,partner", *rows, f"{names[0]},nobody.mkv"]))
    asked = ["export", str(folder), f"--clips={listed}", *OPTIONS, "--no-probes"]
    assert main(asked) != 0
    assert "nobody" in capsys.readouterr().err
    listed.write_text("\n".join(["file,speaker", *(f"{name},{Path(name).parent.name}" for name in names)]))
    assert main(asked) == 0, capsys.readouterr().err


def test_the_loops_of_its_readme_run(exported: Path, tmp_path: Path) -> None:
    """With a program in the model's place that notes what it is given."""
    folder = tmp_path / "todo"
    shutil.copytree(exported, folder)
    program = tmp_path / "bin" / "python"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\n[ -e "$3" ] && [ -e "$5" ] && [ -e "$7" ] && echo "$3 $5 $7" > "$9"\n')
    program.chmod(0o755)
    text = (folder / "README.md").read_text()
    loop, array, joined = (text.split("```sh\n")[place].partition("```")[0] for place in (1, 2, 3))
    with (folder / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    path = f"{program.parent}:/usr/bin:/bin"
    subprocess.run(
        ["bash", "-c", array], cwd=folder, env={"PATH": path, "SLURM_ARRAY_TASK_ID": "2"}, check=True
    )
    assert [row["output"] for row in rows if (folder / row["output"]).exists()] == [rows[1]["output"]]
    subprocess.run(["bash", "-c", loop], cwd=tmp_path, env={"PATH": path}, check=True)
    for row in rows:
        assert (
            folder / row["output"]
        ).read_text() == f"{row['video']} {row['reference_video']} {row['audio']}\n"
    subprocess.run(["bash", "-c", joined], cwd=folder, env={"PATH": path}, check=True)
    both = read_finished(str(folder / "models.csv"))
    assert both.models == ("one", "two")
    for model, place in (("one", "outputs/"), ("two", "outputs_two/")):
        outputs = [row.output.relative_to(folder).as_posix() for row in both.of(model).rows]
        assert outputs == [row["output"].replace("outputs/", place) for row in rows]
