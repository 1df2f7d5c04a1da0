"""What is timed, each in a process of its own: ``python -m research.benchmarks.tasks NAME ARGUMENTS``.

Every task loads first and says what the work alone cost: CPU and wall seconds without imports and weights.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from research.benchmarks.stopwatch import Stopwatch, cpu_seconds


def _timed(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    cpu, wall, faults = cpu_seconds(), time.perf_counter(), _page_faults()
    result = work()
    spent = {
        "cpu": cpu_seconds() - cpu,
        "wall": time.perf_counter() - wall,
        "faults": _page_faults() - faults,
    }
    return result | spent


def _page_faults() -> int:
    """Pages of memory that this process was given so far: new memory costs as much as decoding small pictures does."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def inputs(what: str, folder: str, **arguments: Any) -> dict[str, Any]:
    """Make one of the files of ``research.benchmarks.inputs``."""
    from research.benchmarks import inputs as making

    if "clip" in arguments:
        arguments["clip"] = Path(arguments["clip"])
    return {"path": str(getattr(making, what)(folder=Path(folder), **arguments))}


def reference(videos: list[str], weights: str, device: str = "cpu") -> dict[str, Any]:
    """Score each video in its own run of the reference way."""
    from research.benchmarks.reference import Reference

    scorer = Reference(Path(weights), device)

    def work() -> dict[str, Any]:
        scores = [scorer.score(Path(video)) for video in videos]
        return scores[0]

    return _timed(work) | {"stages": scorer.stopwatch.seconds}


def ours(
    video: str, weights: str, protocol: str, expert: str = "syncnet", device: str = "cpu"
) -> dict[str, Any]:
    """Score one file as ``lipleak score`` does."""
    from pytest_lipleak.evaluation.make.crops import Crops
    from pytest_lipleak.media.audio import read_audio
    from pytest_lipleak.media.video import VideoFile
    from pytest_lipleak.sync.lse import score_of
    from pytest_lipleak.sync.protocols import Protocol

    judge = _expert(expert, weights, device)

    def work() -> dict[str, Any]:
        heard, _ = read_audio(Path(video))
        seen = VideoFile(Path(video), most=len(heard) // 640)
        crops = Crops(Protocol(protocol), None).through(seen, heard)
        score = score_of(judge.examine(crops(seen), heard).distances)
        return _numbers(score) | {"frames": seen.length}

    return _timed(work)


def stages(video: str, weights: str) -> dict[str, Any]:
    """The same work as ``ours``, one stage after the other."""
    from pytest_lipleak.media.audio import read_audio
    from pytest_lipleak.media.video import VideoFile
    from pytest_lipleak.sync.distances import distances
    from pytest_lipleak.sync.jpeg import jpeg_frames
    from pytest_lipleak.sync.mfcc import mfcc
    from pytest_lipleak.sync.syncnet import prepare_frames

    judge = _expert("syncnet", weights, "cpu")
    stage = Stopwatch()
    with stage("decoding"):
        frames = list(VideoFile(Path(video)))
    with stage("JPEG step"):
        shown = list(jpeg_frames(frames))
    with stage("resizing"):
        ready = prepare_frames(shown)[..., ::-1]
    with stage("video tower"):
        seen = judge.embed_video(ready)
    with stage("audio and MFCC"):
        heard, _ = read_audio(Path(video))
        mfcc(heard)
    with stage("audio tower"):
        listened = judge.embed_audio(heard)
    with stage("distances"):
        distances(seen, listened)
    return {"stages": stage.seconds, "frames": len(frames)}


def budget(folder: str, rounds: int) -> dict[str, Any]:
    """Every stage of a verdict beside its limit; see ``research.benchmarks.budget``."""
    from pytest_lipleak.evaluation.make.devices import share_threads
    from research.benchmarks.budget import budget as measured

    share_threads(1)  # as every run of the product does: NumPy's idle threads would be counted
    return measured(Path(folder), rounds)


def decoding(video: str, times: int = 4) -> dict[str, Any]:
    """Decode and convert a file as measuring does: one pass for clock and sound, one for the pictures."""
    import av.video.reformatter  # noqa: F401 - loaded before the clock starts

    from pytest_lipleak.media.timeline import survey
    from pytest_lipleak.media.video import VideoFile

    def work() -> dict[str, Any]:
        for _ in range(times):
            frames = sum(1 for _ in VideoFile(survey(Path(video))))
        return {"frames": frames * times}

    return _timed(work)


def bare_decoding(video: str, times: int = 4) -> dict[str, Any]:
    """The same by PyAV alone, in a bare loop with a reused reformatter: no clock, no turning, nothing checked."""
    import av
    from av.video.reformatter import VideoReformatter

    def work() -> dict[str, Any]:
        for _ in range(times):
            frames = 0
            with av.open(video) as container:
                stream, reformatter = container.streams.video[0], VideoReformatter()
                stream.thread_type = "AUTO"
                for frame in container.decode(stream):
                    # Kept until the next, as whoever is handed a picture does: one that is dropped at once leaves its
                    # memory warm for the next, which spares a fifth at 512x512.
                    picture = reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
                    frames += picture.ndim > 0
            with av.open(video) as container:
                resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
                for sound in container.decode(container.streams.audio[0]):
                    for piece in resampler.resample(sound):
                        piece.to_ndarray()
        return {"frames": frames * times}

    return _timed(work)


def six(videos: list[str], audios: list[str], own: str, weights: str) -> dict[str, Any]:
    """Score six generated videos with sharing: against the own audio, and under XM against the partner's."""
    from pytest_lipleak.evaluation.make.crops import Crops
    from pytest_lipleak.media.audio import read_audio
    from pytest_lipleak.media.video import VideoFile
    from pytest_lipleak.sync.lse import score
    from pytest_lipleak.sync.protocols import Protocol

    judge = _expert("syncnet", weights, "cpu")

    def work() -> dict[str, Any]:
        speech = {name: judge.embed_audio(read_audio(Path(name))[0]) for name in {own, *audios}}
        crops = Crops(Protocol.LRS, None).through((), np.zeros(0, np.int16))
        scores = []
        for video, audio in zip(videos, audios, strict=True):
            seen = judge.embed_video(crops(VideoFile(Path(video))))
            scores += [score(seen, speech[name]) for name in {own, audio}]
        return {"scores": len(scores)}

    return _timed(work)


def per_frame(weights: str, frames: int = 75) -> dict[str, Any]:
    """CPU milliseconds per frame, towers and features, of both experts on one thread."""
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 256, (frames, 160, 160, 3), dtype=np.uint8)
    audio = rng.integers(-3000, 3000, frames * 640).astype(np.int16)
    result = {}
    for name in ("embedded", "syncnet"):
        judge = _expert(name, weights, "cpu", threads=1)
        judge.embed_video(crops[:12])
        judge.embed_audio(audio[: 12 * 640])
        for part, work in (("video", judge.embed_video), ("audio", judge.embed_audio)):
            began = cpu_seconds()
            repeats = 10 if name == "embedded" else 1
            for _ in range(repeats):
                work(crops if part == "video" else audio)
            result[f"{name} {part}"] = 1000 * (cpu_seconds() - began) / frames / repeats
    return result


def package(folder: str, weights: str) -> dict[str, Any]:
    """The ``syncnet-python`` package's own scoring call on JPEG files and a WAV file in ``folder``."""
    from types import SimpleNamespace

    instance = _package_instance(weights)
    options = SimpleNamespace(tmp_dir=folder, batch_size=20, vshift=15)

    def work() -> dict[str, Any]:
        _, confidence, distance = instance.evaluate(options)
        return {"lse_c": confidence, "lse_d": distance}

    return _timed(work)


def _package_instance(weights: str) -> Any:
    import torch
    from syncnet_python.SyncNetInstance import SyncNetInstance
    from syncnet_python.SyncNetModel import S

    torch.manual_seed(0)
    instance = SyncNetInstance(S(), device="cpu")
    instance.loadParameters(weights)
    return instance


def beside_package(folder: str, weights: str) -> dict[str, Any]:
    """Our scoring of the very same files."""
    import cv2

    from pytest_lipleak.media.audio import read_audio
    from pytest_lipleak.sync.lse import score_of

    judge = _expert("syncnet", weights, "cpu")

    def images() -> Iterable[Any]:
        for file in sorted(Path(folder).glob("*.jpg")):
            yield cv2.imread(str(file))[..., ::-1]

    def work() -> dict[str, Any]:
        heard, _ = read_audio(Path(folder, "audio.wav"))
        return _numbers(score_of(judge.examine(images(), heard).distances))

    return _timed(work)


def large_sets(folder: str) -> dict[str, float]:
    """What large clip sets cost before anything is generated."""
    from research.benchmarks.large_sets import costs

    return costs(Path(folder))


def large_start(folder: str, clips: int) -> None:
    """What an evaluation of many clips holds before the first is decoded."""
    from research.benchmarks.large_sets import started

    started(Path(folder), clips)


def _expert(name: str, weights: str, device: str, threads: int = 0) -> Any:
    from pytest_lipleak.sync.experts import load_expert

    return load_expert(name, Path(weights), allow_unverified=True, device=device, threads=threads)


def _numbers(score: Any) -> dict[str, Any]:
    return {"lse_c": score.lse_c, "lse_d": score.lse_d, "mean_distances": list(score.mean_distances)}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](**json.loads(sys.argv[2]))))
