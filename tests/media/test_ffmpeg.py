"""The JPEG step by the ffmpeg binary against JPEG files that the reference's command writes."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from encoding import encode, noisy, sine

from pytest_lipleak.core.errors import ConfigurationError, InputError
from pytest_lipleak.evaluation.one_video import score_file
from pytest_lipleak.media.ffmpeg_jpeg import FfmpegFile
from pytest_lipleak.media.timeline import Timeline, survey
from pytest_lipleak.media.tracks import Tracks

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs an ffmpeg binary on PATH")


@needs_ffmpeg
def test_pictures_are_those_of_the_reference_command(tmp_path: Path) -> None:
    import cv2

    video = encode(tmp_path / "a.mp4", noisy(40), codec="libx264")
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(video), "-threads", "1", "-f", "image2"]
    subprocess.run([*command, str(tmp_path / "%06d.jpg")], check=True, stdin=subprocess.DEVNULL)
    theirs = [cv2.imread(str(file))[..., ::-1] for file in sorted(tmp_path.glob("*.jpg"))]
    file = FfmpegFile(survey(video, sound=False), most=30)
    np.testing.assert_array_equal(np.stack(list(file)), np.stack(theirs[:30]))
    assert file.length == len(theirs) == 40
    assert file.notes[0].startswith("JPEG step by ffmpeg version")


@needs_ffmpeg
def test_what_ffmpeg_cannot_decode_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"not a video\n" * 100)
    with pytest.raises(InputError, match="ffmpeg cannot decode"):
        list(FfmpegFile(Timeline(path, None, Tracks(0, None, (), {}), 0.0, None, ())))


def test_without_the_binary_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigurationError, match="needs an ffmpeg binary"):
        FfmpegFile(Timeline(Path("a.mp4"), None, Tracks(0, None, (), {}), 0.0, None, ()))


@pytest.mark.parametrize(
    ("jpeg", "protocol", "what"), [("ffmpeg", "direct", "no JPEG step"), ("gimp", "lrs", "unknown JPEG step")]
)
def test_a_step_that_cannot_be_made_is_refused(tmp_path: Path, jpeg: str, protocol: str, what: str) -> None:
    video = encode(tmp_path / "a.mkv", noisy(30), sine(300, 1.2, 16_000))
    with pytest.raises(ConfigurationError, match=what):
        score_file(video, expert="embedded", protocol=protocol, jpeg=jpeg)
