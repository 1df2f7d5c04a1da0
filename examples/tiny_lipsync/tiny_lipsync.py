"""The trained network as pytest-lipleak tests it.

pytest --lipleak-model=tiny_lipsync.py:load --lipleak-model-arg=checkpoint=checkpoints/hidden.safetensors
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open

from pytest_lipleak import FaceCrops

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # the files beside this one, wherever pytest was started

from data import CROPS, mels  # noqa: E402
from network import TOP, TinyLipSync  # noqa: E402

STRATEGIES = {"silent": "silent-face"}
"""Which alternative reference a variant is asked with, by the one it was trained with; the first frame otherwise."""


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
        self.network = TinyLipSync(hides_lips=reference == "hidden")
        self.network.load_state_dict(weights)
        self.network.float().eval().to(device)
        self.device = device
        code = [(HERE / f"{name}.py").read_bytes() for name in ("data", "network", "tiny_lipsync")]
        self.fingerprint = hashlib.sha256(b"".join([checkpoint.read_bytes(), *code])).hexdigest()

    def generate(
        self, faces: NDArray[np.uint8], audio: NDArray[np.int16], reference: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """Paint; ``FaceCrops`` says what comes and goes. Speech of another length is cut, or silent at its end."""
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
