"""Command line over environment over ini file over default, into ``Settings``: for pytest, for commands, for code."""

import os
import re
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_lipleak.settings.convert import Origin, RefusedError, instead, one_of
from pytest_lipleak.settings.options import (
    OPTIONS,
    OTHER_VARIABLES,
    PARTS,
    Option,
    Settings,
    ini_type,
    offered_by,
)

if TYPE_CHECKING:
    import pytest

INI_FILES = (
    "pytest.toml",
    ".pytest.toml",
    "pytest.ini",
    ".pytest.ini",
    "pyproject.toml",
    "tox.ini",
    "setup.cfg",
)


def names_model(config: "pytest.Config", environment: Mapping[str, str] = os.environ) -> bool:
    """Whether somebody names a model, as far as is known before the settings are resolved."""
    spaces = (config.known_args_namespace, config.option)
    named = any(getattr(space, "lipleak_model", None) for space in spaces) or environment.get("LIPLEAK_MODEL")
    return bool(named or config.getini("lipleak_model"))


def read_settings(config: "pytest.Config", environment: Mapping[str, str] = os.environ) -> Settings:
    """Resolve all settings of a run of pytest.

    What is wrong in the ini file becomes the settings' ``refusal``: a suite that also runs tests of other things is
    not stopped by it.

    Raises:
        pytest.UsageError: a value that is not allowed, naming where it came from and what is.
    """
    import pytest

    ini_folder = config.inipath.parent if config.inipath else config.rootpath

    def candidates(option: Option) -> Iterator[tuple[Origin, Any]]:
        start = config.invocation_params.dir
        if (given := config.getoption(option.flag.lstrip("-").replace("-", "_"))) is not None:
            yield Origin(option.flag, start), given
        yield from _of_environment(option, start, environment)
        origin = Origin(f"ini key {option.ini}", ini_folder)
        try:
            given = config.getini(option.ini)
        except (TypeError, ValueError, pytest.UsageError) as error:
            expected = {"bool": "true or false", "int": "a whole number", "linelist": "one entry per line"}
            wanted = expected.get(ini_type(option), "text")
            # Both int() and pytest quote at the end what they could not read.
            quoted = re.search("'.*'$", str(error))
            got = (
                f"{quoted[0]} is not allowed; expected {wanted}" if quoted else f"expected {wanted} ({error})"
            )
            raise RefusedError(f"{origin.source}: {got}") from None
        if given is not None:
            yield origin, given

    refused: list[str] = []
    try:
        found = _resolved(OPTIONS, candidates, environment, refused)
        if found.inputs.model:
            _refuse_overlooked_ini_file(config)
            refused += _unknown_keys(config)
    except RefusedError as error:
        raise pytest.UsageError(str(error)) from None
    return found._replace(refusal=refused[0]) if refused else found


def changed_options(before: Settings, after: Settings) -> list[str]:
    """Return the flags of the options that have another value, in the order of ``--help``."""
    return [
        option.flag
        for option in OPTIONS
        if getattr(getattr(before, option.part), option.field)
        != getattr(getattr(after, option.part), option.field)
    ]


def command_settings(
    command: str, arguments: Namespace, environment: Mapping[str, str] = os.environ
) -> Settings:
    """Resolve the settings of a command of ``lipleak``: all that it takes, the rest at the defaults.

    A variable of an option that the command does not take is left alone: one environment serves many commands.

    Args:
        command: its name.
        arguments: of its parser, see ``parsers.add_arguments``.
        environment: the variables.

    Raises:
        ConfigurationError: a value that is not allowed, naming where it came from and what is.
    """
    return make_settings(vars(arguments), Path.cwd(), environment, command=command)


def make_settings(
    values: Mapping[str, Any],
    start: Path,
    environment: Mapping[str, str] = os.environ,
    *,
    command: str | None = None,
) -> Settings:
    """Resolve settings from code: given values over environment over default.

    Args:
        values: by option name, for example ``model`` or ``gate``, as one would write them on the command line;
            None where an option is not given.
        start: the folder that relative paths are meant from.
        environment: the variables; an empty mapping reads none.
        command: whose options count, None for all.

    Raises:
        ConfigurationError: a value that is not allowed, naming where it came from and what is.
    """

    def candidates(option: Option) -> Iterator[tuple[Origin, Any]]:
        if (given := values.get(option.name)) is not None:
            yield Origin(option.command_flag, start), given
        yield from _of_environment(option, start, environment)
        if command is not None and command in option.defaults:
            yield Origin("", start), option.defaults[command]

    options = OPTIONS if command is None else offered_by(command)
    with _as_configuration_error():
        return _resolved(options, candidates, environment)


def check_environment(environment: Mapping[str, str] = os.environ) -> None:
    """Refuse a misspelt variable, which would leave its setting at the default, and the run green.

    Raises:
        ConfigurationError: a variable ``LIPLEAK_*`` that nobody knows.
    """
    with _as_configuration_error():
        _refuse_unknown(environment)


@contextmanager
def _as_configuration_error() -> Iterator[None]:
    try:
        yield
    except RefusedError as error:
        from pytest_lipleak.core.errors import ConfigurationError

        raise ConfigurationError(str(error)) from None


def _of_environment(
    option: Option, start: Path, environment: Mapping[str, str]
) -> Iterator[tuple[Origin, Any]]:
    # An empty variable counts as none: that is how shells and CI files leave one out.
    if value := environment.get(option.variable):
        yield Origin(f"environment variable {option.variable}", start), value


def _resolved(
    options: Iterable[Option],
    candidates: Callable[[Option], Iterator[tuple[Origin, Any]]],
    environment: Mapping[str, str],
    refused: list[str] | None = None,
) -> Settings:
    """Take, for each option, the first of its candidates, who come in the order of their weight.

    Args:
        options: to resolve.
        candidates: gives those of an option.
        environment: the variables.
        refused: takes what is wrong with values of an ini file, in place of raising it.
    """
    _refuse_unknown(environment)
    values: dict[str, dict[str, Any]] = {part: {} for part in PARTS}
    sources: dict[str, str] = {}
    for option in options:
        try:
            for origin, raw in candidates(option):
                # Given as empty, an option takes back what the less important sources say.
                if raw not in ("", [], [""]):
                    values[option.part][option.field] = _converted(option, origin, raw)
                    if origin.source:
                        sources[option.field] = origin.source
                break
        except RefusedError as error:
            if refused is None or not str(error).startswith(f"ini key {option.ini}:"):
                raise
            refused.append(str(error))
    return Settings(**{part: kind(**values[part]) for part, kind in PARTS.items()}, sources=sources)


def _converted(option: Option, origin: Origin, raw: Any) -> Any:
    try:
        value = option.convert(raw, origin)
        if option.choices and not option.more:
            one_of(value, option.choices)
    except RefusedError as error:
        raise RefusedError(f"{origin.source}: {error}") from None
    return value


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    known = {option.variable for option in OPTIONS} | OTHER_VARIABLES
    for variable in environment:
        if variable.startswith("LIPLEAK_") and variable not in known:
            raise RefusedError(f"environment variable {variable} is not known{instead(variable, known)}")


def _unknown_keys(config: "pytest.Config") -> list[str]:
    """Likewise a misspelt ini key: pytest itself only warns."""
    known = {option.ini for option in OPTIONS}
    return [
        f"ini key {key} in {config.inipath} is not known{instead(key, known)}"
        for key in config._get_unknown_ini_keys()  # pytest has no public way to ask, and itself warns of these
        if key.startswith("lipleak_")
    ]


def _refuse_overlooked_ini_file(config: "pytest.Config") -> None:
    """Refuse to judge by other limits than the project's own.

    pytest looks for its ini file before it knows our options: in ``--lipleak-clips FOLDER`` it takes the
    folder for one of tests and looks there, in ``--lipleak-clips=FOLDER`` it does not.
    """
    given = config.invocation_params.args
    flags = [option.flag for option in OPTIONS if option.is_path and option.flag in given]
    here = config.invocation_params.dir
    if not flags or (config.inipath is not None and here.is_relative_to(config.inipath.parent)):
        return
    for file in (folder / name for folder in (here, *here.parents) for name in INI_FILES):
        if file.is_file() and "lipleak_" in file.read_text(encoding="utf-8", errors="replace"):
            raise RefusedError(
                f"{file} sets lipleak_* keys, but pytest overlooks it (its root is {config.rootpath}) because of a "
                f"space behind {flags[0]}; write {flags[0]}=PATH"
            )
