"""The leakage metrics: names turned into what is measured and how it becomes a number.

Every metric is a function of *column means*: a column is one number per clip (LSE-C under AM and CR,
say), its mean over clips is taken first and the metric's formula is applied to the means, as the paper
does. A mean of per-clip |differences| would be biased upward (Yaman et al. 2025; design of LSD).

What there is to know of each family of metrics stands in ``families``, one row a family.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache, partial

from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.core.metrics.families import (
    DRIVEN,
    FAMILIES,
    Direction,
    Family,
    Question,
    Shown,
    Source,
    Summary,
    own_name,
)
from pytest_lipleak.core.scores import LAGS
from pytest_lipleak.core.suggestions import closest

_ARROWS: Mapping[Direction, str] = {"lower": "↓", "higher": "↑"}


class Audio(StrEnum):
    """Which audio a trial is scored against."""

    DRIVING = "driving"
    OWN = "own"


@dataclass(frozen=True)
class Column:
    """One number per clip.

    Args:
        measure: what is noted of each clip: a family's ``measure``, for example "LSE-C", "LSE-C@floor" or
            "SSIM"; of scans and probes also what belongs to it (``FULL``, ``SYNC``, ``LIPS_SLOPE``, ...).
        condition: the condition of the trial, None for the real clip.
        audio: which audio the trial is scored against.
        lag: frames by which lips come later than in the real clip, of a measure that is taken at every lag.
        source: what it is measured on.
    """

    measure: str
    condition: Condition | None
    audio: Audio = Audio.DRIVING
    lag: int | None = None
    source: Source = Source.SYNC

    @property
    def name(self) -> str:
        """Measure and lag."""
        return self.measure if self.lag is None else f"{self.measure}{self.lag:+d}"

    @property
    def competes(self) -> bool:
        """Whether the best lag of its mean over clips is looked for; what chance gives of that is taken off first."""
        return self.lag is not None and self.measure != LIPS_SLOPE


Combine = Callable[[Sequence[float]], float]


@dataclass(frozen=True)
class Metric:
    """A named quantity with a direction.

    Args:
        name: canonical name, for example ``LSD-CR`` or ``LSE-C[AM,CR]``.
        family: its row in the table of families.
        columns: what it is made of.
        combine: formula from the column means to the value.
        differences: where the value is the average of absolute differences of means: pairs of columns. Empty
            where it is linear in the columns.
        beside: conditions that must be generated, too, though none of its columns is of them.
    """

    name: str
    family: Family
    columns: tuple[Column, ...]
    combine: Combine
    differences: tuple[tuple[int, int], ...] = ()
    beside: tuple[Condition, ...] = ()

    @property
    def better(self) -> Direction:
        """Which direction means less leakage or better sync."""
        return self.family.better

    @property
    def label(self) -> str:
        """What tables call it: with the reference that a name without brackets leaves out, ``LSE-C_S@floor[CR]``.

        The paper's four are called as in the paper: ``LSE-C_S`` and ``LSE-D_S`` are with CR and do not say so.
        """
        full = f"{self.name}[{Reference.CR}]"
        is_short = self.name not in LEAKAGE_METRICS and "[" not in self.name
        return full if is_short and _by_name().get(full) == self else self.name

    @property
    def arrow(self) -> str:
        """The direction arrow that papers print behind the name."""
        return _ARROWS[self.better]

    @property
    def meaning(self) -> str:
        """What it measures, in one line for reports and ``--help``."""
        if self.conditions:
            return self._in_words(self.family.meaning)
        return "the real clips against their own audio"

    @property
    def failure(self) -> str:
        """What it means where it breaks a limit, in one line."""
        return self._in_words(self.family.failure)

    def _in_words(self, text: str) -> str:
        return text.format(driven=DRIVEN[self.conditions[-1].setup]) if self.conditions else text

    @property
    def unbounded(self) -> bool:
        """Whether infinity is a good value (PSNR of identical pictures) and no accident."""
        return self.family.unbounded

    @property
    def worst(self) -> bool:
        """Whether its value is that of the worst clip, and no mean over clips."""
        return self.family.summary is Summary.WORST_CLIP

    @property
    def is_picture(self) -> bool:
        """Whether it is measured on the pictures alone, without a sync expert."""
        return self.family.is_picture

    @property
    def shows_leak(self) -> bool:
        """Whether a bad value means leakage; sync with the driving audio and pictures may be bad without."""
        return self.question not in (Question.FOLLOWS, Question.OTHER)

    @property
    def on_a_scale(self) -> bool:
        """Whether its values are on the scale of a sync expert; pictures and shares of a copy are not."""
        return self.family.source in (Source.SYNC, Source.LAGS)

    @property
    def over_lags(self) -> bool:
        """Whether it looks at every lag, over the floor of the region that the model edits."""
        return self.family.source in (Source.LAGS, Source.LIPS)

    @property
    def is_lips(self) -> bool:
        """Whether it compares lips with lips, without any audio."""
        return self.family.source is Source.LIPS

    @property
    def over_sets(self) -> bool:
        """Whether it compares the pooled frames of all clips (FID) instead of averaging over clips."""
        return self.family.source is Source.FRAME_SETS

    @property
    def is_probe(self) -> bool:
        """Whether trials are generated a second time for it, with another reference."""
        return self.family.source is Source.PROBES

    @property
    def of_reference(self) -> bool:
        """Whether it changes the identity reference, which not every model can be given."""
        return self.is_probe and self.question is Question.REFERENCE

    @property
    def has_p(self) -> bool:
        """Whether there is a p value: what chance would give."""
        return self.over_lags and not self.worst

    @property
    def question(self) -> Question:
        """What it asks of a model."""
        if not self.conditions:
            return Question.OTHER
        if self.family.asks is not None:
            return self.family.asks
        return Question.SILENCE if self.conditions[-1].setup is Setup.SI else Question.SPEECH

    @property
    def over_others(self) -> bool:
        """Whether it is what a score is above, or differs from, the score that other speech has."""
        return self.family.source is Source.LAGS or self.family.summary is Summary.DIFFERENCE

    @property
    def of_full_copy(self) -> Column | None:
        """The real clips' score that a full copy of their lips has, too; ``over_others`` says what is taken off first.

        None where no score of the real clips tells.
        """
        first = self.columns[0]
        if self.over_others:
            return Column("LSE-C", None, Audio.OWN)
        if len(self.columns) > 1 or first.audio is not Audio.OWN:
            return None
        return replace(first, condition=None)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions that must be generated, each once."""
        own = (column.condition for column in self.columns if column.condition is not None)
        return tuple(dict.fromkeys((*self.beside, *own)))


def lip_sync_difference(means: Sequence[float]) -> float:
    """LSD = 0.5 (|C_AM - C_XM| + |D_AM - D_XM|), from the means (C_AM, C_XM, D_AM, D_XM).

    0 is the minimum; higher means more leakage (Yaman et al. 2025).
    """
    c_am, c_xm, d_am, d_xm = means
    return 0.5 * (abs(c_am - c_xm) + abs(d_am - d_xm))


def _only(means: Sequence[float]) -> float:
    (mean,) = means
    return mean


LIPS_SLOPE = "LipCorr slope"
"""Noted beside ``LipCorr`` at every lag: the share of the clip's own lip movement that is in the output."""

LEAST_SLOPE = 0.05
"""Share of the clip's own lip movement below which a correlation of lips counts for nothing."""

FREE = " free"
"""Behind a measure taken at every lag: at the clip's own best lag, above what chance gives there."""

FULL = "_full"
"""Behind the name of a probe's measure: what a complete copy would give."""

SYNC = "_sync"
"""Behind the name of a probe's measure: what moved of the sync with the clip's own speech, not of the pixels."""

PAUSE = "_pause"
"""Behind the name of a probe's measure: what arrived in the pauses of the driving speech alone."""

AROUND = "_around"
"""Behind the name of a probe's measure: what arrived in chin and cheeks, around the lips."""

LATE = "_late"
"""Behind the name of a probe's measure: what arrived in the lips at lags of up to two seconds."""

ECHO = "_echo"
"""Behind the name of a probe's measure: what moves earlier and later with the mouths, whatever its form."""

COLOUR_ECHO = "_colour_echo"
"""Likewise in colour alone, light apart."""

FRAME_BY_FRAME = "_frame_by_frame"
"""Likewise of single frames, in whatever order: what comes from any map of time."""

CHANGED = "_changed"
"""Behind the name of a probe's measure: how much of all that moves changed with the mouths, following them or not."""

REACHED = "_reached"
"""Behind the name of a probe's measure: by how much its outputs differ from the one without it, anywhere in the face:
mean, in grey levels; of several outputs the least."""

REDRAWN = "_redrawn"
"""Likewise two outputs for the same; 0 where nobody knows."""

COUNTS: Mapping[Question, Mapping[str, float]] = {
    Question.REFERENCE: {ECHO: 1.5, COLOUR_ECHO: 1.5, FRAME_BY_FRAME: 1.5},
    Question.FRAMES: {FRAME_BY_FRAME: 4.0},
}
"""How much more a part counts than a share of pixels, by what honest models come to, over four clips of the sets for
choosing. Of the reference: no echo (.057 at most over two), .050 frame by frame (the lookup among all its mouths;
others 0.00), and .085 in pixels. Of the input frames: .001 frame by frame, .144 in pixels; a mouth that chews in step
with them has an echo, so that one counts once."""

CHANCE = "_chance"
"""Behind the name of a probe's measure: what was taken off; noted of models that answer otherwise when asked again."""


def _best(means: Sequence[float]) -> float:
    """The best common lag, or the mean of the clips' own best lags where that is more."""
    return max(means)


def _best_of_lips(means: Sequence[float]) -> float:
    """As ``_best``, among the lags at which lips move enough with the clip's own."""
    count = len(LAGS)
    pairs = zip(means[:count], means[count : 2 * count], strict=True)
    return max(means[-1], *(common if slope >= LEAST_SLOPE else 0.0 for common, slope in pairs))


def _share_of_full(means: Sequence[float]) -> float:
    found, full = means
    return found / full if full > 0 else math.nan


def _counted_shares(means: Sequence[float], counts: Sequence[float]) -> list[float]:
    """Several shares: of pixels, of sync, of movement that comes with them.

    Each as often as it counts, and no more than a whole copy where that is more than once.
    """
    shares = (_share_of_full(means[place : place + 2]) for place in range(0, len(means), 2))
    return [
        share if count == 1 or math.isnan(share) else min(count * share, 1.0)
        for share, count in zip(shares, counts, strict=True)
    ]


def _largest_share(means: Sequence[float], counts: Sequence[float]) -> float:
    shares = _counted_shares(means, counts)
    return math.nan if any(map(math.isnan, shares)) else max(shares)


def _counts_of(family: Family, columns: Sequence[Column]) -> Mapping[str, float]:
    """By part of a probe, how often it counts."""
    counted = COUNTS.get(family.asks, {}) if family.asks else {}
    parts = (column.measure.removeprefix(family.measure) for column in columns[::2])
    return {part: counted.get(part, 1.0) for part in parts}


def shares_by_part(metric: Metric, means: Sequence[float]) -> Mapping[str, float]:
    """Return what each part of a probe found (``PAUSE``, ``ECHO``, ...), as it counts; none where it has one alone."""
    if metric.family.summary is not Summary.LARGEST_SHARE:
        return {}
    counts = _counts_of(metric.family, metric.columns)
    return dict(zip(counts, _counted_shares(means, tuple(counts.values())), strict=True))


def _one_column(family: Family, condition: Condition | None) -> tuple[Column, ...]:
    audio = Audio.OWN if family.against_own else Audio.DRIVING
    return (Column(family.measure, condition, audio, source=family.source),)


def _swapped_audio(family: Family, condition: Condition | None) -> tuple[Column, ...]:
    assert condition is not None
    setups = [Condition(setup, condition.reference) for setup in (Setup.AM, Setup.XM)]
    return tuple(Column(measure, each) for measure in ("LSE-C", "LSE-D") for each in setups)


def _every_lag(family: Family, condition: Condition | None) -> tuple[Column, ...]:
    name, audio, source = family.measure, Audio.OWN, family.source
    at_lags = (name, LIPS_SLOPE) if source is Source.LIPS else (name,)
    lagged = (Column(each, condition, audio, lag, source) for each in at_lags for lag in LAGS)
    return (*lagged, Column(f"{name}{FREE}", condition, audio, source=source))


def has_echo(measure: str, condition: Condition) -> bool:
    """Whether a probe moves mouths both ways, for ``ECHO`` and ``FRAME_BY_FRAME``: not frames under their own speech.

    It takes as many videos once more, and what follows from input frames is seen under other speech.
    """
    return measure == "REF_shift" or condition.setup is not Setup.AM


def _of_probe(family: Family, condition: Condition | None) -> tuple[Column, ...]:
    assert condition is not None
    parts = [""]
    if family.summary is Summary.LARGEST_SHARE:
        parts += [LATE, SYNC]
        parts += [ECHO, COLOUR_ECHO, FRAME_BY_FRAME] if has_echo(family.measure, condition) else []
        parts += [PAUSE] if condition.setup is Setup.PA else []
        parts += [AROUND] if family.asks is Question.REFERENCE else []
    names = (f"{family.measure}{part}{full}" for part in parts for full in ("", FULL))
    return tuple(Column(name, condition, source=family.source) for name in names)


_COLUMNS: Mapping[Summary, Callable[[Family, Condition | None], tuple[Column, ...]]] = {
    Summary.MEAN: _one_column,
    Summary.ALL_FRAMES: _one_column,
    Summary.WORST_CLIP: _one_column,
    Summary.DIFFERENCE: _swapped_audio,
    Summary.BEST_LAG: _every_lag,
    Summary.SHARE: _of_probe,
    Summary.LARGEST_SHARE: _of_probe,
}
_FORMULAS: Mapping[Summary, Combine] = {
    Summary.DIFFERENCE: lip_sync_difference,
    Summary.BEST_LAG: _best,
    Summary.SHARE: _share_of_full,
}
_OVER_A_REGION = (Source.LAGS, Source.LIPS)


def heard_otherwise(condition: Condition) -> Condition:
    """Return the condition whose output shows what audio alone changes of a probed one: silence, or else speech."""
    return Condition(Setup.XM if condition.setup is Setup.SI else Setup.SI, condition.reference)


def _build(family: Family, condition: Condition | None, name: str) -> Metric:
    """Return the metric of a row under a condition; None is the real clips."""
    at_lags = family.summary is Summary.BEST_LAG
    beside: tuple[Condition, ...] = ()
    if condition is not None and family.source in _OVER_A_REGION:
        # The region is where the model changes anything, under silence or other speech.
        others = (setup for setup in (Setup.SI, Setup.XM) if setup is not condition.setup)
        beside = tuple(Condition(setup, condition.reference) for setup in others)
    elif condition is not None and family.summary is Summary.LARGEST_SHARE:
        beside = (heard_otherwise(condition),)
    columns = _COLUMNS[family.summary](family, condition)
    combine = _FORMULAS.get(family.summary, _only)
    if at_lags and family.source is Source.LIPS:
        combine = _best_of_lips
    elif family.summary is Summary.LARGEST_SHARE:
        combine = partial(_largest_share, counts=tuple(_counts_of(family, columns).values()))
    return Metric(
        name,
        family,
        columns,
        combine,
        differences=((0, 1), (2, 3)) if family.summary is Summary.DIFFERENCE else (),
        beside=beside,
    )


def metrics_of(family: Family) -> tuple[Metric, ...]:
    """Return the metrics of a row: one for each condition that it is defined on, and the real clips."""
    if not family.against_own and not family.by_condition:
        return tuple(
            _build(family, Condition(family.setups[-1], of), family.pattern.format(reference=of))
            for of in family.references
        )
    found = []
    for setup in family.setups:
        for reference in family.references:
            condition = Condition(setup, reference)
            name = family.pattern.format(own=own_name(setup), condition=condition)
            # The paper's silent scores are its CR column, so the bare name of a silent metric means CR.
            if family.against_own and condition != Condition(Setup.SI, Reference.CR):
                name += f"[{reference}]"
            found.append(_build(family, condition, name))
    if family.real:
        found.append(_build(family, None, family.pattern.format(condition="GT")))
    return tuple(found)


@cache
def _by_name() -> Mapping[str, Metric]:
    """Every metric by every name it has; the canonical names first, in the order of the table."""
    names = {each.name: each for family in FAMILIES for each in metrics_of(family)}
    for family in FAMILIES:
        if family.against_own:
            for each in metrics_of(family):
                setup, reference = each.conditions[-1].setup, each.conditions[-1].reference
                bare = family.pattern.format(own=own_name(setup))
                names.setdefault(f"{bare}[{reference}]", each)
                if reference is Reference.CR:
                    names.setdefault(bare, each)
    for family in FAMILIES:
        if family.real:
            # Silence drives nothing to be in sync with: the score is that against the clip's own audio.
            measure, at, how = family.measure.partition("@")
            for of in Reference:
                condition = Condition(Setup.SI, of)
                names[f"{family.measure}[{condition}]"] = names[f"{measure}_S{at}{how}[{of}]"]
    return names


def every_metric() -> tuple[Metric, ...]:
    """Return every metric there is, for every condition it can have: the leakage metrics first."""
    return tuple(dict.fromkeys(_by_name().values()))


def metric(name: str) -> Metric:
    """Return the metric of that name.

    Names: ``LSE-C_S``, ``LSE-D_S`` (CR; ``LSE-C_S[AR]`` for AR), ``LSD-CR``, ``LSD-AR``,
    ``LSE-C_XO[CR]``, ``LSE-C[AM,CR]``, ``LSE-D[XM,AR]``, ``LSE-C[GT]`` (real clips); ``LSE-C_S@floor`` and
    ``LSE-C_XO@floor[CR]`` are over unrelated speech and over what the clip's own face gives, which tells leaks from
    chance far better. Round brackets are read as well, since the ids of gates have them.

    Raises:
        ConfigurationError: unknown name, listing the known ones.
    """
    given, name = name, name.replace("(", "[").replace(")", "]")
    base, bracket, inside = name.strip().partition("[")
    if bracket:
        inside = ",".join(part.strip().upper() for part in inside.removesuffix("]").split(","))
    whole = f"{base.strip()}[{inside}]" if bracket else base
    found = _by_name().get(whole) if not bracket or name.rstrip().endswith("]") else None
    if found is None:
        raise _unknown(given)
    return found


def _unknown(name: str) -> ConfigurationError:
    known: dict[str, list[str]] = {}
    for each in KNOWN_METRICS:
        known.setdefault(each.partition("[")[0].casefold(), []).append(each)
    base, bracket, inside = name.strip().partition("[")
    # Else the condition is lost where somebody takes the hint as it stands.
    ending = bracket + inside.upper()
    base = base.strip().casefold()
    begun = [base] if base in known else [each for each in known if base and each.startswith(base)]
    nearest = begun if 0 < len(begun) <= 2 else closest(base, known)
    forms = [form for each in nearest for form in known[each]]
    asked = dict.fromkeys(form.partition("[")[0] + ending for form in forms)
    meant = [each for each in asked if each in _by_name()] if bracket else forms
    meant = meant or forms
    groups = dict.fromkeys(each.partition("[")[0].partition("@")[0] for each in KNOWN_METRICS)
    hint = f"did you mean {' or '.join(meant)}?" if meant else f"known are {', '.join(groups)};"
    return ConfigurationError(
        f"unknown metric {name!r}; {hint} docs/metrics.md explains them all (SETUP is AM, XM or SI, "
        "REFERENCE is CR or AR, [GT] the real clips)"
    )


KNOWN_METRICS = tuple(form for family in FAMILIES for form in family.forms)
"""Every name that a limit may have, with SETUP and REFERENCE to be filled in."""

LEAKAGE_METRICS = ("LSE-C_S", "LSE-D_S", "LSD-CR", "LSD-AR")
"""The paper's four, in the order of its Table 6."""

REFERENCE_PROBES = ("REF_shift[{},CR]", "REF_swap[{},CR]", "REF_swap[{},AR]")
"""The causal probes of the reference, with the setup to be filled in."""

FRAME_PROBES = ("FRAME_shift[{},CR]", "FRAME_shift[{},AR]")
"""Those of the input frames."""

DEFAULT_PROBES = (
    "REF_shift[PA,CR]",
    "REF_shift[AM,CR]",
    "REF_swap[SI,CR]",
    "REF_swap[SI,AR]",
    "REF_swap[PA,AR]",
    "FRAME_shift[PA,CR]",
    "FRAME_shift[PA,AR]",
    "FRAME_shift[AM,CR]",
    "FRAME_shift[AM,AR]",
)
"""One for each place that lips may come from: moving references, still ones, the input frames."""


def extra_metrics() -> tuple[str, ...]:
    """Return the leakage metrics beyond the paper's four that a full table has."""
    shown = [each.name for family in FAMILIES if family.shown is Shown.TABLE for each in metrics_of(family)]
    return ("LSE-C_S[AR]", "LSE-D_S[AR]", *shown, *DEFAULT_PROBES)


def picture_families() -> tuple[Family, ...]:
    """Return the rows that are measured on pictures, in the order of tables' columns."""
    return tuple(family for family in FAMILIES if family.is_picture)
