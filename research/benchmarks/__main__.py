"""``python -m research.benchmarks``: prints Markdown tables; what each row means stands in docs/performance.md."""

import argparse
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pytest_lipleak.media.clipsets import EMBEDDED, open_clips
from research.benchmarks.large_sets import STARTED
from research.benchmarks.measure import Run, interleaved, ratios, run, spread, task

PACKAGES = ("pytest-lipleak", "onnxruntime", "torch", "numpy", "opencv-python-headless", "av", "pytest")


def clip_file(number: int = 0) -> Path:
    """One of the embedded clips: 160x160, about 5 s, like those of LRS2."""
    return list(open_clips(EMBEDDED).files.values())[number].video


def main() -> None:
    """Run the chosen sections."""
    parser = argparse.ArgumentParser(prog="python -m research.benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; all")
    parser.add_argument("--rounds", type=int, default=5, help="paired rounds (default: 5)")
    parser.add_argument("--clip", type=Path, help="a face-centred clip (default: an embedded one)")
    parser.add_argument("--weights", type=Path, help="SyncNet weights (default: seeded ones, equally fast)")
    parser.add_argument("--long", action="store_true", help="also 10 minutes through SyncNet")
    options = parser.parse_args()
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"unknown section {unknown.pop()!r}; known are {', '.join(SECTIONS)}")
    print(_machine(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        # Exports and downloads of the user stay as they are.
        os.environ["LIPLEAK_CACHE"] = str(Path(folder, "cache"))
        bench = Benchmark(Path(folder), options)
        for name in options.sections or SECTIONS:
            print(f"\n### {name}\n", flush=True)
            SECTIONS[name](bench)


def _machine() -> str:
    versions = [f"{package} {found}" for package in PACKAGES if (found := _version(package))]
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, {_processor()}; "
        f"Python {platform.python_version()}, {', '.join(versions)}"
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if not information.exists():
        return platform.processor()
    named = [line for line in information.read_text().splitlines() if line.startswith("model name")]
    return named[0].partition(":")[2].strip() if named else platform.processor()


class Benchmark:
    """What all sections share.

    Args:
        folder: for temporary files.
        options: as given on the command line.
    """

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder = folder
        self.clip = str(options.clip or clip_file())
        self.rounds = int(options.rounds)
        self.long = bool(options.long)
        self._given = options.weights

    def make(self, what: str, **arguments: Any) -> str:
        """Make a file, in a process of its own: a child's peak memory is never less than its parent's size."""
        made = task("inputs", what=what, folder=str(self.folder), **arguments)
        return str(made.result["path"])

    @cached_property
    def weights(self) -> str:
        """SyncNet's weights file, its network exported, so that nobody is measured doing it."""
        weights = str(self._given or self.make("weights_file"))
        task("ours", video=self.clip, weights=weights, protocol="direct")
        return weights


def one_video(bench: Benchmark) -> None:
    """One file, by the reference way and by ours."""
    works: dict[str, Callable[[], Run]] = {
        "reference way, torch": lambda: task("reference", videos=[bench.clip], weights=bench.weights),
        "`lrs`": lambda: task("ours", video=bench.clip, weights=bench.weights, protocol="lrs"),
        "`direct`": lambda: task("ours", video=bench.clip, weights=bench.weights, protocol="direct"),
    }
    _compare(works, interleaved(bench.rounds, *works.values()))


def six_conditions(bench: Benchmark) -> None:
    """Six generated videos of one clip."""
    partner = str(clip_file(1))
    own, audios = bench.clip, [bench.clip, partner, bench.clip] * 2
    works: dict[str, Callable[[], Run]] = {
        "six reference runs, torch": lambda: task(
            "reference", videos=[bench.clip] * 6, weights=bench.weights
        ),
        "six with sharing": lambda: task(
            "six", videos=[bench.clip] * 6, audios=audios, own=own, weights=bench.weights
        ),
    }
    _compare(works, interleaved(max(bench.rounds // 2, 2), *works.values()))


def _compare(works: dict[str, Callable[[], Run]], runs: Sequence[Sequence[Run]]) -> None:
    print("| | CPU s | wall s | CPU ratio | wall ratio | peak MB | whole process, CPU s | LSE-C | LSE-D |")
    print("|---|---|---|---|---|---|---|---|---|")
    first = runs[0]
    for name, mine in zip(works, runs, strict=True):
        result = mine[0].result
        scores = [f"{result[key]:.4f}" if key in result else "" for key in ("lse_c", "lse_d")]
        cells = [
            spread(_of(mine, "cpu"), 2),
            spread(_of(mine, "wall"), 2),
            ratios(_of(first, "cpu"), _of(mine, "cpu")),
            ratios(_of(first, "wall"), _of(mine, "wall")),
            f"{max(each.peak for each in mine):.0f}",
            spread([each.cpu for each in mine], 2),
            *scores,
        ]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def _of(runs: Sequence[Run], key: str) -> list[float]:
    return [each.result[key] for each in runs]


def stages(bench: Benchmark) -> None:
    """CPU milliseconds per frame, stage by stage."""
    columns = interleaved(
        bench.rounds,
        lambda: task("reference", videos=[bench.clip], weights=bench.weights),
        lambda: task("stages", video=bench.clip, weights=bench.weights),
    )
    print("| reference way | CPU ms per frame | ours | CPU ms per frame |")
    print("|---|---|---|---|")
    lists = [_stage_rows(column) for column in columns]
    for index in range(max(map(len, lists))):
        cells = [cell for rows in lists for cell in (rows[index] if index < len(rows) else ("", ""))]
        print(f"| {' | '.join(cells)} |")


def _stage_rows(runs: Sequence[Run]) -> list[tuple[str, str]]:
    return [
        (name, spread([1000 * each.result["stages"][name] / each.result["frames"] for each in runs]))
        for name in runs[0].result["stages"]
    ]


def budget(bench: Benchmark) -> None:
    """What a generated frame costs beyond the model's own call, stage by stage beside each stage's limit."""
    from research.benchmarks.budget import table

    folder = bench.folder / "budget"
    folder.mkdir()
    print("\n".join(table(task("budget", folder=str(folder), rounds=bench.rounds).result)))


def large_sets(bench: Benchmark) -> None:
    """Opening large clip sets and pairing them; nothing is decoded."""
    runs = []
    for number in range(bench.rounds):
        folder = bench.folder / f"large {number}"
        folder.mkdir()
        runs.append(task("large_sets", folder=str(folder)))
    print("| | CPU s |\n|---|---|")
    for name in runs[0].result:
        print(f"| {name} | {spread([each.result[name] for each in runs], 2)} |")
    print(f"| peak of the process, MB | {spread([each.peak for each in runs], 0)} |")
    print("\n| clips that an evaluation is started with | peak MB | CPU s |\n|---|---|---|")
    for clips in STARTED:
        folder = bench.folder / f"start {clips}"
        folder.mkdir()
        done = task("large_start", folder=str(folder), clips=clips)
        print(f"| {clips:,} | {done.peak:.0f} | {done.cpu:.2f} |")


def decoding(bench: Benchmark) -> None:
    """Decoding and converting a file, beside a bare PyAV loop."""
    print("| picture | bare PyAV, CPU ms per frame | ours | CPU ratio | page faults per frame, bare | ours |")
    print("|---|---|---|---|---|---|")
    for size in (None, (512, 512), (1280, 720)):
        video = bench.make("looped", clip=bench.clip, seconds=10, size=size)
        bare, ours = interleaved(
            bench.rounds, partial(task, "bare_decoding", video=video), partial(task, "decoding", video=video)
        )
        cells = [
            spread([1000 * each.result["cpu"] / each.result["frames"] for each in runs], 2)
            for runs in (bare, ours)
        ]
        cells.append(ratios(_of(ours, "cpu"), _of(bare, "cpu")))
        cells += [
            spread([each.result["faults"] / each.result["frames"] for each in runs], 0)
            for runs in (bare, ours)
        ]
        picture = "160x160" if size is None else f"{size[0]}x{size[1]}"
        print(f"| {picture} | {' | '.join(cells)} |", flush=True)
        Path(video).unlink()


def experts(bench: Benchmark) -> None:
    """The embedded expert and SyncNet v2, one thread."""
    results = [task("per_frame", weights=bench.weights).result for _ in range(bench.rounds)]
    print("| | embedded expert, ms per frame | SyncNet v2, ms per frame | ratio |")
    print("|---|---|---|---|")
    for part in ("video", "audio"):
        small, large = ([each[f"{name} {part}"] for each in results] for name in ("embedded", "syncnet"))
        print(f"| {part} | {spread(small, 2)} | {spread(large)} | {ratios(large, small)} |")
    small, large = (
        [each[f"{name} video"] + each[f"{name} audio"] for each in results]
        for name in ("embedded", "syncnet")
    )
    print(f"| both | {spread(small, 2)} | {spread(large)} | {ratios(large, small)} |")


def memory(bench: Benchmark) -> None:
    """Peak memory of ``lipleak score`` by length and picture size."""
    print("| expert | protocol | picture | seconds | peak MB | CPU s | wall s |")
    print("|---|---|---|---|---|---|---|")
    cases = [
        ("embedded", "direct", None, (10, 60, 600)),
        ("embedded", "direct", (1080, 1920), (10, 60)),
        ("syncnet", "lrs", None, (10, 60, 600) if bench.long else (10, 60)),
        ("syncnet", "lrs", (1080, 1920), (10,)),
    ]
    for expert, protocol, size, lengths in cases:
        for seconds in lengths:
            video = bench.make("looped", clip=bench.clip, seconds=seconds, size=size)
            command = [sys.executable, "-m", "pytest_lipleak.cli", "score", video, "--expert", expert]
            command += ["--protocol", protocol, "--weights", bench.weights, "--allow-unverified-weights"]
            done = run(command)
            picture = "160x160" if size is None else f"{size[0]}x{size[1]}"
            cells = (
                expert,
                protocol,
                picture,
                seconds,
                f"{done.peak:.0f} | {done.cpu:.1f} | {done.wall:.1f}",
            )
            print(f"| {' | '.join(map(str, cells))} |", flush=True)
            Path(video).unlink()


def plugin(bench: Benchmark) -> None:
    """What the installed plugin costs a run of pytest that does not use it."""
    folder = bench.folder / "empty"
    folder.mkdir()
    (folder / "test_empty.py").write_text("def test_nothing():\n    pass\n")
    base = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    with_it = [*base, "-p", "pytest_lipleak.plugin"]
    # Other installed plugins would be noise: some take a second.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    # An installed package is compiled once; were it compiled in every run, that would be most of what is measured.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    run(with_it, cwd=str(folder))
    off, on, collect_off, collect_on = interleaved(
        12 * bench.rounds,
        lambda: run(base, cwd=str(folder)),
        lambda: run(with_it, cwd=str(folder)),
        lambda: run([*base, "--collect-only"], cwd=str(folder)),
        lambda: run([*with_it, "--collect-only"], cwd=str(folder)),
    )
    del os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
    print("| | without, ms | with, ms | difference, median of pairs, ms |")
    print("|---|---|---|---|")
    for name, without, having in (("one empty test", off, on), ("--collect-only", collect_off, collect_on)):
        for kind in ("cpu", "wall"):
            before, after = ([1000 * getattr(each, kind) for each in runs] for runs in (without, having))
            more = statistics.median(b - a for a, b in zip(before, after, strict=True))
            print(f"| {name}, {kind} | {spread(before, 0)} | {spread(after, 0)} | {more:+.0f} |")


def demo(bench: Benchmark) -> None:
    """``pytest --lipleak-model demo``: the built-in demonstration, every condition, from nothing stored."""
    base = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--lipleak-model", "demo"]
    variants = {"one process": base}
    if find_spec("xdist"):
        variants["`-n 2`"] = [*base, "-n", "2"]
    folder = bench.folder / "demo"
    folder.mkdir()
    runs = interleaved(2, *(_demo(command, folder) for command in variants.values()))
    print("| | wall s | CPU s | peak MB of a process |")
    print("|---|---|---|---|")
    for name, mine in zip(variants, runs, strict=True):
        wall, cpu = (spread([getattr(each, kind) for each in mine]) for kind in ("wall", "cpu"))
        print(f"| {name} | {wall} | {cpu} | {max(each.peak for each in mine):.0f} |")


def evaluation_memory(bench: Benchmark) -> None:
    """Peak memory of `lipleak evaluate` by the clip's length: generating, and scoring what is stored."""
    folder = bench.folder / "evaluation"
    (folder / "clips").mkdir(parents=True)
    (folder / "burner.py").write_text(BURNER)
    command = [
        sys.executable,
        "-m",
        "pytest_lipleak.cli",
        "evaluate",
        "--model=burner.py:Burner",
        "--clips=clips",
    ]
    command += ["--model-arg=seconds=0", "--expert=embedded", "--protocol=direct", "--store=store", "-q"]
    command += ["--gate=LSE-C_S < 99", "--gate=SSIM[SI,CR] > 0", "--html=report"]
    print(
        "| seconds | the clip itself, MB | generating and scoring, peak MB | scoring what is stored, peak MB |"
    )
    print("|---|---|---|---|")
    for seconds in (10, 60, 600) if bench.long else (10, 60):
        video = Path(bench.make("looped", clip=bench.clip, seconds=seconds, size=None))
        video.rename(folder / "clips" / "clip.mkv")
        first = run(command, cwd=str(folder))
        for kind in ("embedding", "score", "review", "measure"):
            for path in (folder / "store").rglob(f"{kind}-*"):
                path.unlink()
        again = run(command, cwd=str(folder))
        clip = seconds * 25 * 160 * 160 * 3 / 1e6
        print(f"| {seconds} | {clip:.0f} | {first.peak:.0f} | {again.peak:.0f} |", flush=True)


BURNER = '''
import time


class Burner:
    """Costs so many seconds of CPU per frame, and returns its input."""

    fingerprint = "1"

    def __init__(self, seconds):
        self.seconds = float(seconds)

    def generate(self, frames, audio, reference):
        end = time.process_time() + self.seconds * len(frames)
        while time.process_time() < end:
            sum(range(1000))
        return frames
'''


def scaling(bench: Benchmark) -> None:
    """Two workers against none, for an expensive generator and a cheap one."""
    if not find_spec("xdist"):
        print("pytest-xdist is not installed.")
        return
    folder = bench.folder / "scaling"
    folder.mkdir()
    (folder / "burner.py").write_text(BURNER)
    clips = bench.make("short_clips", count=4, frames=60)
    base = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir=.",
        f"--lipleak-clips={clips}",
    ]
    base += ["--lipleak-model=burner.py:Burner", "--lipleak-expert=embedded", "--lipleak-protocol=direct"]
    base += ["--lipleak-gate=LSE-C_S < 99", "--lipleak-gate=LSE-C_S[AR] < 99"]
    print(
        "| CPU s per frame | videos | without xdist, wall s | `-n 2`, wall s | speed-up | efficiency | CPU s |"
    )
    print("|---|---|---|---|---|---|---|")
    for seconds in (0.2, 0.0):
        mine = [*base, f"--lipleak-model-arg=seconds={seconds}"]
        alone, two = interleaved(
            max(bench.rounds // 2, 1), _demo(mine, folder), _demo([*mine, "-n", "2"], folder)
        )
        walls = [[each.wall for each in runs] for runs in (alone, two)]
        faster = [one / both for one, both in zip(*walls, strict=True)]
        cells = [seconds, 8, *(spread(wall) for wall in walls), spread(faster, 2)]
        cells += [f"{statistics.median(faster) / 2:.0%}"]
        cells += [" and ".join(spread([each.cpu for each in runs]) for runs in (alone, two))]
        print(f"| {' | '.join(map(str, cells))} |", flush=True)


def _demo(command: Sequence[str], folder: Path) -> Callable[[], Run]:
    return lambda: run(command, cwd=str(folder))


def package(bench: Benchmark) -> None:
    """``syncnet-python`` from PyPI: its own scoring call, on the same JPEG files and WAV file."""
    if not find_spec("syncnet_python"):
        print("syncnet-python is not installed.")
        return
    folder = bench.make("extracted", clip=bench.clip)
    works: dict[str, Callable[[], Run]] = {
        f"syncnet-python {_version('syncnet-python')}": lambda: task(
            "package", folder=folder, weights=bench.weights
        ),
        "the same files by us": lambda: task("beside_package", folder=folder, weights=bench.weights),
    }
    _compare(works, interleaved(bench.rounds, *works.values()))


def cuda(bench: Benchmark) -> None:
    """One file on a GPU."""
    device = run(
        [sys.executable, "-c", "import json, torch; print(json.dumps({'n': torch.cuda.device_count()}))"]
    )
    if not device.result["n"]:
        print("No CUDA device here.")
        return
    works: dict[str, Callable[[], Run]] = {
        "reference way, cuda:0": lambda: task(
            "reference", videos=[bench.clip], weights=bench.weights, device="cuda:0"
        ),
        "`lrs`, cuda:0": lambda: task(
            "ours", video=bench.clip, weights=bench.weights, protocol="lrs", device="cuda:0"
        ),
        "`lrs`, cpu": lambda: task("ours", video=bench.clip, weights=bench.weights, protocol="lrs"),
    }
    _compare(works, interleaved(bench.rounds, *works.values()))


SECTIONS: dict[str, Callable[[Benchmark], None]] = {
    "one-video": one_video,
    "stages": stages,
    "budget": budget,
    "large-sets": large_sets,
    "decoding": decoding,
    "six-conditions": six_conditions,
    "experts": experts,
    "memory": memory,
    "evaluation-memory": evaluation_memory,
    "plugin": plugin,
    "demo": demo,
    "scaling": scaling,
    "package": package,
    "cuda": cuda,
}

if __name__ == "__main__":
    main()
