"""Limits from configuration, collected as tests."""

import re

import numpy as np
import pytest
from inner_pytest import Project

KEPT, BROKEN, ALSO_KEPT = "LSE-C_S < 50", "LSE-D_S > 90", "LSE-D_S > 0.5"


def gates(*limits: str) -> tuple[str, ...]:
    return tuple(f"--lipleak-gate={limit}" for limit in limits)


def test_a_folder_without_tests_is_judged(project: Project, distribution: tuple[str, ...]) -> None:
    run = project.measure("Copy", *gates(KEPT, BROKEN), "-v", *distribution)
    assert run.code == pytest.ExitCode.TESTS_FAILED
    assert run.counts == {"passed": 1, "failed": 1}
    assert run.lines(r"lipleak::LSE-C_S < 50.*PASSED|PASSED.*lipleak::LSE-C_S < 50")
    assert run.lines(r"lipleak::LSE-D_S > 90.*FAILED|FAILED.*lipleak::LSE-D_S > 90")
    assert run.lines("^lipleak: model models.py:Copy, 3 clips .*expert embedded")
    assert not project.run_folders()


def test_ini_gates_beside_a_test_suite(project: Project) -> None:
    project.ini("lipleak_gates =", f"    {KEPT}", f"    {BROKEN}", f"    {KEPT}")
    project.write(test_mine="def test_mine(): pass")
    run = project.measure("Copy", "-v")
    assert run.counts == {"passed": 2, "failed": 1}, "a limit given twice is judged once"
    assert run.lines("gate LSE-D_S > 90")


def test_without_a_model_gates_sleep(project: Project) -> None:
    project.ini(f"lipleak_gates = {BROKEN}")
    project.write(test_mine="def test_mine(): pass")
    run = project.run()
    assert (run.code, run.counts) == (0, {"passed": 1})
    assert run.lines("^lipleak: not judged, for no model is named .*: 1 gate$")


def test_gates_on_the_command_line_need_a_model(project: Project) -> None:
    project.write(test_mine="def test_mine(): pass")
    run = project.run(*gates(BROKEN))
    assert run.code == 4
    assert run.lines("there is no model to judge; name one with --lipleak-model")


def test_configured_gates_are_not_run_beside_tests_chosen_by_id(project: Project) -> None:
    project.ini(f"lipleak_gates = {BROKEN}")
    project.write(test_mine="def test_mine(): pass")
    run = project.measure("Copy", "test_mine.py::test_mine")
    assert (run.code, run.counts) == (0, {"passed": 1})


SELECTIONS = [
    (("-k", "LSE-C_S"), ["LSE-C_S < 50"]),
    (("-k", "not LSE-C_S"), ["test_mine", "LSE-D_S > 90", "LSE-D_S > 0.5"]),
    (("-m", "lipleak"), ["LSE-C_S < 50", "LSE-D_S > 90", "LSE-D_S > 0.5"]),
    (("-m", "not lipleak"), ["test_mine"]),
    (("--deselect", "lipleak::LSE-C_S < 50"), ["test_mine", "LSE-D_S > 90", "LSE-D_S > 0.5"]),
    (("--deselect", "lipleak"), ["test_mine"]),
    (("test_mine.py",), ["test_mine", "LSE-C_S < 50", "LSE-D_S > 90", "LSE-D_S > 0.5"]),
    (("test_mine.py::test_mine",), ["test_mine", "LSE-C_S < 50", "LSE-D_S > 90", "LSE-D_S > 0.5"]),
]


@pytest.mark.parametrize(("arguments", "names"), SELECTIONS, ids=[" ".join(case[0]) for case in SELECTIONS])
def test_selection(project: Project, arguments: tuple[str, ...], names: list[str]) -> None:
    project.write(test_mine="def test_mine(): pass")
    run = project.measure("Copy", *gates(KEPT, BROKEN, ALSO_KEPT), "--collect-only", "-q", *arguments)
    assert [line.rpartition("::")[2] for line in run.lines("::")] == names


def test_counts_and_tree_show_the_gates(project: Project) -> None:
    run = project.measure("Copy", *gates(KEPT, BROKEN), "--collect-only")
    assert run.lines("collected 2 items")
    assert run.lines("<Gates lipleak>")
    assert run.lines("  <Gate LSE-C_S < 50>")


def test_last_failed_runs_the_broken_gate_again(project: Project) -> None:
    project.write(test_mine="def test_mine(): pass")
    project.measure("Copy", *gates(KEPT, BROKEN))
    run = project.measure("Copy", *gates(KEPT, BROKEN), "--lf")
    assert run.counts == {"failed": 1, "deselected": 2}


def test_last_failed_forgets_no_gate_with_brackets(project: Project, distribution: tuple[str, ...]) -> None:
    """Pytest reads what follows a bracket in a node id as the parameters of a test."""
    limits = gates(KEPT, BROKEN, "LSE-C[AM,CR] > 90", "LSE-D_S[AR] > 91")
    names = ["LSE-C(AM,CR) > 90", "LSE-D_S > 90", "LSE-D_S(AR) > 91"]
    for more in ((), ("--lf",)):
        run = project.measure("Copy", *limits, *distribution, *more)
        assert run.counts["failed"] == 3
        failed = [re.match(r"FAILED lipleak::(.*?) - ", line) for line in run.lines("^FAILED lipleak::")]
        assert sorted(found[1] for found in failed if found) == names


def test_failure_reads_well(project: Project) -> None:
    run = project.measure("Copy", *gates(BROKEN))
    start = run.text.index("gate LSE-D_S > 90")
    shown = run.text[start : run.text.index("====", start)].splitlines()[1:]
    assert shown[0].startswith("LSE-D_S = ")
    assert re.search(r"\(3 clips, expert embedded \S+\): not > 90$", shown[0])
    assert shown[1].startswith("  worst clips: clip")
    assert shown[2] == "  videos: keep them with --lipleak-keep=DIR"
    assert "which the model did not hear, but saw or remembered" in shown[3]
    assert shown[4].startswith("  from which pictures the lips come, limits on REF_")
    assert ".py:" not in "".join(shown)
    assert run.lines(r"^FAILED lipleak::LSE-D_S > 90 - LSE-D_S = ")


def test_kept_videos_are_named(project: Project) -> None:
    run = project.measure("Copy", *gates(BROKEN), "--lipleak-keep=kept")
    assert run.lines(r"videos: .*kept.models\.py@Copy-[0-9a-f]{8}.clip\d-SI-CR\.mp4")
    videos = list((project.path / "kept").glob("models.py@Copy-*/clip?-SI-CR.mp4"))
    assert len(videos) == 3
    assert all(str(video) in run.text for video in videos)


def test_what_was_skipped_is_named_with_the_reason_unless_pytest_does(project: Project) -> None:
    limits = gates(KEPT, "LSE-D_S[AR] > 0.5", "LSE-C_S[AR] < 90")
    run = project.measure("OnlyAR", *limits)
    why = "condition [SI,CR] is not applicable: model 'models.py:OnlyAR' declares no CR"
    (line,) = run.lines("^skipped: ")
    assert line.startswith(f"skipped: {KEPT}: {why}")
    assert not project.measure("OnlyAR", *limits, "-rs").lines("^skipped: ")
    assert not project.measure("OnlyAR", *limits, "-q").lines("^skipped: ")


def test_not_applicable_skips_with_the_reason(project: Project, distribution: tuple[str, ...]) -> None:
    run = project.measure("OnlyAR", *gates(KEPT, "LSE-D_S[AR] > 0.5"), "-rs", *distribution)
    assert run.counts == {"passed": 1, "skipped": 1}
    (line,) = run.lines("^SKIPPED")
    assert "condition [SI,CR] is not applicable: model 'models.py:OnlyAR' declares no CR" in line
    assert "gates.py" not in line
    assert run.lines(r"^SI CR +n/a")


def test_default_gates_only_where_nobody_chose(project: Project) -> None:
    def collected(*arguments: str) -> list[str]:
        run = project.measure("Copy", "--collect-only", "-q", *arguments)
        return [line.rpartition("::")[2] for line in run.lines("::")]

    assert len(collected()) >= 3
    assert all("<" in name or ">" in name for name in collected())
    assert collected(*gates(KEPT)) == [KEPT]
    project.write(test_mine="def test_mine(): pass")
    assert len(collected()) >= 4
    project.write(test_leak="def test_leak(lipleak): pass")
    assert collected() == ["test_leak", "test_mine"]
    assert collected(*gates(KEPT)) == ["test_leak", "test_mine", KEPT]


def test_unscored_clip_is_named_and_can_be_allowed(project: Project) -> None:
    from pytest_lipleak.media.clipsets import open_clips
    from pytest_lipleak.media.video import write_video

    for video in project.clips.iterdir():
        (project.path / video.name).symlink_to(video)
    clip = open_clips(project.clips)["clip0"]
    still = np.repeat(clip.frames[:1], len(clip.frames), axis=0)
    write_video(project.path / "still.mkv", still, clip.audio[::-1].copy())
    arguments = (
        "--lipleak-model=models.py:Copy",
        "--lipleak-clips=.",
        "--lipleak-expert=embedded",
        *gates(KEPT),
    )
    run = project.run(*arguments)
    assert run.counts == {"failed": 1}
    assert run.lines(r"unscored: still: the mouth does not move")
    run = project.run(*arguments, "--lipleak-gate=LSE-D_S > 1")
    assert run.counts == {"failed": 2}
    assert run.lines("unscored: still: ") == [
        *run.lines(r"^  unscored: still: the mouth does not move"),
        f"  unscored: still: as under gate {KEPT}, above",
        *run.lines(r"^unscored: still: the mouth does not move"),
    ]
    run = project.run(*arguments, "--lipleak-allow-unscored")
    assert run.counts == {"passed": 1}
    assert run.lines(r"unscored: still: the mouth does not move"), "allowed is not hidden"
