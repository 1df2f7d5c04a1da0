"""A run that does not come to its end, however it is ended, never reads as a pass: processes are really ended here."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from inner_pytest import Project, Run

from pytest_lipleak.cli import GOOD, NOT_JUDGED, main
from pytest_lipleak.machine.exit_guard import reads_as_passed, safe_status

GATES = ("--lipleak-gate=LSE-C_S < 50", "--lipleak-gate=LSE-D_S[AR] > 1")
FIRST, SECOND = "lipleak::LSE-C_S < 50", "lipleak::LSE-D_S(AR) > 1"

ENDS = """
import atexit
import os
import signal
import sys
import time
import threading

import numpy as np
import pytest

END = {end!r}
WHEN = {when!r}


def leave():
    exec(compile(END, "end", "exec"))  # from a text, exec would note an interrupt that nobody handles


class Words(Exception):
    def __str__(self):
        leave()
        return "words"


class Model:
    calls = 0

    def __init__(self):
        if WHEN == "factory":
            leave()

    @property
    def fingerprint(self):
        if WHEN == "fingerprint":
            leave()
        return None

    def generate(self, frames, audio, reference):
        self.calls += 1
        if WHEN == "generate":
            leave()
        if WHEN == "second gate" and self.calls == 4:
            leave()
        if WHEN == "words":
            raise Words()
        if WHEN == "thread":
            thread = threading.Thread(target=leave)
            thread.start()
            thread.join()
        return np.repeat(frames[:1], len(frames), axis=0)


if WHEN == "use_clips":
    Model.use_clips = lambda self, clips: leave()
if WHEN == "atexit":
    atexit.register(leave)
    Model.generate = lambda self, frames, audio, reference: frames[:-1]
if WHEN == "import":
    leave()
"""
OS_EXIT, SYS_EXIT = "os._exit(0)", "sys.exit(0)"


def slow(*members: tuple[str, str]) -> list[Any]:
    """Further members of a class of which the quick suite tries a few: each starts a process."""
    return [pytest.param(*member, marks=pytest.mark.slow) for member in members]


def ends(project: Project, when: str, end: str, *arguments: str) -> Run:
    (project.path / "ends.py").write_text(ENDS.format(when=when, end=end))
    return project.measure("ends.py:Model", *GATES, *arguments, subprocess=True)


def reads_as_not_judged(project: Project, capsys: pytest.CaptureFixture[str], *not_run: str) -> None:
    report = json.loads((project.path / "scores.json").read_text())
    assert (report["verdict"], report["finding"]) == ("not judged", "not judged")
    assert {result["verdict"] for result in report["results"]} <= {"not judged"}
    assert report["run"]["ended"] == "early"
    assert report["run"]["not_run"] == list(not_run)
    capsys.readouterr()
    for layout in ("terminal", "markdown"):
        assert main(["report", str(project.path / "scores.json"), f"--format={layout}"]) == GOOD
        said = capsys.readouterr().out
        assert "NOT JUDGED: " in said
        assert "PASSED" not in said


@pytest.mark.parametrize(
    ("end", "why"),
    [
        ("os.kill(os.getpid(), signal.SIGINT)", "interrupted"),
        ("os.kill(os.getpid(), signal.SIGTERM)", r"interrupted \(SIGTERM\)"),
    ],
)
def test_a_run_that_is_stopped_after_a_kept_limit(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    end: str,
    why: str,
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.path / "summary.md"))
    more = ("--junitxml=junit.xml", "--lipleak-html=page")
    run = ends(project, "second gate", end, *more)
    assert run.code in (NOT_JUDGED, pytest.ExitCode.INTERRUPTED)
    assert run.lines(f"^NOT JUDGED: {why}.*; did not run: .*; so far 1 limit kept")
    reads_as_not_judged(project, capsys, SECOND)
    summary = (project.path / "summary.md").read_text()
    assert "NOT JUDGED" in summary
    assert "PASSED" not in summary
    assert 'name="lipleak.verdict" value="not judged"' in (project.path / "junit.xml").read_text()
    page = (project.path / "page" / "index.html").read_text()
    assert "<h1>Not judged<" in page
    assert "LSE-D_S(AR) &gt; 1" in page


def test_a_killed_run_leaves_a_report_that_says_so(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ends(project, "second gate", "os.kill(os.getpid(), signal.SIGKILL)")
    assert run.code == -signal.SIGKILL
    reads_as_not_judged(project, capsys, FIRST, SECOND)


KEPT_BY_ITSELF = """
import numpy as np


class Model:
    def __init__(self):
        self.log = open("log.txt", "w")
        self.note = self.log_call  # a cycle: only the garbage collector ends it

    def log_call(self):
        self.log.write("called\\n")

    def generate(self, frames, audio, reference):
        self.note()
        return np.repeat(frames[:1], len(frames), axis=0)
"""


def test_what_a_model_has_not_flushed_is_written_when_the_process_ends(project: Project) -> None:
    (project.path / "logs.py").write_text(KEPT_BY_ITSELF)
    project.measure("logs.py:Model", GATES[0], subprocess=True)
    assert set((project.path / "log.txt").read_text().split()) == {"called"}


def test_the_same_run_undisturbed_passes(project: Project) -> None:
    run = ends(project, "never", OS_EXIT)
    assert (run.code, run.json["verdict"], run.json["finding"]) == (0, "pass", "passed")
    assert run.json["run"] == {
        "ended": "finished",
        "why": None,
        "not_run": [],
        "deselected": 0,
        "skipped": 0,
        "only_last_failed": False,
    }


@pytest.mark.parametrize("workers", [(), pytest.param(("-n1",), marks=pytest.mark.slow)], ids=["alone", "n1"])
@pytest.mark.parametrize("option", ["-x", "--maxfail=1"])
def test_what_the_first_failure_kept_from_running_is_named(
    project: Project, capsys: pytest.CaptureFixture[str], option: str, workers: tuple[str, ...]
) -> None:
    project.write(test_first="def test_first(lipleak): assert lipleak.measure('LSE-C_S').value < 0")
    run = project.measure("Still", option, *GATES, *workers)
    assert run.code != 0
    assert run.json["unjudged"] == ["test_first.py::test_first"]
    assert run.json["run"]["not_run"][-1:] == [SECOND]
    assert run.json["verdict"] == "not judged"
    after = project.measure(
        "Still", option, GATES[0], "--deselect=test_first.py", "--lipleak-gate=LSE-D_S > 90"
    )
    assert after.json["run"]["ended"] == "finished", "nothing was left to run"
    assert (after.json["verdict"], after.json["finding"]) == ("fail", "leaks")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hook", "code"),
    [
        ("def pytest_runtest_teardown(item, nextitem): raise SystemError('broken')", 1),
        ("def pytest_runtest_logfinish(nodeid, location): raise SystemError('broken')", 3),
        ("def pytest_sessionfinish(session): raise SystemError('broken')", 1),
        ("def pytest_terminal_summary(terminalreporter): raise SystemError('broken')", 1),
        ("def pytest_unconfigure(config): raise SystemError('broken')", 1),
        ("import pytest\ndef pytest_sessionfinish(session): pytest.exit('done', returncode=0)", 3),
        ("import pytest\ndef pytest_runtest_logfinish(): pytest.exit('enough', returncode=0)", 3),
        ("import pytest\ndef pytest_sessionstart(): pytest.exit('enough', returncode=0)", 3),
        ("import pytest\ndef pytest_configure(): pytest.exit('enough', returncode=0)", 3),
        (
            "import pytest\n@pytest.fixture(scope='session', autouse=True)\ndef fails(): raise SystemError('no')",
            1,
        ),
    ],
    ids=[
        "teardown",
        "logfinish",
        "sessionfinish",
        "summary",
        "unconfigure",
        "exit at the end",
        "exit",
        "exit at the start",
        "exit before the start",
        "fixture",
    ],
)
def test_a_hook_or_reporter_that_crashes(project: Project, hook: str, code: int) -> None:
    project.write(conftest=hook, test_one="def test_one(lipleak): lipleak.measure('LSE-C_S')")
    run = project.measure("Still", *GATES, subprocess=True)
    assert run.code == code, run.text
    assert run.json["verdict"] == "not judged"


@pytest.mark.parametrize(
    ("when", "end", "code"),
    [
        ("second gate", "pytest.skip('easy')", 3),
        ("second gate", "pytest.xfail('easy')", 3),
        ("use_clips", "pytest.skip('easy')", 3),
        ("fingerprint", "pytest.xfail('easy')", 3),
        ("import", "pytest.skip('easy', allow_module_level=True)", 4),
    ],
)
def test_a_model_cannot_skip_what_judges_it(project: Project, when: str, end: str, code: int) -> None:
    (project.path / "ends.py").write_text(ENDS.format(when=when, end=end))
    run = project.measure("ends.py:Model", *GATES)
    assert (run.code, run.json["verdict"]) == (code, "not judged"), run.text
    assert run.lines(r"(Skipped|XFailed).*easy")
    assert "INTERNALERROR" not in run.text


def test_a_test_may_skip_itself_and_a_conftest_its_gates(project: Project) -> None:
    project.write(
        conftest="import pytest\n@pytest.hookimpl(trylast=True)\n"
        "def pytest_collection_modifyitems(items): items[-1].add_marker(pytest.mark.skip(reason='elsewhere'))",
        test_one="import pytest\ndef test_one(lipleak): pytest.skip('not here')",
    )
    run = project.measure("Still", *GATES, "-rs")
    assert (run.code, run.counts["passed"], run.counts["skipped"]) == (0, 1, 2), run.text
    assert run.lines("SKIPPED.*elsewhere")
    assert run.json["run"]["skipped"] == 1, "the gate; what skips itself in its call has begun to judge"
    assert run.lines("^PASSED: 1 limit kept; .*1 skipped by a mark or a fixture$")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes fork where systems can")
def test_a_forked_process_does_not_go_on_with_the_run(project: Project) -> None:
    forks = "child = os.fork()\nif child: os.waitpid(child, 0)"
    run = ends(project, "second gate", forks, "--lipleak-keep=kept")
    assert (run.code, run.json["verdict"]) == (0, "pass"), run.text
    assert len(run.lines(" passed")) == 1, "the child judged, reported and removed files as well"


def test_what_the_user_leaves_out_is_said_and_is_no_interruption(project: Project) -> None:
    run = project.measure("Still", *GATES, "-k", "LSE-C_S")
    assert (run.code, run.json["verdict"], run.json["run"]["deselected"]) == (0, "pass", 1)
    assert run.lines("^PASSED: 1 limit kept; .*1 deselected$")


@pytest.mark.parametrize(
    ("option", "words"), [("--lf", "--lf left out what did not fail last time"), ("--sw", "1 deselected")]
)
def test_what_pytest_leaves_out_by_itself_is_said(
    project: Project, in_a_worker: tuple[str, ...], option: str, words: str
) -> None:
    judges = "from pytest_lipleak import assert_metric\ndef test_it(lipleak): assert_metric(lipleak, '{}')"
    project.write(test_a=judges.format("LSE-C_S < 50"), test_b=judges.format("LSE-C[AM,CR] > 50"))
    whole = project.measure("Still", option, *in_a_worker)
    assert (whole.counts["passed"], whole.counts["failed"]) == (1, 1)
    assert words not in whole.text, "nothing failed last time, and nothing is left out"
    project.write(test_b=judges.format("LSE-C[AM,CR] > 0.1"))
    again = project.measure("Still", option, *in_a_worker)
    assert (again.code, again.counts["passed"]) == (0, 1), again.text
    assert again.lines(f"^PASSED: 1 limit kept; .*leaks at all; {words}$"), again.text


@pytest.mark.parametrize(
    ("when", "end"),
    [
        ("import", OS_EXIT), ("generate", OS_EXIT), ("thread", OS_EXIT),
        *slow(
            ("factory", OS_EXIT), ("fingerprint", OS_EXIT), ("use_clips", OS_EXIT), ("words", OS_EXIT),
            ("atexit", OS_EXIT), ("import", "import posix; posix._exit(0)"), ("import", SYS_EXIT),
            ("use_clips", SYS_EXIT), ("words", "raise SystemExit"), ("fingerprint", "raise SystemExit(None)"),
        ),
    ],
)  # fmt: skip
def test_no_end_with_status_0_in_pytest(project: Project, when: str, end: str) -> None:
    run = ends(project, when, end)
    assert run.code != 0, run.text
    assert run.json["verdict"] == "not judged"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("workers", "when", "end"),
    [
        # A worker that dies while the other goes on, and what ends any worker alike.
        ("-n2", "thread", OS_EXIT), ("-n2", "generate", SYS_EXIT),
        ("-n1", "import", OS_EXIT), ("-n1", "use_clips", SYS_EXIT),
        ("-n1", "generate", "pytest.exit('enough', returncode=0)"),
    ],
)  # fmt: skip
def test_no_end_with_status_0_in_workers(project: Project, workers: str, when: str, end: str) -> None:
    run = ends(project, when, end, workers)
    assert run.code != 0, run.text
    assert run.json["verdict"] == "not judged"


def test_other_statuses_stay_as_they_are(project: Project) -> None:
    assert ends(project, "thread", "os._exit(7)").code == 7


def test_another_status_is_said_beside_what_ended_the_process(project: Project) -> None:
    run = ends(project, "generate", "os._exit(9)")
    assert run.code == 9
    assert (
        "NOT JUDGED: the model (or another plugin) ended the process with status 9 before the run" in run.text
    )


def lipleak(project: Project, *arguments: str, **options: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "pytest_lipleak.cli", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.Popen(command, cwd=project.path, text=True, **pipes)  # type: ignore[call-overload, no-any-return]


def evaluate(project: Project, when: str, end: str, *more: str) -> "subprocess.Popen[str]":
    (project.path / "ends.py").write_text(ENDS.format(when=when, end=end))
    given = ("--model=ends.py:Model", f"--clips={project.clips}", "--expert=embedded", "--json=scores.json")
    gates = [gate.replace("--lipleak-", "--") for gate in GATES]
    return lipleak(project, "evaluate", *given, *gates, *more)


@pytest.mark.parametrize(
    ("when", "end"),
    [
        ("import", OS_EXIT),
        ("second gate", "os.execv('/bin/true', ['true'])"),
        *slow(
            ("words", OS_EXIT), ("thread", OS_EXIT), ("atexit", OS_EXIT),
            ("fingerprint", SYS_EXIT),
            ("second gate", "import ctypes; ctypes.CDLL(None)._exit(0)"),
            ("second gate", "os.kill(os.getpid(), signal.SIGKILL)"),
            ("second gate", "os._exit(1)"), ("second gate", "raise MemoryError"),
            ("use_clips", "raise RecursionError"),
        ),
    ],
)  # fmt: skip
def test_no_end_with_status_0_or_1_in_evaluate(project: Project, when: str, end: str) -> None:
    run = evaluate(project, when, end)
    _, err = run.communicate(timeout=120)
    assert run.returncode in ((2, NOT_JUDGED) if when in ("import", "fingerprint") else (NOT_JUDGED,)), err
    assert "Traceback" not in err
    if when != "import":
        assert json.loads((project.path / "scores.json").read_text())["verdict"] == "not judged"


LOUD = "print('PASSED: 99 limits kept'); os.write(1, b'by native code'); os.system('echo by a program')"


@pytest.mark.parametrize("when", ["never", "generate", pytest.param("factory", marks=pytest.mark.slow)])
def test_evaluate_as_a_program_passes_and_prints(project: Project, when: str) -> None:
    run = evaluate(project, when, LOUD, "--json=-", "-q")
    out, err = run.communicate(timeout=120)
    assert (run.returncode, json.loads(out)["verdict"]) == (GOOD, "pass"), err
    said = [words in err for words in ("PASSED: 99", "by native code", "by a program")]
    assert said == [when != "never"] * 3


@pytest.mark.parametrize("name", [pytest.param("SIGINT", marks=pytest.mark.slow), "SIGTERM"])
@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals are forwarded where systems fork")
def test_a_signal_to_evaluate_reaches_its_child(
    project: Project, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    waits = "open('begun', 'w').close(); import time; time.sleep(600)"
    run = evaluate(project, "second gate", waits)
    for _ in range(1200):
        if (project.path / "begun").exists():
            break
        time.sleep(0.05)
    run.send_signal(signal.Signals[name])
    _, err = run.communicate(timeout=60)
    assert run.returncode == NOT_JUDGED
    assert f"lipleak: could not be judged: interrupted ({name})" in err
    reads_as_not_judged(project, capsys, "LSE-D_S[AR] > 1")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
def test_the_child_ends_when_its_parent_is_killed(project: Project) -> None:
    waits = "open('begun', 'w').write(str(os.getpid())); import time; time.sleep(600)"
    run = evaluate(project, "second gate", waits)

    for _ in range(1200):
        if (project.path / "begun").exists() and (project.path / "begun").read_text():
            break
        time.sleep(0.05)
    child = int((project.path / "begun").read_text())
    assert child != run.pid
    run.kill()
    run.communicate(timeout=60)  # ends only when the child no longer holds the pipes
    for _ in range(600):
        if not Path(f"/proc/{child}").exists():
            return
        time.sleep(0.05)
    pytest.fail("the child goes on")


@pytest.mark.parametrize(
    "arguments", [("--help",), ("report", "--schema"), ("models",), ("report", "--paper=all")]
)
def test_output_that_nobody_reads_to_its_end(project: Project, arguments: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    run = lipleak(project, *arguments, stdout=writing)
    os.close(writing)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 141 or (arguments == ("--help",) and run.returncode == 0)
    assert err == ""


@pytest.mark.parametrize("status", [256, 512, -256])
def test_the_system_keeps_eight_bits_of_a_status(status: int) -> None:
    assert reads_as_passed(status)
    assert safe_status(SystemExit(status)) == 3
    assert not reads_as_passed(255)
    assert not reads_as_passed("0")


@pytest.mark.slow
def test_setting_fixtures_up_is_no_verdict(project: Project) -> None:
    run = project.measure("Copy", "--lipleak-gate=LSE-C_S < 99", "--setup-plan")
    assert run.code == 3
    assert run.json["verdict"] == "not judged"
