"""What GitHub Actions is told: a summary once, and where the broken limits stand."""

import re

import pytest
from inner_pytest import Project

from pytest_lipleak.pytest_plugin.github_annotations import annotation

TEST = """
from pytest_lipleak import assert_metric

def test_silence(lipleak):
    assert_metric(lipleak, "LSE-D_S > 90")
"""


@pytest.fixture
def on_github(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project.path))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.path / "summary.md"))
    return project


def test_summary_once_and_errors_at_their_lines(on_github: Project, distribution: tuple[str, ...]) -> None:
    on_github.ini("lipleak_gates =", "    LSE-C_S<0.50", "    LSE-C_S < 60")
    on_github.write(test_it=TEST)
    run = on_github.measure("Copy", *distribution, subprocess=True)
    assert run.code == 1
    text = (on_github.path / "summary.md").read_text()
    assert text.count("## Lip leakage: models.py:Copy") == 1
    assert re.search(r"\*\*FAILED: leaks under silence: 2 of 3 limits broken", text)
    (legend,) = [line for line in text.splitlines() if "**AR**, alternative reference" in line]
    assert "**AM**, audio-matched" in legend
    assert "**PA**" not in legend, "no limit is about pauses"
    assert re.search(r"^\| LSE-C\\_S ↓ \| [\d.]+ \| .* \*\*FAILED\*\* \|$", text, re.MULTILINE)
    errors = run.lines("^::error")
    assert len(errors) == 2
    gate = next(line for line in errors if "pytest.ini" in line)
    assert gate.startswith("::error file=pytest.ini,line=3,title=lip leakage%3A LSE-C_S::LSE-C_S = ")
    assert "(3 clips, expert embedded" in gate
    test = next(line for line in errors if "test_it.py" in line)
    line = (
        (on_github.path / "test_it.py")
        .read_text()
        .splitlines()
        .index('    assert_metric(lipleak, "LSE-D_S > 90")')
    )
    assert test.startswith(f"::error file=test_it.py,line={line + 1},title=")


def test_a_gate_in_pyproject(on_github: Project) -> None:
    (on_github.path / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\n# < 0.50 was too much\nlipleak_gates = ["LSE-D_S > 0.5", "LSE-C_S < 0.50"]\n'
    )
    run = on_github.measure("Copy")
    (error,) = run.lines("^::error")
    assert error.startswith("::error file=pyproject.toml,line=3,")


def test_a_good_run_has_a_summary_and_no_error(on_github: Project) -> None:
    run = on_github.measure("Copy", "--lipleak-gate=LSE-C_S < 60")
    assert run.code == 0
    assert "PASSED: 1 limit kept" in (on_github.path / "summary.md").read_text()
    assert not run.lines("^::")


def test_elsewhere_nothing_is_written(project: Project) -> None:
    run = project.measure("Copy", "--lipleak-gate=LSE-C_S < 0.5")
    assert not run.lines("^::")
    assert not (project.path / "summary.md").exists()


def test_a_run_without_a_model_leaves_the_summary_alone(on_github: Project) -> None:
    on_github.write(test_other="def test_other():\n    assert False\n")
    run = on_github.run()
    assert run.code == 1
    assert not run.lines("^::")
    assert not (on_github.path / "summary.md").exists()


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("100 % bad\nsecond", "::error file=a%2Cb%3Ac.toml,line=2,title=t::100 %25 bad%0Asecond"),
        ("x::y", "::error file=a%2Cb%3Ac.toml,line=2,title=t::x::y"),
    ],
)
def test_workflow_commands_are_escaped(message: str, expected: str) -> None:
    assert annotation("error", message, file="a,b:c.toml", line=2, title="t") == expected
