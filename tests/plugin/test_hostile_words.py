"""What a model says when it fails reaches logs and reports as text, however it begins and however long it is."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from inner_pytest import Project

from pytest_lipleak.core.exit_status import NOT_JUDGED

SHOUTS = '''
from models import Copy


class Shouts(Copy):
    """Fails with words that are commands to GitHub, to a terminal and to a spreadsheet."""

    def generate(self, frames, audio, reference):
        words = "\\n::error file=x::hacked\\r\\n::set-output name=verdict::pass\\n\\x1b[2J"
        words += "\\x1b]0;owned\\x07=1+1\\n##[error]hacked\\n"
        raise ValueError(words + "spam " * 4_000_000)
'''


@pytest.mark.slow
def test_a_failing_model_commands_nobody(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = project.path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    project.write(shouts=SHOUTS)
    run = project.measure(
        "Copy",
        "--lipleak-model=shouts.py:Shouts",
        "--lipleak-gate=LSE-C_S < 1",
        "--junitxml=junit.xml",
        subprocess=True,
    )
    assert run.code == NOT_JUDGED
    assert run.json["verdict"] == "not judged"
    written = {
        "log": "\n".join(run.result.outlines + run.result.errlines),
        "summary": summary.read_text(),
        "report": run.json_file.read_text(),
        "junit": (project.path / "junit.xml").read_text(),
    }
    for name, text in written.items():
        assert len(text) < 400_000, f"{name}: 20 MB of words are cut"
        assert not {"\x1b", "\x07", "\r"} & set(text.replace("\r\n", "\n")), name
        commands = [
            line for line in text.splitlines() if line.lstrip().startswith(("::set-output", "##[error]"))
        ]
        assert commands == [], name
        assert not any(line.startswith("::error file=x::hacked") for line in text.splitlines()), name
    assert "ValueError" in written["log"], "it is said all the same"
    ElementTree.fromstring(written["junit"])
    assert Path(summary).read_text().count("Lip leakage") >= 1
