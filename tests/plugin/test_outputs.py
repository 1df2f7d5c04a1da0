"""Outputs that cannot be written: refused before anything is measured; lost at the end, they cost no verdict."""

import errno
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from inner_pytest import Project

from pytest_lipleak.cli import NOT_JUDGED, USAGE, main
from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.evaluation.results.dose_curves import read_curve, table_lines
from pytest_lipleak.machine.resources import resource
from pytest_lipleak.machine.written_files import check_writable, forget_file, write_text
from pytest_lipleak.run.report_files import Reports
from pytest_lipleak.settings.resolve import make_settings

PROC = pytest.mark.skipif(not Path("/proc/self").exists(), reason="a folder that not even root can write to")
REFUSED = [
    pytest.param("html", "/proc/nope", "cannot be written", marks=PROC),
    pytest.param("json", "/proc/nope/x.json", "cannot be written", marks=PROC),
    pytest.param("save-baseline", "/proc/nope/x.json", "cannot be written", marks=PROC),
    pytest.param("keep", "/proc/nope", "cannot be written", marks=PROC),
    ("json", "folder", "folder: is a folder; name a file"),
    ("save-baseline", "folder", "folder: is a folder; name a file"),
    ("html", "old.json", "old.json: is a file; name a folder, or a file ending in .html"),
    ("html", "folder.html", "folder.html: is a folder; name a file"),
    ("keep", "old.json", "old.json: is a file; name a folder"),
    ("html", "old.json/x", "old.json is a file, not a folder"),
    ("json", "old.json/x.json", "old.json is a file, not a folder"),
    ("save-baseline", "old.json/deep/x.json", "old.json is a file, not a folder"),
    ("json", f"{'x' * 300}.json", "cannot be a path (File name too long)"),
]
"""Option, path, words."""


@pytest.fixture
def folder(project: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project.path)
    Path("folder").mkdir()
    Path("folder.html").mkdir()
    Path("old.json").write_text("an old report")
    Path("report.html").write_text("another")
    return project.path


def files(folder: Path) -> set[str]:
    left = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if "__pycache__" not in path.parts
    }
    return {name for name in left if not name.startswith((".pytest_cache", "temporary"))}


@pytest.mark.parametrize(("option", "path", "words"), REFUSED)
def test_refused_by_the_plugin(project: Project, folder: Path, option: str, path: str, words: str) -> None:
    before = files(folder)
    other = "--lipleak-html=report.html" if option != "html" else "--lipleak-json=old.json"
    run = project.run("--lipleak-model=demo", other, f"--lipleak-{option}={path}")
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert len(run.lines("ERROR")) == 1
    assert re.search(rf"--lipleak-{option}[ :]", run.text)
    assert words in run.text
    assert "Traceback" not in run.text
    assert files(folder) == before
    assert Path("old.json").read_text() == "an old report", "refused, a run leaves earlier reports"


@pytest.mark.parametrize(("option", "path", "words"), REFUSED)
def test_refused_on_the_command_line(
    folder: Path, option: str, path: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(folder)
    assert main(["evaluate", "--model=demo", f"--{option}={path}"]) == USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert re.match(rf"lipleak: --{option}[ :]", err)
    assert words in err
    assert len(err.splitlines()) == 1
    assert files(folder) == before


@pytest.mark.slow
def test_said_once_under_xdist(project: Project, folder: Path) -> None:
    run = project.run("-n2", "--lipleak-model=demo", "--lipleak-json=folder")
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert len(run.lines("ERROR")) == 1
    assert run.lines("--lipleak-json .*folder: is a folder; name a file")
    assert not run.lines("(?<!popen-)gw0|crash|INTERNAL")


def test_a_run_that_measures_nothing_leaves_nothing(project: Project, folder: Path) -> None:
    before = files(folder)
    outputs = [f"--lipleak-{name}=new/{name}" for name in ("json", "html", "save-baseline", "keep")]
    run = project.run("--lipleak-model=demo", "--collect-only", *outputs)
    assert run.code == pytest.ExitCode.OK, run.text
    assert files(folder) == before


def test_an_ini_file_does_not_stop_what_is_not_ours(project: Project, folder: Path) -> None:
    project.ini("lipleak_json = folder")
    project.write(test_it="def test_it(): pass")
    assert project.run().code == pytest.ExitCode.OK
    run = project.run("--lipleak-model=demo")
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert run.lines("ini key lipleak_json .*folder: is a folder; name a file")
    assert project.run("--lipleak-json=folder").code == pytest.ExitCode.USAGE_ERROR


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full when the end of the run has come."""

    def replace(path: Path, target: Path) -> Path:
        if path.name.startswith(".lipleak-"):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        shutil.move(path, target)
        return target

    monkeypatch.setattr(Path, "replace", replace)


LOST = ("JSON report .*report.json", "HTML report .*page", "baseline .*base.json")
OUTPUTS = {"json": "report.json", "html": "page", "save-baseline": "base.json"}


@pytest.mark.usefixtures("full")
def test_a_full_disk_at_the_end_costs_no_verdict(
    project: Project, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [f"--lipleak-{name}={path}" for name, path in OUTPUTS.items()]
    run = project.measure("Copy", "--lipleak-gate=LSE-C_S < 50", *given)
    assert run.counts["passed"] == 1
    assert run.code == NOT_JUDGED
    table = [
        number for number, line in enumerate(run.text.splitlines()) if line.startswith("PASSED: 1 limit")
    ]
    assert len(table) == 1
    for words in LOST:
        (said,) = run.lines(words)
        assert said.endswith("is not written: No space left on device; free some space or name another place")
        assert run.text.splitlines().index(said) > table[0], "the verdict comes first"
    assert not run.lines("Traceback|INTERNAL")

    capsys.readouterr()
    chosen = [
        "--model=models.py:Copy",
        f"--clips={project.clips}",
        "--expert=embedded",
        "--gate=LSE-C_S < 50",
    ]
    assert main(["evaluate", *chosen, *(f"--{name}={path}" for name, path in OUTPUTS.items())]) == NOT_JUDGED
    out, err = capsys.readouterr()
    assert out.startswith("PASSED: 1 limit kept")
    assert err.count("is not written: No space left on device") == 3
    assert not [name for name in files(folder) if Path(name).name.startswith(".lipleak-")]
    assert not (files(folder) & {"report.json", "page/index.html", "base.json"})


def test_pictures_that_cannot_be_written_are_said_and_no_score_is_lost(
    project: Project, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_bytes = Path.write_bytes

    def full_beside_the_page(path: Path, data: bytes) -> int:
        if "report_files" in path.parts:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write_bytes(path, data)

    monkeypatch.setattr(Path, "write_bytes", full_beside_the_page)
    run = project.measure("Copy", "--lipleak-gate=LSE-C_S < 50", "--lipleak-html=page")
    assert run.counts == {"failed": 1}
    assert run.lines(
        r"picture for the HTML report .*: cannot be written \(No space left on device\); free some"
    )
    assert not run.lines("Traceback|OSError")
    assert run.json["verdict"] == "not judged"
    assert len(run.json["results"][0]["trials"]) == 3, "the real clips are scored all the same"

    capsys.readouterr()
    chosen = [
        "--model=models.py:Copy",
        f"--clips={project.clips}",
        "--expert=embedded",
        "--gate=LSE-C_S < 50",
    ]
    assert main(["evaluate", *chosen, "--html=page"]) == NOT_JUDGED
    assert "with --html, or leave it out" in capsys.readouterr().out


ELSEWHERE = (
    ("report", "nowhere.json", "--output"),
    ("report", "nowhere.json", "--format=html", "--output"),
    ("merge", "nowhere.json", "--json"),
    ("calibrate", "--clips=nowhere", "--output"),
)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        pytest.param("/proc/nope/x", "cannot be written", marks=PROC),
        ("old.json/x", "old.json is a file, not a folder"),
        ("folder.html", "is a folder; name a file"),
    ],
)
@pytest.mark.parametrize("command", ELSEWHERE, ids=" ".join)
def test_other_commands_refuse_before_they_read(
    folder: Path, command: tuple[str, ...], path: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(folder)
    assert main([*command[:-1], f"{command[-1]}={path}"]) == USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"lipleak: {command[-1]} {path}: ")
    assert words in err
    assert files(folder) == before


def test_other_commands_tell_what_they_cannot_write(
    project: Project, folder: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    part = project.measure("Copy", "--lipleak-gate=LSE-C_S < 50", "--lipleak-shard=1/1").json_file
    curve = read_curve(resource("dose/embedded.json"))
    capsys.readouterr()
    request.getfixturevalue("full")
    request.getfixturevalue("monkeypatch").setattr(
        "pytest_lipleak.evaluation.results.dose_curves.calibrated", lambda _: curve
    )
    for command, shown in {
        ("merge", str(part), "--json=old.json"): "PASSED: 1 limit kept",
        ("report", str(part), "--output=old.json"): "models.py:Copy",
        ("report", str(part), "--format=html", "--output=page"): "",
        ("calibrate", "--output=old.json"): table_lines(curve)[0],
    }.items():
        assert main(command) == NOT_JUDGED
        out, err = capsys.readouterr()
        assert shown in out, err
        assert err.endswith(
            "is not written: No space left on device; free some space or name another place\n"
        )
        assert len(err.splitlines()) == 1
    assert Path("old.json").read_text() == "an old report"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_device_takes_the_text_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    check_writable(pipe, "--json")
    with ThreadPoolExecutor() as pool:
        read = pool.submit(pipe.read_text)
        write_text(pipe, "scores")
        assert read.result() == "scores"
    forget_file(pipe)
    assert pipe.is_fifo()
    with pytest.raises(ConfigurationError, match="is no place to write to; name a folder"):
        check_writable(pipe, "--keep", "folder")


def test_a_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "link.json"
    link.symlink_to("elsewhere/base.json")
    check_writable(link, "--save-baseline")
    write_text(link, "scores")
    assert link.is_symlink()
    assert (tmp_path / "elsewhere/base.json").read_text() == "scores"


def test_an_earlier_report_that_cannot_be_removed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unlink(path: Path, *, missing_ok: bool = False) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", str(path))

    monkeypatch.setattr(Path, "unlink", unlink)
    reports = Reports(make_settings({"model": "demo", "json": "old.json"}, tmp_path, {}))
    with pytest.raises(ConfigurationError, match=r"old.json, cannot be removed .Operation not permitted."):
        reports.forget()
