"""The SyncNet v2 expert: the network behind every published LSE number."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Image
from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.core.timebase import SAMPLES_PER_FRAME
from pytest_lipleak.media.ahead import ahead
from pytest_lipleak.sync import syncnet_graph
from pytest_lipleak.sync.distances import streamed_distances
from pytest_lipleak.sync.expert import (
    KEPT_WINDOWS,
    WINDOW_FRAMES,
    Embeddings,
    Examined,
    ExpertIdentity,
    Suitability,
    window_count,
)
from pytest_lipleak.sync.gathered import Gathered
from pytest_lipleak.sync.lse import RELIABLE_WINDOWS, short_warning
from pytest_lipleak.sync.mfcc import mfcc
from pytest_lipleak.sync.weights import (
    SYNCNET_SHA256,
    WeightsFile,
    cached_export,
    load_state_dict,
)

SIZE = 224
"""Height and width of the network's input, in pixels."""

CPU_BATCH = 4
"""Windows per call on a CPU. More are no faster there, and every one costs 18 MB (docs/performance.md)."""

GPU_BATCH = 128
"""Windows per call on a GPU, which needs many at once to be busy. Changes results by about 1e-6 at most."""

DIMENSIONS = 1024
AUDIO_COLUMNS = 20
"""MFCC columns per window; four pass per video frame."""

Tower = Callable[[NDArray[Any]], NDArray[np.float32]]


class SyncNet:
    """SyncNet v2 (Chung & Zisserman 2016) as a ``SyncExpert``.

    Args:
        weights: the located and hashed weights file.
        device: ``cpu`` (ONNX Runtime), or ``cuda:N`` (torch; ONNX Runtime where torch sees no CUDA).
        threads: for the CPU; 0 lets the runtime choose.
        gather: whether short videos are embedded several in one call; None: on a GPU, which needs many windows at once.
            Changes embeddings by rounding alone, about 1e-6.
    """

    mouth_aligned = False  # its published numbers come from plain face crops
    works_beside = False  # torch takes all processors already, and shares a GPU with the model

    def __init__(
        self, weights: WeightsFile, device: str = "cpu", threads: int = 0, gather: bool | None = None
    ) -> None:
        self._batch = CPU_BATCH if device == "cpu" else GPU_BATCH
        version = "v2" if weights.sha256 == SYNCNET_SHA256 else "v2 network"
        self.identity = ExpertIdentity("syncnet", version, weights.sha256, weights.verified)
        on_onnx = device == "cpu" or (device.startswith("cuda") and not _torch_sees_cuda())
        self._video, self._audio = (
            _onnx_towers(weights, threads, device) if on_onnx else _torch_towers(weights, device)
        )
        self.gathers = device != "cpu" if gather is None else gather
        self._gathered = Gathered(self._video, GPU_BATCH)

    def embed_video(self, frames: Iterable[Image]) -> Embeddings:
        """Embed face crops of any size (resized to 224x224 with OpenCV's default interpolation)."""
        return _joined(self._seen(frames))

    def begin(self, frames: Iterable[Image]) -> Callable[[], Embeddings]:
        """Return what gives ``embed_video`` of face crops; short ones wait for others where that is faster."""
        if not self.gathers:
            return partial(self.embed_video, frames)
        rest = iter(frames)
        first = list(islice(rest, GPU_BATCH))
        if not window_count(len(first)) or len(first) == GPU_BATCH:
            # Long enough for calls of its own, and too long to wait.
            rows = self.embed_video(chain(first, rest))
            return lambda: rows
        return self._gathered.begin(prepare_frames(first[:-1]))

    def embed_audio(self, audio: Audio) -> Embeddings:
        """Embed speech by the MFCCs beside each window."""
        return _joined(self._heard(audio))

    def review(self, frames: Iterable[Image], audio: Audio) -> Suitability:
        """Warn of clips so short that the zero padding of the audio dominates the score; pictures don't matter."""
        return _review(window_count(len(audio) // SAMPLES_PER_FRAME))

    def examine(self, frames: Iterable[Image], audio: Audio) -> Examined:
        """Distances and review in one pass; a piece of embeddings at a time, of which the first are kept."""
        seen, heard = _FirstRows(self._seen(frames)), _FirstRows(self._heard(audio))
        by_window = streamed_distances(seen, heard)
        return Examined(by_window, _review(len(by_window)), seen.rows, heard.rows)

    def _seen(self, frames: Iterable[Image]) -> Iterator[Embeddings]:
        prepared = (prepare_frame(frame) for frame in frames)
        return (self._video(batch) for batch in ahead(_batches(prepared, self._batch)))

    def _heard(self, audio: Audio) -> Iterator[Embeddings]:
        count = window_count(len(audio) // SAMPLES_PER_FRAME)
        if not count:
            return
        columns = np.ascontiguousarray(mfcc(audio).T, np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(columns, AUDIO_COLUMNS, axis=1)[:, ::4]
        stacked = windows.transpose(1, 0, 2)[:count, None]
        for start in range(0, count, self._batch):
            yield self._audio(np.ascontiguousarray(stacked[start : start + self._batch]))


class _FirstRows:
    """Hands pieces of embeddings on, and keeps the first of their rows.

    Args:
        pieces: (n, D), in order.
    """

    def __init__(self, pieces: Iterator[Embeddings]) -> None:
        self._pieces = pieces
        self._kept: list[Embeddings] = []

    def __iter__(self) -> Iterator[Embeddings]:
        count = 0
        for piece in self._pieces:
            if count < KEPT_WINDOWS:
                self._kept.append(piece)
            count += len(piece)
            yield piece

    @property
    def rows(self) -> Embeddings:
        """At most ``KEPT_WINDOWS`` rows."""
        return _joined(iter(self._kept))[:KEPT_WINDOWS]


def _joined(pieces: Iterator[Embeddings]) -> Embeddings:
    return np.concatenate([np.empty((0, DIMENSIONS), np.float32), *pieces])


def _review(windows: int) -> Suitability:
    return Suitability((), (short_warning(windows),) if windows < RELIABLE_WINDOWS else ())


def prepare_frame(frame: Image) -> NDArray[np.uint8]:
    """Resize an RGB frame to 224x224 and reorder it to BGR: what the network was trained on."""
    import cv2

    resized = frame if frame.shape[:2] == (SIZE, SIZE) else cv2.resize(frame, (SIZE, SIZE))
    return np.asarray(resized[..., ::-1], np.uint8)


def prepare_frames(frames: Iterable[Image]) -> NDArray[np.uint8]:
    """Prepare several frames: uint8 BGR (T, 224, 224, 3)."""
    return np.stack([prepare_frame(frame) for frame in frames])


def _batches(frames: Iterable[NDArray[np.uint8]], size: int) -> Iterator[NDArray[np.uint8]]:
    """Yield (n + 4, 224, 224, 3) for every n windows; the clip's last window is left out, as in the reference."""
    kept: list[NDArray[np.uint8]] = []
    for frame in frames:
        kept.append(frame)
        if len(kept) == size + WINDOW_FRAMES:
            yield np.stack(kept[:-1])
            del kept[:size]
    if window_count(len(kept)):
        yield np.stack(kept[:-1])


def _torch_sees_cuda() -> bool:
    try:
        import torch
    except ImportError:
        return False
    return bool(torch.cuda.is_available())


def _onnx_towers(weights: WeightsFile, threads: int, device: str) -> tuple[Tower, Tower]:
    # Read at most once, and only when an export is missing: torch is needed for that alone.
    state: dict[str, Any] = {}

    def tower(name: str, graph: Callable[[Any], bytes]) -> Tower:
        def make() -> bytes:
            state.update(state or load_state_dict(weights.path))
            return graph(state)

        file = f"{name}-{syncnet_graph.GRAPH_VERSION}.onnx"
        return onnx_tower(cached_export(weights, file, make), threads, device)

    return tower("video", syncnet_graph.video_graph), tower("audio", syncnet_graph.audio_graph)


def onnx_tower(path: Path, threads: int = 0, device: str = "cpu") -> Tower:
    """Return a function that runs the single-input, single-output ONNX file at ``path``.

    Args:
        path: the file.
        threads: for the CPU; 0 lets the runtime choose.
        device: ``cpu`` or ``cuda:N``.

    Raises:
        ConfigurationError: ONNX Runtime cannot use that device. Left alone it would take the CPU instead.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Idle threads sleep instead of spinning (8 % of the CPU time), and memory is taken as it is needed (20 MB).
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_mem_pattern = False
    wanted: Any = "CPUExecutionProvider"
    if device != "cpu":
        # As on torch: TF32 moves LSE in the second decimal, and a searched algorithm may change between runs.
        exact = {
            "device_id": device.partition(":")[2] or "0",
            "use_tf32": "0",
            "cudnn_conv_algo_search": "DEFAULT",
        }
        wanted = ("CUDAExecutionProvider", exact)
    session = onnxruntime.InferenceSession(str(path), options, providers=[wanted])
    if device != "cpu" and "CUDAExecutionProvider" not in session.get_providers():
        raise ConfigurationError(
            f"device {device!r}: ONNX Runtime has only {', '.join(session.get_providers())} here; install "
            "onnxruntime-gpu or a torch that sees the GPU, or use --lipleak-device cpu"
        )
    source = session.get_inputs()[0].name
    _give_memory_back()

    def run(batch: NDArray[Any]) -> NDArray[np.float32]:
        (output,) = session.run(None, {source: batch})
        return np.asarray(output, np.float32)

    return run


def _give_memory_back() -> None:
    """Return freed memory to the system: reading a network takes 35 MB that glibc would keep."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError, TypeError):  # only glibc offers it
        ctypes.CDLL(None).malloc_trim(0)


def _torch_towers(weights: WeightsFile, device: str) -> tuple[Tower, Tower]:
    import torch

    from pytest_lipleak.sync.syncnet_torch import build

    network = build(load_state_dict(weights.path)).to(device)

    def moved(batch: NDArray[Any]) -> Any:
        tensor = torch.from_numpy(batch)
        # From pinned memory the GPU fetches by itself, in bytes, a quarter of what floats would be.
        return (
            tensor.pin_memory().to(device, non_blocking=True)
            if device.startswith("cuda")
            else tensor.to(device)
        )

    def video(batch: NDArray[Any]) -> NDArray[np.float32]:
        with _exact():
            planes = moved(batch).float().permute(3, 0, 1, 2)[None]
            features = network["netcnnlip"](planes)[0].flatten(2).squeeze(-1).T
            return np.asarray(network["netfclip"](features).cpu().numpy())

    def audio(batch: NDArray[Any]) -> NDArray[np.float32]:
        with _exact():
            features = network["netcnnaud"](moved(batch)).flatten(1)
            return np.asarray(network["netfcaud"](features).cpu().numpy())

    return video, audio


@contextlib.contextmanager
def _exact() -> Iterator[None]:
    """Full fp32 and deterministic algorithms, whatever the model under test has set, and its settings afterwards.

    TF32 rounds to 10 bits of mantissa, which moves LSE in the second decimal.
    """
    import torch

    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32
    matmul.allow_tf32 = False
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    finally:
        matmul.allow_tf32 = before
