"""The assertions a test suite imports: right direction, readable failures, skips, misuse."""

import pytest
from inner_pytest import Project

CALLS = [
    (
        "assert_lsd_below(lipleak, 50)",
        "assert_lsd_below(lipleak, 1e-9, reference='CR')",
        "LSD-CR = ",
        "not < 1e-09",
    ),
    (
        "assert_lsd_below(lipleak, 50, reference='AR')",
        "assert_lsd_below(lipleak, 1e-9, reference='AR')",
        "LSD-AR",
        "< 1e-09",
    ),
    (
        "assert_silent_lse_c_below(lipleak, 50)",
        "assert_silent_lse_c_below(lipleak, 1e-9)",
        "LSE-C_S = ",
        "not < 1e-09",
    ),
    (
        "assert_silent_lse_d_above(lipleak, 0)",
        "assert_silent_lse_d_above(lipleak, 90)",
        "LSE-D_S = ",
        "not > 90",
    ),
    ("assert_lse_c_above(lipleak, 0)", "assert_lse_c_above(lipleak, 90)", "LSE-C[AM,CR] = ", "not > 90"),
    (
        "assert_lse_d_below(lipleak, 90)",
        "assert_lse_d_below(lipleak, 1e-9)",
        "LSE-D[AM,CR] = ",
        "not < 1e-09",
    ),
    (
        "assert_lse_c_above(lipleak, 0, setup='XM', reference='AR')",
        "assert_lse_c_above(lipleak, 90, setup='XM', reference='AR')",
        "LSE-C[XM,AR] = ",
        "not > 90",
    ),
    (
        "assert_metric(lipleak, 'LSE-C_S <= 50')",
        "assert_metric(lipleak, 'LSE-C_S<1e-9')",
        "LSE-C_S = ",
        "not < 1e-09",
    ),
]


def suite(*calls: str) -> str:
    tests = "\n\n".join(f"def test_{number}(lipleak):\n    {call}" for number, call in enumerate(calls))
    return f"from pytest_lipleak import *\n\n{tests}\n"


def test_kept(project: Project, distribution: tuple[str, ...]) -> None:
    project.write(test_kept=suite(*(kept for kept, _, _, _ in CALLS)))
    run = project.measure("Copy", *distribution)
    assert run.counts == {"passed": len(CALLS)}
    assert run.json["verdict"] == "pass"


def test_broken_shows_the_users_line_and_the_words_alone(
    project: Project, distribution: tuple[str, ...]
) -> None:
    project.write(test_broken=suite(*(broken for _, broken, _, _ in CALLS)))
    run = project.measure("Copy", *distribution)
    assert run.counts == {"failed": len(CALLS)}
    assert not run.lines(r"assertions\.py|judge\(|__tracebackhide__")
    for _, broken, value, reason in CALLS:
        assert any(line.endswith(broken) for line in run.lines("^>  ")), broken
        (headline,) = [line for line in run.lines(r"^E ") if value in line and reason in line][:1]
        assert "(3 clips, expert embedded" in headline
    assert run.lines(r"^FAILED test_broken.py::test_2 - AssertionError: LSE-C_S = ")
    assert run.lines(r"^E +worst clips: clip")


def test_verdict_comes_back(project: Project) -> None:
    project.write(
        test_verdict="""
        from pytest_lipleak import assert_metric
        def test_it(lipleak):
            verdict = assert_metric(lipleak, "LSE-C_S < 50")
            assert verdict.passed and 0 < verdict.measurement.value < 50
            assert verdict.measurement.no_interval == "an interval needs at least 5 clips"
        """
    )
    assert project.measure("Copy").counts == {"passed": 1}


def test_at_the_limit_and_just_beside_it(project: Project) -> None:
    project.write(
        test_limit="""
        import math, pytest
        from pytest_lipleak import assert_metric, assert_silent_lse_c_below
        def test_it(lipleak):
            value = lipleak.measure("LSE-C_S").value
            assert_silent_lse_c_below(lipleak, math.nextafter(value, 100))
            assert_metric(lipleak, f"LSE-C_S <= {value!r}")
            with pytest.raises(AssertionError):
                assert_silent_lse_c_below(lipleak, value)
        """
    )
    assert project.measure("Copy").counts == {"passed": 1}


def test_not_applicable_skips(project: Project) -> None:
    project.write(
        test_skips=suite("assert_lsd_below(lipleak, 50)", "assert_lsd_below(lipleak, 50, reference='AR')")
    )
    run = project.measure("OnlyAR", "-rs")
    assert run.counts == {"skipped": 1, "passed": 1}
    (line,) = run.lines("^SKIPPED")
    assert line.startswith("SKIPPED [1] test_skips.py:3: condition [AM,CR] is not applicable")


MISUSE = [
    (
        "assert_metric(lipleak, 'LSD-XX < 1')",
        "unknown metric 'LSD-XX'; did you mean LSD-CR? docs/metrics.md explains them all",
    ),
    ("assert_metric(lipleak, 'LSD-CR > 1')", "lower is better"),
    ("assert_metric(lipleak, 'LSD-CR')", "cannot read the gate 'LSD-CR'"),
    ("assert_lsd_below(lipleak, 1, reference='XR')", "reference='XR' is not known; use CR or AR"),
    ("assert_lsd_below(lipleak, float('nan'))", "expected a finite number"),
    (
        "assert_lse_c_above(lipleak, 1, setup='SI')",
        "under SI there is no driving audio to follow; use assert_silent",
    ),
    ("assert_lse_c_above(lipleak, 1, setup='AX')", "setup='AX' is not known; use AM or XM"),
    (
        "assert_metric('demo', 'LSD-CR < 1')",
        "got 'demo' to judge; expected the fixture lipleak, or an evaluation",
    ),
    (
        "assert_metric('LSD-CR < 1', lipleak)",
        "got 'LSD-CR < 1' to judge; expected the fixture lipleak, or an evaluation: assert_metric(lipleak, limit, ...)",
    ),
    ("assert_metric(lipleak, 1)", "got 1 as limit; expected text: assert_metric(lipleak, limit, ...)"),
    ("assert_metric(lipleak, lipleak)", "got Evaluation as limit; expected text"),
    (
        "assert_lsd_below(lipleak, '1')",
        "got '1' as limit; expected a number: assert_lsd_below(lipleak, limit, ...)",
    ),
    ("assert_lsd_below(lipleak, True)", "got True as limit; expected a number"),
    ("assert_reference_does_not_move_lips(0.2, lipleak)", "got 0.2 to judge; expected the fixture lipleak"),
    ("assert_no_regression('b.json', lipleak)", "got 'b.json' to judge; expected the fixture lipleak"),
    ("lipleak.measure('LSD')", "unknown metric 'LSD'"),
]


def test_a_limit_that_cannot_be_read_is_named_and_no_empty_row_is_shown(project: Project) -> None:
    project.write(test_misspelt=suite("assert_metric(lipleak, 'LSEC_S < 1')"))
    run = project.measure("Copy")
    assert run.code == 3
    assert run.lines("^NOT JUDGED: a limit could not be read: unknown metric 'LSEC_S'; did you mean LSE-C_S")
    assert "no limit was given" not in run.text
    assert not run.lines("^real clips")


def test_a_limit_that_cannot_be_read_is_told_beside_others(project: Project) -> None:
    project.write(
        test_misspelt=suite("assert_metric(lipleak, 'LSE-C_S > 1')", "assert_metric(lipleak, 'LSE-C_S < 50')")
    )
    run = project.measure("Copy")
    assert (run.code, run.json["verdict"]) == (3, "not judged")
    assert run.lines("^NOT JUDGED: .*; so far 1 limit kept")
    assert run.lines("^a limit could not be read: LSE-C_S > 1: .* write LSE-C_S < 1")
    assert run.lines("^>  ") == [">       assert_metric(lipleak, 'LSE-C_S > 1')"], "none of our own lines"


def test_swapped_arguments_are_not_judged_and_no_leak(project: Project) -> None:
    project.write(test_swapped=suite("assert_metric('LSD-CR < 1', lipleak)"))
    run = project.measure("Copy")
    assert (run.code, run.json["verdict"]) == (3, "not judged"), run.text


def test_misuse_shows_the_users_line_and_what_is_allowed(project: Project) -> None:
    project.write(test_misuse=suite(*(call for call, _ in MISUSE)))
    run = project.measure("Copy")
    assert run.counts == {"failed": len(MISUSE)}
    for call, words in MISUSE:
        assert any(line.endswith(call) for line in run.lines("^>  ")), call
        assert [line for line in run.lines("^E ") if words in line], words
    assert not run.lines(r"(assertions|metrics|verdicts|evaluation)\.py")


@pytest.mark.parametrize("style", ["short", "line", "no", "native", "long"])
def test_every_traceback_style(project: Project, style: str) -> None:
    project.write(test_style=suite("assert_metric(lipleak, 'LSD-XX < 1')"))
    run = project.measure("Copy", f"--tb={style}")
    assert run.counts == {"failed": 1}
    assert run.lines("^FAILED test_style.py::test_0 - unknown metric")


def test_user_code_between_keeps_its_lines(project: Project) -> None:
    project.write(
        helpers="""
        from pytest_lipleak import assert_metric
        def follows_audio(lipleak): assert_metric(lipleak, "LSE-C[AM,CR] > 90")
        """,
        test_helped="""
        from helpers import follows_audio
        def test_it(lipleak): follows_audio(lipleak)
        """,
    )
    run = project.measure("Copy")
    assert run.lines("> +def test_it|> +.*follows_audio.lipleak.$")
    assert run.lines("helpers.py:2")


def test_errors_of_the_users_own_stay_whole(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """What we say twice is named the second time; what a user's test says is not ours to shorten."""
    monkeypatch.setenv("LIPLEAK_EXPERT", "embedded")
    words = "row x: " + "numbers, " * 30
    lines = f"{words}\\n  unscored: clip0: too dark"
    project.write(
        test_own="from pytest_lipleak.core.errors import InputError\n"
        f"def test_one(): raise ValueError('{lines}')\n"
        f"def test_two(): raise ValueError('{lines}')\n"
        f"def test_three(lipleak): raise ValueError('{lines}')\n"
        f"def test_four(lipleak): raise ValueError('{lines}')\n"
        f"def test_five(lipleak): raise InputError('{lines}')\n"
        f"def test_six(lipleak): raise InputError('{lines}')\n",
    )
    run = project.measure("Copy", "--tb=short")
    assert len(run.lines(f"^E +ValueError: {words.rstrip()}")) == 4
    assert len(run.lines("^E +unscored: clip0: too dark")) == 5
    assert [line.rpartition(" as under ")[2] for line in run.lines("as under")] == ["test_five, above"] * 2
