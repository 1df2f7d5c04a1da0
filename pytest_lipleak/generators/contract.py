"""What a generator may declare of itself: read and checked in one place, once, before anything rests on it."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from pytest_lipleak.core.choices import PAIRINGS, SILENCES, STRATEGIES
from pytest_lipleak.core.conditions import Reference
from pytest_lipleak.core.errors import GeneratorError


class Attribute(NamedTuple):
    """One optional attribute of a generator.

    Args:
        read: from its value to what it says; raises ``_UnreadableError`` with what is expected.
        forwarded: whether a generator that wraps another has it from it; the rest is the wrapper's own business.
        noted: whether it is noted down for processes that have not loaded the model.
    """

    read: Callable[[Any], Any]
    forwarded: bool = True
    noted: bool = True


class _UnreadableError(Exception):
    """A value that nobody can read; holds what is expected."""


def _references(value: Any) -> tuple[Reference, ...]:
    try:
        return tuple(Reference(str(name).upper()) for name in value)
    except (TypeError, ValueError):
        raise _UnreadableError(f"some of {[str(r) for r in Reference]}") from None


def _one_of(names: tuple[str, ...]) -> Callable[[Any], str | None]:
    def read(value: Any) -> str | None:
        if value is not None and (not isinstance(value, str) or value not in names):
            raise _UnreadableError(f"one of {', '.join(names)}")
        return None if value is None else str(value)

    return read


def _truth(value: Any) -> bool | None:
    # "False" as a text would count as true.
    if value is not None and (
        not isinstance(value, bool | int | np.bool_ | np.integer) or value not in (0, 1)
    ):
        raise _UnreadableError("True or False")
    return None if value is None else bool(value)


def _fingerprint(value: Any) -> str | None:
    said = value() if callable(value) else value
    return None if said is None or said == "" else str(said)


def _method(value: Any) -> bool:
    if value is not None and not callable(value):
        raise _UnreadableError("a method")
    return value is not None


ATTRIBUTES: Mapping[str, Attribute] = {
    "supports": Attribute(_references),
    "alternative_reference": Attribute(_one_of(STRATEGIES)),
    "silence": Attribute(_one_of(SILENCES)),
    "pairing": Attribute(_one_of(PAIRINGS)),
    "uses_reference": Attribute(_truth),
    "reference_from_video": Attribute(_truth),
    "takes_videos": Attribute(_truth, forwarded=False),
    "fingerprint": Attribute(_fingerprint, forwarded=False),
    "use_clips": Attribute(_method),
    "use_progress": Attribute(_method),
    "use_face": Attribute(_method, forwarded=False),
    "turn": Attribute(_method, noted=False),
}
"""Every optional attribute but ``batch``, which is no declaration but changes; the docstring of
``generators.interface.Generator`` says what each means. None counts as not there, but for ``supports``."""

FORWARDED = tuple(name for name, attribute in ATTRIBUTES.items() if attribute.forwarded)
HOOKS = ("use_clips", "use_progress", "use_face")
"""Methods by which a generator is told something."""


def read_attributes(generator: object, name: str) -> dict[str, Any]:
    """Return what a generator declares, as it is to be understood, by attribute; what it does not have is left out.

    Raises:
        GeneratorError: an attribute cannot be read, or its value is none that is allowed; at a default it would go
            unnoticed.
    """
    return {
        attribute: value
        for attribute in ATTRIBUTES
        for there, value in [_read(generator, name, attribute)]
        if there
    }


def _read(generator: object, name: str, attribute: str) -> tuple[bool, Any]:
    value: Any = None
    try:
        value = getattr(generator, attribute)
        return True, ATTRIBUTES[attribute].read(value)
    except AttributeError as error:
        # Its own property may fail in this way, too.
        if _is_defined(generator, attribute):
            raise _failed(name, attribute, error) from error
        return False, None
    except _UnreadableError as error:
        raise GeneratorError(f"model {name!r}: its `{attribute}` is {value!r}; expected {error}") from None
    except Exception as error:  # the user's own properties and methods
        raise _failed(name, attribute, error) from error


def _is_defined(generator: object, attribute: str) -> bool:
    return isinstance(getattr(type(generator), attribute, None), property)


def _failed(name: str, attribute: str, error: Exception) -> GeneratorError:
    return GeneratorError(
        f"model {name!r}: its `{attribute}` cannot be read: {type(error).__name__}: {error}"
    )


@dataclass(frozen=True)
class Choices:
    """What a model or its user chooses of how clips are tried; None leaves it open.

    Args:
        silence: of ``core.choices.SILENCES``.
        alternative_reference: AR strategy, of ``STRATEGIES``.
        pairing: of ``PAIRINGS``.
    """

    silence: str | None = None
    alternative_reference: str | None = None
    pairing: str | None = None


class Asked(Protocol):
    """Whatever holds the user's choices: settings, or a plan."""

    @property
    def silence(self) -> str | None:
        """As in ``Choices``."""

    @property
    def alternative_reference(self) -> str | None:
        """As in ``Choices``."""

    @property
    def pairing(self) -> str | None:
        """As in ``Choices``."""


class Chosen(NamedTuple):
    """What counts: nothing is left open."""

    silence: str
    alternative_reference: str
    pairing: str


def choose(asked: Asked, declared: Asked | None = None) -> Chosen:
    """Return what counts: what the user asks for, else what the model declares, else our default.

    Args:
        asked: by the user.
        declared: by the model, ``Declared.choices``; None where there is no model.
    """
    own = declared or Choices()
    return Chosen(
        asked.silence or own.silence or SILENCES[0],
        asked.alternative_reference or own.alternative_reference or STRATEGIES[0],
        asked.pairing or own.pairing or PAIRINGS[0],
    )


@dataclass(frozen=True)
class Declared:
    """What a generator says of itself, read and checked; it holds nothing of the generator.

    Args:
        supports: the references it has, empty for a mask-free model without any; None where it does not say.
        choices: silence, AR strategy and pairing, None where it leaves them open.
        uses_reference: whether its output depends on the reference.
        reference_from_video: whether it finds its reference in the video and takes no other.
        takes_videos: whether it reads ``core.clips.Video`` s.
        hooks: which of ``HOOKS`` it has.
        fingerprint: what identifies weights and code, None where it does not say.
    """

    supports: tuple[Reference, ...] | None = None
    choices: Choices = Choices()
    uses_reference: bool = True
    reference_from_video: bool = False
    takes_videos: bool = False
    hooks: frozenset[str] = frozenset()
    fingerprint: str | None = None

    @property
    def references(self) -> tuple[Reference, ...]:
        """Those that it is measured with: both where it says nothing, AR alone where it has none."""
        return tuple(Reference) if self.supports is None else self.supports or (Reference.AR,)

    @property
    def sees_reference(self) -> bool:
        """Whether it is given any."""
        return self.supports != ()

    @property
    def takes_other_references(self) -> bool:
        """Whether a probe that changes the reference tells anything: its video could change with it."""
        return self.sees_reference and not self.reference_from_video


def declared_by(generator: object, name: str | None = None) -> Declared:
    """Read and check what a generator declares.

    Args:
        generator: the model.
        name: as reports print it; None takes its class's.

    Raises:
        GeneratorError: names the attribute, its value and what is allowed.
    """
    said = read_attributes(generator, type(generator).__name__ if name is None else name)

    def truth(attribute: str, default: bool) -> bool:
        value = said.get(attribute)
        return default if value is None else bool(value)

    return Declared(
        supports=said.get("supports"),
        choices=Choices(said.get("silence"), said.get("alternative_reference"), said.get("pairing")),
        uses_reference=truth("uses_reference", default=True),
        reference_from_video=truth("reference_from_video", default=False),
        takes_videos=truth("takes_videos", default=False),
        hooks=frozenset(hook for hook in HOOKS if said.get(hook)),
        fingerprint=said.get("fingerprint"),
    )


def fingerprint_of(generator: object, name: str | None = None) -> str | None:
    """Return what identifies weights and code of a generator now, None where it does not say."""
    label = type(generator).__name__ if name is None else name
    said: str | None = _read(generator, label, "fingerprint")[1]
    return said


def batch_of(generator: object) -> int | None:
    """Return how many frames a generator works on at once at present, None where it does not say."""
    batch = getattr(generator, "batch", None)
    return batch if isinstance(batch, int) else None


def turn_of(generator: object) -> AbstractContextManager[Any]:
    """Return what is entered around a call of a generator."""
    turn = getattr(generator, "turn", None)
    entered: AbstractContextManager[Any] = nullcontext() if turn is None else turn()
    return entered


def forward(model: object, wrapper: object) -> None:
    """Let a generator that wraps another have what that declares and is told; unread, as it may still change."""
    for name in FORWARDED:
        if hasattr(model, name):
            setattr(wrapper, name, getattr(model, name))
