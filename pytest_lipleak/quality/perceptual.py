"""LPIPS: how different two pictures look to a network trained on people's judgements.

Source: Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", by their own
package ``lpips`` (BSD-2-Clause), version 0.1, AlexNet. Its linear layers come with the package; the trunk is that of
torchvision's AlexNet, which is obtained and checked here, so that nothing unchecked is downloaded by the way.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Video, picked
from pytest_lipleak.core.errors import MissingExtraError, WeightsError
from pytest_lipleak.machine.model_files import ModelFile, load_checkpoint, obtain
from pytest_lipleak.quality.sampling import evenly

ALEXNET = ModelFile(
    "alexnet-owt-7be5be79.pth",
    "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
    "BSD-3-Clause (torchvision), trained on ImageNet: mind its terms of research use",
    "AlexNet, for LPIPS",
)

FRAMES = 16
"""Frames of a clip that are compared by default, evenly spread."""

SLICES = ((1, 0), (2, 3), (3, 6), (4, 8), (5, 10))
"""Slice of the package's network, and which layer of AlexNet it holds."""


def require_trunk(weights: Path | None = None) -> None:
    """See to it that LPIPS can be measured, without loading anything; raises as ``PerceptualDistance``."""
    if find_spec("lpips") is None or find_spec("torch") is None:
        raise MissingExtraError("LPIPS", "lpips", "lpips")
    obtain(ALEXNET, weights)


class PerceptualDistance:
    """The package's network with the checked trunk.

    Args:
        weights: folder with ``alexnet-owt-7be5be79.pth``, or None to use the download folder.
        device: a torch device.

    Raises:
        MissingExtraError: ``lpips`` is not installed.
        WeightsError: the trunk can't be had, or is not the published one.
    """

    def __init__(self, weights: Path | None = None, device: str = "cpu") -> None:
        try:
            import lpips
            import torch
        except (ImportError, RuntimeError) as error:  # RuntimeError: a torchvision made for another torch
            raise MissingExtraError("LPIPS", "lpips", "lpips") from error
        path = obtain(ALEXNET, weights)
        state = load_checkpoint(path, "AlexNet's weights")
        # The linear layers are read from the package; the trunk is random until it is filled.
        network = lpips.LPIPS(net="alex", version="0.1", pretrained=True, pnet_rand=True, verbose=False)
        trunk = network.net.state_dict()
        try:
            for part, layer in SLICES:
                for kind in ("weight", "bias"):
                    trunk[f"slice{part}.{layer}.{kind}"] = state[f"features.{layer}.{kind}"]
            network.net.load_state_dict(trunk)
        except (KeyError, RuntimeError) as error:
            raise WeightsError(f"{path}: is no AlexNet ({error}); get it anew from {ALEXNET.url}") from error
        self._torch = torch
        self._device = device
        self._network: Any = network.to(device).eval()

    def distances(self, output: Video, real: Video, count: int | None = FRAMES) -> NDArray[np.float64]:
        """Return LPIPS of ``count`` frames, evenly spread; of all where there are fewer, or with None.

        Args:
            output: uint8 RGB, shape (T, H, W, 3).
            real: likewise, as many and as large.
            count: how many frames.

        Returns:
            float64 (N,); 0 for identical pictures.
        """
        chosen = evenly(np.arange(len(real)), count).tolist()
        pairs = zip(picked(output, chosen), picked(real, chosen), strict=True)
        with self._torch.inference_mode():
            found = [float(self._network(*map(self._tensor, pair)).item()) for pair in pairs]
        return np.array(found, np.float64)

    def _tensor(self, image: NDArray[np.uint8]) -> Any:
        planes = self._torch.from_numpy(np.array(image, order="C")).to(self._device)
        return planes.permute(2, 0, 1)[None].float() / 127.5 - 1
