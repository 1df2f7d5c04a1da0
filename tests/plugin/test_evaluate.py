"""``lipleak evaluate`` measures, judges and reports what the plugin does."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from inner_pytest import Project

from pytest_lipleak.cli import CUT_OFF, GOOD, LEAK, NOT_JUDGED, USAGE, main
from pytest_lipleak.settings.options import OPTIONS, offered_by

GATE = "--gate=LSE-C_S < 50"
LIMITS = ("LSD-CR < 0.001", "LSE-C_S < 50")


@pytest.fixture
def evaluate(project: Project, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(project.path)

    def run(model: str, *arguments: str) -> int:
        given = (f"--model=models.py:{model}", f"--clips={project.clips}", "--expert=embedded")
        return main(["evaluate", *given, *arguments])

    return run


def lasting(report: dict[str, Any]) -> dict[str, Any]:
    del report["created"]
    for result in report["results"]:
        del result["costs"], result["provenance"]["begun"]
    return report


def test_the_same_report_as_the_plugin(
    project: Project, evaluate: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run = project.measure("Copy", "-v", *(f"--lipleak-gate={limit}" for limit in LIMITS))
    capsys.readouterr()
    gates = [f"--gate={limit}" for limit in LIMITS]
    assert evaluate("Copy", *gates, "--json=out/own.json", "-v") == LEAK
    out, err = capsys.readouterr()
    assert lasting(json.loads(Path("out/own.json").read_text())) == run.lasting
    assert not project.run_folders(), "what was made for this run alone is gone"
    assert out.startswith(
        "FAILED: leaks or loses sync with other speech: 1 of 2 limits broken: LSD-CR < 0.001"
    )
    # The failure's words, with the options of this command.
    assert "LSD-CR = " in out
    assert "keep them with --keep=DIR" in out
    assert "--lipleak" not in out + err
    table = [line for line in run.text.splitlines() if line.startswith(("AM CR ", "real clips", "LSD-CR"))]
    assert table
    assert set(table) <= set(out.splitlines())
    assert evaluate("Copy", gates[1], "-q", "--json=-") == GOOD
    assert json.loads(capsys.readouterr().out)["verdict"] == "pass"
    assert evaluate("Copy", gates[1], "-q") == GOOD
    assert capsys.readouterr().out.splitlines()[0].startswith("PASSED: 1 limit kept")


def test_measure_only_judges_nothing(evaluate: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate("OnlyAR", "--measure", "--gate=none", "--json=-") == GOOD
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == "not judged"
    metrics = {entry["metric"] for entry in report["results"][0]["metrics"]}
    assert {"LSD-AR", "LSE-C_S[AR]", "LSE-C[GT]"} < metrics
    assert "LSD-CR" not in metrics
    assert report["results"][0]["unrelated"], "whether the expert can judge these clips is in the file"


def test_a_group_takes_no_gate_away(evaluate: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate("Copy", "--measure", "-q") == LEAK, "the default gates, as in pytest"
    assert capsys.readouterr().out.startswith("FAILED")
    assert evaluate("Copy", "--gate=none") == USAGE
    assert "--gate none judges nothing, and nothing is to be measured" in capsys.readouterr().err
    assert evaluate("Copy", "--measure", "--gate=none", "--gate=LSD-CR < 1") == USAGE
    assert "cannot read the gate 'none'" in capsys.readouterr().err


def test_groups_go_together_with_gates(evaluate: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate("Copy", "--measure", "--gate=LSE-C[AM,CR] > 0", "--json=-") == GOOD
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == "pass"
    assert {"LSD-CR", "LSD-AR", "LSE-C_S"} <= {entry["metric"] for entry in report["results"][0]["metrics"]}
    assert evaluate("Copy", "--measure", "--gate=LSD-CR < 0.001", "-q") == LEAK
    # A gate that does not apply is no reason to call the run good.
    assert evaluate("OnlyAR", "--measure", "--gate=LSD-CR < 50", "-q") == NOT_JUDGED


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break otherwise there")
def test_a_reader_that_wants_no_more_leaves_the_reports_whole(project: Project) -> None:
    """As ``lipleak evaluate ... --json report.json | head -1``."""
    command = [sys.executable, "-m", "pytest_lipleak.cli", "evaluate", "--model=models.py:Copy"]
    given = [f"--clips={project.clips}", "--expert=embedded", "--gate=LSE-C[AM,CR] > 0", "--json=report.json"]
    running = subprocess.Popen(
        [*command, *given], cwd=project.path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert running.stdout is not None
    running.stdout.close()
    assert running.wait(300) == CUT_OFF
    report = json.loads((project.path / "report.json").read_text())
    assert (report["verdict"], report["run"]["ended"]) == ("pass", "finished")


def test_what_cannot_be_judged_is_neither_good_nor_a_leak(
    evaluate: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("Raises", "--gate=LSE-C_S < 50") == NOT_JUDGED
    out = capsys.readouterr().out
    assert out.startswith("NOT JUDGED: 1 of 1 limit could not be judged: LSE-C_S < 50")
    assert "out of memory in the decoder" in out
    # One cause of two limits is told once, and both limits are named.
    assert evaluate("Raises", "--gate=LSE-C_S < 50", "--gate=LSE-D_S > 1") == NOT_JUDGED
    both = capsys.readouterr().out
    assert both.startswith("NOT JUDGED: 2 of 2 limits could not be judged: LSE-C_S < 50, LSE-D_S > 1")
    assert both.count("out of memory in the decoder") == out.count("out of memory in the decoder")
    evaluate("Raises", "--gate=LSE-C_S < 50", "--gate=LSE-C[AM,CR] > 0", "--gate=LSD-CR < 50")
    assert "failed in the same way" not in capsys.readouterr().out, "the reason is told above"
    # Nothing the model has is spoken of: nothing was judged.
    assert evaluate("OnlyAR", "--gate=LSD-CR < 50") == NOT_JUDGED
    assert "skipped LSD-CR < 50: " in capsys.readouterr().err


def test_a_model_that_cannot_be_built_is_not_judged_as_in_pytest(
    project: Project, evaluate: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with (project.path / "models.py").open("a") as file:
        file.write("\n\ndef unbuilt():\n    raise OSError('checkpoint.pth is not here')\n")
    assert evaluate("unbuilt", GATE) == NOT_JUDGED
    assert "could not be loaded: OSError: checkpoint.pth is not here" in capsys.readouterr().err
    assert evaluate("absent", GATE) == USAGE
    assert project.measure("unbuilt", f"--lipleak-gate={GATE.partition('=')[2]}").result.ret == NOT_JUDGED


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--gate=LSD-CR > 1",), "LSD-CR > 1: for LSD-CR lower is better"),
        (("--clips=nowhere",), "nowhere'"),
        (("--expert=nobody",), "--expert: 'nobody' is not allowed; choose one of auto, syncnet, embedded"),
        (("--seed=-1",), "--seed: '-1' is not allowed"),
        (("--model=",), "which model? Name it with --model or LIPLEAK_MODEL"),
        (("--model=paintre",), "paintre"),
        (("--shard=1/2",), "--shard measures for `lipleak merge`: name the part's file with --json"),
        (("--measure=papers",), "--measure: 'papers' is not allowed; choose one of conditions, paper, leak"),
        (
            ("--protocol=lrs",),
            "no limit to judge by: expert embedded has no default gates under protocol lrs",
        ),
    ],
)
def test_refused(
    evaluate: Any, arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("Copy", *arguments) == USAGE
    out, err = capsys.readouterr()
    assert words in err
    assert "--lipleak" not in err
    assert out == ""


def test_environment(
    evaluate: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIPLEAK_GATES", "LSE-C_S < 50; LSD-CR < 0.001")
    assert evaluate("Copy") == LEAK
    monkeypatch.setenv("LIPLEAK_INCONCLUSIVE", "skip")
    assert evaluate("Copy") == USAGE
    assert "environment variable LIPLEAK_INCONCLUSIVE: `lipleak evaluate` does not" in capsys.readouterr().err
    monkeypatch.delenv("LIPLEAK_INCONCLUSIVE")
    monkeypatch.setenv("LIPLEAK_GATE", "LSD-CR < 1")
    assert evaluate("Copy") == USAGE
    assert "did you mean LIPLEAK_GATES?" in capsys.readouterr().err


def test_no_setting_of_the_plugin_is_forgotten() -> None:
    # What a test does that is neither kept nor broken is a matter of tests alone.
    assert {o.name for o in OPTIONS} - {o.name for o in offered_by("evaluate")} == {
        "inconclusive",
        "gates_with_paths",
    }


def test_baseline(evaluate: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate("Still", GATE, "--save-baseline=base.json", "--json=r.json") == GOOD
    assert "lipleak: written: r.json, base.json\n" in capsys.readouterr().err
    assert evaluate("Still", GATE, "--save-baseline=base.json", "-q") == GOOD
    assert "written" not in capsys.readouterr().err
    name = json.loads(Path("base.json").read_text())["results"][0]["provenance"]["model"]
    Path("base.json").write_text(Path("base.json").read_text().replace(name, "models.py:Copy"))
    assert evaluate("Copy", "--compare=base.json", "--compare-fail=LSE-C_S > +0.1") == LEAK
    out = capsys.readouterr().out
    assert "compared with base.json:" in out
    assert "baseline: " in out
    assert evaluate("Copy", GATE, "--compare=base.json", "--compare-fail=LSE-C_S > +50") == GOOD
    assert evaluate("Copy", GATE, "--compare=base.json", "--seed=7") == NOT_JUDGED
    assert "seed" in capsys.readouterr().err
    # A baseline that cannot be judged against is refused before the model is asked for anything.
    for more, status, why in (
        (["--compare-fail=LSE-C_S > +50", "--seed=7"], USAGE, "seed: 0 in the baseline, 7 now"),
        (["--compare-fail=LSD-AR > +9"], NOT_JUDGED, "LSD-AR was not measured on all clips of base.json"),
    ):
        assert evaluate("Raises", GATE, "--compare=base.json", *more) == status
        out, err = capsys.readouterr()
        assert why in err
        assert out == ""
    # One that fails later takes no other result along.
    assert (
        evaluate("Raises", GATE, "--compare=base.json", "--compare-fail=LSE-C_S > +9", "--json=r.json") == 3
    )
    assert "out of memory in the decoder" in capsys.readouterr().err
    assert json.loads(Path("r.json").read_text())["verdict"] == "not judged"
    undecided = ["--compare=base.json", "--compare-fail=LSE-C_S > +9", "--save-baseline=half.json"]
    assert evaluate("RaisesOnSilence", "--gate=LSE-C[AM,CR] > -99", *undecided) == NOT_JUDGED
    err = capsys.readouterr().err
    assert "half.json is not written: LSE-C_S > +9 failed" in err
    assert "lipleak: written:" not in err
    assert not Path("half.json").exists()
    assert evaluate("Raises", GATE, "--save-baseline=none.json") == NOT_JUDGED
    assert "none.json is not written" in capsys.readouterr().err
    assert not Path("none.json").exists()
    assert evaluate("Copy", "--compare-fail=LSE-C_S > +50") == USAGE
    assert "--compare-fail: name the baseline with --compare=FILE" in capsys.readouterr().err


@pytest.mark.parametrize("when", ["generate", "use_clips"])
def test_a_model_that_ends_the_process_is_not_judged(
    project: Project, capsys: pytest.CaptureFixture[str], when: str
) -> None:
    """With a good status, the run would pass for good."""
    project.write(
        leaves=f"""
        class Leaves:
            def generate(self, frames, audio, reference):
                return frames

        def leave(self, *given):
            raise SystemExit(0)

        Leaves.{when} = leave
        """
    )
    given = ("--model=leaves.py:Leaves", f"--clips={project.clips}", "--expert=embedded", GATE)
    assert main(["evaluate", *given]) == NOT_JUDGED
    said = "".join(capsys.readouterr())
    assert "SystemExit: 0" in said
