"""Limits are on the scale of one expert: where nobody named it, what is found on a machine must not decide."""

from pathlib import Path

import pytest
from inner_pytest import Project

from pytest_lipleak.cli import USAGE, main
from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.core.metrics.default_gates import DEFAULT_GATES
from pytest_lipleak.run.run import Run
from pytest_lipleak.settings.resolve import make_settings
from pytest_lipleak.sync.experts import SYNCNET_FILE, choose_expert, refuse_unnamed

WHICH = "on the scale of which expert? Nobody named one, and this machine would take embedded (no syncnet_v2.model"


def given(project: Project, *more: str) -> tuple[str, ...]:
    return ("--lipleak-model=models.py:Copy", f"--lipleak-clips={project.clips}", *more)


@pytest.mark.parametrize("what", ["--lipleak-gate=LSE-C_S < 50", "--lipleak-shard=1/2"])
def test_refused_before_anything_is_measured(project: Project, what: str) -> None:
    run = project.run(*given(project, what, "--lipleak-json=scores.json"))
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert WHICH in run.text
    assert "--lipleak-expert=embedded or --lipleak-expert=syncnet" in run.text
    assert not run.json_file.exists()


def test_an_assertion_that_nobody_foresaw_fails(project: Project) -> None:
    """test_foreseen.py has those that are refused before any test; these put together at run time what they judge."""
    project.write(
        test_it="""
        import pytest_lipleak
        from pytest_lipleak import assert_metric, assert_no_silent_leak
        def test_loose(lipleak): getattr(pytest_lipleak, "assert_silent_" + "lse_c_below")(lipleak, 50)
        def test_other(lipleak): assert_no_silent_leak(lipleak, **{"min_{}".format("effect"): 50})
        def test_pictures(lipleak): assert_metric(lipleak, "SSIM[AM,CR] > 0.9")
        """
    )
    run = project.run(*given(project, "--lipleak-json=scores.json"))
    assert run.counts == {"failed": 2, "passed": 1}
    assert len(run.lines(f"E .*{WHICH.partition('?')[0]}")) == 2
    assert run.json["verdict"] == "not judged"


def test_the_command_line_says_its_own_option(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.path)
    ask = ["evaluate", "--model=models.py:Copy", f"--clips={project.clips}", "--gate=LSE-C_S < 50"]
    assert main(ask) == USAGE
    assert "--expert=embedded or --expert=syncnet" in capsys.readouterr().err


def test_default_gates_and_the_embedded_clips_need_no_name(project: Project) -> None:
    """The former are looked up for the expert; the latter have but one."""
    Run(make_settings({"model": "demo", "gate": ["LSE-C_S < 1"]}, project.path, {})).check()
    run = Run(make_settings({"model": "demo", "clips": project.clips}, project.path, {}))
    run.check()
    assert len(run.limits(or_defaults=True)) == len(DEFAULT_GATES["embedded", "direct"])


def test_found_weights_are_no_name_either(tmp_path: Path) -> None:
    (tmp_path / SYNCNET_FILE).touch()
    chosen = choose_expert("auto", tmp_path)
    assert chosen[0] == "syncnet"
    with pytest.raises(ConfigurationError, match="this machine would take syncnet"):
        refuse_unnamed("LSD-CR < 0.6", *chosen)
    refuse_unnamed("LSD-CR < 0.6", *choose_expert("syncnet", tmp_path))
