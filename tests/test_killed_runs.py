"""Commands that were killed go on where they stopped, and end with what a run in one go gives."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from pytest_lipleak.cli import USAGE, main
from pytest_lipleak.cli.calibrate import AT_WORK
from pytest_lipleak.machine.private_folders import STORE_MARK
from pytest_lipleak.media.clipsets import EMBEDDED, open_clips
from pytest_lipleak.media.video import write_video

CLIPS = 2
FRAMES = 60


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import cv2

    folder = tmp_path_factory.mktemp("killed") / "clips"
    folder.mkdir()
    embedded = open_clips(EMBEDDED)
    for name in list(embedded)[:CLIPS]:
        frames = [cv2.resize(each, (64, 64)) for each in embedded[name].frames[:FRAMES]]
        write_video(folder / f"{name}.mkv", np.stack(frames), embedded[name].audio[: FRAMES * 640])
    return folder


def killed_when(seen: Callable[[], bool], command: list[str]) -> None:
    """Run a command and kill it, without a word to it, as soon as something is seen of its work."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as work:
        until = time.monotonic() + 300
        while not seen():
            assert work.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < until
            time.sleep(0.02)
        work.send_signal(signal.SIGKILL)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_calibration_that_was_killed_goes_on(clips: Path, tmp_path: Path, python: Path) -> None:
    command = ["-m", "pytest_lipleak.cli", "calibrate", f"--clips={clips}", "--pairing=any"]
    command += ["--expert=embedded", "--protocol=direct"]
    output = f"--output={tmp_path / 'dose.json'}"
    part = tmp_path / "dose.json.part"

    def scores() -> int:
        return len(list(part.glob("**/score*"))) if part.is_dir() else 0

    killed_when(lambda: scores() >= 12, [sys.executable, *command, output])
    assert not (tmp_path / "dose.json").exists()
    warm = str(python) if sys.platform == "linux" else sys.executable
    ended = subprocess.run([warm, *command, output], check=True, capture_output=True, text=True)
    assert f"goes on with what {part} holds" in ended.stderr
    assert not part.exists()
    whole = subprocess.run(
        [warm, *command, f"--output={tmp_path / 'whole.json'}"], check=True, capture_output=True, text=True
    )
    assert "goes on" not in whole.stderr
    one, other = (json.loads((tmp_path / name).read_text()) for name in ("dose.json", "whole.json"))
    assert one == other


def test_a_second_calibration_of_one_file_is_refused(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first to end would remove what the other has measured."""
    output, part = tmp_path / "dose.json", tmp_path / "dose.json.part"
    command = ["calibrate", f"--clips={clips}", "--pairing=any", f"--output={output}"]
    part.mkdir(0o700)
    (part / STORE_MARK).touch()
    with FileLock(part / AT_WORK):
        assert main(command) == USAGE
    assert "another calibration is at work on it" in capsys.readouterr().err
    assert part.is_dir(), "of the first"
