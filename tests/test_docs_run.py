"""The console blocks of README and docs are run, command by command, as their reader would.

Every page has a folder of its own with what its reader has: a model, clips, files that the page speaks of. Blocks are
gone through in their order: files that are shown (``# test_leakage.py``) are written, settings become the folder's
pyproject.toml, and what commands write is there for those behind them.
"""

import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from doc_blocks import PAGES, ROOT, Block, blocks, commands, printed
from github_runner import run_action, run_step
from inner_runs import INNER

from pytest_lipleak.cli import main

pytestmark = pytest.mark.slow

CANNOT_RUN: Mapping[str, str] = {
    "python -m venv .venv": "makes an environment: .ci/run does, before these tests",
    ".venv/bin/pip install": "needs a package index: .ci/run installs by the same words",
    "pip install": "needs a package index, on which the package is not while it is tested",
    ".venv/bin/pytest": "these very tests",
    "pytest --lipleak-model=wav2lip ": "needs a clone of Wav2Lip and its weights; tests/generators/systems",
    "pytest --lipleak-model=wav2lip.onnx": "needs CUDA; tests/generators/test_onnx_model.py",
    "pytest examples/tiny_lipsync": "takes torch and minutes; tests/test_tiny_lipsync.py runs its parts",
    "python examples/tiny_lipsync/experiment.py": "needs trained networks, and clips that nobody may hand on",
    "lipleak calibrate --clips WORK/sets/grid-report/manifest.csv": "clips that nobody may hand on",
    "pytest @gates.txt --lipleak-model=research.": "gates and clips of the line before",
    "lipleak calibrate --clips grid.csv": "clips that nobody may hand on; tests/evaluation/test_dose_curves.py",
    "lipleak evaluate --model videos:": "the reader's own videos; tests/test_finished_evaluate.py",
    "lipleak evaluate --clips clips/ --model videos:": "likewise",
    "lipleak export todo": "a folder that nobody fills; tests/test_export.py",
    "python -m research.": "takes hours, or clips that nobody may hand on",
}
"""How the commands begin that no test can run, and why; the most special beginning counts."""

RUNS: Mapping[str, str] = {".venv/bin/pytest examples": "with the pytest that runs here"}
"""Exceptions from these."""

LEAKS: Mapping[str, str] = {
    "pytest --lipleak-model=my_lipsync.py:MyModel": "as the page says, it returns its input",
    "pytest --lipleak-model=my_package.whole_frames:load": "the network that stands in mixes half the reference in",
    "pytest --lipleak-model=cmd: python inference.py": "the program that stands in returns its input",
}
"""How the commands begin that must end with exit status 1, and why; all others with 0."""

NOT_JUDGED: Mapping[str, str] = {
    "lipleak doctor --model my_package/lipsync.py:load": "as the page shows, something is to be fixed",
}
"""Likewise with exit status 3."""

BEFORE: Mapping[str, tuple[str, ...]] = {
    "command-line.md": (
        "lipleak evaluate --model my_package.lipsync:load --clips clips --measure --gate none --save-baseline "
        "baseline.json",
    ),
    "reports.md": (
        "lipleak evaluate --model my_package.lipsync:load --clips clips --measure --gate none --json report.json "
        "--html report",
        "lipleak evaluate --model my_package.lipsync:load --clips clips --measure --gate none -q --json ours.json",
        "lipleak evaluate --model demo:leaky --clips clips --measure --gate none -q --json theirs.json",
    ),
}
"""Commands that made what the reader of a page has."""

SHOWN: Mapping[str, tuple[tuple[str, int], ...]] = {
    "README.md": (
        ("", 0),  # the command just above
        ("pytest examples/quickstart --lipleak-model demo:leaky", 1),
    ),
    # The page's conftest.py has a model of its own.
    "tests.md": (
        (
            "pytest --noconftest test_leakage.py --lipleak-model=demo:leaky --lipleak-clips=embedded "
            "--lipleak-expert=embedded -k other_speech_leaves_nothing_of_the_clips_own[CR]",
            1,
        ),
    ),
}
"""For the blocks of text on a page, what printed them, and its exit status."""

MODEL = '''
from pytest_lipleak.generators.control_generators import demo


def load(checkpoint="model.pth", device="cpu"):
    """Stands for the reader's own model: lips that were really filmed with the driving audio."""
    return demo()
'''

FAILS_ON_SILENCE = """
from pytest_lipleak.generators.control_generators import demo


class FailsOnSilence(type(demo())):
    def generate(self, frames, audio, reference):
        if not audio.any():
            raise ValueError("Mel contains nan")
        return super().generate(frames, audio, reference)


def load(checkpoint="model.pth", device="cpu"):
    return FailsOnSilence(0.0)
"""

PROGRAM = """
import argparse
import shutil

parser = argparse.ArgumentParser()
for flag in ("--face", "--audio", "--outfile"):
    parser.add_argument(flag, required=True)
given = parser.parse_args()
shutil.copyfile(given.face, given.outfile)
"""


@dataclass(frozen=True)
class Reader:
    """Somebody in a folder, with a shell.

    Args:
        pytester: runs pytest in the folder.
        capsys: what ``lipleak`` prints.
        monkeypatch: sets the environment.
    """

    pytester: pytest.Pytester
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def run(self, words: list[str]) -> tuple[int, str]:
        """Run one command; return its exit status and what it printed."""
        program, *arguments = words
        if Path(program).name == "pytest":
            result = self.pytester.runpytest_inprocess(*INNER, *arguments)
            return int(result.ret), "\n".join([*result.outlines, *result.errlines])
        assert program == "lipleak", f"what is {program}?"
        self.capsys.readouterr()
        # A process of its own would import the model anew.
        before = set(sys.modules)
        try:
            status = main(arguments)
        except SystemExit as ended:
            status = int(ended.code or 0)
        for name in set(sys.modules) - before:
            if name.partition(".")[0] == "my_package":
                del sys.modules[name]
        return status, "\n".join(self.capsys.readouterr())


@pytest.fixture
def reader(
    pytester: pytest.Pytester,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    own_clips: Path,
    common_store: Path,
    warm: None,
) -> Iterator[Reader]:
    here = pytester.path
    (here / "my_package").mkdir()
    (here / "my_package" / "__init__.py").touch()
    (here / "my_package" / "lipsync.py").write_text(MODEL)
    for folder in ("clips", "tests/clips"):
        shutil.copytree(own_clips, here / folder)
    monkeypatch.setenv("LIPLEAK_STORE", str(common_store))
    monkeypatch.setattr(sys, "path", [*sys.path, str(here)])
    return Reader(pytester, capsys, monkeypatch)


def prepared_for_adapters(reader: Reader) -> None:
    """A model that fails on silence, a network, and a program with an environment of its own."""
    from test_adapter_docs import NETWORK

    package, home = reader.pytester.path / "my_package", reader.pytester.path / "home"
    (package / "lipsync.py").write_text(FAILS_ON_SILENCE)
    (package / "network.py").write_text(NETWORK)
    (reader.pytester.path / "model.pth").write_text("weights")
    (home / "Wav2Lip").mkdir(parents=True)
    (home / "Wav2Lip" / "inference.py").write_text(PROGRAM)
    python = home / "miniconda3/envs/wav2lip/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    reader.monkeypatch.setenv("HOME", str(home))


def prepared_for_readme(reader: Reader) -> None:
    """The checkout's example."""
    shutil.copytree(
        ROOT / "examples" / "quickstart", reader.pytester.path / "examples" / "quickstart",
        ignore=shutil.ignore_patterns("__pycache__"),
    )  # fmt: skip


PREPARE: Mapping[str, Callable[[Reader], None]] = {
    "README.md": prepared_for_readme,
    "adapters.md": prepared_for_adapters,
}

RUNNABLE = [page for page in PAGES if any(block.language in ("console", "toml") for block in blocks(page))]


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.name)
def test_console(page: Path, reader: Reader) -> None:
    PREPARE.get(page.name, lambda reader: None)(reader)
    if page.name == "README.md":
        # What it prints is of the twelve embedded clips, which no other page's commands need in the store.
        reader.monkeypatch.delenv("LIPLEAK_STORE")
    else:
        # The reader's clips instead of those: the same way through the code, in less time.
        reader.monkeypatch.setenv("LIPLEAK_CLIPS", str(reader.pytester.path / "clips"))
    texts, last = iter(SHOWN.get(page.name, ())), ""
    for command in BEFORE.get(page.name, ()):
        status, told = reader.run(shlex.split(command))
        assert status == 0, f"{command}\n{told}"
    for block in blocks(page):
        if block.language == "python":
            write(block, reader.pytester.path)
        if block.language == "toml" and "[tool.pytest.ini_options]" in block.code:
            (reader.pytester.path / "pyproject.toml").write_text(block.code)
            check(["pytest"], reader, block)
        if block.language == "console":
            expected = printed(block.code)
            with pytest.MonkeyPatch.context() as patch:
                if expected:  # of the embedded clips
                    patch.delenv("LIPLEAK_CLIPS", raising=False)
                shown = [check(words, reader, block) for words in commands(block.code) if can_run(words)]
            last = shown[-1] if shown else last
            if expected:
                assert_shown(expected, "\n".join(shown), block)
        if block.language == "text" and (made := next(texts, None)):
            command, status = made
            printed_now = check(shlex.split(command), reader, block, status) if command else last
            assert_shown(block.code.splitlines(), printed_now, block)


def check(words: list[str], reader: Reader, block: Block, expected: int | None = None) -> str:
    if expected is None:
        expected = status_of(" ".join(words))
    status, shown = reader.run(words)
    assert status == expected, f"{block}: {' '.join(words)}: exit status {status}, not {expected}\n{shown}"
    return shown


def status_of(line: str) -> int:
    """The exit status that a page promises for a command."""
    ends = ((1, LEAKS), (3, NOT_JUDGED))
    return next((status for status, table in ends if any(map(line.startswith, table))), 0)


def can_run(words: list[str]) -> bool:
    line = f"{' '.join(words)} "
    return any(map(line.startswith, RUNS)) or not any(map(line.startswith, CANNOT_RUN))


def write(block: Block, folder: Path) -> None:
    """Write a file that a page shows, unless it stands for one that the reader has."""
    named = re.match(r"# (\S+\.py)\n", block.code)
    if named:
        # Who writes code has left the checkout of this project, with its example.
        shutil.rmtree(folder / "examples", ignore_errors=True)
    if named and not (folder / named[1]).exists():
        (folder / named[1]).write_text(block.code)


def assert_shown(expected: list[str], shown: str, block: Block) -> None:
    """The lines are there in their order: words as they stand, numbers nearly, three dots for anything."""
    lines = iter(shown.splitlines())
    for wanted in filter(str.strip, expected):
        if wanted.strip() != "...":
            assert any(alike(wanted, line) for line in lines), f"{block}: not shown: {wanted}\n{shown}"


def alike(wanted: str, line: str) -> bool:
    """Same words and numbers, those with decimals, which are scores, to a twentieth; other than those of time."""
    if wanted.startswith("time: "):
        # A step that took less than a second is not named: which ones depends on the machine.
        return line.startswith("time: ")
    parts = re.split(r"(\.\.\.|\d+(?:\.\d+)?|\s+)", wanted.rstrip())
    number = r"(\d+(?:\.\d+)?)"
    pattern = "".join(
        ".*"
        if part == "..."
        else r"\s+"
        if part.isspace()
        else number
        if part[:1].isdigit()
        else re.escape(part)
        for part in parts
    )
    found = re.fullmatch(pattern, line.rstrip())
    if found is None or wanted.rstrip().endswith(" s"):
        return found is not None
    numbers = [part for part in parts if part[:1].isdigit()]
    return all(
        abs(float(number) - float(other)) <= (0.05 if "." in number else 0)
        for number, other in zip(numbers, found.groups(), strict=True)
    )


@pytest.mark.parametrize(
    "block", [b for page in PAGES for b in blocks(page) if b.language == "yaml"], ids=str
)
def test_workflow(block: Block, own_clips: Path, common_store: Path, tmp_path: Path, warm: None) -> None:
    yaml = pytest.importorskip("yaml")
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package" / "lipsync.py").write_text(MODEL)
    judged = 0
    for job in yaml.safe_load(block.code)["jobs"].values():
        for step in job["steps"]:
            if "pytest-lipleak@" in step.get("uses", ""):
                here = {"clips": str(own_clips), "store": str(common_store)}
                assert run_action(tmp_path, step, {}, **here) == 0
                judged += 1
            elif "run" in step and can_run(shlex.split(step["run"])):
                done = run_step(
                    step, {}, tmp_path, LIPLEAK_CLIPS=str(own_clips), LIPLEAK_STORE=str(common_store)
                )
                assert done.returncode == 0, done.stderr
                judged += "lipleak" in step["run"]
    assert judged


def test_what_cannot_run_is_there() -> None:
    lines = [
        f"{' '.join(words)} "
        for page in PAGES
        for block in blocks(page)
        if block.language == "console"
        for words in commands(block.code)
    ]
    for table in (CANNOT_RUN, RUNS, LEAKS, NOT_JUDGED):
        assert [start for start in table if not any(line.startswith(start) for line in lines)] == []
