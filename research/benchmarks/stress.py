"""Kill runs at seeded moments and see that none of it shows: ``python -m research.benchmarks.stress``.

Several workers evaluate many clips on one persistent store. After a seeded number of trials one worker, the whole
run, or its controller alone is killed; then it is started again until it ends by itself. It must end with exactly
the numbers of an undisturbed run, no trial may be generated twice except those that a kill interrupted, and no
process may be left behind.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from research.benchmarks.inputs import short_clips

FRAMES = 75
MODEL = """
import os, time
from pathlib import Path

class Slow:
    fingerprint = "stress 1"

    def __init__(self, log, seconds):
        self.log, self.seconds = Path(log), seconds

    def generate(self, frames, audio, reference):
        name = f"{int(frames.astype(int).sum())}-{int(abs(audio.astype(int)).sum())}-{len(reference)}"
        (self.log / f"{name}-{os.getpid()}-{time.monotonic_ns()}").touch()
        time.sleep(self.seconds)
        return frames
"""
GATES = ("LSD-CR < 99", "LSD-AR < 99", "LSE-C_S < 99", "LSE-C_S[AR] < 99")


class Runs:
    """Runs of one model on one folder of clips.

    Args:
        folder: holds clips, model, logs and stores.
        workers: of xdist.
        seconds: that the model takes for one trial.
    """

    def __init__(self, folder: Path, workers: int, seconds: float) -> None:
        self.folder = folder
        self.workers = workers
        self.seconds = seconds
        (folder / "stress_model.py").write_text(MODEL)

    def start(self, name: str) -> "subprocess.Popen[bytes]":
        """Begin, or go on with, the run called ``name`` in a process group of its own."""
        (self.folder / f"{name}.log").mkdir(exist_ok=True)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"-n{self.workers}"]
        command += ["--rootdir=.", "--lipleak-model=stress_model.py:Slow", "--lipleak-clips=clips"]
        command.append("--lipleak-expert=embedded")
        command += [f"--lipleak-model-arg=log={self.folder / f'{name}.log'}", f"--lipleak-store={name}.store"]
        command += [f"--lipleak-model-arg=seconds={self.seconds}", f"--lipleak-json={name}.json"]
        command += [f"--lipleak-gate={gate}" for gate in GATES]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def scores(self, name: str) -> Any:
        """All scores of a finished run."""
        (result,) = json.loads((self.folder / f"{name}.json").read_text())["results"]
        return result["trials"]

    def made(self, name: str) -> Counter[str]:
        """How often each trial was generated."""
        entries = (self.folder / f"{name}.log").iterdir()
        return Counter(entry.name.rsplit("-", 2)[0] for entry in entries)


def workers_of(process: int) -> list[int]:
    """Process ids of a run's workers."""
    children = Path(f"/proc/{process}/task/{process}/children")
    return [int(child) for child in children.read_text().split()] if children.exists() else []


KINDS = ("the whole run", "one worker", "the controller")


def disturb(
    run: "subprocess.Popen[bytes]", reached: Callable[[], bool], kind: str, rng: random.Random
) -> int:
    """Kill what ``kind`` says when the moment is reached; returns how many trials that may have cost.

    Of a killed controller the workers live on for a while, so that the next run meets them.
    """
    while not reached():
        if run.poll() is not None:
            return 0
        time.sleep(0.02)
    # Somewhere within generating, writing, embedding or scoring.
    time.sleep(rng.uniform(0, 0.5))
    workers = workers_of(run.pid)
    if not workers:
        return 0
    if kind == "one worker":
        os.kill(rng.choice(workers), signal.SIGKILL)
        return 1
    (os.killpg if kind == "the whole run" else os.kill)(run.pid, signal.SIGKILL)
    return len(workers)


def ended(group: int, seconds: float = 60) -> bool:
    """Whether all processes of a run end by themselves in time; they are ended if not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.2)
    os.killpg(group, signal.SIGKILL)
    return False


def main() -> int:
    """Run; the exit status is 0 when no disturbance showed."""
    parser = argparse.ArgumentParser(prog="python -m research.benchmarks.stress", description=__doc__)
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=0.1, help="that the model takes for one trial")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        short_clips(options.clips, FRAMES, folder).rename(folder / "clips")
        runs = Runs(folder, options.workers, options.seconds)
        begun = time.monotonic()
        if runs.start("undisturbed").wait() != 0:
            print("the undisturbed run failed")
            return 1
        expected, trials = runs.scores("undisturbed"), runs.made("undisturbed")
        duration = time.monotonic() - begun
        print(
            f"undisturbed: {len(trials)} trials in {duration:.1f} s, each made {set(trials.values())} times",
            flush=True,
        )
        for moment in range(options.moments):
            bad += not _survives(runs, f"{options.seed} {moment}", f"run{moment}", expected, trials)
    return int(bad > 0)


def _survives(runs: Runs, seed: str, name: str, expected: Any, trials: Counter[str]) -> bool:
    """Disturb one run, go on until it ends by itself, and compare."""
    rng = random.Random(seed)
    kind, after = rng.choice(KINDS), rng.randrange(len(trials))
    run = runs.start(name)
    groups = [run.pid]
    cost = disturb(run, lambda: runs.made(name).total() > after, kind, rng)
    run.wait()
    for _ in range(4):
        run = runs.start(name)
        groups.append(run.pid)
        if run.wait() == 0:
            break
    made = runs.made(name)
    remade = made.total() - len(made)
    same, alone = runs.scores(name) == expected, all(map(ended, groups))
    good = same and alone and made.keys() == trials.keys() and remade <= cost
    print(
        f"{name}: {kind} killed after {after} trials: same numbers {same}, {remade} trials made again (at most {cost} "
        f"were interrupted), nobody left behind {alone}: {'good' if good else 'BAD'}",
        flush=True,
    )
    return good


if __name__ == "__main__":
    sys.exit(main())
