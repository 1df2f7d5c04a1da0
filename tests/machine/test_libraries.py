"""Compiled libraries: a slim machine is enough, and one that does not load is named with what helps."""

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest

from pytest_lipleak.machine.libraries import OPENCV, OPENCV_BUILDS, load_failure, opencv_warning, version_of

DESKTOP = (
    "libX11",
    "libxcb",
    "libGL.",
    "libGLX",
    "libSM",
    "libICE",
    "libgthread",
    "libglib",
    "libQt",
    "libgtk",
)


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )


def test_the_build_for_machines_without_a_desktop_is_what_is_installed() -> None:
    wanted = [line for line in requires("pytest-lipleak") or () if "extra ==" not in line]
    assert [line for line in wanted if "opencv" in line] == ["opencv-python-headless>=4.9"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_every_measurement_loads_needs_no_library_of_a_desktop() -> None:
    done = run(
        "-c",
        "from pytest_lipleak.machine.libraries import check_libraries as c; c(); print(open('/proc/self/maps').read())",
    )
    loaded = {line.split()[-1] for line in done.stdout.splitlines() if ".so" in line}
    assert any("cv2" in path for path in loaded), done.stderr
    site = str(Path(sys.prefix))
    assert [
        path for path in loaded if not path.startswith(site) and any(name in path for name in DESKTOP)
    ] == []


@pytest.fixture(params=["cv2", "av", "onnxruntime"])
def broken(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """A library that does not load, as dlopen says it, and the folder that stands before the real one."""
    (tmp_path / request.param).mkdir()
    (tmp_path / request.param / "__init__.py").write_text(
        "raise ImportError('libxcb.so.1: cannot open shared object file: No such file or directory', name=__name__)"
    )
    return request.param, str(tmp_path)


def test_one_that_does_not_load_is_named_with_what_helps(broken: tuple[str, str], tmp_path: Path) -> None:
    name, folder = broken
    done = run(
        "-m", "pytest", "--lipleak-model=demo", str(tmp_path), "-p", "no:cacheprovider", PYTHONPATH=folder
    )
    assert done.returncode == 4, done.stdout + done.stderr
    why = "libxcb.so.1: cannot open shared object file: No such file or directory"
    assert f"ERROR: {name} cannot be loaded ({why}); what helps:" in done.stderr
    assert "pip install --force-reinstall" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_lipleak_says_so_too(broken: tuple[str, str]) -> None:
    name, folder = broken
    done = run("-m", "pytest_lipleak.cli", "evaluate", "--model", "demo", PYTHONPATH=folder)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"lipleak: {name} cannot be loaded (libxcb.so.1")
    assert "Traceback" not in done.stderr


def test_another_import_that_fails_is_not_ours() -> None:
    assert load_failure(ImportError("no", name="flash_attn")) == ""
    assert load_failure(ImportError("no")) == ""
    assert "headless" in load_failure(ImportError("no", name="cv2.cv2"))


@pytest.mark.parametrize("build", OPENCV_BUILDS)
def test_any_build_of_opencv_will_do(build: str, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, {build: "4.12.0"})
    assert version_of(OPENCV) == "4.12.0"
    assert opencv_warning() == ""


def test_two_builds_are_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, {"opencv-python": "4.12.0", "opencv-python-headless": "5.0.0"})
    assert version_of(OPENCV) == "5.0.0 + 4.12.0", "which one made a picture cannot be known"
    assert opencv_warning().startswith(
        "opencv-python-headless 5.0.0 and opencv-python 4.12.0 overwrite each other's cv2"
    )


def installed(monkeypatch: pytest.MonkeyPatch, versions: dict[str, str]) -> None:
    def version(name: str) -> str:
        if name not in versions:
            raise PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr("importlib.metadata.version", version)
