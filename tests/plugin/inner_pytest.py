"""A small project to run pytest in: three clips of 2.1 seconds, and generators that cost nothing."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from inner_runs import INNER

CLIPS = 3
FRAMES = 52
"""With a little more than the 2 s of speech that the embedded expert asks for."""

MODELS = '''
import os
import signal
from pathlib import Path

import numpy as np


class Copy:
    """Returns its input: the lips of the reference, whatever it hears."""

    def __init__(self, log=""):
        self.log = log

    def generate(self, frames, audio, reference):
        if self.log:
            # One file per call, so that processes cannot lose each other's entries.
            Path(self.log).mkdir(parents=True, exist_ok=True)
            kind = "SI" if not audio.any() else str(int(np.abs(audio.astype(int)).sum()))
            name = f"{int(frames[0].astype(int).sum())}-{kind}-{len(reference)}"
            (Path(self.log) / f"{name}-{os.getpid()}-{os.urandom(4).hex()}").touch()
        return frames


class OnlyAR(Copy):
    supports = ("AR",)


class Still(Copy):
    """Never moves its lips."""

    def generate(self, frames, audio, reference):
        return np.repeat(frames[:1], len(frames), axis=0)


class Raises:
    def generate(self, frames, audio, reference):
        return self.decode(frames)

    def decode(self, frames):
        raise RuntimeError("out of memory in the decoder")


class RaisesOnSilence(Copy):
    def generate(self, frames, audio, reference):
        if not audio.any():
            raise ValueError("no mel frames in silence")
        return frames


class WritesIntoClips(Copy):
    def use_clips(self, clips):
        for clip in clips.values():
            clip.frames[0] = 0


class RaisesOnOneClip(Copy):
    """Fails on the clip whose corner is brightest."""

    def generate(self, frames, audio, reference):
        if frames[0, 0, 0, 0] > 210:
            raise ValueError("too bright")
        return frames


class Short(Copy):
    def generate(self, frames, audio, reference):
        return frames[:-1]


class Floats(Copy):
    def generate(self, frames, audio, reference):
        return frames / 255


class NaNs(Copy):
    def generate(self, frames, audio, reference):
        return np.full(frames.shape, np.nan)


class Crashes(Copy):
    """Takes the process down on the first call of the run, and only then."""

    def generate(self, frames, audio, reference):
        Path(self.log).mkdir(parents=True, exist_ok=True)
        try:
            (Path(self.log) / "crashed").touch(exist_ok=False)
        except FileExistsError:
            return frames
        os.kill(os.getpid(), signal.SIGKILL)


def broken_factory():
    raise OSError("checkpoint.pth is not here")


def function(frames, audio, reference):
    return frames
'''


@dataclass(frozen=True)
class Run:
    """How an inner pytest run ended."""

    result: pytest.RunResult
    text: str
    json_file: Path

    @property
    def code(self) -> int:
        return int(self.result.ret)

    @property
    def counts(self) -> dict[str, int]:
        return self.result.parseoutcomes()

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.json_file.read_text())

    @property
    def lasting(self) -> dict[str, Any]:
        """The JSON report without what no two runs have in common: dates and durations."""
        report = self.json
        del report["created"]
        for result in report["results"]:
            del result["costs"], result["provenance"]["begun"]
        return report

    def lines(self, pattern: str) -> list[str]:
        return [line for line in self.text.splitlines() if re.search(pattern, line)]


@dataclass(frozen=True)
class Project:
    """A folder that pytest runs in, with ``models.py`` beside the tests."""

    pytester: pytest.Pytester
    clips: Path

    @property
    def path(self) -> Path:
        return self.pytester.path

    def write(self, **files: str) -> None:
        """Write ``name="text"`` as name.py."""
        self.pytester.makepyfile(**files)

    def ini(self, *lines: str) -> None:
        (self.path / "pytest.ini").write_text("\n".join(("[pytest]", *lines, "")))

    def run(self, *arguments: str, subprocess: bool = False) -> Run:
        """Run pytest here, in the order in which tests are written."""
        json_file = self.path / "scores.json"
        command = (*INNER, *arguments)
        result = (
            self.pytester.runpytest_subprocess(*command)
            if subprocess
            else self.pytester.runpytest_inprocess(*command)
        )
        return Run(result, "\n".join([*result.outlines, *result.errlines]), json_file)

    def run_folders(self) -> list[Path]:
        """What runs left in the folder for temporary files."""
        return list((self.path / "temporary").glob("pytest-lipleak-*"))

    def measure(self, model: str, *arguments: str, subprocess: bool = False) -> Run:
        """Run pytest with a model of ``models.py`` on the short clips, and a JSON report.

        Limits are for the embedded expert, unless the arguments or the folder's ini file name another.
        """
        name = model if ":" in model or model == "demo" else f"models.py:{model}"
        given = (f"--lipleak-model={name}", f"--lipleak-clips={self.clips}", "--lipleak-json=scores.json")
        ini = self.path / "pytest.ini"
        named = any(each.startswith("--lipleak-expert") for each in arguments)
        named = named or (ini.is_file() and "lipleak_expert" in ini.read_text())
        expert = () if named else ("--lipleak-expert=embedded",)
        return self.run(*given, *expert, *arguments, subprocess=subprocess)
