"""Which device networks run on."""

import re
from pathlib import Path

from pytest_lipleak.core.errors import ConfigurationError


def resolve_device(name: str, worker: int = 0) -> str:
    """Turn ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps`` into a torch device name.

    Args:
        name: as the user wrote it. ``auto`` takes CUDA where a driver and torch are present, else the CPU.
        worker: number of this xdist worker; worker i takes visible device i modulo their count.

    Raises:
        ConfigurationError: no device is called so, or it was named and is not there.
    """
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", name):
        raise ConfigurationError(f"unknown device {name!r}; use auto, cpu, cuda, cuda:N or mps")
    if name == "cpu" or (name == "auto" and not _nvidia_driver()):
        return "cpu"
    try:
        import torch
    except ImportError:
        if name == "auto":
            return "cpu"
        raise ConfigurationError(
            f"device {name!r} needs torch; install it, or use --lipleak-device cpu"
        ) from None
    if name == "mps":
        if not torch.backends.mps.is_available():
            raise ConfigurationError("device 'mps' is not available here; use --lipleak-device cpu")
        return name
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not count and name == "auto":
        return "cpu"
    if not count:
        raise ConfigurationError(f"device {name!r}: torch sees no CUDA device; use --lipleak-device cpu")
    if name in ("auto", "cuda"):
        return f"cuda:{worker % count}"
    index = name.partition(":")[2]
    if not index.isdigit() or int(index) >= count:
        raise ConfigurationError(f"device {name!r}: {count} CUDA device(s) are visible, numbered from 0")
    return name


def _nvidia_driver() -> bool:
    # Asking torch costs 1.6 s; without a driver there is nothing to ask.
    return Path("/proc/driver/nvidia").exists() or Path("/dev/nvidia0").exists() or Path("/dev/dxg").exists()
