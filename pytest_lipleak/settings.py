"""Options of the plugin: command line over environment over ini file over default."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pytest

CHOICES: Mapping[str, tuple[str, ...]] = {
    "expert": ("auto", "syncnet", "embedded"),
    "protocol": ("auto", "lrs", "direct", "tracked"),
    "silence": ("zeros", "noise"),
    "alternative_reference": ("first", "random", "multiple", "multiple-25", "silent-face", "most-dissimilar"),
    "pairing": ("any", "same-speaker"),
    "face": ("largest", "speaking"),
    "inconclusive": ("fail", "skip", "warn"),
}


class Option(NamedTuple):
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
        "the generator to test: demo, demo:leaky, a name that `lipleak models` lists, module:attribute, "
        "file.py:attribute, model.onnx, or 'cmd: PROGRAM {video} {audio} {output}'",
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
    Option(
        "workers_per_gpu",
        "how many xdist workers may hold the model on one device at once, the CPU included; the others score what is "
        "generated meanwhile (default: all)",
        "N",
        "number",
    ),
    Option("seed", "seed of the XM pairing and of random references (default 0)", "N", "number"),
    _choice("silence", "what silence is; the model's own choice, else zeros"),
    _choice("alternative_reference", "AR strategy; the model's own, else first"),
    _choice("pairing", "who may be paired with whom under XM; the model's own choice, else any"),
    _choice("face", "whose face is tracked where several are seen"),
    Option("retrack", "track the face anew in generated videos, not by the real clip's boxes", kind="flag"),
    Option("arcface", "ArcFace network of your own for CSIM (ONNX, input N,3,112,112)", "FILE", "path"),
    Option(
        "allow_unscored",
        "judge the rest when some clips cannot be scored; a model that fails on a clip is not covered",
        kind="flag",
    ),
    Option(
        "confidence",
        "judge by the whole interval of this coverage, for example 0.95, where a limit names none "
        "(default: by the value itself)",
        "SHARE",
    ),
    Option(
        "sequential",
        "measure clip by clip, in seeded order, until each verdict is settled at the confidence (default 0.95)",
        kind="flag",
    ),
    _choice("inconclusive", "what a test does whose interval lies on both sides of its limit"),
    Option(
        "timeout",
        "seconds that the model may take for one clip under one condition (default: no limit)",
        "SECONDS",
        "number",
    ),
    Option(
        "shard",
        "measure part I of N of the clips and leave the verdict to `lipleak merge` (needs --lipleak-json)",
        "I/N",
    ),
    Option("json", "write all scores to this file", "FILE", "path"),
    Option("save_baseline", "write the scores to this file as a baseline to commit", "FILE", "path"),
    Option("compare", "compare with this baseline (or JSON report) of the same clips", "FILE", "path"),
    Option(
        "compare_fail",
        "what must not happen against the baseline: 'LSD-CR > +0.1', 'LSD-CR > +10%% +0.05' (repeatable)",
        "REGRESSION",
        "list",
    ),
    Option("html", "write a report to look at: a folder, or a file ending in .html", "PATH", "path"),
    Option(
        "dose",
        "dose curve of these clips, by `lipleak calibrate`: reads results as a share of copied lips",
        "FILE",
        "path",
    ),
    Option("keep", "keep generated videos, with their audio, in this folder", "DIR", "path"),
    # Not "cache": LIPLEAK_CACHE names the folder of downloads.
    Option(
        "store", "reuse artefacts across runs from this folder (models with a fingerprint)", "DIR", "path"
    ),
    Option(
        "store_limit",
        "size of that folder in GB; what was not used for longest is dropped beyond it (default: no limit)",
        "GB",
        "number",
    ),
)


OTHER_VARIABLES = {"LIPLEAK_CACHE", "LIPLEAK_REPOSITORIES", "LIPLEAK_SHARED"}
"""The folder of downloads, and what this project's own tests need: no settings of a run."""


class Settings(NamedTuple):
    """Every setting of one pytest run, checked. Field names are the option names.

    A named tuple, because every run of pytest makes this class, and a frozen dataclass takes six times as long.
    """

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
    workers_per_gpu: int | None = None
    seed: int = 0
    silence: str | None = None
    alternative_reference: str | None = None
    pairing: str | None = None
    face: str = "largest"
    retrack: bool = False
    arcface: Path | None = None
    allow_unscored: bool = False
    confidence: str | None = None
    inconclusive: str = "fail"
    sequential: bool = False
    timeout: int | None = None
    shard: str | None = None
    json: Path | None = None
    save_baseline: Path | None = None
    dose: Path | None = None
    compare: Path | None = None
    compare_fails: tuple[str, ...] = ()
    html: Path | None = None
    keep: Path | None = None
    store: Path | None = None
    store_limit: int | None = None
    sources: Mapping[str, str] = MappingProxyType({})
    """Where each given setting came from, in the words of an error message."""

    @property
    def asked_for_gates(self) -> bool:
        """Whether gates stand on the command line, and not only in a file or variable."""
        return any(self.sources.get(name, "").startswith("--") for name in ("gates", "compare_fails"))


def add_options(parser: "pytest.Parser") -> None:
    """Register every option and ini key."""
    group = parser.getgroup(
        "lipleak",
        "lip leakage of talking-face generators (with -q only the verdict is printed, with -qq nothing; "
        "every option is also an environment variable LIPLEAK_* and an ini key lipleak_*)",
    )
    for option in OPTIONS:
        if option.kind == "flag":
            group.addoption(option.flag, action="store_true", default=None, help=option.help)
        else:
            action = "append" if option.kind == "list" else "store"
            group.addoption(
                option.flag, action=action, default=None, metavar=option.metavar, help=option.help
            )
        ini_type: Any = {"flag": "bool", "list": "linelist", "number": "int"}.get(option.kind, "string")
        parser.addini(option.ini, f"default of {option.flag}", type=ini_type, default=None)


def read_settings(config: "pytest.Config", environment: Mapping[str, str] = os.environ) -> Settings:
    """Resolve all settings.

    Raises:
        pytest.UsageError: a value that is not allowed, naming where it came from and what is.
    """
    import pytest

    folders = Folders(
        config.invocation_params.dir, config.inipath.parent if config.inipath else config.rootpath
    )
    try:
        found = _resolved(lambda option: _candidates(option, config, environment), folders, environment)
        if found.model:
            _refuse_overlooked_ini_file(config)
            _refuse_unknown_keys(config)
    except _RefusedError as error:
        raise pytest.UsageError(str(error)) from None
    return found


def given_settings(
    given: Mapping[str, Any], start: Path, environment: Mapping[str, str] = os.environ
) -> Settings:
    """Resolve all settings without pytest: given values over environment over default.

    Args:
        given: by option name, for example ``model`` or ``gate``; None where an option was not given.
        start: the folder that relative paths are meant from.
        environment: the variables.

    Raises:
        ConfigurationError: a value that is not allowed, naming where it came from and what is.
    """

    def candidates(option: Option) -> Iterator[tuple[str, Any]]:
        if given.get(option.name) is not None:
            yield f"--{option.name.replace('_', '-')}", given[option.name]
        if value := environment.get(option.variable):
            yield f"environment variable {option.variable}", value

    try:
        return _resolved(candidates, Folders(start, start), environment)
    except _RefusedError as error:
        from pytest_lipleak.core.errors import ConfigurationError

        raise ConfigurationError(str(error)) from None


class Folders(NamedTuple):
    """Where relative paths are meant from.

    Args:
        start: those on the command line and in the environment.
        ini: those in the ini file.
    """

    start: Path
    ini: Path


def _resolved(
    candidates: Callable[[Option], Iterator[tuple[str, Any]]],
    folders: Folders,
    environment: Mapping[str, str],
) -> Settings:
    _refuse_unknown(environment)
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for option in OPTIONS:
        name = f"{option.name}s" if option.kind == "list" else option.name
        for source, raw in candidates(option):
            # Given as empty, an option takes back what the less important sources say.
            if raw not in ("", []):
                values[name] = _converted(option, source, raw, folders)
                sources[name] = source
            break
    return Settings(**values, sources=sources)


class _RefusedError(Exception):
    """A value that is not allowed; worded here, raised as the family of errors of whoever asks."""


INI_FILES = (
    "pytest.toml",
    ".pytest.toml",
    "pytest.ini",
    ".pytest.ini",
    "pyproject.toml",
    "tox.ini",
    "setup.cfg",
)


def _refuse_overlooked_ini_file(config: "pytest.Config") -> None:
    """Refuse to judge by other limits than the project's own.

    pytest looks for its ini file before it knows our options: in ``--lipleak-clips FOLDER`` it takes the
    folder for one of tests and looks there, in ``--lipleak-clips=FOLDER`` it does not.
    """
    given = config.invocation_params.args
    flags = [option.flag for option in OPTIONS if option.kind == "path" and option.flag in given]
    here = config.invocation_params.dir
    if not flags or (config.inipath is not None and here.is_relative_to(config.inipath.parent)):
        return
    for file in (folder / name for folder in (here, *here.parents) for name in INI_FILES):
        if file.is_file() and "lipleak_" in file.read_text(encoding="utf-8", errors="replace"):
            raise _RefusedError(
                f"{file} sets lipleak_* keys, but pytest overlooks it (its root is {config.rootpath}) because of a "
                f"space behind {flags[0]}; write {flags[0]}=PATH"
            )


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    """A misspelt variable would leave its setting at the default, and the run green."""
    known = {option.variable for option in OPTIONS} | OTHER_VARIABLES
    for variable in environment:
        if variable.startswith("LIPLEAK_") and variable not in known:
            raise _RefusedError(f"environment variable {variable} is not known; {_nearest(variable, known)}")


def _refuse_unknown_keys(config: "pytest.Config") -> None:
    """Likewise a misspelt ini key: pytest itself only warns."""
    known = {option.ini for option in OPTIONS}
    for key in config._get_unknown_ini_keys():  # pytest has no public way to ask, and itself warns of these
        if key.startswith("lipleak_"):
            raise _RefusedError(f"ini key {key} in {config.inipath} is not known; {_nearest(key, known)}")


def refuse_unknown_options(parser: "pytest.Parser", arguments: Sequence[str]) -> None:
    """Refuse a misspelt option with the right one: pytest names none, and may take it for the path of a test.

    Args:
        parser: pytest's, when it knows the options of all plugins and of the user's conftests, too.
        arguments: the command line's.

    Raises:
        pytest.UsageError: an argument begins with --lipleak- and is nobody's option.
    """
    if not any(argument.startswith("--lipleak-") for argument in arguments):
        return  # most runs end here, and need not be parsed once more
    found, unknown = parser.parse_known_and_unknown_args(arguments)
    # With a space in its value argparse takes an option that it does not know for a path.
    for argument in (*unknown, *found.file_or_dir):
        flag = argument.partition("=")[0]
        if flag.startswith("--lipleak-"):
            import pytest

            known = {option.flag for option in OPTIONS}
            raise pytest.UsageError(f"option {flag} is not known; {_nearest(flag, known)}")


def _nearest(word: str, known: Set[str]) -> str:
    from difflib import get_close_matches

    nearest = get_close_matches(word, sorted(known), 1)
    return f"did you mean {nearest[0]}?" if nearest else f"known are {', '.join(sorted(known))}"


def _candidates(
    option: Option, config: "pytest.Config", environment: Mapping[str, str]
) -> Iterator[tuple[str, Any]]:
    """Yield who gives this option a value, and which; the most important first."""
    if (given := config.getoption(option.flag.lstrip("-").replace("-", "_"))) is not None:
        yield option.flag, given
    # An empty variable counts as none: that is how shells and CI files leave one out.
    if given := environment.get(option.variable):
        yield f"environment variable {option.variable}", given
    source = f"ini key {option.ini}"
    import pytest

    try:
        given = config.getini(option.ini)
    except (TypeError, ValueError, pytest.UsageError) as error:
        expected = {"flag": "true or false", "number": "a whole number", "list": "one entry per line"}
        raise _RefusedError(f"{source}: expected {expected.get(option.kind, 'text')} ({error})") from None
    if given is not None:
        yield source, given


def _converted(option: Option, source: str, raw: Any, folders: Folders) -> Any:
    convert: Callable[[], Any] = {
        "text": lambda: _chosen(option, source, str(raw), folders),
        "number": lambda: _number(source, str(raw)),
        "flag": lambda: _flag(source, raw),
        "list": lambda: tuple(_entries(raw)),
        "path": lambda: _path(option, source, str(raw), folders),
    }[option.kind]
    return convert()


def _chosen(option: Option, source: str, value: str, folders: Folders) -> str:
    allowed = CHOICES.get(option.name)
    if allowed and value not in allowed:
        raise _RefusedError(f"{source}: {value!r} is not allowed; choose one of {', '.join(allowed)}")
    if option.name == "device" and not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", value):
        raise _RefusedError(f"{source}: {value!r} is no device; use auto, cpu, cuda, cuda:N or mps")
    if option.name == "shard":
        _check_shard(source, value)
    if option.name == "confidence" and not re.fullmatch(r"0?\.[5-9]\d*", value):
        raise _RefusedError(f"{source}: {value!r} is no share from 0.5 to below 1; write for example 0.95")
    if option.name == "model" and source.startswith("ini"):
        return _beside_ini_file(value, folders)
    return value


def _check_shard(source: str, value: str) -> None:
    match = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", value)
    if match is None or int(match[1]) > int(match[2]):
        raise _RefusedError(f"{source}: {value!r} is no part; write I/N with I from 1 to N, for example 2/8")


def _beside_ini_file(model: str, folders: Folders) -> str:
    """Read a relative ``path/file.py:attribute`` or ``path/model.onnx`` from the ini file, if not from here."""
    where, colon, attribute = (model, "", "") if model.endswith(".onnx") else model.rpartition(":")
    beside = folders.ini / where
    if where.endswith((".py", ".onnx")) and not Path(where).is_file() and beside.is_file():
        return f"{beside}{colon}{attribute}"
    return model


def _number(source: str, value: str) -> int:
    if not re.fullmatch(r"\s*\d{1,18}\s*", value):
        raise _RefusedError(f"{source}: {value!r} is not allowed; expected a whole number, 0 or more")
    return int(value)


def _flag(source: str, value: Any) -> bool:
    text = str(value).lower()
    if text not in ("true", "1", "yes", "on", "false", "0", "no", "off"):
        raise _RefusedError(f"{source}: {value!r} is neither true nor false; use one of these (or 1, 0)")
    return text in ("true", "1", "yes", "on")


def _entries(raw: Any) -> list[str]:
    entries = raw.split(";") if isinstance(raw, str) else raw
    return [entry.strip() for entry in entries if entry.strip()]


def _path(option: Option, source: str, value: str, folders: Folders) -> Path | str:
    if option.name == "clips" and value == "embedded":
        return value
    # A path in an ini file is meant from that file, one on the command line from where one stands. Absolute from
    # now on: tests may change the working directory.
    base = folders.ini if source.startswith("ini") else folders.start
    path = base / Path(value).expanduser()
    return str(path) if option.name == "clips" else path
