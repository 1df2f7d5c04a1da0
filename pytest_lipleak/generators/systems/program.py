"""Systems that run as programs in an environment of their own: how their adapters build the command."""

from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.generators.catalogue import ModelCard
from pytest_lipleak.generators.checkout import Checkout, checkpoint_file
from pytest_lipleak.generators.command import CommandGenerator, load, packages_of
from pytest_lipleak.machine.named_files import weights_digest


def program(
    card: ModelCard,
    command: str,
    *,
    repo: str,
    needs: Sequence[str],
    checkpoints: dict[str, str],
    device: str,
    python: str | None,
    seed: int = 0,
    cr_args: str = "",
    ar_args: str = "",
    result: str | None = None,
) -> CommandGenerator:
    """Return the generator that runs ``command`` in the checkout; its alternative reference is the first frame.

    Args:
        card: of the system.
        command: with the placeholders of ``generators.command``, and ``{NAME}`` for each of ``checkpoints``.
        repo: folder of the checkout.
        needs: files that tell it from others.
        checkpoints: files with weights, by the name of the argument that gave them.
        device: torch device; a program sees only that of several.
        python: interpreter, or folder of the environment, that has the system's packages.
        seed: for ``{seed}``.
        cr_args: words added under CR.
        ar_args: words added under AR.
        result: pattern of the video it writes where that cannot be named.

    Raises:
        ConfigurationError: repository, checkpoint or interpreter are not there.
    """
    checkout = Checkout(card.name, repo, needs, card.repository)
    paths = {name: checkpoint_file(card.name, given, name) for name, given in checkpoints.items()}
    for name, path in paths.items():
        command = command.replace(f"{{{name}}}", f"'{path}'")
    generator = load(
        command,
        device,
        repo=str(checkout.path),
        python=python,
        supports=card.supports,
        alternative_reference=card.alternative_reference,
        silence=card.silence,
        cr_args=cr_args,
        ar_args=ar_args,
        result=result,
        seed=seed,
    )
    generator.first_frame_only = True
    # A program also loads weights that no argument names: face detectors, audio encoders, autoencoders.
    others = weights_digest(checkout.path, paths.values())
    generator.fingerprint = checkout.fingerprint(
        *paths.values(),
        command=command,
        seed=seed,
        other_weights=others,
        packages=sha256(packages_of(python).encode()).hexdigest(),
    )
    return generator


def known_faces(system: str, faces: str) -> str:
    """Return the words by which a runner is told where the face is: none for its system's ``own`` detector.

    Raises:
        ConfigurationError: neither ``own`` nor ``track``.
    """
    if faces not in ("own", "track"):
        raise ConfigurationError(f"model {system!r}: faces={faces}; expected own or track")
    return " --landmarks {landmarks}" if faces == "track" else ""


def runner(name: str) -> Path:
    """Return the path of one of our programs that run in a system's environment."""
    return Path(str(files("pytest_lipleak.generators.systems.runners").joinpath(f"{name}.py")))
