"""The ``lipleak`` command: score a file, fetch weights, list models, check the installation."""

import argparse
import io
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_lipleak import __version__
from pytest_lipleak.core.errors import (
    ConfigurationError,
    InputError,
    LipleakError,
    MissingDataError,
    UnscorableError,
)
from pytest_lipleak.core.scores import MAX_SHIFT

if TYPE_CHECKING:
    from pytest_lipleak.core.corpus import Corpus
    from pytest_lipleak.evaluation.store import Store

GOOD, LEAK, USAGE, NOT_JUDGED = 0, 1, 2, 3
"""Exit codes."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code.

    0 good, 1 a limit is broken, 2 usage error or unusable input, 3 it could not be judged.
    """
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Some consoles know no arrows; a number must not fail over its decoration.
        sys.stdout.reconfigure(errors="replace")
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except UnscorableError as error:
        print(f"lipleak: could not be judged: {error}", file=sys.stderr)
        return NOT_JUDGED
    except LipleakError as error:
        print(f"lipleak: {error}", file=sys.stderr)
        return USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lipleak", description="Lip sync and lip leakage of talking-face videos.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"pytest-lipleak {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_score(commands)
    fetch = commands.add_parser("fetch", help="download the SyncNet v2 weights and verify their hash")
    fetch.add_argument("--folder", type=Path, help="where to put them (default: the user's cache folder)")
    fetch.set_defaults(command=_fetch)
    cache = commands.add_parser("cache", help="look into, or clear, a store of artefacts (--lipleak-store)")
    cache.add_argument("action", choices=tuple(_CACHE_ACTIONS), help="what to do")
    cache.add_argument("--store", type=Path, help="the folder (default: LIPLEAK_STORE)")
    cache.set_defaults(command=_cache)
    merge = commands.add_parser(
        "merge",
        help="judge a corpus that was measured in parts (--lipleak-shard)",
        epilog="exit status: 0 all limits kept, 1 leak, 2 usage or parts that do not fit, 3 could not be judged",
    )
    merge.add_argument("parts", type=Path, nargs="+", help="the parts' JSON files, all of them")
    merge.add_argument(
        "--gate", action="append", help="a limit to keep, instead of those of the parts (repeatable)"
    )
    merge.add_argument(
        "--allow-unscored", action="store_true", help="judge the rest when clips have no score"
    )
    merge.add_argument("--json", type=Path, help="write all scores to this file")
    merge.set_defaults(command=_merge)
    models = commands.add_parser("models", help="list the models that --lipleak-model knows by name")
    models.set_defaults(command=_models)
    doctor = commands.add_parser("doctor", help="say what this installation can do")
    doctor.add_argument("--weights", type=Path, help="folder with model files")
    doctor.set_defaults(command=_doctor)
    return parser


def _add_score(commands: Any) -> None:
    score = commands.add_parser(
        "score",
        help="how well the lips of one video follow its audio",
        epilog="example: lipleak score talk.mp4 --expert embedded --protocol tracked",
    )
    score.add_argument("video", type=Path, help="a talking-face video")
    score.add_argument("--audio", type=Path, help="score against this audio instead of the video's own")
    score.add_argument("--expert", default="auto", help="auto, syncnet or embedded (default: auto)")
    score.add_argument("--weights", type=Path, help="SyncNet's weights file, or a folder with model files")
    score.add_argument(
        "--protocol", default="auto", help="lrs, direct or tracked (default: the expert's own)"
    )
    score.add_argument(
        "--face", default="largest", choices=("largest", "speaking"), help="whose face, if several"
    )
    score.add_argument(
        "--jpeg", default="pyav", help="who makes the JPEG step of lrs: pyav (default), or ffmpeg on PATH"
    )
    score.add_argument("--device", default="cpu", help="cpu, cuda, cuda:N (default: cpu)")
    score.add_argument(
        "--offset",
        type=int,
        choices=range(-MAX_SHIFT, MAX_SHIFT + 1),
        metavar="FRAMES",
        help=f"known audio-video offset, {-MAX_SHIFT} to {MAX_SHIFT} frames; adds the score at it",
    )
    score.add_argument("--allow-unverified-weights", action="store_true", help="accept other SyncNet weights")
    score.add_argument("--json", action="store_true", help="print everything as JSON")
    score.set_defaults(command=_score)


def _score(options: argparse.Namespace) -> int:
    from pytest_lipleak.evaluation.devices import resolve_device
    from pytest_lipleak.evaluation.scoring import score_file

    result = score_file(
        options.video,
        audio=options.audio,
        expert=options.expert,
        protocol=options.protocol,
        weights=options.weights,
        allow_unverified=options.allow_unverified_weights,
        device=resolve_device(options.device),
        face=options.face,
        jpeg=options.jpeg,
    )
    data = result.to_dict()
    if options.offset is not None:
        data["known_offset"] = options.offset
        data["confidence_at_known_offset"] = result.score.confidence_at(options.offset)
        data["distance_at_known_offset"] = result.score.distance_at(options.offset)
    if options.json:
        print(json.dumps(data, indent=1, allow_nan=False))
        return GOOD
    print(
        f"{options.video}: LSE-C {data['lse_c']:.3f} ↑  LSE-D {data['lse_d']:.3f} ↓  offset {data['offset']:+d}"
    )
    if options.offset is not None:
        print(
            f"  at the known offset {options.offset:+d}: confidence {data['confidence_at_known_offset']:.3f}, "
            f"distance {data['distance_at_known_offset']:.3f}"
        )
    print(
        f"  expert {data['expert']}, protocol {data['protocol']}, {data['windows']} windows, {data['frames']} frames"
    )
    for note in data["notes"]:
        print(f"  {note}")
    return GOOD


def _fetch(options: argparse.Namespace) -> int:
    from pytest_lipleak.sync.weights import fetch_syncnet

    print(fetch_syncnet(options.folder))
    return GOOD


def _merge(options: argparse.Namespace) -> int:
    from pytest_lipleak.core.verdicts import Limit
    from pytest_lipleak.evaluation.parts import judged_parts, merged_parts
    from pytest_lipleak.report.json import document, verdict_data
    from pytest_lipleak.report.summary import summaries

    limits = [Limit.parse(gate) for gate in options.gate or ()]
    models, unjudged = _read_parts(options.parts)
    found = []
    judged, broken = not unjudged, False
    for parts in models.values():
        corpus = merged_parts(parts)
        verdicts = judged_parts(corpus, limits, allow_unscored=options.allow_unscored)
        judged = judged and all(verdict.judged for verdict in verdicts)
        broken = broken or any(verdict.judged and not verdict.passed for verdict in verdicts)
        found.append((corpus, {str(verdict.limit): verdict_data(verdict) for verdict in verdicts}))
        print(
            "\n".join(
                f"{'ok    ' if verdict.passed else 'FAILED'} {verdict.headline}" for verdict in verdicts
            )
        )
    for summary in summaries(found):
        print("\n".join(["", f"{summary.model}: {summary.verdict}", *summary.table]))
    for test in unjudged:
        print(f"NOT JUDGED: {test} failed for another reason than a limit")
    if options.json:
        text = json.dumps(document(found, unjudged), indent=1, allow_nan=False)
        options.json.write_text(f"{text}\n", encoding="utf-8")
    return LEAK if broken else GOOD if judged else NOT_JUDGED


def _read_parts(paths: Sequence[Path]) -> tuple[dict[str, dict[str, "Corpus"]], list[str]]:
    """Return, per model, its parts by file; and the tests that failed for another reason than a limit."""
    from pytest_lipleak.report.json import read_document

    models: dict[str, dict[str, Corpus]] = {}
    unjudged: dict[str, None] = {}
    for path in paths:
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            corpora = read_document(data)
        except OSError as error:
            raise MissingDataError(f"{path}: cannot be read ({error.strerror})") from None
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{path}: is no report of pytest-lipleak ({type(error).__name__}: {error})"
            ) from None
        if not corpora:
            raise InputError(f"{path}: nothing was measured in this part; run it again")
        for corpus in corpora:
            models.setdefault(corpus.provenance.model, {})[str(path)] = corpus
        unjudged.update(dict.fromkeys(data["unjudged"]))
    return models, list(unjudged)


def _cache(options: argparse.Namespace) -> int:
    from pytest_lipleak.evaluation.store import Store

    folder = options.store or os.environ.get("LIPLEAK_STORE")
    if not folder:
        raise ConfigurationError("which store? Name its folder with --store or LIPLEAK_STORE")
    if not Path(folder).is_dir():
        raise MissingDataError(f"store {folder}: no such folder")
    print("\n".join(_CACHE_ACTIONS[options.action](Store(Path(folder)))))
    return GOOD


def _cache_size(store: "Store") -> list[str]:
    stored = store.artefacts()
    by_kind: dict[str, list[int]] = {}
    for artefact in stored:
        by_kind.setdefault(artefact.kind, []).append(artefact.size)
    lines = [f"  {kind}: {len(sizes)} in {_megabytes(sum(sizes))}" for kind, sizes in sorted(by_kind.items())]
    return [f"{len(stored)} artefacts in {_megabytes(sum(a.size for a in stored))}", *lines]


def _cache_list(store: "Store") -> list[str]:
    return [
        f"{datetime.fromtimestamp(artefact.used):%Y-%m-%d %H:%M}  {_megabytes(artefact.size):>10}  "
        f"{artefact.kind}  " + ", ".join(f"{word} {value}" for word, value in artefact.about.items())
        for artefact in store.artefacts()
    ] or ["empty"]


def _cache_clear(store: "Store") -> list[str]:
    removed = store.clear()
    left = len(store.artefacts())
    kept = f"; {left} in use by another process stay" if left else ""
    return [f"removed {len(removed)} artefacts, {_megabytes(sum(a.size for a in removed))}{kept}"]


_CACHE_ACTIONS: Mapping[str, Callable[["Store"], list[str]]] = {
    "path": lambda store: [str(store.folder)],
    "size": _cache_size,
    "list": _cache_list,
    "clear": _cache_clear,
}


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _models(options: argparse.Namespace) -> int:
    from pytest_lipleak.generators.registry import known_names

    print("\n".join(known_names()))
    print("demo:leaky, demo:leaky=SHARE: the demo with a leak")
    print("any other generator: package.module:attribute or path/file.py:attribute")
    return GOOD


PACKAGES = {
    "numpy": "",
    "opencv-python": "",
    "av": "",
    "onnxruntime": "",
    "pytest-xdist": "xdist",
    "torch": "syncnet",
    "onnx": "syncnet",
    "ai-edge-litert": "faces",
    "librosa": "models",
    "hypothesis": "strategies",
}


def _doctor(options: argparse.Namespace) -> int:
    from pytest_lipleak.media.clipsets import EMBEDDED, open_clips
    from pytest_lipleak.model_files import cache_folder
    from pytest_lipleak.sync.experts import load_expert

    print(f"pytest-lipleak {__version__}, Python {sys.version.split()[0]}")
    for package, extra in PACKAGES.items():
        try:
            print(f"  {package} {version(package)}")
        except PackageNotFoundError:
            print(
                f"  {package} missing: pip install 'pytest-lipleak[{extra}]'"
                if extra
                else f"  {package} MISSING"
            )
    print(f"embedded clips: {len(open_clips(EMBEDDED))}")
    print(f"embedded expert: {load_expert('embedded').identity.label}")
    print(f"SyncNet v2: {_syncnet(options.weights)}")
    print(f"download folder: {cache_folder()}")
    print(f"CUDA through torch: {_cuda()}")
    return GOOD


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


if __name__ == "__main__":
    sys.exit(main())
