"""Causal probes from the command line and as gates."""

import json
import re

import pytest
from inner_pytest import Project, Run

from pytest_lipleak.cli import GOOD, LEAK, USAGE, main
from pytest_lipleak.core.metrics.default_gates import PROBE_GATES

COPIES = """
import numpy as np
def generate(frames, audio, reference):
    return reference if len(reference) == len(frames) else np.repeat(reference[:1], len(frames), axis=0)
"""


def probe(project: Project, model: str, *arguments: str) -> int:
    clips = ("--clips", str(project.clips), "--expert", "embedded")
    return main(["probe", "--model", f"{project.path}/{model}", *clips, *arguments])


def probed(run: Run) -> set[str]:
    """The clips whose references were changed."""
    (result,) = run.json["results"]
    return {entry["clip"] for entry in result["pictures"] if "REF_swap" in entry["measures"]}


def test_command(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.write(copies=COPIES)
    assert probe(project, "copies.py:generate") == LEAK
    out = capsys.readouterr().out
    assert out.count("FAILED REF_s") == 3
    assert "REF_swap[PA,CR] = 1.000 (2 clips" in out, "three quarters of the three clips are probed"
    assert "--lipleak" not in out
    verdict = out.strip().splitlines()[-1]
    assert verdict.startswith(
        f"{project.path}/copies.py:generate: FAILED: leaks from the reference: 3 of 5 limits"
    )
    assert "not looked at: " not in verdict
    assert "keep them" not in out, "this command keeps no videos"
    assert probe(project, "models.py:Still") == GOOD
    out = capsys.readouterr().out
    assert out.count("ok     REF_s") == 3
    assert ": PASSED: 5 limits kept; not looked at: leaks under silence, " in out.strip().splitlines()[-1]
    assert probe(project, "models.py:OnlyAR", "--limit", "2") == GOOD
    assert "n/a    REF_shift[PA,CR]: condition [PA,CR] is not applicable" in capsys.readouterr().out
    assert main(["probe"]) == USAGE
    capsys.readouterr()
    # What is copied from the frames themselves, not from the reference, only a probe of the frames sees.
    assert probe(project, "models.py:Copy", "--json") == LEAK
    told, said = capsys.readouterr()
    assert "FAILED: leaks from the input frames: 2 of 5 limits broken" in said
    report = json.loads(told)
    assert (report["verdict"], report["finding"]) == ("fail", "leaks")
    assert report["headline"].startswith("FAILED: leaks from the input frames: ")
    verdicts = {each["metric"]: each for each in report["verdicts"]}
    gates = {limit for limit in PROBE_GATES if "PA," in limit}
    assert gates < {each["limit"] for each in report["verdicts"]}, (
        "a limit is the default gate's where there is one"
    )
    assert {name for name, each in verdicts.items() if not each["passed"]} == {
        "FRAME_shift[PA,CR]",
        "FRAME_shift[PA,AR]",
    }
    assert all(each["value"] == 0 for name, each in verdicts.items() if name.startswith("REF"))
    assert all(each["value"] > 0.5 for name, each in verdicts.items() if name.startswith("FRAME"))


def test_progress_is_told_in_a_pipe_too(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pytest_lipleak.report.progress.LINE_EVERY", 0)
    assert probe(project, "models.py:Still") == GOOD
    told, said = capsys.readouterr()
    assert re.search(r"(?m)^lipleak: \d+/\d+ videos.*: .*\[PA,CR\]", said)
    assert "videos" not in told


def test_gates(project: Project, distribution: tuple[str, ...]) -> None:
    gates = [f"--lipleak-gate={name} < 0.1" for name in ("REF_shift[SI,CR]", "REF_swap[PA,AR]")]
    project.write(copies=COPIES)
    run = project.measure("copies.py:generate", *gates, *distribution)
    assert run.counts == {"failed": 2}, run.text
    assert run.lines(r"REF_swap\[PA,AR\] = 1.000 .*: not < 0.1")
    assert {found["metric"] for found in run.json["results"][0]["metrics"]} >= {
        "REF_shift[SI,CR]",
        "REF_swap[PA,AR]",
    }


def test_sequential_runs_probe_the_clips_that_others_probe(project: Project) -> None:
    gate = "--lipleak-gate=REF_swap[PA,CR] < 0.1"
    every = probed(project.measure("Still", gate))
    run = project.measure("Still", gate, "--lipleak-sequential")
    assert run.counts == {"failed": 1}
    assert run.lines(r"REF_swap\[PA,CR\] = 0.000 \(2 clips.*inconclusive: .* needs at least 5 clips")
    assert probed(run) == every
    assert len(every) == 2
