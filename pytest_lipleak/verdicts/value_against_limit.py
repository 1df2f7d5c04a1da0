"""The verdict of a measured value against a limit: it passes, fails, is inconclusive, or why it cannot be judged."""

import math
from collections.abc import Mapping
from statistics import NormalDist

from pytest_lipleak.core.metrics.families import Question
from pytest_lipleak.core.number_words import counted
from pytest_lipleak.core.scores import LEAST_UNRELATED
from pytest_lipleak.core.student_t import t_quantile
from pytest_lipleak.verdicts.limits import MIN_UNITS, Limit, Measurement, Outcome, Verdict, percent

BEYOND_COUNTING = 100_000
"""An estimate of needed clips above this says only that there is no telling."""


def judge(limit: Limit, measurement: Measurement, *, allow_unscored: bool = False) -> Verdict:
    """Compare a measurement with a limit; whatever cannot be judged fails with its reason.

    With a confidence the measurement's interval must have that coverage. It passes when the value and its whole
    interval keep the limit, fails when neither the value nor any of its interval does, and is inconclusive else.
    Without one the value decides; a broken limit on what has a p value is inconclusive where chance may have broken it.
    """
    if why := _objection(limit, measurement, allow_unscored):
        return Verdict(limit, measurement, why)
    if limit.confidence is not None:
        verdict = _bound_verdict(limit, measurement)
    elif limit.alpha is not None:
        verdict = _chance_verdict(limit, measurement, limit.alpha)
    else:
        verdict = _plain_verdict(limit, measurement)
    if 2 * measurement.blank > measurement.clips and limit.metric.shows_leak and not verdict.passed:
        why = (
            f"every frame is of one colour in {measurement.blank} of {counted(measurement.clips, 'video')}: there are "
            f"no lips that could leak, and what such pictures score is chance, so {limit} cannot be judged"
        )
        return Verdict(limit, measurement, why)
    if verdict.passed and measurement.unreached:
        return Verdict(limit, measurement, f"{_unanswered(measurement)}, so {limit} cannot be judged")
    return verdict


GIVEN: Mapping[Question, tuple[str, str]] = {
    Question.REFERENCE: ("REF_", "the column 'reference_video'"),
    Question.FRAMES: ("FRAME_", "the column 'video'"),
    Question.EITHER: ("FRAME_", "the columns 'video' and 'reference_video'"),
}
"""How names of probes begin, by what they ask, and which columns of an export hold what they change."""


def _unanswered(measurement: Measurement) -> str:
    """Say of finished videos that a probe's input may never have reached the model: all its measures are 0 then."""
    alone = [clip for clip, (_, redrawn) in measurement.unreached.items() if math.isinf(redrawn)]
    if alone:
        return (
            "whether the model draws anew at every call nobody knows: there is no second output for the same, and "
            "without it another draw looks like an answer to what was changed. Make the videos whose probe is 'again'; "
            f"`lipleak export` of this version writes their rows (in {len(alone)} of "
            f"{counted(measurement.clips, 'clip')}, {alone[0]} among them)"
        )
    clip, (reached, redrawn) = next(iter(measurement.unreached.items()))
    prefix, columns = GIVEN[measurement.metric.question]
    return (
        "the outputs of a probe differ from the one without it no more than two outputs for the same do: was the "
        f"model given {columns} of the table? If not, make them again from it; if it takes no such input, leave out "
        f"the rows whose probe begins with {prefix} (in {len(measurement.unreached)} of "
        f"{counted(measurement.clips, 'clip')}, by {reached:.2g} and {redrawn:.2g} grey levels in {clip})"
    )


def shows_no_single_clip(measurement: Measurement) -> str | None:
    """Why a metric of the worst clip says nothing: nobody knows what chance gives in one; None where that is known."""
    compared = measurement.compared
    if not measurement.metric.worst or compared is None or compared >= LEAST_UNRELATED:
        return None
    return (
        f"a clip is compared with {counted(compared, 'unrelated recording')}, and with fewer than {LEAST_UNRELATED} no "
        "single clip can be accused, not even a copy; add clips with other speech"
    )


def _objection(limit: Limit, measurement: Measurement, allow_unscored: bool) -> str | None:
    if limit.kept_by_nothing:
        return limit.kept_by_nothing
    if measurement.clips == 0:
        return f"no clip was scored, so {limit} cannot be judged"
    if measurement.lost and not allow_unscored:
        return f"{counted(len(measurement.lost), 'video')} could not be scored, so {limit} cannot be judged"
    if why := shows_no_single_clip(measurement):
        return f"{why}: {limit} cannot be judged"
    if math.isnan(measurement.value) or (math.isinf(measurement.value) and not limit.metric.unbounded):
        return f"the value is not a number, so {limit} cannot be judged"
    return None


SUITE_ALPHA = 0.05
"""How often chance may break any of the default gates that have a p value, in a whole run."""

SUITE = 8
"""How many they are: under silence and other speech, of sync and of lips, with both references."""

FAR = 2.0
"""From so many times its limit on a value is called a leak whatever p so few clips can give, so that no full copy stays
open. Of honest generators 19 of 390 suites of three clips are accused, and 1 or 2 of four to nine
(docs/evidence/few-clips.md)."""


def _plain_verdict(limit: Limit, measurement: Measurement) -> Verdict:
    """The value decides; but what chance may have given, among as many limits as are judged together, is no leak yet.

    Source: Bonferroni's bound; Dunn 1961, "Multiple Comparisons Among Means", JASA 56.
    """
    if limit.holds(measurement.value):
        return Verdict(limit, measurement, None, Outcome.PASS)
    why = f"not {limit.operator} {limit.value:g}"
    if (
        measurement.p is None
        or measurement.p <= SUITE_ALPHA / SUITE
        or not limit.metric.shows_leak
        or measurement.value >= FAR * limit.value
    ):
        return Verdict(limit, measurement, why, Outcome.FAIL)
    unsettled = (
        f"inconclusive: {why}, but chance may give this (p = {measurement.p:.2g}; {SUITE_ALPHA / SUITE:.2g} or less "
        f"tells a leak among {SUITE} such limits); add clips with other speech: rates were measured with 12"
    )
    return Verdict(limit, measurement, unsettled, Outcome.INCONCLUSIVE)


def _bound_verdict(limit: Limit, measurement: Measurement) -> Verdict:
    assert limit.confidence is not None
    unsettled = _too_few(limit, measurement)
    if unsettled is None:
        assert measurement.interval is not None
        kept = {limit.holds(value) for value in (*measurement.interval, measurement.value)}
        if kept == {True}:
            return Verdict(limit, measurement, None, Outcome.PASS)
        if kept == {False}:
            why = f"not {limit.operator} {limit.value:g}, nor is any of the interval"
            return Verdict(limit, measurement, why, Outcome.FAIL)
        unsettled = (
            f"the interval lies on both sides of {limit.value:g}; {_clips_that_settle(limit, measurement)}"
        )
    return Verdict(limit, measurement, f"inconclusive: {unsettled}", Outcome.INCONCLUSIVE)


def _chance_verdict(limit: Limit, measurement: Measurement, alpha: float) -> Verdict:
    if measurement.p is None or measurement.least_p is None:
        return Verdict(limit, measurement, f"there is no p value, so {limit} cannot be judged")
    if measurement.least_p > alpha:
        why = (
            f"so few clips and unrelated audios cannot give p <= {alpha:g} (at best {measurement.least_p:.2g}), so "
            "a leak could not be found; add clips with other speech"
        )
        return Verdict(limit, measurement, why)
    if limit.holds(measurement.value):
        return Verdict(limit, measurement, None, Outcome.PASS)
    if measurement.p <= alpha:
        why = f"not {limit.operator} {limit.value:g}, and not by chance (p <= {alpha:g})"
        return Verdict(limit, measurement, why, Outcome.FAIL)
    why = f"inconclusive: not {limit.operator} {limit.value:g}, but chance may give this (p > {alpha:g}); add clips"
    return Verdict(limit, measurement, why, Outcome.INCONCLUSIVE)


def _too_few(limit: Limit, measurement: Measurement) -> str | None:
    if limit.metric.over_sets:
        return f"{limit.metric.name} is one number over all frames and has no interval over clips"
    if limit.metric.worst:
        return f"{limit.metric.name} is the value of one clip and has no interval"
    if measurement.units < MIN_UNITS:
        at = f"a verdict at {percent(limit.confidence or 0)} % needs at least {MIN_UNITS} {measurement.unit}s"
        return f"{at}; these are {measurement.units}" if measurement.speakers else at
    if measurement.interval is None:
        return measurement.no_interval
    if measurement.confidence != limit.confidence:
        raise ValueError(f"an interval of coverage {measurement.confidence} cannot judge {limit}")
    return None


SETTLED_IN = 0.8
"""How often the number of clips that would settle a verdict lies in the range that is named."""


def _clips_that_settle(limit: Limit, measurement: Measurement) -> str:
    """How many clips would do if more clips are like these, as a range: neither gap nor spread is known exactly."""
    if measurement.planned is not None:
        return "more clips could settle it"
    low, high = clips_that_settle(limit, measurement)
    if low > BEYOND_COUNTING:
        return "the value is too near the limit to say how many clips would settle it"
    least = f"at least {low} {measurement.unit}s like these"
    if high > BEYOND_COUNTING:
        return f"it takes {least}, and nobody knows how many: the true value may be the limit itself"
    return f"{low} to {high} {measurement.unit}s like these would settle it (so in 4 cases of 5)"


def clips_that_settle(limit: Limit, measurement: Measurement) -> tuple[float, float]:
    """Return the least and the largest number of clips (or speakers) at which an interval would leave out the limit.

    The gap between value and limit, in standard deviations of a clip, is known as well as these clips tell: its
    ``SETTLED_IN`` interval is that of an estimated effect size. Infinity where it holds 0.

    Source: Hedges & Olkin 1985, "Statistical Methods for Meta-Analysis", chapter 5 (variance of an effect size).
    """
    assert measurement.interval is not None
    units, confidence = measurement.units, measurement.confidence
    low, high = measurement.interval
    # The end of the interval on the limit's side is the one that has to move.
    reach = abs((high if limit.value > measurement.value else low) - measurement.value)
    width = t_quantile((1 + confidence) / 2, units - 1) / math.sqrt(units)
    if not reach:
        return math.inf, math.inf
    effect = abs(limit.value - measurement.value) * width / reach
    error = math.sqrt(1 / units + effect**2 / (2 * (units - 1)))
    spread = NormalDist().inv_cdf((1 + SETTLED_IN) / 2) * error
    least, most = (_units_for(end, confidence) for end in (effect + spread, effect - spread))
    return max(least, units + 1), max(most, units + 1)


def _units_for(effect: float, confidence: float) -> float:
    """The least number of units at which Student's interval is shorter to one side than the effect.

    Source: Guenther 1981, "Sample Size Formulas for Normal Theory T Tests", The American Statistician 35.
    """
    normal = NormalDist().inv_cdf((1 + confidence) / 2)
    needed = (normal / effect) ** 2 + normal**2 / 2 if effect > 0 else math.inf
    return max(math.ceil(needed), MIN_UNITS) if needed <= BEYOND_COUNTING else math.inf
