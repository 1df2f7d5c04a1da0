"""What a model may cost: a time limit for one call, and a second try with a smaller batch when memory ends."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import FrameType
from typing import NoReturn

from pytest_lipleak.core.remarks import remark
from pytest_lipleak.generators.contract import batch_of

GRACE = 5.0
"""Seconds that a call has to end after its time is up, before the process is given up; then it is told again."""

EXIT_CODE = 70
"""Of a process that was given up."""

MEMORY_WORDS = (
    "CUDA out of memory",
    "MPS backend out of memory",
    "can't allocate memory",
    "Failed to allocate",
)
"""In the RuntimeErrors of torch and ONNX Runtime that mean the same as MemoryError."""

LOWER = (
    "lower the model's batch (--lipleak-model-arg, where its factory takes one), the number of workers (-n), or the "
    "length or size of the clips, or use another --lipleak-device"
)

OnGiveUp = Callable[[str], None]
"""Says something where people see it although the process ends right after."""


class TimeUpError(BaseException):
    """One call took too long; not an ``Exception``, which a model's own ``except`` would swallow."""


def to_stderr(text: str) -> None:
    """Write last words to the error stream."""
    print(text, file=sys.__stderr__, flush=True)


@contextmanager
def time_limit(seconds: float | None, owner: str, on_give_up: OnGiveUp = to_stderr) -> Iterator[None]:
    """End what runs inside when it takes longer than ``seconds``; None sets no limit.

    No thread can be killed, so the limit is kept in two steps. In the main thread an alarm raises in the
    middle of the call, which ends all that runs or waits in Python. What hangs in native code, or swallows
    that, is given up ``GRACE`` seconds later: the whole process ends with ``on_give_up`` on who was at it.
    A native call that holds the interpreter's lock stops this, too; only a limit from outside ends it.

    An earlier alarm of somebody else (pytest-timeout) keeps its time.

    Args:
        seconds: the limit.
        owner: model, clip and condition, for the message.
        on_give_up: told why the process ends.

    Raises:
        TimeUpError: the time is up.
    """
    if seconds is None:
        yield
        return
    text = f"{owner}: generate() did not return within {seconds:g} s (--lipleak-timeout)"

    def give_up() -> NoReturn:
        on_give_up(f"{text}, and cannot be interrupted; this process ends")
        os._exit(EXIT_CODE)

    watchdog = threading.Timer(seconds + GRACE, give_up)
    watchdog.daemon = True
    watchdog.start()
    try:
        with _alarm(seconds, text):
            yield
    finally:
        watchdog.cancel()


@contextmanager
def _alarm(seconds: float, text: str) -> Iterator[None]:
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    running = True

    def ring(number: int, frame: FrameType | None) -> None:
        if running:
            raise TimeUpError(text)

    begun = time.monotonic()
    others_delay, others_interval = signal.getitimer(signal.ITIMER_REAL)
    if 0 < others_delay <= seconds:
        yield
        return
    others_handler = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, GRACE / 2)
    try:
        yield
    finally:
        running = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, others_handler)
        if others_delay:
            left = others_delay - (time.monotonic() - begun)
            signal.setitimer(signal.ITIMER_REAL, max(left, 1e-3), others_interval)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that memory ended, on the host or on a GPU."""
    # torch's class is not imported for this: a model without torch must not pay for it.
    named = any(base.__name__ == "OutOfMemoryError" for base in type(error).__mro__)
    return isinstance(error, MemoryError) or named or any(words in str(error) for words in MEMORY_WORDS)


def tries(generator: object, owner: str) -> Iterator[AbstractContextManager[None]]:
    """Yield a try, and when memory ends in it a second one with half the model's ``batch``, where that can be set.

    The smaller batch stays: the next clip would not fit, either.
    """
    smaller = 0

    @contextmanager
    def first() -> Iterator[None]:
        nonlocal smaller
        try:
            yield
        except Exception as error:
            if not is_out_of_memory(error) or not (smaller := _halved(generator)):
                raise
            # Its traceback holds the frames in which the model's tensors live.
            error.__traceback__ = None

    yield first()
    if smaller:
        free_device_memory()
        remark(f"{owner}: out of memory; goes on with batch {smaller}, half of what it was")
        yield nullcontext()


def _halved(generator: object) -> int:
    """Halve the batch and return it; 0 where there is none to halve."""
    batch = batch_of(generator)
    if batch is None or batch < 2:
        return 0
    try:
        generator.batch = batch // 2  # type: ignore[attr-defined]
    except AttributeError:
        return 0
    return batch // 2


def free_device_memory() -> None:
    """Give back to other processes what torch keeps on a GPU for later."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
