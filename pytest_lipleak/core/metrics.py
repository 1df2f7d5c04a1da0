"""The leakage metrics: their names, directions and formulas.

Every metric is a function of *column means*: a column is one number per clip (LSE-C under AM and CR,
say), its mean over clips is taken first and the metric's formula is applied to the means, as the paper
does. A mean of per-clip |differences| would be biased upward (Yaman et al. 2025; design of LSD).
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.errors import ConfigurationError
from pytest_lipleak.core.scores import LAGS

Direction = Literal["lower", "higher"]

_ARROWS: Mapping[Direction, str] = {"lower": "↓", "higher": "↑"}


class Audio(StrEnum):
    """Which audio a take is scored against."""

    DRIVING = "driving"
    OWN = "own"


class Question(StrEnum):
    """What a limit on a metric asks of a model; the words are those of a leak that is found."""

    SILENCE = "under silence"
    SPEECH = "under other speech"
    REFERENCE = "from the reference"
    FRAMES = "from the input frames"
    CLIPS = "in single clips"
    SWAPPED = "or loses sync with other speech"
    """LSD cannot tell these apart."""
    FOLLOWS = "whether lips follow the audio"
    OTHER = ""
    """Pictures, and the real clips."""


@dataclass(frozen=True)
class Column:
    """One number per clip.

    Args:
        measure: "LSE-C" or "LSE-D", by the best of 31 shifts; "LSE-C@fair" and "LSE-D@fair", the same without
            zero padding; "LSE-C@offset", the confidence at the clip's known offset; "LSE-C@null" and
            "LSE-C@null-free", the excess over unrelated audio at that offset and by the best shift; one of
            ``SCAN_MEASURES`` or ``PICTURE_MEASURES``; or what a probe found, see ``PROBE_MEASURES``.
        condition: the condition of the take, None for the real clip.
        audio: which audio the take is scored against.
        lag: frames by which lips come later than in the real clip, of a measure that is taken at every lag.
    """

    measure: str
    condition: Condition | None
    audio: Audio = Audio.DRIVING
    lag: int | None = None

    @property
    def name(self) -> str:
        """Measure and lag."""
        return self.measure if self.lag is None else f"{self.measure}{self.lag:+d}"


@dataclass(frozen=True)
class Metric:
    """A named quantity with a direction.

    Args:
        name: canonical name, for example ``LSD-CR`` or ``LSE-C[AM,CR]``.
        better: which direction means less leakage or better sync.
        columns: what it is made of.
        combine: formula from the column means to the value.
        meaning: one line for reports and ``--help``.
        unbounded: whether infinity is a good value (PSNR of identical pictures) and no accident.
        differences: where the value is the average of absolute differences of means: pairs of columns. Empty
            where it is linear in the columns.
        beside: conditions that must be generated, too, though none of its columns is of them.
        worst: whether its value is that of the worst clip, and no mean over clips.
    """

    name: str
    better: Direction
    columns: tuple[Column, ...]
    combine: Callable[[Sequence[float]], float]
    meaning: str
    unbounded: bool = False
    differences: tuple[tuple[int, int], ...] = ()
    beside: tuple[Condition, ...] = ()
    worst: bool = False

    @property
    def is_picture(self) -> bool:
        """Whether it is measured on the pictures alone, without a sync expert."""
        return all(column.measure in PICTURE_MEASURES for column in self.columns)

    @property
    def shows_leak(self) -> bool:
        """Whether a bad value means leakage; sync with the driving audio and pictures may be bad without."""
        heard = len(self.columns) == 1 and self.columns[0].audio is Audio.DRIVING
        return self.is_probe or not (heard or self.is_picture)

    @property
    def on_a_scale(self) -> bool:
        """Whether its values are on the scale of a sync expert; pictures and shares of a copy are not."""
        return not self.is_picture and not self.is_probe and not self.is_lips

    @property
    def over_lags(self) -> bool:
        """Whether it looks at every lag, over the floor of the region that the model edits."""
        return any(column.measure in SCAN_MEASURES for column in self.columns)

    @property
    def is_lips(self) -> bool:
        """Whether it compares lips with lips, without any audio."""
        return any(column.measure in (LIPS, LIPS_WORST) for column in self.columns)

    @property
    def question(self) -> Question:
        """What it asks of a model."""
        first = self.columns[0]
        if self.is_probe:
            return Question.REFERENCE if self.of_reference else Question.FRAMES
        if self.worst:
            return Question.CLIPS
        if self.is_picture or first.condition is None:
            return Question.OTHER
        if len({column.condition for column in self.columns}) > 1:
            return Question.SWAPPED
        if first.audio is Audio.DRIVING:
            return Question.FOLLOWS
        return Question.SILENCE if first.condition.setup is Setup.SI else Question.SPEECH

    @property
    def of_full_copy(self) -> Column | None:
        """What a full copy of the clip's lips would score: the real clip's own score, where that is one column."""
        first = self.columns[0]
        if self.has_p or len(self.columns) > 1 or first.audio is not Audio.OWN:
            return None
        return Column(first.measure, None, Audio.OWN)

    @property
    def has_p(self) -> bool:
        """Whether there is a p value: what chance would give."""
        return self.over_null or (self.over_lags and not self.worst)

    @property
    def over_null(self) -> bool:
        """Whether it is an excess over unrelated audio, which has a p value."""
        return any(column.measure in NULL_MEASURES for column in self.columns)

    @property
    def is_probe(self) -> bool:
        """Whether takes are generated a second time for it, with another reference."""
        return any(column.measure in PROBE_MEASURES for column in self.columns)

    @property
    def of_reference(self) -> bool:
        """Whether it changes the identity reference, which not every model can be given."""
        return self.is_probe and self.columns[0].measure.startswith("REF_")

    @property
    def over_sets(self) -> bool:
        """Whether it compares the pooled frames of all clips (FID) instead of averaging over clips."""
        return any(column.measure in SET_MEASURES for column in self.columns)

    @property
    def arrow(self) -> str:
        """The direction arrow that papers print behind the name."""
        return _ARROWS[self.better]

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


def signed_lip_sync_difference(means: Sequence[float]) -> float:
    """LSD with its sign: positive when AM is better in sync than XM, the direction of leakage."""
    c_am, c_xm, d_am, d_xm = means
    return 0.5 * ((c_am - c_xm) + (d_xm - d_am))


def _only(means: Sequence[float]) -> float:
    (mean,) = means
    return mean


def _lsd_columns(reference: Reference) -> tuple[Column, ...]:
    am, xm = Condition(Setup.AM, reference), Condition(Setup.XM, reference)
    return Column("LSE-C", am), Column("LSE-C", xm), Column("LSE-D", am), Column("LSE-D", xm)


def _against_own(
    base: str, measure: str, better: Direction, setup: Setup, meaning: str
) -> Callable[[Reference], Metric]:
    """A score against audio that the generator never heard, under one reference."""

    def build(reference: Reference) -> Metric:
        # The paper's silent scores are its CR column, so the bare name of a silent metric means CR.
        bare = setup is Setup.SI and reference is Reference.CR
        column = Column(measure, Condition(setup, reference), Audio.OWN)
        return Metric(base if bare else f"{base}[{reference}]", better, (column,), _only, meaning)

    return build


_SILENT = "driven by silence, scored against the clip's original audio"
_OTHER = "driven by other speech, scored against the clip's own audio"
_AT_OFFSET = ", at the clip's known offset; 0 is what unrelated audio scores"
_OVER_NULL = ": excess over unrelated audios of equal length"
_FAIR = ", without the zero padding that favours short clips"
NULL_MEASURES = frozenset({"LSE-C@null", "LSE-C@null-free"})
"""Excesses over unrelated audio."""

OVER_FLOOR, OVER_FLOOR_FREE, OVER_FLOOR_WORST = "LSE-C@floor", "LSE-C@floor free", "LSE-C@worst"
LIPS, LIPS_SLOPE, LIPS_FREE, LIPS_WORST = "LipCorr", "LipCorr slope", "LipCorr free", "LipCorr@worst"
SCAN_MEASURES = frozenset(
    {OVER_FLOOR, OVER_FLOOR_FREE, OVER_FLOOR_WORST, LIPS, LIPS_SLOPE, LIPS_FREE, LIPS_WORST}
)
"""Measures of ``core.scores.LagScan``: at a lag, at the clip's own best lag (free), and above all that chance gives."""

AT_LAGS = frozenset({OVER_FLOOR, LIPS})
"""Those whose best lag of the mean over clips is looked for; what chance gives of that is taken off first."""

LEAST_SLOPE = 0.05
"""Share of the clip's own lip movement below which a correlation of lips counts for nothing."""


def _best(means: Sequence[float]) -> float:
    """The best common lag, or the mean of the clips' own best lags where that is more."""
    return max(means)


def _best_of_lips(means: Sequence[float]) -> float:
    """As ``_best``, among the lags at which lips move enough with the clip's own."""
    count = len(LAGS)
    pairs = zip(means[:count], means[count : 2 * count], strict=True)
    return max(means[-1], *(common if slope >= LEAST_SLOPE else 0.0 for common, slope in pairs))


def _scan_columns(at_lags: Sequence[str], free: str, condition: Condition) -> tuple[Column, ...]:
    lagged = (Column(measure, condition, Audio.OWN, lag) for measure in at_lags for lag in LAGS)
    return (*lagged, Column(free, condition, Audio.OWN))


def _scan(base: str, setup: Setup, meaning: str) -> Callable[[Reference], Metric]:
    """A measure taken at every lag, over the floor of the region that the model edits."""
    lips, worst = base.startswith(LIPS), base.endswith("@worst")

    def build(reference: Reference) -> Metric:
        # The region is where the model changes anything, under silence or other speech.
        beside = tuple(Condition(each, reference) for each in (Setup.SI, Setup.XM) if each is not setup)
        condition = Condition(setup, reference)
        if worst:
            columns: tuple[Column, ...] = (
                Column(LIPS_WORST if lips else OVER_FLOOR_WORST, condition, Audio.OWN),
            )
        elif lips:
            columns = _scan_columns((LIPS, LIPS_SLOPE), LIPS_FREE, condition)
        else:
            columns = _scan_columns((OVER_FLOOR,), OVER_FLOOR_FREE, condition)
        combine = _only if worst else _best_of_lips if lips else _best
        name = base if setup is Setup.SI and reference is Reference.CR else f"{base}[{reference}]"
        return Metric(name, "lower", columns, combine, meaning, beside=beside, worst=worst)

    return build


_FLOOR_WORDS = (
    "agreement with the clip's own speech at the best of 21 lags, over unrelated speech and over the floor"
)
_LIPS_WORDS = "correlation of the lips with the clip's own lips at the best of 21 lags, over the floor"
_SCANS: Mapping[str, Callable[[Reference], Metric]] = {
    f"{base}_{name}{suffix}": _scan(f"{base}_{name}{suffix}", setup, f"{words}, {driven}{which}")
    for base, suffix, words, which in (
        ("LSE-C", "@floor", _FLOOR_WORDS, ""),
        ("LSE-C", "@worst", _FLOOR_WORDS, ": the worst clip, above all that unrelated speech gives"),
        ("LipCorr", "", _LIPS_WORDS, ""),
        ("LipCorr", "@worst", _LIPS_WORDS, ": the worst clip, above all that unrelated lips give"),
    )
    for name, setup, driven in (
        ("S", Setup.SI, "driven by silence"),
        ("XO", Setup.XM, "driven by other speech"),
    )
}
SCAN_METRICS = tuple(_SCANS)
"""The recommended measures of the clip's own speech in the lips, without their references."""

_VARIANTS: tuple[tuple[str, Direction, str, str], ...] = (
    ("C", "lower", "null", _OVER_NULL + ", at the clip's known offset"),
    ("C", "lower", "null-free", _OVER_NULL + ", by the best of 31 shifts"),
    ("C", "lower", "fair", _FAIR),
    ("D", "higher", "fair", _FAIR),
)
_BY_REFERENCE: Mapping[str, Callable[[Reference], Metric]] = {
    "LSE-C_S": _against_own("LSE-C_S", "LSE-C", "lower", Setup.SI, _SILENT),
    "LSE-D_S": _against_own("LSE-D_S", "LSE-D", "higher", Setup.SI, _SILENT),
    "LSE-C_S@offset": _against_own("LSE-C_S@offset", "LSE-C@offset", "lower", Setup.SI, _SILENT + _AT_OFFSET),
    "LSE-C_XO": _against_own("LSE-C_XO", "LSE-C", "lower", Setup.XM, _OTHER),
    "LSE-D_XO": _against_own("LSE-D_XO", "LSE-D", "higher", Setup.XM, _OTHER),
    "LSE-C_XO@offset": _against_own(
        "LSE-C_XO@offset", "LSE-C@offset", "lower", Setup.XM, _OTHER + _AT_OFFSET
    ),
    **_SCANS,
    **{
        f"LSE-{letter}_{name}@{suffix}": _against_own(
            f"LSE-{letter}_{name}@{suffix}", f"LSE-{letter}@{suffix}", better, setup, words + more
        )
        for name, setup, words in (("S", Setup.SI, _SILENT), ("XO", Setup.XM, _OTHER))
        for letter, better, suffix, more in _VARIANTS
    },
}
_PLAIN: Mapping[str, Metric] = {
    f"{prefix}LSD-{reference}": Metric(
        f"{prefix}LSD-{reference}",
        "lower",
        _lsd_columns(reference),
        formula,
        meaning,
        differences=() if prefix else ((0, 1), (2, 3)),
    )
    for reference in Reference
    for prefix, formula, meaning in (
        ("", lip_sync_difference, "sync lost when the audio is swapped: 0.5 (|C_AM - C_XM| + |D_AM - D_XM|)"),
        (
            "signed-",
            signed_lip_sync_difference,
            "LSD with its sign: positive when AM beats XM, as leakage does",
        ),
    )
}
_PER_CONDITION: Mapping[str, Direction] = {
    "LSE-C": "higher", "LSE-D": "lower", "LSE-C@fair": "higher", "LSE-D@fair": "lower"
}  # fmt: skip

_ALL, _SILENT_ONLY = tuple(Setup), (Setup.SI,)
_PICTURES: Mapping[str, tuple[Direction, tuple[Setup, ...], str]] = {
    "SSIM": ("higher", _ALL, "structural similarity to the real frames, whole picture"),
    "SSIM_mouth": ("higher", _ALL, "structural similarity to the real frames, mouth region"),
    "PSNR": ("higher", _ALL, "peak signal-to-noise ratio to the real frames in dB, whole picture"),
    "PSNR_mouth": ("higher", _ALL, "peak signal-to-noise ratio to the real frames in dB, mouth region"),
    "FID": ("lower", _ALL, "Fréchet inception distance of all generated to all real frames"),
    "KID": ("lower", _ALL, "kernel inception distance, unbiased for few frames"),
    "CSIM": ("higher", _ALL, "ArcFace cosine to the real face"),
    "LMD": ("lower", _ALL, "mouth landmark distance to the real frames, in pixels"),
    "LMD_face": ("lower", _ALL, "mouth landmark distance as a share of the face size"),
    "MAR": ("lower", _SILENT_ONLY, "mean mouth aspect ratio under silence"),
    "MAR_open": ("lower", _SILENT_ONLY, "share of frames with an open mouth under silence"),
    "MAR_motion": ("lower", _SILENT_ONLY, "motion energy of the mouth under silence, (MAR per second)^2"),
    "MAR_slope": ("lower", _SILENT_ONLY, "output opening per reference opening under silence; CR only"),
}
PICTURE_MEASURES = frozenset(_PICTURES)
"""Measures taken on pictures and landmarks, each only when asked for."""

PICTURE_ARROWS: Mapping[str, str] = {name: _ARROWS[better] for name, (better, _, _) in _PICTURES.items()}
"""Their direction arrows, in the order of tables."""

SET_MEASURES = frozenset({"FID", "KID"})
"""Those that compare sets of frames."""

FULL = "_full"
"""Behind the name of a probe's measure: what a complete copy would give."""

SYNC = "_sync"
"""Behind the name of a probe's measure: what moved of the sync with the clip's own speech, not of the pixels."""

_BOTH = tuple(Reference)
_PROBES: Mapping[str, tuple[tuple[Reference, ...], bool, str]] = {
    "REF_shift": (
        (Reference.CR,),
        True,
        "share of the lips, or of their sync, that comes 8 frames earlier when the mouths of the reference do",
    ),
    "FRAME_shift": (
        _BOTH,
        True,
        "share of the lips, or of their sync, that comes 8 frames earlier when the mouths of the input frames do",
    ),
    "REF_swap": (
        _BOTH,
        False,
        "share of a change of the reference's mouth that arrives in the output, all else equal",
    ),
}
"""Of each probe: its references, whether it is taken at every lag, and its meaning."""

REFERENCE_PROBES = ("REF_shift[{},CR]", "REF_swap[{},CR]", "REF_swap[{},AR]")
"""The causal probes of the reference, with the setup to be filled in."""

FRAME_PROBES = ("FRAME_shift[{},CR]", "FRAME_shift[{},AR]")
"""Those of the input frames."""

DEFAULT_PROBES = ("REF_shift[XM,CR]", "REF_swap[SI,AR]", "FRAME_shift[XM,CR]", "FRAME_shift[XM,AR]")
"""One for each place that lips may come from: moving references, still ones, the input frames."""

PROBES = tuple(_PROBES)
PROBE_MEASURES = frozenset(f"{name}{part}" for name in _PROBES for part in ("", FULL, SYNC, f"{SYNC}{FULL}"))
"""Measures of takes that are generated a second time with another mouth, each only when asked for."""

LEAKAGE_METRICS = ("LSE-C_S", "LSE-D_S", "LSD-CR", "LSD-AR")
"""The paper's four, in the order of its Table 6."""

KNOWN_METRICS = (
    *_BY_REFERENCE,
    *_PLAIN,
    *(f"{name}[SETUP,REFERENCE]" for name in _PER_CONDITION),
    *(
        f"{name}[{'SETUP' if setups == _ALL else 'SI'},{'CR' if name == 'MAR_slope' else 'REFERENCE'}]"
        for name, (_, setups, _) in _PICTURES.items()
    ),
    *(
        f"{name}[{setup},{'REFERENCE' if len(of) > 1 else of[0]}]"
        for name, (of, _, _) in _PROBES.items()
        for setup in ("SI", "XM")
    ),
)


def every_metric() -> tuple[Metric, ...]:
    """Return every metric there is, for every condition it can have: the leakage metrics first."""
    names = [
        *_PLAIN,
        *(f"{base}[{reference}]" for base in _BY_REFERENCE for reference in Reference),
        *(
            f"{base}[{setup},{ref}]"
            for base in _PER_CONDITION
            for ref in Reference
            for setup in (Setup.AM, Setup.XM)
        ),
        *(f"{base}[GT]" for base in _PER_CONDITION),
        *(
            f"{base}[{setup},{reference}]"
            for base, (_, setups, _) in _PICTURES.items()
            for setup in setups
            for reference in ((Reference.CR,) if base == "MAR_slope" else Reference)
        ),
        *(
            f"{name}[{setup},{ref}]"
            for name, (of, _, _) in _PROBES.items()
            for setup in ("SI", "XM")
            for ref in of
        ),
    ]
    return tuple(metric(name) for name in names)


_NAME = re.compile(r"\s*(?P<base>[A-Za-z_@-]+)\s*(?:\[(?P<inside>[^\]]*)\])?\s*")


def metric(name: str) -> Metric:
    """Return the metric of that name.

    Names: ``LSE-C_S``, ``LSE-D_S`` (CR; ``LSE-C_S[AR]`` for AR), ``LSD-CR``, ``LSD-AR``,
    ``signed-LSD-CR``, ``LSE-C_XO[CR]``, ``LSE-C[AM,CR]``, ``LSE-D[XM,AR]``, ``LSE-C[GT]`` (real clips);
    ``LSE-C_S@offset`` and ``LSE-C_XO@offset[CR]`` look at the clip's known offset alone instead of the
    best of 31 shifts, which tells leaks from chance far better.

    Raises:
        ConfigurationError: unknown name, listing the known ones.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise _unknown(name)
    base, inside = match["base"], match["inside"]
    arguments = [part.strip().upper() for part in inside.split(",")] if inside is not None else []
    if base in _PLAIN and not arguments:
        return _PLAIN[base]
    if base in _BY_REFERENCE and len(arguments) <= 1:
        return _BY_REFERENCE[base](_reference(arguments[0], name) if arguments else Reference.CR)
    if base in _PER_CONDITION and arguments:
        return _per_condition(base, arguments, name)
    if base in _PROBES and len(arguments) == 2:
        return _probe(base, arguments, name)
    if base in _PICTURES and len(arguments) == 2:
        return _picture(base, arguments, name)
    raise _unknown(name)


def _probe(base: str, arguments: list[str], name: str) -> Metric:
    references, at_lags, meaning = _PROBES[base]
    reference = _reference(arguments[1], name)
    if arguments[0] not in (Setup.SI, Setup.XM) or reference not in references:
        raise _unknown(name)
    condition = Condition(Setup[arguments[0]], reference)
    if not at_lags:
        columns: tuple[Column, ...] = Column(base, condition), Column(f"{base}{FULL}", condition)
        return Metric(f"{base}[{condition}]", "lower", columns, _share_of_full, meaning)
    # Where the model edits at all is seen in its outputs under silence and under other speech.
    both = tuple(
        Condition(setup, reference) for setup in (Setup.SI, Setup.XM) if setup is not condition.setup
    )
    columns = tuple(Column(f"{base}{part}", condition) for part in ("", FULL, SYNC, f"{SYNC}{FULL}"))
    return Metric(f"{base}[{condition}]", "lower", columns, _larger_share, meaning, beside=both)


def _share_of_full(means: Sequence[float]) -> float:
    found, full = means
    return found / full if full > 0 else math.nan


def _larger_share(means: Sequence[float]) -> float:
    """The larger of two shares, of the pixels and of the sync."""
    pixels, sync = _share_of_full(means[:2]), _share_of_full(means[2:])
    return math.nan if math.isnan(pixels) or math.isnan(sync) else max(pixels, sync)


def _picture(base: str, arguments: list[str], name: str) -> Metric:
    better, setups, meaning = _PICTURES[base]
    if arguments[0] not in setups or (base == "MAR_slope" and arguments[1] != "CR"):
        raise _unknown(name)
    condition = Condition(Setup[arguments[0]], _reference(arguments[1], name))
    column = Column(base, condition)
    unbounded = base.startswith("PSNR")
    return Metric(f"{base}[{condition}]", better, (column,), _only, meaning, unbounded)


def _per_condition(base: str, arguments: list[str], name: str) -> Metric:
    if arguments == ["GT"]:
        meaning = "the real clips against their own audio"
        return Metric(f"{base}[GT]", _PER_CONDITION[base], (Column(base, None),), _only, meaning)
    if len(arguments) != 2 or arguments[0] not in Setup.__members__:
        raise _unknown(name)
    condition = Condition(Setup[arguments[0]], _reference(arguments[1], name))
    if condition.setup is Setup.SI:
        measure, at, how = base.partition("@")
        return _BY_REFERENCE[f"{measure}_S{at}{how}"](condition.reference)
    meaning = "scored against the driving audio"
    canonical = f"{base}[{condition}]"
    return Metric(canonical, _PER_CONDITION[base], (Column(base, condition),), _only, meaning)


def _reference(text: str, name: str) -> Reference:
    if text not in Reference.__members__:
        raise _unknown(name)
    return Reference[text]


def _unknown(name: str) -> ConfigurationError:
    from difflib import get_close_matches

    known: dict[str, list[str]] = {}
    for each in KNOWN_METRICS:
        known.setdefault(each.partition("[")[0].casefold(), []).append(each)
    base = name.partition("[")[0].strip().casefold()
    begun = [base] if base in known else [each for each in known if base and each.startswith(base)]
    nearest = begun if 0 < len(begun) <= 2 else get_close_matches(base, known, 1)
    meant = [form for each in nearest for form in known[each]]
    hint = f"did you mean {' or '.join(meant)}? " if meant else ""
    return ConfigurationError(
        f"unknown metric {name!r}; {hint}known are {', '.join(KNOWN_METRICS)} "
        "(SETUP is AM, XM or SI, REFERENCE is CR or AR, [GT] the real clips)"
    )
