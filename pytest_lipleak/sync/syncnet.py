"""The SyncNet v2 expert: the network behind every published LSE number."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Frames
from pytest_lipleak.core.timebase import SAMPLES_PER_FRAME
from pytest_lipleak.sync import syncnet_graph
from pytest_lipleak.sync.expert import WINDOW_FRAMES, Embeddings, ExpertIdentity, Suitability, window_count
from pytest_lipleak.sync.mfcc import mfcc
from pytest_lipleak.sync.score import RELIABLE_WINDOWS, short_warning
from pytest_lipleak.sync.weights import (
    SYNCNET_SHA256,
    WeightsFile,
    cached_export,
    load_state_dict,
)

SIZE = 224
"""Height and width of the network's input, in pixels."""

BATCH = 16
"""Windows per call; bounds the memory, changes results by about 1e-6 at most."""

DIMENSIONS = 1024
AUDIO_COLUMNS = 20
"""MFCC columns per window; four pass per video frame."""

Tower = Callable[[NDArray[Any]], NDArray[np.float32]]


class SyncNet:
    """SyncNet v2 (Chung & Zisserman 2016) as a ``SyncExpert``.

    Args:
        weights: the located and hashed weights file.
        device: ``cpu`` (ONNX Runtime) or a torch device such as ``cuda:0``.
        threads: for the CPU; 0 lets the runtime choose.
    """

    def __init__(self, weights: WeightsFile, device: str = "cpu", threads: int = 0) -> None:
        version = "v2" if weights.sha256 == SYNCNET_SHA256 else "v2 network"
        self.identity = ExpertIdentity("syncnet", version, weights.sha256, weights.verified)
        self._video, self._audio = (
            _onnx_towers(weights, threads) if device == "cpu" else _torch_towers(weights, device)
        )

    def embed_video(self, frames: Frames) -> Embeddings:
        """Embed face crops of any size (resized to 224x224 with OpenCV's default interpolation)."""
        count = window_count(len(frames))
        pieces = [
            self._video(prepare_frames(frames[start : stop + WINDOW_FRAMES - 1]))
            for start, stop in _batches(count)
        ]
        return np.concatenate(pieces) if pieces else np.empty((0, DIMENSIONS), np.float32)

    def embed_audio(self, audio: Audio) -> Embeddings:
        """Embed speech by the MFCCs beside each window."""
        count = window_count(len(audio) // SAMPLES_PER_FRAME)
        if not count:
            return np.empty((0, DIMENSIONS), np.float32)
        columns = np.ascontiguousarray(mfcc(audio).T, np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(columns, AUDIO_COLUMNS, axis=1)[:, ::4]
        stacked = windows.transpose(1, 0, 2)[:count, None]
        return np.concatenate([self._audio(np.ascontiguousarray(stacked[a:b])) for a, b in _batches(count)])

    def review(self, frames: Frames, audio: Audio) -> Suitability:
        """Warn of clips so short that the zero padding of the audio dominates the score."""
        windows = window_count(min(len(frames), len(audio) // SAMPLES_PER_FRAME))
        return Suitability((), (short_warning(windows),) if windows < RELIABLE_WINDOWS else ())


def prepare_frames(frames: Frames) -> NDArray[np.uint8]:
    """Resize RGB frames to 224x224 and reorder to BGR: what the network was trained on."""
    import cv2

    resized = [
        frame if frame.shape[:2] == (SIZE, SIZE) else cv2.resize(frame, (SIZE, SIZE)) for frame in frames
    ]
    return np.ascontiguousarray(np.stack(resized)[..., ::-1])


def _batches(count: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + BATCH, count)) for start in range(0, count, BATCH))


def _onnx_towers(weights: WeightsFile, threads: int) -> tuple[Tower, Tower]:
    # Read at most once, and only when an export is missing: torch is needed for that alone.
    state: dict[str, Any] = {}

    def tower(name: str, graph: Callable[[Any], bytes]) -> Tower:
        def make() -> bytes:
            state.update(state or load_state_dict(weights.path))
            return graph(state)

        file = f"{name}-{syncnet_graph.GRAPH_VERSION}.onnx"
        return onnx_tower(cached_export(weights, file, make), threads)

    return tower("video", syncnet_graph.video_graph), tower("audio", syncnet_graph.audio_graph)


def onnx_tower(path: Path, threads: int = 0) -> Tower:
    """Return a function that runs the single-input, single-output ONNX file at ``path`` on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0].name

    def run(batch: NDArray[Any]) -> NDArray[np.float32]:
        (output,) = session.run(None, {source: batch})
        return np.asarray(output, np.float32)

    return run


def _torch_towers(weights: WeightsFile, device: str) -> tuple[Tower, Tower]:
    import torch

    from pytest_lipleak.sync.syncnet_torch import build

    # TF32 rounds to 10 bits of mantissa, which moves LSE in the second decimal.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    network = build(load_state_dict(weights.path)).to(device)

    def video(batch: NDArray[Any]) -> NDArray[np.float32]:
        planes = torch.from_numpy(batch).to(device).float().permute(3, 0, 1, 2)[None]
        features = network["netcnnlip"](planes)[0].flatten(2).squeeze(-1).T
        return np.asarray(network["netfclip"](features).cpu().numpy())

    def audio(batch: NDArray[Any]) -> NDArray[np.float32]:
        features = network["netcnnaud"](torch.from_numpy(batch).to(device)).flatten(1)
        return np.asarray(network["netfcaud"](features).cpu().numpy())

    return video, audio
