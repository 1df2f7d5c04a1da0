"""The losses: InfoNCE over windows; over the clip, cross-entropy over shifts, own against wrong audio, and rank."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

MAX_SHIFT = 15
UNRELATED = 2.0**0.5
"""Distance of orthogonal unit vectors; also what the score sees where a shift runs past the audio."""


def distance(video: Tensor, audio: Tensor) -> Tensor:
    """Euclidean distance of unit vectors along the last axis."""
    return torch.sqrt((2 - 2 * (video * audio).sum(-1)).clamp_min(1e-6))


def shift_distances(video: Tensor, audio: Tensor, valid: Tensor) -> Tensor:
    """Mean distance per shift: video (B, R, D), audio (B, R + 30, D), valid (B, R + 30) -> (B, 31), shift -15 first."""
    rows = video.shape[1]
    columns = []
    for shift in range(2 * MAX_SHIFT + 1):
        d = distance(video, audio[:, shift : shift + rows])
        columns.append(torch.where(valid[:, shift : shift + rows], d, UNRELATED).mean(1))
    return torch.stack(columns, 1)


def clip_loss(
    video: Tensor, audio: Tensor, valid: Tensor, same: Tensor, scale: Tensor
) -> tuple[Tensor, Tensor]:
    """Soft-target cross-entropy over 31 own shifts and other clips' audio; also returns the (B, 31) distances.

    ``same`` (B, B): which clips speak with the same recording; they are no negatives of each other.
    """
    clips, rows = video.shape[:2]
    own = shift_distances(video, audio, valid)
    aligned = audio[:, MAX_SHIFT : MAX_SHIFT + rows]
    cross = distance(video[:, None], aligned[None]).mean(2)
    logits = torch.cat([own, cross.masked_fill(same, 1e3)], 1) * -scale
    cross = cross.masked_fill(same & ~torch.eye(clips, dtype=torch.bool, device=same.device), 1e3)
    target = torch.zeros_like(logits)
    target[:, MAX_SHIFT] = 0.8
    target[:, [MAX_SHIFT - 1, MAX_SHIFT + 1]] = 0.1
    by_audio = functional.cross_entropy(cross.T * -scale, torch.arange(clips, device=cross.device))
    return functional.cross_entropy(logits, target) + 0.5 * by_audio, own


def window_loss(video: Tensor, audio: Tensor, valid: Tensor, same: Tensor, scale: Tensor) -> Tensor:
    """InfoNCE in both directions over all windows of the batch; windows one or two frames away are left out."""
    clips, rows, size = video.shape
    columns = audio.shape[1]
    similarity = scale * video.reshape(-1, size) @ audio.reshape(-1, size).T
    row_clip = torch.arange(clips).repeat_interleave(rows)
    row_time = torch.arange(rows).repeat(clips) + MAX_SHIFT
    column_clip = torch.arange(clips).repeat_interleave(columns)
    column_time = torch.arange(columns).repeat(clips)
    gap = (row_time[:, None] - column_time[None]).abs()
    near = (row_clip[:, None] == column_clip[None]) & (gap > 0) & (gap <= 2)
    twin = same[row_clip][:, column_clip] & (row_clip[:, None] != column_clip[None])
    similarity = similarity.masked_fill(near | twin | ~valid.reshape(1, -1), -1e4)
    target = row_clip * columns + row_time
    heard = valid.reshape(-1)[target]  # a window at the very end may lie past the audio
    forward = functional.cross_entropy(similarity[heard], target[heard])
    backward = functional.cross_entropy(similarity[:, target[heard]].T, torch.arange(clips * rows)[heard])
    return forward + 0.5 * backward


def confidence_loss(own: Tensor, video: Tensor, audio: Tensor, same: Tensor, scale: Tensor) -> Tensor:
    """Own against wrong audio by the confidence at the known offset, over all pairs of clips: the AUC that is reported.

    The confidence of wrong audio needs its shifts, too: the median distance over all other clips' windows stands for
    them. ``own`` (B, 31): distances of :func:`shift_distances`.
    """
    rows = video.shape[1]
    base = own.median(1).values
    right = base - own[:, MAX_SHIFT]
    aligned = audio[:, MAX_SHIFT : MAX_SHIFT + rows]
    cross = distance(video[:, None], aligned[None]).mean(2)
    wrong = (cross.masked_fill(same, torch.nan).nanmedian(1).values[:, None] - cross)[~same]
    return functional.softplus(scale * (0.1 + wrong[None] - right[:, None])).mean()


def rank_loss(own: Tensor, confidence: Tensor, scale: Tensor) -> Tensor:
    """Pairs of clips in the order of SyncNet v2's confidence, by ours; ``confidence`` (B,) is NaN where unknown."""
    ours = own.median(1).values - own[:, MAX_SHIFT]
    apart = confidence[:, None] - confidence[None]
    pairs = apart > 0.7
    if not pairs.any():
        return own.sum() * 0
    return functional.softplus(-scale * (ours[:, None] - ours[None])[pairs]).mean()
