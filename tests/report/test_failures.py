"""The words of a failure."""

import math
import re
from types import SimpleNamespace
from typing import Any

import pytest
from corpora import corpus

from pytest_lipleak.core.metrics.formulas import KNOWN_METRICS, metric, shares_by_part
from pytest_lipleak.core.scores import Unscored
from pytest_lipleak.report.failures import MOST_SEEN, SEEN, explain, unscored_lines
from pytest_lipleak.report.tracebacks import OURS, say_once
from pytest_lipleak.verdicts.endings import model_ending
from pytest_lipleak.verdicts.judged_limits import JudgedLimit
from pytest_lipleak.verdicts.limits import Limit, Measurement, Verdict
from pytest_lipleak.verdicts.value_against_limit import judge


def measurement(name: str, value: float, **more: object) -> Measurement:
    clips = {"one": value - 0.2, "two": value + 0.1, "three": value}
    fields = {"per_clip": clips, "interval": (value - 0.3, value + 0.3), "unscored": (), **more}
    return Measurement(metric=metric(name), value=value, expert="embedded 1", **fields)  # type: ignore[arg-type]


def explained(limit: str, found: Measurement) -> list[str]:
    return explain(judge(Limit.parse(limit), found)).splitlines()


def test_first_line_stands_alone() -> None:
    lines = explained("LSD-CR < 0.6", measurement("LSD-CR", 1.25))
    assert lines[0] == "LSD-CR = 1.250 [0.95, 1.55] (3 clips, expert embedded 1): not < 0.6"
    assert lines[1] == "  worst clips: two 1.35, three 1.25, one 1.05"
    assert lines[2] == "  videos: keep them with --lipleak-keep=DIR"
    assert "sync collapses when the audio is swapped" in lines[3]
    assert (
        lines[-1]
        == "  from which pictures the lips come, limits on REF_ and FRAME_ metrics tell, and `lipleak probe`"
    )


def test_worst_is_the_lowest_where_higher_is_better() -> None:
    lines = explained("LSE-D_S > 9", measurement("LSE-D_S", 7.0))
    assert lines[1] == "  worst clips: one 6.80, three 7.00, two 7.10"


def test_a_model_that_does_not_follow_gets_no_advice_on_references() -> None:
    lines = explained("LSE-C[XM,CR] > 3", measurement("LSE-C[XM,CR]", 1.0))
    assert "the lips do not follow the driving audio" in lines[-1]


def test_what_is_not_broken_has_no_meaning_and_no_remedy() -> None:
    many = {f"clip{n}": 0.5 + n for n in range(6)}
    unsure = measurement("LSE-C_S", 3.0, per_clip=many, interval=(0.5, 5.5))
    lines = explained("LSE-C_S < 1 @ 95%", unsure)
    assert "inconclusive" in lines[0]
    assert not [line for line in lines if line.startswith(("  meaning", "  try"))]
    lost = (Unscored("four", None, "no face"),)
    lines = explained("LSE-C_S < 1", measurement("LSE-C_S", 3.0, unscored=lost))
    assert not [line for line in lines if line.startswith(("  meaning", "  try"))]


def test_only_a_probe_accuses_the_reference_or_the_input() -> None:
    lines = explained("LSE-C_S[AR] < 1", measurement("LSE-C_S[AR]", 2.0))
    assert "agree with the clip's own speech, which the model did not hear, but saw or remembered" in lines[3]
    assert "from which pictures the lips come" in lines[-1]
    floor = explained("LSE-C_S@floor[CR] < 0.4", measurement("LSE-C_S@floor[CR]", 2.0))
    assert "it was seen or remembered, not heard" in floor[3], "answers that are kept were seen by nobody"
    assert not any("come from the" in line for line in lines[:-1])
    probe = explained("REF_swap[SI,AR] < 0.1", measurement("REF_swap[SI,AR]", 0.5))
    assert "it is copied" in probe[-1], "another frame is in use already, and nothing else is known to help"
    current = explained("REF_shift[PA,CR] < 0.1", measurement("REF_shift[PA,CR]", 0.5))
    assert "which reference is in use" in current[-1]
    frames = explained("FRAME_shift[XM,CR] < 0.1", measurement("FRAME_shift[XM,CR]", 0.5))
    assert "they come from the input frames" in frames[3]
    assert "masked wherever the model sees" in frames[-1]


@pytest.mark.parametrize(
    "name", ["REF_shift[PA,CR]", "REF_shift[AM,CR]", "FRAME_shift[PA,CR]", "FRAME_shift[AM,CR]"]
)
def test_a_probe_says_in_what_it_saw_the_leak(name: str) -> None:
    of = metric(name)
    shares = [0.09 + 0.03 * place for place in range(len(of.columns) // 2)]
    means = [number for share in shares for number in (2 * share, 2.0)]
    parts = shares_by_part(of, means)
    assert max(parts.values()) == of.combine(means), "the largest is the value"
    found = measurement(name, of.combine(means), parts=parts)
    (line,) = (line for line in explained(f"{name} < 0.1", found) if line.startswith("  seen"))
    seen = re.findall(r"(?:^|, )(.*?) \((\d\.\d\d)\)", line.removeprefix("  seen "))
    values = [float(value) for _, value in seen]
    assert values == sorted(values, reverse=True)
    assert len(values) == min(sum(share >= 0.1 for share in parts.values()), MOST_SEEN) > 1
    assert {SEEN[part] for part, share in parts.items() if share >= 0.1} >= {words for words, _ in seen}
    assert len(set(SEEN.values())) == len(SEEN), "every part has words of its own"
    assert not any(
        line.startswith("  seen")
        for line in explained("REF_swap[SI,AR] < 0.1", measurement("REF_swap[SI,AR]", 0.5))
    )


def test_a_limit_that_a_full_copy_keeps_is_said_to_be_hollow() -> None:
    real = 2.9
    kept = judge(Limit.parse("LSE-C_S < 3.0"), measurement("LSE-C_S", 0.4, full_copy=real))
    assert kept.passed
    assert "a full copy of the lips would keep LSE-C_S < 3, too: it scores about 2.90" in kept.headline
    assert judge(Limit.parse("LSE-C_S < 1"), measurement("LSE-C_S", 0.4, full_copy=real)).hollow is None
    high = judge(Limit.parse("LSE-D_S > 9"), measurement("LSE-D_S", 11.0, full_copy=9.5))
    assert high.hollow is not None
    assert "well above" in high.hollow
    assert (
        judge(Limit.parse("LipCorr_S < 0.95"), measurement("LipCorr_S", 0.1, full_copy=0.9)).hollow
        is not None
    )
    broken = judge(Limit.parse("LSE-C_S < 3.0"), measurement("LSE-C_S", 4.0, full_copy=real))
    assert broken.hollow is None, "it found something"


@pytest.mark.parametrize(
    ("idle", "asks"),
    [
        ("LSE-C[XM,CR] > -1", "LSE-C[XM,CR] > 0"),
        ("LSE-C[AM,AR] >= 0", "LSE-C[AM,AR] > 0.01"),
        ("SSIM[AM,CR] > -1.5", "SSIM[AM,CR] > -0.9"),
        ("success[XM,CR] >= 0", "success[XM,CR] > 0"),
        ("MAR_open[SI,CR] <= 1", "MAR_open[SI,CR] < 1"),
    ],
)
def test_a_limit_that_no_value_breaks_is_said_to_be_hollow(idle: str, asks: str) -> None:
    def judged(text: str) -> Verdict:
        limit = Limit.parse(text)
        return judge(limit, measurement(limit.metric.name, 0.5))

    assert judged(idle).passed
    assert f"no model can break {Limit.parse(idle)}" in judged(idle).headline
    assert judged(asks).passed
    assert judged(asks).hollow is None


def test_what_an_idle_limit_asks_is_not_looked_at() -> None:
    def headline(text: str) -> str:
        verdict = judge(Limit.parse(text), measurement("LSE-C[XM,CR]", 2.0))
        return model_ending({text: JudgedLimit.of(verdict)}, corpus(["one"])).headline

    idle = headline("LSE-C[XM,CR] > -1")
    assert "PASSED: 1 limit kept; no model can break LSE-C[XM,CR] > -1; not looked at" in idle
    assert "whether lips follow the audio" in idle
    assert "whether lips follow the audio" not in headline("LSE-C[XM,CR] > 1")


def test_the_clips_that_break_a_limit_on_the_worst_clip_are_named() -> None:
    found = measurement("LSE-C_S@worst", 2.0, per_clip={"one": 0.1, "two": 1.8, "three": 2.0})
    assert judge(Limit.parse("LSE-C_S@worst < 1.7"), found).offenders == ("three", "two")
    assert judge(Limit.parse("LSE-C_S@worst < 2.5"), found).offenders == ()
    assert judge(Limit.parse("LSE-C_S < 1"), measurement("LSE-C_S", 2.0)).offenders == ()


def test_where_no_video_can_be_kept_none_is_advised() -> None:
    found = judge(Limit.parse("LSE-C_S < 1"), measurement("LSE-C_S", 2.0))
    assert "keep" not in explain(found, can_keep=False)


def test_kept_videos_of_the_worst_clips() -> None:
    kept = {"two": "kept/two-SI-CR.mkv", "one": "kept/one-SI-CR.mkv"}
    lines = explained("LSE-C_S < 1", measurement("LSE-C_S", 2.0, videos=kept))
    assert lines[2] == "  videos: kept/two-SI-CR.mkv, kept/one-SI-CR.mkv"


def test_unscored_clips_are_named_first_by_reason_and_the_rest_is_counted() -> None:
    lost = tuple(Unscored(f"clip{n}", None, "the mouth does not move") for n in range(7))
    lines = explained("LSE-C_S < 9", measurement("LSE-C_S", 2.0, unscored=lost))
    assert lines[0].endswith("7 videos could not be scored, so LSE-C_S < 9 cannot be judged")
    assert lines[1:3] == [
        "  unscored: clip0, clip1, clip2, clip3, clip4 and 2 more: the mouth does not move",
        "  judge the rest with --lipleak-allow-unscored",
    ]


def test_of_many_reasons_a_few_are_told_and_no_video_is_lost_from_the_count() -> None:
    lost = [Unscored(f"clip{n}", None, f"reason {n // 2}") for n in range(14)]
    lines = unscored_lines(lost)
    assert lines[4] == "unscored: clip8, clip9: reason 4"
    assert lines[5:] == ["unscored: 4 more videos, for 2 more reasons: see the JSON report"]
    assert unscored_lines(lost[:12])[5:] == [
        "unscored: 2 more videos, for 1 more reason: see the JSON report"
    ]
    assert unscored_lines(lost[:10])[4:] == ["unscored: clip8, clip9: reason 4"]


def test_nothing_scored() -> None:
    lines = explained("LSE-C_S < 9", measurement("LSE-C_S", math.nan, per_clip={}, interval=None))
    assert "no clip was scored" in lines[0]
    assert not any("worst" in line for line in lines)


NAMES = [re.sub(r"SETUP", "AM", re.sub(r"REFERENCE", "CR", name)) for name in KNOWN_METRICS]


@pytest.mark.parametrize("name", NAMES)
def test_every_metric_has_a_meaning(name: str) -> None:
    lower = metric(name).better == "lower"
    found = measurement(name, 5.0 if lower else 0.0)
    bound = "< 0.1" if lower else "> 0.9"
    assert any(line.startswith("  meaning: ") for line in explained(f"{found.metric.name} {bound}", found))


def test_what_is_long_stands_in_full_once() -> None:
    message, lost = (
        "CR/ann.mp4: was not made from clip 'ann': " + "numbers, " * 20,
        "  unscored: ann [SI,CR]: no face",
    )
    entry = SimpleNamespace(lines=[">   assert_metric(lipleak, limit)", f"E   {message}", f"E   {lost}"])
    shown = SimpleNamespace(reprtraceback=SimpleNamespace(reprentries=[entry]))
    reprs = [message, f"a headline of its own\n{lost}", "short", "short", shown]
    reports: Any = [
        SimpleNamespace(sections=[], head_line=f"gate {number}", longrepr=each, **{OURS: True})
        for number, each in enumerate(reprs)
    ]
    say_once(reports)
    assert [report.longrepr for report in reports[:4]] == reprs[:4]
    start, *message_ends = entry.lines[1].partition("...: as under gate 0, above")
    assert (f"E   {message}".startswith(start), message_ends[1]) == (True, "")
    assert entry.lines[2] == "E     unscored: ann [SI,CR]: as under gate 1, above"
