"""A model that hangs or runs out of memory is stopped or helped, and named."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from pytest_lipleak.core.clips import Clip
from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.errors import GeneratorError
from pytest_lipleak.generators.call_guard import EXIT_CODE, TimeUpError, is_out_of_memory, time_limit
from pytest_lipleak.generators.interface import run_generator

CLIP = Clip("ann", np.zeros((4, 6, 8, 3), np.uint8), np.zeros(4 * 640, np.int16))
CONDITION = Condition(Setup.SI, Reference.CR)


class Model:
    def __init__(self, work: Callable[[], object], batch: object = None) -> None:
        self.work = work
        self.calls = 0
        if batch is not None:
            self.batch = batch

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        self.calls += 1
        self.work()
        return frames


def run(model: Model, timeout: float | None = None) -> np.ndarray:
    return run_generator(model, "m", CLIP, CONDITION, CLIP.audio, CLIP.frames, timeout=timeout)


@pytest.fixture(autouse=True)
def alarm_is_left_as_it_was() -> Iterator[None]:
    before = signal.getsignal(signal.SIGALRM)
    yield
    assert signal.getsignal(signal.SIGALRM) is before


def busy() -> None:
    while True:
        pass


def swallows() -> None:
    while True:
        try:
            time.sleep(60)
        except Exception:
            continue


@pytest.mark.parametrize("work", [lambda: time.sleep(60), busy, swallows, lambda: threading.Event().wait(60)])
def test_a_call_that_hangs_ends_and_is_named(work: Callable[[], object]) -> None:
    begun = time.monotonic()
    with pytest.raises(GeneratorError) as said:
        run(Model(work), timeout=0.2)
    assert time.monotonic() - begun < 2
    assert str(said.value) == (
        "model 'm', clip 'ann', condition [SI,CR]: generate() did not return within 0.2 s (--lipleak-timeout)"
    )
    assert run(Model(lambda: None), timeout=0.2) is not None, "the next trial is not touched"
    time.sleep(0.25)


def test_an_earlier_alarm_keeps_its_time() -> None:
    rung = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: rung.append(time.monotonic()))
    try:
        begun = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        with pytest.raises(TimeUpError), time_limit(0.1, "m"):
            time.sleep(5)
        with time_limit(30, "m"):
            time.sleep(1)
        assert len(rung) == 1
        assert rung[0] - begun == pytest.approx(0.5, abs=0.2)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


NATIVE_HANG = """
import ctypes
from pytest_lipleak.generators import call_guard
call_guard.GRACE = 0.3
with call_guard.time_limit(0.2, "model 'm', clip 'ann', condition [SI,CR]"):
    lock, native = ctypes.create_string_buffer(256), ctypes.CDLL(None)
    native.pthread_mutex_lock(lock)
    native.pthread_mutex_lock(lock)
"""
NO_MAIN_THREAD = """
import threading, time
from pytest_lipleak.generators import call_guard
call_guard.GRACE = 0.3
def work():
    with call_guard.time_limit(0.2, "model 'm', clip 'ann', condition [SI,CR]"):
        time.sleep(60)
threading.Thread(target=work).start()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="hangs by a POSIX mutex")
@pytest.mark.parametrize("program", [NATIVE_HANG, NO_MAIN_THREAD], ids=["native", "thread"])
def test_what_cannot_be_interrupted_ends_the_process_and_says_why(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == EXIT_CODE
    assert done.stderr == (
        "model 'm', clip 'ann', condition [SI,CR]: generate() did not return within 0.2 s (--lipleak-timeout), "
        "and cannot be interrupted; this process ends\n"
    )


class OutOfMemoryError(RuntimeError):
    """Named like torch's."""


MEMORY_ENDS = [
    MemoryError(),
    OutOfMemoryError("CUDA"),
    RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
]


class Needs:
    """Works with a batch of at most ``most``."""

    def __init__(self, most: int, error: Exception) -> None:
        self.most, self.error = most, error
        self.model: Model | None = None

    def __call__(self) -> None:
        assert self.model is not None
        if getattr(self.model, "batch", 99) > self.most:
            raise self.error


@pytest.mark.parametrize("error", MEMORY_ENDS, ids=lambda error: type(error).__name__)
def test_memory_that_ends_is_met_with_half_the_batch(error: Exception, remarks: list[str]) -> None:
    work = Needs(4, error)
    model = work.model = Model(work, batch=8)
    run(model)
    assert remarks[0].startswith("model 'm', clip 'ann'")
    assert remarks[0].endswith("out of memory; goes on with batch 4, half of what it was")
    assert (model.batch, model.calls) == (4, 2)
    run(model)
    assert (model.batch, model.calls) == (4, 3), "the smaller batch stays"


@pytest.mark.parametrize(("batch", "calls"), [(None, 1), (1, 1), (16, 2), ("many", 1)])
def test_once_only_and_then_it_says_what_to_lower(batch: object, calls: int) -> None:
    def ends() -> None:
        raise MemoryError("no more")

    model = Model(ends, batch)
    with pytest.raises(
        GeneratorError,
        match=r"generate\(\) raised MemoryError: no more; memory ended: lower the model's batch",
    ):
        run(model)
    assert model.calls == calls


def test_other_errors_are_not_tried_again() -> None:
    def fails() -> None:
        raise RuntimeError("out of ideas")

    model = Model(fails, batch=8)
    with pytest.raises(GeneratorError, match=r"raised RuntimeError: out of ideas$"):
        run(model)
    assert (model.calls, model.batch) == (1, 8)


def test_torchs_own_error_is_known() -> None:
    torch = pytest.importorskip("torch")
    assert is_out_of_memory(torch.cuda.OutOfMemoryError("CUDA"))
    with pytest.raises(RuntimeError) as said:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(said.value)


@pytest.mark.gpu
def test_a_gpu_that_is_really_full(remarks: list[str]) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device is visible")
    room = torch.cuda.mem_get_info()[0]

    def allocates() -> None:
        torch.empty(int(room * model.batch / 6), dtype=torch.uint8, device="cuda")

    model = Model(allocates, batch=8)
    run(model)
    assert "goes on with batch 4" in remarks[0]
    assert (model.batch, model.calls) == (4, 2)
