"""Dose curves: made with the control generators, found where they fit, and results read on them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pytest_lipleak.core.corpus import Corpus, Provenance
from pytest_lipleak.core.dose import COLUMNS, Dose, DoseCurve, scale_of
from pytest_lipleak.core.errors import InputError, MissingDataError, UnscorableError
from pytest_lipleak.core.metrics.formulas import Column, Metric, metric
from pytest_lipleak.core.number_words import counted
from pytest_lipleak.core.suggestions import meant_file
from pytest_lipleak.evaluation.results.resampling_units import clusters
from pytest_lipleak.machine.resources import resource
from pytest_lipleak.statistics.bootstrap import expanded_shares
from pytest_lipleak.statistics.isotonic import nondecreasing, reached
from pytest_lipleak.verdicts.limits import MIN_UNITS, Measurement

SHARES = tuple(number / 10 for number in range(11))
"""Copied shares of a curve."""

RESAMPLES = 1000
SEED = 20251113
ROUNDED = 1e-3
"""What is this near an end of the curve lies on it, not beyond it: files keep six decimals, and other versions of the
libraries move ``LSE-C_S`` of the very generator that a curve was measured with by 0.0007 (``lipleak evaluate --model
demo --gate "LSE-C_S < 9" --json FILE``, embedded clips, with the oldest versions that pyproject.toml allows and the
newest)."""

SHIPPED = "dose/embedded.json"
"""The curve of the embedded clips and expert."""


def calibrated(measured: Callable[[float], Corpus], shares: Sequence[float] = SHARES) -> DoseCurve:
    """Return the dose curve of one clip set, expert and protocol.

    Args:
        measured: from the copied share to the scores of that control generator under AM, XM and SI with CR.
        shares: increasing, in 0..1.

    Raises:
        UnscorableError: no clip was scored, or other clips at another share; or the expert cannot judge them.
    """
    corpora: list[Corpus] = []
    clips: list[str] = []
    for share in shares:
        corpora.append(corpus := measured(share))
        if corpus.expert_unfit:
            raise UnscorableError(corpus.expert_unfit)
        found = [corpus.column(column) for column in COLUMNS]
        known = clips if len(corpora) > 1 else corpus.provenance.clip_names
        clips = [clip for clip in known if all(clip in scores for scores in found)]
        if len(clips) < 2:
            reasons = sorted(f"{trial.clip}: {trial.reason}" for trial in corpus.unscored.values())
            raise UnscorableError(
                f"scored under all conditions: {counted(len(clips), 'clip')}; a dose curve needs two"
                + (f" ({reasons[0]})" if reasons else "")
            )
    about = corpora[0].provenance
    scores = [{column: corpus.column(column) for column in COLUMNS} for corpus in corpora]
    columns = {
        column: tuple(tuple(each[column][clip] for clip in clips) for each in scores) for column in COLUMNS
    }
    identity = {
        **_identity(about),
        "clips": about.clips,
        "seed": about.seed,
        "pairing_rule": about.pairing_rule,
        "version": about.version,
    }
    return DoseCurve(identity, tuple(clips), tuple(shares), columns)


def _identity(about: Provenance) -> dict[str, Any]:
    return {
        "expert": about.expert,
        "weights_sha256": about.weights_sha256,
        "protocol": about.protocol,
        "face": about.face,
        "clips_sha256": about.clips_sha256,
    }


def misfits(curve: DoseCurve, about: Provenance) -> list[str]:
    """Return why a curve must not be used for a result, empty when it may."""
    return [
        f"{word.replace('_', ' ')} is {_told(curve.about.get(word))} in the curve and {_told(value)} here"
        for word, value in _identity(about).items()
        if curve.about.get(word) != value
    ]


def _told(value: Any) -> str:
    # The beginning of a hash tells it apart.
    return repr(value[:12] if isinstance(value, str) and len(value) == 64 else value)


@cache
def read_curve(path: Path) -> DoseCurve:
    """Read a curve that ``lipleak calibrate`` wrote.

    Raises:
        MissingDataError: the file cannot be read.
        InputError: it is no dose curve.
    """
    try:
        return DoseCurve.from_dict(json.loads(path.read_text(encoding="utf-8")), str(path))
    except OSError as error:
        raise MissingDataError(
            f"dose curve {path}: cannot be read ({error.strerror}){meant_file(path)}"
        ) from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: is no dose curve, which `lipleak calibrate` writes ({type(error).__name__}: {error})"
        ) from None


@cache
def _shipped() -> DoseCurve | None:
    try:
        text = resource(SHIPPED).read_text(encoding="utf-8")
    except MissingDataError:
        return None
    return DoseCurve.from_dict(json.loads(text), SHIPPED)


def curve_for(about: Provenance, file: Path | None = None) -> tuple[DoseCurve | None, str | None]:
    """Return the curve on which a result may be read, and why there is none.

    Args:
        about: the result.
        file: named by the user; None takes the shipped curve of the embedded clips where it fits.

    Raises:
        InputError: ``file`` was made for something else; says what differs.
    """
    curve = _shipped() if file is None else read_curve(file)
    if curve is None:
        return None, "no column 'leaks like a copy of': no scale for it is shipped with this installation"
    if reasons := misfits(curve, about):
        if file is not None:
            raise InputError(
                f"dose curve {file}: made for something else: {'; '.join(reasons)}; make one for these clips with "
                "`lipleak calibrate`"
            )
        return (
            None,
            "no column 'leaks like a copy of': the shipped scale is of other clips or another expert "
            f"({'; '.join(reasons)}); `lipleak calibrate` makes one of yours",
        )
    return curve, None


def dose_of(metric: Metric, corpus: Corpus, curve: DoseCurve) -> Dose | None:
    """Return a result as an equivalent share of copied lips, or None where a metric has no such scale.

    The curve is made monotone by isotonic regression; clips, or speakers, are drawn jointly in the result and in
    the curve, so the interval knows the uncertainty of both; fewer than ``MIN_UNITS`` give none.
    """
    scale = scale_of(metric)
    if scale is None:
        return None
    found = [corpus.column(column) for column in metric.columns]
    row_of = {clip: row for row, clip in enumerate(curve.clip_names)}
    clips = [
        clip for clip in corpus.provenance.clip_names if clip in row_of and all(clip in c for c in found)
    ]
    if not clips:
        return None
    mine = np.array([[column[clip] for column in found] for clip in clips])
    theirs = _rows(curve, scale, [row_of[clip] for clip in clips])
    if not np.isfinite(mine).all():
        return None
    share = _share(metric, mine.mean(axis=0)[None], theirs.mean(axis=0)[None], curve.shares)
    labels = np.unique(clusters(corpus, metric, clips) or clips, return_inverse=True)[1]
    units = int(labels.max()) + 1
    if units < MIN_UNITS:
        return Dose(_middle(*share), float("nan"), float("nan"))
    # How often each clip is drawn: as often as its speaker.
    drawn = np.random.default_rng(SEED).multinomial(units, np.full(units, 1 / units), size=RESAMPLES)
    weights = drawn[:, labels] / drawn[:, labels].sum(axis=1, keepdims=True)
    first, last = _share(metric, weights @ mine, np.einsum("dc,csk->dsk", weights, theirs), curve.shares)
    low, high = expanded_shares(units)
    return Dose(_middle(*share), _quantile(first, low), _quantile(last, high))


def with_dose(measurement: Measurement, corpus: Corpus) -> Measurement:
    """Return a measurement that also says what share of copied lips it amounts to, where the corpus has a curve."""
    dose = None if corpus.curve is None else dose_of(measurement.metric, corpus, corpus.curve)
    return measurement if dose is None else replace(measurement, dose=dose)


def curve_text(curve: DoseCurve) -> str:
    """Return a curve as JSON, one share of a column to a line, so that it diffs well."""
    data = curve.to_dict()
    columns = data.pop("columns")
    head = json.dumps(data, indent=1)[:-2]
    rows = {name: ",\n   ".join(json.dumps(row) for row in rows) for name, rows in columns.items()}
    body = ",\n".join(f"  {json.dumps(name)}: [\n   {text}\n  ]" for name, text in rows.items())
    return f'{head},\n "columns": {{\n{body}\n }}\n}}\n'


SHOWN_METRICS = ("LSD-CR", "LSE-C_S", "LSE-C_XO[CR]")
"""Metrics that a curve is shown by."""


def table_lines(curve: DoseCurve) -> list[str]:
    """Return the curve as a table: one row per share, one column per metric."""
    lines = ["share  " + "  ".join(f"{name:>{max(len(name), 6)}}" for name in SHOWN_METRICS)]
    for number, share in enumerate(curve.shares):
        cells = []
        for name in SHOWN_METRICS:
            wanted = metric(name)
            means = [float(np.mean(curve.columns[column][number])) for column in wanted.columns]
            cells.append(f"{wanted.combine(means):>{max(len(name), 6)}.2f}")
        lines.append(f"{share:5.2f}  " + "  ".join(cells))
    return lines


def _rows(curve: DoseCurve, scale: Sequence[Column], rows: Sequence[int]) -> Any:
    """The curve's scores, shape (clips, shares, columns)."""
    whole = np.array([curve.columns[column] for column in scale])  # columns, shares, clips
    return whole.transpose(2, 1, 0)[list(rows)]


def _share(metric: Metric, mine: Any, theirs: Any, shares: Sequence[float]) -> tuple[Any, Any]:
    """First and last share that a result fits, per draw: mine (draws, columns), theirs (draws, shares, columns)."""
    sign = 1 if metric.better == "lower" else -1
    # Formulas are arithmetic: on arrays of means they give arrays of values.
    values = np.asarray(metric.combine(list(np.moveaxis(mine, -1, 0))))
    curves = np.asarray(metric.combine(list(np.moveaxis(theirs, -1, 0))))
    fitted, values = nondecreasing(sign * curves), sign * values
    for end in (fitted[:, 0], fitted[:, -1]):
        values = np.where(np.abs(values - end) < ROUNDED, end, values)
    return reached(np.array(shares), fitted, values)


def _middle(first: Any, last: Any) -> float:
    return float(first[0]) if np.isinf(first[0]) else float(first[0] + last[0]) / 2


def _quantile(values: Any, share: float) -> float:
    """An order statistic: values may be infinite, so nothing is interpolated."""
    return float(np.sort(values)[round(share * (len(values) - 1))])
