"""CPU time per frame of the embedded expert and of SyncNet v2 in one run (weights don't matter for time).

python -m research.training.cost
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime

from pytest_lipleak.sync.architecture import parameter_shapes
from pytest_lipleak.sync.embedded import EmbeddedExpert
from pytest_lipleak.sync.mfcc import mfcc
from pytest_lipleak.sync.syncnet import prepare_frames
from pytest_lipleak.sync.syncnet_graph import audio_graph, video_graph

FRAMES = 125


def session(content: bytes) -> Any:
    """One thread, as a pytest-xdist worker runs it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def per_frame(work: Callable[[], object], repeats: int) -> float:
    """Median CPU milliseconds per frame."""
    work()
    times = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return 1000 * statistics.median(times) / FRAMES


def main() -> None:
    """Measure and print."""
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 256, (FRAMES, 160, 160, 3), dtype=np.uint8)
    audio = rng.integers(-3000, 3000, FRAMES * 640).astype(np.int16)
    expert = EmbeddedExpert()
    state = {
        name: rng.normal(0, 0.01, shape).astype(np.float32)
        if "var" not in name
        else np.ones(shape, np.float32)
        for name, shape in parameter_shapes().items()
    }
    video, sound = session(video_graph(state)), session(audio_graph(state))

    def syncnet_video() -> None:
        for start in range(0, FRAMES - 5, 16):
            video.run(None, {"frames": prepare_frames(crops[start : start + 20])})

    def syncnet_audio() -> None:
        columns = np.ascontiguousarray(mfcc(audio).T, np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(columns, 20, axis=1)[:, ::4].transpose(1, 0, 2)
        for start in range(0, FRAMES - 5, 16):
            sound.run(None, {"mfcc": np.ascontiguousarray(windows[start : start + 16, None])})

    rows = [
        ("embedded, video", per_frame(lambda: expert.embed_video(crops), 15)),
        ("embedded, audio", per_frame(lambda: expert.embed_audio(audio), 15)),
        ("SyncNet v2, video", per_frame(syncnet_video, 3)),
        ("SyncNet v2, audio", per_frame(syncnet_audio, 3)),
    ]
    for name, value in rows:
        print(f"{name}: {value:.2f} ms of CPU per frame")
    small, large = rows[0][1] + rows[1][1], rows[2][1] + rows[3][1]
    print(f"together {small:.2f} against {large:.1f} ms: {large / small:.0f} times less")


if __name__ == "__main__":
    main()
