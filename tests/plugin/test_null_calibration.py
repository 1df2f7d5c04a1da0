"""Leaks told from chance: a copier and a model that follows nothing, on three clips of 3 s."""

import json
from dataclasses import replace
from pathlib import Path

from inner_pytest import Project

from pytest_lipleak.cli import GOOD, LEAK, main

TESTS = """
    from pytest_lipleak import assert_no_own_audio_leak, assert_no_silent_leak

    def test_silence(lipleak):
        assert_no_silent_leak(lipleak)

    def test_other_speech(lipleak):
        assert_no_own_audio_leak(lipleak, reference="AR")
"""


def test_a_copier_leaks_and_a_still_face_does_not(
    project: Project, longer_clips: Path, distribution: tuple[str, ...]
) -> None:
    project = replace(project, clips=longer_clips)
    project.write(test_it=TESTS)
    run = project.measure("Copy", "--lipleak-gate=LSE-C_S@floor < 0.2 @ p 0.01", *distribution)
    assert run.counts == {"failed": 3}
    assert run.lines(r"LSE-C_S@floor = .*p = 0\.0\d+.*: not < 0.4, and not by chance \(p <= 0.01\)")
    assert run.lines(r"LSE-C_XO@floor\[AR\] = ")
    assert run.lines(r"LSE-C_S@floor = .*p = 0\.0\d+.*: not < 0.2, and not by chance \(p <= 0.01\)")
    (result,) = run.json["results"]
    assert {verdict["outcome"] for verdict in result["verdicts"]} == {"fail"}
    assert all(verdict["p"] <= 0.01 == verdict["alpha"] for verdict in result["verdicts"])
    assert project.measure("Still", *distribution).counts == {"passed": 2}


def test_parts_merge_to_the_same_p(project: Project, longer_clips: Path) -> None:
    project = replace(project, clips=longer_clips)
    gate = "--lipleak-gate=LSE-C_S@floor < 0.3 @ p 0.01"
    whole = project.measure("Copy", gate).json
    files = []
    for part in (1, 2):
        run = project.measure("Copy", f"--lipleak-shard={part}/2", gate)
        files.append(str(run.json_file.rename(project.path / f"part{part}.json")))
    assert main(["merge", *files, "--json=merged.json"]) == LEAK
    merged = json.loads((project.path / "merged.json").read_text())
    assert merged["results"][0]["verdicts"] == whole["results"][0]["verdicts"]
    assert main(["merge", *files, "--gate=LSE-C_S@floor < 9 @ p 0.01", "--gate=LSE-C_S < 90"]) == GOOD


def test_two_clips_cannot_show_a_leak_under_other_speech(project: Project) -> None:
    project.write(test_it=TESTS)
    (project.path / "two.csv").write_text(f"file\n{project.clips}/clip0.mkv\n{project.clips}/clip1.mkv\n")
    run = project.measure("Still", f"--lipleak-clips={project.path}/two.csv")
    assert run.counts == {"failed": 2}
    assert run.lines("cannot give p <= 0.01")
    assert run.lines("the clip set holds no speech but its own")
