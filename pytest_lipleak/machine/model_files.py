"""Model files that are not shipped: where they lie, whether they are the published ones, how they are fetched.

Every such file is named by its hash. It is looked for in the weights folder the user names
(``--lipleak-weights``), then in the download folder, and else downloaded and verified.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_lipleak.core.errors import MissingDataError, WeightsError
from pytest_lipleak.core.remarks import tell
from pytest_lipleak.core.suggestions import meant_file


@dataclass(frozen=True)
class ModelFile:
    """A published model file.

    Args:
        name: file name as published.
        url: where its authors serve it.
        sha256: of its bytes, as 64 hex digits.
        licence: what users must know before they use it.
        purpose: what it is for, in a few words.
    """

    name: str
    url: str
    sha256: str
    licence: str
    purpose: str


def cache_folder() -> Path:
    """Folder for downloads and exports: ``LIPLEAK_CACHE``, else the user's cache folder."""
    if named := os.environ.get("LIPLEAK_CACHE"):
        return Path(named)
    import pooch

    return Path(pooch.os_cache("pytest-lipleak"))


def locate(name: str, weights: Path | None) -> Path | None:
    """Return the file ``name`` in the weights folder, or ``weights`` itself when it is a file; else None.

    Args:
        name: file name as published.
        weights: a file, a folder, or None for the download folder.
    """
    if weights is not None and not weights.exists():
        raise MissingDataError(
            f"weights {weights}: no such file or folder; check --lipleak-weights, or the variable "
            f"LIPLEAK_WEIGHTS{meant_file(weights)}"
        )
    if weights is not None and weights.is_file():
        return weights
    candidate = (weights or cache_folder()) / name
    return candidate if candidate.is_file() else None


def obtain(model: ModelFile, weights: Path | None = None) -> Path:
    """Return the verified file of ``model``, downloading it where it is not at hand.

    Args:
        model: which file.
        weights: the weights folder, or one file in it (the sync expert's, say), or None.

    Raises:
        MissingDataError: ``weights`` does not exist.
        WeightsError: a file of that name has another hash, or the download failed.
    """
    folder = weights.parent if weights is not None and weights.is_file() else weights
    path = locate(model.name, folder) or locate(model.name, None)
    return fetch(model) if path is None else verify(model, path)


def verify(model: ModelFile, path: Path) -> Path:
    """Return ``path`` if its bytes are those of ``model``.

    Raises:
        WeightsError: they are not.
    """
    sha256 = file_sha256(path)
    if sha256 != model.sha256:
        raise WeightsError(
            f"{path}: SHA-256 is {sha256}, expected {model.sha256} (the published {model.name}); "
            f"remove it to have the right one downloaded, or fetch it by hand from {model.url}"
        )
    return path


def fetch(model: ModelFile, folder: Path | None = None) -> Path:
    """Download ``model`` into ``folder`` (by default the download folder) and verify its hash; say so before.

    Of several processes that want it, one downloads it.

    Raises:
        WeightsError: what arrived has another hash, or the download failed.
    """
    from importlib.util import find_spec

    import pooch
    from filelock import FileLock

    pooch.get_logger().setLevel("WARNING")  # it would say what was told already
    folder = folder or cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{model.name}.lock"):
            if not (folder / model.name).is_file():
                tell(
                    f"downloads {model.name} ({model.purpose}), {_size(model.url)}, from {model.url} to {folder}, "
                    f"once; licence: {model.licence}"
                )
            return Path(
                pooch.retrieve(
                    model.url,
                    known_hash=f"sha256:{model.sha256}",
                    fname=model.name,
                    path=folder,
                    progressbar=find_spec("tqdm") is not None,
                )
            )
    except Exception as error:  # pooch and requests raise many kinds; all mean that there is no file
        raise WeightsError(
            f"could not download {model.name} ({model.purpose}) from {model.url}: {_reason(error)}. Without "
            "internet, put it into a folder and name that with --lipleak-weights or LIPLEAK_WEIGHTS; licence: "
            f"{model.licence}"
        ) from error


def _reason(error: Exception) -> str:
    """Why a download failed: libraries tell it by the insides of their connections."""
    import requests

    answer = getattr(error, "response", None)
    if isinstance(error, requests.HTTPError) and answer is not None:
        return f"the server answered {answer.status_code} {answer.reason}"
    if isinstance(error, requests.Timeout):
        return "the server did not answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "the server's certificate could not be verified"
    if isinstance(error, requests.ConnectionError):
        return "the server could not be reached"
    return str(error)


def _size(url: str) -> str:
    """How large what is served there is, as its server says."""
    import requests

    try:
        answer = requests.head(url, allow_redirects=True, timeout=10)
        return f"{int(answer.headers['Content-Length']) / 1e6:.1f} MB"
    except (requests.RequestException, KeyError, ValueError):
        return "of a size that its server does not tell"


def load_checkpoint(path: Path, expected: str) -> dict[str, Any]:
    """Read a PyTorch checkpoint without running code from it; torch must be installed.

    Args:
        path: the file.
        expected: what it should hold, for messages: "a SyncNet state dict".

    Raises:
        WeightsError: it cannot be read as plain weights, or is no dictionary.
    """
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises pickle, runtime, zip and EOF errors for the same reason
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise WeightsError(
            f"{path}: cannot be read as plain weights ({reason}); the file is empty, corrupt, a "
            "TorchScript archive or holds pickled code, which is never run"
        ) from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path}: holds a {type(content).__name__}, expected {expected}")
    return content


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, as 64 hex digits.

    Raises:
        MissingDataError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MissingDataError(f"{path}: cannot be read ({error.strerror}); check its rights") from None
