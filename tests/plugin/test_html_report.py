"""--lipleak-html through whole runs: one page, whose pictures and videos are there."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from inner_pytest import Project

from pytest_lipleak.core.exit_status import NOT_JUDGED

pytest.importorskip("jinja2")

GATES = ("--lipleak-gate=LSE-C_S < 0.5", "--lipleak-gate=LSE-C[XM,AR] > 0")


def sources(page: Path) -> list[Path]:
    found = re.findall(r'(?:src|"video" href)="([^"]+)"', page.read_text())
    return [page.parent / unquote(address) for address in found]


def test_page_with_pictures_and_videos(project: Project, distribution: tuple[str, ...]) -> None:
    run = project.measure("Copy", *GATES, "--lipleak-html=out", "--lipleak-keep=kept", *distribution)
    assert run.code == 1
    assert run.lines("^written: ") == ["written: scores.json, out/index.html, kept/manifest.csv"]
    page = project.path / "out/index.html"
    assert re.search(r"<h1>Failed<", page.read_text())
    files = sources(page)
    assert all(path.is_file() for path in files)
    names = {path.name for path in files}
    for clip in ("clip0", "clip1", "clip2"):
        assert {f"{clip}-SI-CR.strip.webp", f"{clip}-SI-CR.peaks.webp", f"{clip}-XM-AR.mp4"} <= names
        assert f"{clip}-real.mp4" in names
    assert not list(project.path.glob("out/**/.*")), "nothing half-written is left"


def test_pictures_without_videos(project: Project) -> None:
    project.measure("Copy", GATES[0], "--lipleak-html=report.html")
    files = sources(project.path / "report.html")
    assert {path.suffix for path in files} == {".webp"}
    assert all(path.is_file() and path.parent.parent.name == "report_files" for path in files)


def test_a_run_that_ends_early_leaves_no_old_page(project: Project) -> None:
    project.measure("Copy", GATES[0], "--lipleak-html=out")
    first = sources(project.path / "out/index.html")
    assert first
    run = project.measure("Raises", GATES[0], "--lipleak-html=out")
    assert run.code == NOT_JUDGED
    page = (project.path / "out/index.html").read_text()
    assert ">not judged<" in page
    assert "Passed" not in page
    assert not [path for path in first if path.is_file()], "pictures of the earlier run are gone"


def test_a_missing_extra_is_said_before_anything_is_generated(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    run = project.measure("Copy", GATES[0], "--lipleak-html=out")
    assert run.code == 4
    assert run.lines(r"pip install 'pytest-lipleak\[html\]'")
