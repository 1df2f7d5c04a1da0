"""Shipped data is found from a checkout, from an installed tree and from a zip archive."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import pytest_lipleak
from pytest_lipleak.core.errors import MissingDataError
from pytest_lipleak.machine.resources import resource, resource_path

PACKAGE = Path(pytest_lipleak.__file__).parent
LOOK = """
from pytest_lipleak.media.clipsets import open_clips
from pytest_lipleak.machine.resources import resource
clips = open_clips("embedded")
name = next(iter(clips))
print(len(clips), len(clips[name].frames), len(resource("expert/embedded.onnx").read_bytes()))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package laid out as a wheel lays it out."""
    site = tmp_path_factory.mktemp("site")
    shutil.copytree(PACKAGE, site / "pytest_lipleak", ignore=shutil.ignore_patterns("__pycache__", "data"))
    with resource_path("paper") as paper:
        shutil.copytree(paper.parent, site / "pytest_lipleak" / "data")
    return site


def look(where: Path) -> list[int]:
    code = f"import sys; sys.path.insert(0, {str(where)!r})\n{LOOK}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=where.parent, check=False
    )
    assert done.returncode == 0, done.stderr
    return [int(number) for number in done.stdout.split()]


def test_installed_and_zipped_packages_find_the_same_data(installed: Path, tmp_path: Path) -> None:
    archive = tmp_path / "package.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in sorted(installed.rglob("*")):
            zipped.write(path, path.relative_to(installed))
    here = len(resource("expert/embedded.onnx").read_bytes())
    clips, frames, weights = look(installed)
    assert clips >= 8
    assert frames >= 100
    assert weights == here
    assert look(archive) == [clips, frames, weights]


def test_missing_data_says_so() -> None:
    with pytest.raises(MissingDataError, match=r"'clips/nobody\.mkv' is missing from this installation"):
        resource("clips/nobody.mkv")
