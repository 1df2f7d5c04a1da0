"""The default gates on the embedded clips: no leak passes them all, a quarter of a leak does not."""

import re
from pathlib import Path

import pytest

from pytest_lipleak.core.metrics.default_gates import DEFAULT_GATES, LEAST_EXCESS
from pytest_lipleak.core.metrics.families import Question
from pytest_lipleak.core.metrics.formulas import metric
from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
from pytest_lipleak.generators.registry import load_model
from pytest_lipleak.media.clipsets import ClipSet
from pytest_lipleak.store.store import Store
from pytest_lipleak.sync.experts import load_expert
from pytest_lipleak.sync.protocols import Protocol
from pytest_lipleak.verdicts.limits import Limit


def broken(model: str, clips: ClipSet, limits: list[Limit], store: Path) -> list[str]:
    evaluation = Evaluation(
        clips, load_model(model), load_expert("embedded"), Plan(Protocol.DIRECT), Store(store)
    )
    verdicts = [evaluation.judge(limit) for limit in limits]
    counts = [
        (2 if "[AM" in each.metric.name or each.metric.name.startswith("REF_swap") else 4)
        if each.metric.is_probe
        else len(clips)
        for each in limits
    ]
    assert all(verdict.judged for verdict in verdicts)
    assert [verdict.measurement.clips for verdict in verdicts] == counts
    return [str(verdict.limit) for verdict in verdicts if not verdict.passed]


@pytest.mark.slow
def test_a_quarter_of_a_copy_is_told_from_none(short_clips: ClipSet, common_store: Path) -> None:
    # Two clips of each of three people.
    clips = ClipSet(
        [file for name, file in short_clips.files.items() if name[-1] in "12" and name[0] != "o"], "six"
    )
    assert len(clips) == 6
    limits = [Limit.parse(text) for text in DEFAULT_GATES["embedded", "direct"]]
    # Under CR: the reference is the very frame, so it is the lips that fit the audio which are copied.
    under_cr = [limit for limit in limits if all(c.reference == "CR" for c in limit.metric.conditions)]
    assert len(under_cr) == 13
    assert broken("demo", clips, under_cr, common_store) == []
    found = {limit.partition(" ")[0] for limit in broken("demo:leaky=0.25", clips, under_cr, common_store)}
    assert found >= {"LipCorr_S", "LipCorr_XO[CR]", "REF_shift[PA,CR]"}
    assert not found & {"FRAME_shift[PA,CR]", "LSE-C[AM,CR]", "LSE-C[XM,CR]"}, (
        "the input frames are innocent, and it follows"
    )


def test_what_a_full_copy_comes_to_is_known_before_one_is_seen(
    short_clips: ClipSet, common_store: Path
) -> None:
    """A limit that such a copy keeps is warned of; where that begins is known from the real clips alone."""
    copy = Evaluation(
        short_clips,
        load_model("demo:leaky"),
        load_expert("embedded"),
        Plan(Protocol.DIRECT),
        Store(common_store),
    )
    assert copy.expert_unfit() is None
    for name in (
        "LSE-C_S",
        "LSE-D_S",
        "LSD-CR",
        "LSE-C_S@floor",
        "LSE-C_XO@floor[CR]",
        "LSE-C_S@worst",
        "LipCorr_S",
    ):
        found = copy.measure(metric(name))
        assert found.full_copy == pytest.approx(found.value, rel=0.3), name


def test_no_expert_lends_another_its_limits() -> None:
    assert {expert for expert, _ in (*DEFAULT_GATES, *LEAST_EXCESS)} == {"embedded"}


def test_the_page_on_gates_says_their_limits() -> None:
    """With both references, where the page names none."""
    page = (Path(__file__).parents[2] / "docs/gates.md").read_text()
    table = page.partition("| question | gate |")[2].partition("\n\n")[0]
    written = {
        f"{name}[{', '.join(filter(None, (setup, reference)))}] {limit}".replace(", ", ",")
        for name, setup, given, limit in re.findall(
            r"`([\w@-]+)(?:\[(\w\w)(?:,(\w\w))?\])? ([<>] [\d.]+)`", table
        )
        for reference in ([given] if given else ["CR", "AR"])
    }
    for gates in DEFAULT_GATES.values():
        assert {*gates} == written


def test_the_default_gates_ask_every_question() -> None:
    for gates in DEFAULT_GATES.values():
        asked = {Limit.parse(text).metric.question for text in gates}
        assert asked == set(Question) - {Question.OTHER, Question.SWAPPED}
