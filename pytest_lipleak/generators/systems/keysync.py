"""KeySync (Bigata et al. 2025): runs in its own environment, with CUDA.

Its reference is one frame of the clip for all others: the first, at the commit that was looked at
(``random_cond_idx = 0``). So there is no current reference. It works on square heads of 512 pixels; we cut them
out and paste them back.
"""

from pytest_lipleak.generators.catalogue import ModelCard
from pytest_lipleak.generators.facecrops import FaceCrops
from pytest_lipleak.generators.systems.program import program

CARD = ModelCard(
    name="keysync",
    summary="KeySync (Bigata et al. 2025), 512x512, HuBERT and WavLM, two stages of latent diffusion",
    factory="pytest_lipleak.generators.systems.keysync:keysync",
    supports=("AR",),
    alternative_reference="first",
    repository="antonibigata/keysync",
    arguments={
        "repo": "folder of the checkout",
        "checkpoint": "the keyframe model's weights",
        "interpolation": "the interpolation model's weights",
    },
    cuda=True,
    licence="Apache-2.0",
    remarks="no current reference; AR is the first frame only; optional: python=ENVIRONMENT",
)

SIZE = 512
HEAD = (0.35, 0.35, 0.35, 0.35)
"""Top, bottom, left and right that belong to the head beyond the face box, as shares of it."""


def keysync(
    repo: str, checkpoint: str, interpolation: str, device: str = "cuda", python: str | None = None
) -> FaceCrops:
    """Build the generator.

    Args:
        repo: folder of a checkout of antonibigata/keysync.
        checkpoint: the keyframe model's weights.
        interpolation: the interpolation model's weights.
        device: ``cuda:N`` shows the program that device only.
        python: interpreter, or folder of the environment, that has KeySync's packages.
    """
    heads = program(
        CARD,
        "python scripts/sampling/dubbing_pipeline_raw.py --filelist={video} --filelist_audio={audio} --decoding_t=1 "
        "--cond_aug=0. --resize_size=512 --force_uc_zero_embeddings='[cond_frames, audio_emb]' --latent_folder=videos "
        "--video_folder=videos --model_config=scripts/sampling/configs/interpolation.yaml "
        "--model_keyframes_config=scripts/sampling/configs/keyframe.yaml --chunk_size=2 --landmark_folder=landmarks "
        "--audio_folder=audios --audio_emb_folder=audios --output_folder={workdir}/made --keyframes_ckpt={checkpoint} "
        "--interpolation_ckpt={interpolation} --add_zero_flag=True --extra_audio=None --compute_until=end "
        "--audio_emb_type=hubert --recompute=True",
        repo=repo,
        needs=("scripts/sampling/dubbing_pipeline_raw.py", "sgm"),
        checkpoints={"checkpoint": checkpoint, "interpolation": interpolation},
        device=device,
        python=python,
        result="{workdir}/made/*.mp4",
    )
    return FaceCrops(heads, SIZE, margins=HEAD, mask=None)
