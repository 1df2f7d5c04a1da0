"""An assertion that cannot be decided skips its test at the end: those behind it still count."""

import json
from pathlib import Path

import pytest
from inner_pytest import Project

from pytest_lipleak.cli import GOOD, LEAK, USAGE, main
from pytest_lipleak.core.exit_status import NOT_JUDGED

TWO = """
from pytest_lipleak import assert_lsd_below, assert_metric, assert_silent_lse_c_below

def test_two(lipleak):
    assert_metric(lipleak, "LSE-C_S < 50")
    assert_silent_lse_c_below(lipleak, 0.001)
"""


def test_a_part_measures_what_every_assertion_asks(
    project: Project, in_a_worker: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    project.write(test_two=TWO)
    assert project.measure("Copy", "test_two.py").counts == {"failed": 1}
    files = []
    for part in ("1/2", "2/2"):
        run = project.measure("Copy", "test_two.py", f"--lipleak-shard={part}", *in_a_worker)
        assert run.counts == {"skipped": 1}
        files.append(str(run.json_file.rename(project.path / f"part{part[0]}.json")))
        assert set(json.loads(Path(files[-1]).read_text())["results"][0]["asked"]) == {
            "LSE-C_S < 50.0",
            "LSE-C_S < 0.001",
        }
    assert main(["merge", *files]) == LEAK


def test_what_does_not_apply_hides_no_leak(project: Project, distribution: tuple[str, ...]) -> None:
    project.write(
        test_two="""
from pytest_lipleak import assert_silent_lse_c_below

def test_leaks(lipleak):
    assert_silent_lse_c_below(lipleak, 0.001)
    assert_silent_lse_c_below(lipleak, 0.001, reference="AR")

def test_keeps(lipleak):
    assert_silent_lse_c_below(lipleak, 50)
    assert_silent_lse_c_below(lipleak, 50, reference="AR")
"""
    )
    run = project.measure("OnlyAR", "test_two.py", "-rs", *distribution)
    assert run.counts == {"failed": 1, "skipped": 1}
    assert run.lines(r"SKIPPED \[1\] test_two.py:\d+: condition \[SI,CR\] is not applicable")
    assert run.json["verdict"] == "fail"


def test_what_is_not_settled_hides_no_leak(project: Project) -> None:
    project.write(test_two=TWO)
    sure = ("--lipleak-confidence=0.95", "--lipleak-inconclusive=skip")
    run = project.measure("Copy", "test_two.py", *sure)
    # Three clips settle nothing: a run in which no limit was decided is not green.
    assert run.counts == {"skipped": 1}
    assert run.code == NOT_JUDGED
    assert {verdict["limit"] for verdict in run.json["results"][0]["verdicts"]} == {
        "LSE-C_S < 50 @ 95%",
        "LSE-C_S < 0.001 @ 95%",
    }


def test_skipped_by_a_marker_is_not_judged(project: Project) -> None:
    project.write(test_two=TWO.replace("def test", "import pytest\n\n@pytest.mark.skip\ndef test"))
    run = project.measure("Copy", "test_two.py")
    assert run.code == NOT_JUDGED
    assert run.lines("^NOT JUDGED: ")


def test_a_baseline_is_not_overwritten_by_its_own_comparison(project: Project) -> None:
    saved = project.measure("Copy", "--lipleak-gate=LSE-C_S < 50").json_file
    before = saved.read_bytes()
    run = project.measure("Copy", "--lipleak-gate=LSE-C_S < 50", f"--lipleak-compare={saved}")
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert run.lines("the report would take the baseline's place")
    assert saved.read_bytes() == before


def test_a_part_on_the_command_line_loses_no_limit(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.path)
    given = ["evaluate", "--model=models.py:Copy", f"--clips={project.clips}", "--shard=1/2", "--json=p.json"]
    given.append("--expert=embedded")
    assert main([*given, "--gate=LSE-C[GT] > 0"]) == GOOD
    assert main([*given, "--gate=LSE-C[GT] > 0", "--gate=FID[AM,CR] < 10"]) == USAGE
    assert "FID[AM,CR] < 10 compares whole sets of frames" in capsys.readouterr().err


def test_a_model_that_follows_nothing_is_said_to(project: Project) -> None:
    run = project.measure("Still", "--lipleak-gate=LSE-C_S < 50", "--lipleak-gate=LSE-C[AM,CR] > -9")
    assert run.code == pytest.ExitCode.OK
    (line,) = run.lines("^lips follow no audio: ")
    assert "hold LSE-C[AM,CR] above a floor" in line
    assert line in run.json["results"][0]["warnings"]
    assert not project.measure("Copy", "--lipleak-gate=LSE-C[AM,CR] > -9").lines("follow no audio")
