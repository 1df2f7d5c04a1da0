"""README to the letter: its command, test file and configuration, with a model that is good, one that leaks, one that
shows black.
"""

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from doc_blocks import ROOT, Block, blocks, commands
from inner_runs import INNER

from pytest_lipleak.media.clipsets import EMBEDDED, open_clips
from pytest_lipleak.media.video import write_video

pytestmark = pytest.mark.slow

MODELS = {
    "good": "demo()",
    "leaks": 'demo("leaky")',
    "black": "Black()",
}
MODULE = """
import numpy as np

from pytest_lipleak.generators.control_generators import demo


class Black:
    fingerprint = "black"

    def generate(self, frames, audio, reference):
        return np.zeros_like(frames)


def load(checkpoint="model.pth", device="cpu"):
    return {model}
"""
README = blocks(ROOT / "README.md")


def block_with(words: str) -> Block:
    (found,) = (block for block in README if words in block.code)
    return found


@pytest.fixture(scope="module")
def six_clips(make_once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """The first 4 s of six of the embedded clips, at half their size."""

    def write(folder: Path) -> None:
        embedded = open_clips(EMBEDDED)
        for name in ("anna_1", "anna_2", "mara_1", "mara_2", "omar_1", "omar_2"):
            # A folder for each speaker: ``demo`` drives them by their own other sentence.
            place = folder / "clips" / name.partition("_")[0]
            place.mkdir(parents=True, exist_ok=True)
            write_video(
                place / f"{name}.mkv", embedded[name].frames[:100, ::2, ::2], embedded[name].audio[:64000]
            )

    return make_once("six", write) / "clips"


def prepare(pytester: pytest.Pytester, model: str, clips: Path) -> None:
    package = pytester.path / "my_package"
    package.mkdir()
    (package / "lipsync.py").write_text(MODULE.format(model=MODELS[model]))
    for folder in ("clips", "tests/clips"):
        shutil.copytree(clips, pytester.path / folder)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("way", ["test", "configuration"])
def test_what_readme_says_judges_right(
    pytester: pytest.Pytester,
    six_clips: Path,
    common_store: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: str,
    way: str,
) -> None:
    prepare(pytester, model, six_clips)
    monkeypatch.setenv("LIPLEAK_STORE", str(common_store))
    (command,) = commands(block_with("--lipleak-model=my_package.lipsync:load").code)
    if way == "test":
        test = block_with("def test_leakage")
        named = re.match(r"# (\S+\.py)\n", test.code)
        assert named
        (pytester.path / named[1]).write_text(test.code)
    else:
        Path(pytester.path / "pyproject.toml").write_text(block_with("lipleak_gates").code)
        command = ["pytest"]
    assert command[0] == "pytest"
    pytester.syspathinsert()
    run = pytester.runpytest_inprocess(*INNER, *command[1:])
    text = run.stdout.str()
    assert run.ret == (0 if model == "good" else 1), f"{shlex.join(command)}\n{text}"
    assert {"good": "PASSED: ", "leaks": "FAILED: leaks", "black": "not follow the audio"}[model] in text
