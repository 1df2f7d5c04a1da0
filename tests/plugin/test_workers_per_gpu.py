"""Few workers hold the model at once, and the others score: the same numbers, and nobody waits for ever."""

import re
from collections import Counter

import pytest
from inner_pytest import Project, Run

HELD = '''

import signal
import time


def is_alive(process):
    """Also false of a process that was killed and not yet waited for."""
    status = Path("/proc", process, "stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] not in "ZX"


class Held(Copy):
    """Notes who holds it, and how many do when it is loaded."""

    def __init__(self, log, seconds=0, killed=False):
        super().__init__(os.path.abspath(f"{log}/calls"))
        self.folder, self.seconds, self.killed = Path(log).absolute(), seconds, killed
        self.holders = self.folder / "holders"
        self.holders.mkdir(parents=True, exist_ok=True)
        (self.holders / str(os.getpid())).touch()
        alive = [path.name for path in self.holders.iterdir() if is_alive(path.name)]
        (self.folder / f"loaded-{len(alive)}-{os.getpid()}-{time.monotonic_ns()}").touch()

    def __del__(self):
        (self.holders / str(os.getpid())).unlink()

    def generate(self, frames, audio, reference):
        time.sleep(self.seconds)
        if self.killed:
            try:
                (self.folder / "killed").touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().generate(frames, audio, reference)


class Known(Held):
    fingerprint = "weights 1"
    supports = ("CR",)


class Unloadable:
    def __init__(self):
        raise OSError("checkpoint.pth is not here")


EAGER = None


def hoarded(log):
    global EAGER
    EAGER = EAGER or Held(log)
    return EAGER
'''
LIMITS = ("LSE-C_S < 50", "LSD-CR < 50", "LSE-C_XO[CR] < 50", "PSNR[AM,CR] > 20")
GATES = tuple(f"--lipleak-gate={limit}" for limit in LIMITS)


@pytest.fixture
def held(project: Project) -> Project:
    with (project.path / "models.py").open("a") as file:
        file.write(HELD)
    return project


def measure(project: Project, log: str, *arguments: str, model: str = "Held") -> Run:
    return project.measure(model, *GATES, f"--lipleak-model-arg=log={log}", *arguments)


def most_at_once(project: Project, log: str) -> int:
    return max(int(path.name.split("-")[1]) for path in (project.path / log).glob("loaded-*"))


def made(project: Project, log: str) -> Counter[str]:
    return Counter(path.name.rsplit("-", 2)[0] for path in (project.path / log / "calls").iterdir())


def numbers(run: Run) -> dict[str, object]:
    (result,) = run.lasting["results"]
    result["provenance"].pop("arguments")
    return result


@pytest.mark.slow
@pytest.mark.parametrize("model", ["Held", "Known"])
def test_no_more_than_so_many_hold_the_model_and_the_numbers_are_the_same(held: Project, model: str) -> None:
    expected = numbers(measure(held, "alone", model=model))
    for slots in (1, 2) if model == "Known" else (1,):
        log = f"slots{slots}"
        run = measure(
            held,
            log,
            f"-n{slots + 1}",
            f"--lipleak-workers-per-gpu={slots}",
            "--lipleak-model-arg=seconds=0.15",
            model=model,
        )
        assert run.counts == {"passed": 4}, run.text
        assert 1 <= most_at_once(held, log) <= slots
        assert numbers(run) == expected
        assert set(made(held, log).values()) == {1}
        assert not list((held.path / log / "holders").iterdir()), "let go of at the end of every test"
        assert not run.lines("something else holds the model")
        assert not held.run_folders()


@pytest.mark.slow
def test_without_the_option_all_workers_hold_it(held: Project) -> None:
    measure(held, "log", "-n2", "--lipleak-model-arg=seconds=0.15")
    assert most_at_once(held, "log") > 1


@pytest.mark.slow
def test_the_slot_of_a_killed_worker_is_free_again(held: Project) -> None:
    run = measure(held, "log", "-n2", "--lipleak-workers-per-gpu=1", "--lipleak-model-arg=killed=True")
    assert run.counts == {"passed": 3, "failed": 1}, run.text
    assert run.lines("worker 'gw[01]' crashed while running 'lipleak::")
    assert most_at_once(held, "log") == 1
    assert set(made(held, "log").values()) == {1}


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_fails_every_test_with_its_own_words(held: Project) -> None:
    run = held.measure("Unloadable", *GATES[:2], "-n2", "--lipleak-workers-per-gpu=1")
    assert run.counts == {"failed": 2}, run.text
    assert len(run.lines("could not be loaded: OSError: checkpoint.pth is not here")) >= 2


@pytest.mark.slow
def test_a_model_that_is_held_elsewhere_is_said_to_be_and_no_failure(held: Project) -> None:
    run = measure(held, "log", "-n2", "--lipleak-workers-per-gpu=1", "-Werror", model="hoarded")
    assert run.counts == {"passed": 4}, run.text
    assert run.lines("something else holds the model, so its memory is not freed")


FIXTURE = """
import pytest


class Wrapper:
    fingerprint = "wrapped"

    def __init__(self, model):
        self.model = model

    def generate(self, frames, audio, reference):
        return self.model.generate(frames, audio, reference)


@pytest.fixture(scope="session")
def lipleak_model(lipleak_model):
    return Wrapper(lipleak_model.generator)
"""
TESTS = "".join(
    f"""
def test_{name}(lipleak):
    assert lipleak.measure({limit!r}).value < 50
"""
    for name, limit in (("silent", "LSE-C_S"), ("mismatched", "LSD-CR"), ("own", "LSE-C_XO[CR]"))
)


@pytest.mark.slow
def test_a_model_around_the_sessions_is_shared(held: Project) -> None:
    (held.path / "conftest.py").write_text(FIXTURE)
    (held.path / "test_wrapped.py").write_text(TESTS)
    arguments = (
        "--lipleak-model-arg=log=log",
        "--lipleak-model-arg=seconds=0.15",
        "--lipleak-workers-per-gpu=1",
    )
    run = held.measure("Known", "test_wrapped.py", "-n2", *arguments)
    assert run.counts == {"passed": 3}, run.text
    assert most_at_once(held, "log") == 1
    assert set(made(held, "log").values()) == {1}
    assert not run.lines("does not count for")


def test_one_process_needs_no_slot(held: Project) -> None:
    run = measure(held, "log", "--lipleak-workers-per-gpu=1")
    assert run.counts == {"passed": 4}
    assert len(list((held.path / "log").glob("loaded-*"))) == 1
    assert re.search(r"--lipleak-workers-per-gpu=N", held.run("--help").text)
