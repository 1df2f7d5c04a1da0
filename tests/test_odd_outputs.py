"""Finished videos as people have them: other containers and rates are read rightly, and wrong files are refused."""

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pytest_lipleak.cli import GOOD, NOT_JUDGED, USAGE, main
from pytest_lipleak.media.clipsets import EMBEDDED, open_clips
from pytest_lipleak.media.video import write_playable, write_video

imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")

LENGTH = 60
X264 = "-c:v libx264 -crf 18 -pix_fmt yuv420p -preset veryfast"


def ffmpeg(*arguments: str | Path) -> None:
    words = [word for each in map(str, arguments) for word in ([each] if "/" in each else each.split())]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *words], check=True, timeout=60)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of two people, and what a model made of the first, driven by the second's speech."""
    folder = tmp_path_factory.mktemp("odd")
    embedded = open_clips(EMBEDDED)
    for name in ("anna_1", "omar_1"):
        clip = embedded[name]
        write_video(folder / f"{name}.mkv", clip.frames[:LENGTH], clip.audio[: LENGTH * 640])
    clip, other = embedded["anna_1"], embedded["omar_1"]
    made = clip.frames[:LENGTH].copy()
    made[:, 76:118, 46:114] = (140, 60, 60)
    write_playable(folder / "made.mp4", made, other.audio[: LENGTH * 640])
    return folder


def looked_over(folder: Path, capsys: pytest.CaptureFixture[str], **columns: str) -> tuple[int, str, str]:
    """Return the status of a look at one output, and what was found of it, in a word and in words."""
    row = {"output": "out.mp4", "source": "anna_1.mkv", "reference": "CR", **columns}
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        writer.writerow(row)
    capsys.readouterr()
    status = main(["doctor", f"--model=videos:{folder}", "--expert=embedded", "--protocol=direct", "--json"])
    told = capsys.readouterr()
    if status == USAGE:
        return status, "", told.err
    (finding,) = json.loads(told.out)["findings"]
    return status, finding["verdict"], finding["text"]


def _variable_rate(folder: Path, out: Path) -> None:
    # Every third picture stays away in the second half.
    ffmpeg(
        "-i",
        folder / "made.mp4",
        "-vf",
        "select='lt(n,30)+mod(n,3)'",
        "-fps_mode vfr",
        X264,
        "-c:a copy",
        out,
    )


def _twice_the_rate(folder: Path, out: Path) -> None:
    ffmpeg("-i", folder / "made.mp4", "-vf fps=50", X264, "-c:a copy", out)


def _turned_by_its_metadata(folder: Path, out: Path) -> None:
    ffmpeg("-i", folder / "made.mp4", "-vf transpose=clock", X264, "-c:a copy", folder / "turned.mp4")
    ffmpeg("-display_rotation 90", "-i", folder / "turned.mp4", "-c copy", out)


def _stereo(folder: Path, out: Path) -> None:
    ffmpeg("-i", folder / "made.mp4", "-c:v copy -ac 2 -ar 44100 -c:a aac", out)


def _one_silent_channel(folder: Path, out: Path) -> None:
    ffmpeg("-i", folder / "made.mp4", "-c:v copy -af", "pan=stereo|c0=c0|c1=0*c0", "-c:a aac", out)


def _a_cover_comes_first(folder: Path, out: Path) -> None:
    ffmpeg("-f lavfi -i color=red:s=64x64 -frames:v 1", folder / "cover.png")
    streams = "-map 0:v -map 1 -c copy -disposition:v:0 attached_pic"
    ffmpeg("-i", folder / "cover.png", "-i", folder / "made.mp4", streams, out)


def _bars(folder: Path, out: Path) -> None:
    ffmpeg("-i", folder / "made.mp4", "-vf pad=240:160:40:0", X264, "-c:a copy", out)


def _watermark(folder: Path, out: Path) -> None:
    mark = "drawbox=x=4:y=4:w=44:h=12:color=white:t=fill,drawbox=x=20:y=146:w=120:h=10:color=black:t=fill"
    ffmpeg("-i", folder / "made.mp4", "-vf", mark, X264, "-c:a copy", out)


def _cut_and_scaled(folder: Path, out: Path) -> None:
    ffmpeg("-i", folder / "made.mp4", "-vf crop=120:120:20:10,scale=256:256", X264, "-c:a copy", out)


@pytest.mark.parametrize(
    ("make", "ending", "note"),
    [
        (_variable_rate, ".mp4", ""),
        (_twice_the_rate, ".mp4", ""),
        (_turned_by_its_metadata, ".mp4", ""),
        (_stereo, ".mp4", ""),
        (_one_silent_channel, ".mp4", ""),
        (_a_cover_comes_first, ".mkv", ""),
        (_watermark, ".mp4", ""),
        (_cut_and_scaled, ".mp4", "cut out of the clip's 160 x 160"),
        (_twice_the_rate, ".mov", ""),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
def test_what_shows_the_right_video_is_taken(
    material: Path,
    tmp_path: Path,
    make: Callable[[Path, Path], None],
    ending: str,
    note: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make(material, material / f"{tmp_path.name}{ending}")
    status, verdict, text = looked_over(material, capsys, output=f"{tmp_path.name}{ending}")
    assert (status, verdict) == (GOOD, "look" if note else verdict), text
    assert note in text


@pytest.mark.parametrize(
    ("ending", "encoding"),
    [
        (".webm", "-c:v libvpx -deadline realtime -b:v 2M -c:a libvorbis"),
        (".gif", "-an"),
        (".avi", "-c:v mjpeg -q:v 3 -c:a pcm_s16le"),
    ],
)
def test_other_containers_are_read(
    material: Path, tmp_path: Path, ending: str, encoding: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ffmpeg("-i", material / "made.mp4", encoding, material / f"{tmp_path.name}{ending}")
    status, _, text = looked_over(
        material, capsys, output=f"{tmp_path.name}{ending}", setup="XM", audio="omar_1.mkv"
    )
    assert status == GOOD, text


def _black_bars_all_round(folder: Path, out: Path) -> None:
    ffmpeg("-i", folder / "made.mp4", "-vf scale=80:80,pad=160:160:40:40", X264, "-c:a copy", out)


def _the_driving_video(folder: Path, out: Path) -> None:
    ffmpeg("-i", folder / "omar_1.mkv", X264, "-c:a aac", out)


def _empty(folder: Path, out: Path) -> None:
    out.write_bytes(b"")


def _no_video(folder: Path, out: Path) -> None:
    out.write_bytes(b"<html>404 Not Found</html>")


def _half_the_speed(folder: Path, out: Path) -> None:
    ffmpeg("-i", folder / "made.mp4", "-vf setpts=2*PTS", X264, "-c:a copy", out)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_the_driving_video, "was not made from clip"),
        (_empty, "the video cannot be read: "),
        (_no_video, "the video cannot be read: "),
        (_half_the_speed, "was not made from clip"),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
def test_what_does_not_is_refused_by_name(
    material: Path,
    tmp_path: Path,
    make: Callable[[Path, Path], None],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make(material, material / f"{tmp_path.name}.mp4")
    status, verdict, text = looked_over(
        material, capsys, output=f"{tmp_path.name}.mp4", setup="XM", audio="omar_1.mkv"
    )
    assert (status, verdict) == (NOT_JUDGED, "fix")
    assert words in text
    assert tmp_path.name in text


@pytest.mark.parametrize("make", [_bars, _black_bars_all_round])
def test_black_bars_need_a_box(
    material: Path,
    tmp_path: Path,
    make: Callable[[Path, Path], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    make(material, material / f"{tmp_path.name}.mp4")
    name = f"{tmp_path.name}.mp4"
    status, _, text = looked_over(material, capsys, output=name)
    assert status == NOT_JUDGED
    assert name in text
    box = "40,0,160,160" if make is _bars else "40,40,80,80"
    status, _, text = looked_over(material, capsys, output=name, box=box)
    assert status == GOOD, text


def test_swapped_rows_are_refused_both(material: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = open_clips(EMBEDDED)["omar_1"]
    frames = np.asarray(clip.frames[:LENGTH]).copy()
    frames[:, 76:118, 46:114] = (140, 60, 60)
    write_playable(material / "made_of_omar.mp4", frames, clip.audio[: LENGTH * 640])
    rows = "output,source,setup,audio\nmade_of_omar.mp4,anna_1.mkv,AM,own\nmade.mp4,omar_1.mkv,AM,own\n"
    (material / "swapped.csv").write_text(rows)
    capsys.readouterr()
    arguments = [
        "doctor",
        f"--model=videos:{material / 'swapped.csv'}",
        "--expert=embedded",
        "--protocol=direct",
    ]
    assert main(arguments) == NOT_JUDGED
    out = capsys.readouterr().out
    assert "NOT READY, to be fixed: 2 of 2 videos" in out
    assert out.count("was not made from clip") == 2
    assert "does not say which reference" in out


def test_pictures_in_a_folder_are_no_video(material: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (material / "pictures").mkdir()
    ffmpeg("-i", material / "made.mp4", material / "pictures/%04d.png")
    rows = "output,source,clip,reference\npictures,anna_1.mkv,a,CR\nmade.mp4,anna_1.mkv,b,CR\n"
    (material / "manifest.csv").write_text(
        rows.replace("reference\n", "reference,setup,audio\n").replace("CR\n", "CR,XM,omar_1.mkv\n")
    )
    capsys.readouterr()
    assert (
        main(["doctor", f"--model=videos:{material}", "--expert=embedded", "--protocol=direct"]) == NOT_JUDGED
    )
    out = capsys.readouterr().out
    assert "NOT READY, to be fixed: 1 of 2 videos" in out
    assert "pictures is a folder; join its pictures to a video" in out


def test_a_row_without_source_is_a_mistake_of_the_table(
    material: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, words = looked_over(material, capsys, output="made.mp4", source="")
    assert status == USAGE
    assert "no column 'source'" in words
    (material / "manifest.csv").write_text("output,source\nmade.mp4,anna_1.mkv\nmade.mp4,\n")
    assert main(["doctor", f"--model=videos:{material}", "--expert=embedded"]) == USAGE
    assert "line 3: names neither a source nor a clip" in capsys.readouterr().err
