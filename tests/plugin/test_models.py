"""Models that fail: the message names model, clip and condition; what was finished is kept."""

import pytest
from inner_pytest import Project, Run

from pytest_lipleak.core.exit_status import NOT_JUDGED

GATE = "--lipleak-gate=LSE-C_S < 50"

BAD = [
    ("Raises", "generate() raised RuntimeError: out of memory in the decoder"),
    ("Short", "generate() returned shape (51, 80, 80, 3), expected (52, 80, 80, 3) like its input"),
    ("Floats", "frames have dtype float64, expected uint8 RGB in 0..255"),
    ("NaNs", "frames contain NaN"),
]


@pytest.mark.parametrize(("model", "words"), BAD)
def test_named_in_the_message(project: Project, model: str, words: str) -> None:
    run = project.measure(model, GATE)
    assert run.code == NOT_JUDGED, "1 is a leak"
    (line,) = run.lines(rf"^model 'models.py:{model}', clip 'clip\d', condition \[SI,CR\]: ")
    assert words in line
    assert run.lines("2 more videos failed")
    assert run.lines("^NOT JUDGED: 1 of 1 limit could not be judged")
    assert (run.json["verdict"], run.json["results"][0]["verdicts"][0]["value"]) == ("not judged", None)
    assert run.lines(r"^real clips +\d")
    assert "pytest_lipleak" not in run.text[run.text.index("= FAILURES") :]


def test_the_models_own_lines_are_shown(project: Project) -> None:
    run = project.measure("Raises", GATE)
    assert run.lines("what the model raised")
    assert run.lines(r"models.py., line \d+, in decode")
    assert run.lines("raise RuntimeError")


def test_the_same_lines_are_shown_once(project: Project, in_a_worker: tuple[str, ...]) -> None:
    gates = (GATE, "--lipleak-gate=LSE-D_S > 50", "--lipleak-gate=LSE-C[XM,CR] > 1")
    run = project.measure("Raises", *gates, *in_a_worker)
    assert run.counts == {"failed": 3}
    assert len(run.lines(r"models.py., line \d+, in decode")) == 1
    assert run.lines("^the same as in gate LSE-C_S < 50, above: RuntimeError: out of memory in the decoder$")
    first, *others = (run.text.index(words) for words in ("in decode", "_ gate LSE-D_S", "_ gate LSE-C[XM"))
    assert all(first < other for other in others), "it stands under the test that is printed first"


def test_a_model_that_writes_into_the_clips_it_is_shown_is_told_so(project: Project) -> None:
    run = project.measure("WritesIntoClips", GATE, "--lipleak-gate=LSE-D[GT] < 90")
    assert run.counts == {"failed": 1, "passed": 1}
    assert run.code == NOT_JUDGED
    assert run.lines(
        r"use_clips\(\) raised ValueError: .*read-only; what it is shown of the clips must not be changed"
    )
    assert not run.lines("please report")


def test_failing_on_one_clip_keeps_the_others(project: Project, distribution: tuple[str, ...]) -> None:
    gates = (GATE, "--lipleak-gate=LSE-D[GT] < 90", "--lipleak-allow-unscored")
    run = project.measure("RaisesOnOneClip", *gates, *distribution)
    assert run.counts == {"failed": 1, "passed": 1}
    assert run.lines(r"^model 'models.py:RaisesOnOneClip', clip 'clip2', condition \[SI,CR\]: .*too bright$")
    assert run.lines("^other clips work: .* --lipleak-allow-unscored .* does not cover a model that fails")
    trials = {(trial["clip"], trial["condition"]) for trial in run.json["results"][0]["trials"]}
    assert trials == {(f"clip{n}", "GT") for n in range(3)} | {(f"clip{n}", "SI,CR") for n in range(2)}
    assert run.json["verdict"] == "not judged"


def test_failing_on_silence_leaves_other_conditions(project: Project) -> None:
    run = project.measure("RaisesOnSilence", "--lipleak-gate=LSE-D[AM,CR] < 90", GATE)
    assert run.counts == {"failed": 1, "passed": 1}
    assert run.lines("no mel frames in silence$")
    assert run.lines("^only silence fails, .* --lipleak-silence=noise$")
    assert run.lines(r"^AM CR +\d")


def test_whose_factory_fails(project: Project) -> None:
    run = project.measure("broken_factory", GATE, "--lipleak-gate=LSE-D_S > 1")
    assert run.counts == {"failed": 2}
    assert run.lines(r"could not be loaded: OSError: checkpoint.pth is not here \(models.py, line \d+\)$")
    assert not run.lines("registry.py|session.py")
    # Why stands in the verdict, and which tests failed in pytest's own list.
    why = r"could not be loaded: OSError: checkpoint.pth is not here \(models.py, line \d+\)"
    assert run.lines(
        rf"^NOT JUDGED: model 'models.py:broken_factory' {why} \(2 tests failed for this reason\)$"
    )


def test_that_fails_is_not_one_whose_tests_were_skipped(project: Project) -> None:
    (project.path / "current.py").write_text(
        "class Raises:\n    supports = ('CR',)\n"
        "    def generate(self, frames, audio, reference): raise RuntimeError('dark')\n"
    )
    run = project.measure("current.py:Raises", GATE, "--lipleak-gate=LSE-C_S[AR] < 50")
    assert run.counts == {"failed": 1, "skipped": 1}
    assert run.lines("^NOT JUDGED: 1 of 1 limit could not be judged: ")
    assert not run.lines("nothing judges|by a mark or a fixture")


UNUSABLE = [
    ("models.py:np", (), "is a module; expected an object with generate"),
    ("models.py:Copy", ("--lipleak-model-arg=chekpoint=x",), r"it takes \(log\), set by --lipleak-model-arg"),
    ("models.py:function", ("--lipleak-model-arg=a=1",), "is ready-made and takes no arguments, but got a;"),
    (
        "imports.py:Model",
        (),
        r"could not be loaded: ModuleNotFoundError: No module named 'absent_package' \(imports.py, line 2\)$",
    ),
    ("misspelt.py:Model", (), r"could not be loaded: SyntaxError: [^(]* \(misspelt.py, line 1\)$"),
    ("misspelt:Model", (), r"could not be loaded: SyntaxError: [^(]* \(misspelt.py, line 1\)$"),
    (
        "chosen.py:Model",
        (),
        r"could not be loaded: ModuleNotFoundError: No module named 'absent_package' \(chosen.py, line 2\)$",
    ),
    ("exits.py:Model", (), r"could not be loaded: SystemExit: usage: script.py VIDEO \(exits.py, line 2\)$"),
]


def test_what_a_file_does_not_hold_is_refused_before_anything_runs(project: Project) -> None:
    run = project.measure("Missing", GATE)
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert run.lines(
        r"^ERROR: model 'models.py:Missing': models.py has no attribute 'Missing'; it has Copy, "
    )


@pytest.mark.parametrize(("model", "arguments", "words"), UNUSABLE, ids=[case[0] for case in UNUSABLE])
def test_that_cannot_be_imported_is_refused_before_any_test_runs(
    project: Project, model: str, arguments: tuple[str, ...], words: str
) -> None:
    run = unusable(project, model, *arguments)
    assert run.lines(f"^ERROR: model '{model}'.*{words}")


@pytest.mark.parametrize("workers", ["-n0", pytest.param("-n2", marks=pytest.mark.slow)])
def test_that_cannot_be_imported_is_refused_once_by_all_workers(project: Project, workers: str) -> None:
    run = unusable(project, "imports.py:Model", workers)
    assert len(run.lines("absent_package")) == 1


def unusable(project: Project, model: str, *arguments: str) -> Run:
    """Run a test of one's own and a gate with a model that cannot be used; neither runs."""
    project.write(
        imports="import sys\nimport absent_package\nModel = None\n",
        misspelt="Model = = 3\n",
        chosen="import importlib\nimportlib.import_module('absent_package')\nModel = None\n",
        exits="import sys\nsys.exit('usage: script.py VIDEO')\nModel = None\n",
        test_other="from pathlib import Path\ndef test_it(): Path('ran').touch()\n",
    )
    run = project.measure(model, GATE, *arguments)
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert not (project.path / "ran").exists()
    assert run.json["verdict"] == "not judged"
    return run


def test_that_no_test_needs_is_not_imported(project: Project) -> None:
    """A model named in the ini file must cost nothing where other tests are chosen."""
    project.write(
        noted="from pathlib import Path\nPath('seen').touch()\nModel = None\n",
        test_other="def test_it(): pass\n",
    )
    run = project.measure("noted.py:Model", GATE, "-k", "test_it")
    assert (run.code, run.counts) == (pytest.ExitCode.OK, {"passed": 1, "deselected": 1})
    run = project.measure("noted.py:Model", GATE, "--collect-only")
    assert run.code == pytest.ExitCode.OK
    assert run.lines("2 tests collected")
    assert not (project.path / "seen").exists()


def test_that_an_overriding_fixture_replaces_is_not_imported(
    project: Project, in_a_worker: tuple[str, ...]
) -> None:
    project.write(
        absent="import absent_package\nModel = None\n",
        conftest="""
        import pytest, models
        @pytest.fixture(scope="session")
        def lipleak_model(): return models.Copy()
        """,
        test_it="""
        def test_it(lipleak): assert lipleak.measure("LSE-D_S").value < 10
        """,
    )
    run = project.measure("absent.py:Model", *in_a_worker)
    assert (run.code, run.counts) == (pytest.ExitCode.OK, {"passed": 1}), run.text
    run = project.measure("absent.py:Model", GATE, *in_a_worker)
    assert run.code == pytest.ExitCode.USAGE_ERROR, "the gate judges the model that is named"


def test_that_an_overriding_fixture_builds_on_is_imported_before_any_test_runs(project: Project) -> None:
    project.write(
        absent="import absent_package\nModel = None\n",
        conftest="""
        import pytest
        @pytest.fixture(scope="session")
        def lipleak_model(lipleak_model): return lipleak_model
        """,
        test_it="def test_it(lipleak): pass",
    )
    assert project.measure("absent.py:Model").code == pytest.ExitCode.USAGE_ERROR


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
