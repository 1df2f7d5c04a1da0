"""Why limits could not be judged: each reason once, wherever it is told."""

import re
from pathlib import Path

import pytest
from corpora import corpus

from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.scores import Unscored
from pytest_lipleak.evaluation.results.aggregate import measure
from pytest_lipleak.evaluation.results.run_result import ModelResult, RunResult
from pytest_lipleak.report.html import write_html
from pytest_lipleak.report.json import document
from pytest_lipleak.report.whole_runs import RUN_FORMATS
from pytest_lipleak.verdicts.judged_limits import JudgedLimit
from pytest_lipleak.verdicts.limits import Limit, Outcome, Verdict
from pytest_lipleak.verdicts.unjudged import unjudged
from pytest_lipleak.verdicts.value_against_limit import judge

SHARED = ("LSE-C[XM,CR] > 1", "LSE-D[XM,CR] < 9", "LSD-CR < 2")
REASON = "1 video could not be scored"


def lost() -> tuple[Corpus, list[Verdict]]:
    """Three clips, of which one was not scored under other speech; silence is judged."""
    found, condition = corpus(["a", "b", "c"]), Condition(Setup.XM, Reference.CR)
    del found.trials["b", condition]
    found.unscored["b", condition] = Unscored("b", condition, "no face")
    limits = map(Limit.parse, (*SHARED, "LSE-C_S < 9"))
    return found, [judge(limit, measure(found, limit.metric)) for limit in limits]


def test_limits_are_grouped_by_what_they_share() -> None:
    found = corpus(["a"])
    names = ("LSE-C_S < 1", "LSE-D_S > 2", "LSD-CR < 3")
    limits = [Limit.parse(text) for text in names]
    verdicts = [JudgedLimit.of(judge(each, measure(found, each.metric))) for each in limits]
    open_ones = [
        JudgedLimit(each.limit, each.metric_name, each.bound, Outcome.NOT_JUDGED, reason=reason)
        for each, reason in zip(
            verdicts, ("no face, so LSE-C_S < 1 cannot be judged", "no face", "NaN"), strict=True
        )
    ]
    assert unjudged([*verdicts, *open_ones]) == {
        "no face": ["LSE-C_S < 1", "LSE-D_S > 2"],
        "NaN": ["LSD-CR < 3"],
    }


def test_where_it_was_found_stands_with_each_limit() -> None:
    where = {
        "REF_swap[SI,CR] < 0.2": "in 2 of 4 clips, b among them",
        "REF_swap[SI,AR] < 0.1": "in 1 of 1 clip, a b",
        "REF_swap[XM,CR] < 0.2": "in 1 of 4 clips, mara (1) among them",
        "REF_swap[XM,AR] < 0.2": "in 3 of 4 clips, by 0.1 and 0.3 grey levels in mara (1)",
    }
    verdicts = [
        JudgedLimit(
            limit,
            limit.partition(" ")[0],
            "< 0.2",
            Outcome.NOT_JUDGED,
            reason=f"no other output (it is said) is there ({each}), so {limit} cannot be judged",
        )
        for limit, each in where.items()
    ]
    assert unjudged(verdicts) == {
        "no other output (it is said) is there": [f"{limit} ({each})" for limit, each in where.items()]
    }


@pytest.mark.parametrize("form", RUN_FORMATS)
def test_terminal_and_comment_tell_it_once(form: str) -> None:
    told = (
        RUN_FORMATS[form](RunResult((ModelResult.of(*lost()),)), False).replace("\\", "").replace("&lt;", "<")
    )
    told = told.replace("&gt;", ">")
    (line,) = [each for each in told.splitlines() if REASON in each]
    assert all(limit in line for limit in SHARED)
    assert "LSE-C_S < 9" not in line


def test_the_page_tells_it_once(tmp_path: Path) -> None:
    pytest.importorskip("jinja2")
    write_html(document(RunResult((ModelResult.of(*lost()),))), tmp_path / "index.html")
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    (place,) = [match.start() for match in re.finditer(f": {REASON}<", page)]
    told = page[page.rindex("<p>", 0, place) : place]
    assert told.count("<code>") == len(SHARED)
    assert "What failed, and where to look" not in page, "nothing has"
