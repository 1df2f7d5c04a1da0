"""Two results on the same clips: may they be compared, and what changed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pytest_lipleak.core.conditions import OTHER_SPEECH
from pytest_lipleak.core.corpus import Corpus, Provenance
from pytest_lipleak.core.errors import InputError, UnscorableError
from pytest_lipleak.core.metrics.formulas import Metric, every_metric
from pytest_lipleak.core.number_words import counted, named
from pytest_lipleak.evaluation.evaluation import Evaluation
from pytest_lipleak.evaluation.make.crops import MOUTH_ALIGNED, NOT_ALIGNED
from pytest_lipleak.evaluation.results.aggregate import measure
from pytest_lipleak.evaluation.results.resampling_units import units_of
from pytest_lipleak.statistics.bootstrap import CONFIDENCE, expanded_interval
from pytest_lipleak.verdicts.limits import Outcome, Verdict
from pytest_lipleak.verdicts.regressions import Allowance, Difference
from pytest_lipleak.verdicts.value_against_limit import judge

DECIMALS = 6
"""Scores are compared as baselines keep them: a result compared with its own baseline has not changed."""

DECIDING = ("JPEG step by", "CSIM by", MOUTH_ALIGNED, NOT_ALIGNED)
"""How notes begin that say what scores depend on; two encoders or ArcFace networks give two scales."""

COMPARED: Mapping[str, Callable[[Provenance], Any]] = {
    "protocol": lambda about: about.protocol,
    "face": lambda about: about.face,
    "expert": lambda about: about.expert,
    "weights SHA-256": lambda about: about.weights_sha256,
    "clips": lambda about: sorted(about.clip_names),
    "contents of the clips (SHA-256)": lambda about: about.clips_sha256,
    "seed": lambda about: about.seed,
    "pairing rule": lambda about: about.pairing_rule,
    "silence": lambda about: about.silence,
    "alternative reference": lambda about: about.alternative_reference,
    "made by": lambda about: [note for note in about.notes if note.startswith(DECIDING)],
}
"""What must agree between two results, in words; XM pairs beside it, where both have them."""


@dataclass(frozen=True)
class Regression:
    """The verdict on one allowance.

    Args:
        allowance: what was allowed.
        difference: what was found.
        verdict: against the limit that follows from the baseline.
    """

    allowance: Allowance
    difference: Difference
    verdict: Verdict


def rounded(corpus: Corpus) -> Corpus:
    """Return the scores as a baseline keeps them, see ``plain``."""
    return Corpus.from_dict(plain(corpus))


def plain(corpus: Corpus) -> dict[str, Any]:
    """Return a corpus as plain data with six decimals, without what no metric is computed from: the confidence of
    single windows, where videos were kept, and what it cost.
    """
    data: dict[str, Any] = six_decimals(corpus.to_dict())
    data["costs"] = {}
    for trial in data["trials"]:
        trial["video"] = None
        for score in (trial["own"], trial["driving"]):
            if score is not None:
                score["window_confidence"] = []
    return data


def six_decimals(value: Any) -> Any:
    """Round every number in plain data."""
    if isinstance(value, float):
        return round(value, DECIMALS)
    if isinstance(value, dict):
        return {key: six_decimals(entry) for key, entry in value.items()}
    return [six_decimals(entry) for entry in value] if isinstance(value, list) else value


def incomparable(before: Provenance, after: Provenance) -> list[str]:
    """Return why two results must not be compared, empty when they may be."""
    reasons = []
    for about, which in ((before, "the baseline"), (after, "the new result")):
        if about.shard:
            reasons.append(
                f"{which} is a part of a corpus; put it together with `lipleak merge --json` first"
            )
        if not about.verified_weights:
            reasons.append(f"{which} was judged by unverified weights ({about.expert})")
        if not about.weights_sha256 or not about.clips_sha256:
            reasons.append(f"{which} does not say which weights and clips it rests on; measure it again")
    for word, of in COMPARED.items():
        mine, other = of(before), of(after)
        if mine != other:
            reasons.append(f"{word}: {_short(mine, other)} in the baseline, {_short(other, mine)} now")
    if before.pairing and after.pairing and before.partners != after.partners:
        every = {**before.pairing, **after.pairing}
        changed = [clip for clip in every if before.partners_of(clip) != after.partners_of(clip)]
        reasons.append(f"XM pairs: another partner for {counted(len(changed), 'clip')}, {changed[0]} for one")
    return reasons


def check_comparable(before: Provenance, after: Provenance) -> None:
    """Raise ``InputError`` with every reason why two results must not be compared."""
    if reasons := incomparable(before, after):
        raise InputError("these results must not be compared: " + "; ".join(reasons))


def remarks(before: Provenance, after: Provenance) -> list[str]:
    """Return what differs and may matter, though it does not forbid the comparison."""
    pairs = [(word, getattr(before, word), getattr(after, word)) for word in ("version", "device", "notes")]
    return [
        f"mind: {word} was {_words(mine)}, is {_words(other)}" for word, mine, other in pairs if mine != other
    ]


def matching(corpora: Sequence[Corpus], model: str, file: str) -> Corpus:
    """Return the result on ``model``; the only one there is goes with any model.

    Raises:
        InputError: several, and none of that name.
    """
    named = [corpus for corpus in corpora if corpus.provenance.model == model]
    if len(corpora) == 1 or len(named) == 1:
        return (named or list(corpora))[0]
    names = ", ".join(repr(corpus.provenance.model) for corpus in corpora) or "nothing"
    raise InputError(f"{file}: holds {names}; expected model {model!r}, or one model alone")


def differences(before: Corpus, after: Corpus) -> list[Difference]:
    """Return every metric that both have, paired by clip.

    Raises:
        InputError: they must not be compared.
    """
    check_comparable(before.provenance, after.provenance)
    before, after = rounded(before), rounded(after)
    found = []
    for metric in every_metric():
        try:
            found.append(_difference(metric, before, after))
        except UnscorableError:
            continue
    return found


def difference(metric: Metric, before: Corpus, after: Corpus) -> Difference:
    """Return the change of one metric; raises as ``differences`` does, and ``UnscorableError`` where one lacks it."""
    check_comparable(before.provenance, after.provenance)
    return _difference(metric, rounded(before), rounded(after))


def paired_difference(
    metric: Metric, before: Corpus, after: Corpus, confidence: float = CONFIDENCE
) -> Difference:
    """Return the difference of one metric between two models on the same clips, clips drawn jointly.

    The models' own choices (AR strategy, silence) may differ, which a table says beside it.

    Raises:
        InputError: other clips, another expert or protocol, or under XM other pairs.
        UnscorableError: one of them lacks the metric.
    """
    one, other = before.provenance, after.provenance
    alike = ("expert", "weights_sha256", "protocol", "face", "clips_sha256", "clip_names")
    apart = [name for name in alike if getattr(one, name) != getattr(other, name)]
    driven = any(condition.setup in OTHER_SPEECH for condition in metric.conditions)
    if driven and one.partners != other.partners:
        apart.append("XM pairs")
    if apart:
        raise InputError(f"{metric.name}: not comparable by clip, other {', '.join(apart)}")
    return _difference(metric, before, after, confidence)


def has(corpus: Corpus, metric: Metric) -> bool:
    """Whether a metric was measured: every clip that it is taken on has its scores, or a reason why not."""
    if metric.over_sets:
        (column,) = metric.columns
        return any(key == (column.measure, column.condition) for key in corpus.sets)
    known = _rows(corpus, metric).keys() | {entry.clip for entry in corpus.unscored_in(metric.columns)}
    return known >= set(corpus.provenance.clips_of(metric))


def check_measured(
    allowance: Allowance, baseline: Corpus, lipleak: Evaluation, name: str = "the baseline"
) -> None:
    """Refuse, before anything is measured, a baseline that lacks what ``allowance`` speaks of.

    Raises:
        UnscorableError: it lacks the metric, on some clip at least.
    """
    wanted = allowance.metric
    applies = not any(map(lipleak.corpus.why_lacking, wanted.conditions))
    if applies and not has(baseline, wanted):
        raise UnscorableError(f"{allowance}: {wanted.name} was not measured on all clips of {name}")


def _difference(metric: Metric, before: Corpus, after: Corpus, confidence: float = CONFIDENCE) -> Difference:
    for corpus, which in ((before, "the baseline"), (after, "the new result")):
        if not has(corpus, metric):
            raise UnscorableError(f"{metric.name} was not measured on all clips of {which}")
    if metric.over_sets:
        old, new = measure(before, metric), measure(after, metric)
        return Difference(metric, old.value, new.value, None)
    rows = [_rows(corpus, metric) for corpus in (before, after)]
    clips = [clip for clip in before.provenance.clip_names if all(clip in found for found in rows)]
    if not clips:
        raise UnscorableError(f"{metric.name}: no clip has a score in both results")
    both = np.array([rows[0][clip] + rows[1][clip] for clip in clips], np.float64)
    width = len(metric.columns)

    def change(means: Sequence[float]) -> float:
        return metric.combine(means[width:]) - metric.combine(means[:width])

    units = units_of((before, after), metric, clips)
    means = both.mean(axis=0).tolist()
    return Difference(
        metric,
        before=metric.combine(means[:width]),
        after=metric.combine(means[width:]),
        interval=expanded_interval(
            units.rows,
            change,
            confidence=confidence,
            clusters=units.clusters,
            crossed=units.crossed,
            weights=units.weights,
        )
        if np.isfinite(both).all()
        else None,
        per_clip={clip: change(row.tolist()) for clip, row in zip(clips, both, strict=True)},
        lost=tuple(sorted(rows[0].keys() ^ rows[1].keys())),
    )


def _rows(corpus: Corpus, metric: Metric) -> dict[str, list[float]]:
    columns = [corpus.column(column) for column in metric.columns]
    # As in every mean: a real clip that cannot be judged does not count, whatever its trials score.
    refused = {clip for clip, condition in corpus.unscored if condition is None and not metric.is_picture}
    return {
        clip: [column[clip] for column in columns]
        for clip in columns[0]
        if clip not in refused and all(clip in column for column in columns)
    }


def regression(
    allowance: Allowance, before: Corpus, after: Corpus, *, allow_unscored: bool = False
) -> Regression:
    """Judge the change of one metric between two results.

    Raises:
        InputError: they must not be compared.
        UnscorableError: one of them lacks the metric.
    """
    found = difference(allowance.metric, before, after)
    measurement = measure(rounded(after), allowance.metric)
    if found.lost:
        measurement = replace(measurement, value=found.after, interval=None, per_clip=found.per_clip)
    # p is about a leak beyond chance, and not about a change.
    measurement = replace(measurement, p=None)
    verdict = judge(allowance.limit(found.before), measurement, allow_unscored=allow_unscored)
    why = None if allowance.metric.is_picture else before.expert_unfit or after.expert_unfit
    if why is None and not allow_unscored and (gone := measure(before, allowance.metric).lost):
        lost = counted(len(gone), "video")
        why = f"{lost} of the baseline could not be scored, so it is no measure for all clips"
    if why:
        verdict = replace(verdict, reason=why, outcome=Outcome.NOT_JUDGED)
    return Regression(allowance, found, verdict)


def judge_regression(lipleak: Evaluation, allowance: Allowance, baseline: Corpus) -> Regression:
    """Measure what ``allowance`` speaks of and judge it against ``baseline``; the verdict is remembered.

    Raises:
        InputError: the baseline was measured otherwise.
        UnscorableError: the baseline lacks the metric.
        LipleakError: as ``Evaluation.measure``.
    """
    if any(condition.setup in OTHER_SPEECH for condition in allowance.metric.conditions):
        lipleak.pairs()
    check_comparable(baseline.provenance, lipleak.corpus.provenance)
    check_measured(allowance, baseline, lipleak)
    if not allowance.metric.is_picture:
        lipleak.expert_unfit()
    lipleak.measure(allowance.metric)
    found = regression(allowance, baseline, lipleak.corpus, allow_unscored=lipleak.rules.allow_unscored)
    lipleak.verdicts.append(found.verdict)
    return found


def _short(value: Any, other: Any) -> str:
    if isinstance(value, list):
        extra = [entry for entry in value if entry not in other]
        return f"{len(value)}" + (f" ({named(extra)})" if extra else "")
    text = _words(value)
    return text[:12] if len(text) == 64 else text


def _words(value: Any) -> str:
    return "; ".join(map(str, value)) or "none" if isinstance(value, tuple | list) else str(value) or "none"
