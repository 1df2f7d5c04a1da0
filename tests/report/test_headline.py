"""The first line of a report: what was found, each once."""

from dataclasses import replace

import pytest
from corpora import corpus

from pytest_lipleak.verdicts.endings import Finding, leaks_first, model_ending
from pytest_lipleak.verdicts.judged_limits import JudgedLimit
from pytest_lipleak.verdicts.limits import Limit, Outcome


def broken(limit: str, *offenders: str) -> JudgedLimit:
    parsed = Limit.parse(limit)
    return JudgedLimit(limit, parsed.metric.name, parsed.bound, Outcome.FAIL, offenders=offenders)


@pytest.mark.parametrize(
    ("limits", "finished", "finding"),
    [
        (("LSE-C[AM,CR] > 1.2",), True, Finding.NOT_JUDGED),
        (("LSE-C[AM,CR] > 1.2", "LSE-C[AM,AR] > 1.2"), True, Finding.NOT_JUDGED),
        # Somebody's own limit, one that looks at leaks, and a model that could have been asked for more.
        (("LSE-C[AM,CR] > 1.3",), True, Finding.PASSED),
        (("LSE-C[XM,CR] > 0.8", "LSE-C_XO@floor[CR] < 0.5"), True, Finding.PASSED),
        (("LSE-C[AM,CR] > 1.2",), False, Finding.PASSED),
    ],
)
def test_finished_videos_that_cannot_show_a_leak_have_not_passed(
    limits: tuple[str, ...], finished: bool, finding: Finding
) -> None:
    found = corpus(["one"])
    found.provenance = replace(found.provenance, finished=finished)
    parsed = {limit: Limit.parse(limit) for limit in limits}
    kept = {
        limit: JudgedLimit(limit, each.metric.name, each.bound, Outcome.PASS)
        for limit, each in parsed.items()
    }
    assert model_ending(kept, found).finding is finding
    if finding is Finding.NOT_JUDGED:
        lost = kept | {limits[0]: broken(limits[0])}
        assert model_ending(lost, found).finding is Finding.BROKEN, "what is broken stays so"


def test_a_headline_names_a_few_limits_and_the_lines_of_json_name_all() -> None:
    limits = [f"LSE-C_S < 0.{number}" for number in range(1, 8)]
    limits += [f"LSE-C[XM,CR] > {number}" for number in range(1, 8)]
    verdicts = {limit: broken(limit) for limit in limits}
    for limit in limits[:5]:
        verdicts[limit] = replace(verdicts[limit], outcome=Outcome.NOT_JUDGED)
    ending = model_ending(verdicts, corpus(["one"]))
    assert ending.headline == (
        "FAILED: leaks under silence; does not follow the audio: 9 of 14 limits broken: LSE-C_S < 0.6, LSE-C_S < 0.7, "
        "LSE-C[XM,CR] > 1 and 6 more; 5 could not be judged: LSE-C_S < 0.1, LSE-C_S < 0.2, LSE-C_S < 0.3 and 2 more"
    )
    said = " ".join(line["text"] for line in ending.to_dict()["lines"])
    assert all(limit in said for limit in limits)
    hollow = {limit: replace(broken(limit), outcome=Outcome.PASS, hollow="why") for limit in limits[:7]}
    assert "; a full copy would keep LSE-C_S < 0.1, LSE-C_S < 0.2, LSE-C_S < 0.3 and 4 more, too; not" in (
        model_ending(hollow, corpus(["one"])).headline
    )


def test_people_read_the_current_reference_before_others_in_every_family() -> None:
    limits = (
        "LSE-C[XM,AR] > 9",
        "LSE-C[XM,CR] > 9",
        "LipCorr_S < 0.1",
        "LipCorr_S[AR] < 0.1",
        "LipCorr_XO[AR] < 0.1",
        "LipCorr_XO[CR] < 0.1",
        "REF_swap[PA,AR] < 0.1",
        "REF_swap[PA,CR] < 0.1",
    )
    verdicts = {limit: broken(limit) for limit in limits}
    assert [each.partition(" ")[0] for each in leaks_first(verdicts)] == [
        "LipCorr_S",
        "LipCorr_S[AR]",
        "LipCorr_XO[CR]",
        "LipCorr_XO[AR]",
        "REF_swap[PA,CR]",
        "REF_swap[PA,AR]",
        "LSE-C[XM,CR]",
        "LSE-C[XM,AR]",
    ]


def test_a_headline_names_limits_in_the_order_of_its_words_whatever_the_order_of_judging() -> None:
    limits = ("FRAME_shift[AM,CR] < 0.3", "LSE-C[XM,CR] > 0.8", "LSE-C_XO@floor[CR] < 0.5", "LipCorr_S < 0.2")
    headline = model_ending({limit: broken(limit) for limit in limits}, corpus(["one"])).headline
    assert headline.endswith(
        "4 of 4 limits broken: LipCorr_S < 0.2, LSE-C_XO@floor[CR] < 0.5, FRAME_shift[AM,CR] < 0.3 and 1 more"
    )


def test_of_finished_videos_it_is_said_that_the_source_is_copied() -> None:
    found = corpus(["one"])
    found.provenance = replace(found.provenance, finished=True)
    ending = model_ending({"x": broken("LSE-C_XO@floor[CR] < 0.5")}, found)
    assert ending.headline.startswith(
        "FAILED: leaks the source's lips under other speech: 1 of 1 limit broken"
    )
    assert ending.lines[0].text == "leaks the source's lips under other speech: x"


def test_limits_on_single_clips_name_their_clips_together() -> None:
    limits = {
        "LipCorr_XO@worst[CR] < 0.3": ("three", "one"),
        "LipCorr_S@worst < 0.3": ("one", "two"),
        "LSE-C_S@floor < 0.3": (),
    }
    verdicts = {limit: broken(limit, *clips) for limit, clips in limits.items()}
    headline = model_ending(verdicts, corpus(["one", "two", "three"])).headline
    assert headline.startswith("FAILED: leaks under silence, in three, one, two: 3 of 3 limits broken: ")
