"""Quick figures of a network in training on clips of people it has not seen: the written tables come from evaluate."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pytest_lipleak.sync.logmel import log_mel
from research.training import augment
from research.training.data import Talk, shifted
from research.training.losses import MAX_SHIFT, shift_distances
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
    """Offsets within one frame (full, 3 s), AUC at fixed offset against other clips' audio (3 s), by distance and by
    confidence; rank correlation of the confidence with SyncNet v2's over the clips where that is known."""
    expert.eval()
    embedded = [embed(expert, talk) for talk in talks]
    curves = [shift_curve(v, a) for v, a in embedded]
    best = np.array([curve.argmin() - MAX_SHIFT for curve in curves])
    short = [
        (v[s : s + rows_3s], a[s : s + rows_3s], talk.speech)
        for (v, a), talk in zip(embedded, talks, strict=True)
        for s in (0, max(len(v) - rows_3s, 0))
    ]
    short_curves = [shift_curve(v, a) for v, a, _ in short]
    best_short = np.array([curve.argmin() - MAX_SHIFT for curve in short_curves])
    mismatched = []
    for i, (v, _, speech) in enumerate(short):
        for j in (i + 7, i + 20, i + 33):
            _, a, other = short[j % len(short)]
            if other != speech:
                rows = min(len(v), len(a))
                mismatched.append(shift_curve(v[:rows], a[:rows]))
    known = [i for i, talk in enumerate(talks) if talk.confidence > 0]
    ours = [float(np.median(curves[i]) - curves[i].min()) for i in known]
    ranks = [np.argsort(np.argsort(x)) for x in (ours, [talks[i].confidence for i in known])]
    return {
        "full +-1": round(float((np.abs(best) <= 1).mean()), 3),
        "3s +-1": round(float((np.abs(best_short) <= 1).mean()), 3),
        "median": float(np.median(best)),
        "AUC fixed 3s": round(
            auc(*(np.array([-c[MAX_SHIFT] for c in x]) for x in (short_curves, mismatched))), 4
        ),
        "AUC confidence 3s": round(
            auc(*(np.array([np.median(c) - c[MAX_SHIFT] for c in x]) for x in (short_curves, mismatched))), 4
        ),
        "Spearman": round(float(np.corrcoef(*ranks)[0, 1]), 3) if len(known) > 2 else float("nan"),
    }
