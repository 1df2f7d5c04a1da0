"""What breaks in the middle of a run: every test really breaks it, and looks at numbers, artefacts and words."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from inner_pytest import Project, Run

from pytest_lipleak.machine.private_folders import PrivateFolder
from pytest_lipleak.store.store import Store

COLD = sys.executable
"""Python itself: in the tests that are not marked so, a program that forks stands for it (tests/warm_python.py)."""

FAULTY = '''
import signal
import subprocess
import sys
import time

from models import Copy


class Known(Copy):
    """Generates the same in every run; may take its time."""

    fingerprint = "weights 1"

    def __init__(self, log="", seconds=0):
        super().__init__(log)
        self.seconds = seconds

    def generate(self, frames, audio, reference):
        time.sleep(self.seconds)
        return super().generate(frames, audio, reference)


class Killed(Known):
    """Killed by the system in the middle of its second call, once."""

    calls = 0

    def generate(self, frames, audio, reference):
        self.calls += 1
        if self.calls == 2:
            try:
                open(self.log + ".killed", "x").close()
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().generate(frames, audio, reference)


class KilledWriting(Killed):
    """Killed in the middle of writing its second video, once."""

    def generate(self, frames, audio, reference):
        from pytest_lipleak.evaluation.make import videos

        self.calls += 1
        if self.calls == 2:
            def half(path, frames):
                path.write_bytes(b"half a video")
                os.kill(os.getpid(), signal.SIGKILL)

            try:
                open(self.log + ".killed", "x").close()
            except FileExistsError:
                pass
            else:
                videos.write_video = half
        return Known.generate(self, frames, audio, reference)


class Hangs(Copy):
    """On the clip whose corner is brightest."""

    def generate(self, frames, audio, reference):
        if frames[0, 0, 0, 0] > 210:
            time.sleep(600)
        return super().generate(frames, audio, reference)


class Noisy(Copy):
    """Prints megabytes by every way out, leaks memory, forks, and leaves a child and a changed folder behind."""

    hoard = []

    def generate(self, frames, audio, reference):
        line = "x" * 999 + chr(10)
        print(line * 1000)
        print(line * 1000, file=sys.stderr)
        os.write(1, line.encode() * 1000)
        subprocess.run([sys.executable, "-c", "print('y' * 1000000)"], check=True)
        self.hoard.append(bytearray(20_000_000))
        if (child := os.fork()) == 0:
            os._exit(7)
        os.waitpid(child, 0)
        os.chdir("/")
        return super().generate(frames, audio, reference)
'''
IMPATIENT = """
from execnet.gateway_base import WorkerPool

wait = WorkerPool.waitall
WorkerPool.waitall = lambda self, timeout=None: wait(self, timeout and timeout / 10)
"""
"""execnet interrupts what runs 5 s after the controller's end, and ends the process after another 10 s: here sooner."""

GATES = ("--lipleak-gate=LSE-C_S < 50", "--lipleak-gate=LSE-D_S[AR] > 1")
TRIALS = 6


@pytest.fixture
def faulty(project: Project) -> Project:
    (project.path / "faulty.py").write_text(
        FAULTY.replace("\nimport signal", "\nimport os\nimport signal", 1)
    )
    return project


def measure(project: Project, model: str, log: str, *arguments: str) -> Run:
    given = (f"--lipleak-model-arg=log={project.path / log}", *GATES, *arguments)
    return project.measure(f"faulty:{model}", *given, subprocess=True)


_undisturbed: list[dict] = []


def undisturbed_trials(faulty: Project) -> list[dict]:
    """What a run that nothing disturbs scores: the same for every test here, so one of them measures it.

    Its hashes have another seed than those of the tests' forks, so that what rests on their order differs.
    """
    if not _undisturbed:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.executable", COLD)
            _undisturbed.extend(trials(measure(faulty, "Known", "undisturbed")))
    return _undisturbed


def made(folder: Path) -> Counter[str]:
    return Counter("-".join(path.name.split("-")[:3]) for path in folder.iterdir())


def trials(run: Run) -> list[dict]:
    (result,) = run.json["results"]
    return result["trials"]


def age(folder: Path, days: float) -> None:
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (time.time() - days * 86400,) * 2)


def left_behind(temporary: Path, name: str, days: float) -> Path:
    """The folder of a process that was killed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(temporary))
        folder = PrivateFolder(name)
        path = folder.enter()
        (path / "video.mkv").touch()
        folder.leave(remove=False)
    age(path, days)
    return path


def test_what_a_killed_run_left_is_removed_two_days_later_and_nothing_else(project: Project) -> None:
    temporary = project.path / "temporary"
    old, young = left_behind(temporary, "0a", 3), left_behind(temporary, "0b", 1)
    results, home, anna = (temporary / f"pytest-{name}" for name in ("lipleak-results", "home", "of-anna"))
    for folder in (results, home, anna):
        folder.mkdir()
        (folder / "video.mkv").touch()
        age(folder, 300)
    (temporary / "pytest-lipleak-home").symlink_to(home)
    renamed = left_behind(temporary, "0c", 3).rename(temporary / "pytest-lipleak-renamed")
    store = left_behind(temporary, "0d", 3) / "store"
    Store(store).check()
    age(store.parent, 3)
    before = set(temporary.iterdir())
    assert project.measure("Copy", "--collect-only", f"--lipleak-store={results}").code == 0
    assert project.measure("Copy", "--co", f"--lipleak-store={results}").code == 0
    assert set(temporary.iterdir()) == before
    assert [path.name for path in results.iterdir()] == ["video.mkv"]
    results.chmod(0o700)
    assert project.measure("Copy", *GATES, f"--lipleak-store={results}").code in (0, 1)
    assert before - set(temporary.iterdir()) == {old}
    left = (young, results, home, anna, renamed)
    assert [folder for folder in left if not (folder / "video.mkv").is_file()] == []
    assert store.is_dir()


@pytest.mark.slow
@pytest.mark.parametrize("model", ["Killed", "KilledWriting"])
def test_killed_and_started_again_makes_only_what_is_missing(faulty: Project, model: str) -> None:
    undisturbed = undisturbed_trials(faulty)
    killed = measure(faulty, model, "log", "--lipleak-store=store")
    assert killed.code == -signal.SIGKILL
    first = made(faulty.path / "log")
    finished = {path.name for path in (faulty.path / "store").rglob("video-*.mkv")}
    assert len(finished) == 1
    again = measure(faulty, model, "log", "--lipleak-store=store")
    assert again.counts == {"passed": 2}
    assert trials(again) == undisturbed
    total = made(faulty.path / "log")
    assert len(total) == TRIALS
    remade = {trial for trial, times in total.items() if times > 1}
    assert len(remade) == (1 if model == "KilledWriting" else 0), "only what it was killed over"
    assert first <= total
    videos = {path.name for path in (faulty.path / "store").rglob("video-*.mkv")}
    assert finished <= videos
    assert len(videos) == TRIALS


@pytest.mark.slow
def test_a_killed_worker_costs_its_test_and_no_finished_trial(faulty: Project) -> None:
    undisturbed = undisturbed_trials(faulty)
    run = measure(faulty, "Killed", "log", "--lipleak-store=store", "-n2")
    assert run.code == pytest.ExitCode.TESTS_FAILED
    assert run.lines(r"worker 'gw\d' crashed while running 'lipleak::LSE-")
    assert run.lines("^NOT JUDGED: lipleak::LSE-.* failed for another reason")
    assert run.json["verdict"] == "not judged"
    again = measure(faulty, "Killed", "log", "--lipleak-store=store", "-n2")
    assert again.counts == {"passed": 2}
    assert trials(again) == undisturbed
    assert set(made(faulty.path / "log").values()) == {1}


@pytest.mark.slow
@pytest.mark.cold
def test_two_runs_at_once_on_one_store_make_everything_once(faulty: Project) -> None:
    (faulty.path / "log").mkdir()
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", *GATES]
    command += [
        "--lipleak-model=faulty:Known",
        f"--lipleak-clips={faulty.clips}",
        "--lipleak-expert=embedded",
        "--lipleak-store=store",
    ]
    command += [f"--lipleak-model-arg=log={faulty.path / 'log'}", "--lipleak-model-arg=seconds=0.2"]
    runs = [
        subprocess.Popen(
            [*command, f"--lipleak-json={number}.json"], cwd=faulty.path, stdout=subprocess.DEVNULL
        )
        for number in range(2)
    ]
    assert [run.wait(timeout=120) for run in runs] == [0, 0]
    reports = [json.loads((faulty.path / f"{number}.json").read_text()) for number in range(2)]
    (first,), (second,) = (report["results"] for report in reports)
    for numbers in ("trials", "verdicts", "unrelated"):
        assert first[numbers] == second[numbers]
        assert first[numbers]
    log = made(faulty.path / "log")
    assert (len(log), set(log.values())) == (TRIALS, {1})


@pytest.mark.slow
def test_a_model_that_hangs_on_one_clip_is_named_and_the_rest_is_made(faulty: Project) -> None:
    begun = time.monotonic()
    run = measure(faulty, "Hangs", "log", "--lipleak-timeout=1")
    assert time.monotonic() - begun < 60
    assert run.counts == {"failed": 2}
    words = "clip 'clip2', condition .SI,CR.: generate.. did not return within 1 s .--lipleak-timeout"
    assert run.lines(words)
    assert len(made(faulty.path / "log")) == 4, "the two other clips under both conditions"
    assert run.json["verdict"] == "not judged"


def test_a_full_disk_under_keep_is_said_and_no_score_is_lost(project: Project) -> None:
    disk = project.path / "keep"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no permission to mount a small disk")
    try:
        run = project.measure("Copy", "--lipleak-gate=LSE-C_S < 50", f"--lipleak-keep={disk}")
        left = [path for path in disk.rglob("*") if path.is_file() and path.name.startswith(".")]
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert run.counts == {"failed": 1}
    assert run.lines(
        r"video to keep .*: cannot be written \(No space left on device\); free some space, name another"
    )
    assert run.json["verdict"] == "not judged"
    assert len(trials(run)) == 3, "the real clips are scored all the same, and nothing is generated in vain"
    assert left == []


@pytest.mark.slow
@pytest.mark.cold
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
def test_workers_end_when_their_controller_is_killed(faulty: Project) -> None:
    (faulty.path / "conftest.py").write_text(IMPATIENT)
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", "-n2", *GATES]
    command += [
        "--lipleak-model=faulty:Known",
        f"--lipleak-clips={faulty.clips}",
        "--lipleak-expert=embedded",
        "--lipleak-store=store",
    ]
    command += [f"--lipleak-model-arg=log={faulty.path / 'log'}", "--lipleak-model-arg=seconds=300"]
    run = subprocess.Popen(command, cwd=faulty.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    children = Path(f"/proc/{run.pid}/task/{run.pid}/children")
    deadline = time.monotonic() + 120
    while len(list((faulty.path / "store").rglob("video-*.lock"))) < 2:
        assert time.monotonic() < deadline, "the workers did not begin to generate"
        assert run.poll() is None
        time.sleep(0.2)
    workers = [Path("/proc", child) for child in children.read_text().split()]
    assert len(workers) == 2
    run.kill()
    run.wait()
    deadline = time.monotonic() + 60
    while any(worker.exists() for worker in workers):
        assert time.monotonic() < deadline, "a worker outlived its controller"
        time.sleep(0.2)
    assert not list((faulty.path / "store").rglob("video-*.mkv")), "nothing half-made is taken for a video"
    again = measure(faulty, "Known", "log", "--lipleak-store=store")
    assert again.counts == {"passed": 2}, "and the store is as good as before"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize("way", [(), ("-n2",)], ids=["plain", "n2"])
def test_a_model_that_prints_forks_and_leaks_changes_nothing(faulty: Project, way: tuple[str, ...]) -> None:
    undisturbed = undisturbed_trials(faulty)
    run = measure(faulty, "Noisy", "log", *way)
    # From 3.12 on Python itself warns of a fork in a process with threads.
    assert {how: count for how, count in run.counts.items() if how != "warnings"} == {"passed": 2}
    assert len(run.text) < 10_000
    assert trials(run) == undisturbed
    assert not faulty.run_folders()
