"""`lipleak models`: what is known of every model before anything is loaded."""

import importlib
import json
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

from pytest_lipleak.cli import GOOD, USAGE, main
from pytest_lipleak.core.choices import SILENCES, STRATEGIES
from pytest_lipleak.generators import registry
from pytest_lipleak.generators.catalogue import KINDS, SYSTEMS, ModelCard, built_in_names, card_of

CARDS = [card_of(name) for name in built_in_names()]


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["models", *arguments]) == GOOD
    return capsys.readouterr().out


@pytest.mark.parametrize("card", [*CARDS, *KINDS], ids=lambda card: card.name)
def test_a_card_is_whole_and_says_what_can_be_declared(card: ModelCard) -> None:
    assert card.summary
    assert card.licence
    assert set(card.supports) <= {"CR", "AR"}
    assert card.silence in SILENCES
    assert card.silence == "zeros" or card.silence_reason
    if "AR" in card.supports:
        assert card.alternative_reference in STRATEGIES
    else:
        assert card.alternative_reference is None
    assert card.restriction in ("", "research only", "non-commercial")


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_the_factory_is_there_and_takes_the_arguments(card: ModelCard) -> None:
    import inspect

    module, _, attribute = card.factory.partition(":")
    parameters = inspect.signature(getattr(importlib.import_module(module), attribute)).parameters
    assert set(card.arguments) <= set(parameters)
    # `arguments` are those that must be given, and no others must.
    needed = {
        name
        for name, each in parameters.items()
        if each.default is each.empty and each.kind != each.VAR_KEYWORD
    }
    assert needed <= {*card.arguments, "device"}
    assert card.name not in SYSTEMS or module == SYSTEMS[card.name]


def test_every_model_stands_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = listed(capsys).splitlines()
    for card in CARDS:
        (line,) = (line for line in lines if line.split()[:1] == [card.name])
        for words in (*card.supports, card.alternative_reference or "none", card.silence, card.licence):
            assert words in line
        assert (card.restriction.upper() in line) == bool(card.restriction) or not card.restriction
    for kind in KINDS:
        assert any(line.strip().startswith(kind.name) for line in lines)


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_is_not_overflown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """Nothing is lost, and nothing but what is to be copied whole, or cannot be parted, is wider."""
    wide = [listed(capsys), *(listed(capsys, card.name) for card in CARDS)]
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    for before, now in zip(
        wide, [listed(capsys), *(listed(capsys, card.name) for card in CARDS)], strict=True
    ):
        assert sorted(before.split()) == sorted(now.split())
        for line in now.splitlines():
            assert len(line) <= width or line.startswith("  run it:"), line


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(listed(capsys, "--json"))
    assert [entry["name"] for entry in data["built_in"]] == list(built_in_names())
    assert [entry["name"] for entry in data["ways"]] == [kind.name for kind in KINDS]
    (demo,) = json.loads(listed(capsys, "demo", "--json"))["built_in"]
    assert (demo["supports"], demo["missing"], demo["licence"]) == (["CR", "AR"], [], "MIT")


def test_missing_is_what_cannot_be_found() -> None:
    card = replace(card_of("demo"), packages=("numpy", "no_such_package"))
    assert card.missing == ("no_such_package",)


def test_one_by_itself(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ModelCard, "missing", property(lambda card: card.packages))
    for card in CARDS:
        text = listed(capsys, card.name)
        assert text.startswith(f"{card.name}: {card.summary}\n")
        assert f"--lipleak-model={card.name}" in text
        for name in card.arguments:
            assert f"--lipleak-model-arg={name}=" in text
        assert ("missing:" in text) == bool(card.packages)
    assert main(["models", "nobody"]) == USAGE
    assert "no built-in model 'nobody'; there are demo" in capsys.readouterr().err


def test_models_of_installed_packages(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Known by their package's metadata; the package itself is not imported."""
    about = {"Name": "studio-lips", "Version": "1.2", "License-Expression": "CC-BY-NC-4.0"}
    point = EntryPoint("painter", "no_such_package:Painter", registry.GROUP)
    vars(point).update(dist=SimpleNamespace(metadata=about))
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    (line,) = (line for line in listed(capsys).splitlines() if line.startswith("painter"))
    assert line.split()[1:4] == ["?", "?", "?"]
    assert "CC-BY-NC-4.0" in line
    assert line.endswith("installed: studio-lips")
    assert "no_such_package:Painter" in listed(capsys, "painter")
    (entry,) = json.loads(listed(capsys, "--json"))["registered"]
    assert entry == {
        "name": "painter", "target": "no_such_package:Painter", "package": "studio-lips", "version": "1.2",
        "licence": "CC-BY-NC-4.0",
    }  # fmt: skip


def test_a_listing_imports_nothing_heavy() -> None:
    program = (
        "import sys; from pytest_lipleak.cli import main; main(['models'])\n"
        "print(sorted({'torch', 'librosa', 'onnxruntime', 'cv2', 'av', 'pytest'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_the_papers_systems_and_their_successors_are_known() -> None:
    assert set(SYSTEMS) >= {
        "wav2lip", "talklip", "ip_lap", "diff2lip", "latentsync", "musetalk", "keysync", "videoretalking", "dinet",
    }  # fmt: skip
    marked = {card.name: card.restriction for card in CARDS if card.restriction}
    assert {"wav2lip": "research only", "diff2lip": "non-commercial"}.items() <= marked.items()
