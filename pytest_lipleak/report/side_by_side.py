"""Models side by side, as papers print them: one row per model, the best value of a column marked.

Values stand in one table only when one expert made them by one protocol on the same clips; others get
tables of their own, and every table says which.
"""

import csv
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.corpus import Corpus, Provenance
from pytest_lipleak.core.errors import ConfigurationError, InputError, MissingDataError
from pytest_lipleak.core.metrics.families import FAMILIES, Shown
from pytest_lipleak.core.metrics.formulas import LEAKAGE_METRICS, Metric, metric
from pytest_lipleak.core.number_words import counted
from pytest_lipleak.core.suggestions import meant_file
from pytest_lipleak.evaluation.results.aggregate import every_measurement, suspicions
from pytest_lipleak.machine.resources import resource
from pytest_lipleak.report.networks import networks_of
from pytest_lipleak.report.tables import NOTHING, Cell, Column, Row, Table, with_best
from pytest_lipleak.report.tested_best import NOTE, with_tested_best

SETUPS = (Setup.SI, Setup.XM, Setup.AM)
"""In the order of the paper's Tables 3 to 5."""

TITLES: Mapping[str, str] = {
    "SI": "Silent input",
    "XM": "Audio mismatched",
    "AM": "Audio matched",
    "leakage": "Leakage",
    "floor": "Leakage over chance and floor",
    "rest": "Mouth at rest under silence, by other papers' measures",
    "columns": "Also measured",
}
PAPER = {"3": "SI", "4": "XM", "5": "AM", "6": "leakage"}
"""The paper's tables, and which of ours each is."""

OVER_FLOOR = tuple(
    f"{base.format(audio)}[{name}]"
    for base in ("LSE-C_{}@floor", "LipCorr_{}")
    for audio in ("S", "XO")
    for name in Reference
)
"""What default gates look at, beside the paper's four."""

LEAKAGE_TABLES: Mapping[str, Sequence[str]] = {"leakage": LEAKAGE_METRICS, "floor": OVER_FLOOR}

PAIRS = "XM pairs"
"""The choice that matters only where other speech drives."""

MEASURES = tuple(
    family.measure
    for family in FAMILIES
    if (family.real and family.shown is not Shown.ASKED) or family.is_picture
)
"""Columns of a setup's table in the paper's order, where they were measured; others follow."""

AT_REST = ("LipLeak", "LipLeak@real", "SLS", "SLS@real", "Closed", "Closed@real", "MAR_open", "MAR_motion")
"""What KeySync, THEval and HighSync measure under silence, as published and over the real clip's; and ours."""


@dataclass(frozen=True)
class Figure:
    """A value, its 95 % bootstrap interval and how many clips it rests on, the latter two where known."""

    value: float
    interval: tuple[float, float] | None = None
    clips: int | None = None


@dataclass(frozen=True)
class Entry:
    """One model's figures.

    Args:
        model: the row's label.
        scale: what figures must have in common to be compared, in words.
        figures: by metric name.
        choices: what may differ between comparable results and must then be said, by name.
        notes: what readers must know of it.
        made: seed, choices, weights and version it was made with, in words; empty where that is not known.
        networks: by picture measure, what it was taken with.
        corpus: its scores clip by clip, where they are known.
    """

    model: str
    scale: str
    figures: Mapping[str, Figure]
    choices: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    made: str = ""
    networks: Mapping[str, str] = field(default_factory=dict)
    corpus: Corpus | None = field(default=None, repr=False)


def entry_of(corpus: Corpus, label: str | None = None) -> Entry:
    """Return the figures of a measured model, computed anew from its scores."""
    about = corpus.provenance
    figures = {
        found.metric.name: Figure(found.value, found.interval, found.clips)
        for found in every_measurement(corpus)
        if found.clips
    }
    choices = {
        "AR strategy": about.alternative_reference,
        "silence": about.silence,
        **({PAIRS: _pairs_of(about)} if about.pairing else {}),
        "version": about.version,
    }
    lost = {entry.clip for entry in corpus.unscored.values()}
    notes = [f"no score under some condition: {counted(len(lost), 'clip')}" if lost else ""]
    notes += [corpus.expert_unfit or "", *suspicions(corpus)]
    # The rule of pairs says the seed.
    seed = "" if PAIRS in choices else f", seed {about.seed}"
    made = f"{', '.join(f'{name} {value}' for name, value in choices.items())}{seed}"
    weights = f", expert's weights SHA-256 {about.weights_sha256[:8]}" if about.weights_sha256 else ""
    return Entry(
        label or about.model,
        _scale(about),
        figures,
        choices,
        tuple(filter(None, notes)),
        f"{made}{weights}",
        networks_of(corpus),
        corpus,
    )


def labels_of(found: Iterable[tuple[Corpus, str]]) -> list[str]:
    """Return what models are called side by side; those of one name are told apart by where they come from.

    Args:
        found: the scores of each, and the file or name they were given by.
    """
    sources = [(corpus.provenance.model, source) for corpus, source in found]
    names = [name for name, _ in sources]
    return [f"{name} ({source})" if names.count(name) > 1 else name for name, source in sources]


def _pairs_of(about: Provenance) -> str:
    """How XM pairs came about, and how many partners a clip has where it has several."""
    counts = sorted({len(partners) for partners in about.partners.values()})
    several = (
        f", {' to '.join(map(str, (counts[0], counts[-1])[: len(counts)]))} partners a clip"
        if counts[-1] > 1
        else ""
    )
    return f"{about.pairing_rule}, seed {about.seed}{several}"


def _scale(about: Provenance) -> str:
    face = f", {about.face}" if about.face else ""
    clips = f"{counted(len(about.clip_names), 'clip')} ({about.clips}"
    known = f", SHA-256 {about.clips_sha256[:8]})" if about.clips_sha256 else ")"
    # Two parts are of different clips.
    known += f", part {about.shard['part']} of {about.shard['of']}" if about.shard else ""
    # Values of another network stand in another table.
    own = "".join(f", {note}" for note in about.notes if note.startswith("CSIM by"))
    return f"expert {about.expert}, protocol {about.protocol}{face}{own}, {clips}{known}"


def published() -> list[Entry]:
    """Return the figures of the paper's Tables 3 to 6 (Yaman et al. 2025)."""
    scale = "Yaman et al. 2025, as published"
    shipped = (resource(f"paper/{name}.csv").read_text() for name in ("tables_3_4_5", "table_6"))
    figures: dict[str, dict[str, Figure]] = {}
    for text in shipped:
        for entry in _read_csv(text, scale, "the paper's tables"):
            # The silent scores stand in two of its tables; they agree.
            figures.setdefault(entry.model, {}).update(entry.figures)
    return [Entry(model, scale, values) for model, values in figures.items()]


def entries_of_csv(path: Path) -> list[Entry]:
    """Read figures from a CSV file: columns ``model`` and metric names, or model, setup, reference, metric, value.

    Raises:
        MissingDataError: the file cannot be read.
        InputError: it has other columns, or a value that is no number.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise MissingDataError(f"{path}: cannot be read ({error.strerror}){meant_file(path)}") from None
    return _read_csv(text, f"figures of {path.name}", str(path))


def _read_csv(text: str, scale: str, where: str) -> list[Entry]:
    rows = list(csv.DictReader(text.splitlines()))
    if not rows or "model" not in rows[0]:
        raise InputError(f"{where}: expected a CSV file with a column 'model' and at least one row")
    figures: dict[str, dict[str, Figure]] = {}
    for number, row in enumerate(rows, start=2):
        long = {"setup", "reference", "metric", "value"} <= row.keys()
        cells = (
            {f"{row['metric']}[{row['setup']},{row['reference']}]": row["value"]}
            if long
            else {name: value for name, value in row.items() if name != "model"}
        )
        for name, value in cells.items():
            try:
                wanted = metric(name)
                if value:
                    figures.setdefault(row["model"], {})[wanted.name] = Figure(float(value))
            except (ConfigurationError, ValueError) as error:
                raise InputError(f"{where}, line {number}: {error}") from None
    return [Entry(model, scale, values) for model, values in figures.items()]


@dataclass(frozen=True)
class Look:
    """How cells are written.

    Args:
        digits: behind the point.
        intervals: whether each has its 95 % interval.
    """

    digits: int = 2
    intervals: bool = False


def side_by_side(
    entries: Sequence[Entry],
    names: Iterable[str] = (),
    digits: int = 2,
    *,
    intervals: bool = False,
    columns: Sequence[str] = (),
) -> list[Table]:
    """Return the tables of all entries: leakage, then one per setup, for each scale apart.

    Measured models are marked as the best of a column where a paired test says so; of figures alone the best one is
    marked, as papers do.

    Args:
        entries: in the order of their rows.
        names: which tables, of ``TITLES``; none takes all.
        digits: behind the point.
        intervals: whether cells hold their 95 % intervals, and captions all that is known of how they were made.
        columns: metrics for a table of their own.
    """
    wanted = tuple(names) or tuple(TITLES)
    look = Look(digits, intervals)
    scales = list(dict.fromkeys(entry.scale for entry in entries))
    tables = []
    for scale in scales:
        alike = [entry for entry in entries if entry.scale == scale]
        leakage = [_leakage(alike, name, of, look) for name, of in LEAKAGE_TABLES.items()]
        setups = [_of_setup(alike, setup, str(setup), MEASURES, look) for setup in SETUPS]
        rest = _of_setup(alike, Setup.SI, "rest", AT_REST, look)
        built = (*leakage, *setups, rest, _leakage(alike, "columns", columns, look))
        shown = [table for table in built if table.rows and table.name in (*wanted, "columns")]
        tables += [_with_best(table, alike) for table in shown]
    return tables


def of_several(tables: Iterable[Table]) -> list[Table]:
    """Return the tables in which more than one model stands: what stands alone, its own report has told."""
    return [table for table in tables if len({row.owner for row in table.rows if not row.reference}) > 1]


def _with_best(table: Table, entries: Sequence[Entry]) -> Table:
    corpora = {entry.model: entry.corpus for entry in entries if entry.corpus is not None}
    return with_tested_best(table, corpora) if len(corpora) == len(entries) else with_best(table)


def _leakage(entries: Sequence[Entry], name: str, wanted_names: Sequence[str], look: Look) -> Table:
    wanted = [metric(name) for name in wanted_names]
    metrics = [each for each in wanted if any(each.name in entry.figures for entry in entries)]
    rows = [Row(e.model, tuple(_cell(e, wanted, look) for wanted in metrics), owner=e.model) for e in entries]
    columns = tuple(Column(wanted.label, wanted.better) for wanted in metrics)
    return _table(name, entries, columns, rows, look)


def _of_setup(entries: Sequence[Entry], setup: Setup, name: str, among: Sequence[str], look: Look) -> Table:
    """One row per model and reference, and the real clips; one column per measure that anybody has."""
    measures = [measure for measure in among if any(_known(entry, measure, setup) for entry in entries)]
    rows = []
    if "LSE-C" in among and (real := next((e for e in entries if "LSE-C[GT]" in e.figures), None)):
        row = (
            _cell(real, metric(f"{measure}[GT]"), look) if measure in ("LSE-C", "LSE-D") else NOTHING
            for measure in measures
        )
        rows.append(Row("real clips", tuple(row), group="real", reference=True))
    for reference in (Reference.AR, Reference.CR):
        for entry in entries:
            found = [_of(measure, setup, reference) for measure in measures]
            cells = [NOTHING if wanted is None else _cell(entry, wanted, look) for wanted in found]
            if any(cell.text for cell in cells):
                label, group = f"{entry.model} {reference}", str(reference)
                rows.append(Row(label, tuple(cells), group=group, owner=entry.model))
    columns = tuple(Column(measure, _direction(measure, setup)) for measure in measures)
    return _table(name, entries, columns, [] if all(row.reference for row in rows) else rows, look)


def _table(
    name: str, entries: Sequence[Entry], columns: tuple[Column, ...], rows: list[Row], look: Look
) -> Table:
    rows = [row for row in rows if any(cell.text for cell in row.cells)]
    title = f"{TITLES[name]} ({entries[0].scale})"
    heads = {column.name.partition("[")[0] for column in columns}
    made = _made(entries, heads) if look.intervals else ()
    return Table(name, title, "model", columns, tuple(rows), (*made, *_notes(entries, name)))


def _made(entries: Sequence[Entry], measures: Collection[str]) -> tuple[str, ...]:
    """How the figures of a table were made: what its caption says beside expert, protocol and clips."""
    lines = dict.fromkeys(
        f"{measure} by {network}"
        for entry in entries
        for measure, network in entry.networks.items()
        if measure in measures
    )
    made = {entry.model: entry.made for entry in entries if entry.made}
    if len(set(made.values())) == 1:
        made = {"made with": next(iter(made.values()))}
    intervals = "in brackets: 95 % bootstrap intervals over clips, or over speakers where these have several"
    tested = [NOTE] if len([entry for entry in entries if entry.corpus is not None]) > 1 else []
    return (intervals, *tested, *(f"{model}: {words}" for model, words in made.items()), *lines)


def _notes(entries: Sequence[Entry], table: str) -> tuple[str, ...]:
    """What must be said of rows that stand in one table: where they were not made alike, and their warnings."""
    lines = [f"{entry.model}: {note}" for entry in entries for note in entry.notes]
    for choice in dict.fromkeys(name for entry in entries for name in entry.choices):
        if choice == PAIRS and table in (Setup.SI, Setup.AM, "rest"):
            continue
        made = {entry.model: entry.choices[choice] for entry in entries if choice in entry.choices}
        if len(set(made.values())) > 1:
            told = ", ".join(f"{model} {value}" for model, value in made.items())
            lines.append(f"mind: {choice} differs: {told}")
    return tuple(lines)


def _known(entry: Entry, measure: str, setup: Setup) -> bool:
    found = (_of(measure, setup, reference) for reference in Reference)
    return any(wanted is not None and wanted.name in entry.figures for wanted in found)


def _of(measure: str, setup: Setup, reference: Reference) -> Metric | None:
    try:
        return metric(f"{measure}[{Condition(setup, reference)}]")
    except ConfigurationError:
        return None  # mouth opening exists under silence only


def _direction(measure: str, setup: Setup) -> str:
    # Under silence, agreement with the audio that was never heard is leakage.
    wanted = _of(measure, setup, Reference.CR)
    return wanted.better if wanted else ""


def _cell(entry: Entry, wanted: Metric, look: Look) -> Cell:
    figure = entry.figures.get(wanted.name)
    if figure is None:
        return NOTHING
    # A deviation of a hundredth of the distance between the eyes is no 0.01.
    digits = max(look.digits, wanted.family.digits) if wanted.family.measure in AT_REST else look.digits
    text = f"{figure.value:.{digits}f}"
    if look.intervals and figure.interval:
        text += f" [{figure.interval[0]:.{digits}f}, {figure.interval[1]:.{digits}f}]"
    return Cell(text, figure.value, figure.interval, figure.clips, metric=wanted.name)
