"""Trains the embedded expert.

    python -m research.training.train RECIPE --caches FOLDER --out FOLDER [--minutes 12] [--seed 1] [--leave-out-fold 0]

``RECIPE`` is ``grid`` (stage 1: GRID speaker s1 alone) or ``all`` (GRID s1, talkers, rendered clips). Writes
``expert.pt``, ``log.csv`` and ``log.png``. One thread: with ``--steps`` instead of ``--minutes`` a run repeats exactly.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from research.training import losses
from research.training.data import Batches, Source, Talk, by_clip, load
from research.training.network import Expert
from research.training.splits import SPLITS
from research.training.validate import validate

LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.02
WARM_UP = 40


@dataclass(frozen=True)
class Tried:
    """What later trainings tried, and release 3 was made without; docs/evidence/embedded-expert-tables.md tells more.

    ``rate``: the highest learning rate; ``confidence`` and ``rank``: weights of two more losses; ``average``: about how
    many of the latest steps the kept weights are the mean of, 1 for the weights as they are.
    """

    rate: float = LEARNING_RATE
    confidence: float = 0.0
    rank: float = 0.0
    average: int = 1


def split_names(file: str, leave_out_fold: int | None = None) -> set[str]:
    """Clips that a split file gives to training, less one fold of people."""
    rows = csv.DictReader((SPLITS / file).open())
    return {
        r["file"]
        for r in rows
        if r["train"] == "1" and (leave_out_fold is None or r["fold"] != str(leave_out_fold))
    }


def sources(recipe: str, caches: Path, leave_out_fold: int | None) -> list[Source]:
    """What a batch is made of: always 10 clips, several of one person among them (same voice, other words)."""
    grid = load(caches / "grid_s1", split_names("grid_s1.csv"))
    if recipe == "grid":
        return [Source(grid, 10, "grid_s1")]
    in_sync = set(by_clip(caches / "talkers", "offsets"))
    people = load(caches / "talkers", split_names("talkers.csv", leave_out_fold) & in_sync)
    chosen = [Source(grid, 2, "grid_s1"), Source(people, 4, "talkers")]
    if (caches / "talkers_aligned").exists():
        level = load(caches / "talkers_aligned", {talk.name for talk in people}, caches / "talkers")
        chosen.append(Source(level, 3, "talkers, mouth-aligned"))
    if (caches / "rendered").exists():
        chosen.append(Source(load(caches / "rendered"), 1, "rendered"))
    return chosen


def train(
    batches: Batches,
    checks: dict[str, list[Talk]],
    out: Path,
    *,
    minutes: float,
    steps: int,
    seed: int,
    start: Path | None,
    tried: Tried = Tried(),
    bf16: bool = False,
) -> Expert:
    """Trains for ``steps`` or, where that is 0, ``minutes``, with a cosine over that length.

    ``bf16``: layers in bfloat16, losses in float32; twice as fast where the processor has AVX-512 BF16 or AMX.
    """
    torch.manual_seed(seed)
    expert = Expert()
    if start:
        expert.load_state_dict(torch.load(start, weights_only=True))
    decayed = [p for p in expert.parameters() if p.ndim > 1]
    plain = [p for p in expert.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": plain, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=LEARNING_RATE)
    out.mkdir(parents=True, exist_ok=True)
    log = (out / "log.csv").open("w", buffering=1)
    log.write(
        "step,seconds,loss_windows,loss_clips,loss_confidence,loss_rank,hit_1,window_scale,clip_scale\n"
    )
    began, sums = time.monotonic(), np.zeros(5)
    average = AveragedModel(expert, avg_fn=averaged(tried.average), use_buffers=True)
    expert.train()
    step = 0
    while True:
        spent = time.monotonic() - began
        progress = step / steps if steps else spent / (60 * minutes)
        if progress >= 1:
            break
        rate = (
            tried.rate * min(1.0, (step + 1) / WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * progress) + 0.005)
        )
        for group in optimiser.param_groups:
            group["lr"] = rate
        batch = batches.draw()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            v, a = expert.video(batch.video), expert.audio(batch.mel)
        by_window = losses.window_loss(v, a, batch.valid, batch.same, expert.window_scale.exp().clamp(max=40))
        scale = expert.clip_scale.exp().clamp(max=60)
        by_clip, own = losses.clip_loss(v, a, batch.valid, batch.same, scale)
        loss, by_confidence, by_rank = by_window + by_clip, own.new_zeros(()), own.new_zeros(())
        if tried.confidence:
            by_confidence = losses.confidence_loss(own, v, a, batch.same, scale.detach())
            loss = loss + tried.confidence * by_confidence
        if tried.rank:
            by_rank = losses.rank_loss(own, batch.confidence, scale.detach())
            loss = loss + tried.rank * by_rank
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(expert.parameters(), 5.0)
        optimiser.step()
        average.update_parameters(expert)
        hit = ((own.argmin(1) - losses.MAX_SHIFT).abs() <= 1).float().mean()
        sums += (by_window.item(), by_clip.item(), by_confidence.item(), by_rank.item(), hit.item())
        step += 1
        if step % 25 == 0:
            scales = [float(scale.detach().exp()) for scale in (expert.window_scale, expert.clip_scale)]
            line = [step, round(spent), *(sums / 25).round(4), *scales]
            log.write(",".join(map(str, line)) + "\n")
            sums[:] = 0
        if step % 200 == 0:
            keep(average.module, checks, out, f"{step} {spent:.0f}")
    keep(average.module, checks, out, f"end {step}")
    plot(out)
    return average.module


def averaged(over: int) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Running mean of weights and of batch norm's statistics: over few steps at first, later about ``over``."""

    def mean(old: Tensor, new: Tensor, count: Tensor | int) -> Tensor:
        if not old.is_floating_point():
            return new
        return torch.lerp(old, new, 1 / min(float(count) / 3 + 1, over))

    return mean


def keep(expert: Expert, checks: dict[str, list[Talk]], out: Path, when: str) -> None:
    """Write the weights, then say how well they do."""
    torch.save(expert.state_dict(), out / "expert.pt")
    print(when, {name: validate(expert, talks) for name, talks in checks.items()}, flush=True)


def plot(out: Path) -> None:
    """``log.csv`` as a picture."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = np.genfromtxt(out / "log.csv", delimiter=",", names=True)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.5))
    left.plot(rows["step"], rows["loss_windows"], label="InfoNCE over windows")
    left.plot(rows["step"], rows["loss_clips"], label="cross-entropy over shifts and clips")
    left.set_xlabel("step")
    left.set_ylabel("loss")
    left.legend()
    right.plot(rows["step"], rows["hit_1"])
    right.set_xlabel("step")
    right.set_ylabel("best shift within 1 frame (augmented training batches)")
    right.set_ylim(0, 1)
    figure.tight_layout()
    figure.savefig(out / "log.png", dpi=100)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", choices=["grid", "all"])
    parser.add_argument("--caches", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=12.0)
    parser.add_argument("--steps", type=int, default=0, help="instead of minutes (repeats exactly)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--leave-out-fold", type=int)
    parser.add_argument("--start", type=Path, help="weights to start from")
    parser.add_argument("--strength", type=float, default=1.0, help="of the geometric augmentation")
    parser.add_argument(
        "--hard", type=float, default=0.0, help="share of examples as hard as the wild makes them"
    )
    for field in dataclasses.fields(Tried):
        parser.add_argument(f"--{field.name}", type=type(field.default), default=field.default)
    parser.add_argument("--bf16", action="store_true", help="layers in bfloat16, for processors that have it")
    a = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    chosen = sources(a.recipe, a.caches, a.leave_out_fold)
    for source in chosen:
        print(source.name, len(source.talks), "clips,", source.per_batch, "per batch", flush=True)
    checks = {}
    if a.recipe == "grid" or a.leave_out_fold is not None:
        held = {r["file"] for r in csv.DictReader((SPLITS / "talkers.csv").open()) if r["train"] == "1"}
        if a.recipe == "all":
            held -= split_names("talkers.csv", a.leave_out_fold)
        checks["unseen talkers"] = load(a.caches / "talkers", held)
    batches = Batches(chosen, a.seed, strength=a.strength, hard=a.hard)
    tried = Tried(a.rate, a.confidence, a.rank, a.average)
    length = {"minutes": a.minutes, "steps": a.steps}
    train(batches, checks, a.out, **length, seed=a.seed, start=a.start, tried=tried, bf16=a.bf16)


if __name__ == "__main__":
    main()
