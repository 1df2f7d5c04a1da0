"""How well painted mouths agree with the speech, judged by a frozen expert of ``research/training/``."""

from pathlib import Path

import cv2
import numpy as np
import torch
from data import Talk
from numpy.typing import NDArray
from tiny_lipsync import CROPS, MEL_PER_FRAME, SAMPLES_PER_FRAME, SIZE
from torch import Tensor, nn

from pytest_lipleak import FaceCrops
from pytest_lipleak.sync.logmel import log_mel
from pytest_lipleak.sync.mouth_window import FACE_SIZE, MOUTH_COLUMNS, MOUTH_HEIGHT, MOUTH_ROWS, MOUTH_WIDTH
from research.training.losses import MAX_SHIFT, clip_loss
from research.training.network import FRAMES_PER_WINDOW, MEL_PER_WINDOW, Expert

GREY = torch.tensor([0.299, 0.587, 0.114])
SCALE = 20.0


def _window_matrices() -> tuple[Tensor, Tensor]:
    """Rows (48, 72) and columns (72, 64) that bring a face crop to the expert's mouth window, as resizing would."""
    whole = np.zeros((1, FACE_SIZE, FACE_SIZE, 3), np.uint8)
    left, top, right, bottom = FaceCrops(lambda faces, audio, reference: faces, **CROPS).boxes(whole)[0]
    one = np.eye(SIZE, dtype=np.float32)
    down = np.zeros((FACE_SIZE, SIZE), np.float32)
    across = np.zeros((FACE_SIZE, SIZE), np.float32)
    down[top:bottom] = cv2.resize(one, (SIZE, int(bottom - top)))
    across[left:right] = cv2.resize(one, (SIZE, int(right - left)))
    rows = cv2.resize(down[MOUTH_ROWS], (SIZE, MOUTH_HEIGHT), interpolation=cv2.INTER_AREA)
    columns = cv2.resize(across[MOUTH_COLUMNS], (SIZE, MOUTH_WIDTH), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(rows), torch.from_numpy(columns.T.copy())


class SyncLoss(nn.Module):
    """Cross-entropy of the expert's distances: over the 31 shifts of the own speech, and against other clips' speech.

    Args:
        weights: ``expert.pt`` of ``research.training.train``.
    """

    def __init__(self, weights: Path) -> None:
        super().__init__()
        self.expert = Expert()
        self.expert.load_state_dict(torch.load(weights, weights_only=True))
        self.expert.eval().requires_grad_(False)
        rows, columns = _window_matrices()
        self.register_buffer("rows", rows)
        self.register_buffer("columns", columns)

    def mouths(self, faces: Tensor) -> Tensor:
        """Face crops, float in 0..1, (..., 3, 72, 72), to grey mouth windows (..., 48, 64)."""
        grey = (faces * GREY.to(faces)[:, None, None]).sum(-3)
        return self.rows @ grey @ self.columns

    @torch.no_grad()
    def heard(self, talk: Talk) -> Tensor:
        """What the expert hears in a clip, (T - 4, 128); row i lies over the frames i to i + 4."""
        mel = log_mel(talk.audio[: len(talk.faces) * SAMPLES_PER_FRAME])
        rows = min(len(talk.faces) - FRAMES_PER_WINDOW, (len(mel) - MEL_PER_WINDOW) // MEL_PER_FRAME) + 1
        mel = mel[: (rows - 1) * MEL_PER_FRAME + MEL_PER_WINDOW]
        return self.expert.audio(torch.from_numpy(mel)[None].to(self.rows.device))[0]

    @torch.no_grad()
    def brightness(self, faces: NDArray[np.uint8]) -> tuple[float, float]:
        """Mean and standard deviation of a clip's mouth windows, which the expert takes out."""
        some = torch.from_numpy(faces[::5]).permute(0, 3, 1, 2).float() / 255
        windows = self.mouths(some.to(self.rows.device))
        return float(windows.mean()), float(windows.std()) + 1e-4

    def forward(self, faces: Tensor, heard: Tensor, valid: Tensor, brightness: Tensor) -> Tensor:
        """One number.

        Args:
            faces: runs of T neighbouring frames, painted, float in 0..1, (B, T, 3, 72, 72).
            heard: what the expert hears around them, 15 rows more on either side, (B, T + 26, 128).
            valid: which of these rows lie in the clip, bool (B, T + 26).
            brightness: mean and standard deviation of each clip, (B, 2).
        """
        mean, deviation = brightness[:, :, None, None, None].unbind(1)
        seen = self.expert.video((self.mouths(faces) - mean) / deviation)
        same = torch.eye(len(faces), dtype=torch.bool, device=faces.device)
        loss, _ = clip_loss(seen, heard, valid, same, torch.tensor(SCALE))
        return loss


def around(heard: Tensor, start: int, frames: int) -> tuple[Tensor, Tensor]:
    """Rows of a clip around the run that begins at ``start``, (T + 26, 128), and which of them exist."""
    places = torch.arange(start - MAX_SHIFT, start + frames - FRAMES_PER_WINDOW + 1 + MAX_SHIFT)
    valid = (places >= 0) & (places < len(heard))
    return heard[places.clamp(0, len(heard) - 1)], valid
