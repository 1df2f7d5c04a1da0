"""The same network as an ONNX file: PyTorch's export and the adapter for such files, against the native adapter."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_wav2lip import STAND_IN

from pytest_lipleak.generators.checkout import Checkout
from pytest_lipleak.generators.registry import load_model

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.slow
@pytest.mark.parametrize("channels_last", [False, True], ids=["NCHW", "NHWC"])
def test_an_export_makes_the_same_videos(
    checkout_of: Callable, scene: Any, tmp_path: Path, channels_last: bool
) -> None:
    repo = checkout_of("Wav2Lip", STAND_IN)
    torch.manual_seed(0)
    network = (
        Checkout("wav2lip", repo, (), "")
        .attribute("models.wav2lip", "Wav2Lip")()
        .eval()
        .requires_grad_(False)
    )
    torch.save({"state_dict": network.state_dict()}, tmp_path / "weights.pth")

    class Turned(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, faces: Any, mel: Any) -> Any:
            return network(mel, faces.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)

    mel, faces = torch.zeros(2, 1, 80, 16), torch.zeros(2, 6, 96, 96)
    given = (Turned(), (faces.permute(0, 2, 3, 1), mel)) if channels_last else (network, (mel, faces))
    torch.onnx.export(
        *given,
        tmp_path / "wav2lip.onnx",
        input_names=["a", "b"],
        output_names=["c"],
        dynamic_axes={name: {0: "N"} for name in "abc"},
        dynamo=False,
    )
    native: Any = load_model(
        "wav2lip", {"repo": str(repo), "checkpoint": str(tmp_path / "weights.pth")}
    ).generator
    exported: Any = load_model(str(tmp_path / "wav2lip.onnx"), {"batch": 3}).generator
    made = []
    for reference in (scene.frames, scene.frames[:1]):
        for generator in (native, exported):
            generator.use_face(scene.face)
            made.append(generator.generate(scene.frames.copy(), scene.audio, reference).astype(int))
    # Truncation to whole grey levels turns the last bit of a float into one level now and then.
    for one, other in (made[:2], made[2:]):
        assert np.abs(one - other).max() <= 1
        assert (one != other).mean() < 1e-3
    assert np.abs(made[0] - made[2]).max() > 1
