"""A model that only some of several processes may hold on a device at once.

A slot is a lock on a file: the system frees that of a process that dies. Whoever wants the model to generate takes a
slot, loads it, and gives both back when its test is over, so that nobody waits for a process that has nothing to do.
What a model declares of itself is written down by the first that loads it; the others need no slot to know it.
"""

import gc
import json
import os
import time
import traceback
import warnings
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_lipleak.core.clips import Audio, Frames
from pytest_lipleak.generators.limits import free_device_memory
from pytest_lipleak.generators.protocol import DECLARATIONS, Generator

if TYPE_CHECKING:
    from filelock import BaseFileLock

LOOK_EVERY = 0.2
"""Seconds between two looks at whether a slot is free."""

VALUES = ("supports", *DECLARATIONS, "uses_reference", "reference_from_video", "takes_videos", "fingerprint")
"""Attributes of a generator that are noted down."""

METHODS = ("use_clips", "use_progress", "use_face")
"""Methods by which a generator is told something; told again when it is loaded again."""


class Slots:
    """The slots of one device, of which a process holds one at most.

    Args:
        folder: shared by all processes of a run.
        device: as torch names it.
        count: how many slots there are.
    """

    def __init__(self, folder: Path, device: str, count: int) -> None:
        self.count = count
        self._files = [folder / f"slot-{device.replace(':', '-')}-{number}.lock" for number in range(count)]
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
        if name in METHODS and name in self._values["methods"]:
            return lambda what: self._tell(name, what)
        if name in VALUES and name in self._values:
            return self._values[name]
        if name == "batch" and self._generator is not None:
            return getattr(self._generator, name)
        raise AttributeError(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "batch":
            setattr(self._generator, name, value)
            self._batch = value
        else:
            super().__setattr__(name, value)

    def ready(self) -> bool:
        """Whether the generator is loaded; it is where a slot is free for it."""
        if self._generator is None and self.slots.take():
            try:
                self._generator = self._loaded()
            except BaseException:
                self.slots.release()
                raise
        return self._generator is not None

    def turn(self) -> AbstractContextManager[Any]:
        """The generator's own ``turn``; waits for a slot first."""
        turn: Callable[[], AbstractContextManager[Any]] = getattr(self._awaited(), "turn", nullcontext)
        return turn()

    def generate(self, frames: Frames, audio: Audio, reference: Frames) -> Frames:
        """Generate, as soon as there is a slot."""
        try:
            return self._awaited().generate(frames, audio, reference)
        except BaseException as error:
            # Kept for reports, it would keep the generator, too.
            traceback.clear_frames(error.__traceback__)
            raise

    def unload(self) -> None:
        """Let go of the generator and of its slot."""
        gone = None if self._generator is None else weakref.ref(self._generator)
        self._generator = None
        if gone is not None:
            gc.collect()
            free_device_memory()
            if gone() is not None:
                warnings.warn(
                    "--lipleak-workers-per-gpu: something else holds the model, so its memory is not freed for other "
                    "workers; name a class or a function that builds it, and keep no instance of it in a module",
                    RuntimeWarning,
                    stacklevel=2,
                )
        self.slots.release()

    def _awaited(self) -> Generator:
        while not self.ready():
            time.sleep(LOOK_EVERY)
        assert self._generator is not None
        return self._generator

    def _loaded(self) -> Generator:
        generator = self._load()
        if not self._declared.is_file():
            values: dict[str, Any] = {
                name: getattr(generator, name) for name in VALUES if hasattr(generator, name)
            }
            if callable(fingerprint := values.get("fingerprint")):
                values["fingerprint"] = fingerprint()
            values["methods"] = [name for name in METHODS if callable(getattr(generator, name, None))]
            temporary = self._declared.with_suffix(f".{os.getpid()}")
            temporary.write_text(json.dumps(values, default=list), encoding="utf-8")
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
