"""The two towers of the embedded expert (PyTorch; the package itself runs them as ONNX)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

EMBEDDING = 128
FRAMES_PER_WINDOW = 5
MEL_PER_FRAME = 4
MEL_PER_WINDOW = 20


Pair = int | tuple[int, int]


def _block(inputs: int, outputs: int, kernel: Pair, stride: Pair, padding: Pair) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


class VideoTower(nn.Module):
    """(B, T, 48, 64) normalised grey -> (B, T - 4, 128) unit norm; row i sees frames i .. i+4.

    The first layer takes five neighbouring frames as five channels, which is the Conv3d of kernel 5 in time.
    """

    def __init__(self, widths: tuple[int, int, int, int] = (32, 64, 128, 192), dropout: float = 0.1) -> None:
        super().__init__()
        a, b, c, d = widths
        self.layers = nn.Sequential(
            _block(FRAMES_PER_WINDOW, a, 5, 2, 2),
            _block(a, b, 3, 2, 1),
            _block(b, c, 3, 2, 1),
            _block(c, d, 3, 2, 1),
            nn.Dropout2d(dropout),
            nn.Flatten(),
            nn.Linear(d * 12, EMBEDDING),
        )

    def forward(self, frames: Tensor) -> Tensor:
        """Embed normalised frames; shapes as the class says."""
        clips, count, height, width = frames.shape
        rows = count - FRAMES_PER_WINDOW + 1
        windows = torch.stack([frames[:, i : i + rows] for i in range(FRAMES_PER_WINDOW)], 2)
        windows = windows.reshape(clips * rows, FRAMES_PER_WINDOW, height, width)
        windows = windows.contiguous(memory_format=torch.channels_last)
        embedding = nn.functional.normalize(self.layers(windows).float(), dim=1)
        return embedding.reshape(clips, rows, EMBEDDING)


class AudioTower(nn.Module):
    """(B, M, 40) log-mel -> (B, (M - 20) // 4 + 1, 128) unit norm; row i sees mel frames 4i .. 4i+19."""

    def __init__(
        self, widths: tuple[int, int, int] = (32, 64, 128), hidden: int = 160, dropout: float = 0.1
    ) -> None:
        super().__init__()
        a, b, c = widths
        self.layers = nn.Sequential(
            _block(1, a, (5, 4), (2, 2), (2, 0)),
            _block(a, b, (3, 3), (2, 2), (1, 0)),
            _block(b, c, (3, 3), (2, 1), (1, 0)),
            nn.Dropout2d(dropout),
        )
        self.last = nn.Sequential(
            nn.Conv2d(c, hidden, (5, 2), bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            nn.Conv2d(hidden, EMBEDDING, 1),
        )

    def forward(self, mel: Tensor) -> Tensor:
        """Embed log-mel features; shapes as the class says."""
        image = mel.transpose(1, 2).unsqueeze(1)
        out = self.last(self.layers(image)).float().squeeze(2).transpose(1, 2)
        return nn.functional.normalize(out, dim=2)


class Expert(nn.Module):
    """Both towers and the learned temperatures of the two losses."""

    def __init__(self) -> None:
        super().__init__()
        self.video = VideoTower()
        self.audio = AudioTower()
        self.window_scale = nn.Parameter(torch.tensor(10.0).log())
        self.clip_scale = nn.Parameter(torch.tensor(20.0).log())
