"""``lipleak doctor``: say what this installation can do."""

import argparse
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pytest_lipleak import __version__
from pytest_lipleak.cli.exit_codes import GOOD

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
"""Packages that are looked for, and the extra that brings each; empty for what is always installed."""


def add(commands: Any) -> None:
    """Add the subcommand's parser."""
    doctor = commands.add_parser("doctor", help="say what this installation can do")
    doctor.add_argument("--weights", type=Path, help="folder with model files")
    doctor.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Print versions, clips, experts and devices."""
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
