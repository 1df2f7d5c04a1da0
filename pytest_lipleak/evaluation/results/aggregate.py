"""From the scores of trials to the value of a metric."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean, median

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.conditions import CONDITIONS, Condition, Reference, Setup
from pytest_lipleak.core.corpus import Corpus, Key
from pytest_lipleak.core.errors import UnscorableError
from pytest_lipleak.core.metrics.default_gates import LEAST_EXCESS, LIP_LIMITS, default_limit
from pytest_lipleak.core.metrics.families import FAMILIES, PROBED, Shown, Source
from pytest_lipleak.core.metrics.formulas import (
    CHANCE,
    CHANGED,
    REACHED,
    REDRAWN,
    Metric,
    metric,
    metrics_of,
    shares_by_part,
)
from pytest_lipleak.core.number_words import counted, named
from pytest_lipleak.core.scores import ONE_COLOUR, Unscored
from pytest_lipleak.evaluation.make.unrelated_speech import ENOUGH
from pytest_lipleak.evaluation.measures.lag_scan import scan_chance
from pytest_lipleak.evaluation.results.dose_curves import with_dose
from pytest_lipleak.evaluation.results.resampling_units import clusters, complete, units_of, voices
from pytest_lipleak.faces.small_faces import LIPS_RADII, lips_region
from pytest_lipleak.statistics.bootstrap import CONFIDENCE, distance_interval, expanded_interval
from pytest_lipleak.statistics.nulls import least_p
from pytest_lipleak.statistics.sequences import FIRST, SKEWED, difference_sequence, mean_sequence
from pytest_lipleak.statistics.signs import sign_flip_p
from pytest_lipleak.verdicts.limits import Measurement, set_aside_of

COPY_IN_STEP = 0.8
"""What a full copy in step comes to at least, of shares and correlations of lips, less what chance gives."""


def measure(
    corpus: Corpus, metric: Metric, confidence: float | None = None, among: Collection[str] | None = None
) -> Measurement:
    """Compute a metric over the clips that have every trial it needs.

    The means over clips are taken first, then the formula (Yaman et al. 2025). Without any clip the
    value is NaN, which no limit accepts. The interval has coverage ``confidence`` (None: 95 %), and is drawn over
    speakers where several clips are of one; fewer than ``MIN_UNITS`` give none. Of a sequential run it is
    over the clips that were measured, with an interval that holds at any number of them; ``among`` leaves the others
    out.

    Raises:
        UnscorableError: a trial is neither scored nor listed as unscored; such a value would be a part
            passed off as the whole.
    """
    if metric.over_sets:
        return _over_sets(corpus, metric)
    columns = [corpus.column(column) for column in metric.columns]
    planned = corpus.provenance.clips_of(metric)
    clips = [clip for clip in planned if all(clip in column for column in columns)]
    # Trials of a clip that the expert does not hear may be there already; they count for nothing.
    clips = [clip for clip in clips if metric.is_picture or (clip, None) not in corpus.unscored]
    own = [entry for entry in corpus.unscored_in(metric.columns) if entry.clip in planned]
    set_aside = set_aside_of(len(planned), own)
    looked_at = set(planned if among is None else among).intersection(planned)
    clips = [clip for clip in clips if clip in looked_at]
    unscored = tuple(entry for entry in (*own, *_unscored_beside(corpus, metric)) if entry.clip in looked_at)
    sequential = corpus.provenance.sequential
    lost = {entry.clip for entry in own} & looked_at
    missing = set(planned) - set(clips) - lost
    if missing and not sequential:
        raise UnscorableError(
            f"{metric.name}: {len(missing)} of {len(planned)} clips were not measured "
            f"({named(sorted(missing))})"
        )
    rows = np.array([[column[clip] for column in columns] for clip in clips], np.float64)
    by_chance = np.zeros(len(columns))
    finite = bool(clips) and bool(np.isfinite(rows).all())
    coverage = CONFIDENCE if confidence is None else confidence
    alike = clusters(corpus, metric, clips)
    p, smallest_p = None, None
    if clips and metric.has_p:
        p, chance, smallest_p = _scan_chance(corpus, metric, clips)
        # The best of 21 lags of a mean is above 0 by chance; the bests of single clips are over chance already.
        by_chance[[column.competes for column in metric.columns]] = chance
        rows -= by_chance
    per_clip = {clip: metric.combine(row.tolist()) for clip, row in zip(clips, rows, strict=True)}
    measurement = Measurement(
        metric=metric,
        value=_value(metric, rows, per_clip) if clips else math.nan,
        interval=_interval(corpus, metric, clips, by_chance, coverage, lost) if finite else None,
        per_clip=per_clip,
        unscored=unscored,
        expert=corpus.provenance.expert,
        videos=_videos(corpus, metric),
        confidence=coverage,
        speakers=len(set(alike)) if alike else None,
        planned=len(planned) if sequential else None,
        p=p,
        least_p=smallest_p,
        full_copy=_full_copy(corpus, metric, clips),
        blank=_blank(corpus, metric, clips),
        finished=corpus.provenance.finished,
        set_aside=set_aside,
        unreached=_unreached(corpus, metric, clips),
        parts=shares_by_part(metric, rows.mean(axis=0).tolist()) if clips else {},
    )
    if metric.over_lags and clips:
        compared = _least_compared(corpus, metric, clips)
        measurement = replace(measurement, compared=compared, warning=_few_scanned(metric, compared))
    return measurement if missing else with_dose(measurement, corpus)


def _unscored_beside(corpus: Corpus, metric: Metric) -> list[Unscored]:
    """What could not be scored of the outputs that say where a scan has to look: it was taken without them.

    A probe reads such outputs itself, and is not taken where it cannot.
    """
    beside = metric.beside if metric.over_lags else ()
    lost = corpus.unscored.values()
    return [entry for entry in lost if entry.condition is not None and entry.condition.cell in beside]


def _value(metric: Metric, rows: NDArray[np.float64], per_clip: Mapping[str, float]) -> float:
    if metric.worst:
        # Python's max would pass over a NaN that is not the first.
        return float(np.max(list(per_clip.values())))
    return metric.combine(rows.mean(axis=0).tolist())


def _scanned(corpus: Corpus, metric: Metric, clips: Sequence[str]) -> list[NDArray[np.float64]]:
    """The tables of a lag scan, (1 + K, 21), own row first: one a video."""
    scans = [corpus.scans[key] for key in _videos_of(corpus, metric, clips)]
    return [np.array(scan.lips if metric.is_lips else scan.excess) for scan in scans]


def _videos_of(corpus: Corpus, metric: Metric, clips: Sequence[str]) -> list[Key]:
    """What was made of these clips in the cell that a metric looks at: for each clip one of each partner."""
    condition = metric.columns[0].condition
    return [key for clip in clips for key in corpus.videos(clip, condition)]


def _together(corpus: Corpus, names: Sequence[str]) -> list[str] | None:
    """Whose videos are drawn together for a p value: those of one voice, and of one clip; None for each alone."""
    alike = voices(corpus, names)
    several = len(set(names)) < len(names)
    return list(names) if alike is None and several else alike


def _scan_chance(corpus: Corpus, metric: Metric, clips: Sequence[str]) -> tuple[float, float, float]:
    """The p of the best lag, what the best lag is by chance, and the smallest p that could have been."""
    tables = _scanned(corpus, metric, clips)
    names = [clip for clip, _ in _videos_of(corpus, metric, clips)]
    together = _together(corpus, names)
    p, chance = scan_chance(tables, clusters=together, clips=names)
    return p, chance, least_p([len(table) - 1 for table in tables], together)


def _blank(corpus: Corpus, metric: Metric, clips: Sequence[str]) -> int:
    """How many clips have a video without any picture under what the metric looks at last."""
    if not metric.conditions:
        return 0
    made = ([corpus.trials.get(key) for key in corpus.videos(clip, metric.conditions[-1])] for clip in clips)
    return sum(any(trial and ONE_COLOUR in trial.notes for trial in trials) for trials in made)


PLAINLY_OTHER = 2.0
"""How much more than two outputs for the same, of any clip, those of a probe must differ from the one without it, so
that it is known that the model was given what was changed. How far two draws are apart is itself a matter of chance."""


def _unreached(corpus: Corpus, metric: Metric, clips: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Clips in which nothing shows that finished videos of a probe were made from what was changed."""
    if not (metric.is_probe and corpus.provenance.finished):
        return {}  # else the model was given it
    name, condition = metric.columns[0].measure, metric.columns[0].condition
    noted = {clip: corpus.pictures[clip, condition] for clip in clips}
    reached = {clip: measures.get(f"{name}{REACHED}", 0.0) for clip, measures in noted.items()}
    redrawn = {clip: measures.get(f"{name}{REDRAWN}", math.inf) for clip, measures in noted.items()}
    # One clip's two draws may be alike by chance.
    most = max((each for each in redrawn.values() if math.isfinite(each)), default=0.0)
    return {
        clip: (reached[clip], max(most, redrawn[clip]))
        for clip in clips
        if reached[clip] <= PLAINLY_OTHER * max(most, redrawn[clip])
    }


def _full_copy(corpus: Corpus, metric: Metric, clips: Sequence[str]) -> float | None:
    """What a full copy of the clips' lips comes to, about; None where that is not known."""
    if metric.is_probe or metric.is_lips:
        return COPY_IN_STEP
    if metric.of_full_copy is None:
        return None
    real, unrelated = corpus.column(metric.of_full_copy), corpus.unrelated
    known = unrelated.keys() & real if metric.over_others else real
    if not clips or not all(clip in known for clip in clips):
        return None
    scores = np.array([real[clip] for clip in clips], np.float64)
    if metric.over_others:
        others = np.max if metric.worst else np.mean
        scores -= np.array([others(unrelated[clip]) for clip in clips])
    if metric.over_lags:  # the floor takes its part
        scores *= COPY_IN_STEP
    return float(scores.max() if metric.worst else scores.mean())


def _least_compared(corpus: Corpus, metric: Metric, clips: Sequence[str]) -> int:
    """With how many unrelated recordings a clip is compared at least."""
    return min((len(table) - 1 for table in _scanned(corpus, metric, clips)), default=ENOUGH)


def _few_scanned(metric: Metric, unrelated: int) -> str | None:
    """Say from how few recordings chance is known; None where there are enough."""
    if unrelated >= ENOUGH:
        return None
    what = "what chance gives, and p, is" if metric.has_p else "what chance gives is"
    return (
        f"{what} known from {counted(unrelated, 'unrelated recording')} a clip; {ENOUGH} or more tell a leak from "
        "sentences of one rhythm"
    )


def _interval(
    corpus: Corpus,
    metric: Metric,
    clips: list[str],
    by_chance: NDArray[np.float64],
    confidence: float,
    lost: Collection[str],
) -> tuple[float, float] | None:
    """The interval of a metric; ``by_chance`` is taken off each column."""
    if metric.worst:
        return None
    # A best lag of means is no mean of best lags: no sequence holds for it, and all clips are measured.
    if corpus.provenance.sequential and not metric.over_lags and not metric.is_probe:
        every = corpus.provenance.clip_names
        if len(set(clusters(corpus, metric, every) or every)) >= FIRST:
            return _sequence(corpus, metric, clips, units_of([corpus], metric, clips).rows, confidence, lost)
        # Too few to look at before the end: then nothing was looked at, and the plain interval holds.
        if set(every) - set(clips) - set(lost):
            return None
    units = units_of([corpus], metric, clips)
    rows, alike, crossed, weights = units.rows - by_chance, units.clusters, units.crossed, units.weights
    if metric.differences:
        return distance_interval(
            rows, metric.differences, confidence=confidence, clusters=alike, crossed=crossed, weights=weights
        )
    return expanded_interval(
        rows, metric.combine, confidence=confidence, clusters=alike, crossed=crossed, weights=weights
    )


def _sequence(
    corpus: Corpus,
    metric: Metric,
    clips: list[str],
    rows: NDArray[np.float64],
    confidence: float,
    lost: Collection[str],
) -> tuple[float, float] | None:
    """The interval that holds after every speaker whose clips are all measured; a clip alone is a speaker, too."""
    place = {clip: number for number, clip in enumerate(corpus.provenance.in_order)}
    order = sorted(range(len(clips)), key=lambda index: place[clips[index]])
    clips = [clips[index] for index in order]
    labels = np.array(clusters(corpus, metric, clips) or clips)
    whole = complete(corpus, labels.tolist(), clips, lost)
    if not whole:
        return None
    units = np.array([rows[order][labels == label].mean(axis=0) for label in whole])
    if metric.differences:
        ends = difference_sequence(units, metric.differences, 1 - confidence, FIRST, SKEWED)
    else:
        values = np.array([metric.combine(row.tolist()) for row in units])
        ends = mean_sequence(values, 1 - confidence, FIRST, SKEWED)
    low, high = ends[-1]
    return (float(low), float(high)) if math.isfinite(low) and math.isfinite(high) else None


def _over_sets(corpus: Corpus, metric: Metric) -> Measurement:
    (column,) = metric.columns
    assert column.condition is not None
    found = corpus.sets.get((column.measure, column.condition))
    unscored = corpus.unscored_in(metric.columns)
    if found is None and not unscored:
        raise UnscorableError(f"{metric.name}: not measured")
    return Measurement(
        metric=metric,
        value=found.value if found else math.nan,
        interval=None,
        per_clip=dict(found.per_clip) if found else {},
        unscored=unscored,
        expert=corpus.provenance.expert,
        warning=found.warning if found else None,
        finished=corpus.provenance.finished,
    )


def measured(corpus: Corpus, metric: Metric) -> Measurement | None:
    """Like ``measure``, or None when the metric was not asked for or does not apply."""
    try:
        measurement = measure(corpus, metric)
    except UnscorableError:
        return None
    return measurement if measurement.clips or measurement.unscored else None


def every_measurement(corpus: Corpus, named: Iterable[str] = ()) -> list[Measurement]:
    """Return every metric that the corpus holds the scores for: conditions, leakage, pictures.

    Args:
        corpus: the scores.
        named: metrics that somebody asked for by name, so that they are told though no list has them.
    """
    scored = [
        family for family in FAMILIES if family.shown is not Shown.ASKED and family.measure not in _MADE
    ]
    by_condition = [family.measure for family in scored if family.by_condition]
    wanted = [metric(f"{name}[{where}]") for where in ("GT", *CONDITIONS) for name in by_condition]
    others = [each for family in scored if not family.by_condition for each in metrics_of(family)]
    wanted += sorted(others, key=lambda each: list(Reference).index(each.conditions[-1].reference))
    taken = {
        (name, of and of.cell) for (_, of), values in corpus.pictures.items() for name in values
    } | corpus.sets.keys()
    taken |= {(measure, key[1] and key[1].cell) for key, measure in corpus.unpictured}
    wanted += [metric(name) for name in sorted(f"{name}[{of}]" for name, of in taken if name in _MADE)]
    wanted += map(metric, named)
    found = (measured(corpus, each) for each in dict.fromkeys(wanted))
    return [measurement for measurement in found if measurement is not None]


_MADE = {
    family.measure
    for family in FAMILIES
    if family.source in (Source.PICTURES, Source.FRAME_SETS, Source.PROBES)
}
"""What is measured of single trials only when asked for, so that a corpus holds what was asked."""


_ABOVE_REAL: Mapping[str, Callable[[Sequence[float]], float]] = {
    "LSE-C": lambda means: means[0] - means[1],
    "LSE-D": lambda means: means[1] - means[0],
}


def suspicions(corpus: Corpus) -> list[str]:
    """Say what in the scores is suspicious: sync better than that of the real clips, beyond chance, or none at all.

    For the first, the sign-flip p of the clips' differences must be at most .05, or all clips agree where so few
    cannot give that; one clip is none.
    """
    found = []
    for reference in Reference:
        condition = Condition(Setup.AM, reference)
        for name, formula in _ABOVE_REAL.items():
            model, real = metric(f"{name}[{condition}]"), metric(f"{name}[GT]")
            columns = (*model.columns, *real.columns)
            above = replace(model, name=f"{name} above real", columns=columns, combine=formula)
            excess = measured(corpus, above)
            found_in = np.array(list(excess.per_clip.values())) if excess else np.empty(0)
            if len(found_in) < 2 or not sign_flip_p(found_in) <= max(0.05, 0.5 ** len(found_in)):
                continue
            value, its = measure(corpus, model).value, measure(corpus, real).value
            found.append(
                f"better than real: {name}[{condition}] is {value:.2f}, the real clips' is {its:.2f}; training on a "
                "sync expert does that, and so can copied lips: it is no sign of better lips"
            )
    return found + _unmoved(corpus) + _unsteady(corpus) + _unfollowed(corpus) + _unhidden(corpus)


def _unsteady(corpus: Corpus) -> list[str]:
    """Say that a model answers otherwise when it is asked again with the same."""
    probed = {
        clip
        for (clip, _), measures in corpus.pictures.items()
        if any(name.endswith(CHANCE) for name in measures)
    }
    if not probed:
        return []
    every = counted(len(corpus.provenance.probed("REF_shift", Condition(Setup.PA, Reference.CR))), "clip")
    return [
        f"other lips when asked again with the same input, in {len(probed)} of {every}: what chance gives is taken off "
        "the probes, and small leaks may be lost in it; a fixed seed in the model makes them sharper"
    ]


CHANGES = 0.2
"""Share of all that moves in the lips from which a change with the reference's mouths is told, though none follows."""


def _unfollowed(corpus: Corpus) -> list[str]:
    """Say once where lips change with the mouths of the reference, and no limit on a probe would call it a leak."""
    for setup in PROBED:
        name = f"REF_shift[{setup},{Reference.CR}]"
        probe, condition = metric(name), Condition(setup, Reference.CR)
        changed = [
            measures[f"REF_shift{CHANGED}"]
            for (_, of), measures in corpus.pictures.items()
            if of == condition and f"REF_shift{CHANGED}" in measures
        ]
        value = measured(corpus, probe) if changed else None
        if value is not None and value.value < default_limit(name) and fmean(changed) >= CHANGES:
            return [
                f"lips change when the reference has other mouths (by {fmean(changed):.2f} of all that moves in them), "
                f"but follow them in no way that {name} knows ({value.value:.2f}): a model that looks its mouths up in "
                "the reference does that, and so does one that copies them in another order"
            ]
    return []


def _unhidden(corpus: Corpus) -> list[str]:
    """Say where the clip's own lips are found and no change beyond the lips is: they may be seen around the edit.

    The region that is edited always holds the lips (``measures.edited_region``): where it is no larger, less may be.
    """
    edited = [scan.region for scan in corpus.scans.values()]
    if not edited or median(edited) > float(lips_region().mean()) + 1e-3:
        return []
    about, (height, width) = corpus.provenance, LIPS_RADII
    # Its label is the name and a version.
    expert, _, _ = about.expert.partition(" ")
    for reference in Reference:
        frames = f"FRAME_shift[{Setup.PA},{reference}]"
        limits = {
            **LEAST_EXCESS.get((expert, about.protocol), {}),
            "LipCorr_S": LIP_LIMITS["LipCorr_S"],
            frames: default_limit(frames),
        }
        for name, limit in limits.items():
            of = name if name == frames else f"{name}[{reference}]"
            value = measured(corpus, metric(of))
            if value is not None and value.value >= limit:
                return [
                    f"the clip's own lips are in the picture ({of} is {value.value:.2f}), and no change was found "
                    "beyond the lips: an edit that does not hold all of them shows the rest as it was filmed, whatever "
                    f"the model makes; they fill up to {2 * width:.0%} of the face crop's width and {2 * height:.0%} "
                    "of its height, and a tracked face moves in it"
                ]
    return []


def _unmoved(corpus: Corpus) -> list[str]:
    """Say where lips fit their audio no better than real lips fit speech of others: low leakage means nothing then."""
    unrelated = [score for scores in corpus.unrelated.values() for score in scores]
    found = []
    for reference in Reference:
        name = f"LSE-C[{Condition(Setup.AM, reference)}]"
        followed = measured(corpus, metric(name))
        if unrelated and followed is not None and followed.value <= float(np.mean(unrelated)):
            found.append(
                f"lips follow no audio: {name} is {followed.value:.2f}, real lips score {np.mean(unrelated):.2f} with "
                "speech of others; LSD and silent scores say nothing about leaks of such a model: hold "
                f"{name} above a floor"
            )
    return found


def _videos(corpus: Corpus, metric: Metric) -> dict[str, str]:
    last = metric.conditions[-1] if metric.conditions else None
    return {
        clip: trial.video
        for (clip, condition), trial in corpus.trials.items()
        if condition == last and trial.video is not None
    }
