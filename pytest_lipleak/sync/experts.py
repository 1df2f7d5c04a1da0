"""The sync experts by name, and which one judges when none is named."""

from pathlib import Path

from pytest_lipleak.core.errors import ConfigurationError, MissingDataError
from pytest_lipleak.sync.expert import SyncExpert
from pytest_lipleak.sync.protocols import Protocol
from pytest_lipleak.sync.weights import SYNCNET_FILE, WeightsFile, locate, verify_syncnet

AUTO, SYNCNET, EMBEDDED = "auto", "syncnet", "embedded"
EXPERTS = (SYNCNET, EMBEDDED)

AS_ASKED, RENDERED = "as asked", "the embedded clips are judged by it"
"""Reasons why an expert judges."""


def choose_expert(name: str, weights: Path | None, *, rendered_clips: bool = False) -> tuple[str, str]:
    """Return the expert's name, and why it was chosen.

    Args:
        name: ``auto``, ``syncnet`` or ``embedded``.
        weights: file or folder named by the user.
        rendered_clips: whether the clips are the embedded ones, which only the embedded expert knows.
    """
    if name not in (AUTO, *EXPERTS):
        raise ConfigurationError(f"unknown sync expert {name!r}; known are {', '.join((AUTO, *EXPERTS))}")
    if name != AUTO:
        return name, AS_ASKED
    if rendered_clips:
        return EMBEDDED, RENDERED
    if locate(SYNCNET_FILE, weights) is not None:
        return SYNCNET, "its weights were found"
    return EMBEDDED, f"no {SYNCNET_FILE} was found; `lipleak fetch` gets it"


def refuse_unnamed(what: str, expert: str, reason: str) -> None:
    """Refuse what somebody chose for the scale of one expert, where nobody named the expert.

    What ``auto`` takes depends on whether SyncNet's file is found on a machine: limits chosen on one would be read
    on another scale on the next, and a loose one passes every model.

    Args:
        what: a limit, for example, that begins the message.
        expert: the chosen one, and
        reason: why, as ``choose_expert`` returns it.

    Raises:
        ConfigurationError: it was chosen by what is found here.
    """
    if reason not in (AS_ASKED, RENDERED):
        raise ConfigurationError(
            f"{what}: on the scale of which expert? Nobody named one, and this machine would take {expert} ({reason}). "
            "Scales differ: name the expert that the limits were chosen for, --lipleak-expert=embedded or "
            "--lipleak-expert=syncnet"
        )


def load_expert(
    name: str,
    weights: Path | None = None,
    *,
    allow_unverified: bool = False,
    device: str = "cpu",
    threads: int = 0,
) -> SyncExpert:
    """Load an expert.

    Args:
        name: ``syncnet`` or ``embedded``.
        weights: SyncNet's weights file, or the folder it lies in.
        allow_unverified: accept SyncNet weights with another hash; every report says so.
        device: ``cpu``, or a torch device for SyncNet.
        threads: CPU threads, 0 lets the runtime choose.

    Raises:
        ConfigurationError: unknown name.
        MissingDataError: SyncNet's weights are not at hand.
        WeightsError: they are not the published ones, or cannot be read.
    """
    if name == EMBEDDED:
        from pytest_lipleak.sync.embedded import EmbeddedExpert

        return EmbeddedExpert()
    if name != SYNCNET:
        raise ConfigurationError(f"unknown sync expert {name!r}; known are {', '.join(EXPERTS)}")
    from pytest_lipleak.sync.syncnet import SyncNet

    return SyncNet(syncnet_weights(weights, allow_unverified=allow_unverified), device, threads)


def syncnet_weights(weights: Path | None, *, allow_unverified: bool = False) -> WeightsFile:
    """Find SyncNet's weights and check their hash, without loading them; raises as ``load_expert`` does."""
    path = locate(SYNCNET_FILE, weights)
    if path is None:
        where = f"in {weights}" if weights else "in the download folder"
        raise MissingDataError(
            f"SyncNet v2 weights: no {SYNCNET_FILE} {where}; run `lipleak fetch`, name a folder with "
            "--lipleak-weights (or LIPLEAK_WEIGHTS), or use the expert that ships with the package: "
            "--lipleak-expert embedded"
        )
    return verify_syncnet(path, allow_unverified=allow_unverified)


def default_protocol(expert: str) -> Protocol:
    """The protocol that an expert's reference numbers were made with."""
    return Protocol.LRS if expert == SYNCNET else Protocol.DIRECT
