"""What a generator declares of itself: read once, checked, and nowhere else."""

import ast
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import pytest_lipleak
from pytest_lipleak.core.conditions import Reference
from pytest_lipleak.core.errors import GeneratorError
from pytest_lipleak.generators.contract import (
    ATTRIBUTES,
    HOOKS,
    Choices,
    Declared,
    batch_of,
    choose,
    declared_by,
    turn_of,
)
from pytest_lipleak.generators.interface import Generator
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.plan.user_choices import Plan
from pytest_lipleak.settings.options import Plan as PlanSettings
from pytest_lipleak.sync.protocols import Protocol


def test_nothing_declared_is_the_default() -> None:
    assert declared_by(object()) == Declared()
    assert Declared().references == tuple(Reference)


def test_none_counts_as_not_there() -> None:
    empty = SimpleNamespace(**dict.fromkeys(set(ATTRIBUTES) - {"supports"}))
    assert declared_by(empty) == Declared()
    assert batch_of(SimpleNamespace(batch=None)) is None
    with turn_of(SimpleNamespace(turn=None)):
        pass


def test_every_declaration_is_read() -> None:
    generator = SimpleNamespace(
        supports=["ar"],
        alternative_reference="random",
        silence="noise",
        pairing="same-speaker",
        uses_reference=False,
        reference_from_video=np.bool_(True),
        takes_videos=1,
        fingerprint=lambda: 7,
        use_clips=print,
        use_progress=print,
        use_face=print,
        turn=print,
    )
    assert set(vars(generator)) == set(ATTRIBUTES)
    assert declared_by(generator) == Declared(
        supports=(Reference.AR,),
        choices=Choices("noise", "random", "same-speaker"),
        uses_reference=False,
        reference_from_video=True,
        takes_videos=True,
        hooks=frozenset(HOOKS),
        fingerprint="7",
    )


@pytest.mark.parametrize(
    ("attribute", "value", "expected"),
    [
        ("supports", "CRAR", "some of ['CR', 'AR']"),
        ("supports", None, "some of ['CR', 'AR']"),
        ("silence", ["noise"], "one of zeros, noise"),
        ("silence", np.array(["noise", "zeros"]), "one of zeros, noise"),
        ("pairing", True, "one of any, same-speaker"),
        ("uses_reference", "False", "True or False"),
        ("reference_from_video", 2, "True or False"),
        ("takes_videos", np.array([0, 1]), "True or False"),
        ("use_clips", True, "a method"),
        ("use_face", "yes", "a method"),
        ("use_progress", 1, "a method"),
        ("turn", 1, "a method"),
    ],
)
def test_what_nobody_can_read_is_refused(attribute: str, value: object, expected: str) -> None:
    with pytest.raises(GeneratorError) as caught:
        declared_by(SimpleNamespace(**{attribute: value}), "m")
    assert str(caught.value) == f"model 'm': its `{attribute}` is {value!r}; expected {expected}"


@pytest.mark.parametrize("attribute", sorted(ATTRIBUTES))
@pytest.mark.parametrize("error", [OSError("no server"), AttributeError("no _weights")])
def test_a_property_that_fails_is_said(attribute: str, error: Exception) -> None:
    def fails(self: object) -> None:
        raise error

    odd = type("Odd", (), {attribute: property(fails)})()
    words = f"model 'm': its `{attribute}` cannot be read: {type(error).__name__}: {error}"
    with pytest.raises(GeneratorError, match=f"^{re.escape(words)}$"):
        declared_by(odd, "m")


def test_the_user_outranks_the_model_and_the_model_the_default() -> None:
    declared = Choices(silence="noise", pairing="same-speaker")
    for asked in (PlanSettings(pairing="any"), Plan(Protocol.DIRECT, pairing="any")):
        assert choose(asked, declared) == ("noise", "first", "any")
        assert choose(asked) == ("zeros", "first", "any")


def test_it_is_read_once_and_holds_nothing_of_the_generator() -> None:
    read: list[str] = []

    class Counts:
        def __getattr__(self, name: str) -> Any:
            read.append(name)
            raise AttributeError(name)

        def generate(self, frames: Any, audio: Any, reference: Any) -> Any:
            return frames

    model = Model("m", Counts())
    assert model.declared is model.declared
    assert model.fingerprint is None
    assert sorted(read) == sorted(ATTRIBUTES)


def test_a_fingerprint_that_changes_is_refused() -> None:
    class Trains:
        def __init__(self, fingerprint: str | None) -> None:
            self.fingerprint = fingerprint

        def generate(self, frames: Any, audio: Any, reference: Any) -> Any:
            return frames

    generator = Trains("weights 1")
    model = Model("m", generator)
    model.check_unchanged()
    assert model.fingerprint == "weights 1"
    model.check_unchanged()
    generator.fingerprint = "weights 2"
    with pytest.raises(GeneratorError, match="its fingerprint was 'weights 1' and is 'weights 2' now"):
        model.check_unchanged()
    unnamed = Model("m", Trains(None))
    assert unnamed.fingerprint is None
    unnamed.generator.fingerprint = "weights 1"  # type: ignore[attr-defined]
    unnamed.check_unchanged()


def test_documentation_names_every_attribute() -> None:
    documented = re.findall(r"^ *``(\w+)(?:\(\w*\))?``$", Generator.__doc__ or "", re.MULTILINE)
    assert set(documented) == {*ATTRIBUTES, "batch"}


def test_nobody_else_looks_for_an_attribute() -> None:
    package = Path(pytest_lipleak.__file__).parent
    looked = {
        f"{path.relative_to(package)}:{node.lineno} {node.args[1].value}"
        for path in package.rglob("*.py")
        if path.name != "contract.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("getattr", "hasattr")
        and isinstance(node.args[1], ast.Constant)
        and node.args[1].value in {*ATTRIBUTES, "batch"}
    }
    assert looked == set()
