"""Every command of ``lipleak`` reads its options and the environment by the same rows as the plugin."""

import argparse
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pytest_lipleak.cli import COMMANDS, USAGE, main, parser
from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.settings import convert
from pytest_lipleak.settings.options import OPTIONS, Option, Settings, offered_by
from pytest_lipleak.settings.resolve import command_settings, make_settings

ARGUMENTS: dict[str, tuple[str, ...]] = {
    "score": ("talk.mp4",),
    "clips": ("videos",),
    "evaluate": ("--model=demo",),
    "export": ("todo",),
    "report": ("report.json",),
    "paper": ("report.json",),
    "merge": ("part.json",),
    "compare": ("a.json", "b.json"),
    "calibrate": ("--output=dose.json",),
    "probe": ("--model=demo",),
    "models": (),
    "fetch": ("--folder=weights",),
    "cache": ("list",),
    "doctor": (),
    "completion": ("bash",),
}
"""What each command needs at least."""

WRONG: dict[convert.Convert, str] = {
    convert.number: "x",
    convert.count: "0",
    convert.device: "tpu",
    convert.confidence: "2",
    convert.shard: "3/2",
}
"""A value that is refused, by what reads it."""

OFFERED = [(command, option) for command in ARGUMENTS for option in offered_by(command)]
CHECKED = [(command, option) for command, option in OFFERED if option.choices or option.convert in WRONG]


def ids(cases: list[tuple[str, Option]]) -> list[str]:
    return [f"{command}-{option.name}" for command, option in cases]


whole_parser = cache(parser)
"""Made once: to make it takes longer than to read a command line."""


def subparsers() -> dict[str, argparse.ArgumentParser]:
    found: Any = next(a for a in whole_parser()._actions if isinstance(a, argparse._SubParsersAction))
    return dict(found.choices)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for variable in [name for name in os.environ if name.startswith("LIPLEAK_")]:
        monkeypatch.delenv(variable)
    return tmp_path


def test_every_command_is_known_here() -> None:
    assert list(ARGUMENTS) == [module.__name__.rpartition(".")[2] for module in COMMANDS]


@pytest.mark.parametrize("command", ARGUMENTS)
def test_a_command_has_the_options_of_its_rows_and_no_other_of_their_names(command: str) -> None:
    names = {option.command_flag for option in OPTIONS}
    flags = {action.option_strings[-1] for action in subparsers()[command]._actions if action.option_strings}
    # --json and --compare of other commands are of their own: print as JSON.
    assert flags & names - {"--json", "--model"} == {
        option.command_flag for option in offered_by(command)
    } - {
        "--json",
        "--model",
    }


def test_model_of_compare_alone_is_another() -> None:
    found = {name for name, sub in subparsers().items() if "--model" in sub._option_string_actions}
    assert found - {"compare"} == {
        command for command in ARGUMENTS if "model" in {o.name for o in offered_by(command)}
    }


@pytest.mark.parametrize(("command", "option"), CHECKED, ids=ids(CHECKED))
@pytest.mark.parametrize("by", ["option", "variable"])
def test_a_wrong_value_is_a_usage_error_with_what_is_allowed(
    command: str, option: Option, by: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = WRONG.get(option.convert, f"{option.choices[-1]}s" if option.choices else "")
    source = option.command_flag if by == "option" else f"environment variable {option.variable}"
    given = (f"{option.command_flag}={wrong}",) if by == "option" else ()
    if by == "variable":
        monkeypatch.setenv(option.variable, wrong)
    assert main([command, *ARGUMENTS[command], *given]) == USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"lipleak: {source}: {wrong!r} is ")
    if option.choices:
        assert f"choose one of {', '.join(option.choices)}; did you mean {option.choices[-1]}?" in err


@pytest.mark.parametrize("command", ARGUMENTS)
def test_a_misspelt_variable_is_refused_by_every_command(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIPLEAK_SEEED", "1")
    assert main([command, *ARGUMENTS[command]]) == USAGE
    assert (
        "environment variable LIPLEAK_SEEED is not known; did you mean LIPLEAK_SEED?"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(("command", "option"), OFFERED, ids=ids(OFFERED))
def test_the_environment_counts_and_the_command_line_outranks_it(command: str, option: Option) -> None:
    words = {
        convert.number: ("3", "4"),
        convert.count: ("3", "4"),
        convert.device: ("cuda:1", "mps"),
        convert.confidence: (".9", "0.95"),
    }
    first, second = option.choices[:2] or words.get(option.convert, ("1/2", "2/2"))

    def value(arguments: tuple[str, ...] = (), **environment: str) -> Any:
        parsed = whole_parser().parse_args([command, *ARGUMENTS[command], *arguments])
        if option.name == "model" and not arguments:
            parsed.model = None
        settings = command_settings(command, parsed, environment)
        return getattr(getattr(settings, option.part), option.field)

    assert value() == option.defaults.get(command, option.default)
    if option.is_flag:
        assert (
            value(**{option.variable: "yes"})
            is value((option.command_flag,), **{option.variable: "no"})
            is True
        )
        return
    given = value(**{option.variable: first})
    assert given == option.convert(first, convert.Origin("", Path.cwd()))
    assert value((f"{option.command_flag}={second}",), **{option.variable: first}) != given
    assert value((f"{option.command_flag}=",), **{option.variable: first}) == option.default


def test_a_variable_of_other_commands_is_left_alone() -> None:
    found = command_settings(
        "score", argparse.Namespace(), {"LIPLEAK_GATES": "no limit", "LIPLEAK_SEED": "x"}
    )
    assert found == command_settings("score", argparse.Namespace(), {})


def test_weights_of_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pytest_lipleak.media.clipsets import open_clips

    video = str(open_clips("embedded").files["anna_1"].video)
    monkeypatch.setenv("LIPLEAK_WEIGHTS", "nowhere")
    for arguments in (
        ("score", video),
        ("evaluate", "--model=demo"),
        ("probe", "--model=demo"),
        ("doctor", "--model=demo"),
        ("calibrate", "--output=dose.json"),
    ):
        assert main(arguments) == USAGE
        assert "nowhere: no such file or folder" in capsys.readouterr().err
    (folder / "weights").mkdir()
    (folder / "weights" / "syncnet_v2.model").write_bytes(b"other weights")
    monkeypatch.setenv("LIPLEAK_WEIGHTS", "weights")
    assert main(("doctor",)) == 0
    assert (
        f"SyncNet v2: {folder / 'weights' / 'syncnet_v2.model'} (unverified weights"
        in capsys.readouterr().out
    )
    assert main(("score", video)) == USAGE
    assert "SHA-256" in capsys.readouterr().err


@pytest.mark.parametrize("kind", [None, "zeros", "noise"])
def test_doctor_gives_the_silence_that_is_asked_for(
    kind: str | None,
    folder: Path,
    own_clips: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (folder / "model.py").write_text(
        "class Copy:\n    def generate(self, frames, audio, reference): return frames\n"
    )
    if kind:
        monkeypatch.setenv("LIPLEAK_SILENCE", kind)
    main(("doctor", "--model=model.py:Copy", "--frames=12", f"--clips={own_clips}"))
    assert f"measured with {kind or 'zeros'}" in capsys.readouterr().out


def test_settings_from_code_are_read_as_from_the_command_line(folder: Path) -> None:
    found = make_settings({"clips": "videos", "gate": ["LSD-CR < 1"], "shard": "1/2"}, folder, {})
    assert found.inputs.clips == str(folder / "videos")
    assert found.rules.gates == ("LSD-CR < 1",)
    assert found.machine.shard == (1, 2)
    assert found.sources == {"clips": "--clips", "gates": "--gate", "shard": "--shard"}
    with pytest.raises(ConfigurationError, match="--shard: '2' is no part"):
        make_settings({"shard": "2"}, folder, {})
    assert make_settings({}, folder, {}) == Settings(sources={})


def test_the_shell_completes_files_and_choices_of_every_command() -> None:
    pytest.importorskip("shtab")
    run = subprocess.run(
        [sys.executable, "-m", "pytest_lipleak.cli", "completion", "bash"],
        capture_output=True,
        text=True,
        check=True,
    )
    for wanted in ("evaluate___keep_COMPGEN", "calibrate___weights_COMPGEN", "probe___store_COMPGEN"):
        assert wanted in run.stdout
    # Older releases of shtab quote each.
    assert "doctor___silence_choices=(zeros noise)" in run.stdout.replace("'", "")


@pytest.mark.parametrize("option", ["timeout", "store-limit"])
def test_nothing_at_all_is_no_number(option: str) -> None:
    """Is 0 no limit, or no room at all? Neither is guessed."""
    for text, refused in (("0", True), ("-1", True), ("1", False), ("", False)):
        given = parser().parse_args(["evaluate", "--model=demo", f"--{option}={text}"])
        if refused:
            with pytest.raises(
                ConfigurationError, match=f"--{option}: '{text}' is not allowed; expected a whole"
            ):
                command_settings("evaluate", given, {})
        else:
            machine = command_settings("evaluate", given, {}).machine
            assert getattr(machine, option.replace("-", "_")) == (int(text) if text else None)


def test_no_command_takes_the_beginning_of_an_option() -> None:
    for command in ARGUMENTS:
        with pytest.raises(SystemExit) as ended:
            main([command, *ARGUMENTS[command], "--hel"])
        assert ended.value.code == USAGE


@pytest.mark.parametrize("name", [f"{'x' * 300}.onnx", f"{'x' * 300}.py:load"])
def test_a_model_that_no_file_can_be_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", f"--model={name}"]) == USAGE
    assert "cannot be a path (File name too long)" in capsys.readouterr().err
