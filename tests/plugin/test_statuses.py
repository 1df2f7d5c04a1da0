"""pytest's exit status: 1 is a broken limit or a failed test of the user's, 3 says that something was not judged."""

import pytest
from inner_pytest import Project

from pytest_lipleak.core.exit_status import NOT_JUDGED

LOOSE, TIGHT = "--lipleak-gate=LSE-C_S < 50", "--lipleak-gate=LSE-C_S < 0.01"

EXITS = """
import sys

class InGenerate:
    def generate(self, frames, audio, reference):
        sys.exit("no checkpoint in generate")

class InFactory:
    def __init__(self):
        sys.exit("no checkpoint in the factory")
"""


@pytest.mark.parametrize("name", ["InGenerate", "InFactory"])
def test_a_model_that_ends_with_words_is_an_error_of_the_model(
    project: Project, name: str, distribution: tuple[str, ...]
) -> None:
    """Nothing is lost: other tests run, the report is written, the words are told."""
    project.write(exits=EXITS, test_it="def test_other(): pass")
    run = project.measure(f"exits.py:{name}", LOOSE, *distribution)
    assert run.code == NOT_JUDGED, run.text
    assert run.counts == {"passed": 1, "failed": 1}
    assert run.lines("SystemExit: no checkpoint in")
    assert run.json["verdict"] == "not judged"


@pytest.mark.parametrize("where", ["conftest", "hook"])
def test_words_outside_of_the_model_are_told_too(project: Project, where: str) -> None:
    body = """import sys; sys.exit("bad day")"""
    text = body if where == "conftest" else f"def pytest_runtest_logstart(nodeid): {body}"
    project.write(conftest=text)
    run = project.measure("Copy", LOOSE, subprocess=True)
    assert run.code == NOT_JUDGED, run.text
    assert run.lines("bad day")


def test_a_broken_limit_beside_it_is_status_1(project: Project) -> None:
    project.write(
        test_it="""
        from pytest_lipleak import assert_metric
        def test_raises(lipleak): assert_metric(lipleak, "LSE-C[AM,CR] > 50")
        """
    )
    run = project.measure("RaisesOnSilence", LOOSE, "--lipleak-gate=LSE-D[AM,CR] < 0.1")
    assert (run.code, run.counts) == (1, {"failed": 3})


def test_a_limit_that_broke_before_a_rerun_excuses_nothing_after_it(project: Project) -> None:
    """Both runs of a test that is run once more have one item, and what the first found is not the second's."""
    pytest.importorskip("pytest_rerunfailures")
    project.write(
        test_it="""
        from pytest_lipleak import assert_metric
        rounds = []
        def test_flaky(lipleak):
            rounds.append(1)
            if len(rounds) == 1:
                assert_metric(lipleak, "LSE-C_S < 0.01")
            raise RuntimeError("the server is down")
        """,
    )
    run = project.measure("Copy", "-p", "rerunfailures", "--reruns=1")
    assert (run.counts["rerun"], run.counts["failed"]) == (1, 1)
    assert run.json["verdict"] == "fail"
    assert run.lines("^NOT JUDGED: test_it.py::test_flaky failed for another reason than a limit"), run.text


def test_a_failed_test_of_the_users_is_status_1(project: Project) -> None:
    project.write(test_it="def test_arithmetic(): assert 1 + 1 == 3")
    assert project.measure("Raises", LOOSE).code == 1
    project.write(test_it="def test_own_words(lipleak): assert lipleak is None")
    assert project.measure("Copy", LOOSE).code == 1


XFAIL = """
import pytest

def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.xfail(reason="known"))
"""


def test_a_gate_that_is_expected_to_fail(project: Project) -> None:
    """The status is the user's choice, as with any test; the verdict is not."""
    project.write(conftest=XFAIL)
    run = project.measure("Copy", TIGHT)
    assert (run.code, run.counts) == (0, {"xfailed": 1})
    assert run.json["verdict"] == "fail"
    assert run.lines("^FAILED: leaks under silence")


def test_a_gate_that_is_expected_to_fail_and_is_not_judged(
    project: Project, distribution: tuple[str, ...]
) -> None:
    project.write(conftest=XFAIL)
    run = project.measure("Raises", TIGHT, *distribution)
    assert (run.code, run.counts) == (NOT_JUDGED, {"xfailed": 1})
    assert run.json["verdict"] == "not judged"
