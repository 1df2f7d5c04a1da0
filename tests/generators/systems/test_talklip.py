"""TalkLip's adapter: its two pictures and its filterbank; AV-HuBERT is stood in for in both kinds of checkout."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scenes import refuses_nan

from pytest_lipleak.core.errors import ConfigurationError, WeightsError
from pytest_lipleak.generators.checkout import Checkout
from pytest_lipleak.generators.facecrops import cut
from pytest_lipleak.generators.registry import load_model
from pytest_lipleak.generators.systems import talklip

torch = pytest.importorskip("torch")
psf = pytest.importorskip("python_speech_features")

STAND_IN = {
    "config.yaml": "w2v_path: somewhere\n",
    "inf_demo.py": """
from pathlib import Path
import torch
from torch import nn

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.hear = nn.Linear(104, 16)

    def forward(self, source, padding_mask, prev_output_tokens):
        heard = self.hear(source["audio"].transpose(1, 2))
        return {"encoder_out": heard.transpose(0, 1), "padding_mask": padding_mask}

def build_encoder(hubert_root, path="config.yaml"):
    assert Path(path).read_text()
    return Encoder(), 16
""",
    "models/__init__.py": "",
    "models/talklip.py": """
import torch
from torch import nn

class TalkLip(nn.Module):
    def __init__(self, audio_encoder, audio_num):
        super().__init__()
        self.audio_encoder = audio_encoder
        self.audio_map = nn.Linear(audio_num, 3)
        self.face = nn.Conv2d(6, 3, 3, padding=1)

    def forward(self, sample, face_sequences, idAudio, B):
        heard = self.audio_encoder(**sample["net_input"])["encoder_out"]
        heard = self.audio_map(heard.permute(1, 0, 2).flatten(0, 1)[idAudio])[:, :, None, None]
        return torch.sigmoid(self.face(face_sequences) + heard), heard
""",
}


@pytest.fixture
def files(
    checkout_of: Callable, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """A checkout, and a checkpoint of random weights; fairseq's encoder is replaced in the real one."""
    repo = checkout_of("TalkLip", STAND_IN)
    if kind == "repository":
        namespace: dict[str, Any] = {}
        exec(STAND_IN["inf_demo.py"], namespace)
        monkeypatch.setattr(talklip, "encoder_of", lambda checkout, avhubert: (namespace["Encoder"](), 16))
    torch.manual_seed(0)
    checkout = Checkout("talklip", repo, (), "")
    encoder, width = talklip.encoder_of(checkout, "absent")
    network = checkout.attribute("models.talklip", "TalkLip")(encoder, width)
    torch.save({"state_dict": network.state_dict(), "global_step": 1}, tmp_path / "talklip.pth")
    return {"repo": str(repo), "checkpoint": str(tmp_path / "talklip.pth"), "avhubert": "absent", "batch": 5}


def test_the_network_sees_a_masked_face_and_the_reference_that_is_asked_for(files: dict, scene: Any) -> None:
    generator: Any = load_model("talklip", files).generator
    generator.use_face(scene.face)
    calls: list[Any] = []
    generator.model.network.register_forward_hook(
        lambda module, given, result: calls.append((given, result[0].numpy().copy()))
    )
    frames, count = scene.frames, len(scene.frames)
    output = {
        name: generator.generate(frames.copy(), scene.audio, reference)
        for name, reference in (("CR", frames), ("AR", frames[3:4]))
    }
    boxes = generator.boxes(frames)
    current = cut(frames, boxes, 96)[..., ::-1].transpose(0, 3, 1, 2) / 255
    for name, seen, identity in (
        ("CR", calls[:2], current),
        ("AR", calls[2:], np.repeat(current[3:4], count, axis=0)),
    ):
        pictures = np.concatenate([given[1].numpy() for given, _ in seen])
        np.testing.assert_allclose(pictures[:, :3, :48], current[:, :, :48], atol=1e-6)
        assert not pictures[:, :3, 48:].any()
        np.testing.assert_allclose(pictures[:, 3:], identity, atol=1e-6)
        assert np.concatenate([given[2].numpy() for given, _ in seen]).tolist() == list(range(count))
        for given, _ in seen:
            np.testing.assert_array_equal(
                given[0]["net_input"]["source"]["audio"][0].T, talklip.filterbank(scene.audio, count)
            )
        assert output[name].shape == frames.shape
    made = [np.concatenate([result for _, result in seen]) for seen in (calls[:2], calls[2:])]
    assert (made[0] != made[1]).any()
    np.testing.assert_array_equal(made[0][3], made[1][3])


def test_the_filterbank_is_the_repositorys() -> None:
    """Written out anew with torch's own layer norm, as inf_demo.py does it."""
    audio = np.random.default_rng(0).integers(-5000, 5000, 640 * 9).astype(np.int16)
    steps = psf.logfbank(audio, samplerate=16000).astype(np.float32)
    padded = np.concatenate([steps, np.zeros((-len(steps) % 4, 26), np.float32)]).reshape(-1, 104)
    expected = torch.nn.functional.layer_norm(torch.tensor(padded), (104,)).numpy()
    np.testing.assert_allclose(talklip.filterbank(audio, 9), expected, atol=1e-5)
    assert np.isfinite(talklip.filterbank(np.zeros(6400, np.int16), 10)).all()


@pytest.mark.parametrize("kind", ["stand-in"], indirect=True)
def test_what_does_not_fit_is_named(files: dict, tmp_path: Path) -> None:
    torch.save({"state_dict": {"face.weight": torch.zeros(1)}}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="is no checkpoint of talklip"):
        load_model("talklip", {**files, "checkpoint": str(tmp_path / "other.pth")})
    (Path(files["repo"]) / "inf_demo.py").write_text("from a_fairseq_of_its_own import tasks\n")
    with pytest.raises(ConfigurationError, match="needs the package 'a_fairseq_of_its_own'"):
        load_model("talklip", files)


@pytest.mark.parametrize("kind", ["stand-in"], indirect=True)
def test_nan_is_no_black_mouth(files: dict, scene: Any) -> None:
    generator: Any = load_model("talklip", files).generator
    refuses_nan(generator, generator.model.network, scene)
