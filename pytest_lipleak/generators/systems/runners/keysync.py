"""Runs KeySync from the folder of its checkout, on a video of one head and its audio.

Its script takes WavLM's weights from a folder of its authors; here they come from the ``pretrained_models`` that
its README asks for. Without CUDA, what the script puts there stays on the CPU. Needs nothing of pytest-lipleak.
"""

import argparse
import importlib
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

SCRIPT = "scripts.sampling.dubbing_pipeline_raw"
WAVLM = "pretrained_models/checkpoints/WavLM-Base+.pt"


class KnownFaces:
    """In place of its landmark detector: landmarks that are known beforehand, batch after batch.

    Args:
        path: of the 68 landmarks, float (T, 68, 2) in pixels, a NumPy file.
    """

    def __init__(self, path: str) -> None:
        self._landmarks = list(importlib.import_module("numpy").load(path))
        self._told = 0

    def extract_landmarks(self, frames: Any) -> list[Any]:
        """Return the landmarks of the next frames."""
        start, self._told = self._told, self._told + len(frames)
        if self._told > len(self._landmarks):
            raise ValueError(f"landmarks of {len(self._landmarks)} frames for a longer video")
        return self._landmarks[start : self._told]


def stay_on_cpu(program: Any) -> None:
    """Let nothing be moved to CUDA, and nothing be asked for that only CUDA has."""
    torch: Any = importlib.import_module("torch")
    torch.Tensor.cuda = torch.nn.Module.cuda = lambda self, *_, **__: self
    torch.compile = lambda model, *_, **__: model
    # On the CPU it would compute in bfloat16, which NumPy cannot read.
    torch.autocast = lambda *_, **__: nullcontext()
    vae = importlib.import_module("diffusers").AutoencoderKLTemporalDecoder
    vae.set_use_memory_efficient_attention_xformers = lambda self, *_, **__: None
    # xformers has no attention on the CPU, and the checkout's own fails unless it is told what to skip: nothing.
    attention: Any = importlib.import_module("sgm.modules.attention").CrossAttention
    attend = attention.forward

    def forward(self: Any, x: Any, *rest: Any, skip_attention: Any = None, **named: Any) -> Any:
        if skip_attention is None:
            skip_attention = torch.zeros((len(x), 1), dtype=torch.bool)
        return attend(self, x, *rest, skip_attention=skip_attention, **named)

    attention.forward = forward
    block: Any = importlib.import_module("sgm.modules.video_attention").VideoTransformerBlock
    block.ATTENTION_MODES["softmax-xformers"] = attention
    wrapper, detector = program.VaeWrapper, program.LandmarksExtractor
    program.VaeWrapper = lambda kind: wrapper(kind, variant="fp32")
    program.LandmarksExtractor = lambda: detector(device="cpu")
    load = program.load_model

    def load_model(*rest: Any, **named: Any) -> Any:
        model, *others = load(*rest, **named)
        model.sampler.device = "cpu"  # its own default is CUDA
        return model, *others

    program.load_model = load_model


def main() -> None:
    """Run as ``dubbing_pipeline_raw`` does with the options of ``scripts/infer_raw.sh``."""
    parser = argparse.ArgumentParser()
    for name in (
        "video",
        "audio",
        "folder",
        "keyframes",
        "interpolation",
        "keyframes_config",
        "interpolation_config",
    ):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--landmarks")
    parser.add_argument("--seed", type=int, default=23)
    given = parser.parse_args()
    # In place of this file's own folder, whose modules must not go before the checkout's.
    sys.path[0] = str(Path.cwd())
    program: Any = importlib.import_module(SCRIPT)
    cuda = importlib.import_module("torch").cuda.is_available()
    if not cuda:
        stay_on_cpu(program)
    wavlm = program.WavLM_wrapper
    program.WavLM_wrapper = lambda **named: wavlm(**{**named, "model_path": WAVLM})
    if given.landmarks:
        program.LandmarksExtractor = lambda: KnownFaces(given.landmarks)
    program.main(
        filelist=given.video,
        filelist_audio=given.audio,
        output_folder=given.folder,
        keyframes_ckpt=given.keyframes,
        interpolation_ckpt=given.interpolation,
        model_keyframes_config=given.keyframes_config,
        model_config=given.interpolation_config,
        device="cuda" if cuda else "cpu",
        seed=given.seed,
        decoding_t=1,
        cond_aug=0.0,
        resize_size=512,
        force_uc_zero_embeddings=["cond_frames", "audio_emb"],
        chunk_size=2,
        add_zero_flag=True,
        extra_audio=None,
        compute_until="end",
        audio_emb_type="hubert",
        video_folder="videos",
        latent_folder="videos",
        audio_folder="audios",
        audio_emb_folder="audios",
        landmark_folder="landmarks",
        recompute=True,
    )


if __name__ == "__main__":
    main()
