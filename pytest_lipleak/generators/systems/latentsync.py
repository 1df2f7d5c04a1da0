"""LatentSync (Li et al. 2024): runs in its own environment.

Its reference are the latents of the current face, beside those of the masked one. Under AR our runner hands
its pipeline the first face of the clip instead; the pixels around the mouth stay the current frame's.
"""

from pytest_lipleak.generators.catalogue import ModelCard
from pytest_lipleak.generators.command import CommandGenerator
from pytest_lipleak.generators.systems.program import known_faces, program, runner

CARD = ModelCard(
    name="latentsync",
    summary="LatentSync (Li et al. 2024), 256 or 512, Whisper, latent diffusion",
    factory="pytest_lipleak.generators.systems.latentsync:latentsync",
    supports=("CR", "AR"),
    alternative_reference="first",
    repository="bytedance/LatentSync",
    arguments={"repo": "folder of the checkout", "checkpoint": "latentsync_unet.pt"},
    own_environment=True,
    licence="Apache-2.0",
    remarks="AR is the first frame only; slow without CUDA; optional: python=ENVIRONMENT, config (stage2_512.yaml), "
    "steps, guidance, seed, faces=track",
)


def latentsync(
    repo: str,
    checkpoint: str,
    device: str = "cuda",
    python: str | None = None,
    config: str = "configs/unet/stage2_512.yaml",
    steps: int = 20,
    guidance: float = 1.5,
    seed: int = 1247,
    faces: str = "own",
) -> CommandGenerator:
    """Build the generator.

    Args:
        repo: folder of a checkout of bytedance/LatentSync, with its Whisper weights in place.
        checkpoint: the U-Net's weights.
        device: ``cuda:N`` shows the program that device only.
        python: interpreter, or folder of the environment, that has LatentSync's packages.
        config: of the U-Net, from the checkout on; it must fit the checkpoint.
        steps: of the diffusion.
        guidance: scale of the guidance by audio.
        seed: of the noise.
        faces: ``own`` detector of the program, or ``track``, the clip's shared face track: needs no weights of
            a detector.
    """
    return program(
        CARD,
        f"python '{runner('latentsync')}' --unet_config_path '{config}' --inference_ckpt_path {{checkpoint}} "
        f"--inference_steps {steps} --guidance_scale {guidance} --seed {{seed}} --temp_dir {{workdir}}/latentsync "
        f"--video_path {{video}} --audio_path {{audio}} --video_out_path {{output}}{known_faces(CARD.name, faces)}",
        repo=repo,
        needs=("scripts/inference.py", "latentsync", config),
        checkpoints={"checkpoint": checkpoint},
        device=device,
        python=python,
        seed=seed,
        cr_args="--reference current",
        ar_args="--reference first",
    )
