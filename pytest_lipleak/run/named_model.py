"""The model that the settings name: found, built and let go of."""

import importlib
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_lipleak.run.device import Device
from pytest_lipleak.run.process import Process
from pytest_lipleak.settings.options import Inputs

if TYPE_CHECKING:
    from pytest_lipleak.core.errors import GeneratorError, LipleakError
    from pytest_lipleak.generators.finished_model import FinishedVideos
    from pytest_lipleak.generators.interface import Generator
    from pytest_lipleak.generators.registry import Model, ModelBuilder
    from pytest_lipleak.machine.private_folders import PrivateFolder

OURS = Path(__file__).parent.parent


class NamedModel:
    """The model of a run, built when first needed.

    Args:
        inputs: its name and arguments.
        workers_per_gpu: how many processes may hold it on one device; None for any number.
        device: where it runs.
        process: who asks.
        folder: of the run; processes agree there on who holds the model.
    """

    def __init__(
        self,
        inputs: Inputs,
        workers_per_gpu: int | None,
        device: Device,
        process: Process,
        folder: "Callable[[], PrivateFolder]",
    ) -> None:
        self._inputs = inputs
        self._workers_per_gpu = workers_per_gpu
        self._device = device
        self._process = process
        self._folder = folder
        self._build: ModelBuilder | None = None
        self._model: Model | None = None
        self._error: LipleakError | None = None

    @property
    def is_limited(self) -> bool:
        """Whether only so many processes may hold it, and others may be waiting for it."""
        return bool(self._workers_per_gpu) and self._process.shares_model

    def is_same_as(self, candidate: object) -> bool:
        """Whether ``candidate`` is this model; it is not built for the question."""
        return self._model is not None and candidate is self._model

    @property
    def is_built(self) -> bool:
        """Whether somebody needed it."""
        return self._model is not None

    def find(self) -> None:
        """Import what builds the model, without building it.

        Raises:
            ConfigurationError: none is named, or its module or factory cannot be used.
            GeneratorError: its module cannot be imported.
        """
        from pytest_lipleak.core.errors import ConfigurationError, GeneratorError
        from pytest_lipleak.generators.registry import model_builder, parse_arguments

        if self._build is not None:
            return  # a file of the user is executed once, however often the model is loaded
        name = self._inputs.model
        if name is None:
            raise ConfigurationError(
                "no model to test: name one with --lipleak-model (or LIPLEAK_MODEL, or ini key lipleak_model), "
                "or override the fixture lipleak_model"
            )
        # Before the model imports what it computes with.
        self._device.share_threads()
        with self._worded(name, GeneratorError):
            self._build = model_builder(name, parse_arguments(self._inputs.model_args), self._device.name)

    def get(self) -> "Model":
        """Return the model; one that cannot be built is not tried again.

        Raises:
            LipleakError: as ``find``, or it cannot be built.
        """
        from pytest_lipleak.core.errors import LipleakError

        if self._error is not None:
            raise self._error
        if self._model is None:
            try:
                self._model = self._load()
            except LipleakError as error:
                self._error = error
                raise
        return self._model

    def finished(self) -> "FinishedVideos | None":
        """Return the finished videos that are judged, or None where a model generates; raises as ``get``."""
        from pytest_lipleak.generators.catalogue import VIDEOS_PREFIX

        if not (self._inputs.model or "").startswith(VIDEOS_PREFIX):
            return None
        from pytest_lipleak.generators.finished_model import finished_of

        return finished_of(self.get())

    def let_go(self) -> None:
        """Unload the model where other processes may be waiting for it (--lipleak-workers-per-gpu)."""
        if self._model is not None and self._workers_per_gpu:
            from pytest_lipleak.generators.shared import SharedGenerator

            if isinstance(self._model.generator, SharedGenerator):
                self._model.generator.unload()

    def _load(self) -> "Model":
        from pytest_lipleak.core.errors import GeneratorError, UnbuiltModelError
        from pytest_lipleak.generators.catalogue import VIDEOS_PREFIX
        from pytest_lipleak.generators.registry import Model, parse_arguments

        self.find()
        name, build = str(self._inputs.model), self._build

        def load() -> "Model":
            assert build is not None
            with self._worded(name, UnbuiltModelError):
                return build()

        if name.startswith(VIDEOS_PREFIX) or not (self._workers_per_gpu and self._process.shares_model):
            return load()
        from pytest_lipleak.generators.shared import SharedGenerator, Slots

        label = self._device.label
        folder = self._folder().enter()
        slots = Slots(folder, label, self._workers_per_gpu)
        declared = folder / f"model-{label}.json"
        arguments = parse_arguments(self._inputs.model_args)
        assert build is not None
        files = build.files

        def load_again() -> "Generator":
            generator = load().generator
            if files.changed_since_read:
                raise GeneratorError(
                    f"model {name!r}: a file that it was given changed between two loads (--lipleak-workers-per-gpu "
                    "unloads it between tests); what was made before and after must not count as one model's: give the "
                    "run a copy of that file"
                )
            return generator

        return Model(name, SharedGenerator(load_again, slots, declared), arguments, files)

    @contextmanager
    def _worded(self, name: str, kind: "type[GeneratorError]") -> Iterator[None]:
        """Word what comes out of the user's module or factory, which may be anything."""
        from pytest_lipleak.core.errors import LipleakError
        from pytest_lipleak.machine.exit_guard import guarded

        try:
            with guarded():
                yield
        except (LipleakError, KeyboardInterrupt):
            raise
        except BaseException as error:  # SystemExit; a skip or xfail of pytest, which would be green
            raise kind(
                f"model {name!r} could not be loaded: {type(error).__name__}: {error}{self._place_of(error)}"
            ) from error

    def _place_of(self, error: BaseException) -> str:
        """Where the user's code raised it, for those who are shown no traceback."""
        if isinstance(error, SyntaxError) and Path(error.filename or "").is_file():
            return ""  # it names its place itself
        importing = Path(importlib.__file__).parent
        places = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if not frame.filename.startswith("<")
            and not any(Path(frame.filename).is_relative_to(folder) for folder in (OURS, importing))
        ]
        return f" ({self._process.naming(places[-1].filename)}, line {places[-1].lineno})" if places else ""
