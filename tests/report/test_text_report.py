"""The table at the end of a run."""

import io
import re
from dataclasses import replace

import pytest
from _pytest._io import TerminalWriter

from pytest_lipleak.core.conditions import CONDITIONS, Condition, Reference, Setup
from pytest_lipleak.core.corpus import Corpus, Provenance
from pytest_lipleak.core.metrics.default_gates import DEFAULT_GATES
from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.core.scores import SetScore, SyncScore, TrialScore, Unscored
from pytest_lipleak.evaluation.results.run_result import ModelResult, RunResult
from pytest_lipleak.report.summary import painted, summaries
from pytest_lipleak.verdicts.endings import unwatched
from pytest_lipleak.verdicts.judged_limits import JudgedLimit
from pytest_lipleak.verdicts.limits import Limit, Outcome

NAMES = ("one", "two", "three")


def score(lse_c: float, lse_d: float, offset: int) -> SyncScore:
    distances = [lse_d + lse_c] * 31
    distances[15 - offset] = lse_d
    return SyncScore(tuple(distances), 70)


def corpus(*conditions: Condition) -> Corpus:
    about = Provenance("demo", "embedded", NAMES, "embedded 1", "direct", "first", "zeros", {}, 0, "cpu", "0")
    found = Corpus(about)
    for clip in NAMES:
        real = score(3.0, 9.0, 1)
        found.trials[clip, None] = TrialScore(clip, None, real, real, 1)
        for condition in conditions:
            own = score(0.5, 12.0, -2)
            driving = None if condition.setup is Setup.SI else score(2.5, 9.5, 2)
            found.trials[clip, condition] = TrialScore(clip, condition, own, driving, 1)
    return found


def lines(found: Corpus, **verdicts: tuple[str, str, bool]) -> list[str]:
    judged = {
        limit: JudgedLimit(limit, name, bound, Outcome.PASS if passed else Outcome.FAIL)
        for limit, (name, bound, passed) in verdicts.items()
    }
    (summary,) = summaries(RunResult((ModelResult(found, judged),)))
    return [summary.verdict, *summary.table]


def row(table: list[str], start: str) -> str:
    return next(line for line in table if line.startswith(start))


def test_a_row_per_condition_with_the_right_audio() -> None:
    table = lines(corpus(*CONDITIONS))
    assert row(table, "real clips").split()[2:6] == ["3.00", "9.00", "+1", "3"]
    for condition in CONDITIONS:
        expected = ["0.50", "12.00", "-2"] if condition.setup is Setup.SI else ["2.50", "9.50", "+2"]
        assert row(table, f"{condition.setup} {condition.reference}").split()[2:6] == [*expected, "3"]
    assert row(table, "LSE-C_S ↓").split()[2] == "0.50"
    assert row(table, "LSD-CR ↓").split()[2] == "0.00"


def test_only_what_was_measured() -> None:
    table = lines(corpus(Condition(Setup.SI, Reference.CR)))
    assert not any(line.startswith(("AM", "XM", "LSD", "SI AR")) for line in table)
    assert table[0] == "NOT JUDGED: no limit was given"


def test_two_limits_on_one_metric_have_a_row_each() -> None:
    silent = Condition(Setup.SI, Reference.CR)
    table = lines(corpus(silent), a=("LSE-C_S", "< 0.4", False), b=("LSE-C_S", "< 1", True))
    assert [line.split()[-3:] for line in table if line.startswith("LSE-C_S ↓")] == [
        ["<", "0.4", "FAILED"],
        ["<", "1", "ok"],
    ]
    assert table[0] == "FAILED: leaks under silence: 1 of 2 limits broken: a"


def test_leaks_are_told_before_lost_sync() -> None:
    lost, leak = ("LSE-C[AM,CR]", "> 9", False), ("LSE-C_XO[CR]", "< 0.1", False)
    verdict, *table = lines(corpus(*CONDITIONS), a=lost, b=leak, c=("LSD-AR", "< 1e-06", False))
    assert verdict == (
        "FAILED: leaks under other speech, or loses sync with other speech; does not follow the audio: "
        "3 of 3 limits broken: b, c, a"
    )
    failed = [line.split()[0] for line in table if line.endswith("FAILED")]
    assert failed[-1] == "LSE-C[AM,CR]"
    assert {*failed[:-1]} == {"LSD-AR", "LSE-C_XO[CR]"}


def test_a_limit_without_any_value_is_not_left_out() -> None:
    found = corpus()
    table = lines(found, a=("LSD-AR", "< 1", False))
    assert row(table, "LSD-AR ↓").split()[2:] == ["none", "<", "1", "FAILED"]


def test_notes_below() -> None:
    found = corpus(Condition(Setup.SI, Reference.AR))
    found.not_applicable[Reference.CR] = "it has none"
    found.unscored["four", None] = Unscored("four", None, "no face")
    table = lines(found)
    assert row(table, "SI CR").split()[2:6] == ["n/a"] * 4
    assert row(table, "not applicable") == "not applicable: CR: it has none"
    assert row(table, "unscored") == "unscored: four: no face"


@pytest.mark.parametrize(("passed", "colour", "words"), [(True, "green", "PASSED"), (False, "red", "FAILED")])
def test_verdict_line(passed: bool, colour: str, words: str) -> None:
    judged = {"x": JudgedLimit("x", "LSE-C_S", "< 1", Outcome.PASS if passed else Outcome.FAIL)}
    (summary,) = summaries(RunResult((ModelResult(corpus(), judged),)))
    assert summary.colour[colour]
    assert summary.verdict.startswith(words)


def test_distances_between_sets_say_what_they_rest_on() -> None:
    condition = Condition(Setup.SI, Reference.CR)
    found = corpus(condition)
    found.sets["FID", condition] = SetScore(12.5, 75, {"one": 12.5}, "FID over 75 frames is biased upward")
    for name in NAMES:
        found.pictures[name, condition] = {"MAR_open": 0.25, "MAR_open@0.05": 0.5, "MAR_open@0.1": 0.25}
    table = lines(found)
    assert row(table, "pictures").split() == ["pictures", "FID", "↓", "MAR_open", "↓"]
    assert row(table[table.index(row(table, "pictures")) :], "SI CR").split() == [
        "SI",
        "CR",
        "12.500",
        "0.250",
    ]
    assert row(table, "FID rests on") == "FID rests on 75 frames: FID over 75 frames is biased upward"
    assert row(table, "SI CR: share of open").endswith("by threshold: 0.500 at 0.05, 0.250 at 0.1")


def test_an_inconclusive_limit_is_neither_kept_nor_broken() -> None:
    silent = corpus(Condition(Setup.SI, Reference.CR))

    def judged(*outcomes: str) -> list[str]:
        verdicts = {
            f"limit {number}": JudgedLimit(
                f"limit {number}", "LSE-C_S", f"< {number} @ 95%", Outcome(outcome)
            )
            for number, outcome in enumerate(outcomes, 1)
        }  # fmt: skip
        (summary,) = summaries(RunResult((ModelResult(silent, verdicts),)))
        return [summary.verdict, *summary.table]

    table = judged("pass", "inconclusive")
    assert table[0] == "INCONCLUSIVE: 1 of 2 limits not settled by these clips: limit 2"
    rows = [line.split()[-1] for line in table if line.startswith("LSE-C_S ↓")]
    assert rows == ["ok", "inconclusive"]
    table = judged("fail", "inconclusive", "pass")
    assert (
        table[0]
        == "FAILED: leaks under silence: 1 of 3 limits broken: limit 1; 1 not settled by these clips: limit 2"
    )


def test_how_a_limit_ended_is_coloured_where_pytest_colours() -> None:
    silent = corpus(Condition(Setup.SI, Reference.CR))
    verdicts = {
        outcome: JudgedLimit(outcome, "LSE-C_S", f"< {number}", Outcome(outcome))
        for number, outcome in enumerate(("pass", "fail", "inconclusive", "not judged"), 1)
    }  # fmt: skip

    def tables(colours: bool) -> list[str]:
        writer = TerminalWriter(io.StringIO())
        writer.hasmarkup = colours
        (summary,) = summaries(RunResult((ModelResult(silent, verdicts),)), paint=painted(writer.markup))
        return list(summary.table)

    (plain,) = (list(summary.table) for summary in summaries(RunResult((ModelResult(silent, verdicts),))))
    assert tables(colours=False) == plain
    coloured = tables(colours=True)
    assert [re.sub(r"\x1b\[\d+m", "", line).rstrip() for line in coloured] == plain
    ends = [line.rpartition("  ")[2] for line in coloured if "\x1b" in line]
    assert ends == [
        "\x1b[32mok\x1b[0m",
        "\x1b[31m\x1b[1mFAILED\x1b[0m",
        "\x1b[33m\x1b[1minconclusive\x1b[0m",
        "\x1b[31m\x1b[1mnot judged\x1b[0m",
    ]


def test_everything_names_the_worst_clips_and_their_videos() -> None:
    found = corpus(*CONDITIONS)
    silent = Condition(Setup.SI, Reference.CR)
    for name, lse_c in zip(NAMES, (0.5, 2.0, 1.0), strict=True):
        own = score(lse_c, 12.0, 0)
        found.trials[name, silent] = TrialScore(name, silent, own, None, 1, video=f"kept/{name}.mp4")
    (brief,), (whole,) = (
        list(summaries(RunResult((ModelResult(found, {}),)), full=full)) for full in (False, True)
    )
    words = "worst clips by LSE-C_S: two 2.00 (kept/two.mp4), three 1.00 (kept/three.mp4), one 0.50 (kept/one.mp4)"
    assert words in whole.table
    assert not any(line.startswith("worst clips") for line in brief.table)
    assert not any(line.startswith("LSE-C_S[AR]") for line in brief.table)
    assert row(list(whole.table), "LSE-C_S[AR] ↓")


def test_what_the_time_went_into_is_summed_over_processes() -> None:
    found = corpus()
    found.costs = {"a": {"generation": 60.0, "other": 0.1}, "b": {"generation": 90.0, "embedding": 5.0}}
    (summary,) = summaries(RunResult((ModelResult(found, {}),)))
    told, advice = summary.table[-1].split("; ")
    assert told == "time: generation 2 min, embedding 5 s, summed over 2 processes"
    assert advice.startswith("most is generation, the model's own work: a GPU (--lipleak-device)")


def test_of_little_time_nobody_is_told_how_to_spend_less() -> None:
    found = corpus()
    found.costs = {"a": {"generation": 3.0, "videos": 2.0}}
    (summary,) = summaries(RunResult((ModelResult(found, {}),)))
    assert summary.table[-1] == "time: generation 3 s, videos 2 s"


def test_a_model_that_beats_the_real_clips_is_warned_about() -> None:
    found = corpus(Condition(Setup.AM, Reference.CR))
    assert not any(line.startswith("better than real") for line in lines(found))
    for name, lse_c in zip(NAMES, (4.0, 4.1, 4.2), strict=True):
        key = name, Condition(Setup.AM, Reference.CR)
        sharp = score(lse_c, 9.5, 1)
        found.trials[key] = TrialScore(*key, sharp, sharp, 1)
    (warning,) = [line for line in lines(found) if line.startswith("better than real")]
    # LSE-D is worse than that of the real clips and not spoken of.
    assert warning.startswith("better than real: LSE-C[AM,CR] is 4.10, the real clips' is 3.00")


def test_the_heading_says_when_nobody_chose_the_expert() -> None:
    found = corpus()
    judged = {"x": JudgedLimit("x", "LSE-C_S", "< 1", Outcome.PASS)}
    found.provenance = replace(found.provenance, expert_reason="no weights were found")
    (summary,) = summaries(RunResult((ModelResult(found, judged),)))
    assert summary.verdict == (
        "PASSED: 1 limit kept; not looked at: leaks under AR, under other speech, from the reference, from the input "
        "frames, in single clips; whether lips follow the audio"
    )
    assert summary.table[0].startswith(
        "3 clips (embedded), expert embedded 1 (no weights were found), protocol "
    )
    found.provenance = replace(found.provenance, expert_reason="as asked", clip_names=("one",))
    (summary,) = summaries(RunResult((ModelResult(found, judged),)))
    assert summary.table[0].startswith("1 clip (embedded), expert embedded 1, protocol ")


PLACES = "from the reference, from the input frames, in single clips"
FOLLOWS = "whether lips follow the audio"
DEFAULTS = tuple(Limit.parse(gate).metric.name for gate in DEFAULT_GATES["embedded", "direct"])


@pytest.mark.parametrize(
    ("limited", "unseen"),
    [
        (DEFAULTS, ""),
        (("LSE-C_S", "LSE-C_XO[AR]"), f"leaks {PLACES}; {FOLLOWS}"),
        # Sync with the driving audio may be good in spite of a leak.
        (("LSE-C_XO[CR]", "LSE-C[XM,AR]"), f"leaks under AR, under silence, {PLACES}"),
        (("LSE-C[AM,CR]", "SSIM[AM,AR]"), "leaks at all"),
        (("LSD-AR",), f"leaks under CR, under silence, under other speech, {PLACES}; {FOLLOWS}"),
        (
            ("REF_shift[XM,CR]",),
            "leaks under AR, under silence, under other speech, from the input frames, in single "
            f"clips; {FOLLOWS}",
        ),
    ],
)
def test_what_nothing_looks_at_is_named(limited: tuple[str, ...], unseen: str) -> None:
    found = corpus()
    assert unwatched(map(metric, limited), found) == (unseen and f"not looked at: {unseen}")
    if limited != DEFAULTS:
        found.not_applicable[Reference.CR] = found.not_applicable[Reference.AR] = "it has none"
        assert "under CR" not in unwatched(map(metric, limited), found)
        assert "under AR" not in unwatched(map(metric, limited), found)


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        ({"FRAME_shift[AM,CR]": 0.5}, "leaks from the reference or the input frames"),
        ({"FRAME_shift[AM,CR]": 0.5, "REF_shift[AM,CR]": 0.02}, "leaks from the input frames"),
        ({"FRAME_shift[AM,CR]": 0.5, "REF_shift[AM,CR]": 0.29}, "leaks from the reference or the"),
        ({"FRAME_shift[AM,AR]": 0.5, "REF_shift[AM,CR]": 0.02}, "leaks from the reference or the"),
        ({"FRAME_shift[AM,CR]": 0.5, "REF_shift[PA,CR]": 0.02}, "leaks from the reference or the"),
        ({"FRAME_shift[AM,CR]": 0.5, "REF_shift[AM,CR]": 0.5}, "leaks from the reference: "),
        ({"FRAME_shift[AM,CR]": 0.5, "FRAME_shift[PA,CR]": 0.5}, "leaks from the input frames: "),
    ],
)
def test_the_reference_or_the_input_frames_are_accused_where_only_one_of_them_was_changed(
    ended: dict[str, float], words: str
) -> None:
    judged = {
        name: JudgedLimit(name, name, "< 0.3", Outcome.PASS if value < 0.3 else Outcome.FAIL, value)
        for name, value in ended.items()
    }
    (summary,) = summaries(RunResult((ModelResult(corpus(), judged),)))
    assert words in summary.verdict


def test_a_verdict_of_finished_videos_says_that_nobody_named_the_speakers() -> None:
    """Clips of one person count as several people then, and intervals are too narrow."""
    found = corpus()
    limited = [metric(name) for name in DEFAULTS]
    assert unwatched(limited, found) == ""
    for speakers, told in (({}, True), ({"one": "ann"}, True), (dict.fromkeys(NAMES, "ann"), False)):
        found.provenance = replace(found.provenance, finished=True, speakers=speakers)
        assert ("whether several clips are of one person" in unwatched(limited, found)) == told
