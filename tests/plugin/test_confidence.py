"""Verdicts by a whole interval: settled, broken, and what three clips cannot settle."""

import json

import pytest
from inner_pytest import Project

from pytest_lipleak.cli import NOT_JUDGED, main

GATE = "--lipleak-gate=LSE-C_S < 50"


@pytest.mark.parametrize(("choice", "counts"), [("fail", "failed"), ("skip", "skipped"), ("warn", "passed")])
def test_an_inconclusive_verdict_does_what_is_asked(
    project: Project, in_a_worker: tuple[str, ...], choice: str, counts: str
) -> None:
    project.write(
        test_it="""
        from pytest_lipleak import assert_silent_lse_c_below

        def test_bound(lipleak):
            assert_silent_lse_c_below(lipleak, 50, confidence=0.9)
        """
    )
    given = (GATE, "--lipleak-confidence=0.95", f"--lipleak-inconclusive={choice}")
    run = project.measure("Copy", *given, *in_a_worker)
    assert run.counts.pop("warnings", 0) >= (2 if choice == "warn" else 0)
    assert run.counts.get(counts) == 2
    assert "INCONCLUSIVE: 2 of 2 limits not settled by these clips" in run.text
    assert run.lines(r"LSE-C_S ↓ .* < 50 @ 95%  inconclusive")
    if choice == "fail":
        assert run.lines(r"inconclusive: a verdict at 9[05] % needs at least 5 clips")
    assert run.code == NOT_JUDGED, "a run that settles nothing has not passed, whatever its tests do"
    assert run.json["verdict"] == "inconclusive"
    verdicts = {verdict["limit"]: verdict for verdict in run.json["results"][0]["verdicts"]}
    assert set(verdicts) == {"LSE-C_S < 50 @ 90%", "LSE-C_S < 50 @ 95%"}
    for verdict in verdicts.values():
        assert (verdict["outcome"], verdict["passed"]) == ("inconclusive", False)
        assert verdict["interval"] is None
        assert verdict["no_interval"] == "an interval needs at least 5 clips"


def test_parts_carry_the_confidence_to_merge(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    files = []
    for part in (1, 2):
        run = project.measure("Copy", f"--lipleak-shard={part}/2", "--lipleak-gate=LSE-C_S < 50 @ 90%")
        files.append(str(run.json_file.rename(project.path / f"part{part}.json")))
    capsys.readouterr()
    assert main(["merge", *files, "--json=merged.json"]) == NOT_JUDGED
    assert "inconclusive LSE-C_S = " in capsys.readouterr().out
    merged = json.loads((project.path / "merged.json").read_text())
    assert merged["verdict"] == "inconclusive"
    assert merged["results"][0]["verdicts"][0]["confidence"] == 0.9


@pytest.mark.parametrize("share", ["1", "0.3", "95", "nan", "high"])
def test_a_share_that_is_none_is_refused(project: Project, share: str) -> None:
    run = project.measure("Copy", f"--lipleak-confidence={share}")
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert "is no share from 0.5 to below 1" in run.text


def test_a_sequential_run_says_the_same_in_any_number_of_processes(
    project: Project, distribution: tuple[str, ...]
) -> None:
    gates = ("--lipleak-gate=LSE-C_S < 50", "--lipleak-gate=LSD-CR < 0.5", "--lipleak-sequential")
    run = project.measure("Copy", *gates, *distribution)
    assert run.counts == {"failed": 2}
    assert run.lines(r"LSD-CR = .*\(3 clips, .*\): inconclusive: a verdict at 95 % needs at least 5 clips")
    (result,) = run.json["results"]
    assert result["provenance"]["sequential"] is True
    assert [verdict["interval"] for verdict in result["verdicts"]] == [None, None]


def test_a_sequential_run_is_no_part_and_no_baseline(project: Project) -> None:
    for other in ("--lipleak-shard=1/2", "--lipleak-save-baseline=base.json"):
        run = project.measure("Copy", "--lipleak-sequential", other)
        assert run.code == pytest.ExitCode.USAGE_ERROR
        assert run.lines("--lipleak-sequential measures only as many clips as verdicts need")
