"""Made-up scores of any number of clips under all six conditions."""

import math

from pytest_lipleak.core.conditions import CONDITIONS, Condition, Setup
from pytest_lipleak.core.corpus import Corpus, Provenance
from pytest_lipleak.core.scores import SyncScore, TrialScore
from pytest_lipleak.evaluation.results.aggregate import measure
from pytest_lipleak.evaluation.results.run_result import ModelResult, RunResult
from pytest_lipleak.report.json import document
from pytest_lipleak.verdicts.limits import Limit
from pytest_lipleak.verdicts.value_against_limit import judge

WINDOWS = 120


def score(clip: int, confidence: float) -> SyncScore:
    distances = [12 + 0.3 * math.sin(clip + 1.7 * shift) for shift in range(31)]
    distances[15] = min(distances) - confidence
    over_time = [confidence * (1 + 0.5 * math.sin(0.2 * window + clip)) for window in range(WINDOWS)]
    return SyncScore(tuple(distances), WINDOWS, tuple(over_time))


def corpus(names: list[str], *, leak: float = 0.0, conditions: tuple[Condition, ...] = CONDITIONS) -> Corpus:
    """A model that copies a share of its reference's lips: agreement with the own audio grows with it."""
    partners = dict(zip(names, [*names[1:], names[0]], strict=True))
    about = Provenance(
        model="made:up",
        clips="a list",
        clip_names=tuple(names),
        expert="embedded 1",
        protocol="direct",
        alternative_reference="first",
        silence="zeros",
        pairing=partners,
        seed=0,
        device="cpu",
        version="0",
    )
    found = Corpus(about)
    for number, name in enumerate(names):
        real = score(number, 4.0)
        found.trials[name, None] = TrialScore(name, None, real, real, 0)
        for condition in conditions:
            copied = score(number, 0.1 + 4 * leak)
            followed = score(number, 4.0 - 3 * leak)
            trials = {
                Setup.AM: (real, real, None),
                Setup.XM: (copied, followed, partners[name]),
                Setup.PA: (copied, followed, partners[name]),
                Setup.SI: (copied, None, None),
            }
            own, driving, partner = trials[condition.setup]
            found.trials[name, condition] = TrialScore(name, condition, own, driving, 0, partner)
    return found


def report(found: Corpus, *limits: str) -> dict:
    """The JSON report on it, judged."""
    verdicts = [judge(limit, measure(found, limit.metric)) for limit in map(Limit.parse, limits)]
    return document(RunResult((ModelResult.of(found, verdicts),)))
