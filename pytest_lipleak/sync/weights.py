"""SyncNet v2 weights: where they are, whether they are the published ones, and their safe loading."""

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.errors import MissingExtraError, WeightsError
from pytest_lipleak.machine.model_files import ModelFile, fetch, load_checkpoint
from pytest_lipleak.machine.model_files import cache_folder as cache_folder
from pytest_lipleak.machine.model_files import file_sha256 as file_sha256
from pytest_lipleak.machine.model_files import locate as locate
from pytest_lipleak.sync.architecture import parameter_shapes

SYNCNET_FILE = "syncnet_v2.model"
SYNCNET_SHA256 = "961e8696f888fce4f3f3a6c3d5b3267cf5b343100b238e79b2659bff2c605442"
SYNCNET = ModelFile(
    SYNCNET_FILE,
    "http://www.robots.ox.ac.uk/~vgg/software/lipsync/data/syncnet_v2.model",
    SYNCNET_SHA256,
    "code MIT; models for research, CC BY",
    "SyncNet v2, the sync expert of the papers",
)

StateDict = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class WeightsFile:
    """A weights file on disk with the hash that names it.

    Args:
        path: where it lies.
        sha256: of its bytes.
        verified: whether that is the published hash.
    """

    path: Path
    sha256: str
    verified: bool


def fetch_syncnet(folder: Path | None = None) -> Path:
    """Download the published SyncNet v2 weights and verify their hash.

    Raises:
        WeightsError: what arrived has another hash, or the download failed.
    """
    return fetch(SYNCNET, folder)


def verify_syncnet(path: Path, *, allow_unverified: bool) -> WeightsFile:
    """Hash ``path`` and refuse anything but the published weights, unless told otherwise.

    Raises:
        WeightsError: another hash and ``allow_unverified`` is false.
    """
    sha256 = file_sha256(path)
    verified = sha256 == SYNCNET_SHA256
    if not verified and not allow_unverified:
        raise WeightsError(
            f"{path}: SHA-256 is {sha256}, expected {SYNCNET_SHA256} (the published SyncNet v2). "
            "Get the right file with `lipleak fetch`, or accept this one knowingly with "
            "--allow-unverified-weights (plugin: --lipleak-allow-unverified-weights); "
            "every report will then say so"
        )
    return WeightsFile(path, sha256, verified)


def check_packages(weights: WeightsFile) -> None:
    """Refuse, without loading anything, weights that cannot be read here.

    Raises:
        MissingExtraError: they have not been converted yet, and what converts them is not installed.
    """
    if any((cache_folder() / "exports" / weights.sha256).glob("*.onnx")):
        return
    for package, purpose in (("torch", "Reading SyncNet weights"), ("onnx", "Converting SyncNet weights")):
        if find_spec(package) is None:
            raise MissingExtraError(purpose, package, "syncnet")


def load_state_dict(path: Path) -> StateDict:
    """Read a SyncNet state dict without running code from the file.

    Raises:
        WeightsError: the file holds pickled code, or is not a SyncNet state dict.
        MissingExtraError: torch is not installed.
    """
    try:
        state = load_checkpoint(path, "a SyncNet state dict")
    except ImportError as error:
        raise MissingExtraError("Reading SyncNet weights", "torch", "syncnet") from error
    return _checked(path, {name: value.numpy() for name, value in state.items() if hasattr(value, "numpy")})


def _checked(path: Path, state: StateDict) -> StateDict:
    expected = parameter_shapes()
    # PyTorch 0.3, which wrote the published file, did not count batches.
    needed = {name: shape for name, shape in expected.items() if not name.endswith("num_batches_tracked")}
    missing = sorted(needed.keys() - state.keys())
    wrong = [name for name in needed.keys() & state.keys() if state[name].shape != needed[name]]
    if missing or wrong:
        name = (missing or sorted(wrong))[0]
        got = "nothing" if missing else str(state[name].shape)
        raise WeightsError(f"{path}: not a SyncNet v2 state dict; {name} is {got}, expected {needed[name]}")
    if bad := [name for name in needed if not np.isfinite(state[name]).all()]:
        raise WeightsError(f"{path}: {bad[0]} contains NaN or infinity")
    return {name: np.asarray(state[name]) for name in needed}


def cached_export(weights: WeightsFile, name: str, make: Callable[[], bytes]) -> Path:
    """Return the cached file ``name`` derived from ``weights``, making it once per weights hash."""
    from filelock import FileLock

    folder = cache_folder() / "exports" / weights.sha256
    folder.mkdir(parents=True, exist_ok=True)
    path, digest = folder / name, folder / f"{name}.sha256"
    with FileLock(folder / f"{name}.lock"):
        if not (path.is_file() and digest.is_file() and file_sha256(path) == digest.read_text()):
            content = make()
            for target, data in ((path, content), (digest, hashlib.sha256(content).hexdigest().encode())):
                temporary = target.with_suffix(f"{target.suffix}.{os.getpid()}.tmp")
                temporary.write_bytes(data)
                temporary.replace(target)
    return path
