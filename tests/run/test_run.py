"""Folders of runs: those that were killed are removed after a while, those that are alive never."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.core.remarks import hear
from pytest_lipleak.generators.shared import SharedGenerator, Slots
from pytest_lipleak.machine.private_folders import FORGOTTEN
from pytest_lipleak.pytest_plugin.session import LipleakSession
from pytest_lipleak.run.cluster import measure_on
from pytest_lipleak.run.process import Process
from pytest_lipleak.run.run import Run
from pytest_lipleak.settings.resolve import make_settings, read_settings

RUN = """
import os, sys, time
from pathlib import Path
from pytest_lipleak.settings.resolve import make_settings
from pytest_lipleak.run.process import Process
from pytest_lipleak.run.run import Run
settings = make_settings({"model": "demo", "expert": "embedded", "device": "cpu"}, Path.cwd(), {})
run = Run(settings, Process(sys.argv[1]))
run.new_evaluation(run.model)
print(run.folder, os.getpid(), flush=True)
time.sleep(120)
"""


def test_only_folders_of_dead_runs_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warm: None
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", RUN, name], stdout=subprocess.PIPE, text=True, env=environment
        )
        for name in ("killed", "alive", "young")
    ]
    try:
        begun = [each.stdout.readline().split() for each in running if each.stdout]
        folders = [Path(folder) for folder, _ in begun]
        assert [folder.name for folder in folders] == [
            f"pytest-lipleak-{n}" for n in ("killed", "alive", "young")
        ]
        for index in (0, 2):
            psutil.Process(int(begun[index][1])).kill()
            running[index].wait()
        long_ago = time.time() - FORGOTTEN - 60
        for path in (path for folder in folders[:2] for path in (folder, *folder.rglob("*"))):
            os.utime(path, (long_ago, long_ago))
        Run(make_settings({"model": "demo", "expert": "embedded"}, tmp_path, {})).check()
        assert [folder.exists() for folder in folders] == [False, True, True]
    finally:
        for each in running:
            each.kill()
            each.communicate()


def test_a_run_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run = Run(make_settings({"model": "demo", "expert": "embedded", "device": "cpu"}, tmp_path, {}))
    run.new_evaluation(run.model)
    assert list(run.folder.iterdir())
    run.close()
    assert not list(tmp_path.iterdir())


def test_a_controller_that_measures_elsewhere_does_not_keep_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    settings = make_settings(
        {"model": "demo", "expert": "embedded", "device": "cpu", "workers_per_gpu": 1}, tmp_path, {}
    )
    alone, controller = Run(settings), Run(settings, Process(shares_model=True))
    try:
        assert not isinstance(alone.model.generator, SharedGenerator)
        evaluation = controller.new_evaluation(controller.model)
        others = Slots(controller.folder, "cpu", 1)
        assert not others.take(), "it was loaded to be asked"
        with pytest.raises(ConfigurationError, match="unknown executor"):
            measure_on("ray", controller, evaluation, ())
        assert others.take()
    finally:
        controller.close()


def test_a_model_that_every_worker_holds_is_said_to_be(pytester: pytest.Pytester) -> None:
    class Own:
        def generate(self, frames: Any, audio: Any, reference: Any) -> Any:
            return frames

    class Around(Own):
        def __init__(self, model: Any) -> None:
            self.model = model

    config = pytester.parseconfig(
        "--lipleak-model=demo", "--lipleak-workers-per-gpu=1", "--lipleak-device=cpu"
    )
    said: list[str] = []
    hear(said.append)
    session = LipleakSession(config, read_settings(config))
    session.evaluation(Own(), "one process needs no slot")
    assert not said
    session = LipleakSession(config, read_settings(config))
    session.process = Process(shares_model=True)
    try:
        session.evaluation(Own(), "own")
        (note,) = said
        assert note.startswith("--lipleak-workers-per-gpu does not count for Own")
        session.evaluation(Around(session.run.model.generator), "around")
        session.evaluation(session.run.model)
        assert said == [note]
    finally:
        session.run.named_model.let_go()
        session.close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pairs": "pairs.txt"}, "--lipleak-partners draws partners, and .*pairs.txt names them"),
        ({"sequential": True}, "--lipleak-sequential looks at clips one by one"),
    ],
)
def test_several_partners_are_refused_where_others_name_them(
    tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    (tmp_path / "pairs.txt").write_text("anna_2 anna_1\n")
    given = {"model": "demo", "expert": "embedded", "partners": 2, **options}
    run = Run(make_settings(given, tmp_path, {}))
    try:
        with pytest.raises(ConfigurationError, match=words):
            run.check()
    finally:
        run.close()
