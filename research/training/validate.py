"""Quick figures of a network in training on clips of people it has not seen: the written tables come from evaluate."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pytest_lipleak.sync.logmel import log_mel
from research.training import augment
from research.training.data import Talk, shifted
from research.training.losses import MAX_SHIFT, distance, shift_distances
from research.training.network import Expert


def embed(expert: Expert, talk: Talk) -> tuple[Tensor, Tensor]:
    """Video and audio embeddings of a whole clip, cut to the same number of rows."""
    with torch.no_grad():
        frames = augment.normalise(augment.plain_window(np.asarray(talk.region)))
        video = expert.video(torch.from_numpy(frames)[None])[0]
        audio = expert.audio(torch.from_numpy(log_mel(shifted(np.asarray(talk.audio), talk.offset)))[None])[0]
    rows = min(len(video), len(audio))
    return video[:rows], audio[:rows]


def shift_curve(video: Tensor, audio: Tensor) -> NDArray[np.float32]:
    """Mean distance at the 31 shifts, audio zero-padded."""
    padded = torch.nn.functional.pad(audio, (0, 0, MAX_SHIFT, MAX_SHIFT))
    valid = torch.nn.functional.pad(torch.ones(len(audio), dtype=torch.bool), (MAX_SHIFT, MAX_SHIFT))
    return shift_distances(video[None], padded[None], valid[None])[0].numpy()


def auc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Probability that a positive score lies above a negative one."""
    return float(
        (positive[:, None] > negative[None]).mean() + 0.5 * (positive[:, None] == negative[None]).mean()
    )


def validate(expert: Expert, talks: list[Talk], rows_3s: int = 70) -> dict[str, float]:
    """Offsets within one frame (full, 3 s) and the AUC at fixed offset against other clips' audio at 3 s."""
    expert.eval()
    embedded = [embed(expert, talk) for talk in talks]
    best = np.array([shift_curve(v, a).argmin() - MAX_SHIFT for v, a in embedded])
    short = [
        (v[s : s + rows_3s], a[s : s + rows_3s]) for v, a in embedded for s in (0, max(len(v) - rows_3s, 0))
    ]
    best_short = np.array([shift_curve(v, a).argmin() - MAX_SHIFT for v, a in short])
    matched = np.array([-float(distance(v, a).mean()) for v, a in short])
    mismatched = []
    for i, (v, _) in enumerate(short):
        for j in (i + 7, i + 20, i + 33):
            a = short[j % len(short)][1]
            rows = min(len(v), len(a))
            mismatched.append(-float(distance(v[:rows], a[:rows]).mean()))
    return {
        "full +-1": round(float((np.abs(best) <= 1).mean()), 3),
        "3s +-1": round(float((np.abs(best_short) <= 1).mean()), 3),
        "median": float(np.median(best)),
        "AUC fixed 3s": round(auc(matched, np.array(mismatched)), 4),
    }
