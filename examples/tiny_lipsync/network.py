"""A small lip-sync generator in the manner of Wav2Lip: it paints the lower part of a face, given speech and a
reference."""

import torch
from torch import Tensor, nn
from torch.nn import functional

SIZE = 72
"""Height and width of the face crops, in pixels."""
TOP = 32
"""First row that is painted: above the lips, so that no mouth is left in the masked crop."""
HIDDEN = (slice(TOP, SIZE), slice(10, 62))
"""Rows and columns of the reference that a network which hides the lips never sees: all that moves in speech."""
MEL_BANDS, MEL_COLUMNS = 40, 20
"""0.2 s of log-mel around each frame."""
HEARD = 128


class TinyLipSync(nn.Module):
    """A U-Net over masked face and reference, whose painting half is steered by the speech; 0.5 million parameters.

    Args:
        hides_lips: black out the reference's lips and jaw, too, so that skin, beard and light alone can be copied.
    """

    def __init__(self, *, hides_lips: bool = False) -> None:
        super().__init__()
        self.hides_lips = hides_lips
        self.speech = Speech()
        # Masked frame and reference, every 2x2 pixels as channels: most of the work is done at half the size.
        self.look = nn.ModuleList([_layer(24, 24), _layer(24, 48, stride=2), _layer(48, 64, stride=2)])
        self.paint = nn.ModuleList([_Painter(64, 64), _Painter(64 + 48, 48), _Painter(48 + 24 + 12, 32)])
        self.colour = nn.Conv2d(32, 12, 3, padding=1)

    def forward(self, masked: Tensor, reference: Tensor, mel: Tensor) -> Tensor:
        """Paint the lower parts.

        Args:
            masked: face crops with a black lower part, float in 0..1, (B, 3, 72, 72).
            reference: crops of the same people with their mouths, likewise.
            mel: log-mel of the speech around each frame, (B, 20, 40).

        Returns:
            The lower parts, float in 0..1, (B, 3, 40, 72).
        """
        heard = self.speech(mel)
        if self.hides_lips:
            reference = reference.clone()
            reference[:, :, *HIDDEN] = 0
        seen = functional.pixel_unshuffle(torch.cat([masked, reference], dim=1), 2)
        # The last painter also sees the reference's pixels as they are.
        levels = [seen[:, 12:, seen.shape[2] * TOP // SIZE :]]
        for layer in self.look:
            seen = layer(seen)
            levels.append(seen[:, :, seen.shape[2] * TOP // SIZE :])
        pixels, large, middle, small = levels
        painted = self.paint[0](small, heard)
        painted = self.paint[1](torch.cat([_doubled(painted), middle], dim=1), heard)
        painted = self.paint[2](torch.cat([_doubled(painted), large, pixels], dim=1), heard)
        return functional.pixel_shuffle(self.colour(painted), 2).float().sigmoid()


class Speech(nn.Module):
    """Log-mel (B, 20, 40) to what is heard, (B, 128) of length 1.

    The layers are those of the embedded expert's audio tower (``training/network.py``), so that training may start from
    one: learning from nothing what speech sounds like takes a network far longer than ten minutes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _heard(1, 32, (5, 4), (2, 2), (2, 0)),
            _heard(32, 64, (3, 3), (2, 2), (1, 0)),
            _heard(64, 128, (3, 3), (2, 1), (1, 0)),
        )
        self.last = nn.Sequential(
            nn.Conv2d(128, 160, (5, 2), bias=False),
            nn.BatchNorm2d(160),
            nn.ReLU(),
            nn.Conv2d(160, HEARD, 1),
        )

    def forward(self, mel: Tensor) -> Tensor:
        """Shapes as the class says."""
        out = self.last(self.layers(mel.transpose(1, 2)[:, None])).float()
        return functional.normalize(out[:, :, 0, 0], dim=1)


class _Painter(nn.Module):
    """A convolution whose channels the speech scales and shifts (FiLM, Perez et al. 2018)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.mix = _layer(inputs, outputs)
        self.steer = nn.Sequential(nn.Linear(HEARD, 48), nn.ReLU(), nn.Linear(48, 2 * outputs))

    def forward(self, seen: Tensor, heard: Tensor) -> Tensor:
        """Seen: (B, inputs, H, W); heard: (B, 128); returns (B, outputs, H, W)."""
        scale, shift = self.steer(heard)[:, :, None, None].chunk(2, dim=1)
        return torch.relu(self.mix(seen) * (1 + scale) + shift)


def _doubled(picture: Tensor) -> Tensor:
    return functional.interpolate(picture, scale_factor=2.0)


def _layer(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


def _heard(
    inputs: int, outputs: int, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )
