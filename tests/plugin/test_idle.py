"""What the plugin costs those who do not ask for it: nothing."""

import sys

import pytest
from inner_pytest import Project

pytestmark = pytest.mark.cold

HEAVY = ("torch", "cv2", "librosa", "onnxruntime", "scipy", "av", "numpy", "pooch", "filelock")

IDLE = {
    *("plugin", "fixtures", "pytest_plugin", "pytest_plugin.asking", "pytest_plugin.stash"),
    *("settings", "settings.convert", "settings.options", "settings.parsers", "settings.resolve"),
    *("core", "core.choices", "core.remarks", "core.version"),
}
"""Modules of every run."""

SPREAD = {
    *("session_hooks", "gates", "run", "run.process", "core.exit_status"),
    *(
        "pytest_plugin.session",
        "pytest_plugin.xdist",
        "pytest_plugin.display",
        "pytest_plugin.evaluations",
    ),
    *("pytest_plugin.interruption", "pytest_plugin.judging_tests", "pytest_plugin.refusals"),
    *("pytest_plugin.terminal", "pytest_plugin.watcher", "pytest_plugin.guarding"),
}
"""Modules of a run that pytest-xdist spreads, beside these."""

LISTS_MODULES = """
import sys
from pathlib import Path

def pytest_unconfigure(config):
    # The very end: what the plugin imports to finish a run counts as well.
    config.add_cleanup(lambda: Path("modules.txt").write_text("\\n".join(sys.modules)))
"""


def modules(project: Project) -> set[str]:
    return set((project.path / "modules.txt").read_text().splitlines())


@pytest.mark.parametrize(
    "arguments", [(), ("--collect-only",), ("-n2",)], ids=["plain", "collect-only", "n2"]
)
def test_a_run_that_does_not_ask_for_it_imports_nothing_heavy(
    project: Project, arguments: tuple[str, ...]
) -> None:
    # xdist's workers overwrite the file in any order; all of them must be clean.
    project.write(conftest=LISTS_MODULES, test_plain="def test_plain(): pass")
    run = project.run(*arguments, subprocess=True)
    assert run.code == 0
    found = modules(project)
    assert "pytest_lipleak.plugin" in found
    assert not [name for name in found if name.split(".")[0] in HEAVY]
    ours = {name.removeprefix("pytest_lipleak.") for name in found if name.startswith("pytest_lipleak.")}
    # Where others run the tests, nobody knows before what they will ask for.
    assert ours == IDLE | (SPREAD if arguments == ("-n2",) else set())
    assert "lipleak" not in "".join(line for line in run.text.splitlines() if not line.startswith("plugins:"))


REWRITTEN = """
import sys
from _pytest.assertion.rewrite import AssertionRewritingHook

def pytest_unconfigure(config):
    print("rewritten:", *(name for name, module in sys.modules.items()
        if isinstance(getattr(module, "__loader__", None), AssertionRewritingHook)))
"""


def test_pytest_does_not_rewrite_what_a_run_of_ours_imports_as_if_it_were_tests(project: Project) -> None:
    project.write(conftest=REWRITTEN)
    run = project.measure("demo", "--collect-only", subprocess=True)
    assert run.code == 0, run.text
    (line,) = run.lines("rewritten:")
    ours = {
        name.removeprefix("pytest_lipleak.") for name in line.split() if name.startswith("pytest_lipleak.")
    }
    # What guards the process from the name of a model on is there before the rest.
    guarding = {"pytest_plugin.guarding", "pytest_plugin.display", "core.exit_status"}
    assert ours <= IDLE | guarding | {"machine", "machine.exit_guard"}


def test_a_fixture_that_a_test_asks_for_while_it_runs_is_there(project: Project) -> None:
    project.write(
        conftest=LISTS_MODULES,
        test_late="def test_late(request): assert len(request.getfixturevalue('lipleak_clips')) == 12",
    )
    run = project.run(subprocess=True)
    assert run.code == 0, run.text
    assert {f"pytest_lipleak.{name}" for name in SPREAD} <= modules(project)


def test_what_could_not_be_collected_before_the_first_test_of_ours_counts(project: Project) -> None:
    project.write(
        test_1="raise ValueError('cannot be collected')",
        test_2="import pytest\ndef test_model(lipleak_model): ...\ndef test_plain(): assert 0",
    )
    assert project.run().code == 2
    both = project.run("--continue-on-collection-errors")
    # Without a model the first is an error that says so, and that alone would be status 3.
    assert both.code == 1, both.text


def test_collecting_gates_loads_no_model_and_no_expert(project: Project) -> None:
    (project.path / "side_effect.py").write_text("raise SystemExit('imported')\nclass Model: ...\n")
    project.write(conftest=LISTS_MODULES)
    run = project.measure(
        "side_effect.py:Model", "--collect-only", "--lipleak-gate", "LSD-CR < 0.6", subprocess=True
    )
    assert run.code == 0, run.text
    assert run.lines("LSD-CR < 0.6")
    assert not modules(project) & {
        "onnxruntime",
        "torch",
        "av",
        "cv2",
        "pytest_lipleak.evaluation.evaluation",
    }


def test_package_itself_imports_nothing() -> None:
    assert "pytest_lipleak" in sys.modules
    import pytest_lipleak

    assert pytest_lipleak.assert_metric.__module__ == "pytest_lipleak.assertions"
    assert set(pytest_lipleak.__all__) <= set(dir(pytest_lipleak))
    with pytest.raises(AttributeError, match="no attribute 'assert_nothing'"):
        pytest_lipleak.assert_nothing  # noqa: B018


def test_help_is_one_group_and_names_the_other_spellings(project: Project) -> None:
    text = project.run("--help").text
    start = text.index("lip leakage of talking-face generators")
    group = text[start : text.index("\n\n", start)]
    assert "--lipleak-model=NAME" in group
    assert "LIPLEAK_*" in " ".join(group.split())
    assert "-q only the verdict" in " ".join(group.split())
    assert "default of --lipleak-gate" in " ".join(text.split())
