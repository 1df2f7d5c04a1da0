"""Options of the plugin: command line over environment over ini file over default."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

CHOICES: Mapping[str, tuple[str, ...]] = {
    "expert": ("auto", "syncnet", "embedded"),
    "protocol": ("auto", "lrs", "direct", "tracked"),
    "silence": ("zeros", "noise"),
    "alternative_reference": ("first", "random", "multiple", "silent-face", "most-dissimilar"),
    "pairing": ("any", "same-speaker"),
}


@dataclass(frozen=True)
class Option:
    """One setting and its three spellings.

    ``model`` is ``--lipleak-model``, ``LIPLEAK_MODEL`` and ini key ``lipleak_model``; a list's option is
    given once per entry and its ini key and variable carry a plural s, the latter separated by ``;``.

    Args:
        name: with underscores.
        help: one sentence.
        metavar: what stands behind the option in ``--help``.
        kind: ``text``, ``path``, ``number``, ``flag`` or ``list``.
    """

    name: str
    help: str
    metavar: str = "NAME"
    kind: str = "text"

    @property
    def flag(self) -> str:
        """Command-line spelling."""
        return f"--lipleak-{self.name.replace('_', '-')}"

    @property
    def ini(self) -> str:
        """Ini-file spelling."""
        return f"lipleak_{self.name}{'s' if self.kind == 'list' else ''}"

    @property
    def variable(self) -> str:
        """Environment spelling."""
        return self.ini.upper()


def _choice(name: str, help_: str) -> Option:
    return Option(name, f"{help_}: {', '.join(CHOICES[name])}")


OPTIONS = (
    Option(
        "model",
        "the generator to test: demo, demo:leaky, a registered name, module:attribute, file.py:attribute",
    ),
    Option("model_arg", "argument of the model's factory (repeatable)", "KEY=VALUE", "list"),
    Option(
        "clips", "real clips: a folder of videos, a CSV manifest, or 'embedded' (default)", "PATH", "path"
    ),
    Option("pairs", "XM pairs, lines 'audio_id video_id' as in Wav2Lip's test lists", "FILE", "path"),
    Option(
        "gate",
        "a limit to keep, for example 'LSD-CR < 0.6' (repeatable; replaces the defaults)",
        "LIMIT",
        "list",
    ),
    _choice("expert", "sync expert that judges"),
    _choice("protocol", "how frames become face crops"),
    Option(
        "weights",
        "folder (or SyncNet file) with model weights, for machines without internet",
        "PATH",
        "path",
    ),
    Option(
        "allow_unverified_weights", "accept SyncNet weights with an unknown hash, and say so", kind="flag"
    ),
    Option("device", "where networks run: auto, cpu, cuda, cuda:N, mps", "DEVICE"),
    Option("seed", "seed of the XM pairing and of random references (default 0)", "N", "number"),
    _choice("silence", "what silence is; the model's own choice, else zeros"),
    _choice("alternative_reference", "AR strategy; the model's own, else first"),
    _choice("pairing", "who may be paired with whom under XM; the model's own choice, else any"),
    Option("allow_unscored", "judge the rest when some clips cannot be scored", kind="flag"),
    Option("json", "write all scores to this file", "FILE", "path"),
    Option("keep", "keep generated videos, with their audio, in this folder", "DIR", "path"),
    Option(
        "cache", "reuse artefacts across runs from this folder (models with a fingerprint)", "DIR", "path"
    ),
)


@dataclass(frozen=True)
class Settings:
    """Every setting of one pytest run, checked. Field names are the option names."""

    model: str | None = None
    model_args: tuple[str, ...] = ()
    clips: str = "embedded"
    pairs: Path | None = None
    gates: tuple[str, ...] = ()
    expert: str = "auto"
    protocol: str = "auto"
    weights: Path | None = None
    allow_unverified_weights: bool = False
    device: str = "auto"
    seed: int = 0
    silence: str | None = None
    alternative_reference: str | None = None
    pairing: str | None = None
    allow_unscored: bool = False
    json: Path | None = None
    keep: Path | None = None
    cache: Path | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    """Where each given setting came from, in the words of an error message."""


def add_options(parser: pytest.Parser) -> None:
    """Register every option and ini key."""
    group = parser.getgroup("lipleak", "lip leakage of talking-face generators")
    for option in OPTIONS:
        if option.kind == "flag":
            group.addoption(option.flag, action="store_true", default=None, help=option.help)
        else:
            action = "append" if option.kind == "list" else "store"
            group.addoption(
                option.flag, action=action, default=None, metavar=option.metavar, help=option.help
            )
        ini_type = {"flag": "bool", "list": "linelist"}.get(option.kind, "string")
        default: Any = {"flag": False, "list": []}.get(option.kind, "")
        parser.addini(option.ini, f"default of {option.flag}", type=ini_type, default=default)  # type: ignore[arg-type]


def read_settings(config: pytest.Config, environment: Mapping[str, str] = os.environ) -> Settings:
    """Resolve all settings.

    Raises:
        pytest.UsageError: a value that is not allowed, naming where it came from and what is.
    """
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for option in OPTIONS:
        name = (
            "model_args" if option.name == "model_arg" else "gates" if option.name == "gate" else option.name
        )
        for source, raw in _candidates(option, config, environment):
            if raw not in (None, "", [], False):
                values[name] = _converted(option, source, raw, config)
                sources[name] = source
                break
    return Settings(**values, sources=sources)


def _candidates(
    option: Option, config: pytest.Config, environment: Mapping[str, str]
) -> list[tuple[str, Any]]:
    return [
        (option.flag, config.getoption(option.flag.lstrip("-").replace("-", "_"))),
        (f"environment variable {option.variable}", environment.get(option.variable)),
        (f"ini key {option.ini}", config.getini(option.ini)),
    ]


def _converted(option: Option, source: str, raw: Any, config: pytest.Config) -> Any:
    convert: Callable[[], Any] = {
        "text": lambda: _chosen(option, source, str(raw)),
        "number": lambda: _number(source, str(raw)),
        "flag": lambda: _flag(source, raw),
        "list": lambda: tuple(_entries(raw)),
        "path": lambda: _path(option, source, str(raw), config),
    }[option.kind]
    return convert()


def _chosen(option: Option, source: str, value: str) -> str:
    allowed = CHOICES.get(option.name)
    if allowed and value not in allowed:
        raise pytest.UsageError(f"{source}: {value!r} is not allowed; choose one of {', '.join(allowed)}")
    if option.name == "device" and value.partition(":")[0] not in ("auto", "cpu", "cuda", "mps"):
        raise pytest.UsageError(f"{source}: {value!r} is no device; use auto, cpu, cuda, cuda:N or mps")
    return value


def _number(source: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise pytest.UsageError(f"{source}: {value!r} is not a whole number") from None


def _flag(source: str, value: Any) -> bool:
    text = str(value).lower()
    if text not in ("true", "1", "yes", "on", "false", "0", "no", "off"):
        raise pytest.UsageError(f"{source}: {value!r} is neither true nor false")
    return text in ("true", "1", "yes", "on")


def _entries(raw: Any) -> list[str]:
    entries = raw.split(";") if isinstance(raw, str) else raw
    return [entry.strip() for entry in entries if entry.strip()]


def _path(option: Option, source: str, value: str, config: pytest.Config) -> Path | str:
    if option.name == "clips" and value == "embedded":
        return value
    # A path in an ini file is meant from that file, one on the command line from where one stands.
    base = (
        (config.inipath.parent if config.inipath else config.rootpath) if source.startswith("ini") else Path()
    )
    path = base / Path(value).expanduser()
    return str(path) if option.name == "clips" else path
