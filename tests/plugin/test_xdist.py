"""Several workers: the same numbers, nothing made twice, and a report whatever happens."""

from collections import Counter
from pathlib import Path

import pytest
from inner_pytest import Project, Run

from pytest_lipleak.core.exit_status import NOT_JUDGED
from pytest_lipleak.evaluation.make.devices import THREAD_VARIABLES
from pytest_lipleak.machine.processors import usable_processors

LIMITS = ("LSD-CR < 0.001", "LSD-AR < 50", "LSE-C_S < 50", "LSE-C_XO[CR] < 0.1", "LSE-D_S[AR] > 1")
GATES = tuple(f"--lipleak-gate={limit}" for limit in LIMITS)
WAYS = [("-n0",), ("-n2",)]


def calls(folder: Path) -> Counter[str]:
    """How often each trial was generated, by what the generator was given."""
    return Counter("-".join(path.name.split("-")[:3]) for path in folder.iterdir())


_alone: dict[tuple[str, ...], tuple[dict[str, tuple[bool, float]], dict[str, int]]] = {}


def measured_alone(project: Project, gates: tuple[str, ...], *, here: bool) -> dict[str, tuple[bool, float]]:
    """The verdicts of one process on the short clips: measured once, or ``here`` for who looks at the last run."""
    if here or gates not in _alone:
        run = project.measure("Copy", *gates)
        _alone[gates] = verdicts(run), run.counts
        project.path.joinpath("scores.json").unlink()
    found, counts = _alone[gates]
    assert counts == {"passed": 1, "failed": 1}
    return found


def verdicts(run: Run) -> dict[str, tuple[bool, float]]:
    (result,) = run.json["results"]
    return {verdict["limit"]: (verdict["passed"], verdict["value"]) for verdict in result["verdicts"]}


@pytest.mark.cold
@pytest.mark.slow
def test_same_numbers_to_the_bit_and_every_trial_made_once(project: Project) -> None:
    alone = project.measure("Copy", *GATES)
    expected = alone.lasting
    assert expected["results"][0]["provenance"].pop("arguments") == {}
    assert alone.counts == {"passed": 3, "failed": 2}
    for number, way in enumerate(WAYS):
        log = project.path / f"calls{number}"
        run = project.measure("Copy", *GATES, f"--lipleak-model-arg=log={log}", *way)
        assert run.counts == alone.counts, way
        assert verdicts(run) == verdicts(alone), way
        found = run.lasting
        assert found["results"][0]["provenance"].pop("arguments") == {"log": repr(str(log))}
        assert found == expected, way
        made = calls(log)
        assert set(made.values()) == {1}, way
        assert len(made) == 3 * 6, way
        assert not project.run_folders(), way


def test_several_partners_are_made_once_and_give_the_same_numbers(project: Project) -> None:
    gates = [f"--lipleak-gate={limit}" for limit in ("LSD-CR < 0.001", "LSE-C_XO[CR] < 0.1")]
    alone = project.measure("Copy", *gates, "--lipleak-partners=2")
    log = project.path / "calls"
    spread = project.measure("Copy", *gates, "--lipleak-partners=2", f"--lipleak-model-arg=log={log}", "-n2")
    assert verdicts(spread) == verdicts(alone)
    (one,), (other,) = (run.json["results"] for run in (alone, spread))
    assert other["provenance"]["further_partners"] == one["provenance"]["further_partners"]
    assert set(one["provenance"]["further_partners"]) == {"clip0", "clip1", "clip2"}
    made = calls(log)
    assert (set(made.values()), len(made)) == ({1}, 3 * 3), "AM and both partners of every clip"


def test_user_tests_and_gates_share_what_workers_make(project: Project) -> None:
    module = """
        from pytest_lipleak import assert_metric
        def test_{n}(lipleak): assert_metric(lipleak, "LSE-C_S < 50")
        def test_more_{n}(lipleak): assert_metric(lipleak, "LSD-CR < 50")
        """
    project.write(test_a=module.format(n=1), test_b=module.format(n=2))
    log = project.path / "calls"
    run = project.measure("Copy", "-n2", f"--lipleak-model-arg=log={log}", "--lipleak-gate=LSE-D_S > 1")
    assert run.counts == {"passed": 5}
    assert set(calls(log).values()) == {1}
    assert len(run.json["results"]) == 1


@pytest.mark.slow
def test_a_log_tells_what_workers_do(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_lipleak.report.progress.LINE_EVERY", 0.1)
    run = project.measure("Copy", *GATES, "-n2")
    assert run.lines(r"^lipleak: gw\d \d+/\d+ videos.*: clip\d")
    assert not project.run_folders()
    assert not project.measure("Copy", *GATES, "-n2", "-q").lines(r"^lipleak: gw")


@pytest.mark.cold
@pytest.mark.slow
def test_workers_share_the_processors_before_numpy_is_loaded(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each has threads for all of them, which wait for each other most of the time."""
    for variable in THREAD_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    project.write(
        counting="""
        import threadpoolctl
        from models import Copy

        class Model(Copy):
            def generate(self, frames, audio, reference):
                for pool in threadpoolctl.threadpool_info():
                    if pool["user_api"] == "blas":
                        open(f"threads-{pool['num_threads']}", "w").close()
                return frames
        """
    )
    assert project.measure("counting:Model", GATES[2], "-n2").counts == {"passed": 1}
    share = max(usable_processors() // 2, 1)
    assert [path.name for path in project.path.glob("threads-*")] == [f"threads-{share}"]


def test_crashed_worker_still_ends_in_a_report(project: Project) -> None:
    run = project.measure(
        "Crashes",
        f"--lipleak-model-arg=log={project.path / 'calls'}",
        "-n2",
        "--lipleak-gate=LSE-C_S < 50",
        "--lipleak-gate=LSE-D_S > 1",
    )
    assert run.code == pytest.ExitCode.TESTS_FAILED
    assert run.counts == {"passed": 1, "failed": 1}
    assert run.lines("worker 'gw[01]' crashed while running 'lipleak::LSE-")
    assert run.lines(
        "^NOT JUDGED: lipleak::LSE-.* failed for another reason than a limit; so far 1 limit kept"
    )
    assert not run.lines("^PASSED")
    assert run.json["verdict"] == run.json["results"][0]["verdict"] == "not judged"
    assert not project.run_folders()


def test_stopping_at_the_first_failure_keeps_what_was_measured(
    project: Project, distribution: tuple[str, ...]
) -> None:
    run = project.measure("Copy", "-x", *distribution, *GATES[:1])
    assert run.code != 0
    assert run.counts["failed"] == 1
    assert verdicts(run)["LSD-CR < 0.001"][0] is False
    assert len(run.json["results"][0]["trials"]) == 9
    assert not project.run_folders()


@pytest.mark.parametrize(
    "arguments",
    [("-p", "randomly"), ("--maxfail=1",), ("--timeout=100",), ("-p", "rerunfailures", "--reruns=1")],
    ids=" ".join,
)
def test_with_other_plugins(project: Project, arguments: tuple[str, ...]) -> None:
    (project.path / "pytest.ini").write_text("[pytest]\n")
    run = project.measure("Copy", *GATES[2:3], *GATES[:1], *arguments)
    assert run.counts.get("failed") == 1, run.text
    assert run.counts.get("passed", 0) <= 1
    assert verdicts(run)["LSD-CR < 0.001"][0] is False
    if "--reruns=1" in arguments:
        assert run.counts["rerun"] == 1


def test_plugins_that_are_named_one_by_one(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    named = ("-p", "xdist.plugin", "-p", "pytest_lipleak.plugin", "-n2")
    run = project.measure("Copy", *GATES[2:3], *GATES[:1], *named, subprocess=True)
    assert run.counts == {"passed": 1, "failed": 1}, run.text
    assert verdicts(run)["LSD-CR < 0.001"][0] is False


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "tests"),
    [
        (("--dist=loadgroup",), 2),
        (("--dist=loadscope", "-p", "randomly"), 2),
        (("--dist=worksteal", "-p", "rerunfailures", "--reruns=1", "--timeout=300"), 2),
        (("--dist=loadfile", "--maxfail=2"), 2),
        (("-k", "LSE"), 1),
        (("--lf",), 1),
        (("--collect-only",), 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_two_workers_however_tests_are_spread_and_chosen(
    project: Project, arguments: tuple[str, ...], tests: int
) -> None:
    gates = (GATES[0], GATES[2])
    expected = measured_alone(project, gates, here="--lf" in arguments)
    run = project.measure("Copy", "-n2", *gates, *arguments)
    if not tests:
        assert run.code == 0
        assert not run.json_file.exists(), "nothing was measured"
        return
    found = verdicts(run)
    assert len(found) == tests
    assert found.items() <= expected.items(), "the same numbers, to the bit"
    # Of both gates, --lf chooses the broken one and -k the kept one.
    assert run.code == (0 if "-k" in arguments else 1)
    assert not project.run_folders()


OF_TWO_MOODS = '''
import hashlib

import numpy as np


class Moody:
    """Opens a still mouth, or not, by all that it is given: the same in every process, and luck for who asks."""

    def generate(self, frames, audio, reference):
        drawn = hashlib.sha256(frames.tobytes() + audio.tobytes() + reference.tobytes()).digest()[0] % 2
        made = frames[:1].repeat(len(frames), axis=0)
        made[:, 48:60, 30:50] //= 1 + drawn
        return made
'''


def test_whether_a_model_draws_is_the_same_whichever_worker_asks(project: Project) -> None:
    """All clips in which one still reference is swapped tell it, under silence and under speech with pauses."""
    project.write(moody=OF_TWO_MOODS)
    gates = [f"--lipleak-gate=REF_swap[{setup},AR] < 0.12" for setup in ("SI", "PA")]
    alone, spread = (project.measure("moody.py:Moody", *gates, *way) for way in WAYS)
    assert len(verdicts(alone)) == 2
    assert verdicts(spread) == verdicts(alone)


def test_reused_across_runs_only_with_a_fingerprint(project: Project) -> None:
    with (project.path / "models.py").open("a") as file:
        file.write("\n\nclass Known(Copy):\n    fingerprint = 'weights 1'\n")
    for model, made in (("Known", 3), ("Copy", 6)):
        log = project.path / model
        for _ in range(2):
            run = project.measure(
                model,
                f"--lipleak-model-arg=log={log}",
                "--lipleak-store=store",
                "--lipleak-gate=LSE-C_S < 50",
            )
            assert run.counts == {"passed": 1}
        assert sum(calls(log).values()) == made


READS_LESS = """
import os

import pytest

from pytest_lipleak.core.conditions import Setup
from pytest_lipleak.core.errors import UnscorableError
from pytest_lipleak.evaluation.make.scheduler import Scheduler

scored = Scheduler._scored


@pytest.fixture(autouse=True)
def disk(request, monkeypatch):
    def read(self, name, condition, **how):
        if condition is not None and condition.setup is Setup.SI:
            raise UnscorableError("no video: the disk is away")
        return scored(self, name, condition, **how)

    if "XO" in request.node.name:
        monkeypatch.setattr(Scheduler, "_scored", read)
"""


def test_outputs_that_one_worker_alone_could_read_pass_nothing(project: Project) -> None:
    """The scan under other speech was taken without the outputs under silence."""
    project.write(
        conftest=READS_LESS,
        test_it="from pytest_lipleak import assert_metric\n"
        "def test_SI(lipleak): assert_metric(lipleak, 'LSE-C_S@floor < 90')\n"
        "def test_XO(lipleak): assert_metric(lipleak, 'LSE-C_XO@floor[CR] < 90')\n",
    )
    run = project.measure("Copy", "-n2")
    assert run.counts == {"passed": 1, "failed": 1}
    assert run.code == NOT_JUDGED
    assert run.lines(r"^NOT JUDGED: ")
    ended = {each["metric"]: each["outcome"] for each in run.json["results"][0]["verdicts"]}
    assert ended == {"LSE-C_S@floor": "pass", "LSE-C_XO@floor[CR]": "not judged"}


def test_a_scan_beside_outputs_that_nobody_could_read_is_not_judged(project: Project) -> None:
    project.write(
        conftest=READS_LESS,
        test_it="from pytest_lipleak import assert_metric\n"
        "def test_XO(lipleak): assert_metric(lipleak, 'LSE-C_XO@floor[CR] < 90')\n"
        "def test_XO_again(lipleak): assert_metric(lipleak, 'LSE-C_XO@floor[CR] < 80')\n",
    )
    run = project.measure("Copy")
    assert run.code == NOT_JUDGED, run.text
    assert run.lines(r"3 videos could not be scored, so LSE-C_XO@floor\[CR\] < 90 cannot be judged")
    assert len(run.lines(r"^E +unscored: clip0 \[SI,CR\], clip1 .*: no video: the disk is away")) == 1
    assert run.lines(r"^E +unscored: clip0 \[SI,CR\], clip1 .*: as under test_XO, above")
    assert project.measure("Copy", "--lipleak-allow-unscored").code == 0
