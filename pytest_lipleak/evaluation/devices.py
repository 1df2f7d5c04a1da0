"""Which device networks run on."""

import os
import re
from pathlib import Path

from pytest_lipleak.core.errors import ConfigurationError

GPUS = Path("/proc/driver/nvidia/gpus")


def resolve_device(name: str, worker: int = 0) -> str:
    """Turn ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps`` into a torch device name.

    Args:
        name: as the user wrote it. ``auto`` takes CUDA where a driver is present and torch or ONNX Runtime can use it.
        worker: number of this xdist worker; worker i takes visible device i modulo their count.

    Raises:
        ConfigurationError: no device is called so, or it was named and is not there.
    """
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", name):
        raise ConfigurationError(f"unknown device {name!r}; use auto, cpu, cuda, cuda:N or mps")
    if name == "cpu" or (name == "auto" and not _nvidia_driver()):
        return "cpu"
    if name == "mps":
        if not _torch_sees("mps"):
            raise ConfigurationError("device 'mps' is not available here; use --lipleak-device cpu")
        return name
    count = _cuda_devices()
    if not count and name == "auto":
        return "cpu"
    if not count:
        raise ConfigurationError(
            f"device {name!r}: neither torch nor ONNX Runtime sees a CUDA device; use --lipleak-device cpu"
        )
    if name in ("auto", "cuda"):
        return f"cuda:{worker % count}"
    index = name.partition(":")[2]
    if int(index) >= count:
        raise ConfigurationError(f"device {name!r}: {count} CUDA device(s) are visible, numbered from 0")
    return name


def _torch_sees(kind: str) -> bool:
    try:
        import torch
    except ImportError:
        return False
    return bool(torch.backends.mps.is_available() if kind == "mps" else torch.cuda.is_available())


def _cuda_devices() -> int:
    """How many CUDA devices networks can run on here."""
    if _torch_sees("cuda"):
        import torch

        return int(torch.cuda.device_count())
    import onnxruntime

    if not _nvidia_driver() or "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return 0
    # ONNX Runtime does not count devices.
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return (
        len(list(GPUS.iterdir())) if visible is None else len([name for name in visible.split(",") if name])
    )


def _nvidia_driver() -> bool:
    # Asking torch costs 1.6 s; without a driver there is nothing to ask.
    return Path("/proc/driver/nvidia").exists() or Path("/dev/nvidia0").exists() or Path("/dev/dxg").exists()
