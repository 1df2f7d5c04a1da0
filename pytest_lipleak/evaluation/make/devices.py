"""Which device networks run on."""

import os
import re
import shutil
import sys
from pathlib import Path

from pytest_lipleak.core.device_names import no_device
from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.machine.processors import usable_processors

GPUS = Path("/proc/driver/nvidia/gpus")
DRIVERS = ("/proc/driver/nvidia", "/dev/nvidia0", "/dev/dxg")
"""One of these is there where Linux has a driver of NVIDIA's; psutil knows nothing of GPUs."""


def resolve_device(name: str, worker: int = 0) -> str:
    """Turn ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps`` into a torch device name.

    Args:
        name: as the user wrote it. ``auto`` takes CUDA where a driver is present and torch or ONNX Runtime can use it.
        worker: number of this xdist worker; worker i takes visible device i modulo their count.

    Raises:
        ConfigurationError: no device is called so, or it was named and is not there.
    """
    if why := no_device(name):
        raise ConfigurationError(why)
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


def device_label(device: str) -> str:
    """Name a device of ``resolve_device`` so that processes which see others by the same number do not mix them up.

    That is its entry in ``CUDA_VISIBLE_DEVICES``, where that is set; fit for the name of a file.
    """
    kind, _, index = device.partition(":")
    visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    if kind == "cuda" and index.isdigit() and int(index) < len(visible):
        index = visible[int(index)]
    return re.sub(r"[^\w-]", "-", f"{kind}-{index}" if index else kind)


THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

_NUMBERS = re.compile(r"\s*(0*[1-9]\d*)\s*(,.*)?")


def share_threads(workers: int, processors: int | None = None) -> int | None:
    """Give this process its share of the processors, so that ``workers`` processes do not crowd each other out.

    Said to OpenMP, MKL and OpenBLAS by their environment variables, which count for what is imported from now on
    and for a model's own sub-processes, to OpenCV, and to torch where it is imported already. NumPy's own products
    take one thread. Where one of the variables is set to a number (or several, one a level, as in ``4,2``: the first
    counts), the user has decided, and it counts for all of them.

    Args:
        workers: processes that work side by side; with one, nothing is changed but NumPy, not even the environment.
        processors: that may be used; None asks the system.

    Returns:
        Threads per process, or None where nothing was changed.
    """
    given = [found[1] for name in THREAD_VARIABLES if (found := _NUMBERS.fullmatch(os.environ.get(name, "")))]
    if not given:
        _numpy_in_one_thread()
    if workers < 2:
        return None
    threads = int(given[0]) if given else max((processors or usable_processors()) // workers, 1)
    for name in THREAD_VARIABLES:
        if not os.environ.get(name, "").strip():
            os.environ[name] = str(threads)
    import cv2

    cv2.setNumThreads(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    return threads


def _numpy_in_one_thread() -> None:
    """Let NumPy's matrix products take one thread.

    Those of measuring are small: threads wait for each other longer than they work, and take the processor from
    whatever else runs. The environment is left as it was.
    """
    if "numpy" in sys.modules:  # by another plugin, pytest-randomly among them
        from threadpoolctl import ThreadpoolController

        loaded = ThreadpoolController()
        own = [each.filepath for each in loaded.lib_controllers if "numpy" in each.filepath]
        loaded.select(filepath=own).limit(limits=1)
        return
    before = os.environ.get("OPENBLAS_NUM_THREADS")
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    try:
        import numpy  # noqa: F401
    finally:
        if before is None:
            del os.environ["OPENBLAS_NUM_THREADS"]
        else:
            os.environ["OPENBLAS_NUM_THREADS"] = before


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
    if visible is not None:
        return len([name for name in visible.split(",") if name])
    return len(list(GPUS.iterdir())) if GPUS.is_dir() else 1


def _nvidia_driver() -> bool:
    # Asking torch costs 1.6 s; without a driver there is nothing to ask.
    if os.name == "nt":
        return shutil.which("nvidia-smi") is not None  # it comes with the driver
    return any(Path(place).exists() for place in DRIVERS)
