"""The code in docs/adapters.md runs: every example is a model that `lipleak doctor` finds nothing wrong with."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_lipleak.cli import GOOD, main
from pytest_lipleak.core.choices import PAIRINGS, SILENCES, STRATEGIES
from pytest_lipleak.generators import command, onnx_model
from pytest_lipleak.generators.registry import load_model

DOCS = Path(__file__).parent.parent / "docs" / "adapters.md"

NETWORK = '''
import numpy as np


def load_network(checkpoint, device):
    """Stands for the reader's own: half the reference, half the face, and a mouth as bright as it is loud."""

    def network(faces, sound, reference):
        if len(reference) != len(faces):
            reference = np.broadcast_to(reference[:1], faces.shape)
        loud = np.abs(np.asarray(sound, np.float32)).reshape(len(faces), -1).mean(axis=1)
        level = 80 * (loud - loud.min()) / (np.ptp(loud) + 1e-6)
        return np.clip(faces // 2 + reference // 2 + level[:, None, None, None], 0, 255).astype(np.uint8)

    return network


def stabilise(reference):
    """Stands for a stabiliser: blurs along rows, and leaves some of the lips."""
    return (reference + np.roll(reference.astype(np.uint16), 3, axis=2)).astype(np.uint16) // 2
'''


def examples() -> dict[str, str]:
    blocks = re.findall(
        r"```python\n# (my_package/\w+\.py)\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S
    )
    return dict(blocks)


def test_every_block_of_python_is_tried() -> None:
    assert DOCS.read_text(encoding="utf-8").count("```python") == len(examples()) == 5


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "my_package"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "network.py").write_text(NETWORK)
    (tmp_path / "own.pth").write_text("weights")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_package"]:
        del sys.modules[name]


@pytest.mark.parametrize("name", examples())
def test_an_example_is_fit_to_be_measured(
    name: str, package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("librosa")
    (package / name).write_text(examples()[name])
    module = name.removesuffix(".py").replace("/", ".")
    ask = [
        "doctor",
        "--model",
        f"{module}:load",
        "--model-arg",
        "checkpoint=own.pth",
        "--frames",
        "12",
        "--json",
    ]
    assert main(ask) == GOOD
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert {finding["verdict"] for finding in findings} == {"ok"}, findings


@pytest.mark.parametrize("name", examples())
def test_the_fingerprint_of_an_example_follows_the_file_of_its_weights(name: str, package: Path) -> None:
    (package / name).write_text(examples()[name])
    found = []
    for weights in ("weights", "trained on"):
        (package / "own.pth").write_text(weights)
        arguments = {"checkpoint": "own.pth"}
        found.append(load_model(f"{name.removesuffix('.py').replace('/', '.')}:load", arguments).fingerprint)
    assert None not in found
    assert found[0] != found[1]


def test_every_placeholder_argument_and_attribute_is_explained() -> None:
    import inspect

    text = DOCS.read_text(encoding="utf-8")
    for placeholder in command.PLACEHOLDERS:
        assert f"| `{{{placeholder}}}` |" in text
    for factory in (command.load, onnx_model.load):
        for argument in set(inspect.signature(factory).parameters) - {
            "template",
            "path",
            "device",
            "threads",
        }:
            assert f"`{argument}`" in text or f"`{argument}=" in text, argument
    for attribute, values in {
        "alternative_reference": STRATEGIES,
        "silence": SILENCES,
        "pairing": PAIRINGS,
    }.items():
        assert f"| `{attribute}` |" in text
        assert all(f"`{value}`" in text for value in values)
