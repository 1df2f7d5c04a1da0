"""TalkLip (Wang et al. 2023): the network of the user's checkout, in process.

The reference is the second half of the network's picture input, six channels BGR in 0..1: the current frame
under CR (as ``inf_demo.py`` does it), the reference frame under AR (``inf_test.py`` takes frame 0). The
audio encoder is AV-HuBERT, built by the checkout's own ``build_encoder``; it needs fairseq, and therefore a
Python for which fairseq can be installed.
"""

import importlib
from contextlib import chdir
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Audio, Frames
from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.core.timebase import SAMPLE_RATE
from pytest_lipleak.generators.catalogue import ModelCard
from pytest_lipleak.generators.checkout import Checkout, checkpoint_file, load_weights, torch_for
from pytest_lipleak.generators.facecrops import FaceCrops, as_pixels, one_per_frame

CARD = ModelCard(
    name="talklip",
    summary="TalkLip (Wang et al. 2023), 96x96, filterbank into AV-HuBERT",
    factory="pytest_lipleak.generators.systems.talklip:talklip",
    supports=("CR", "AR"),
    alternative_reference="first",
    repository="Sxjdwang/TalkLip",
    arguments={
        "repo": "folder of the checkout",
        "checkpoint": "its weights, a .pth with state_dict",
        "avhubert": "folder of the av_hubert checkout",
    },
    packages=("torch", "python_speech_features", "fairseq", "omegaconf", "torchvision"),
    licence="none stated",
    remarks="config.yaml of the checkout must name the AV-HuBERT weights; AV-HuBERT has a licence of its own; "
    "optional: batch",
)

SIZE = 96
STACKED = 4
"""Filterbank steps of 10 ms that make one frame of 40 ms."""


def talklip(repo: str, checkpoint: str, avhubert: str, device: str = "cpu", batch: int = 128) -> FaceCrops:
    """Build the generator.

    Args:
        repo: folder of a checkout of Sxjdwang/TalkLip.
        checkpoint: its weights.
        avhubert: folder of a checkout of facebookresearch/av_hubert.
        device: torch device.
        batch: frames at once; the audio is encoded anew for each batch.
    """
    return FaceCrops(Faces(repo, checkpoint, avhubert, device, batch), SIZE, feather=0)


class Faces:
    """The network, from face crops to face crops; see ``facecrops.FaceCrops``."""

    supports = CARD.supports
    alternative_reference = CARD.alternative_reference

    def __init__(self, repo: str, checkpoint: str, avhubert: str, device: str, batch: int) -> None:
        self._torch = torch_for(CARD.name)
        checkout = Checkout(CARD.name, repo, ("models/talklip.py", "inf_demo.py"), CARD.repository)
        path = checkpoint_file(CARD.name, checkpoint)
        # Kept active while loading: the encoder comes from modules that import each other by short names.
        with checkout.active():
            encoder, width = encoder_of(checkout, avhubert)
            network = checkout.attribute("models.talklip", "TalkLip")(encoder, width)
        self.network: Any = load_weights(CARD.name, network, path).to(device)
        self.fingerprint = checkout.fingerprint(path)
        self.batch = batch
        self._device = device

    def generate(self, faces: Frames, audio: Audio, reference: Frames) -> Frames:
        """Generate; faces (T, 96, 96, 3) with their lower half masked."""
        heard = self._tensor(filterbank(audio, len(faces)).T[None])
        padding = self._torch.zeros((1, len(faces)), dtype=self._torch.bool, device=self._device)
        source = {"audio": heard, "video": None}
        sample = {"net_input": {"source": source, "padding_mask": padding, "prev_output_tokens": None}}
        pictures = np.concatenate([_bgr(faces), _bgr(one_per_frame(reference, len(faces)))], axis=1)
        output = np.empty_like(faces)
        for start in range(0, len(faces), self.batch):
            part = self._torch.arange(start, min(start + self.batch, len(faces)), device=self._device)
            with self._torch.inference_mode():
                made, _ = self.network(sample, self._tensor(pictures[start : start + self.batch]), part, 1)
            scaled = as_pixels(made.cpu().numpy())
            output[start : start + self.batch] = scaled.transpose(0, 2, 3, 1)[..., ::-1]
        return output

    def _tensor(self, values: Any) -> Any:
        return self._torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(self._device)


def encoder_of(checkout: Checkout, avhubert: str) -> tuple[Any, int]:
    """Return AV-HuBERT's encoder and its width, built by the checkout's own code, which reads files beside it."""
    with chdir(checkout.path):
        build = checkout.attribute("inf_demo", "build_encoder")
        with checkout.active():
            encoder, width = build(avhubert, "config.yaml")
    return encoder, int(width)


def filterbank(audio: Audio, length: int) -> NDArray[np.float32]:
    """Return what AV-HuBERT hears: four filterbank steps per frame, each frame scaled to mean 0 and variance 1.

    Args:
        audio: int16 mono, 16 kHz.
        length: number of frames.

    Returns:
        float32, shape (length, 104).
    """
    try:
        features = importlib.import_module("python_speech_features")
    except ImportError as error:
        raise ConfigurationError(
            f"model {CARD.name!r} needs the package 'python_speech_features', which is not installed, for its audio "
            "features; install it with: pip install python_speech_features"
        ) from error
    steps = features.logfbank(audio, samplerate=SAMPLE_RATE)[: length * STACKED]
    whole = np.pad(steps, ((0, length * STACKED - len(steps)), (0, 0))).reshape(length, -1)
    centred = whole - whole.mean(axis=1, keepdims=True)
    scaled: NDArray[np.float32] = (centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)).astype(
        np.float32
    )
    return scaled


def _bgr(faces: Frames) -> NDArray[np.float32]:
    """RGB uint8 (T, H, W, 3) to BGR in 0..1, float32 (T, 3, H, W)."""
    return faces[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
