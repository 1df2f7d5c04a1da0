"""Kill runs at seeded moments and see that none of it shows: ``python -m benchmarks.stress``.

Several workers evaluate many clips on one persistent store. At every moment either one worker or the whole
run is killed; then it is started again until it ends by itself. It must end with exactly the numbers of an
undisturbed run, and no take may be generated twice except those that a kill interrupted.
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
from pathlib import Path
from typing import Any

from benchmarks.inputs import short_clips

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
        seconds: that the model takes for one take.
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
        return result["takes"]

    def made(self, name: str) -> Counter[str]:
        """How often each take was generated."""
        entries = (self.folder / f"{name}.log").iterdir()
        return Counter(entry.name.rsplit("-", 2)[0] for entry in entries)


def workers_of(process: int) -> list[int]:
    """Process ids of a run's workers."""
    children = Path(f"/proc/{process}/task/{process}/children")
    return [int(child) for child in children.read_text().split()] if children.exists() else []


def disturb(run: "subprocess.Popen[bytes]", moment: float, whole: bool, rng: random.Random) -> int:
    """Kill a worker or the whole run after ``moment`` seconds; returns how many takes that may have cost."""
    try:
        run.wait(moment)
        return 0
    except subprocess.TimeoutExpired:
        workers = workers_of(run.pid)
    if whole or not workers:
        os.killpg(run.pid, signal.SIGKILL)
        return max(len(workers), 1)
    os.kill(rng.choice(workers), signal.SIGKILL)
    return 1


def main() -> int:
    """Run; the exit status is 0 when no disturbance showed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stress", description=__doc__)
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=0.2, help="that the model takes for one take")
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
        duration = time.monotonic() - begun
        expected, takes = runs.scores("undisturbed"), runs.made("undisturbed")
        print(f"undisturbed: {len(takes)} takes in {duration:.1f} s, each made {set(takes.values())} times")
        for moment in range(options.moments):
            rng = random.Random(f"{options.seed} {moment}")
            name, cost, starts, whole = f"run{moment}", 0, 0, rng.random() < 0.5
            run = runs.start(name)
            at = rng.uniform(0.1, 0.95) * duration
            cost += disturb(run, at, whole, rng)
            run.wait()
            while (run := runs.start(name)).wait() != 0 and starts < 3:
                starts += 1
            made = runs.made(name)
            remade = sum(made.values()) - len(made)
            same = runs.scores(name) == expected
            good = same and made.keys() == takes.keys() and remade <= cost
            bad += not good
            print(
                f"{name}: {'whole run' if whole else 'one worker'} killed after {at:.1f} s: same numbers {same}, "
                f"{remade} takes made again (at most {cost} were interrupted): {'good' if good else 'BAD'}",
                flush=True,
            )
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
