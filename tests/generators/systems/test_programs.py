"""Systems that run as programs: stand-ins of their scripts, run in processes of their own, by the real adapters.

``test_program_repositories.py`` runs the real ones.
"""

import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scenes import LENGTH, centred, write

from pytest_lipleak.core.errors import ConfigurationError, GeneratorError
from pytest_lipleak.generators.catalogue import SYSTEMS, card_of
from pytest_lipleak.generators.contract import declared_by
from pytest_lipleak.generators.registry import load_model
from pytest_lipleak.generators.systems.program import runner

VIDEO = """
import cv2
import numpy as np

def read(path):
    capture, frames = cv2.VideoCapture(path), []
    while True:
        more, frame = capture.read()
        if not more:
            return np.stack(frames)
        frames.append(frame)

def write(path, frames):
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"mp4v"), 25, (width, height))
    for frame in frames:
        writer.write(np.clip(frame, 0, 255).astype(np.uint8))
    writer.release()
"""
OMEGACONF = """
from pathlib import Path

class OmegaConf:
    @staticmethod
    def load(path):
        import json
        return json.loads(Path(path).read_text())
"""
CPU_TORCH = """
float16, float32 = "float16", "float32"

class cuda:
    @staticmethod
    def is_available():
        return False

class Tensor:
    pass

class nn:
    class Module:
        pass

def manual_seed(seed):
    assert seed == 0
"""

LATENTSYNC = {
    "video.py": VIDEO,
    "omegaconf.py": OMEGACONF,
    "configs/unet/stage2_512.yaml": '{"resolution": 512}',
    "torch.py": CPU_TORCH,
    "latentsync/utils/face_detector.py": """
class FaceDetector:
    def __init__(self, device):
        assert device == "cuda"

    def __call__(self, frame):
        return (0, 0, 1, 1), None
""",
    "latentsync/pipelines/lipsync_pipeline.py": """
import numpy as np
from video import read, write

class Restorer:
    def __init__(self, resolution, device, dtype):
        assert resolution == 512 and device == "cpu" and dtype == "float32"

class ImageProcessor:
    def __init__(self, resolution, device, mask_image):
        assert device == "cpu"
        self.restorer = Restorer.__new__(Restorer)
        self.face_detector = None

class LipsyncPipeline:
    def to(self, device):
        raise AssertionError("there is no CUDA")

    def prepare_image_latents(self, images, device):
        return images * 0.5

    def __call__(self, video_path, out_path):
        frames = read(video_path).astype(np.float64)
        processor = ImageProcessor(512, device="cuda", mask_image=None)
        assert all(processor.face_detector(frame) for frame in frames)
        chunks = [frames[start : start + 3] for start in range(0, len(frames), 3)]
        write(out_path, np.concatenate([0.5 * chunk + self.prepare_image_latents(chunk, "cuda") for chunk in chunks]))
""",
    "scripts/inference.py": """
from latentsync.pipelines.lipsync_pipeline import LipsyncPipeline

class Audio2Feature:
    def __init__(self, device):
        assert device == "cpu"

def main(config, args):
    assert config["resolution"] == 512 and args.seed == 1247 and not args.enable_deepcache
    assert args.inference_ckpt_path.endswith("checkpoint") and args.audio_path.endswith(".wav")
    Audio2Feature(device="cuda")
    pipeline = LipsyncPipeline().to("cuda")
    pipeline(args.video_path, args.video_out_path)
""",
}
MUSETALK = {
    "video.py": VIDEO,
    "torch.py": CPU_TORCH,
    "musetalk/models.py": "",
    "scripts/inference.py": """
import json
from pathlib import Path
import numpy as np
from video import read, write

class VAE:
    def get_latents_for_unet(self, face):
        masked = face.transpose(2, 0, 1)[None] * 0.5
        return np.concatenate([masked, masked[:, :1], masked, masked[:, :1]], axis=1)

def load_all_model(unet_model_path):
    return VAE(), unet_model_path

def main(args):
    vae, _ = load_all_model(unet_model_path=args.unet_model_path)
    for task in json.loads(Path(args.inference_config).read_text()).values():
        try:
            Path(args.result_dir).mkdir()
            latents = [vae.get_latents_for_unet(frame.astype(float)) for frame in read(task["video_path"])]
            made = [(each[0, :3] + each[0, 4:7]).transpose(1, 2, 0) for each in latents]
            write(task["result_name"], made)
        except Exception as error:
            print("Error occurred during processing:", error)
""",
}
VIDEORETALKING = {
    "video.py": VIDEO,
    "third_part/__init__.py": "",
    "utils/inference_utils.py": "",
    "inference.py": """
import argparse
from pathlib import Path
from video import read, write

parser = argparse.ArgumentParser()
for name in ("LNet_path", "face", "audio", "outfile"):
    parser.add_argument(f"--{name}")
for name in ("re_preprocess", "one_shot"):
    parser.add_argument(f"--{name}", action="store_true")
args = parser.parse_args()
frames = read(args.face).astype(float)
Path("temp").mkdir()
Path("temp/landmarks.txt").write_text("of one call")
write(args.outfile, [0.5 * frame + 0.5 * frames[0 if args.one_shot else i] for i, frame in enumerate(frames)])
""",
}
KEYSYNC = {
    "video.py": VIDEO,
    "torch.py": CPU_TORCH,
    "diffusers.py": "class AutoencoderKLTemporalDecoder:\n    pass\n",
    "sgm/modules/attention.py": """
class CrossAttention:
    def forward(self, x, skip_attention=None):
        assert skip_attention is not None
""",
    "sgm/modules/video_attention.py": """
class VideoTransformerBlock:
    ATTENTION_MODES = {}
""",
    "scripts/sampling/configs/keyframe.yaml": "",
    "scripts/sampling/configs/interpolation.yaml": "",
    "scripts/sampling/dubbing_pipeline_raw.py": """
from pathlib import Path
from video import read, write

class Model:
    class sampler:
        device = "cuda"

def load_model(config):
    return Model, filter, 1

class VaeWrapper:
    def __init__(self, kind, variant="fp16"):
        assert variant == "fp32"

class WavLM_wrapper:
    def __init__(self, model_size, model_path):
        assert model_path == "pretrained_models/checkpoints/WavLM-Base+.pt"

class LandmarksExtractor:
    def __init__(self, device="cuda"):
        assert device == "cpu"

def main(filelist, filelist_audio, output_folder, device, compute_until, **others):
    assert load_model("one")[0].sampler.device == device == "cpu" and compute_until == "end"
    VaeWrapper("video"), LandmarksExtractor(), WavLM_wrapper(model_size="Base+", model_path="a folder of its authors")
    frames = read(filelist).astype(float)
    assert frames.shape[1:] == (512, 512, 3)
    # Frames that fill no window of 14, from every 13th on, are left out.
    whole = (len(frames) - 1) // 13 * 13 + 1
    Path(output_folder).mkdir(parents=True)
    name = f"{Path(filelist).stem}_{Path(filelist_audio).stem}.mp4"
    write(f"{output_folder}/{name}", [0.5 * frame + 0.5 * frames[0] for frame in frames[:whole]])
""",
}
STAND_INS = {
    "latentsync": LATENTSYNC,
    "musetalk": MUSETALK,
    "videoretalking": VIDEORETALKING,
    "keysync": KEYSYNC,
}


def arguments(name: str, folder: Path) -> dict[str, Any]:
    """A stand-in checkout with its weights, and this interpreter as its environment."""
    write(folder / name, STAND_INS[name])
    weights = {key: str(folder / key) for key in card_of(name).arguments if key != "repo"}
    for path in weights.values():
        Path(path).write_bytes(b"weights")
    return {"repo": str(folder / name), "python": sys.executable, **weights}


@pytest.mark.parametrize("name", STAND_INS)
def test_the_program_is_run_and_its_reference_switched(name: str, tmp_path: Path) -> None:
    """Every stand-in mixes each frame with its reference half and half."""
    scene = centred()
    # The first frame differs from all others, so that a mixture tells which one it holds.
    frames = np.concatenate([255 - scene.frames[:1], scene.frames[1:]])
    model = load_model(name, arguments(name, tmp_path))
    generator: Any = model.generator
    whole = np.s_[:] if name != "keysync" else np.s_[:, 20:90, 40:120]
    for reference in declared_by(generator).references:
        given = frames if reference == "CR" else frames[:1]
        output = generator.generate(frames.copy(), scene.audio, given)
        assert output.shape == (LENGTH, *frames.shape[1:])
        mixed = 0.5 * frames + 0.5 * given
        # The stand-ins write a lossy codec.
        assert np.abs(output - mixed)[whole].mean() < 6
        other = 0.5 * frames + 0.5 * (frames if reference == "AR" else frames[:1])
        assert np.abs(output - other)[1:][whole].mean() > 20
    assert model.fingerprint
    with pytest.raises(GeneratorError, match="alternative reference can only be the first frame"):
        generator.generate(frames.copy(), scene.audio, frames[3:4])


def test_weights_that_no_argument_names_count(tmp_path: Path) -> None:
    given = arguments("musetalk", tmp_path)
    first = load_model("musetalk", given).fingerprint
    assert load_model("musetalk", given).fingerprint == first
    (tmp_path / "musetalk" / "vae.safetensors").write_bytes(b"one")
    second = load_model("musetalk", given).fingerprint
    (tmp_path / "musetalk" / "vae.safetensors").write_bytes(b"other")
    assert len({first, second, load_model("musetalk", given).fingerprint}) == 3


def test_a_call_leaves_nothing_in_the_checkout(tmp_path: Path) -> None:
    """VideoReTalking keeps landmarks by file name in a folder ``temp`` where it stands."""
    given = arguments("videoretalking", tmp_path)
    scene = centred()
    load_model("videoretalking", given).generator.generate(scene.frames, scene.audio, scene.frames)
    assert not (tmp_path / "videoretalking" / "temp").exists()


def test_a_program_that_hides_its_failure_is_found_out(tmp_path: Path) -> None:
    given = arguments("musetalk", tmp_path)
    script = tmp_path / "musetalk" / "scripts" / "inference.py"
    script.write_text(script.read_text().replace("made = [", "made = 1 / 0 * ["))
    scene = centred()
    with pytest.raises(GeneratorError, match=r"wrote no {output}(.|\n)*division by zero"):
        load_model("musetalk", given).generator.generate(scene.frames, scene.audio, scene.frames)


@pytest.mark.parametrize("name", STAND_INS)
def test_what_is_missing_is_named(name: str, tmp_path: Path) -> None:
    given = arguments(name, tmp_path)
    with pytest.raises(ConfigurationError, match=f"expected a checkout of {card_of(name).repository}"):
        load_model(name, {**given, "repo": str(tmp_path)})
    with pytest.raises(ConfigurationError, match=r"checkpoint=absent\.pth: no such file"):
        load_model(name, {**given, "checkpoint": "absent.pth"})
    changed = tmp_path / "checkpoint"
    before = load_model(name, given).fingerprint
    changed.write_bytes(b"other weights")
    assert load_model(name, given).fingerprint != before


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("wav2lip", "Wav2Lip"),
        ("talklip", "TalkLip"),
        ("ip_lap", "IP_LAP"),
        ("diff2lip", "diff2lip"),
        ("dinet", "DINet"),
        ("latentsync", "LatentSync"),
        ("musetalk", "MuseTalk"),
        ("keysync", "keysync"),
        ("videoretalking", "video-retalking"),
    ],
)
def test_the_real_checkout_is_recognised(name: str, folder: str, repositories: Path, tmp_path: Path) -> None:
    """Every adapter gets as far as the missing checkpoint, and takes no other system's checkout."""
    given: dict[str, Any] = dict.fromkeys(card_of(name).arguments, "absent.pth")
    if not (repositories / folder).is_dir():
        pytest.skip(f"no checkout {folder} in {repositories}")
    with pytest.raises(ConfigurationError, match=r"absent\.pth: no such file"):
        load_model(name, {**given, "repo": str(repositories / folder)})
    other = repositories / ("DINet" if folder != "DINet" else "Wav2Lip")
    with pytest.raises(ConfigurationError, match=f"expected a checkout of {card_of(name).repository}"):
        load_model(name, {**given, "repo": str(other)})


def test_the_scripts_that_the_runners_call_are_those_of_the_repositories(repositories: Path) -> None:
    """The names that a runner replaces or calls exist there, and take what it gives."""
    options = ("LNet_path", "face", "audio", "outfile", "one_shot", "re_preprocess", "tmp_dir")
    names = {
        "LatentSync/scripts/inference.py": ["def main(config, args)", "LipsyncPipeline("],
        "LatentSync/latentsync/pipelines/lipsync_pipeline.py": [
            "def prepare_image_latents(self, images,",
            "ref_latents = self.prepare_image_latents(",
        ],
        "MuseTalk/scripts/inference.py": [
            "def main(args)",
            "vae, unet, pe = load_all_model(",
            "vae.get_latents_for_unet(crop_frame)",
        ],
        "MuseTalk/musetalk/models/vae.py": ["torch.cat([masked_latents, ref_latents], dim=1)"],
        "video-retalking/utils/inference_utils.py": [f"'--{name}'" for name in options],
        "keysync/scripts/sampling/dubbing_pipeline_raw.py": [
            "random_cond_idx = 0",
            'filelist.endswith(".mp4")',
        ],
    }
    for path, texts in names.items():
        if not (repositories / path).is_file():
            pytest.skip(f"no {path} in {repositories}")
        source = (repositories / path).read_text(encoding="utf-8")
        assert [text for text in texts if text not in source] == [], path
    args = (repositories / "MuseTalk/scripts/inference.py").read_text(encoding="utf-8")
    given = runner("musetalk").read_text(encoding="utf-8")
    used = {word.split(".")[1] for word in re.findall(r"\bargs\.\w+", args)}
    assert [name for name in sorted(used) if f"{name}=" not in given and name != "output_vid_name"] == []


def test_every_card_is_of_an_adapter_that_says_the_same() -> None:
    for name in SYSTEMS:
        card = card_of(name)
        assert card.name == name
        assert card.supports
        assert {"repo", "checkpoint"} <= set(card.arguments)
        module, _, attribute = card.factory.partition(":")
        factory = getattr(importlib.import_module(module), attribute)
        parameters = inspect.signature(factory).parameters
        needed = {key for key, each in parameters.items() if each.default is each.empty}
        assert needed == set(card.arguments)
