"""Folders of runs: those that were killed are removed after a while, those that are alive never."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_lipleak.settings import Settings
from pytest_lipleak.workbench import FORGOTTEN, Workbench

RUN = """
import sys, time
from pathlib import Path
from pytest_lipleak.settings import Settings
from pytest_lipleak.workbench import Workbench
bench = Workbench(Settings(model="demo", expert="embedded", device="cpu"), Path.cwd(), run=sys.argv[1])
bench.new_evaluation(bench.model)
print(bench.folder, flush=True)
time.sleep(120)
"""


def test_only_folders_of_dead_runs_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", RUN, name], stdout=subprocess.PIPE, text=True, env=environment
        )
        for name in ("killed", "alive", "young")
    ]
    try:
        folders = [Path(each.stdout.readline().strip()) for each in running if each.stdout]
        assert [folder.name for folder in folders] == [
            f"pytest-lipleak-{n}" for n in ("killed", "alive", "young")
        ]
        for index in (0, 2):
            running[index].kill()
            running[index].wait()
        long_ago = time.time() - FORGOTTEN - 60
        for folder in folders[:2]:
            os.utime(folder, (long_ago, long_ago))
        Workbench(Settings(model="demo", expert="embedded"), tmp_path).check()
        assert [folder.exists() for folder in folders] == [False, True, True]
    finally:
        for each in running:
            each.kill()
            each.communicate()


def test_a_run_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    bench = Workbench(Settings(model="demo", expert="embedded", device="cpu"), tmp_path)
    bench.new_evaluation(bench.model)
    assert list(bench.folder.iterdir())
    bench.close()
    assert not list(tmp_path.iterdir())
