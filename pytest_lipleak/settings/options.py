"""Every option, one row each: the field of ``Settings`` in which its value stands, annotated with all that is known
of it. Parsers, environment, ini keys, shell completion and the documentation are views of these rows.

To add an option, add a row to the part that it belongs to, and use ``settings.PART.FIELD`` where it counts.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

from pytest_lipleak.core.choices import MEASURE_GROUPS, PAIRINGS, SILENCES, STRATEGIES
from pytest_lipleak.settings import convert
from pytest_lipleak.settings.convert import Convert

SCORE, EVALUATE, PROBE, DOCTOR, CALIBRATE = "score", "evaluate", "probe", "doctor", "calibrate"
MERGE, COMPARE, CACHE, CLIPS, PAPER, EXPORT = "merge", "compare", "cache", "clips", "paper", "export"
RUNS = (EVALUATE, PROBE, DOCTOR)
"""Commands that run a model of the user's."""
MEASURES = (*RUNS, CALIBRATE, PAPER, EXPORT)
SCORES = (*MEASURES, SCORE, CLIPS)

OTHER_VARIABLES = {"LIPLEAK_CACHE", "LIPLEAK_REPOSITORIES", "LIPLEAK_SHARED"}
"""The folder of downloads, and what this project's own tests need: no settings of a run."""


class Option(NamedTuple):
    """All that is known of one option.

    Its name is the field's, without the plural s of a list. An option ``model`` is ``--lipleak-model`` of pytest and
    ``--model`` of commands, ``LIPLEAK_MODEL`` and ini key ``lipleak_model``. A list's option is given once per entry,
    and its ini key and variable carry the plural s; in a variable ``;`` separates entries.

    Args:
        help: one sentence, in which ``%`` is doubled, as argparse wants it.
        convert: checks and converts what was written; a function of ``convert.py``.
        metavar: what stands behind the option in ``--help``.
        choices: all allowed values, where they can be counted.
        commands: the commands that take it, apart from pytest.
        defaults: by command, where that has another default.
        more: whether installed packages may bring more choices, which ``convert`` checks.
        alone: what a command takes it for where it stands without a value; empty where it needs one.
        field: name of the field. This and what follows is filled in from the field that the row annotates.
        part: name of the field's part of ``Settings``.
        default: of the field.
    """

    help: str
    convert: Convert = convert.text
    metavar: str = "NAME"
    choices: tuple[str, ...] = ()
    commands: tuple[str, ...] = (EVALUATE,)
    defaults: Mapping[str, Any] = MappingProxyType({})
    more: bool = False
    alone: str = ""
    field: str = ""
    part: str = ""
    default: Any = None

    @property
    def is_list(self) -> bool:
        """Whether it is given once per entry."""
        return self.convert is convert.entries

    @property
    def is_flag(self) -> bool:
        """Whether it stands without a value."""
        return self.convert is convert.flag

    @property
    def is_path(self) -> bool:
        """Whether its value names a file or folder."""
        return self.convert in (convert.path, convert.clips)

    @property
    def name(self) -> str:
        """With underscores, in the singular."""
        return self.field.removesuffix("s") if self.is_list else self.field

    @property
    def flag(self) -> str:
        """Spelling on pytest's command line."""
        return f"--lipleak-{self.name.replace('_', '-')}"

    @property
    def command_flag(self) -> str:
        """Spelling on the command line of ``lipleak``."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def ini(self) -> str:
        """Ini-file spelling."""
        return f"lipleak_{self.field}"

    @property
    def variable(self) -> str:
        """Environment spelling."""
        return self.ini.upper()

    @property
    def meaning(self) -> str:
        """What it does, with its choices."""
        return f"{self.help}: {', '.join(self.choices)}" if self.choices else self.help


def ini_type(option: Option) -> Any:
    """Return the type of an option's ini key, as pytest calls it."""
    types: dict[convert.Convert, str] = {
        convert.flag: "bool",
        convert.entries: "linelist",
        convert.number: "int",
        convert.count: "int",
    }
    return types.get(option.convert, "string")


class Inputs(NamedTuple):
    """What is tested, on what."""

    model: Annotated[
        str | None,
        Option(
            "the generator to test: demo, demo:leaky, a name that `lipleak models` lists, module:attribute, "
            "file.py:attribute, model.onnx, videos:TABLE.csv (finished videos), or "
            "'cmd: PROGRAM {video} {audio} {output}'",
            convert.model,
            commands=RUNS,
        ),
    ] = None
    model_args: Annotated[
        tuple[str, ...],
        Option("argument of the model's factory (repeatable)", convert.entries, "KEY=VALUE", commands=RUNS),
    ] = ()
    clips: Annotated[
        str,
        Option(
            "real clips: a folder of videos, a list of clips (CSV), or 'embedded' (default)",
            convert.clips,
            "PATH",
            commands=MEASURES,
        ),
    ] = "embedded"
    clips_root: Annotated[
        str | None,
        Option(
            "folder that the files of a list of clips are named from (default: the list's own)",
            convert.clips,
            "DIR",
            commands=(*MEASURES, CLIPS),
        ),
    ] = None
    pairs: Annotated[
        Path | None,
        Option(
            "XM pairs, lines 'audio_id video_id' as in Wav2Lip's test lists",
            convert.path,
            "FILE",
            commands=(EVALUATE, PROBE, PAPER, EXPORT),
        ),
    ] = None
    compare: Annotated[
        Path | None,
        Option("compare with this baseline (or JSON report) of the same clips", convert.path, "FILE"),
    ] = None
    dose: Annotated[
        Path | None,
        Option(
            "dose curve of `lipleak calibrate`: the scale on which results read as a share of copied lips",
            convert.path,
            "FILE",
        ),
    ] = None


class Scoring(NamedTuple):
    """Who judges, and what of the picture."""

    expert: Annotated[
        str,
        Option(
            "sync expert that judges, one of ours or one that an installed package registers",
            convert.expert,
            choices=("auto", "syncnet", "embedded"),
            commands=SCORES,
            more=True,
        ),
    ] = "auto"
    protocol: Annotated[
        str,
        Option("how frames become face crops", choices=("auto", "lrs", "direct", "tracked"), commands=SCORES),
    ] = "auto"
    weights: Annotated[
        Path | None,
        Option(
            "folder (or SyncNet file) with model weights, for machines without internet",
            convert.path,
            "PATH",
            commands=SCORES,
        ),
    ] = None
    allow_unverified_weights: Annotated[
        bool,
        Option("accept SyncNet weights with an unknown hash, and say so", convert.flag, commands=SCORES),
    ] = False
    face: Annotated[
        str,
        Option(
            "whose face is tracked where several are seen", choices=("largest", "speaking"), commands=SCORES
        ),
    ] = "largest"
    retrack: Annotated[
        bool,
        Option(
            "track the face anew in generated videos, not by the real clip's boxes",
            convert.flag,
            commands=MEASURES,
        ),
    ] = False
    arcface: Annotated[
        Path | None,
        Option(
            "ArcFace network of your own for CSIM (ONNX, input N,3,112,112)",
            convert.path,
            "FILE",
            commands=(EVALUATE, PAPER),
        ),
    ] = None


class Plan(NamedTuple):
    """What the model is given."""

    seed: Annotated[
        int,
        Option(
            "seed of all that is drawn: XM pairs, random references, noise as silence, unrelated speech, which clips "
            "are probed, the order of --lipleak-sequential (default 0)",
            convert.number,
            "N",
            commands=(*MEASURES, CLIPS),
        ),
    ] = 0
    silence: Annotated[
        str | None,
        Option(
            "what silence is; the model's own choice, else zeros",
            choices=SILENCES,
            commands=(*RUNS, PAPER, EXPORT),
        ),
    ] = None
    alternative_reference: Annotated[
        str | None,
        Option(
            "AR strategy; the model's own, else first",
            choices=STRATEGIES,
            commands=(*RUNS, PAPER, EXPORT),
        ),
    ] = None
    pairing: Annotated[
        str | None,
        Option(
            "who may be paired with whom under XM; the model's own choice, else any",
            choices=PAIRINGS,
            commands=(*MEASURES, CLIPS),
            defaults={CALIBRATE: "same-speaker"},
        ),
    ] = None
    partners: Annotated[
        int,
        Option(
            "how many partners a clip has under XM, whose speech drives it one after the other (default 1); pair lists "
            "and finished videos have their own",
            convert.count,
            "N",
            commands=(EVALUATE, PAPER, EXPORT),
        ),
    ] = 1


JUDGE_NOTHING = "none"
"""In the place of all gates."""


class Rules(NamedTuple):
    """How values become verdicts."""

    measure: Annotated[
        str | None,
        Option(
            "measure a group of metrics, beside what limits ask for, defaults among them",
            metavar="GROUP",
            choices=MEASURE_GROUPS,
            alone="conditions",
        ),
    ] = None

    gates: Annotated[
        tuple[str, ...],
        Option(
            "a limit to keep, for example 'LSD-CR < 0.6' (repeatable; replaces the defaults), or none: judge nothing",
            convert.entries,
            "LIMIT",
            commands=(EVALUATE, MERGE),
        ),
    ] = ()
    allow_unscored: Annotated[
        bool,
        Option(
            "judge the rest when some clips cannot be scored; a model that fails on a clip is not covered",
            convert.flag,
            commands=(EVALUATE, PROBE, MERGE, COMPARE),
        ),
    ] = False
    confidence: Annotated[
        float | None,
        Option(
            "judge by the whole interval of this coverage, for example 0.95, where a limit names none "
            "(default: by the value itself)",
            convert.confidence,
            "SHARE",
        ),
    ] = None
    sequential: Annotated[
        bool,
        Option(
            "measure clip by clip, in seeded order, until each verdict is settled at the confidence (default 0.95)",
            convert.flag,
        ),
    ] = False
    inconclusive: Annotated[
        str,
        Option(
            "what a test does whose interval lies on both sides of its limit",
            choices=("fail", "skip", "warn"),
            commands=(),
        ),
    ] = "fail"
    compare_fails: Annotated[
        tuple[str, ...],
        Option(
            "what must not happen against the baseline: 'LSD-CR > +0.1', 'LSD-CR > +10%% +0.05' (repeatable)",
            convert.entries,
            "REGRESSION",
        ),
    ] = ()
    gates_with_paths: Annotated[
        bool,
        Option(
            "judge the configured gates also where pytest is given paths that do not hold the ini file",
            convert.flag,
            commands=(),
        ),
    ] = False

    @property
    def limits(self) -> tuple[str, ...] | None:
        """The limits that were given, none where nothing is to be judged; None where the expert's defaults count."""
        if not self.gates:
            return None
        return () if self.gates == (JUDGE_NOTHING,) else self.gates


class Outputs(NamedTuple):
    """What is written for the user."""

    json: Annotated[Path | None, Option("write all scores to this file", convert.path, "FILE")] = None
    save_baseline: Annotated[
        Path | None, Option("write the scores to this file as a baseline to commit", convert.path, "FILE")
    ] = None
    html: Annotated[
        Path | None,
        Option("write a report to look at: a folder, or a file ending in .html", convert.path, "PATH"),
    ] = None
    keep: Annotated[
        Path | None, Option("keep generated videos, with their audio, in this folder", convert.path, "DIR")
    ] = None


class Machine(NamedTuple):
    """Where the work is done, and what of it is kept."""

    device: Annotated[
        str,
        Option(
            "where networks run: auto, cpu, cuda, cuda:N, mps",
            convert.device,
            "DEVICE",
            commands=SCORES,
            defaults={SCORE: "cpu", CALIBRATE: "cpu"},
        ),
    ] = "auto"
    workers_per_gpu: Annotated[
        int | None,
        Option(
            "how many xdist workers may hold the model on one device at once, the CPU included; the others score "
            "what is generated meanwhile (default: all)",
            convert.count,
            "N",
        ),
    ] = None
    timeout: Annotated[
        int | None,
        Option(
            "seconds that the model may take for one clip under one condition (default: no limit)",
            convert.count,
            "SECONDS",
            commands=(*RUNS, PAPER, EXPORT),
        ),
    ] = None
    shard: Annotated[
        tuple[int, int] | None,
        Option(
            "measure part I of N of the clips and leave the verdict to `lipleak merge` (needs --lipleak-json)",
            convert.shard,
            "I/N",
        ),
    ] = None
    # Not "cache": LIPLEAK_CACHE names the folder of downloads.
    store: Annotated[
        Path | None,
        Option(
            "reuse artefacts across runs from this folder (models with a fingerprint)",
            convert.path,
            "DIR",
            commands=(EVALUATE, PROBE, CALIBRATE, CACHE, PAPER),
        ),
    ] = None
    store_limit: Annotated[
        int | None,
        Option(
            "size of that folder in GB; what was not used for longest is dropped beyond it (default: no limit)",
            convert.count,
            "GB",
            commands=(EVALUATE, PROBE, CALIBRATE, PAPER),
        ),
    ] = None
    store_shared: Annotated[
        bool,
        Option(
            "use that folder although others own it or may write to it; whoever can write there can forge a pass",
            convert.flag,
            commands=(EVALUATE, PROBE, CALIBRATE, PAPER),
        ),
    ] = False


class Settings(NamedTuple):
    """Every setting of one run, checked.

    Named tuples, because every run of pytest makes these classes, and a frozen dataclass takes six times as long.
    """

    inputs: Inputs = Inputs()
    scoring: Scoring = Scoring()
    plan: Plan = Plan()
    rules: Rules = Rules()
    outputs: Outputs = Outputs()
    machine: Machine = Machine()
    sources: Mapping[str, str] = MappingProxyType({})
    """By field, where each setting that was given came from, in the words of an error message."""
    refusal: str | None = None
    """What is wrong in the ini file: it matters to those runs alone that judge something."""

    @property
    def asked_for_model(self) -> bool:
        """Whether somebody names the model, or what it is judged by, for this run, and not only in a file."""
        source = self.sources.get("model", "")
        return self.asked_for_gates or bool(source and not source.startswith("ini key"))

    @property
    def asked_for_gates(self) -> bool:
        """Whether gates stand on the command line, and not only in a file or variable."""
        return any(self.sources.get(name, "").startswith("--") for name in ("gates", "compare_fails"))


PARTS: Mapping[str, Any] = {
    name: type(default)
    for name, default in Settings._field_defaults.items()
    if name not in ("sources", "refusal")
}
"""The parts of ``Settings`` by name."""

OPTIONS: tuple[Option, ...] = tuple(
    row.__metadata__[0]._replace(field=field, part=part, default=kind._field_defaults[field])
    for part, kind in PARTS.items()
    for field, row in kind.__annotations__.items()
)
"""Every row, in the order in which help and documentation show them."""


def offered_by(command: str) -> tuple[Option, ...]:
    """Return the options that a command takes."""
    return tuple(option for option in OPTIONS if command in option.commands)
