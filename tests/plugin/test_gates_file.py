"""The file that `lipleak calibrate --gates` writes is one that pytest reads: gates, expert, protocol and clips."""

from inner_pytest import Project

from pytest_lipleak.cli import LEAK
from pytest_lipleak.evaluation.results.calibrated_gates import options_file

GATES = ("LipCorr_S < 0.2", "REF_swap[SI,CR] < 0.2")


def test_pytest_reads_the_gates_that_calibrate_writes(project: Project) -> None:
    text = options_file(GATES, "embedded", "direct", str(project.clips))
    (project.path / "gates.txt").write_text(text)
    run = project.run("--lipleak-model=models.py:Copy", "@gates.txt", "--lipleak-json=scores.json")
    verdicts = {each["limit"]: each["passed"] for each in run.json["results"][0]["verdicts"]}
    # It shows the frames that it is given: its lips are the clip's, and no reference is in them.
    assert verdicts == dict(zip(GATES, (False, True), strict=True))
    assert run.code == LEAK
    assert run.json["results"][0]["provenance"]["expert"].startswith("embedded")
