"""Finds the constant audio offset of every talkers clip, so that training sees all people on one zero.

    python -m research.training.realign STAGE1/expert.pt --caches FOLDER --shared FOLDER

The stage-1 expert knows GRID alone, so its zero is GRID's. That is also SyncNet's: it gives 3.0 on SyncNet's own
example, whose published offset is 3. The talkers, though, come out about one frame late against their published
offsets, all of them alike (an AAC encoder's delay that was not taken off would do that). Each clip gets its own
estimate, to a fraction of a frame. Clips on which the estimate, less the median delay, differs from the published
offset by more than 1.5 frames (``--tolerance``) are left out of training. Rendered clips are in sync by construction.
Writes ``offsets.json`` into the cache of the talkers: frames by which the audio must be moved earlier; and beside it
``confidences.json``, the published ones, for the loss that ranks clips.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from research.training.data import load
from research.training.losses import MAX_SHIFT
from research.training.network import Expert
from research.training.validate import embed, shift_curve


def fractional_minimum(curve: NDArray[np.float32]) -> float:
    """Shift of the smallest distance, refined by the parabola through its neighbours."""
    best = int(curve.argmin())
    if best in (0, len(curve) - 1):
        return float(best - MAX_SHIFT)
    left, middle, right = curve[best - 1 : best + 2].astype(float)
    return best - MAX_SHIFT + 0.5 * (left - right) / max(left - 2 * middle + right, 1e-9)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", type=Path)
    parser.add_argument("--caches", type=Path, required=True)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--tolerance", type=float, default=1.5, help="frames from the published offset")
    a = parser.parse_args()
    torch.set_num_threads(1)
    expert = Expert()
    expert.load_state_dict(torch.load(a.weights, weights_only=True))
    expert.eval()
    published, confidences = {}, {}
    for row in csv.DictReader((a.shared / "talkers" / "manifest.csv").open()):
        offsets = [int(x) for x in row["syncnet_v2_offsets"].strip("[]").split(",") if x.strip()]
        if offsets and float(row["syncnet_v2_confidence"]) > 3:
            published[row["file"]] = -offsets[0]  # SyncNet's sign is the opposite of the shift's
        if offsets:
            confidences[row["file"]] = float(row["syncnet_v2_confidence"])
    found = {
        talk.name: fractional_minimum(shift_curve(*embed(expert, talk)))
        for talk in load(a.caches / "talkers")
    }
    difference = {name: found[name] - shift for name, shift in published.items()}
    near = [d for d in difference.values() if abs(d) < 4] or list(difference.values())
    zero = float(np.median(near))
    kept = {name: found[name] for name, d in difference.items() if abs(d - zero) <= a.tolerance}
    print(
        f"talkers' audio is {zero:+.2f} frames late against the published offsets (n = {len(near)}, quartiles "
        f"{np.percentile(near, 25):+.2f} {np.percentile(near, 75):+.2f})"
    )
    print(
        f"{len(kept)} of {len(found)} talkers clips agree with the published offset within {a.tolerance:g} frames"
    )
    (a.caches / "talkers" / "offsets.json").write_text(json.dumps(kept, indent=0))
    (a.caches / "talkers" / "confidences.json").write_text(json.dumps(confidences, indent=0))


if __name__ == "__main__":
    main()
