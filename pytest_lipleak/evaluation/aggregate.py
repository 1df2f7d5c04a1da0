"""From the scores of takes to the value of a metric."""

import math

import numpy as np

from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.errors import UnscorableError
from pytest_lipleak.core.metrics import Metric
from pytest_lipleak.core.verdicts import Measurement
from pytest_lipleak.statistics.bootstrap import percentile_interval


def measure(corpus: Corpus, metric: Metric) -> Measurement:
    """Compute a metric over the clips that have every take it needs.

    The means over clips are taken first, then the formula (Yaman et al. 2025). Without any clip the
    value is NaN, which no limit accepts.

    Raises:
        UnscorableError: a take is neither scored nor listed as unscored; such a value would be a part
            passed off as the whole.
    """
    if metric.over_sets:
        return _over_sets(corpus, metric)
    columns = [corpus.column(column) for column in metric.columns]
    clips = [clip for clip in corpus.provenance.clip_names if all(clip in column for column in columns)]
    unscored = corpus.unscored_in(metric.columns)
    missing = set(corpus.provenance.clip_names) - set(clips) - {entry.clip for entry in unscored}
    if missing:
        raise UnscorableError(
            f"{metric.name}: {len(missing)} of {len(corpus.provenance.clip_names)} clips were not measured "
            f"({', '.join(sorted(missing)[:3])}, ...)"
        )
    rows = np.array([[column[clip] for column in columns] for clip in clips], np.float64)
    finite = bool(clips) and bool(np.isfinite(rows).all())
    return Measurement(
        metric=metric,
        value=metric.combine(rows.mean(axis=0).tolist()) if clips else math.nan,
        interval=percentile_interval(rows, metric.combine) if finite else None,
        per_clip={clip: metric.combine(row.tolist()) for clip, row in zip(clips, rows, strict=True)},
        unscored=unscored,
        expert=corpus.provenance.expert,
        videos=_videos(corpus, metric),
    )


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
    )


def measured(corpus: Corpus, metric: Metric) -> Measurement | None:
    """Like ``measure``, or None when the metric was not asked for or does not apply."""
    try:
        measurement = measure(corpus, metric)
    except UnscorableError:
        return None
    return measurement if measurement.clips or measurement.unscored else None


def _videos(corpus: Corpus, metric: Metric) -> dict[str, str]:
    last = metric.conditions[-1] if metric.conditions else None
    return {
        clip: take.video
        for (clip, condition), take in corpus.takes.items()
        if condition == last and take.video is not None
    }
