"""Gates as items of the ini file: their ids, lines and place in other programs' trees."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from inner_pytest import Project
from vscode_stand_in import Discovery

from pytest_lipleak.core.metrics.default_gates import DEFAULT_GATES
from pytest_lipleak.gates import Gate, turn_among_workers
from pytest_lipleak.pytest_plugin.terminal import _skipped_lines
from pytest_lipleak.verdicts.limits import Limit

INI = ("lipleak_model = models.py:Copy", "lipleak_expert = embedded", "lipleak_gates =")
KEPT, BROKEN, ALSO_KEPT = "LSE-C_S < 50", "LSE-D_S > 90", "LSE-C_S@floor[AR] < 90"
KEPT_ID, BROKEN_ID, ALSO_KEPT_ID = (
    "pytest.ini::LSE-C_S < 50",
    "pytest.ini::LSE-D_S > 90",
    "pytest.ini::LSE-C_S@floor(AR) < 90",
)


@pytest.fixture
def suite(project: Project) -> Project:
    """A project whose ini file names a model and gates, with tests beside it."""
    folder = project.path / "tests" / "unit"
    folder.mkdir(parents=True)
    (folder / "test_mine.py").write_text("def test_mine(): pass\n")
    configure(project)
    return project


def configure(project: Project, *more: str) -> None:
    project.ini(
        *more,
        f"lipleak_clips = {project.clips}",
        *INI,
        *(f"    {each}" for each in (KEPT, BROKEN, ALSO_KEPT)),
    )


def collected(project: Project, *arguments: str) -> list[str]:
    run = project.run("--collect-only", "-q", *arguments)
    assert run.code in (0, 5), run.text
    return run.lines("::")


MINE = "tests/unit/test_mine.py::test_mine"
GATES = [KEPT_ID, BROKEN_ID, ALSO_KEPT_ID]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), [MINE, *GATES]),
        ((".",), [MINE, *GATES]),
        (("pytest.ini",), GATES),
        ((BROKEN_ID,), [BROKEN_ID]),
        (("pytest.ini::LSE-C_S@floor[AR] < 90",), [ALSO_KEPT_ID]),
        ((ALSO_KEPT_ID, KEPT_ID), [ALSO_KEPT_ID, KEPT_ID]),
        ((MINE, KEPT_ID), [MINE, KEPT_ID]),
        (("tests", BROKEN_ID), [MINE, BROKEN_ID]),
        (("--deselect", ALSO_KEPT_ID), [MINE, KEPT_ID, BROKEN_ID]),
        (("--deselect", "pytest.ini"), [MINE]),
        (("-k", "LSE-C_S-floor-AR-below"), [ALSO_KEPT_ID]),
        (("-k", "LSE-D_S-above-90"), [BROKEN_ID]),
        (("-k", "mine or LSE-C_S-below"), [MINE, KEPT_ID]),
        (("--import-mode=importlib",), [MINE, *GATES]),
        (("--keep-duplicates", "."), [MINE, *GATES]),
        # What PyCharm gives for a folder.
        (("--no-header", "--no-summary", "{path}"), [MINE, *GATES]),
    ],
    ids=str,
)
def test_ids(suite: Project, arguments: tuple[str, ...], expected: list[str]) -> None:
    found = collected(suite, *(each.format(path=suite.path) for each in arguments))
    assert found == expected


def test_gates_come_last_and_once_with_testpaths(suite: Project) -> None:
    configure(suite, "testpaths = tests")
    assert collected(suite) == [MINE, *GATES]


def test_root_elsewhere(suite: Project, tmp_path: Path) -> None:
    found = collected(suite, f"--rootdir={tmp_path}")
    assert [each.rpartition("/")[2] for each in found] == ["test_mine.py::test_mine", *GATES]
    (chosen,) = collected(suite, f"--rootdir={tmp_path}", f"{suite.path}/{BROKEN_ID}")
    assert chosen == found[2]


def test_a_gate_is_run_by_its_id_and_again_when_it_failed(suite: Project) -> None:
    run = suite.run(BROKEN_ID, KEPT_ID, "-v")
    assert run.counts == {"failed": 1, "passed": 1}
    assert run.lines("^FAILED pytest.ini::LSE-D_S > 90 - LSE-D_S = ")
    assert suite.run("--lf").counts == {"failed": 1, "deselected": 3} or suite.run("--lf").counts == {
        "failed": 1
    }


def test_lines_of_the_ini_file(suite: Project) -> None:
    run = suite.run(BROKEN_ID, "--lipleak-json=scores.json", "--junitxml=junit.xml")
    assert run.counts == {"failed": 1}
    lines = (suite.path / "pytest.ini").read_text().splitlines()
    (number,) = (index for index, line in enumerate(lines) if BROKEN in line)
    from xml.etree import ElementTree

    (case,) = ElementTree.parse(suite.path / "junit.xml").iter("testcase")
    assert case.get("name") == BROKEN
    found = discovery(suite)["tests"][str(suite.path / "pytest.ini")]
    assert {each["name"]: each["line"] for each in found}[BROKEN] == number + 1


def discovery(project: Project, *arguments: str) -> dict[str, Any]:
    """What an editor is told."""
    output = project.path / "discovery.json"
    project.pytester.inline_run(
        "-p", "no:randomly", "--collect-only", *arguments, plugins=[Discovery(output)]
    )
    return json.loads(output.read_text())


@pytest.mark.parametrize(
    "arguments", [(), (".",), ("--rootdir={path}",), ("--import-mode=importlib",)], ids=str
)
def test_an_editor_that_walks_by_path_finds_all_tests(suite: Project, arguments: tuple[str, ...]) -> None:
    found = discovery(suite, *(each.format(path=suite.path) for each in arguments))
    assert found["error"] is None
    names = {Path(file).name: [test["name"] for test in tests] for file, tests in found["tests"].items()}
    assert names["test_mine.py"] == ["test_mine"]
    assert names["pytest.ini"] == [each.partition("::")[2] for each in GATES]
    # What it will give to pytest when somebody clicks.
    for tests in found["tests"].values():
        for test in tests:
            (chosen,) = collected(suite, test["id"])
            assert chosen.rpartition("::")[2] == test["name"]


def test_without_an_ini_file_gates_have_a_place_and_ids(project: Project) -> None:
    project.write(test_mine="def test_mine(): pass")
    given = (
        "--lipleak-model=models.py:Copy",
        f"--lipleak-clips={project.clips}",
        "--lipleak-expert=embedded",
        f"--lipleak-gate={KEPT}",
        f"--lipleak-gate={BROKEN}",
    )
    found = discovery(project, *given)
    assert found["error"] is None
    assert sorted(Path(file).name for file in found["tests"]) == ["lipleak", "test_mine.py"]
    for spelling in (f"lipleak::{BROKEN}", f"{project.path}/lipleak::{BROKEN}"):
        assert collected(project, *given, spelling) == [f"lipleak::{BROKEN}"]
    # Left out in silence, a misspelt one would let the run pass on the others.
    for ids in (("lipleak::LSE-C_S < 5",), (f"lipleak::{KEPT}", "lipleak::LSE-C_S < 5")):
        run = project.run(*given, *ids)
        assert run.code == pytest.ExitCode.USAGE_ERROR, run.text
        assert run.lines(
            f"ERROR: not found: gate 'LSE-C_S < 5'; there are {KEPT}, {BROKEN}; did you mean {KEPT}.$"
        )


def test_default_gates_have_ids_and_the_models_line(project: Project) -> None:
    project.ini(
        "lipleak_model = models.py:Copy", f"lipleak_clips = {project.clips}", "lipleak_expert = embedded"
    )
    ids = collected(project)
    assert len(ids) >= 3
    assert collected(project, ids[1]) == [ids[1]]
    (tests,) = discovery(project)["tests"].values()
    assert {test["line"] for test in tests} == {2}


@pytest.mark.slow
def test_looping_on_failures_does_not_double_the_gates(suite: Project) -> None:
    """``pytest -f``: the rounds collect anew, and pytest-xdist calls the hooks of collection twice."""
    configure(suite, "testpaths = tests")
    log = suite.path / "log.txt"
    command = [sys.executable, "-m", "pytest", "-f", "-v", "-p", "no:randomly", "-p", "no:cacheprovider"]
    with log.open("w") as stream:
        process = subprocess.Popen(command, cwd=suite.path, stdout=stream, stderr=stream)
        try:
            wait_for(log, "LOOPONFAILING", process)
            first = log.read_text().partition("LOOPONFAILING")[0]
            (suite.path / "models.py").touch()
            wait_for(log, "LOOPONFAILING", process, after=len(first) + len("LOOPONFAILING"))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
    # A round may begin before this process looks: the log is a file that changes, too.
    first, second, *_ = log.read_text().split("LOOPONFAILING")
    assert first.count("pytest.ini::LSE-D_S > 90 FAILED") == 1, first
    assert "4 items" in first
    assert first.count("pytest.ini::LSE-C_S < 50 PASSED") == 1
    assert second.count("pytest.ini::LSE-D_S > 90 FAILED") == 1, second
    assert "pytest.ini::LSE-C_S < 50" not in second


def wait_for(log: Path, words: str, process: "subprocess.Popen[bytes]", after: int = 0) -> None:
    end = time.monotonic() + 120
    while words not in log.read_text()[after:]:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.2)


def test_a_group_of_metrics_stands_beside_the_gates_and_takes_none_away(suite: Project) -> None:
    measured = "pytest.ini::measure conditions"
    assert collected(suite, "--lipleak-measure=conditions") == [MINE, measured, *GATES]
    assert collected(suite, "--lipleak-measure=conditions", "--lipleak-gate=none") == [MINE, measured]
    nothing = suite.run("--collect-only", "-q", "--lipleak-gate=none")
    assert (nothing.code, "judges nothing, and nothing is to be measured" in nothing.text) == (4, True)


def test_workers_begin_with_what_they_cannot_share_and_with_what_takes_longest_of_it() -> None:
    def gate(limit: str) -> Gate:
        item = Gate.__new__(Gate)
        item.limit = Limit.parse(limit)
        item.metric = item.limit.metric
        return item

    given = [gate(limit) for limit in DEFAULT_GATES["embedded", "direct"]]
    ordered = [item.metric.name for item in sorted(given, key=turn_among_workers)]
    last = [item.metric.name for item in given if not item.metric.is_probe]
    probes = ordered[: -len(last)]
    assert ordered[-len(last) :] == last
    assert probes[:3] == ["REF_shift[PA,CR]", "FRAME_shift[PA,CR]", "FRAME_shift[PA,AR]"]
    assert {"REF_shift[AM,CR]", "REF_swap[SI,CR]", "FRAME_shift[AM,CR]"} <= set(probes[3:])


def test_a_skipped_gate_is_named_once() -> None:
    why = "FRAME_shift[PA,AR] < 0.15: FRAME_shift[PA,CR] stands for it"
    assert _skipped_lines({"lipleak::FRAME_shift(PA,AR) < 0.15": why}) == [f"skipped: {why}"]
    lacking = {
        f"lipleak::{name.translate(str.maketrans('[]', '()'))} < {limit}": f"{name} < {limit}: {name}: no videos of it"
        for name, limit in (("REF_shift[PA,CR]", 0.12), ("REF_swap[SI,CR]", 0.2))
    }
    assert _skipped_lines(lacking) == [
        "skipped: REF_shift[PA,CR] < 0.12, REF_swap[SI,CR] < 0.2: no videos of it"
    ]
    assert _skipped_lines({"test_a.py::test_b": "no weights"}) == ["skipped: test_b: no weights"]
