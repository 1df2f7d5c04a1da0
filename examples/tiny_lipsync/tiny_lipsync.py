"""A small lip-sync generator in the manner of Wav2Lip, and how pytest-lipleak runs it.

pytest --lipleak-model=tiny_lipsync.py:load --lipleak-model-arg=checkpoint=checkpoints/hidden.safetensors

It paints the lower part of a face, given speech and a reference. All that a judged network needs is in this one file:
what it would import from beside it by a plain name could be another model's in the same process.
"""

import hashlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn import functional

from pytest_lipleak import FaceCrops
from pytest_lipleak.sync.logmel import log_mel

HERE = Path(__file__).parent
SIZE = 72
"""Height and width of the face crops, in pixels."""
TOP = 32
"""First row that is painted: above the lips, so that no mouth is left in the masked crop."""
HIDDEN = (slice(TOP, SIZE), slice(10, 62))
"""Rows and columns of the reference that a network which hides the lips never sees: all that moves in speech."""
CROPS = {"size": SIZE, "margins": (0, 0.1, 0, 0), "mask": None}
"""How faces are cut out, in training and in use: ``FaceCrops`` with room for the chin."""
SAMPLES_PER_FRAME = 640
MEL_PER_FRAME = 4
MEL_COLUMNS = 20
"""0.2 s of log-mel around each frame."""
HEARD = 128
STRATEGIES = {"silent": "silent-face"}
"""Which alternative reference a variant is asked with, by the one it was trained with; the first frame otherwise."""


class TinyLipSync(nn.Module):
    """A U-Net over masked face and reference, whose painting half is steered by the speech; 0.5 million parameters.

    Args:
        hides_lips: black out the reference's lips and jaw, too, so that skin, beard and light alone can be copied.
        width: of the last hidden layer that hears speech.
    """

    def __init__(self, *, hides_lips: bool = False, width: int = 160) -> None:
        super().__init__()
        self.hides_lips = hides_lips
        self.speech = Speech(width)
        # Masked frame and reference, every 2x2 pixels as channels: most of the work is done at half the size.
        self.look = nn.ModuleList([_layer(24, 24), _layer(24, 48, stride=2), _layer(48, 64, stride=2)])
        self.paint = nn.ModuleList([_Steered(64, 64), _Steered(64 + 48, 48), _Steered(48 + 24 + 12, 32)])
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

    The layers are those of the embedded expert's audio tower (``research/training/network.py``), so that training may
    start from one: learning from nothing what speech sounds like takes a network far longer than ten minutes.
    """

    def __init__(self, width: int = 160) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _heard(1, 32, (5, 4), (2, 2), (2, 0)),
            _heard(32, 64, (3, 3), (2, 2), (1, 0)),
            _heard(64, 128, (3, 3), (2, 1), (1, 0)),
        )
        self.last = nn.Sequential(
            nn.Conv2d(128, width, (5, 2), bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, HEARD, 1),
        )

    def forward(self, mel: Tensor) -> Tensor:
        """Shapes as the class says."""
        out = self.last[-1](self.hidden(mel)).float()
        return functional.normalize(out[:, :, 0, 0], dim=1)

    def hidden(self, mel: Tensor) -> Tensor:
        """The last hidden layer, (B, width, 1, 1)."""
        return self.last[:-1](self.layers(mel.transpose(1, 2)[:, None]))


class _Steered(nn.Module):
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


def mels(audio: NDArray[np.int16], frames: int) -> NDArray[np.float32]:
    """Log-mel around each frame, float32 (T, 20, 40): the frame itself, two before and two after.

    Speech of another length is cut, or silent at its end.
    """
    speech = audio[: frames * SAMPLES_PER_FRAME]
    missing = frames * SAMPLES_PER_FRAME - len(speech)
    around = np.pad(speech, (2 * SAMPLES_PER_FRAME, 4 * SAMPLES_PER_FRAME + missing))
    mel = log_mel(around)
    return np.stack([mel[i * MEL_PER_FRAME :][:MEL_COLUMNS] for i in range(frames)])


class Painter:
    """Paints the lower parts of face crops.

    Args:
        checkpoint: what ``train.py`` wrote.
        device: a torch device.
    """

    batch = 64

    def __init__(self, checkpoint: Path, device: str) -> None:
        with safe_open(checkpoint, "pt") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
            reference = file.metadata()["reference"]
        self.alternative_reference = STRATEGIES.get(reference, "first")
        width = len(weights["speech.last.0.weight"])  # train.py leaves out what is never heard
        self.network = TinyLipSync(hides_lips=reference == "hidden", width=width)
        self.network.load_state_dict(weights)
        self.network.float().eval().to(device)
        self.device = device
        self.fingerprint = hashlib.sha256(checkpoint.read_bytes() + Path(__file__).read_bytes()).hexdigest()

    def generate(
        self, faces: NDArray[np.uint8], audio: NDArray[np.int16], reference: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """Paint; ``FaceCrops`` says what comes and goes; ``mels`` what of the speech is heard."""
        reference = np.broadcast_to(reference, faces.shape)  # under AR one frame serves all
        heard = mels(audio, len(faces))
        painted = faces.copy()
        with torch.inference_mode():
            for start in range(0, len(faces), self.batch):
                part = slice(start, start + self.batch)
                hidden = self._pictures(faces[part])
                hidden[:, :, TOP:] = 0
                lower = self.network(
                    hidden, self._pictures(reference[part]), torch.from_numpy(heard[part]).to(self.device)
                )
                painted[part, TOP:] = (lower.permute(0, 2, 3, 1).cpu().numpy() * 255).round()
        return painted

    def _pictures(self, pixels: NDArray[np.uint8]) -> torch.Tensor:
        return torch.from_numpy(pixels.copy()).to(self.device).permute(0, 3, 1, 2).float() / 255


def load(
    checkpoint: str = str(HERE / "checkpoints" / "hidden.safetensors"), device: str = "cpu"
) -> FaceCrops:
    """Load a checkpoint of ``train.py``."""
    return FaceCrops(Painter(Path(checkpoint), device), **CROPS)
