"""Command line over environment over ini file over default, for every kind of option; what is refused, and how."""

import re
from pathlib import Path
from typing import Any

import pytest
from inner_pytest import Project, Run

from pytest_lipleak.pytest_plugin.stash import KEY
from pytest_lipleak.settings.options import OPTIONS, Settings
from pytest_lipleak.settings.resolve import read_settings


def settings(project: Project, *arguments: str, **environment: str) -> Settings:
    return read_settings(project.pytester.parseconfig(*arguments), environment)


def field(found: Settings, name: str) -> Any:
    (option,) = (option for option in OPTIONS if option.field == name)
    return getattr(getattr(found, option.part), name)


KINDS = [
    ("expert", "embedded", "syncnet", "auto", "auto"),
    ("model", "one:a", "two:b", "three:c", None),
    ("seed", "3", "2", "1", 0),
    ("device", "cuda:1", "cpu", "mps", "auto"),
]


@pytest.mark.parametrize(("name", "given", "variable", "ini", "default"), KINDS)
def test_precedence(project: Project, name: str, given: str, variable: str, ini: str, default: Any) -> None:
    def got(*arguments: str, **environment: str) -> Any:
        value = field(settings(project, *arguments, **environment), name)
        return None if value is None else str(value)

    flag, key = f"--lipleak-{name}", f"LIPLEAK_{name.upper()}"
    assert got() == (None if default is None else str(default))
    project.ini(f"lipleak_{name} = {ini}")
    assert got() == ini
    assert got(**{key: variable}) == variable
    assert got(**{key: ""}) == ini, "an empty variable counts as none"
    assert got(flag, given, **{key: variable}) == given
    assert got(f"{flag}=", **{key: variable}) == (None if default is None else str(default))


def test_lists_replace_each_other_and_are_not_mixed(project: Project) -> None:
    assert settings(project).rules.gates == ()
    project.ini("lipleak_gates =", "    LSD-CR < 1", "    LSD-AR < 2")
    assert settings(project).rules.gates == ("LSD-CR < 1", "LSD-AR < 2")
    assert settings(project, LIPLEAK_GATES="LSD-CR < 3; LSD-AR < 4;").rules.gates == (
        "LSD-CR < 3",
        "LSD-AR < 4",
    )
    given = ("--lipleak-gate", "LSD-CR < 5", "--lipleak-gate", "LSD-AR < 6")
    assert settings(project, *given, LIPLEAK_GATES="LSD-CR < 3").rules.gates == ("LSD-CR < 5", "LSD-AR < 6")
    assert settings(
        project, "--lipleak-model-arg", "a=1", "--lipleak-model-arg", "b=2"
    ).inputs.model_args == (
        "a=1",
        "b=2",
    )


@pytest.mark.parametrize("word", ["1", "true", "Yes", "on"])
def test_flags(project: Project, word: str) -> None:
    assert not settings(project).rules.allow_unscored
    assert settings(project, "--lipleak-allow-unscored").rules.allow_unscored
    assert settings(project, LIPLEAK_ALLOW_UNSCORED=word).rules.allow_unscored
    project.ini(f"lipleak_allow_unscored = {word}")
    assert settings(project).rules.allow_unscored
    assert not settings(project, LIPLEAK_ALLOW_UNSCORED="0").rules.allow_unscored, "environment beats ini"


def test_toml_values_of_their_own_type(project: Project) -> None:
    (project.path / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\nlipleak_gates = ["LSD-CR < 1", "LSE-C_S < 2"]\nlipleak_seed = 7\n'
        "lipleak_allow_unscored = true\n"
    )
    got = settings(project)
    assert (got.rules.gates, got.plan.seed, got.rules.allow_unscored) == (
        ("LSD-CR < 1", "LSE-C_S < 2"),
        7,
        True,
    )


def test_paths_are_meant_from_where_they_are_written(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.ini("lipleak_clips = videos", "lipleak_json = out/scores.json", "lipleak_model = models.py:Copy")
    below = project.path / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    config = project.pytester.parseconfig(
        "--rootdir", str(project.path), "-c", str(project.path / "pytest.ini")
    )
    got = read_settings(config, {"LIPLEAK_KEEP": "kept"})
    assert got.inputs.clips == str(project.path / "videos")
    assert got.outputs.json == project.path / "out" / "scores.json"
    assert got.outputs.keep == config.invocation_params.dir / "kept"
    assert got.inputs.model == f"{project.path / 'models.py'}:Copy"
    assert settings(project, "--lipleak-clips=embedded").inputs.clips == "embedded"


def test_every_option_has_help_a_field_and_three_spellings(project: Project) -> None:
    for option in OPTIONS:
        assert option.help
        assert option.ini in {f"lipleak_{option.name}", f"lipleak_{option.name}s"}
        assert option.variable == option.ini.upper()
        assert field(Settings(), option.field) == option.default
        assert set(option.defaults) <= set(option.commands)
    assert len({option.variable for option in OPTIONS} | {"LIPLEAK_CACHE"}) == len(OPTIONS) + 1


REFUSED = [
    (("--lipleak-expert=nobody",), "--lipleak-expert: 'nobody' is not allowed; choose one of auto, syncnet"),
    (
        ("--lipleak-expert=embedded-2",),
        "embedded-2 is not in this version of pytest-lipleak, whose embedded expert is release 3; install the version",
    ),
    (("--lipleak-expert=embedded-x",), "'embedded-x' is not allowed; choose one of auto, syncnet"),
    (("--lipleak-protocol=raw",), "choose one of auto, lrs, direct, tracked"),
    (("--lipleak-silence=quiet",), "choose one of zeros, noise"),
    (("--lipleak-pairing=twins",), "choose one of any, same-speaker"),
    (("--lipleak-alternative-reference=last",), "choose one of first, random, multiple"),
    (("--lipleak-seed=x",), "--lipleak-seed: 'x' is not allowed; expected a whole number, 0 or more"),
    (("--lipleak-seed=-1",), "expected a whole number, 0 or more"),
    (("--lipleak-device=tpu",), "--lipleak-device: 'tpu' is no device; use auto, cpu, cuda, cuda:N or mps"),
    (("--lipleak-device=cuda:x",), "is no device"),
    (("--lipleak-model=models.py",), "does not say which attribute of models.py it is; it has "),
    (("--lipleak-model=models",), "model 'models' does not say which attribute of models.py it is; it has "),
    (("--lipleak-model=nobody",), "unknown model 'nobody'; known names are demo"),
    (("--lipleak-model=wav2lipp",), "unknown model 'wav2lipp'; did you mean wav2lip? known names are demo"),
    (("--lipleak-model=demo:leaking",), "expected demo, demo:leaky or demo:leaky=SHARE"),
    (("--lipleak-model=demo:leaky=2",), "with a share in 0..1"),
    (("--lipleak-model=missing.py:Model",), "no such file missing.py"),
    (("--lipleak-model=no_such_package.x:Model",), "no module 'no_such_package.x' can be imported"),
    (("--lipleak-model=demo", "--lipleak-model-arg=x"), "model argument 'x': expected key=value"),
    (("--lipleak-model=demo", "--lipleak-clips=nowhere"), "no such file or folder; name a folder of videos"),
    (("--lipleak-model=demo", "--lipleak-clips=empty"), "empty: 0 clips; expected at least one video file"),
    (("--lipleak-model=demo", "--lipleak-pairs=nowhere.txt"), "nowhere.txt: no such file"),
    (
        ("--lipleak-model=demo", "--lipleak-gate=LSD-CR"),
        "cannot read the gate 'LSD-CR'; expected METRIC < NUMBER",
    ),
    (("--lipleak-model=demo", "--lipleak-gate=LSD-CR < low"), "'low' is not a number"),
    (
        ("--lipleak-model=demo", "--lipleak-gate=LSD-XX < 1"),
        "unknown metric 'LSD-XX'; did you mean LSD-CR? docs/metrics.md explains them all",
    ),
    (
        ("--lipleak-model=demo", "--lipleak-gate=LSD-CR > 1"),
        "lower is better, so this limit would pass when the",
    ),
    (("--lipleak-model=demo", "--lipleak-gate=LSD-CR < nan"), "expected a finite number"),
    (("--lipleak-model=demo", "--lipleak-expert=syncnet"), "no syncnet_v2.model in the download folder"),
    (("--lipleak-model=demo", "--lipleak-store=wrong.model"), "wrong.model: cannot be written to"),
    (("--lipleak-model=demo", "--lipleak-weights=nowhere"), "nowhere: no such file or folder"),
    (("--lipleak-model=demo", "--lipleak-expert=syncnet", "--lipleak-weights=wrong.model"), "SHA-256 is"),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSED, ids=[" ".join(case[0]) for case in REFUSED])
def test_refused_at_start(project: Project, arguments: tuple[str, ...], words: str) -> None:
    (project.path / "empty").mkdir()
    (project.path / "wrong.model").write_bytes(b"no weights")
    run = project.run(*arguments)
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert words in run.text
    assert "Traceback" not in run.text


@pytest.mark.parametrize("refused", [REFUSED[0][0], REFUSED[16][0], REFUSED[20][0]])
def test_under_xdist_it_is_said_once(project: Project, refused: tuple[str, ...]) -> None:
    (project.path / "empty").mkdir()
    run = project.run("-n2", *refused)
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert len(run.lines("ERROR")) == 1
    assert not run.lines("(?<!popen-)gw0|crash|INTERNAL")


def test_a_misspelt_ini_key_is_refused_where_a_model_is_judged(project: Project) -> None:
    project.ini("lipleak_gate = LSD-CR < 1", "other_key = 1")
    run = project.run("--lipleak-model=demo")
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert run.lines("ERROR: ini key lipleak_gate in .*pytest.ini is not known; did you mean lipleak_gates")
    assert project.run().code == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.parametrize(
    ("ini", "words"),
    [
        ("lipleak_expert = nobody", "ini key lipleak_expert: 'nobody' is not allowed"),
        ("lipleak_seed = many", "ini key lipleak_seed: 'many' is not allowed; expected a whole number"),
        (
            "lipleak_allow_unscored = perhaps",
            "ini key lipleak_allow_unscored: 'perhaps' is not allowed; expected true or false",
        ),
    ],
)
def test_bad_ini_value(project: Project, ini: str, words: str) -> None:
    project.ini(ini)
    run = project.run("--lipleak-model=demo")
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert words in run.text
    project.write(test_it="def test_it(lipleak): pass")
    assert words in project.run().text
    project.write(test_it="def test_it(): pass")
    assert project.run().counts == {"passed": 1}, "who judges nothing is not stopped"


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("LIPLEAK_EXPERT", "nobody", "environment variable LIPLEAK_EXPERT: 'nobody' is not allowed"),
        ("LIPLEAK_ALLOW_UNSCORED", "perhaps", "neither true nor false"),
    ],
)
def test_bad_variable(
    project: Project, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(variable, value)
    run = project.run()
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert words in run.text


@pytest.mark.parametrize("value", [("X",), ("LSD-CR < 1",), ()])
def test_a_misspelt_option_is_refused_with_the_right_one(project: Project, value: tuple[str, ...]) -> None:
    (project.path / "X").mkdir()
    for given in (["--lipleak-gates", *value], [f"--lipleak-gates={''.join(value)}"]):
        run = project.run("--lipleak-model=demo", *given)
        assert run.code == pytest.ExitCode.USAGE_ERROR
        assert run.lines("^ERROR: option --lipleak-gates is not known; did you mean --lipleak-gate\\?$")


@pytest.mark.parametrize("given", [["--lipleak-speaker=anna"], ["--lipleak-speaker", "anna"]])
def test_an_option_of_the_users_conftest_is_not_misspelt(
    project: Project, given: list[str], in_a_worker: tuple[str, ...]
) -> None:
    project.write(
        conftest="def pytest_addoption(parser): parser.addoption('--lipleak-speaker')",
        test_it="def test_it(pytestconfig): assert pytestconfig.getoption('lipleak_speaker') == 'anna'",
    )
    run = project.run(*given, *in_a_worker)
    assert (run.code, run.counts) == (pytest.ExitCode.OK, {"passed": 1}), run.text
    run = project.run(*given, "--lipleak-modle=demo", *in_a_worker)
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert run.lines("^ERROR: option --lipleak-modle is not known; did you mean --lipleak-model\\?$")


def test_misspelt_ini_key_is_refused_by_strict_config(project: Project) -> None:
    project.ini("lipleak_modle = demo", "addopts = --strict-config")
    assert "Unknown config option: lipleak_modle" in project.run().text


def test_nothing_to_judge_by_is_a_usage_error(project: Project, in_a_worker: tuple[str, ...]) -> None:
    weights = project.path / "syncnet_v2.model"
    weights.write_bytes(b"not looked into before something is measured")
    run = project.measure(
        "Copy",
        *in_a_worker,
        "--lipleak-expert=syncnet",
        f"--lipleak-weights={weights}",
        "--lipleak-allow-unverified-weights",
    )
    assert run.code == pytest.ExitCode.USAGE_ERROR
    (line,) = run.lines("ERROR")
    assert "there is nothing to judge it by" in line
    assert "expert syncnet has no default limits" in line


def test_clips_that_cannot_be_paired_are_refused_at_the_start(
    project: Project, in_a_worker: tuple[str, ...]
) -> None:
    run = project.measure("demo", *in_a_worker)
    assert run.code == pytest.ExitCode.USAGE_ERROR
    (line,) = run.lines("ERROR")
    assert "clip 'clip0' has no partner for XM: its speaker is unknown" in line
    silent = project.measure("demo", "--lipleak-gate=LSE-C_S < 50", "--collect-only", *in_a_worker)
    assert silent.code == 0, "silence needs no pairs"


def test_clips_that_nothing_left_pairs_are_no_reason_to_refuse(
    project: Project, in_a_worker: tuple[str, ...]
) -> None:
    project.write(test_it="def test_unit(): pass")
    gates = ("--lipleak-gate=LSE-C_S < 9", "--lipleak-gate=LSE-C[XM,CR] > 0.1")

    def run(*arguments: str) -> Run:
        return project.measure("demo", *gates, *arguments, *in_a_worker)

    assert (silence := run("-k", "LSE-C_S")).code == pytest.ExitCode.OK, silence.text
    assert silence.counts["passed"] == 1
    assert (unit := run("-k", "unit")).code == pytest.ExitCode.OK, unit.text
    assert unit.counts["passed"] == 1
    assert (driven := run("-k", "XM")).code == pytest.ExitCode.USAGE_ERROR
    assert len(driven.lines("ERROR.*clip 'clip0' has no partner for XM")) == 1
    listed = run("--collect-only", "-q")
    assert listed.code == pytest.ExitCode.OK
    assert listed.lines(re.escape("lipleak::LSE-C(XM,CR) > 0.1"))


def test_clips_shown_as_one_would_type_them(project: Project) -> None:
    (project.path / "mine").symlink_to(project.clips)
    config = project.pytester.parseconfigure(
        "--lipleak-model=demo", f"--lipleak-clips={project.path / 'mine'}"
    )
    assert config.stash[KEY].run.clips.origin == "mine"
    assert Path(config.stash[KEY].settings.inputs.clips).is_absolute()


def test_ini_file_that_pytest_overlooks_is_not_silently_left_out(project: Project) -> None:
    project.ini("lipleak_gates = LSE-C_S < 50")
    arguments = ("--lipleak-model=models.py:Copy", "--lipleak-clips", str(project.clips))
    run = project.run(*arguments)
    assert run.code == pytest.ExitCode.USAGE_ERROR
    (line,) = run.lines("ERROR")
    assert "pytest.ini sets lipleak_* keys, but pytest overlooks it" in line
    assert line.endswith("write --lipleak-clips=PATH")
    run = project.run(
        arguments[0], f"--lipleak-clips={project.clips}", "--lipleak-expert=embedded", "--collect-only", "-q"
    )
    assert run.lines("pytest.ini::LSE-C_S < 50")
