"""Wav2Lip (Prajwal et al. 2020): the network of the user's checkout, in process.

The reference is the second half of the network's input: six channels, the masked face and the reference,
both BGR in 0..1. Under CR it is the current frame, as the repository does it; under AR the reference
frame's crop, for every frame. The repository's ``--static`` is no AR: it freezes the pose, too.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pytest_lipleak.core.clips import Audio, Frames
from pytest_lipleak.generators.catalogue import ModelCard
from pytest_lipleak.generators.checkout import Checkout, checkpoint_file, load_weights, torch_for
from pytest_lipleak.generators.facecrops import FaceCrops, as_pixels, one_per_frame
from pytest_lipleak.generators.mel import mel_windows

CARD = ModelCard(
    name="wav2lip",
    summary="Wav2Lip (Prajwal et al. 2020), 96x96, mel",
    factory="pytest_lipleak.generators.systems.wav2lip:wav2lip",
    supports=("CR", "AR"),
    alternative_reference="first",
    silence="noise",
    silence_reason="its front end is said to make NaN of exact silence",
    repository="Rudrabha/Wav2Lip",
    arguments={"repo": "folder of the checkout", "checkpoint": "wav2lip.pth or wav2lip_gan.pth"},
    packages=("torch", "librosa"),
    licence="none stated",
    restriction="research only",
    remarks="its README allows research, academic and personal use only; optional: pads=(top, bottom, left, right) in "
    "pixels, batch",
)

SIZE = 96


def wav2lip(
    repo: str, checkpoint: str, device: str = "cpu", pads: Sequence[int] = (0, 10, 0, 0), batch: int = 64
) -> FaceCrops:
    """Build the generator.

    Args:
        repo: folder of a checkout of Rudrabha/Wav2Lip.
        checkpoint: its weights, a ``.pth`` with ``state_dict``.
        device: torch device.
        pads: top, bottom, left, right in pixels around the face box; the repository's default.
        batch: frames at once.
    """
    return FaceCrops(Faces(repo, checkpoint, device, batch), SIZE, pads=pads, feather=0)


class Faces:
    """The network, from face crops to face crops; see ``facecrops.FaceCrops``."""

    supports = CARD.supports
    alternative_reference = CARD.alternative_reference
    silence = CARD.silence

    def __init__(self, repo: str, checkpoint: str, device: str, batch: int) -> None:
        self._torch = torch_for(CARD.name)
        checkout = Checkout(CARD.name, repo, ("models/wav2lip.py",), CARD.repository)
        path = checkpoint_file(CARD.name, checkpoint)
        with checkout.active():
            network = checkout.attribute("models.wav2lip", "Wav2Lip")()
        self.network: Any = load_weights(CARD.name, network, path).to(device)
        self.fingerprint = checkout.fingerprint(path)
        self.batch = batch
        self._device = device

    def generate(self, faces: Frames, audio: Audio, reference: Frames) -> Frames:
        """Generate; faces (T, 96, 96, 3) with their lower half masked."""
        mel = mel_windows(audio, len(faces))[:, None]
        pictures = np.concatenate([_bgr(faces), _bgr(one_per_frame(reference, len(faces)))], axis=1)
        output = np.empty_like(faces)
        for start in range(0, len(faces), self.batch):
            part = slice(start, start + self.batch)
            with self._torch.inference_mode():
                made = self.network(self._tensor(mel[part]), self._tensor(pictures[part])).cpu().numpy()
            output[part] = as_pixels(made).transpose(0, 2, 3, 1)[..., ::-1]
        return output

    def _tensor(self, values: Any) -> Any:
        return self._torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(self._device)


def _bgr(faces: Frames) -> Any:
    """RGB uint8 (T, H, W, 3) to BGR in 0..1, float32 (T, 3, H, W)."""
    return faces[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
