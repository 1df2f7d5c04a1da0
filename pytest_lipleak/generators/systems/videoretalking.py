"""VideoReTalking (Cheng et al. 2022): runs in its own environment.

Its reference is the current frame with a neutral expression; with ``--one_shot``, under AR, the first frame,
moved to the current pose. The program keeps landmarks and pictures by file name in the folder it runs in; our
runner gives every call a folder of its own.
"""

from pytest_lipleak.generators.catalogue import ModelCard
from pytest_lipleak.generators.command import CommandGenerator
from pytest_lipleak.generators.systems.program import program, runner

CARD = ModelCard(
    name="videoretalking",
    summary="VideoReTalking (Cheng et al. 2022), 384x384, mel, stabilised reference",
    factory="pytest_lipleak.generators.systems.videoretalking:videoretalking",
    supports=("CR", "AR"),
    alternative_reference="first",
    repository="OpenTalker/video-retalking",
    arguments={"repo": "folder of the checkout", "checkpoint": "LNet.pth"},
    own_environment=True,
    licence="Apache-2.0",
    remarks="AR is the first frame only (--one_shot); optional: python=ENVIRONMENT",
)


def videoretalking(
    repo: str, checkpoint: str, device: str = "cuda", python: str | None = None
) -> CommandGenerator:
    """Build the generator.

    Args:
        repo: folder of a checkout of OpenTalker/video-retalking, with its other weights in ``checkpoints``.
        checkpoint: the weights of its lip network (LNet).
        device: ``cuda:N`` shows the program that device only.
        python: interpreter, or folder of the environment, that has its packages.
    """
    return program(
        CARD,
        f"python '{runner('videoretalking')}' {{workdir}} --LNet_path {{checkpoint}} --re_preprocess "
        "--face {video} --audio {audio} --outfile {output}",
        repo=repo,
        needs=("inference.py", "utils/inference_utils.py", "third_part"),
        checkpoints={"checkpoint": checkpoint},
        device=device,
        python=python,
        ar_args="--one_shot",
    )
