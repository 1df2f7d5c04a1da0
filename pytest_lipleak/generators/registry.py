"""From the name a user gives to a generator that runs."""

import ast
import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from pytest_lipleak.core.clips import Audio, Clip, Frames
from pytest_lipleak.core.errors import ConfigurationError, GeneratorError, LipleakError
from pytest_lipleak.core.suggestions import meant, meant_file
from pytest_lipleak.core.text import escaped
from pytest_lipleak.generators.catalogue import (
    COMMAND_PREFIX,
    DEMO,
    EXTRAS,
    ONNX,
    ONNX_SUFFIX,
    SYSTEMS,
    VIDEOS_PREFIX,
    ModelCard,
    built_in_names,
    card_of,
    pip_install,
)
from pytest_lipleak.generators.command import check_template
from pytest_lipleak.generators.contract import Declared, declared_by, fingerprint_of
from pytest_lipleak.generators.facecrops import ClipFace
from pytest_lipleak.generators.interface import Generator
from pytest_lipleak.machine.named_files import NamedFiles
from pytest_lipleak.media.finished_tables import check_finished

GROUP = "pytest_lipleak.generators"
"""Entry-point group under which packages register generators by name."""


LONGEST_MODEL = 2000
"""Characters of a model's name that are kept; command lines are long."""


@dataclass(frozen=True)
class Model:
    """A generator with the name it was asked for.

    Args:
        name: as the user wrote it; reports print it.
        generator: the object that generates.
        arguments: what its factory was given.
        files: what its factory reads of them, and of what it takes where nobody says otherwise.
    """

    name: str
    generator: Generator
    arguments: Mapping[str, Any] = field(default_factory=dict)
    files: NamedFiles = field(default_factory=NamedFiles, compare=False)

    def __post_init__(self) -> None:
        # A class may call itself anything.
        object.__setattr__(self, "name", escaped(self.name)[:LONGEST_MODEL])

    @cached_property
    def declared(self) -> Declared:
        """What the generator says of itself, read once.

        Raises:
            GeneratorError: it says something that nobody can read.
        """
        return declared_by(self.generator, self.name)

    @cached_property
    def fingerprint(self) -> str | None:
        """What identifies weights and code, or None when the model does not say, or nobody knows which it has.

        What lies in files and folders that the factory was given, or takes by default, counts, too: a checkpoint that
        training wrote again has the path that it had before, and many a generator says no more of it. One that was
        written while the model was loaded may be what it has, or not.
        """
        said = self.declared.fingerprint
        if said is None or _hashes_its_files(self.name):
            return said
        read = self.files.contents()
        if read is None:
            return None
        return f"{said} {hashlib.sha256(' '.join(read).encode()).hexdigest()[:16]}" if read else said

    def check_unchanged(self) -> None:
        """Refuse a model whose weights or code changed: what it made would be stored as made by those it had before.

        Raises:
            GeneratorError: its fingerprint is another than at first.
        """
        before = self.declared.fingerprint
        if before is not None and (now := fingerprint_of(self.generator, self.name)) != before:
            raise GeneratorError(
                f"model {self.name!r}: its fingerprint was {before!r} and is {now!r} now; what was made before and "
                "after must not count as one model's: build a new object for other weights"
            )

    def introduce(self, clips: Mapping[str, Clip], tell: Callable[[str], None]) -> None:
        """Tell the generator, where it asks, which clips there are and where its progress is shown.

        Raises:
            GeneratorError: it raised.
        """
        if "use_clips" in self.declared.hooks:
            self._tell("use_clips", clips)
        if "use_progress" in self.declared.hooks:
            self._tell("use_progress", tell)

    def show_face(self, find: Callable[[], ClipFace]) -> None:
        """Tell the generator, where it asks, where the face of the next clip is; ``find`` is called only then."""
        if "use_face" in self.declared.hooks:
            self._tell("use_face", find())

    def _tell(self, hook: str, what: object) -> None:
        """Call one of the generator's hooks; raises ``GeneratorError`` where it does."""
        try:
            getattr(self.generator, hook)(what)
        except LipleakError:  # a clip that cannot be read, or an adapter that words its own failure
            raise
        except (Exception, SystemExit) as error:
            advice = "; what it is shown of the clips must not be changed: change a copy" * (
                "read-only" in str(error)
            )
            raise GeneratorError(
                f"model {self.name!r}: {hook}() raised {type(error).__name__}: {error}{advice}"
            ) from error


def _hashes_its_files(name: str) -> bool:
    """Whether that is one of this package's own adapters: each says itself what it read."""
    adapters = name.startswith((COMMAND_PREFIX, VIDEOS_PREFIX)) or name.endswith(ONNX_SUFFIX)
    return adapters or name.partition(":")[0] in built_in_names()


@dataclass(frozen=True)
class ModelBuilder:
    """Builds a model: its generator anew at every call, from one import.

    Args:
        build: does it.
        files: as of ``Model``.
    """

    build: Callable[[], Model]
    files: NamedFiles = field(default_factory=NamedFiles)

    def __call__(self) -> Model:
        """Build it; raises what ``load_model`` does."""
        self.files.note()
        return self.build()


def known_names() -> list[str]:
    """Names that work without a colon: built in, and registered by installed packages."""
    return sorted({*built_in_names(), *(point.name for point in entry_points(group=GROUP))})


@dataclass(frozen=True)
class Registered:
    """A model that an installed package registers by an entry point; it is not loaded for this.

    Args:
        name: as ``--lipleak-model`` takes it.
        target: ``package.module:attribute``.
        package: name of the distribution, and
        version: of it.
        licence: as its metadata has it.
    """

    name: str
    target: str
    package: str
    version: str
    licence: str


def registered() -> list[Registered]:
    """Models of installed packages, by name."""
    found = []
    for point in entry_points(group=GROUP):
        about: Any = point.dist.metadata if point.dist is not None else {}
        found.append(
            Registered(
                point.name,
                point.value,
                about.get("Name") or "unknown package",
                about.get("Version") or "",
                about.get("License-Expression") or about.get("License") or "not stated",
            )
        )
    return sorted(found, key=lambda entry: entry.name)


def parse_arguments(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Read ``key=value`` pairs; numbers, True, False and None are read as Python, all else is text."""
    arguments: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise ConfigurationError(
                f"model argument {pair!r}: expected key=value, for example checkpoint=model.pth"
            )
        if key in arguments:
            raise ConfigurationError(f"model argument {key!r} is given twice")
        try:
            arguments[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            arguments[key] = value
    return arguments


def load_model(name: str, arguments: Mapping[str, Any] | None = None, device: str = "cpu") -> Model:
    """Find and build the generator called ``name``.

    Args:
        name: ``demo``, ``demo:leaky``, ``demo:leaky=0.4``; a registered name; ``cmd: PROGRAM ...``;
            ``videos:TABLE.csv``; ``path/model.onnx``; ``package.module:attribute``; ``path/file.py:attribute``.
        arguments: keyword arguments for the factory.
        device: handed to factories that take a ``device``.

    Raises:
        ConfigurationError: nothing of that name, or it is no generator; lists what is known.
    """
    return model_builder(name, arguments, device)()


def model_builder(name: str, arguments: Mapping[str, Any] | None = None, device: str = "cpu") -> ModelBuilder:
    """Find what is called ``name``, and return what builds it.

    Takes and raises what ``load_model`` does, arguments that do not fit among it; what the factory raises, and a
    generator that is no good, come when it is built.
    """
    given = dict(arguments or {})
    arguments = given.copy()
    folder = Path.cwd()
    base, _, variant = name.partition(":")
    if name.startswith(COMMAND_PREFIX):
        target = _attribute("pytest_lipleak.generators.command:load", name)
        arguments |= {"template": variant}
    elif name.startswith(VIDEOS_PREFIX):
        return ModelBuilder(lambda: _finished(name, variant, given))
    elif name.endswith(ONNX_SUFFIX):
        target = _attribute(ONNX.factory, name)
        arguments |= {"path": name}
    elif base in built_in_names():
        target = _attribute(card_of(base).factory, name)
        arguments |= {"variant": variant} if variant else {}
    elif ":" in name:
        target = _attribute(name, name)
    else:
        target = _registered(name)
    build = _builder(target, name, arguments, device)
    defaults = {
        each.name: each.default
        for each in (_parameters(target) if callable(target) else {}).values()
        if each.default is not each.empty and each.name not in arguments
    }
    bound = {"": target} if isinstance(target, partial) else {}
    files = NamedFiles({**bound, **defaults, **given}, folder)
    return ModelBuilder(lambda: Model(name, build(), given, files), files)


def _finished(name: str, spec: str, arguments: Mapping[str, Any]) -> Model:
    """The finished videos of one model, under the name that the table gives it."""
    load: Any = _attribute("pytest_lipleak.generators.finished_model:load", name)
    _bound(load, arguments, name, "spec")
    generator = load(spec, **arguments)
    return Model(generator.name, generator, arguments)


def check_name(name: str, arguments: Mapping[str, Any] | None = None) -> None:
    """Refuse a name that cannot be found, or arguments that do not fit, without importing the user's code.

    Args:
        name: as for ``load_model``.
        arguments: of the factory; None leaves them alone. Those of a user's own factory are seen when it is
            imported.

    Raises:
        ConfigurationError: as ``load_model`` does for a missing name, file, module, attribute, argument or extra.
    """
    base, _, variant = name.partition(":")
    where, _, attribute = name.rpartition(":")
    if arguments is not None:
        _check_arguments(name, arguments)
    if name.startswith(COMMAND_PREFIX):
        check_template(variant)
    elif name.startswith(VIDEOS_PREFIX):
        chosen = (arguments or {}).get("model")
        check_finished(variant, None if chosen is None else str(chosen))
    elif name.endswith(ONNX_SUFFIX):
        if not Path(name).expanduser().is_file():
            raise ConfigurationError(f"model {name!r}: no such file{meant_file(Path(name))}")
    elif base == DEMO.name:
        if variant or ":" not in name:
            _attribute(DEMO.factory, name)(variant)
    elif name in built_in_names():
        return
    elif where.endswith(".py"):
        if not Path(where).is_file():
            raise ConfigurationError(f"model {name!r}: no such file {where}{meant_file(Path(where))}")
        _check_attribute(Path(where), attribute.partition(".")[0], name)
    elif ":" in name:
        _check_module(where, name)
    elif name not in known_names():
        raise _unknown(name)


def _check_arguments(name: str, arguments: Mapping[str, Any]) -> None:
    """Bind the arguments of a model that comes with this package; its factory is cheap to import."""
    if name.startswith(COMMAND_PREFIX):
        _bound(_attribute("pytest_lipleak.generators.command:load", name), arguments, name, "template")
    elif name.startswith(VIDEOS_PREFIX):
        _bound(_attribute("pytest_lipleak.generators.finished_model:load", name), arguments, name, "spec")
    elif name.endswith(ONNX_SUFFIX):
        _bound(_attribute(ONNX.factory, name), arguments, name, "path")
        _check_extras(ONNX, name)
    elif name in SYSTEMS:
        card = card_of(name)
        _bound(_attribute(card.factory, name), arguments, name)
        for argument, what in card.arguments.items():
            if not _exists(str(arguments[argument])):
                raise ConfigurationError(
                    f"model {name!r}: {argument}={arguments[argument]}: no such file or folder; expected {what}"
                    f"{meant_file(Path(str(arguments[argument])))}"
                )
        _check_extras(card, name)


def _exists(path: str) -> bool:
    try:
        return Path(path).expanduser().exists()
    except RuntimeError:  # ~nobody
        return False


def _check_extras(card: ModelCard, name: str) -> None:
    """Refuse a model whose extras are missing; a checkout may hold other packages that it needs."""
    if missing := [package for package in card.missing if package in EXTRAS]:
        raise ConfigurationError(
            f"model {name!r} needs {' and '.join(missing)}, not installed here; install with: {pip_install(missing)}"
        )


def _check_attribute(path: Path, attribute: str, name: str) -> None:
    """Refuse an attribute that a file's source binds nowhere; what it may bind in other ways is left to its import."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return  # its import says it better
    nodes = list(ast.walk(tree))
    bound = {
        node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    bound |= {node.id for node in nodes if isinstance(node, ast.Name)}
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    if attribute not in bound and not bound & {
        "*",
        "__getattr__",
        "globals",
        "exec",
        "setattr",
        "vars",
        "locals",
    }:
        raise _no_attribute(name, str(path), attribute, _defined(tree))


def _defined(tree: ast.Module) -> list[str]:
    """Names that a file's source defines or assigns at its top."""
    defined = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    assigned = (target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets)
    return [*defined, *(target.id for target in assigned if isinstance(target, ast.Name))]


def _which_of(name: str, file: str, offered: Iterable[str]) -> ConfigurationError:
    """Say what a file has that is named without saying what of it is the model."""
    public = sorted(each for each in offered if not each.startswith("_"))
    return ConfigurationError(
        f"model {name!r} does not say which attribute of {file} it is; it has {', '.join(public) or 'nothing'}; "
        f"name it as {file}:{public[0] if public else 'attribute'}"
    )


def _no_attribute(name: str, where: str, attribute: str, offered: Iterable[str]) -> ConfigurationError:
    """Say what is near, or else what there is."""
    public = sorted(each for each in offered if not each.startswith("_"))
    words = meant(attribute, public, 2) or f"; it has {', '.join(public) or 'nothing'}"
    return ConfigurationError(f"model {name!r}: {where} has no attribute {attribute!r}{words}")


def _no_module(name: str, where: str, missing: str) -> ConfigurationError:
    """Say what is near ``missing``, the first part of ``where`` that is not there."""
    above, _, last = missing.rpartition(".")
    if above:
        known = {each.name for each in iter_modules(getattr(sys.modules.get(above), "__path__", ()))}
    else:
        known = {*known_names(), *(each.name for each in iter_modules())} - sys.stdlib_module_names
    return ConfigurationError(
        f"model {name!r}: no module {where!r} can be imported; expected package.module:attribute, found from "
        f"{Path.cwd()} or among the installed packages{meant(last, sorted(known))}"
    )


def _check_module(where: str, name: str) -> None:
    _see_working_directory()
    top = where.partition(".")[0]
    if not all(part.isidentifier() for part in where.split(".")) or importlib.util.find_spec(top) is None:
        raise _no_module(name, where, top)


def _see_working_directory() -> None:
    # The console command `pytest`, unlike `python -m pytest`, does not import from where one stands.
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))


def as_model(candidate: Any, name: str | None = None) -> Model:
    """Accept what an overridden ``lipleak_model`` fixture returns: a model, a generator or a function."""
    if isinstance(candidate, Model):
        return candidate if name is None else replace(candidate, name=name)
    label = name or getattr(candidate, "name", None) or type(candidate).__name__
    return Model(str(label), _builder(candidate, str(label), {}, "cpu")())


def _registered(name: str) -> Any:
    for point in entry_points(group=GROUP):
        if point.name == name:
            return point.load()
    raise _unknown(name)


def _unknown(name: str) -> ConfigurationError:
    file = Path(name if name.endswith(".py") else f"{name.replace('.', '/')}.py")
    with suppress(OSError, SyntaxError, ValueError):  # no such file, or its import says it better
        return _which_of(name, str(file), _defined(ast.parse(file.read_bytes())))
    near = meant(name.partition("=")[0], known_names())
    return ConfigurationError(
        f"unknown model {name!r}{near or ';'} known names are {', '.join(known_names())}; otherwise name it as "
        "package.module:attribute, path/file.py:attribute, path/model.onnx or 'cmd: PROGRAM ...'"
    )


def _attribute(target: str, name: str) -> Any:
    where, _, attribute = target.rpartition(":")
    module = _module_from_file(Path(where), name) if where.endswith(".py") else _module(where, name)
    try:
        found: Any = module
        for part in attribute.split("."):
            found = getattr(found, part)
    except AttributeError:
        offered = (
            key for key, value in vars(module).items() if callable(value) or hasattr(value, "generate")
        )
        raise _no_attribute(name, where, attribute, offered) from None
    return found


def _module(where: str, name: str) -> ModuleType:
    _see_working_directory()
    try:
        return importlib.import_module(where)
    except ModuleNotFoundError as error:
        if error.name and (where == error.name or where.startswith(f"{error.name}.")):
            raise _no_module(name, where, error.name) from error
        raise


def _module_from_file(path: Path, name: str) -> ModuleType:
    if not path.is_file():
        raise ConfigurationError(f"model {name!r}: no such file {path}{meant_file(path)}")
    spec = importlib.util.spec_from_file_location(f"_lipleak_model_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Registered before it runs, as an import does: dataclasses and pickle look their module up.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _builder(target: Any, name: str, arguments: dict[str, Any], device: str) -> Callable[[], Generator]:
    if not isinstance(target, type) and callable(getattr(target, "generate", None)):
        _refuse_arguments(arguments, name)
        return lambda: _checked(target, name)
    if not callable(target):
        raise ConfigurationError(
            f"model {name!r} is a {type(target).__name__}; expected an object with generate(frames, audio, reference), "
            "or a class or function that returns one"
        )
    parameters = _parameters(target)
    if not isinstance(target, type) and {"frames", "audio", "reference"} <= parameters.keys():
        _refuse_arguments(arguments, name)
        return lambda: _checked(_Function(target), name)
    if "device" in parameters and "device" not in arguments:
        arguments = {**arguments, "device": device}
    _bound(target, arguments, name)
    return lambda: _checked(target(**arguments), name)


def _bound(target: Callable[..., Any], arguments: Mapping[str, Any], name: str, named: str = "") -> None:
    """Refuse arguments that a factory does not take, or lacks.

    ``named`` is the parameter that the model's name gives; nobody else can.
    """
    try:
        inspect.signature(target).bind(**arguments, **({named: name} if named else {}))
    except TypeError as error:
        # Where a misspelt argument leaves the right one missing, Python names only the latter.
        taken = [each for each in _parameters(target) if each != named]
        strange = [each for each in arguments if each not in _parameters(target)]
        unknown = [repr(each) for each in strange if repr(each) not in str(error)]
        got = f" (got {', '.join(unknown)})" if unknown else ""
        near = meant(strange[0], taken) if strange else ""
        raise ConfigurationError(
            f"model {name!r}: {error}{got}; it takes ({', '.join(taken)}), set by --lipleak-model-arg key=value{near}"
        ) from None


def _parameters(target: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(target).parameters
    except (TypeError, ValueError):
        return {}


def _refuse_arguments(arguments: Mapping[str, Any], name: str) -> None:
    if arguments:
        raise ConfigurationError(
            f"model {name!r} is ready-made and takes no arguments, but got {', '.join(arguments)}; "
            "name a class or a factory function to use --lipleak-model-arg"
        )


def _checked(candidate: Any, name: str) -> Generator:
    if not callable(getattr(candidate, "generate", None)):
        raise ConfigurationError(
            f"model {name!r} built a {type(candidate).__name__} without a generate(frames, audio, reference) method"
        )
    declared_by(candidate, name)
    generator: Generator = candidate
    return generator


class _Function:
    """A plain function as a generator; what it declares stands in its attributes."""

    def __init__(self, function: Callable[[Frames, Audio, Frames], Frames]) -> None:
        self._function = function

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._function, attribute)

    def generate(self, frames: Frames, audio: Audio, reference: Frames) -> Frames:
        return self._function(frames, audio, reference)
