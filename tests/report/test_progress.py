"""Progress: a line that is rewritten on a terminal, now and then a line elsewhere."""

import io
from typing import Any

import pytest

from pytest_lipleak.report import progress
from pytest_lipleak.report.progress import ProgressLine


class Config:
    """What the line needs of pytest's config."""

    def __init__(self, *, isatty: bool) -> None:
        self.out = io.StringIO()
        self.isatty = isatty
        self.fullwidth = 40
        self.pluginmanager = self

    def getplugin(self, name: str) -> Any:
        return self if name == "terminalreporter" else None

    def get_terminal_writer(self) -> Any:
        return self

    def ensure_newline(self) -> None:
        pass

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
    assert rewrites[0].startswith("lipleak: 0/3 takes: clip0")
    assert rewrites[1].startswith("lipleak: 1/3 takes, about 2 s left")
    assert all(len(line) <= 39 for line in rewrites), "a longer one would wrap and stay"
    assert rewrites[-2:] == [" " * 39, ""], "nothing is left behind"
    assert "\n" not in text


def test_in_a_log_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0, 5.0, 16.0, 20.0, 40.0, 60.0]
    lines = shown(isatty=False, clock=clock, monkeypatch=monkeypatch).splitlines()
    assert [line.split(":")[1].split()[0] for line in lines] == ["2/5", "4/5"]


def test_quick_work_says_nothing_in_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(isatty=False, clock=[0.0, 1.0, 2.0], monkeypatch=monkeypatch) == ""
