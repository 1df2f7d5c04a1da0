"""The fixtures a test asks for. All start with ``lipleak``."""

import hashlib
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lipleak.pytest_plugin.asking import session_of

if TYPE_CHECKING:
    from pytest_lipleak.core.clips import Audio, Clip, Frames
    from pytest_lipleak.evaluation.evaluation import Evaluation
    from pytest_lipleak.generators.contract import Chosen
    from pytest_lipleak.media.clipsets import ClipSet
    from pytest_lipleak.pytest_plugin.session import LipleakSession
    from pytest_lipleak.sync.expert import SyncExpert


LONGEST_SHOWN = 100
"""Characters of a parameter that a model's name shows: a name has an end, and what stands behind must fit into it."""


ALIKE = pytest.StashKey[dict[str, dict[str, list[Any]]]]()
"""By parameter and what is shown of it, the values that look so, each once; looked for once a run."""


@pytest.fixture(scope="session")
def _lipleak_session(request: pytest.FixtureRequest) -> "LipleakSession":
    """All of our fixtures ask for it: by that, tests are known that ask for one of them only while they run."""
    return session_of(request)


@pytest.fixture(scope="session")
def lipleak_model(_lipleak_session: "LipleakSession") -> Any:
    """The model under test, as named by --lipleak-model; override it to return your own generator."""
    return _lipleak_session.run.model


@pytest.fixture
def lipleak(
    request: pytest.FixtureRequest, _lipleak_session: "LipleakSession", lipleak_model: Any
) -> "Evaluation":
    """Everything measured about the model under test; give it to the assert_* functions.

    Not session-scoped: pytest would then hand the first module's model to a module that overrides it.
    """
    return _lipleak_session.evaluation(lipleak_model, _name(request, lipleak_model))


def _name(request: pytest.FixtureRequest, model: Any) -> str:
    """Name a model that an overridden fixture built: what it is, with which parameters, and where it is alive.

    Models of different fixtures, modules or parameters never share a name, so neither artefacts nor rows of
    a report; and every xdist worker finds the same name.
    """
    label = getattr(model, "name", None) or getattr(model, "__name__", None) or type(model).__name__
    scope, needed = _definition(request, "lipleak_model")
    callspec: Any = getattr(request.node, "callspec", None)
    given = [name for name in needed if callspec and name in callspec.params]
    chosen = [f"{name}={_shown(callspec.params[name])}" for name in given]
    indices = ".".join(str(callspec.indices[name]) for name in given)
    numbers = [_number(request, name, callspec.params[name]) for name in given]
    another = f", another one ({'.'.join(map(str, numbers))})" if max(numbers, default=1) > 1 else ""
    parameters = f" [{', '.join(chosen)} #{indices}{another}]" if chosen else ""
    return f"{label}{parameters}{f' of {scope}' if scope else ''}"


def _shown(value: Any) -> str:
    """A parameter in a few words, the same in every process: networks show all of their layers, others an address."""
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", str(value)).partition("\n")[0]
    shown = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
    if isinstance(value, str | os.PathLike) and shown != str(value):
        # Long paths differ at their ends, and the next run may have one of them alone.
        return f"{shown} {hashlib.sha256(str(value).encode(errors='replace')).hexdigest()[:8]}"
    return shown


def _number(request: pytest.FixtureRequest, name: str, value: Any) -> int:
    """Which of those values of a parameter it is, counted from 1 in the order of the tests, that look as it does.

    A network's text shows its layers and not its weights: two of them are two models.
    """
    known = request.session.stash.setdefault(ALIKE, {})
    if name not in known:
        known[name] = {}
        for item in request.session.items:
            params = getattr(getattr(item, "callspec", None), "params", {})
            if name in params:
                alike = known[name].setdefault(_shown(params[name]), [])
                if not any(_is_same(params[name], each) for each in alike):
                    alike.append(params[name])
    alike = known[name].get(_shown(value), [])
    return next((number for number, each in enumerate(alike, 1) if _is_same(each, value)), 1)


def _is_same(one: Any, other: Any) -> bool:
    # What is no plain datum may look and compare as it likes.
    plain = isinstance(one, str | bytes | int | float) and type(one) is type(other)
    return one is other or bool(plain and one == other)


def _definition(request: pytest.FixtureRequest, fixture: str) -> tuple[str, list[str]]:
    """Return the node id up to which the fixture's value lives, and the names of all it is built from."""
    manager: Any = request._fixturemanager  # pytest has no public way to ask where a fixture is defined
    names = [fixture]
    for name in names:
        for definition in manager.getfixturedefs(name, request.node) or ():
            names += [needed for needed in definition.argnames if needed not in names]
    definition = manager.getfixturedefs(fixture, request.node)[-1]
    homes = {"session": None, "package": pytest.Package, "module": pytest.Module, "class": pytest.Class}
    home: Any = homes.get(definition.scope, pytest.Item)
    lives = request.node.getparent(home) if home is not None else None
    return (lives.nodeid if lives is not None else definition.baseid), names


@pytest.fixture(scope="session")
def lipleak_clips(_lipleak_session: "LipleakSession") -> "ClipSet":
    """The real clips, a mapping from name to ``Clip``."""
    return _lipleak_session.run.clips


@pytest.fixture
def lipleak_silent_audio(
    request: pytest.FixtureRequest, _lipleak_session: "LipleakSession"
) -> "Callable[[int], Audio]":
    """A function from a number of frames to silence of that length: int16, shape (640 frames,)."""
    from pytest_lipleak.core.timebase import SAMPLES_PER_FRAME
    from pytest_lipleak.plan.silent_audio import silence

    kind, seed = _chosen(request, _lipleak_session).silence, _lipleak_session.settings.plan.seed
    return lambda frames: silence(frames * SAMPLES_PER_FRAME, kind, seed)


@pytest.fixture
def lipleak_mismatched_pairs(
    request: pytest.FixtureRequest, _lipleak_session: "LipleakSession"
) -> dict[str, str]:
    """The XM pairs: for every clip the clip whose audio drives it, the first where there are several."""
    from pytest_lipleak.media.pair_lists import given_pairs
    from pytest_lipleak.plan.pairing import mismatched_pairs

    settings, clips = _lipleak_session.settings, _lipleak_session.run.clips
    given = given_pairs(settings.inputs.pairs, clips)
    if given is not None:
        return {clip: partners[0] for clip, partners in given.items()}
    return mismatched_pairs(clips, settings.plan.seed, _chosen(request, _lipleak_session).pairing)


@pytest.fixture
def lipleak_references(
    request: pytest.FixtureRequest, _lipleak_session: "LipleakSession"
) -> "Callable[[Clip, str], Frames]":
    """A function from a clip and ``"CR"`` or ``"AR"`` to its identity reference frames."""
    from pytest_lipleak.core.conditions import Reference
    from pytest_lipleak.plan.references import reference_frames

    strategy = _chosen(request, _lipleak_session).alternative_reference
    seed = _lipleak_session.settings.plan.seed
    return lambda clip, reference: reference_frames(clip, Reference(reference), strategy, seed)


def _chosen(request: pytest.FixtureRequest, session: "LipleakSession") -> "Chosen":
    """What counts for the model of the test that asks: another module, class or test may have another.

    Fixtures that rest on it are therefore not session-scoped, and a test needs no model to have the defaults.
    """
    from pytest_lipleak.generators.contract import choose
    from pytest_lipleak.generators.registry import as_model

    settings = session.settings
    manager: Any = request._fixturemanager  # pytest has no public way to ask where a fixture is defined
    own = manager.getfixturedefs("lipleak_model", request.node)[-1].func.__module__ == __name__
    if own and settings.inputs.model is None:
        return choose(settings.plan)
    return choose(settings.plan, as_model(request.getfixturevalue("lipleak_model")).declared.choices)


@pytest.fixture(scope="session")
def lipleak_sync_expert(_lipleak_session: "LipleakSession") -> "SyncExpert":
    """The sync expert that judges."""
    return _lipleak_session.run.expert.loaded


@pytest.fixture(scope="session")
def lipleak_device(_lipleak_session: "LipleakSession") -> str:
    """Where networks run, as a torch device name: ``cpu``, ``cuda:0``, ..."""
    return _lipleak_session.run.device.name
