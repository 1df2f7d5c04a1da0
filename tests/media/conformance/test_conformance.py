"""Every recipe through lipleak's reader: frames, length and sync as ffmpeg and the original have them, or a refusal."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("imageio_ffmpeg", reason="needs imageio-ffmpeg, of the extra 'test'")

from .ffmpeg_program import UnknownCodecError
from .measured import Made, make, measure
from .original import Original, make_original
from .page import PAGE, ROOT
from .recipes import RECIPES, Recipe

BY_NAME = {recipe.name: recipe for recipe in RECIPES}
READ = [recipe for recipe in RECIPES if recipe.refused is None]
REFUSED = [recipe for recipe in RECIPES if recipe.refused is not None]
MOST_MB = 100
"""Memory that a refusal may take beyond what the reader has taken before."""


def _id(recipe: Recipe) -> str:
    return recipe.name


class Kitchen:
    """Makes the files of recipes when they are asked for: the processes of a test run share the recipes."""

    def __init__(self, original: Original, folder: Path) -> None:
        self.original = original
        self._folder = folder
        self._made: dict[str, Made | UnknownCodecError] = {}

    def made(self, recipe: Recipe) -> Made:
        if recipe.name not in self._made:
            place = self._folder / str(len(self._made))
            place.mkdir()
            try:
                self._made[recipe.name] = make(recipe, self.original, place)
            except UnknownCodecError as error:
                self._made[recipe.name] = error
        found = self._made[recipe.name]
        if isinstance(found, UnknownCodecError):
            pytest.skip(f"this ffmpeg cannot write it: {found}")
        return found


@pytest.fixture(scope="session")
def kitchen(tmp_path_factory: pytest.TempPathFactory) -> Kitchen:
    folder = tmp_path_factory.mktemp("conformance")
    return Kitchen(make_original(ROOT / "fixtures/clips/anna_1.mkv", folder, start=0.5), folder)


@pytest.fixture(scope="session")
def real_kitchen(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Kitchen:
    folder = tmp_path_factory.mktemp("conformance")
    return Kitchen(make_original(shared / "clips" / "syncnet_example.avi", folder), folder)


@pytest.mark.parametrize("recipe", RECIPES, ids=_id)
def test_a_clip_is_read_as_players_show_it_or_refused_with_words(recipe: Recipe, kitchen: Kitchen) -> None:
    result = measure(kitchen.made(recipe), kitchen.original)
    assert not result.faults, "\n".join(result.faults)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES[::16], ids=_id)
def test_and_so_is_a_real_persons(recipe: Recipe, real_kitchen: Kitchen) -> None:
    result = measure(real_kitchen.made(recipe), real_kitchen.original)
    assert not result.faults, "\n".join(result.faults)


READ_IN_TURN = """
import json, pathlib, sys
from pytest_lipleak.core.errors import LipleakError
from pytest_lipleak.media.clipsets import open_clips

def peak():
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024

good, *others = sys.argv[1:]
list(open_clips(good).values())[0].frames
taken = {}
for path in others:
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before = peak()
    try:
        list(open_clips(path).values())[0].frames
    except LipleakError:
        taken[path] = peak() - before
print(json.dumps(taken))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_a_refusal_takes_no_memory(kitchen: Kitchen) -> None:
    made = {str(kitchen.made(recipe).path): recipe for recipe in REFUSED}
    command = [sys.executable, "-c", READ_IN_TURN, str(kitchen.original.path), *made]
    run = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert run.returncode == 0, run.stderr
    taken = json.loads(run.stdout)
    assert set(taken) == set(made), "every one of them is refused"
    assert {made[path].name: peak for path, peak in taken.items() if peak > MOST_MB} == {}


def test_names_of_recipes_are_unique_and_there_are_enough() -> None:
    assert len(BY_NAME) == len(RECIPES)
    assert len(READ) >= 60


def test_the_page_of_the_documentation_is_current() -> None:
    rows = [
        line.split(" | ")[0].strip("| ")
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ")
    ]
    named = [row for row in rows if row in BY_NAME]
    assert named == list(BY_NAME), f"write {PAGE.name} anew: python -m tests.media.conformance"
