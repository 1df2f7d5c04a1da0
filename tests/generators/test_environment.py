"""What a program's environment holds: all that it needs to run, and no credentials but those that are asked for."""

import json
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from pytest_lipleak.core.clips import Clip
from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.errors import ConfigurationError, GeneratorError
from pytest_lipleak.generators.environment import is_credential
from pytest_lipleak.generators.interface import run_generator
from pytest_lipleak.generators.registry import load_model

SECRETS = [
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "GITLAB_TOKEN",
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "NPM_TOKEN",
    "MYTOKEN",
    "CI_JOB_TOKEN",
    "token",
    "ACTIONS_RUNTIME_TOKEN",
    "ACTIONS_RUNTIME_URL",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "ACTIONS_CACHE_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_PROFILE",
    "AZURE_CLIENT_ID",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "PGPASSWORD",
    "DB_PASSWORD",
    "MYSQL_PWD",
    "DB_PASS",
    "PASSWD",
    "SSH_PASSPHRASE",
    "CLIENT_SECRET",
    "MySecret",
    "OPENAI_API_KEY",
    "WANDB_API_KEY",
    "APIKEY",
    "SSH_PRIVATE_KEY",
    "AZURE_STORAGE_KEY",
    "DEPLOY_KEY",
    "SIGNING_KEY",
    "DOCKER_AUTH_CONFIG",
    "SSH_AUTH_SOCK",
    "GH_PAT",
    "SENTRY_DSN",
    "GIT_ASKPASS",
    "KUBECONFIG",
    "VAULT_ADDR",
    "GITHUB_ENV",
    "GITHUB_PATH",
    "GITHUB_OUTPUT",
    "GITHUB_STEP_SUMMARY",
]
HARMLESS = [
    "PATH",
    "HOME",
    "PWD",
    "OLDPWD",
    "LANG",
    "TMPDIR",
    "USER",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_HOME",
    "NVIDIA_VISIBLE_DEVICES",
    "NCCL_DEBUG",
    "OMP_NUM_THREADS",
    "PYTORCH_CUDA_ALLOC_CONF",
    "HF_HOME",
    "HF_HUB_CACHE",
    "HF_HUB_OFFLINE",
    "HF_ENDPOINT",
    "TRANSFORMERS_CACHE",
    "TOKENIZERS_PARALLELISM",
    "TORCH_HOME",
    "XDG_CACHE_HOME",
    "GITHUB_ACTIONS",
    "GITHUB_WORKSPACE",
    "GITHUB_REPOSITORY",
    "CI",
    "RUNNER_TEMP",
    "XAUTHORITY",
    "DISPLAY",
    "KEYBOARD_LAYOUT",
    "MONKEY",
    "PATTERN",
    "AUTHOR",
    "HTTP_PROXY",
    "LIPLEAK_CACHE",
    "SLURM_JOB_ID",
    "MASTER_ADDR",
    "MASTER_PORT",
]


@pytest.mark.parametrize("name", SECRETS)
def test_credentials_are_known_by_their_names(name: str) -> None:
    assert is_credential(name, "x")


@pytest.mark.parametrize("name", HARMLESS)
def test_what_a_model_needs_is_none(name: str) -> None:
    assert not is_credential(name, "x")


def test_a_password_in_an_address_is_one() -> None:
    assert is_credential("PIP_INDEX_URL", "https://anna:hunter2@example.org/simple")
    assert not is_credential("PIP_INDEX_URL", "https://example.org:8080/simple")
    assert not is_credential("HTTPS_PROXY", "http://anna:hunter2@proxy:3128"), "the way to the internet"


@pytest.mark.parametrize(
    "value",
    [
        "ghp_" + "a1" * 18, "https://0123456789abcdef@pypi.example.org/simple", '{"private_key": "x"}',
        "Server=db;Password=hunter2;", "-----BEGIN OPENSSH PRIVATE KEY-----", "redis://:hunter2@cache:6379",
    ],
)  # fmt: skip
def test_values_that_can_be_nothing_else(value: str) -> None:
    assert is_credential("COLOUR", value)


@pytest.mark.parametrize(
    "value",
    ["/caches/hf_a_folder_with_a_long_name", "ssh://git@example.org/a", "https://example.org/a@b", "sk-1"],
)
def test_values_that_look_alike(value: str) -> None:
    assert not is_credential("COLOUR", value)


@pytest.mark.parametrize("name", ["PGPASSFILE", "GITLAB_PAT2", "SLACK_WEBHOOK_URL"])
def test_further_names_of_credentials(name: str) -> None:
    assert is_credential(name, "x")


CLIP = Clip("ann", np.zeros((6, 16, 16, 3), np.uint8), np.zeros(6 * 640, np.int16))


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A program that copies, writes down its environment, and fails where it is told to."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "program.py").write_text(
        "import json, os, shutil, sys\n"
        "json.dump(dict(os.environ), open('environment.json', 'w'))\n"
        "shutil.copy(sys.argv[1], sys.argv[3])\n"
        "sys.exit(int(os.environ.get('STATUS', 0)))\n"
    )
    for name in (*SECRETS, *HARMLESS):
        if name not in (
            "PATH",
            "HOME",
            "PYTHONPATH",
            "LD_LIBRARY_PATH",
            "TMPDIR",
            "VIRTUAL_ENV",
            "CUDA_VISIBLE_DEVICES",
        ):
            monkeypatch.setenv(name, f"hunter2 {name}")
    return f"cmd: {shlex.quote(sys.executable)} program.py {{video}} {{audio}} {{output}}"


def generate(command: str, **arguments: object) -> dict[str, str]:
    model = load_model(command, arguments)
    run_generator(model.generator, "m", CLIP, Condition(Setup.AM, Reference.CR), CLIP.audio, CLIP.frames)
    seen: dict[str, str] = json.loads(Path("environment.json").read_text())
    return seen


def test_a_program_sees_no_credential(command: str) -> None:
    seen = generate(command)
    assert [name for name in SECRETS if name in seen] == []
    assert [
        name for name in HARMLESS if name not in seen and name in ("HF_HOME", "CI", "LANG", "HTTP_PROXY")
    ] == []
    assert "GITHUB_TOKEN" not in json.dumps(seen)


@pytest.mark.parametrize("wanted", ["HF_TOKEN, GH_PAT", ["HF_TOKEN", "GH_PAT"]])
def test_but_those_that_it_is_said_to_need(command: str, wanted: object) -> None:
    seen = generate(command, env=wanted)
    assert [name for name in SECRETS if name in seen] == ["HF_TOKEN", "GH_PAT"]
    assert seen["HF_TOKEN"] == "hunter2 HF_TOKEN"


def test_when_it_fails_what_it_did_not_get_is_said_without_its_value(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATUS", "3")
    with pytest.raises(
        GeneratorError, match=r"status 3(.|\n)*\n  not in its environment \(argument env\): .*HF_TOKEN"
    ) as caught:
        generate(command)
    assert "hunter2" not in str(caught.value)


def test_a_name_that_is_not_set_is_refused_and_a_value_is_not_repeated(command: str) -> None:
    with pytest.raises(ConfigurationError, match="env=HF_TOKKEN: there is no such environment variable"):
        load_model(command, {"env": "HF_TOKKEN"})
    with pytest.raises(ConfigurationError, match=r"env: HF_TOKEN=\.\.\.: expected the name") as caught:
        load_model(command, {"env": "HF_TOKEN=hunter2"})
    assert "hunter2" not in str(caught.value)
