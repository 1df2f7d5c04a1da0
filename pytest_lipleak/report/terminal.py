"""The table that pytest prints at the end."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from pytest_lipleak.core.conditions import CONDITIONS, Condition, Setup
from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.metrics import LEAKAGE_METRICS, PICTURE_ARROWS, Metric, metric
from pytest_lipleak.core.verdicts import Measurement

Measure = Callable[[Metric], Measurement | None]
"""Gives a metric's measurement, or None when it was not needed or does not apply."""

EXTRA_METRICS = (
    "signed-LSD-CR",
    "signed-LSD-AR",
    "LSE-C_XO[CR]",
    "LSE-C_XO[AR]",
    "LSE-D_XO[CR]",
    "LSE-D_XO[AR]",
    "LSE-C_S@offset",
    "LSE-C_XO@offset[CR]",
    "LSE-C_XO@offset[AR]",
)

_SETUP_ROWS: Mapping[Setup, str] = {
    Setup.AM: "audio-matched, against the driving audio",
    Setup.XM: "audio-mismatched, against the driving audio",
    Setup.SI: "silent-input, against the clip's own audio",
}


Limits = Mapping[str, Sequence[tuple[str, bool]]]
"""By metric name: every bound that was judged, and whether it was kept."""


def table(corpus: Corpus, measure: Measure, limits: Limits) -> list[str]:
    """Return the lines of the report on one model.

    Args:
        corpus: its scores.
        measure: gives the measurements.
        limits: what was judged.
    """
    about = corpus.provenance
    head = (
        f"{len(about.clip_names)} clips ({about.clips}), expert {about.expert}, protocol {about.protocol}, "
        f"AR {about.alternative_reference}, silence {about.silence}, seed {about.seed}"
    )
    return [
        head,
        "",
        *_conditions(corpus, measure),
        "",
        *_leakage(measure, limits),
        *_pictures(corpus, measure),
        *_footnotes(corpus),
    ]


def _conditions(corpus: Corpus, measure: Measure) -> list[str]:
    rows = [("condition", "LSE-C ↑", "LSE-D ↓", "offset", "clips", "")]
    rows.append(("real clips", *_cells(corpus, measure, None), "against their own audio"))
    for condition in CONDITIONS:
        why = corpus.not_applicable.get(condition.reference)
        cells = ("n/a",) * 4 if why else _cells(corpus, measure, condition)
        if any(cell != "" for cell in cells):
            rows.append((f"{condition.setup} {condition.reference}", *cells, _SETUP_ROWS[condition.setup]))
    return _aligned(rows)


def _cells(corpus: Corpus, measure: Measure, condition: Condition | None) -> tuple[str, str, str, str]:
    where = str(condition) if condition else "GT"
    measurements = [measure(metric(f"{name}[{where}]")) for name in ("LSE-C", "LSE-D")]
    first = measurements[0]
    if first is None:
        return "", "", "", ""
    takes = [take for (_, of), take in corpus.takes.items() if of == condition]
    offsets = sorted((take.driving or take.own).offset for take in takes)
    middle = f"{offsets[len(offsets) // 2]:+d}" if offsets else ""
    confidence, distance = (f"{m.value:.2f}" if m and m.clips else "none" for m in measurements)
    return confidence, distance, middle, str(first.clips)


def _leakage(measure: Measure, limits: Limits) -> list[str]:
    rows = [("leakage", "value", "95 % interval", "limit", "")]
    # The paper's four always; the others where a gate asks for them or they are there anyway.
    for name in dict.fromkeys((*LEAKAGE_METRICS, *EXTRA_METRICS, *limits)):
        wanted = metric(name)
        found = measure(wanted)
        judged = limits.get(name, ())
        if found is None and not judged:
            continue
        has_value = found is not None and found.clips > 0
        value = f"{found.value:.2f}" if found and has_value else "none"
        interval = f"[{found.interval[0]:.2f}, {found.interval[1]:.2f}]" if found and found.interval else ""
        for bound, passed in judged or [("", True)]:
            mark = "" if not bound else "ok" if passed else "FAILED"
            rows.append((f"{wanted.name} {wanted.arrow}", value, interval, bound, mark))
    return _aligned(rows) if len(rows) > 1 else []


def _pictures(corpus: Corpus, measure: Measure) -> list[str]:
    """One row per condition, one column per picture measure that was taken."""
    taken = {(name, condition) for (_, condition), values in corpus.pictures.items() for name in values}
    taken |= corpus.sets.keys()
    names = [name for name in PICTURE_ARROWS if any(name == other for other, _ in taken)]
    if not names:
        return []
    rows = [["pictures", *(f"{name} {PICTURE_ARROWS[name]}" for name in names)]]
    for condition in CONDITIONS:
        found = [
            measure(metric(f"{name}[{condition}]")) if (name, condition) in taken else None for name in names
        ]
        if any(found):
            values = (f"{value.value:.3f}" if value else "" for value in found)
            rows.append([f"{condition.setup} {condition.reference}", *values])
    return ["", *_aligned(rows), *_sensitivity(corpus), *_frame_counts(corpus)]


def _frame_counts(corpus: Corpus) -> list[str]:
    """How many frames a distance between sets rests on, and why that may be too few; one line per measure."""
    lines = []
    for measure in dict.fromkeys(measure for measure, _ in corpus.sets):
        found = [each for (name, _), each in corpus.sets.items() if name == measure]
        fewest = min(found, key=lambda each: each.frames)
        lines.append(
            f"{measure} rests on {fewest.frames} frames" + (f": {fewest.warning}" if fewest.warning else "")
        )
    return lines


def _sensitivity(corpus: Corpus) -> list[str]:
    """How the share of open mouths moves with the threshold, one line per condition."""
    lines = []
    for condition in CONDITIONS:
        takes = [values for (_, of), values in corpus.pictures.items() if of == condition]
        shares: dict[str, list[float]] = {}
        for values in takes:
            for name, share in values.items():
                if name.startswith("MAR_open@"):
                    shares.setdefault(name.partition("@")[2], []).append(share)
        if shares:
            told = ", ".join(f"{sum(each) / len(each):.3f} at {limit}" for limit, each in shares.items())
            lines.append(
                f"{condition.setup} {condition.reference}: share of open mouths by threshold: {told}"
            )
    return lines


def _footnotes(corpus: Corpus) -> list[str]:
    lines = [corpus.objection] if corpus.objection else []
    lines += [f"not applicable: {reference}: {why}" for reference, why in corpus.not_applicable.items()]
    unscored = {entry.clip: entry.reason for entry in corpus.unscored.values()}
    lines += [f"unscored: {clip}: {reason}" for clip, reason in sorted(unscored.items())]
    converted = [take for (_, condition), take in corpus.takes.items() if condition is None and take.notes]
    if converted:
        lines.append(
            f"notes on {len(converted)} clips, e.g. {converted[0].clip}: {'; '.join(converted[0].notes)}"
        )
    lines += list(corpus.provenance.notes)
    return ["", *lines] if lines else []


def _aligned(rows: Sequence[Iterable[str]]) -> list[str]:
    cells = [list(row) for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column in (0, len(row) - 1) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
