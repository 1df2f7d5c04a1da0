"""LPIPS is the value of its authors' package, with a trunk that is checked."""

import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pictures import noisy, scenes

from pytest_lipleak.core.errors import WeightsError
from pytest_lipleak.quality import perceptual
from pytest_lipleak.quality.perceptual import PerceptualDistance

torch = pytest.importorskip("torch")


def alexnet() -> Any:
    """AlexNet's trunk as torchvision builds it (Krizhevsky 2014, "One weird trick"), seeded."""
    from torch import nn

    torch.manual_seed(4)
    layers = [
        nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(),
        nn.MaxPool2d(3, 2), nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2),
    ]  # fmt: skip
    network = nn.Module()
    network.features = nn.Sequential(*layers)
    return network.eval()


@pytest.fixture
def lpips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package, with a seeded AlexNet as its trunk, and in the place of the published file."""
    # Of torchvision it takes networks alone; most builds of it do not fit most builds of torch.
    models = ModuleType("torchvision.models")
    models.alexnet = lambda *_, **__: alexnet()
    torchvision = ModuleType("torchvision")
    torchvision.models = models
    monkeypatch.setitem(sys.modules, "torchvision", torchvision)
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
    for name in [name for name in sys.modules if name.partition(".")[0] == "lpips"]:
        monkeypatch.delitem(sys.modules, name)
    package = pytest.importorskip("lpips")
    path = tmp_path / perceptual.ALEXNET.name
    torch.save(alexnet().state_dict(), path)
    stand_in = replace(perceptual.ALEXNET, sha256=sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(perceptual, "ALEXNET", stand_in)
    return package


def test_it_is_the_packages_own_value(lpips: Any, tmp_path: Path) -> None:
    reference = lpips.LPIPS(net="alex", verbose=False).eval()
    real = scenes(3, 64, 80)
    output = noisy(real, 20)
    planes = [torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1 for frames in (output, real)]
    with torch.inference_mode():
        wanted = reference(*planes).ravel().numpy()
    found = PerceptualDistance(tmp_path).distances(output, real)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    assert (found > 0).all()


def test_identical_pictures_are_0_and_more_noise_is_farther(lpips: Any, tmp_path: Path) -> None:
    network = PerceptualDistance(tmp_path)
    real = scenes(20, 64, 64)
    assert network.distances(real, real, 4).tolist() == [0.0] * 4
    means = [network.distances(noisy(real, level), real, 4).mean() for level in (5, 20, 60)]
    assert means == sorted(means)
    assert len(network.distances(real, real)) == perceptual.FRAMES


def test_another_file_is_refused(lpips: Any, tmp_path: Path) -> None:
    (tmp_path / perceptual.ALEXNET.name).write_bytes(b"other")
    with pytest.raises(WeightsError, match=r"alexnet-owt-7be5be79\.pth: SHA-256 is"):
        PerceptualDistance(tmp_path)
