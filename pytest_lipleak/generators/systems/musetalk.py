"""MuseTalk (Zhang et al. 2024): runs in its own environment.

Its reference are the latents of the current crop, behind those of the masked one. Under AR our runner keeps
those of the first frame. Our runner also seeds the VAE's sampling, and keeps the file of face boxes, which the
program shares between calls, in the call's own folder. The program ends well even when it fails; then there is
no video, and that is the error.
"""

from pytest_lipleak.generators.catalogue import ModelCard
from pytest_lipleak.generators.command import CommandGenerator
from pytest_lipleak.generators.systems.program import known_faces, program, runner

CARD = ModelCard(
    name="musetalk",
    summary="MuseTalk (Zhang et al. 2024), 256x256, Whisper, latents",
    factory="pytest_lipleak.generators.systems.musetalk:musetalk",
    supports=("CR", "AR"),
    alternative_reference="first",
    repository="TMElyralab/MuseTalk",
    arguments={"repo": "folder of the checkout", "checkpoint": "unet.pth of models/musetalkV15"},
    own_environment=True,
    licence="MIT",
    remarks="AR is the first frame only; optional: python=ENVIRONMENT, config, version (v15), seed, faces=track "
    "(needs no mmpose)",
)


def musetalk(
    repo: str,
    checkpoint: str,
    device: str = "cuda",
    python: str | None = None,
    config: str = "models/musetalkV15/musetalk.json",
    version: str = "v15",
    seed: int = 0,
    faces: str = "own",
) -> CommandGenerator:
    """Build the generator.

    Args:
        repo: folder of a checkout of TMElyralab/MuseTalk, with its other weights in ``models``.
        checkpoint: the U-Net's weights.
        device: ``cuda:N`` shows the program that device only.
        python: interpreter, or folder of the environment, that has MuseTalk's packages.
        config: of the U-Net, from the checkout on.
        version: ``v15`` or ``v1``.
        seed: of the VAE's sampling.
        faces: ``own`` detector of the program, or ``track``, the clip's shared face track: needs neither mmpose
            nor weights of a detector.
    """
    return program(
        CARD,
        f"python '{runner('musetalk')}' --unet_model_path {{checkpoint}} --unet_config '{config}' "
        f"--version '{version}' --seed {{seed}} --workdir {{workdir}} --video {{video}} --audio {{audio}} "
        f"--output {{output}}{known_faces(CARD.name, faces)}",
        repo=repo,
        needs=("scripts/inference.py", "musetalk"),
        checkpoints={"checkpoint": checkpoint},
        device=device,
        python=python,
        seed=seed,
        cr_args="--reference current",
        ar_args="--reference first",
    )
