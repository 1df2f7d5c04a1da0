"""Runs the shell steps of action.yml and of workflows here, as GitHub would."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


@cache
def read_action() -> Any:
    """action.yml."""
    import yaml

    return yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))


def resolved(text: object, values: Mapping[str, str]) -> str:
    """Fill in ``${{ name }}``; a name that GitHub would not know fails."""
    return re.sub(r"\$\{\{\s*([\w.-]+)\s*\}\}", lambda match: values[match[1]], str(text))


def run_step(
    step: Mapping[str, Any], values: dict[str, str], folder: Path, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run one shell step in ``folder``, and add its outputs to ``values``."""
    outputs, summary = folder / "outputs.txt", folder / "summary.md"
    outputs.write_text("")
    environment = {name: resolved(value, values) for name, value in step.get("env", {}).items()}
    # GitHub's bash: stops at the first error, in pipes too.
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder / resolved(step.get("working-directory", "."), values),
        env={
            **os.environ, "GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_ACTIONS": "true",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **environment, **more,
        },
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    for line in outputs.read_text().splitlines():
        key, _, value = line.partition("=")
        values[f"steps.{step.get('id')}.outputs.{key}"] = value
    return done


class Runner:
    """Runs the shell steps of the action with the files and variables that GitHub gives them.

    Args:
        folder: the runner's working directory.
        inputs: what the workflow gives behind ``with``.
    """

    def __init__(self, folder: Path, **inputs: str) -> None:
        self.folder = folder
        self.temporary = folder / "temp"
        self.temporary.mkdir(exist_ok=True)
        known = {name: str(about.get("default", "")) for name, about in read_action()["inputs"].items()}
        assert inputs.keys() <= known.keys()
        self.values = {f"inputs.{name}": value for name, value in (known | inputs).items()}
        self.values |= {
            "runner.temp": str(self.temporary), "runner.os": "Linux", "github.action_path": str(ROOT),
            "github.run_id": "1", "github.run_attempt": "1",
            "steps.upload.outputs.artifact-url": "https://github.test/artifacts/1",
        }  # fmt: skip

    def run(self, name: str, **more: str) -> subprocess.CompletedProcess[str]:
        (step,) = [step for step in read_action()["runs"]["steps"] if step.get("name") == name]
        assert step["shell"] == "bash"
        return run_step(step, self.values, self.folder, **more)

    def outputs(self) -> dict[str, str]:
        """What the action hands to the workflow, once it measured."""
        return {
            name: resolved(about["value"], self.values) for name, about in read_action()["outputs"].items()
        }


def run_action(folder: Path, step: Mapping[str, Any], values: dict[str, str], **instead: str) -> int:
    """Run a workflow's step that uses the action, all but its installation; return how it ends.

    Args:
        folder: the runner's working directory.
        step: of the workflow.
        values: what expressions stand for; gets the action's outputs.
        instead: inputs in place of those that the step names.
    """
    given = {name: resolved(value, values) for name, value in step["with"].items()}
    runner = Runner(folder, **(given | instead))
    for name in ("Name the files", "Measure and judge"):
        done = runner.run(name)
        assert done.returncode == 0, done.stdout + done.stderr
    for name, value in runner.outputs().items():
        values[f"steps.{step.get('id')}.outputs.{name}"] = value
    return runner.run("Pass on the verdict").returncode
