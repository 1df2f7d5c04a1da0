"""A large suite whose ini file names a model and gates: who runs other tests is not bothered."""

import pytest
from inner_pytest import Project

BROKEN_MODEL = "raise OSError('this model must not be imported')\n"
BREAKAGES = {
    "model": "lipleak_model = broken.py:load",
    "missing model": "lipleak_model = nowhere.py:load",
    "expert": "lipleak_expert = nobody",
    "clips": "lipleak_clips = no/such/folder",
    "key": "lipleak_gate = LSD-CR < 1",
    "gate": "lipleak_gates = LSD-CR is small",
    "json": "lipleak_json = tests",
    "baseline": "lipleak_compare = nothing.json",
}
REPORT_MODULES = """
import sys
from pathlib import Path

def pytest_unconfigure(config):
    Path("modules.txt").write_text("\\n".join(sys.modules))
"""


@pytest.fixture
def suite(project: Project) -> Project:
    """Unit tests, and a test that judges the model of the ini file."""
    folder = project.path / "tests" / "unit"
    folder.mkdir(parents=True)
    (folder / "test_mine.py").write_text("def test_mine(): pass\n")
    (project.path / "tests" / "test_leak.py").write_text("def test_leak(lipleak): pass\n")
    (project.path / "broken.py").write_text(BROKEN_MODEL)
    configure(project)
    return project


def configure(project: Project, *more: str) -> None:
    """Write the ini file; a key of ``more`` takes the place of the same."""
    keys = {
        "lipleak_model": "lipleak_model = models.py:Copy",
        "lipleak_clips": f"lipleak_clips = {project.clips}",
        "lipleak_expert": "lipleak_expert = embedded",
        "lipleak_gates": "lipleak_gates = LSE-C_S < 50",
    }
    keys |= {line.partition(" =")[0]: line for line in more}
    project.ini(*keys.values())


ELSEWHERE = [
    ("tests/unit",),
    ("tests/unit/test_mine.py",),
    ("tests/unit/test_mine.py::test_mine",),
    ("-m", "not lipleak"),
]
WHOLE = [(), ("-m", "lipleak"), ("pytest.ini",), ("pytest.ini::LSE-C_S < 50",)]


@pytest.mark.parametrize("arguments", ELSEWHERE, ids=" ".join)
def test_runs_of_other_tests_do_not_meet_it(suite: Project, arguments: tuple[str, ...]) -> None:
    for breakage in BREAKAGES.values():
        configure(suite, breakage)
        run = suite.run(*arguments)
        assert (run.code, run.counts.get("passed")) == (0, 1), (breakage, run.text)
        assert not run.lines("^ERROR|NOT JUDGED|= lip leakage")


@pytest.mark.parametrize("arguments", WHOLE[:3], ids=" ".join)
def test_runs_that_judge_are_refused_once_before_any_test(suite: Project, arguments: tuple[str, ...]) -> None:
    for breakage in BREAKAGES.values():
        configure(suite, breakage)
        run = suite.run(*arguments)
        assert run.code == pytest.ExitCode.USAGE_ERROR, run.text
        assert len(run.lines("^ERROR")) == 1
        assert not run.counts.get("passed")


@pytest.mark.slow
@pytest.mark.parametrize("breakage", [BREAKAGES["model"], BREAKAGES["expert"], BREAKAGES["json"]])
def test_workers_refuse_once_too(suite: Project, breakage: str) -> None:
    configure(suite, breakage)
    run = suite.run("-n2")
    assert run.code == pytest.ExitCode.USAGE_ERROR, run.text
    assert len(run.lines("^ERROR")) == 1, run.text
    assert suite.run("-n2", "tests/unit").counts == {"passed": 1}


@pytest.mark.cold
@pytest.mark.parametrize("arguments", [ELSEWHERE[0], ELSEWHERE[-1]], ids=" ".join)
def test_runs_of_other_tests_load_nothing(suite: Project, arguments: tuple[str, ...]) -> None:
    (suite.path / "conftest.py").write_text(REPORT_MODULES)
    assert suite.run(*arguments, subprocess=True).code == 0
    found = set((suite.path / "modules.txt").read_text().splitlines())
    assert not found & {"numpy", "av", "cv2", "torch", "onnxruntime", "models"}
    assert not [name for name in found if name.startswith("pytest_lipleak.evaluation")]


def test_runs_of_other_tests_leave_reports_alone(suite: Project) -> None:
    configure(suite, "lipleak_json = scores.json")
    (suite.path / "scores.json").write_text("{}")
    for arguments in ELSEWHERE:
        suite.run(*arguments)
        assert (suite.path / "scores.json").read_text() == "{}"


def test_the_whole_suite_judges(suite: Project, distribution: tuple[str, ...]) -> None:
    (suite.path / "tests" / "test_leak.py").unlink()
    run = suite.run(*distribution)
    assert (run.code, run.counts) == (0, {"passed": 2}), run.text
    assert run.lines("^lipleak: model models.py:Copy, 3 clips")
    assert run.lines("LSE-C_S < 50|PASSED: 1 limit kept|1 limit kept")
    assert suite.run("-m", "lipleak").counts == {"passed": 1, "deselected": 1}
    assert suite.run("pytest.ini::LSE-C_S < 50", *distribution).counts == {"passed": 1}


def test_paths_may_bring_the_gates(suite: Project) -> None:
    def chosen(*arguments: str) -> list[str]:
        return suite.run("--collect-only", "-q", *arguments).lines("::")

    alone, gate = ["tests/unit/test_mine.py::test_mine"], "pytest.ini::LSE-C_S < 50"
    assert chosen("tests/unit") == alone
    assert chosen("tests/unit", "--lipleak-model=models.py:Copy") == [*alone, gate], "asked for, for this run"
    configure(suite, "lipleak_gates_with_paths = true")
    assert chosen("tests/unit") == [*alone, gate]
    assert chosen("tests/unit/test_mine.py::test_mine") == alone
    for spelling in ("LSE-C_S[CR] < 50", "LSE-C_S(CR)<50.0", "LSE-C_S < 50"):
        assert chosen(f"pytest.ini::{spelling}") == [gate]


def test_it_is_said_that_gates_are_left_out(suite: Project) -> None:
    run = suite.run("tests/unit")
    (line,) = run.lines("^lipleak: ")
    assert line == "lipleak: not judged here: 1 gate of pytest.ini (pytest pytest.ini runs them)"


@pytest.mark.parametrize("kind", ["folder", "below"])
def test_a_run_from_a_folder_below_is_one_with_a_path(
    suite: Project, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(suite.path / "tests" / "unit")
    run = suite.run("--collect-only", "-q", *(["."] if kind == "folder" else []))
    assert run.lines("::") == ["tests/unit/test_mine.py::test_mine"]


def test_an_interrupted_collection_leaves_no_old_report(suite: Project) -> None:
    configure(suite, "lipleak_json = scores.json")
    (suite.path / "scores.json").write_text("{}")
    (suite.path / "conftest.py").write_text(
        "import pytest\ndef pytest_collection_finish(session): pytest.exit('enough', returncode=0)\n"
    )
    run = suite.run()
    assert run.code != 0
    assert '"verdict": "not judged"' in (suite.path / "scores.json").read_text()
