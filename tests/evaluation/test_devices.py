import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.evaluation.make import devices
from pytest_lipleak.evaluation.make.devices import device_label, resolve_device
from pytest_lipleak.machine import processors


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Pretend to have as many CUDA devices as the parameter says."""
    import torch

    monkeypatch.setattr(devices, "_nvidia_driver", lambda: request.param > 0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: request.param > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: request.param)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.parametrize(
    ("gpus", "name", "worker", "device"),
    [
        (0, "cpu", 0, "cpu"),
        (0, "auto", 3, "cpu"),
        (2, "cpu", 1, "cpu"),
        (2, "auto", 0, "cuda:0"),
        (2, "auto", 1, "cuda:1"),
        (2, "cuda", 5, "cuda:1"),
        (2, "cuda:1", 0, "cuda:1"),
    ],
    indirect=["gpus"],
)
@pytest.mark.usefixtures("gpus")
def test_workers_share_the_devices_in_turn(name: str, worker: int, device: str) -> None:
    assert resolve_device(name, worker) == device


@pytest.mark.parametrize(
    ("visible", "device", "label"),
    [
        (None, "cpu", "cpu"),
        (None, "cuda:1", "cuda-1"),
        ("", "cuda:1", "cuda-1"),
        ("3", "cuda:0", "cuda-3"),
        ("5, 2", "cuda:1", "cuda-2"),
        ("GPU-8932f937-d72c,MIG-GPU-1/7/0", "cuda:1", "cuda-MIG-GPU-1-7-0"),
        ("3", "mps", "mps"),
        ("3", "cpu", "cpu"),
    ],
)
def test_devices_that_workers_call_alike_are_told_apart(
    visible: str | None, device: str, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert device_label(device) == label


@pytest.mark.parametrize(
    ("gpus", "name", "words"),
    [
        (0, "cuda", "sees a CUDA device"),
        (0, "cuda:0", "sees a CUDA device"),
        (0, "mps", "not available"),
        (2, "cuda:2", "2 CUDA device"),
        (2, "cuda:x", "is no device; use auto, cpu"),
        (2, "gpu", "is no device; use auto, cpu"),
        (0, "gpu", "is no device; use auto, cpu"),
    ],
    indirect=["gpus"],
)
@pytest.mark.usefixtures("gpus")
def test_a_device_that_is_not_there_is_named(name: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolve_device(name)
    assert words in str(caught.value)
    assert repr(name) in str(caught.value)


def test_onnx_runtime_with_cuda_serves_where_torch_sees_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import onnxruntime
    import torch

    for card in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / card).mkdir()
    monkeypatch.setattr(devices, "GPUS", tmp_path)
    monkeypatch.setattr(devices, "_nvidia_driver", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    assert [resolve_device("auto", worker) for worker in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    with pytest.raises(ConfigurationError, match="1 CUDA device"):
        resolve_device("cuda:1")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    assert resolve_device("auto") == "cpu"


SEEN = """
import sys
from pytest_lipleak.evaluation.make.devices import share_threads
if "first" in sys.argv[3:]:
    import torch
print(share_threads(int(sys.argv[1]), int(sys.argv[2])))
import cv2, torch
print(torch.get_num_threads(), cv2.getNumThreads())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("workers", "order", "given", "expected"),
    [(4, "first", None, 2), (99, "later", None, 1), (4, "later", "1", 1)],
)
def test_workers_share_the_processors(workers: int, order: str, given: str | None, expected: int) -> None:
    clean = {name: value for name, value in os.environ.items() if name not in devices.THREAD_VARIABLES}
    environment = clean | ({"MKL_NUM_THREADS": given} if given else {})
    command = [sys.executable, "-c", SEEN, str(workers), "8", order]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(expected)] * 3


def test_one_process_alone_keeps_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert devices.share_threads(1) is None
    assert "OMP_NUM_THREADS" not in os.environ


def test_one_rule_says_whether_the_user_has_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers by level are a decision, for NumPy as for the share; what OpenMP does not read is none."""
    limited: list[str] = []
    for name in devices.THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(
        devices, "_numpy_in_one_thread", lambda: limited.append(os.environ["OMP_NUM_THREADS"])
    )
    monkeypatch.setattr("cv2.setNumThreads", lambda threads: None)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(set_num_threads=lambda threads: None))
    shares = {}
    for given in ("4", "4,2", "", "many", "0"):
        monkeypatch.setenv("OMP_NUM_THREADS", given)
        monkeypatch.setenv("MKL_NUM_THREADS", "")
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", "")
        shares[given] = devices.share_threads(4, 8)
    assert shares == {"4": 4, "4,2": 4, "": 2, "many": 2, "0": 2}
    assert limited == ["", "many", "0"]


ALONE = """
import os
from pytest_lipleak.evaluation.make.devices import share_threads
before = dict(os.environ)
share_threads(1)
assert dict(os.environ) == before
import threading
import numpy
import psutil
print(psutil.Process().num_threads() - threading.active_count())
"""


@pytest.mark.skipif(processors.usable_processors() < 2, reason="one processor: NumPy has no threads")
def test_numpy_has_no_threads_beside_the_work_of_one_process() -> None:
    clean = {name: value for name, value in os.environ.items() if name not in devices.THREAD_VARIABLES}

    def threads(code: str, **more: str) -> int:
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env=clean | more, capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert threads(ALONE) == 0
    # Where the user has decided, that holds.
    assert threads(ALONE, OPENBLAS_NUM_THREADS="2") == threads(
        ALONE.replace("share_threads(1)", ""), OPENBLAS_NUM_THREADS="2"
    )


IMPORTED_BEFORE = """
import sys
import numpy
from threadpoolctl import threadpool_info
from pytest_lipleak.evaluation.make.devices import share_threads
share_threads(int(sys.argv[1]), 8)
print(max(each["num_threads"] for each in threadpool_info() if "numpy" in each["filepath"]))
"""


@pytest.mark.skipif(processors.usable_processors() < 2, reason="one processor: NumPy has no threads")
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, 1),
        ({"OPENBLAS_NUM_THREADS": "2"}, 2),
        ({"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2,1"}, 2),
    ],
)
@pytest.mark.parametrize("workers", ["1", "2"])
def test_numpy_that_another_plugin_has_imported_takes_one_thread_unless_the_user_decided(
    workers: str, given: dict[str, str], expected: int
) -> None:
    clean = {name: value for name, value in os.environ.items() if name not in devices.THREAD_VARIABLES}
    command = [sys.executable, "-c", IMPORTED_BEFORE, workers]
    done = subprocess.run(command, env=clean | given, capture_output=True, text=True, check=True)
    assert int(done.stdout) == expected


@pytest.mark.gpu
def test_workers_are_placed_on_the_devices_that_are_here() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device is visible")
    count = torch.cuda.device_count()
    placed = [resolve_device("auto", worker) for worker in range(count + 1)]
    assert placed == [*(f"cuda:{index}" for index in range(count)), "cuda:0"]
    for device in placed:
        assert str(torch.zeros(1, device=device).device) == device
