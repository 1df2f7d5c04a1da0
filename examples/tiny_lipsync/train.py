"""Trains one variant.

    PYTHONPATH=. python examples/tiny_lipsync/train.py CACHE.npz ... --reference CR --expert expert.pt --out OUT

The variants differ in one thing, the identity reference they are shown: ``CR`` the very frame to be painted, with its
mouth; ``AR`` another frame of the clip, drawn anew; ``silent`` the frame whose mouth is closed most; ``hidden`` as AR,
with lips and jaw blacked out.
"""

import argparse
import csv
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from data import Talk, load, reference_frame
from numpy.typing import NDArray
from safetensors.torch import save_file
from sync_loss import SyncLoss, around
from tiny_lipsync import SAMPLES_PER_FRAME, SIZE, TOP, Speech, TinyLipSync, mels
from torch import Tensor

RUN = 8
"""Neighbouring frames of one clip, for the sync loss."""
LEARNING_RATE = 2e-3


@dataclass(frozen=True)
class Batch:
    """Runs of frames: B runs, T frames each.

    Args:
        faces: what is to be painted, float in 0..1, (B, T, 3, 72, 72).
        references: what may be looked at, likewise.
        mel: log-mel around each frame, (B, T, 20, 40).
        heard, valid, brightness: what ``SyncLoss`` wants to know.
    """

    faces: Tensor
    references: Tensor
    mel: Tensor
    heard: Tensor
    valid: Tensor
    brightness: Tensor


class Batches:
    """Draws batches, from every cache equally often; runs are mirrored and tinted as a whole.

    Args:
        caches: clips by cache.
        reference: ``CR``, ``AR``, ``silent`` or ``hidden``.
        sync: tells what its expert hears and how bright a mouth is.
        seed: of every draw.
    """

    def __init__(self, caches: list[list[Talk]], reference: str, sync: SyncLoss, seed: int) -> None:
        self.caches = caches
        self.reference = reference
        self.random = np.random.default_rng(seed)
        self.known = {
            id(talk): (mels(talk.audio, len(talk.faces)), sync.heard(talk), sync.brightness(talk.faces))
            for talks in caches
            for talk in talks
        }

    def draw(self, runs: int) -> Batch:
        """Draw a batch; no clip is in it twice."""
        drawn: dict[int, Talk] = {}
        while len(drawn) < runs:
            talks = self.caches[self.random.integers(len(self.caches))]
            talk = talks[self.random.integers(len(talks))]
            drawn[id(talk)] = talk
        columns = zip(*(self._run(talk) for talk in drawn.values()), strict=True)
        return Batch(*(torch.stack(column) for column in columns))

    def _run(self, talk: Talk) -> tuple[Tensor, ...]:
        mel, heard, brightness = self.known[id(talk)]
        start = int(self.random.integers(len(talk.faces) - RUN))
        stop = start + RUN
        seen = talk.faces[reference_frame(talk, start, stop, self.reference, self.random)]
        faces, references = talk.faces[start:stop], np.broadcast_to(seen, (RUN, SIZE, SIZE, 3))
        if self.random.random() < 0.5:
            faces, references = faces[:, :, ::-1], references[:, :, ::-1]
        tint = torch.from_numpy(self.random.uniform(0.85, 1.15, (3, 1, 1)).astype(np.float32))
        tensors = [(pictures(pixels) * tint).clamp(0, 1) for pixels in (faces, references)]
        return (
            *tensors,
            torch.from_numpy(mel[start:stop]),
            *around(heard, start, RUN),
            torch.tensor(brightness),
        )


def pictures(pixels: NDArray[np.uint8]) -> Tensor:
    """uint8 (T, H, W, 3) to float in 0..1, (T, 3, H, W)."""
    return torch.from_numpy(pixels.copy()).permute(0, 3, 1, 2).float() / 255


def masked(faces: Tensor) -> Tensor:
    """Black out the lower part: a mouth may reach the network by the reference alone."""
    hidden = faces.clone()
    hidden[:, :, TOP:] = 0
    return hidden


def train(
    network: TinyLipSync,
    batches: Batches,
    sync: SyncLoss,
    *,
    steps: int,
    runs: int,
    weight: float,
    bf16: bool,
) -> list[tuple[float, float]]:
    """L1 on what is painted, plus ``weight`` times the sync loss after a quarter of the steps; returns both."""
    device = next(network.parameters()).device
    network.train()
    network.speech.eval()  # its batch norm keeps the expert's statistics
    optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, LEARNING_RATE, total_steps=steps, pct_start=0.05
    )
    began, log = time.monotonic(), []
    for step in range(1, steps + 1):
        batch = batches.draw(runs)
        faces = batch.faces.flatten(0, 1).to(device)
        references, mel = batch.references.flatten(0, 1).to(device), batch.mel.flatten(0, 1).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            painted = network(masked(faces), references, mel)
            whole = torch.cat([faces[:, :, :TOP], painted], 2).unflatten(0, batch.faces.shape[:2])
            agreement = sync(whole, *(x.to(device) for x in (batch.heard, batch.valid, batch.brightness)))
        likeness = (painted - faces[:, :, TOP:]).abs().mean()
        optimiser.zero_grad()
        # A face comes first: before there is one, the loss of sync would only learn to fool the expert.
        (likeness + weight * min(4 * step / steps, 1) * agreement).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        log.append((likeness.item(), agreement.item()))
        if step % 50 == 0 or step == steps:
            l1, ce = np.mean(log[-50:], axis=0)
            print(f"{step:5}  L1 {l1:.4f}  sync {ce:.3f}  {time.monotonic() - began:.0f} s", flush=True)
    return log


@torch.no_grad()
def without_idle(speech: Speech, heard: list[Tensor]) -> Speech:
    """The same without the channels of the last hidden layer that none of ``heard`` (T, 20, 40) wakes.

    After training these are a fifth to a half: what the expert heard besides lips, its batch norm staying as it was.
    """
    device = next(speech.parameters()).device
    woken = [speech.hidden(mel.to(device)).amax((0, 2, 3)) for mel in heard]
    awake = torch.stack(woken).amax(0) > 0
    weights = speech.state_dict()
    for name in ("0.weight", "1.weight", "1.bias", "1.running_mean", "1.running_var"):
        weights[f"last.{name}"] = weights[f"last.{name}"][awake]
    weights["last.3.weight"] = weights["last.3.weight"][:, awake]
    slim = Speech(int(awake.sum())).to(device)
    slim.load_state_dict(weights)
    return slim.eval()


def main() -> None:
    """Read the command line, train, write the checkpoint and its log."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("caches", type=Path, nargs="+", help="files that data.py wrote")
    parser.add_argument("--reference", choices=("CR", "AR", "silent", "hidden"), required=True)
    parser.add_argument("--expert", type=Path, required=True, help="expert.pt of research.training.train")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--runs", type=int, default=6, help="runs of 8 frames per batch")
    parser.add_argument("--sync", type=float, default=0.01, help="weight of the sync loss")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--bf16", action="store_true", help="layers in bfloat16, for processors that have it")
    a = parser.parse_args()

    torch.manual_seed(a.seed)
    sync = SyncLoss(a.expert).to(a.device)
    network = TinyLipSync(hides_lips=a.reference == "hidden").to(a.device)
    network.speech.load_state_dict(sync.expert.audio.state_dict())
    batches = Batches([load(cache) for cache in a.caches], a.reference, sync, a.seed)
    log = train(network, batches, sync, steps=a.steps, runs=a.runs, weight=a.sync, bf16=a.bf16)
    silence = mels(np.zeros(SAMPLES_PER_FRAME, np.int16), 1)
    known = [mel for mel, _, _ in batches.known.values()]
    network.speech = without_idle(network.speech, [torch.from_numpy(mel) for mel in (*known, silence)])
    facts = {"reference": a.reference, "steps": a.steps, "seed": a.seed, "sync": a.sync}
    save_file(
        {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()},
        a.out,
        metadata={name: str(value) for name, value in facts.items()},
    )
    with a.out.with_suffix(".csv").open("w", newline="") as file:
        csv.writer(file).writerows([("L1", "sync"), *log])


if __name__ == "__main__":
    main()
