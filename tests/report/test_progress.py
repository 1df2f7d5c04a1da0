"""Progress: a line that is rewritten on a terminal, now and then a line elsewhere."""

import io
import threading
from pathlib import Path
from typing import Any

import pytest

from pytest_lipleak.report import progress
from pytest_lipleak.report.progress import (
    FileProgress,
    ProgressLine,
    StreamProgress,
    WorkersProgress,
    duration,
)


class Config:
    """What the line needs of pytest's config."""

    def __init__(self, *, isatty: bool) -> None:
        self.out = io.StringIO()
        self.isatty = isatty
        self.fullwidth = 40
        self.currentfspath: str | Path | int | None = None
        self.startpath = Path.cwd()
        self.pluginmanager = self

    def getplugin(self, name: str) -> Any:
        return self if name == "terminalreporter" else None

    def get_terminal_writer(self) -> Any:
        return self

    def ensure_newline(self) -> None:
        self.currentfspath = None

    def write(self, text: str) -> None:
        self.out.write(text)

    def rewrite(self, text: str, erase: bool = False) -> None:
        self.out.write("\r" + (text.ljust(self.fullwidth - 1) if erase else text))

    def write_line(self, text: str) -> None:
        self.out.write(text + "\n")

    def flush(self) -> None:
        pass


def shown(*, isatty: bool, clock: list[float], monkeypatch: pytest.MonkeyPatch) -> str:
    times = iter([0.0, *clock])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))
    config = Config(isatty=isatty)
    line = ProgressLine(config)  # type: ignore[arg-type]
    for done in range(len(clock) - 1):
        line(done, len(clock) - 1, f"clip{done} with a name that is far too long for this terminal")
    line(len(clock) - 1, len(clock) - 1, "")
    return config.out.getvalue()


def test_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(isatty=True, clock=[0.0, 1.0, 2.0, 3.0], monkeypatch=monkeypatch)
    rewrites = text.split("\r")[1:]
    assert rewrites[0].startswith("lipleak: 0/3 videos: clip0")
    assert rewrites[1].startswith("lipleak: 1/3 videos, about 2 s left")
    assert all(len(line) <= 39 for line in rewrites), "a longer one would wrap and stay"
    assert rewrites[-2:] == [" " * 39, ""], "nothing is left behind"
    assert "\n" not in text


@pytest.mark.parametrize(
    ("begun", "written"),
    [
        (Path.cwd() / "test_a.py", "test_a.py "),
        ("test_a.py::test_it ", "test_a.py::test_it "),
        (-2, ""),  # what pytest sets under -v after a result, as of the first of two subtests
        (None, ""),
    ],
)
def test_the_line_that_pytest_had_begun_is_begun_anew(begun: str | Path | int | None, written: str) -> None:
    config = Config(isatty=True)
    line = ProgressLine(config)  # type: ignore[arg-type]
    config.currentfspath = begun
    line(0, 1, "one")
    line(1, 1, "")
    config.out.truncate(0)
    config.out.seek(0)
    line.resume()
    assert config.out.getvalue() == written


def test_in_a_log_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0, 5.0, 16.0, 20.0, 40.0, 60.0]
    lines = shown(isatty=False, clock=clock, monkeypatch=monkeypatch).splitlines()
    assert [line.split(":")[1].split()[0] for line in lines] == ["2/5", "4/5"]


def test_quick_work_says_nothing_in_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(isatty=False, clock=[0.0, 1.0, 2.0], monkeypatch=monkeypatch) == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (99, "99 s"), (720, "12 min"), (5940, "99 min"), (12_000, "3 h 20 min")],
)
def test_durations_for_people(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_what_workers_tell_is_put_into_one_line(tmp_path: Path) -> None:
    told = tmp_path / "progress"
    workers = WorkersProgress(told, print)
    assert workers.line() == ""
    FileProgress(told / "gw1.txt")(3, 6, "clip2 [XM,CR]")
    first = FileProgress(told / "gw0.txt")
    first(0, 6, "clip0 (real clip)")
    line = workers.line()
    assert line.startswith("lipleak: gw0 0/6 videos: clip0 (real clip); gw1 3/6 videos, about ")
    assert line.endswith("left: clip2 [XM,CR]")
    first(6, 6, "")
    assert workers.line().startswith("lipleak: gw1 3/6")


def test_workers_are_watched_until_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY", 0.02)
    lines: list[str] = []
    seen = threading.Event()
    workers = WorkersProgress(tmp_path, lambda text: (lines.append(text), seen.set())[0])
    FileProgress(tmp_path / "gw0.txt")(1, 2, "one")
    workers.start()
    assert seen.wait(10)
    workers.stop()
    assert len(lines) == 1, "what has not changed is not said again"


def test_on_stderr_of_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    shown_there = StreamProgress(stream)
    shown_there(0, 2, "one")
    shown_there(2, 2, "")
    assert stream.getvalue().startswith("\rlipleak: 0/2 videos: one")
    assert stream.getvalue().endswith("\r"), "the line is cleared"
    log = io.StringIO()
    shown_there = StreamProgress(log)
    shown_there(0, 2, "one")
    assert log.getvalue() == "", "no line for work that takes a moment"
