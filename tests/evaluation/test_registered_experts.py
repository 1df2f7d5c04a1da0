"""A sync expert of an installed package judges by its own scale, identity and limits; one that cannot is refused."""

import json
from pathlib import Path

import pytest
from clip_sets import random_levels, write_clips

from pytest_lipleak.cli import GOOD, LEAK, USAGE, main
from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.settings.resolve import make_settings
from pytest_lipleak.sync.experts import known_experts, load_expert

MODULE = """
import numpy as np
from pytest_lipleak.sync.expert import ExpertIdentity, Suitability, window_count
from pytest_lipleak.sync.experts import RegisteredExpert

class Brightness:
    "Sees brightness, hears loudness; one row per window."
    identity = ExpertIdentity("brightness", "7", "0" * 64, True)
    mouth_aligned = False
    def __init__(self, weights):
        self.weights = weights
    def embed_video(self, frames):
        return self._rows(np.stack([np.float32(frame[0, 0, 0]) for frame in frames]))
    def embed_audio(self, audio):
        return self._rows(audio[::640].astype(np.float32) / 100)
    def review(self, frames, audio):
        return Suitability((), ())
    def _rows(self, levels):
        return np.stack([levels[i : i + 5] for i in range(window_count(len(levels)))])

EXPERT = RegisteredExpert(
    lambda weights, device, threads, allow_unverified: Brightness(weights),
    gates=("LSE-D[AM,CR] < 5", "LSD-CR < 0.001"),
)
misnamed = EXPERT
a_class = Brightness
raises = RegisteredExpert(lambda weights, **machine: 1 / 0)

class Copies:
    def generate(self, frames, audio, reference):
        return frames
"""
NAMES = {
    "brightness": "EXPERT",
    "misnamed": "misnamed",
    "a_class": "a_class",
    "raises": "raises",
    "lost": "lost",
}


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What pip would install."""
    installed = tmp_path / "site"
    about = installed / "bright-1.0.dist-info"
    about.mkdir(parents=True)
    (installed / "bright_module.py").write_text(MODULE)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: bright\nVersion: 1.0\n")
    points = "\n".join(f"{name} = bright_module:{attribute}" for name, attribute in NAMES.items())
    (about / "entry_points.txt").write_text(f"[pytest_lipleak.experts]\n{points}\n")
    monkeypatch.syspath_prepend(installed)
    return installed


def test_it_judges_by_its_own_scale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_clips(tmp_path / "clips", {name: random_levels(ord(name)) for name in "abcde"})
    monkeypatch.chdir(tmp_path)
    given = ["evaluate", "--model=bright_module:Copies", "--clips=clips", "--expert=brightness"]
    assert main([*given, "--gate=LSE-D[AM,CR] < 5", "--json=report.json"]) == GOOD
    report = json.loads(Path("report.json").read_text())
    (result,) = report["results"]
    assert result["provenance"]["expert"] == "brightness 7"
    assert [verdict["limit"] for verdict in result["verdicts"]] == ["LSE-D[AM,CR] < 5"]
    # Pictures and sound of these clips say the same, to the bit of a lossy step.
    assert 0 <= result["verdicts"][0]["value"] < 1
    capsys.readouterr()
    assert main(given) == LEAK, "by its own default limits: a copy of the clip is in sync with silence, too"
    assert "LSD-CR < 0.001" in capsys.readouterr().out


def test_it_is_named_among_the_known(tmp_path: Path) -> None:
    assert known_experts() == ("syncnet", "embedded", *sorted(NAMES))
    with pytest.raises(
        ConfigurationError, match=r"choose one of auto, .*brightness.*; did you mean brightness\?"
    ):
        make_settings({"expert": "brightnes"}, tmp_path, {})


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("misnamed", "calls itself 'brightness'"),
        ("a_class", "bright_module:a_class is a type, expected a RegisteredExpert"),
        ("raises", "could not be loaded: ZeroDivisionError: division by zero"),
        ("lost", "could not be loaded: AttributeError: module 'bright_module' has no attribute 'lost'"),
    ],
)
def test_what_cannot_judge_is_a_usage_error(name: str, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigurationError, match=why):
        load_expert(name)
    assert main(["evaluate", "--model=demo", f"--expert={name}", "--gate=LSD-CR < 1"]) == USAGE
    assert why in capsys.readouterr().err


def test_ours_cannot_be_replaced(package: Path) -> None:
    points = package / "bright-1.0.dist-info" / "entry_points.txt"
    points.write_text(
        "[pytest_lipleak.experts]\nembedded = bright_module:EXPERT\nauto = bright_module:EXPERT\n"
    )
    assert known_experts() == ("syncnet", "embedded")
    assert load_expert("embedded").identity.name == "embedded"
