"""The user's own checkout of a published system: its modules, its checkpoints, and what identifies both.

Such repositories are no packages. They import each other by top-level names like ``models``, ``audio`` or
``utils``, which two systems share, and expect to be run from their own folder. Here their modules are
imported under guard: found by ``sys.path`` only meanwhile, and taken out of ``sys.modules`` afterwards.
"""

import hashlib
import importlib
import importlib.machinery
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from pytest_lipleak.core.errors import ConfigurationError, MissingExtraError, WeightsError
from pytest_lipleak.core.suggestions import meant_file
from pytest_lipleak.generators.catalogue import pip_install
from pytest_lipleak.machine.model_files import file_sha256, load_checkpoint


class Checkout:
    """A checkout of one system.

    Args:
        system: its name, for messages.
        repo: the folder.
        needs: files or folders that tell the repository from others.
        source: where to get it.
        roots: folders of the checkout that its code expects on ``sys.path``.
        bare: packages whose ``__init__`` is not run, because it needs more than what is imported from them.

    Raises:
        ConfigurationError: the folder is not there, or holds something else.
    """

    def __init__(
        self,
        system: str,
        repo: str | Path,
        needs: Sequence[str],
        source: str,
        roots: Sequence[str] = (".",),
        bare: Sequence[str] = (),
    ) -> None:
        self.system = system
        self.source = source
        self.path = Path(repo).expanduser().resolve()
        if not self.path.is_dir():
            raise ConfigurationError(
                f"model {system!r}: repo={repo} is no folder; expected a checkout of {source}"
            )
        if missing := [name for name in needs if not (self.path / name).exists()]:
            raise ConfigurationError(
                f"model {system!r}: repo={repo} has no {', '.join(missing)}; expected a checkout of {source}"
            )
        self._roots = [str(self.path / root) for root in roots]
        self._modules: dict[str, ModuleType] = {
            name: _empty(name, folders) for name, folders in self._without_init().items()
        } | {name: _empty(name, [self.path / name]) for name in bare}

    @contextmanager
    def active(self) -> Iterator[None]:
        """While inside, the checkout's modules can be imported, and no others of the same names.

        Raises:
            ConfigurationError: it imports a package that is not installed.
        """
        hidden = {name: module for name, module in sys.modules.items() if self._shadows(name)}
        path = sys.path.copy()
        for name in hidden:
            del sys.modules[name]
        sys.modules.update(self._modules)
        sys.path[:0] = self._roots
        try:
            yield
        except ModuleNotFoundError as error:
            name = (error.name or str(error)).partition(".")[0]
            raise ConfigurationError(
                f"model {self.system!r}: {self.path} needs the package {name!r}, which is not installed; "
                f"install it with: {pip_install([name])} (see the requirements in the checkout)"
            ) from error
        finally:
            sys.path[:] = path
            self._modules = {name: module for name, module in sys.modules.items() if self._owns(module)}
            for name in self._modules:
                del sys.modules[name]
            sys.modules.update(hidden)

    def attribute(self, module: str, name: str) -> Any:
        """Return an attribute of one of its modules.

        Raises:
            ConfigurationError: there is none, or a package that the module needs is not installed.
        """
        with self.active():
            try:
                return getattr(importlib.import_module(module), name)
            except AttributeError:
                raise ConfigurationError(
                    f"model {self.system!r}: {module} of {self.path} has no {name}; expected {self.source}"
                ) from None

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the names and contents of its Python and configuration files."""
        sha = hashlib.sha256()
        for path in sorted(self.path.rglob("*")):
            if path.suffix in (".py", ".yaml", ".yml", ".json", ".txt") and path.is_file():
                sha.update(f"{path.relative_to(self.path).as_posix()}\0".encode())
                sha.update(path.read_bytes())
        return sha.hexdigest()

    def fingerprint(self, *checkpoints: Path, **arguments: Any) -> str:
        """Identify a model: its code, its weights, and how it is run."""
        weights = " ".join(file_sha256(path) for path in checkpoints)
        chosen = " ".join(f"{name}={value!r}" for name, value in sorted(arguments.items()))
        return f"{self.system}-1 code {self.digest} weights {weights} {chosen}"

    def _shadows(self, name: str) -> bool:
        """Whether a module name would be looked for in the checkout."""
        return name.partition(".")[0] in self._names

    @cached_property
    def _names(self) -> set[str]:
        """Names of the modules and packages that lie at the top of the checkout."""
        entries = [entry for root in self._roots for entry in Path(root).iterdir()]
        return {entry.stem for entry in entries if entry.suffix == ".py" or entry.is_dir()}

    def _without_init(self) -> dict[str, list[Path]]:
        """Folders of code without ``__init__.py``, by name: any ``models.py`` on ``sys.path`` would go before them.

        An installed package of that name still does, as it does where the checkout's own programs run.
        """
        found: dict[str, list[Path]] = {}
        for folder in (entry for root in self._roots for entry in Path(root).iterdir() if entry.is_dir()):
            code = any(folder.glob("*.py")) or any(folder.glob("*/*.py"))
            if code and not (folder / "__init__.py").exists() and not _is_installed(folder.name):
                found.setdefault(folder.name, []).append(folder)
        return found

    def _owns(self, module: ModuleType) -> bool:
        file = getattr(module, "__file__", None)
        places = [file] if file else list(getattr(module, "__path__", []))
        return any(Path(place).is_relative_to(self.path) for place in places if place)


def _empty(name: str, folders: Sequence[Path]) -> ModuleType:
    package = ModuleType(name)
    package.__path__ = list(map(str, folders))
    return package


def _is_installed(name: str) -> bool:
    places = [sysconfig.get_path(each) for each in ("stdlib", "purelib", "platlib")]
    spec = importlib.machinery.PathFinder.find_spec(name, places)
    return spec is not None and spec.origin is not None


def torch_for(system: str) -> Any:
    """Return torch.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError(f"The model {system!r}", "torch", "models") from error
    return torch


def checkpoint_file(system: str, checkpoint: str | Path, argument: str = "checkpoint") -> Path:
    """Return the path of a checkpoint.

    Raises:
        ConfigurationError: there is no such file.
    """
    path = Path(checkpoint).expanduser().resolve()
    if not path.is_file():
        raise ConfigurationError(f"model {system!r}: {argument}={checkpoint}: no such file{meant_file(path)}")
    return path


def load_weights(
    system: str,
    network: Any,
    path: Path,
    *,
    within: Sequence[str] = ("state_dict",),
    prefix: str = "module.",
    skip: str | None = None,
) -> Any:
    """Load a checkpoint into ``network``, without running code from the file, and return it ready to infer.

    Args:
        system: for messages.
        network: a torch module of the right architecture.
        path: the checkpoint.
        within: keys under which the state dict may lie, the next one inside of the one before.
        prefix: taken off parameter names, as data-parallel training puts it there.
        skip: parameters whose names begin with this are not needed.

    Raises:
        WeightsError: the file cannot be read as plain weights, belongs to another network, or holds NaN.
    """
    torch = torch_for(system)
    state = load_checkpoint(path, f"a checkpoint of {system}")
    for key in within:
        state = state[key] if isinstance(state.get(key), dict) else state
    state = {name.removeprefix(prefix): value for name, value in state.items() if torch.is_tensor(value)}
    if skip is not None:
        state = {name: value for name, value in state.items() if not name.startswith(skip)}
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(
            f"{path}: is no checkpoint of {system} as this checkout defines it: {_differences(network, state)}"
        ) from error
    if bad := [
        name for name, value in state.items() if value.is_floating_point() and not value.isfinite().all()
    ]:
        raise WeightsError(f"{path}: {bad[0]} contains NaN or infinity")
    return network.eval()


def _differences(network: Any, state: Mapping[str, Any]) -> str:
    own = network.state_dict()
    missing, strange = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    wrong = sorted(name for name in own.keys() & state.keys() if own[name].shape != state[name].shape)
    told = [
        f"{len(names)} parameters {what} (first {names[0]})"
        for names, what in ((missing, "missing"), (strange, "unknown"), (wrong, "of another shape"))
        if names
    ]
    return ", ".join(told) or "it does not fit"
