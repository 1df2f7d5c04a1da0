"""What is known of each model before it is loaded: what it can do, what it needs, who may use it.

Nothing here imports a network library: a listing must not cost what running a model costs.
"""

import importlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec

from pytest_lipleak.core.errors import ConfigurationError

COMMAND_PREFIX = "cmd:"
VIDEOS_PREFIX = "videos:"
ONNX_SUFFIX = ".onnx"
CONTROL = "pytest_lipleak.generators.control_generators"
SYSTEMS: Mapping[str, str] = {
    name: f"pytest_lipleak.generators.systems.{name}"
    for name in (
        "wav2lip",
        "talklip",
        "ip_lap",
        "diff2lip",
        "latentsync",
        "musetalk",
        "keysync",
        "videoretalking",
        "dinet",
    )
}
"""Published systems: module by name. Each module holds its ``CARD`` and the factory that the card names."""


EXTRAS: Mapping[str, str] = {"torch": "models", "librosa": "models", "ai_edge_litert": "faces"}
"""Import names of packages that an extra of this package brings, and that extra."""

PIP_NAMES: Mapping[str, str] = {
    "cv2": "opencv-python-headless",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
    "PIL": "Pillow",
    "face_alignment": "face-alignment",
}
"""Packages whose import name is not what pip calls them."""


@dataclass(frozen=True)
class ModelCard:
    """One line of ``lipleak models``, and what an adapter declares of itself.

    Args:
        name: what ``--lipleak-model`` takes.
        summary: what it is, in a few words.
        factory: ``package.module:attribute`` that builds the generator.
        supports: references that the adapter truly switches: ``("CR", "AR")``, ``("AR",)``, ``("CR",)``, or
            empty for a model that sees no reference.
        alternative_reference: its AR strategy, a name of ``evaluation.references.STRATEGIES``; None without AR.
        silence: ``zeros`` or ``noise``: which silence its audio front end can take.
        silence_reason: why, where it is not ``zeros``.
        repository: ``owner/name`` on GitHub of the checkout that the user brings, or empty.
        arguments: those that must be given, by name: what to put there.
        packages: import names beyond this package's own dependencies that must be importable here.
        own_environment: whether it runs as a program, in an environment with the system's own packages.
        licence: SPDX name of the system's licence, or its own words where it has none of these names.
        restriction: ``research only`` or ``non-commercial`` where the licence of code or weights says so, else
            empty.
        remarks: what a user should know besides.
        pairing: whose speech may drive a clip under XM, ``any`` or ``same-speaker``.
    """

    name: str
    summary: str
    factory: str
    supports: tuple[str, ...]
    alternative_reference: str | None
    licence: str
    silence: str = "zeros"
    silence_reason: str = ""
    repository: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    own_environment: bool = False
    restriction: str = ""
    remarks: str = ""
    pairing: str = "any"

    @property
    def missing(self) -> tuple[str, ...]:
        """Those of ``packages`` that are not installed; nothing is imported for this."""
        return tuple(p for p in self.packages if p not in sys.modules and find_spec(p) is None)


def pip_install(packages: Iterable[str]) -> str:
    """Return the command that installs packages, given by their import names."""
    extras = dict.fromkeys(EXTRAS[package] for package in packages if package in EXTRAS)
    ours = [f"'pytest-lipleak[{','.join(extras)}]'"] if extras else []
    others = [PIP_NAMES.get(package, package) for package in packages if package not in EXTRAS]
    return " ".join(["pip install", *ours, *others])


DEMO = ModelCard(
    name="demo",
    summary="control generator: composites filmed mouths; demo:leaky and demo:leaky=SHARE leak a known share",
    factory=f"{CONTROL}:demo",
    supports=("CR", "AR"),
    alternative_reference="first",
    licence="MIT",
    remarks="knows only the speech of the clips it is measured on",
    pairing="same-speaker",
)

ONNX = ModelCard(
    name=f"FILE{ONNX_SUFFIX}",
    summary="a Wav2Lip-shaped network, mel and faces in, faces out, run by ONNX Runtime",
    factory="pytest_lipleak.generators.onnx_model:load",
    supports=("CR", "AR"),
    alternative_reference="first",
    silence="noise",
    silence_reason="as for Wav2Lip",
    packages=("librosa",),
    licence="the network's own",
)

KINDS = (
    ModelCard(
        name=f"{COMMAND_PREFIX} PROGRAM {{video}} {{audio}} {{output}}",
        summary="any program that reads and writes files; may take {reference}, {landmarks}, {seed}, {workdir}",
        factory="pytest_lipleak.generators.command:load",
        supports=("CR", "AR"),
        alternative_reference="first",
        licence="the program's own",
        remarks="CR alone without {reference} and ar_args",
    ),
    ONNX,
    ModelCard(
        name=f"{VIDEOS_PREFIX}TABLE.csv, {VIDEOS_PREFIX}'out/{{setup}}_{{reference}}/{{clip}}.mp4'",
        summary="finished videos, made elsewhere: a table or a pattern of file names",
        factory="pytest_lipleak.generators.finished_model:load",
        supports=("CR", "AR"),
        alternative_reference="first",
        licence="the videos' own",
        remarks="has the conditions that there are videos of; argument model=NAME where there are several, "
        "pose=free where the system poses heads",
    ),
    ModelCard(
        name="package.module:attribute, path/file.py:attribute",
        summary="your own code: a factory, a class, a function like generate, or a ready object",
        factory="",
        supports=("CR", "AR"),
        alternative_reference="first",
        licence="your own",
        remarks="declares by its attributes what it supports",
    ),
)
"""Models that are no names but ways to name one."""


def built_in_names() -> tuple[str, ...]:
    """Names of the models that come with this package."""
    return (DEMO.name, *SYSTEMS)


def card_of(name: str) -> ModelCard:
    """Return what is known of the built-in model ``name``.

    Raises:
        ConfigurationError: there is no built-in model of that name.
    """
    if name == DEMO.name:
        return DEMO
    if name not in SYSTEMS:
        raise ConfigurationError(f"no built-in model {name!r}; there are {', '.join(built_in_names())}")
    card: ModelCard = importlib.import_module(SYSTEMS[name]).CARD
    return card
