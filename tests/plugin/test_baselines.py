"""Baselines: saved whole or not at all, compared only with their like, the same under xdist."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from inner_pytest import Project

from pytest_lipleak.cli import GOOD, LEAK, NOT_JUDGED, USAGE, main
from pytest_lipleak.sync.embedded import RELEASE, RELEASE_SHA256

GATES = ("--lipleak-gate=LSE-C_S < 50", "--lipleak-gate=LSD-CR < 50")


def save(project: Project, model: str, *arguments: str) -> Path:
    run = project.measure(model, *GATES, "--lipleak-save-baseline=base.json", *arguments)
    assert run.code == pytest.ExitCode.OK, run.text
    assert run.lines("^written: ") == ["written: scores.json, base.json"]
    return project.path / "base.json"


def test_saved_and_compared(
    project: Project, in_a_worker: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    base = save(project, "Still", *in_a_worker)
    text = base.read_text()
    assert max(map(len, text.splitlines())) < 1000, "one score per line, so that it diffs"
    run = project.measure(
        "Still", *GATES, "--lipleak-compare=base.json", "--lipleak-compare-fail=LSD-CR > +0", *in_a_worker
    )
    assert run.counts == {"passed": 3}, run.text
    assert run.lines("compared with base.json: models.py:Still")
    assert run.lines(r"LSE-C_S .* same")
    run = project.measure(
        "Copy", *GATES, "--lipleak-compare=base.json", "--lipleak-compare-fail=LSE-C_S > +0.1", *in_a_worker
    )
    assert run.counts == {"passed": 2, "failed": 1}
    assert run.lines(r"LSE-C_S = .*: not <= ")
    assert run.lines(r"baseline: .* in base.json; the change is \+.*, \+0.1 is allowed \(LSE-C_S > \+0.1\)")
    assert run.json["verdict"] == "fail"
    assert run.json["unjudged"] == []
    capsys.readouterr()
    files = ["compare", str(base), str(run.json_file)]
    assert main(files) == GOOD
    assert "LSE-C_S" in capsys.readouterr().out
    assert main([*files, "--fail", "LSE-C_S > +0.1"]) == LEAK
    assert "FAILED LSE-C_S = " in capsys.readouterr().out
    assert main([*files, "--fail", "LSE-C_S > +9", "--json"]) == GOOD
    data = json.loads(capsys.readouterr().out)
    (change,) = [each for each in data["differences"] if each["metric"] == "LSE-C_S"]
    assert change["after"] - change["before"] == pytest.approx(change["change"])
    assert main([*files, "--fail", "LSE-C_S < -0.1"]) == USAGE
    assert main([*files, "--fail", "LSD-AR > +0.1"]) == NOT_JUDGED
    assert main(["compare", str(base), str(project.path / "models.py")]) == USAGE


def edited(base: Path, **provenance: Any) -> Path:
    data = json.loads(base.read_text())
    data["results"][0]["provenance"] |= provenance
    other = base.with_name("other.json")
    other.write_text(json.dumps(data))
    return other


def test_another_measurement_is_refused_with_what_differs(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    base = save(project, "Still")
    other = edited(base, seed=4, silence="noise")
    assert main(["compare", str(other), str(base)]) == USAGE
    said = capsys.readouterr().err
    assert (
        "must not be compared: seed: 4 in the baseline, 0 now; silence: noise in the baseline, zeros now"
        in said
    )
    run = project.measure(
        "Still", *GATES, "--lipleak-compare=other.json", "--lipleak-compare-fail=LSE-C_S > +9"
    )
    assert run.counts == {"passed": 2, "failed": 1}
    assert run.lines("these results must not be compared: seed: 4 in the baseline, 0 now")
    # Without a limit of its own, a comparison that cannot be made still ends the run as failed.
    run = project.measure("Still", *GATES, "--lipleak-compare=other.json")
    assert run.code == NOT_JUDGED
    assert run.lines("NOT COMPARED: these results must not be compared")


def test_a_baseline_of_another_release_of_the_expert_is_refused(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    base = save(project, "Still")
    now = json.loads(base.read_text())["results"][0]["provenance"]
    assert now["weights_sha256"] == RELEASE_SHA256
    assert now["expert"] == f"embedded {RELEASE}+{RELEASE_SHA256[:8]}"
    edited(base, expert="embedded 2+0123abcd", weights_sha256="0123abcd" + "0" * 56)
    told = (
        f"expert: embedded 2+0123abcd in the baseline, {now['expert']} now; "
        f"weights SHA-256: 0123abcd0000 in the baseline, {RELEASE_SHA256[:12]} now"
    )
    assert main(["compare", str(base.with_name("other.json")), str(base)]) == USAGE
    assert told in capsys.readouterr().err
    run = project.measure(
        "Still", *GATES, "--lipleak-compare=other.json", "--lipleak-compare-fail=LSE-C_S > +9"
    )
    assert run.code == NOT_JUDGED
    assert run.lines(re.escape(told))


def test_a_release_is_named_and_judges_as_the_expert(project: Project) -> None:
    """The name holds a project to the release of its baseline: other releases refuse it, which test_settings.py has."""
    save(project, "Still")
    compared = ("--lipleak-compare=base.json", "--lipleak-compare-fail=LSE-C_S > +9")
    run = project.measure("Still", *GATES, f"--lipleak-expert=embedded-{RELEASE}", *compared)
    assert run.counts == {"passed": 3}, run.text
    assert run.lines(r"LSE-C_S .* same")


def test_nothing_half_is_saved(project: Project) -> None:
    base = project.path / "base.json"
    base.write_text("the old one")
    for model in ("Raises", "RaisesOnOneClip"):
        run = project.measure(model, *GATES, "--lipleak-save-baseline=base.json")
        assert run.code == NOT_JUDGED
        assert run.lines("baseline .*base.json is not written: ")
    assert base.read_text() == "the old one"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--lipleak-compare=nowhere.json",), "nowhere.json: cannot be read"),
        (("--lipleak-compare=models.py",), "is no JSON file"),
        (("--lipleak-compare-fail=LSD-CR > +1",), "name the baseline with --lipleak-compare=FILE"),
        (("--lipleak-compare=models.py", "--lipleak-compare-fail=LSD-CR < 1"), "cannot read the regression"),
        (("--lipleak-save-baseline=b.json", "--lipleak-shard=1/2"), "a part of the clips is no baseline"),
    ],
)
def test_refused_at_start(project: Project, arguments: tuple[str, ...], words: str) -> None:
    run = project.measure("Copy", *arguments)
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert words in run.text


def test_assertion(project: Project) -> None:
    save(project, "Still")
    project.write(
        test_it="""
        from pathlib import Path
        import pytest
        from pytest_lipleak import assert_no_regression
        def test_default(lipleak): assert_no_regression(lipleak, "base.json")
        def test_given(lipleak): assert_no_regression(lipleak, Path("base.json"), "LSE-C_S > +50%")
        def test_not_in_it(lipleak):
            with pytest.raises(AssertionError, match="not measured on all clips of the baseline"):
                assert_no_regression(lipleak, "base.json", "LSD-AR > +9")
        """
    )
    run = project.measure("Still")
    assert run.counts == {"passed": 3}
    lacking = "not compared with base.json: the baseline lacks .*LSE-C_S@floor, .*LipCorr_XO"
    assert run.lines(lacking), "a pass says what nobody looked at"
    run = project.measure("Copy")
    assert run.counts == {"passed": 1, "failed": 2}
    assert run.lines("E +AssertionError: LSE-C_S = .*: not <= ")
    assert run.lines(f"E +{lacking}")


def test_a_baseline_without_leak_metrics_assures_of_nothing(project: Project) -> None:
    # It holds sync under AM and XM, by which a copy is no worse than a still mouth.
    project.measure("Still", GATES[1], "--lipleak-save-baseline=base.json")
    project.write(
        test_it="""
        from pytest_lipleak import assert_no_regression
        def test_default(lipleak): assert_no_regression(lipleak, "base.json")
        """
    )
    run = project.measure("Copy")
    assert run.counts == {"failed": 1}
    assert run.lines("E +AssertionError: base.json: cannot be judged for leaks, it holds none of LSE-C_S, ")
