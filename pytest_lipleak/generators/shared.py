"""A model that only some of several processes may hold on a device at once.

A slot is a lock on a file: the system frees that of a process that dies. Whoever wants the model to generate takes a
slot, loads it, and gives both back when its test is over, so that nobody waits for a process that has nothing to do.
What a model declares of itself is written down by the first that loads it; the others need no slot to know it.
"""

import gc
import json
import os
import sys
import time
import traceback
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_lipleak.core.clips import Audio, Frames
from pytest_lipleak.core.remarks import remark
from pytest_lipleak.generators.call_guard import free_device_memory
from pytest_lipleak.generators.contract import ATTRIBUTES, HOOKS, read_attributes, turn_of
from pytest_lipleak.generators.interface import Generator

if TYPE_CHECKING:
    from filelock import BaseFileLock

LOOK_EVERY = 0.2
"""Seconds between two looks at whether a slot is free."""

NOTED = tuple(name for name, attribute in ATTRIBUTES.items() if attribute.noted)
"""Attributes of a generator that are noted down; what it was told by ``HOOKS`` it is told again when loaded again."""

_may_wait: ContextVar[bool] = ContextVar("_may_wait", default=True)


class BusyError(BaseException):
    """Another process is making what was asked for, or holds the model; there may be other work meanwhile.

    Not an ``Exception``: a user's generator around a shared one would take it for a failure of the model.
    """


@contextmanager
def without_waiting() -> Iterator[None]:
    """Let a shared generator raise ``BusyError`` inside, where it would wait for a slot.

    For callers that hold something which those who have a slot may need.
    """
    before = _may_wait.set(False)
    try:
        yield
    finally:
        _may_wait.reset(before)


class Slots:
    """The slots of one device, of which a process holds one at most.

    Args:
        folder: shared by all processes of a run.
        device: its name, the same in all processes and fit for a file.
        count: how many slots there are.
    """

    def __init__(self, folder: Path, device: str, count: int) -> None:
        self.count = count
        self._files = [folder / f"slot-{device}-{number}.lock" for number in range(count)]
        self._held: BaseFileLock | None = None

    def take(self) -> bool:
        """Take a slot if one is free; return whether this process holds one now."""
        from filelock import FileLock, Timeout

        for path in [] if self._held else self._files:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            self._held = lock
            break
        return self._held is not None

    def release(self) -> None:
        """Give the slot back, where one is held."""
        if self._held is not None:
            self._held.release()
            self._held = None


class SharedGenerator:
    """Stands in for a generator that is loaded when a slot is free, and let go of by ``unload``.

    Args:
        load: builds the generator.
        slots: of its device.
        declared: the file in which its declarations are noted down for all processes.

    Raises:
        LipleakError: as ``load`` does.
        GeneratorError: what it declares cannot be read.
    """

    def __init__(self, load: Callable[[], Generator], slots: Slots, declared: Path) -> None:
        self.slots = slots
        self._load = load
        self._declared = declared
        self._generator: Generator | None = None
        self._told: dict[str, Any] = {}
        self._batch: int | None = None
        self._values: dict[str, Any] = {}
        while not declared.is_file() and not self.ready():
            time.sleep(LOOK_EVERY)
        self._values = json.loads(declared.read_text(encoding="utf-8"))
        if "supports" in self._values:
            self._values["supports"] = tuple(self._values["supports"])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        known = name in NOTED
        if known and name in self._values:
            return (lambda what: self._tell(name, what)) if name in HOOKS else self._values[name]
        if self._generator is not None and not known:
            return getattr(self._generator, name)
        why = "" if known else " while it is not loaded in this process (--lipleak-workers-per-gpu)"
        raise AttributeError(f"model {self._values['class']} has no attribute {name!r}{why}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "batch":
            setattr(self._generator, name, value)
            self._batch = value
        else:
            super().__setattr__(name, value)

    def ready(self) -> bool:
        """Whether the generator is loaded; it is where a slot is free for it."""
        if self._generator is None and self.slots.take():
            before = sys.exception()
            try:
                self._generator = self._loaded()
            except BaseException as error:
                _clear_frames(error, before)
                self.slots.release()
                raise
        return self._generator is not None

    def turn(self) -> AbstractContextManager[Any]:
        """The generator's own ``turn``; waits for a slot first."""
        return turn_of(self._awaited())

    def generate(self, frames: Frames, audio: Audio, reference: Frames) -> Frames:
        """Generate, as soon as there is a slot.

        Raises:
            BusyError: there is none, inside ``without_waiting``.
        """
        before = sys.exception()
        try:
            return self._awaited().generate(frames, audio, reference)
        except BaseException as error:
            # Kept for reports, it would keep the generator, too.
            _clear_frames(error, before)
            raise

    def unload(self) -> None:
        """Let go of the generator and of its slot, which is free whatever else fails."""
        gone: Callable[[], object] = _reference(self._generator)
        loaded, self._generator = self._generator is not None, None
        failed = ""
        try:
            if loaded:
                gc.collect()
                free_device_memory()
        except Exception as error:  # after a failed kernel, every call of CUDA raises
            failed = f"{type(error).__name__}: {error}"
        finally:
            self.slots.release()
        # Last, as a warning may be an error.
        if failed:
            _warn(f"the memory of the model may not be free for other workers: {failed}")
        elif gone() is not None:
            _warn(
                "something else holds the model, so its memory is not freed for other workers; name a class or a "
                "function that builds it, and keep no instance of it in a module"
            )

    def _awaited(self) -> Generator:
        while not self.ready():
            if not _may_wait.get():
                raise BusyError
            time.sleep(LOOK_EVERY)
        assert self._generator is not None
        return self._generator

    def _loaded(self) -> Generator:
        generator = self._load()
        if not self._declared.is_file():
            temporary = self._declared.with_suffix(f".{os.getpid()}")
            temporary.write_text(_declarations(generator), encoding="utf-8")
            temporary.replace(self._declared)
        for name, what in self._told.items():
            getattr(generator, name)(what)
        if self._batch is not None:
            generator.batch = self._batch  # type: ignore[attr-defined]
        return generator

    def _tell(self, name: str, what: Any) -> None:
        self._told[name] = what
        if self._generator is not None:
            getattr(self._generator, name)(what)


def ready(generator: object) -> bool:
    """Whether a generator can run in this process now; one that is shared may have to wait for others."""
    return not isinstance(generator, SharedGenerator) or generator.ready()


def _declarations(generator: Generator) -> str:
    """What a generator says of itself, in the words in which all else reads it."""
    said = read_attributes(generator, type(generator).__name__)
    noted = {name: said[name] for name in NOTED if name in said and (name not in HOOKS or said[name])}
    return json.dumps({**noted, "class": type(generator).__name__})


def _clear_frames(error: BaseException, before: BaseException | None) -> None:
    """Forget the variables of all calls that an error, or one that led to it, went through.

    What a nested function has from around it stays: ``unload`` warns where that is the model.

    Args:
        error: with its causes, contexts and, of a group, members.
        before: what was being handled already; it is left as it is.
    """
    seen, ahead = {id(before)}, [error]
    while ahead:
        each = ahead.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        traceback.clear_frames(each.__traceback__)
        ahead += [other for other in (each.__cause__, each.__context__) if other is not None]
        if isinstance(each, BaseExceptionGroup):
            ahead += each.exceptions


def _reference(generator: Generator | None) -> Callable[[], object]:
    """A weak reference; one to nothing where an object cannot have any (``__slots__``)."""
    try:
        return weakref.ref(generator) if generator is not None else lambda: None
    except TypeError:
        return lambda: None


def _warn(text: str) -> None:
    remark(f"--lipleak-workers-per-gpu: {text}")
