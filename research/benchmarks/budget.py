"""What a generated frame costs beyond the model's own call, stage by stage, each beside its own limit.

The limit of a stage is the bare call that it rests on, in a loop that does nothing else: PyAV, ONNX Runtime, OpenCV,
NumPy, hashlib, the file system. Stages, limits and a whole evaluation are taken in turns, in one process: each round
takes all of them once, and ratios are taken within a round.
"""

import hashlib
import json
import pickle
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from pytest_lipleak.core.clips import Audio, Clip, Frames, digest_of
from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
from pytest_lipleak.evaluation.results.run_result import ModelResult, RunResult
from pytest_lipleak.faces.small_faces import SIDE, grey_faces
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.media.clipsets import EMBEDDED, ClipSet, open_clips
from pytest_lipleak.media.video import read_video, stored_images, write_video
from pytest_lipleak.report.json import document
from pytest_lipleak.report.summary import summaries
from pytest_lipleak.store.store import Store, read_array
from pytest_lipleak.sync.embedded import EmbeddedExpert
from pytest_lipleak.sync.expert import WINDOW_FRAMES
from pytest_lipleak.sync.lse import score
from pytest_lipleak.sync.mouth_window import mouth_windows
from pytest_lipleak.sync.protocols import Protocol, whole_frame_crops

CONDITIONS = 6
"""Videos generated of a clip: what is done once a clip is shared by so many."""


@dataclass(frozen=True)
class Stage:
    """A stage of the work.

    Args:
        name: what it does.
        times: how often it is done per generated video.
        ours: does it for one video.
        limit: the bare call that it rests on, and ``bare`` what that is.
    """

    name: str
    times: float
    ours: Callable[[], object]
    limit: Callable[[], object]
    bare: str


class Returns:
    """A model that costs next to nothing: it returns the frames it is given, with a mark on the mouth of one of them.

    The mark is another in every call: what is equal to another video, or to the real clip, is not embedded again.
    """

    fingerprint = "returns its frames, marked"

    def __init__(self) -> None:
        self._calls = 0

    def generate(self, frames: Frames, audio: Audio, reference: Frames) -> Frames:
        """Return the frames."""
        self._calls += 1
        marked = frames.copy()
        marked[0, 100:120, 60:100] ^= np.uint8(8 * self._calls)
        return marked


def budget(folder: Path, rounds: int, clips: int = 4) -> dict[str, Any]:
    """Measure all stages and a whole evaluation under six conditions.

    Args:
        folder: for files.
        rounds: turns of each stage and its limit.
        clips: how many of the embedded clips are evaluated.

    Returns:
        ``stages``: name, times, and CPU ms per frame of ours and of the limit, one number a round each; ``whole``:
        likewise of a whole evaluation, without the model's own call.
    """
    cv2.setNumThreads(1)
    embedded = open_clips(EMBEDDED)
    names = list(embedded)[:clips]
    stages = _stages(embedded[names[0]], embedded.files[names[0]].video, folder)
    found = [
        {"name": each.name, "times": each.times, "bare": each.bare, "ours": [], "limit": []}
        for each in stages
    ]
    few = ClipSet([embedded.files[name] for name in names], EMBEDDED)
    frames, whole = len(embedded[names[0]].video), []
    for turn in range(rounds + 1):
        taken = [(_cpu(stage.ours), _cpu(stage.limit)) for stage in stages]
        evaluated = _whole(few, folder / f"store {turn}")
        if turn:  # the first is not counted
            whole.append(evaluated)
            for stage, (ours, limit) in zip(found, taken, strict=True):
                stage["ours"].append(1000 * ours / frames)
                stage["limit"].append(1000 * limit / frames)
    return {"stages": found, "whole": [each[0] for each in whole], "report": [each[1] for each in whole]}


def table(measured: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| stage | times per video | ours, CPU ms per frame | limit | what the limit is | ratio |"
    yield "|---|---|---|---|---|---|"
    for stage in measured["stages"]:
        ours, limit = (statistics.median(stage[which]) for which in ("ours", "limit"))
        ratio = statistics.median(a / b for a, b in zip(stage["ours"], stage["limit"], strict=True))
        yield (
            f"| {stage['name']} | {stage['times']:.2g} | {ours:.3f} | {limit:.3f} | {stage['bare']} | {ratio:.2f} |"
        )
    total, least = (_sums(measured["stages"], which) for which in ("ours", "limit"))
    whole = [sum(each) for each in zip(measured["whole"], measured["report"], strict=True)]
    for name, spent, beside in (
        ("sum, by times per video", total, f"{statistics.median(least):.3f}"),
        ("a whole evaluation, all in", whole, ""),
    ):
        ratios = [ours / limit for ours, limit in zip(spent, least, strict=True)]
        ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
        yield f"| **{name}** | | **{statistics.median(spent):.3f}** | {beside} | | {ratio} |"
    yield f"| of it, the report | | {statistics.median(measured['report']):.3f} | | | |"


def _sums(stages: Sequence[dict[str, Any]], which: str) -> list[float]:
    """What all stages take together, by times per video, one number a round."""
    rounds = zip(*([stage["times"] * each for each in stage[which]] for stage in stages), strict=True)
    return list(map(sum, rounds))


def _cpu(work: Callable[[], object], least: float = 0.03) -> float:
    """CPU seconds of one call, of all threads; short ones are repeated."""
    count, begun = 0, time.process_time()
    while (spent := time.process_time() - begun) < least:
        work()
        count += 1
    return spent / count


def _whole(clips: ClipSet, folder: Path) -> tuple[float, float]:
    """CPU ms per generated frame of a whole evaluation under six conditions, and of its report."""
    expert = EmbeddedExpert()
    expert.embed_video(np.zeros((6, 160, 160, 3), np.uint8))
    begun = time.process_time()
    evaluation = Evaluation(clips, Model("returns", Returns()), expert, Plan(Protocol.DIRECT), Store(folder))
    evaluation.need()
    measured = time.process_time()
    _report(evaluation.corpus)
    ended = time.process_time()
    frames = CONDITIONS * sum(len(clips[name].video) for name in clips)
    return 1000 * (measured - begun) / frames, 1000 * (ended - measured) / frames


def _report(corpus: Corpus) -> object:
    found = RunResult((ModelResult(corpus, {}),))
    # What pytest prints without -v, all of it.
    return json.dumps(document(found)), [each.table for each in summaries(found, full=False)]


def _stages(clip: Clip, file: Path, folder: Path) -> list[Stage]:
    frames, expert, store = clip.frames, EmbeddedExpert(), Store(folder / "stages")
    store.check()
    windows = mouth_windows(frames)
    seen, heard = expert.embed_video(frames), expert.embed_audio(clip.audio)
    five = np.lib.stride_tricks.sliding_window_view(windows.astype(np.float32), WINDOW_FRAMES, axis=0)
    batches = np.array_split(np.ascontiguousarray(five.transpose(0, 3, 1, 2)), -(-len(five) // 64))
    stored = folder / "stored.mkv"
    write_video(stored, frames)
    content, scored = stored.read_bytes(), score(seen, heard)
    target, number = np.empty_like(frames), iter(range(10**9))
    padded = np.pad(heard, ((15, 15), (0, 0)))

    def keep() -> object:
        key = hashlib.sha1(str(next(number)).encode(), usedforsecurity=False).hexdigest()
        store.load("embedding.npy", key, lambda path: np.save(path, seen), read_array)
        return store.data("score", key, scored.to_dict)

    def bare_keep() -> None:
        path = folder / str(next(number))
        np.save(path.with_suffix(".npy"), seen)
        np.load(path.with_suffix(".npy"))
        path.write_text(json.dumps(scored.to_dict()))
        json.loads(path.read_text())

    def bare_distances() -> None:
        for shift in range(31):
            np.sqrt(((seen - padded[shift : shift + len(seen)]) ** 2).sum(axis=1))

    def bare_grey() -> None:
        for frame in frames:
            cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), (SIDE, SIDE), interpolation=cv2.INTER_AREA)

    def bare_embed() -> None:
        for batch in batches:
            expert._run("video", frames=batch)

    each = 1 / CONDITIONS
    return [
        Stage(
            "decode and convert the real clip",
            each,
            lambda: read_video(file),
            lambda: bare_read(file),
            "PyAV",
        ),
        Stage(
            "hash the real clip",
            each,
            lambda: digest_of(frames),
            lambda: hashlib.sha256(frames.data),
            "hashlib",
        ),
        Stage(
            "copies for the model, and of what it returns",
            3,
            frames.copy,
            lambda: np.copyto(target, frames),
            "memcpy to memory in use",
        ),
        Stage(
            "crop",
            1 + each,
            lambda: list(whole_frame_crops(frames, Protocol.DIRECT)),
            lambda: list(frames),
            "a loop",
        ),
        Stage("grey faces", 1 + each, lambda: grey_faces(frames), bare_grey, "OpenCV"),
        Stage("embed", 1 + each, lambda: expert.embed_video(frames), bare_embed, "ONNX Runtime"),
        Stage("score", 1.5, lambda: score(seen, heard), bare_distances, "NumPy"),
        Stage("encode", 1, lambda: write_video(stored, frames), lambda: bare_write(stored, frames), "PyAV"),
        Stage(
            "hash what is stored",
            1,
            lambda: hashlib.file_digest(stored.open("rb"), "sha256"),
            lambda: hashlib.sha256(content),
            "hashlib",
        ),
        Stage("store embedding and score", 1, keep, bare_keep, "files written and read"),
        Stage(
            "transfer from a worker",
            1,
            lambda: json.loads(json.dumps(scored.to_dict())),
            lambda: pickle.loads(pickle.dumps(scored)),
            "pickle",
        ),
        Stage(
            "read again what is stored",
            0,
            lambda: sum(1 for _ in stored_images(stored)),
            lambda: bare_read(stored),
            "PyAV",
        ),
    ]


def bare_read(path: Path) -> list[Frames]:
    """Decode and convert a file in a bare loop, each picture kept."""
    with av.open(str(path)) as container:
        stream, reformatter = container.streams.video[0], VideoReformatter()
        stream.codec_context.thread_count = 1
        return [
            reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
            for frame in container.decode(stream)
        ]


def bare_write(path: Path, frames: Frames) -> None:
    """Encode frames as ``write_video`` does, in a bare loop."""
    with av.open(str(path), "w", format="matroska") as container:
        stream: Any = container.add_stream("libx264rgb", rate=25, options={"qp": "0", "preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "rgb24"
        stream.codec_context.thread_count = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
