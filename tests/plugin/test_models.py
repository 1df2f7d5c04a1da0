"""Models that fail: the message names model, clip and condition; what was finished is kept."""

import pytest
from inner_pytest import Project

GATE = "--lipleak-gate=LSE-C_S < 50"

BAD = [
    ("Raises", "generate() raised RuntimeError: out of memory in the decoder"),
    ("Short", "generate() returned shape (74, 80, 80, 3), expected (75, 80, 80, 3) like its input"),
    ("Floats", "frames have dtype float64, expected uint8 RGB in 0..255"),
    ("NaNs", "frames contain NaN"),
]


@pytest.mark.parametrize(("model", "words"), BAD)
def test_named_in_the_message(project: Project, model: str, words: str) -> None:
    run = project.measure(model, GATE)
    assert run.code == pytest.ExitCode.TESTS_FAILED
    (line,) = run.lines(rf"^model 'models.py:{model}', clip 'clip\d', condition \[SI,CR\]: ")
    assert words in line
    assert run.lines("2 more takes failed")
    assert run.lines("^NOT JUDGED: 1 of 1 limit could not be judged")
    assert (run.json["verdict"], run.json["results"][0]["verdicts"][0]["value"]) == ("not judged", None)
    assert run.lines(r"^real clips +\d")
    assert "pytest_lipleak" not in run.text[run.text.index("= FAILURES") :]


def test_the_models_own_lines_are_shown(project: Project) -> None:
    run = project.measure("Raises", GATE)
    assert run.lines("what the model raised")
    assert run.lines(r"models.py., line \d+, in decode")
    assert run.lines("raise RuntimeError")


def test_failing_on_one_clip_keeps_the_others(project: Project, distribution: tuple[str, ...]) -> None:
    gates = (GATE, "--lipleak-gate=LSE-D[GT] < 90", "--lipleak-allow-unscored")
    run = project.measure("RaisesOnOneClip", *gates, *distribution)
    assert run.counts == {"failed": 1, "passed": 1}
    assert run.lines(r"^model 'models.py:RaisesOnOneClip', clip 'clip2', condition \[SI,CR\]: .*too bright$")
    assert run.lines("^other clips work: .* --lipleak-allow-unscored .* does not cover a model that fails")
    takes = {(take["clip"], take["condition"]) for take in run.json["results"][0]["takes"]}
    assert takes == {(f"clip{n}", "GT") for n in range(3)} | {(f"clip{n}", "SI,CR") for n in range(2)}
    assert run.json["verdict"] == "not judged"


def test_failing_on_silence_leaves_other_conditions(project: Project) -> None:
    run = project.measure("RaisesOnSilence", "--lipleak-gate=LSE-D[AM,CR] < 90", GATE)
    assert run.counts == {"failed": 1, "passed": 1}
    assert run.lines("no mel frames in silence$")
    assert run.lines("^only silence fails, .* --lipleak-silence=noise$")
    assert run.lines(r"^AM CR +\d")


@pytest.mark.parametrize(
    ("model", "arguments", "words"),
    [
        ("broken_factory", (), "could not be loaded: OSError: checkpoint.pth is not here"),
        ("np", (), "is a module; expected an object with generate"),
        (
            "Copy",
            ("--lipleak-model-arg=chekpoint=x",),
            "it takes (log), set by --lipleak-model-arg key=value",
        ),
        ("function", ("--lipleak-model-arg=a=1",), "is ready-made and takes no arguments, but got a"),
    ],
)
def test_that_cannot_be_loaded(project: Project, model: str, arguments: tuple[str, ...], words: str) -> None:
    run = project.measure(model, GATE, "--lipleak-gate=LSE-D_S > 1", *arguments)
    assert run.counts == {"failed": 2}
    assert words in run.text
    assert not run.lines("registry.py|session.py")


def test_what_a_file_does_not_hold_is_refused_before_anything_runs(project: Project) -> None:
    run = project.measure("Missing", GATE)
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert run.lines(
        r"^ERROR: model 'models.py:Missing': models.py has no attribute 'Missing'; it has Copy, "
    )


def test_module_that_exits_is_no_crash(project: Project) -> None:
    (project.path / "script.py").write_text("import sys\nsys.exit('usage: script.py VIDEO')\nModel = None\n")
    run = project.measure("script.py:Model", GATE)
    assert run.counts == {"failed": 1}
    assert run.lines("^model 'script.py:Model' could not be loaded: SystemExit: usage: script.py VIDEO")


@pytest.mark.parametrize(
    "workers", [(), ("-n0",), pytest.param(("-n2",), marks=pytest.mark.slow)], ids=["plain", "n0", "n2"]
)
def test_who_asks_for_a_store_is_told_that_nothing_was_kept(
    project: Project, workers: tuple[str, ...]
) -> None:
    run = project.measure("Copy", GATE, "--lipleak-store=kept", *workers)
    assert run.lines("kept: nothing of models.py:Copy was kept, since it has no attribute fingerprint")


def test_arguments_reach_the_factory(project: Project) -> None:
    run = project.measure("Copy", GATE, "--lipleak-model-arg=log=calls")
    assert run.counts == {"passed": 1}
    assert len(list((project.path / "calls").iterdir())) == 3


def test_function_as_model(project: Project) -> None:
    assert project.measure("function", GATE).counts == {"passed": 1}
