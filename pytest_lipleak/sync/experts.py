"""The sync experts by name, ours and those of installed packages, and which one judges when none is named."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from pytest_lipleak.core.errors import ConfigurationError, LipleakError, MissingDataError
from pytest_lipleak.core.suggestions import meant
from pytest_lipleak.machine.exit_guard import guarded
from pytest_lipleak.sync.expert import SyncExpert
from pytest_lipleak.sync.protocols import Protocol
from pytest_lipleak.sync.weights import SYNCNET_FILE, WeightsFile, locate, verify_syncnet

AUTO, SYNCNET, EMBEDDED = "auto", "syncnet", "embedded"

GROUP = "pytest_lipleak.experts"
"""Entry-point group under which packages register sync experts by name."""

AS_ASKED, RENDERED = "as asked", "the embedded clips are judged by it"
"""Reasons why an expert judges."""


@dataclass(frozen=True)
class RegisteredExpert:
    """A sync expert by its name: how it is loaded, and what holds on its scale.

    Args:
        load: called as ``load(weights, device=..., threads=..., allow_unverified=...)`` and returns the expert, whose
            ``identity.name`` is the name it is registered by. ``weights`` is the file or folder that the user names,
            or None; ``device`` is ``cpu`` or a torch device; ``threads`` counts those of the CPU, 0 for all.
        protocol: how frames become face crops where the user does not say.
        gates: limits on its scale, for its protocol, that count where nobody gives any, as ``--lipleak-gate`` takes
            them.
        check: raises at once, without loading, what ``load`` would raise of the weights.
    """

    load: Callable[..., SyncExpert]
    protocol: Protocol = Protocol.DIRECT
    gates: tuple[str, ...] = ()
    check: Callable[[Path | None, bool], object] | None = None


SIDE_BY_SIDE = 4
"""Threads of the embedded expert at most: a clip has few calls of its network, and each takes memory."""


def _load_embedded(weights: Path | None, *, threads: int, **machine: Any) -> SyncExpert:
    from pytest_lipleak.machine.processors import usable_processors
    from pytest_lipleak.sync.embedded import EmbeddedExpert

    return EmbeddedExpert(threads=min(threads or usable_processors(), SIDE_BY_SIDE))


def _load_syncnet(weights: Path | None, *, device: str, threads: int, allow_unverified: bool) -> SyncExpert:
    from pytest_lipleak.sync.syncnet import SyncNet

    return SyncNet(syncnet_weights(weights, allow_unverified=allow_unverified), device, threads)


def _check_syncnet(weights: Path | None, allow_unverified: bool) -> None:
    from pytest_lipleak.sync.weights import check_packages

    check_packages(syncnet_weights(weights, allow_unverified=allow_unverified))


OURS = {
    SYNCNET: RegisteredExpert(_load_syncnet, Protocol.LRS, check=_check_syncnet),
    EMBEDDED: RegisteredExpert(_load_embedded, Protocol.DIRECT),
}


def known_experts() -> tuple[str, ...]:
    """Names of all experts: ours, and those of installed packages."""
    return (*OURS, *sorted({point.name for point in entry_points(group=GROUP)} - {AUTO, *OURS}))


def registered_expert(name: str) -> RegisteredExpert:
    """Return what is registered by a name; ours cannot be replaced.

    Raises:
        ConfigurationError: nobody registers it, or what is registered cannot be used.
    """
    if name in OURS:
        return OURS[name]
    points = [point for point in entry_points(group=GROUP) if point.name == name and name != AUTO]
    if not points:
        raise ConfigurationError(
            f"unknown sync expert {name!r}; known are {', '.join((AUTO, *known_experts()))}"
            f"{meant(name, known_experts())}"
        )
    if len({point.value for point in points}) > 1:
        packages = ", ".join(sorted(point.dist.name if point.dist else point.value for point in points))
        raise ConfigurationError(f"sync expert {name!r} is registered by {packages}; uninstall all but one")
    with _worded(name):
        found = points[0].load()
    if not isinstance(found, RegisteredExpert):
        raise ConfigurationError(
            f"sync expert {name!r}: {points[0].value} is a {type(found).__name__}, expected a RegisteredExpert of "
            "pytest_lipleak.sync.experts"
        )
    return found


@contextmanager
def _worded(name: str) -> Iterator[None]:
    """Word what comes out of another package's code, which may be anything."""
    try:
        with guarded():
            yield
    except (LipleakError, KeyboardInterrupt):
        raise
    except BaseException as error:  # SystemExit; a skip of pytest, which would be green
        raise ConfigurationError(
            f"sync expert {name!r} could not be loaded: {type(error).__name__}: {error}"
        ) from error


def choose_expert(name: str, weights: Path | None, *, rendered_clips: bool = False) -> tuple[str, str]:
    """Return the expert's name, and why it was chosen.

    Args:
        name: ``auto``, ``syncnet``, ``embedded``, or of an installed package's expert.
        weights: file or folder named by the user.
        rendered_clips: whether the clips are the embedded ones, which only the embedded expert knows.
    """
    if name != AUTO:
        registered_expert(name)
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
        name: ``syncnet``, ``embedded``, or of an installed package's expert.
        weights: SyncNet's weights file, or the folder it lies in.
        allow_unverified: accept SyncNet weights with another hash; every report says so.
        device: ``cpu``, or a torch device for SyncNet.
        threads: CPU threads, 0 lets the runtime choose.

    Raises:
        ConfigurationError: unknown name, or an installed package's expert cannot be used.
        MissingDataError: SyncNet's weights are not at hand.
        WeightsError: they are not the published ones, or cannot be read.
    """
    registered = registered_expert(name)
    with nullcontext() if name in OURS else _worded(name):
        expert = registered.load(weights, device=device, threads=threads, allow_unverified=allow_unverified)
    if expert.identity.name != name:
        raise ConfigurationError(
            f"sync expert {name!r} calls itself {expert.identity.name!r}; limits and reports go by that name, so "
            "register it by it"
        )
    return expert


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


def check_weights(name: str, weights: Path | None = None, *, allow_unverified: bool = False) -> None:
    """Look at what an expert needs, without loading it; raises as ``load_expert`` does."""
    registered = registered_expert(name)
    if registered.check is not None:
        with nullcontext() if name in OURS else _worded(name):
            registered.check(weights, allow_unverified)


def default_protocol(expert: str) -> Protocol:
    """The protocol that an expert's reference numbers were made with."""
    return registered_expert(expert).protocol
