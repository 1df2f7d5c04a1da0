"""``lipleak doctor``: say what this installation can do, or whether a model is fit to be measured."""

import argparse
import json
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_lipleak.cli.option_names import here
from pytest_lipleak.cli.output import models_print_to_stderr
from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.core.exit_status import GOOD, NOT_JUDGED
from pytest_lipleak.core.number_words import counted, named
from pytest_lipleak.core.suggestions import meant
from pytest_lipleak.core.version import __version__
from pytest_lipleak.machine.libraries import OPENCV, opencv_builds, opencv_warning, version_of
from pytest_lipleak.settings.options import Settings, offered_by
from pytest_lipleak.settings.parsers import add_arguments
from pytest_lipleak.settings.resolve import command_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_lipleak.evaluation.checks.model import Finding
    from pytest_lipleak.generators.finished_model import FinishedVideos
    from pytest_lipleak.run.run import Run

MODEL_FILES = ("weights", "allow_unverified_weights")
"""Settings that matter without a model, too."""

PACKAGES = {
    "numpy": "",
    OPENCV: "",
    "av": "",
    "onnxruntime": "",
    "pytest-xdist": "xdist",
    "torch": "syncnet",
    "onnx": "syncnet",
    "ai-edge-litert": "faces",
    "librosa": "models",
    "hypothesis": "strategies",
    "jinja2": "html",
    "distributed": "cluster",
}
"""Packages that are looked for, and the extra that brings each; empty for what is always installed."""


def add(commands: Any) -> None:
    """Add the subcommand's parser."""
    doctor = commands.add_parser(
        "doctor",
        help="say what this installation can do, or whether a model is fit to be measured (--model)",
        epilog="example: lipleak doctor --model my_package.lipsync:load. "
        "With --model the exit status is 0 when nothing is to be fixed, 2 when there is no such model, "
        "3 when something is to be fixed first: its factory fails, too",
    )
    add_arguments(doctor, "doctor", MODEL_FILES)
    model = doctor.add_argument_group(
        "a model",
        "calls it about ten times on a short clip and says what is to be fixed before it is measured; --model= looks "
        "at the installation where LIPLEAK_MODEL names a model",
    )
    add_arguments(model, "doctor", [o.field for o in offered_by("doctor") if o.field not in MODEL_FILES])
    model.add_argument("--clip", metavar="NAME", help="which of them (default: the first)")
    model.add_argument(
        "--frames", type=int, default=50, metavar="N", help="how many frames of it (default: 50)"
    )
    doctor.add_argument("--json", action="store_true", help="print everything as JSON")
    doctor.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Look at the installation, or at a model."""
    settings = command_settings("doctor", options)
    if settings.inputs.model is None:
        return _installation(settings.scoring.weights, as_json=options.json)
    return _model(settings, options)


def _model(settings: Settings, options: argparse.Namespace) -> int:
    from pytest_lipleak.evaluation.checks.model import clips_checked, examine, framing_checked
    from pytest_lipleak.report.checked_model import text_of
    from pytest_lipleak.run.run import Run

    if options.frames < 10:
        raise ConfigurationError(f"--frames {options.frames}: expected 10 or more")
    work = Run(settings)
    try:
        with models_print_to_stderr():
            work.check()
        if (finished := work.named_model.finished()) is not None:
            return _videos(work, finished, as_json=options.json)
        clip = options.clip or next(iter(work.clips))
        if clip not in work.clips:
            raise ConfigurationError(
                f"--clip {clip}: there are {', '.join(work.clips)}{meant(options.clip, work.clips)}"
            )
        with models_print_to_stderr():
            evaluation = work.new_evaluation(work.model)
            timeout = settings.machine.timeout
            result = examine(evaluation, clip, frames=options.frames, timeout=timeout, tell=_tell)
            _tell("clips")
            result.findings += framing_checked(evaluation, work.expert.protocol, settings.scoring.weights)
            result.findings.append(clips_checked(evaluation))
    finally:
        work.close()
    if options.json:
        print(json.dumps(result.to_dict(), indent=1, allow_nan=False))
    else:
        words = [*text_of(result), "", f"next: {_next(settings, fix=bool(result.to_fix))}"]
        print(here("\n".join(words), options))
    return NOT_JUDGED if result.to_fix else GOOD


def _next(settings: Settings, *, fix: bool) -> str:
    """What to type next, with what was given here."""
    given = {
        "--model": [str(settings.inputs.model)],
        "--model-arg": list(settings.inputs.model_args),
        "--clips": [str(settings.inputs.clips)] if "clips" in settings.sources else [],
        "--expert": [settings.scoring.expert] if "expert" in settings.sources else [],
        "--protocol": [settings.scoring.protocol] if "protocol" in settings.sources else [],
    }
    words = [
        shlex.quote(word) for name, values in given.items() for value in values for word in (name, value)
    ]
    command = " ".join(["lipleak", "doctor" if fix else "evaluate", *words])
    return f"mend what says FIX, then {command}" if fix else command


def _videos(work: "Run", finished: "FinishedVideos", *, as_json: bool) -> int:
    """Finished videos are not called: whether each belongs to its clip is what can be wrong with them."""
    from pytest_lipleak.core.scores import POSED
    from pytest_lipleak.evaluation.checks.finished import look_over
    from pytest_lipleak.evaluation.checks.model import FIX, OK
    from pytest_lipleak.report.progress import StreamProgress

    findings = look_over(work.new_evaluation(work.model), finished, StreamProgress(sys.stderr))
    to_fix = sum(finding.verdict == FIX for finding in findings)
    if as_json:
        told = {"model": finished.name, "findings": [vars(each) for each in findings], "to_fix": to_fix}
        print(json.dumps(told, indent=1))
        return NOT_JUDGED if to_fix else GOOD
    count = counted(len(finished.trials), "video")
    posed = sum(POSED in finding.text for finding in findings)
    # Of these nothing shows it; what was asked instead stands in the note.
    laid = f"{posed} of them by the word of pose=free alone" if posed else "each on its clip"
    print(
        f"{finished.name}: {f'NOT READY, to be fixed: {to_fix} of {count}' if to_fix else f'READY: {count}, {laid}'}"
    )
    for note in finished.notes:
        print(f"note  {note}")
    for line in _to_mend(each for each in findings if each.verdict == FIX):
        print(f"FIX   {line}")
    for text, names in _alike(each for each in findings if each.verdict not in (FIX, OK)).items():
        print(f"look  {named(names)}: {text}")
    return NOT_JUDGED if to_fix else GOOD


def _to_mend(findings: "Iterable[Finding]") -> list[str]:
    """What is to be mended, a line each; a reason that many files share is told once, behind all of them."""
    places: dict[str, list[str]] = {}
    for each in findings:
        place, end, reason = each.text.partition("): ")
        if end and place.startswith(f"{each.check} ("):
            places.setdefault(reason, []).append(f"{place})")
        else:
            places[each.text] = []
    return [f"{named(files)}: {reason}" if files else reason for reason, files in places.items()]


def _alike(findings: "Iterable[Finding]") -> dict[str, list[str]]:
    """What was looked at, by what was found of it: the same of thousands of videos is one line."""
    names: dict[str, list[str]] = {}
    for each in findings:
        names.setdefault(each.text, []).append(each.check)
    return names


def _tell(check: str) -> None:
    print(f"looks at: {check}", file=sys.stderr, flush=True)


def _installation(weights: Path | None, *, as_json: bool) -> int:
    from pytest_lipleak.machine.model_files import cache_folder
    from pytest_lipleak.media.clipsets import EMBEDDED, open_clips
    from pytest_lipleak.sync.experts import load_expert

    packages = {package: version_of(package) for package in PACKAGES}
    about = {
        "embedded clips": str(len(open_clips(EMBEDDED))),
        "embedded expert": load_expert("embedded").identity.label,
        "SyncNet v2": _syncnet(weights),
        "face model": _faces(weights),
        "download folder": str(cache_folder()),
        "CUDA through torch": _cuda(),
    }
    if warning := opencv_warning():
        about["warning"] = warning
    if as_json:
        versions = {"pytest-lipleak": __version__, "python": sys.version.split()[0], **packages}
        print(json.dumps({"versions": versions, **about}, indent=1))
        return GOOD
    print(f"pytest-lipleak {__version__}, Python {sys.version.split()[0]}")
    for package, found in packages.items():
        extra = PACKAGES[package]
        missing = f"missing: pip install 'pytest-lipleak[{extra}]'" if extra else "MISSING"
        build = f" ({', '.join(opencv_builds())})" if package == OPENCV and found else ""
        print(f"  {package} {found or missing}{build}")
    for name, words in about.items():
        print(f"{name}: {words}")
    print(
        "next: pytest --lipleak-model=demo (a model that leaks nothing; demo:leaky does), or lipleak doctor --model "
        "PACKAGE.MODULE:FACTORY for your own"
    )
    return GOOD


def _faces(weights: Path | None) -> str:
    from pytest_lipleak.faces.landmark_networks import FACE_LANDMARKER, faces_at_hand
    from pytest_lipleak.machine.model_files import locate

    if faces_at_hand(weights):
        return str(locate(FACE_LANDMARKER.name, weights) or locate(FACE_LANDMARKER.name, None))
    return (
        "not found; protocol tracked and landmarks download it at first use "
        f"({FACE_LANDMARKER.url}, licence {FACE_LANDMARKER.licence})"
    )


def _syncnet(weights: Path | None) -> str:
    from pytest_lipleak.sync.weights import SYNCNET_FILE, locate, verify_syncnet

    found = locate(SYNCNET_FILE, weights)
    if found is None:
        return "not found; run `lipleak fetch`, or name a folder with --weights"
    verified = verify_syncnet(found, allow_unverified=True).verified
    return (
        f"{found} ({'the published weights' if verified else 'unverified weights: not the published hash'})"
    )


def _cuda() -> str:
    if find_spec("torch") is None:
        return "torch is not installed"
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "none visible"
