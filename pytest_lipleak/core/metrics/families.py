"""The table of metric families: one row says everything that is known of a family.

Names, columns of tables, the list in the docs, the words of failures and ``--help`` are views of it. A new family is
a row here, a way to take its measure (``corpus`` for scores, ``evaluation.measures`` for all else) and a paragraph in
``docs/metrics.md``.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from pytest_lipleak.core.conditions import SETUPS, Reference, Setup

Direction = Literal["lower", "higher"]


class Question(StrEnum):
    """What a limit on a metric asks of a model; the words are those of a leak that is found."""

    SILENCE = "under silence"
    SPEECH = "under other speech"
    REFERENCE = "from the reference"
    FRAMES = "from the input frames"
    EITHER = "from the reference or the input frames"
    """Both were changed."""
    CLIPS = "in single clips"
    SWAPPED = "or loses sync with other speech"
    """LSD cannot tell these apart."""
    FOLLOWS = "whether lips follow the audio"
    OTHER = ""
    """Pictures, and the real clips."""


class Source(StrEnum):
    """What must be measured for a family."""

    SYNC = "the sync expert's scores"
    LAGS = "scores at 21 lags, of the output and of a floor video"
    LIPS = "lips at 21 lags, of the output and of a floor video"
    PICTURES = "the real frames"
    FRAME_SETS = "the frames of all clips"
    PROBES = "one more video a clip, with other mouths"
    TRIALS = "whether each clip has a video that can be scored"


class Summary(StrEnum):
    """How the clips' values become one number."""

    MEAN = "mean over clips"
    DIFFERENCE = "0.5 (|C_AM - C_XM| + |D_AM - D_XM|) of means over clips"
    BEST_LAG = "best lag of the mean over clips"
    WORST_CLIP = "the worst clip"
    ALL_FRAMES = "one value for all clips"
    SHARE = "mean over clips, as a share of a full copy's"
    LARGEST_SHARE = "the largest of several parts: pixels, sync, movement; some count more than once, up to 1"


class Shown(StrEnum):
    """Where a family appears without being asked for, where it was measured."""

    TABLE = "in the full table of leakage metrics"
    DATA = "in JSON reports and comparisons"
    ASKED = "nowhere"


SILENT, OTHER_SPEECH, HEARD, ALL = (Setup.SI,), (Setup.XM,), (Setup.AM, Setup.XM), SETUPS
UNHEARD = (Setup.SI, Setup.XM)
"""The paper's setups in which the clip's own speech does not drive."""

PROBED = (Setup.SI, Setup.XM, Setup.PA, Setup.AM)
"""What may drive while a probe changes something else."""

WITH_PAUSES = (Setup.AM, Setup.XM, Setup.PA)
"""Whose driving speech has pauses: a clip's own natural ones, or those of PA."""

BOTH, CR_ONLY = tuple(Reference), (Reference.CR,)

DRIVEN = {
    Setup.SI: "driven by silence",
    Setup.XM: "driven by other speech",
    Setup.AM: "driven by its own speech",
    Setup.PA: "driven by other speech with pauses",
}


@dataclass(frozen=True)
class Family:
    """One row of the table.

    Args:
        pattern: its metrics' names. ``{own}`` is S under silence and XO under other speech, where the score is
            against the clip's own speech, which the model never heard; ``{reference}`` is CR or AR;
            ``[{condition}]`` is for example ``[AM,CR]``.
        meaning: what it measures, in one line; ``{driven}`` says what drives.
        failure: what it means where it breaks a limit; ``{driven}`` likewise.
        better: which direction means less leakage, better sync or better pictures.
        unit: of its values.
        source: what must be measured for it.
        summary: how the clips' values become one number.
        asks: what a limit on it asks of a model; None: what ``setups`` say, silence or other speech.
        setups: on which it is defined.
        references: on which it is defined.
        real: whether the real clips have it, too (``[GT]``).
        shown: where it appears unasked.
        digits: behind the point, in tables.
        unbounded: whether infinity is a good value (PSNR of identical pictures) and no accident.
    """

    pattern: str
    meaning: str
    failure: str
    better: Direction
    unit: str
    source: Source
    summary: Summary = Summary.MEAN
    asks: Question | None = None
    setups: tuple[Setup, ...] = ALL
    references: tuple[Reference, ...] = BOTH
    real: bool = False
    shown: Shown = Shown.DATA
    digits: int = 2
    unbounded: bool = False

    @property
    def measure(self) -> str:
        """What is noted of each clip: the name without setup and reference."""
        return self.pattern.replace("_{own}", "").partition("[")[0]

    @property
    def best(self) -> float:
        """The value that nothing is better than; chance alone may lie beyond it. Infinity where there is none."""
        if self.better == "lower":
            return 0.0
        return 1.0 if self.unit.endswith(" to 1") else math.inf

    @property
    def against_own(self) -> bool:
        """Whether it looks for the clip's own speech in lips that never heard it."""
        return "{own}" in self.pattern

    @property
    def by_condition(self) -> bool:
        """Whether its names say the condition in brackets."""
        return self.pattern.endswith("[{condition}]")

    @property
    def poorest(self) -> float | None:
        """The worst value that there is, by its unit; None where there is none."""
        if self.better == "higher":
            return -1.0 if self.unit.endswith("-1 to 1") else 0.0
        return 1.0 if self.unit.endswith("0 to 1") else None

    @property
    def is_picture(self) -> bool:
        """Whether it is measured on the pictures alone, without a sync expert."""
        return self.source in (Source.PICTURES, Source.FRAME_SETS)

    @property
    def forms(self) -> tuple[str, ...]:
        """Its names as a list shows them, with SETUP and REFERENCE where there is a choice of all."""
        if self.against_own:
            return tuple(self.pattern.format(own=own_name(setup)) for setup in self.setups)
        if not self.by_condition:
            return tuple(self.pattern.format(reference=reference) for reference in self.references)
        # Under silence a name such as LSE-C[SI,CR] means LSE-C_S.
        setups = ("SETUP",) if self.setups == ALL or self.real else self.setups
        reference = "REFERENCE" if self.references == BOTH else ",".join(self.references)
        return tuple(self.pattern.format(condition=f"{setup},{reference}") for setup in setups)


def own_name(setup: Setup) -> str:
    """S under silence, XO under other speech."""
    return "S" if setup is Setup.SI else "XO"


_LSE = "the expert's distance"
_AT_LAGS = "at the best of 21 lags, over"
_OWN_SCORE = "{driven}, scored against the clip's own audio, which the model never heard"
_FLOOR = "{driven}: agreement with the clip's own speech " + _AT_LAGS + " unrelated speech and over the floor"
_LIPS = "{driven}: correlation of the lips with the clip's own lips " + _AT_LAGS + " the floor"
_FOLLOWS = "the lips do not follow the driving audio"
_HEARD = "scored against the driving audio"
_PICTURES_DIFFER = "the pictures differ from the real ones"
_FRAMES_DIFFER = "the frames as a whole do not look like the real ones"
_LIPS_ELSEWHERE = "the lips are not where the real ones were"
_OF_SPEECH = "0 at rest, 1 as in speech"
_MOVES_IN_PAUSES = "the mouth goes on moving where the driving speech pauses: what moves it is not audio"
_OPEN_IN_PAUSES = "the mouth stays open where the driving speech pauses"
_OF_REAL = "0 at rest, 1 as the real clip"
_NO_REST = "the mouth does not rest under silence: what moves or opens it is not audio"

FAMILIES: tuple[Family, ...] = (
    Family(
        "LSD-{reference}",
        "sync lost when the audio is swapped: 0.5 (|C_AM - C_XM| + |D_AM - D_XM|)",
        "sync collapses when the audio is swapped: in AM the lips may come from elsewhere than the audio",
        "lower", _LSE, Source.SYNC, Summary.DIFFERENCE, Question.SWAPPED, HEARD,
    ),
    Family(
        "LSE-C_{own}",
        _OWN_SCORE,
        "{driven}, the lips agree with the clip's own speech, which the model did not hear, but saw or remembered",
        "lower", _LSE, Source.SYNC, setups=UNHEARD,
    ),
    Family(
        "LSE-D_{own}",
        _OWN_SCORE,
        "{driven}, the lips stay close to the clip's own speech, which the model did not hear, but saw or remembered",
        "higher", _LSE, Source.SYNC, setups=UNHEARD,
    ),
    Family(
        "LSE-C_{own}@floor",
        _FLOOR,
        "{driven}, the lips agree with the clip's own speech: it was seen or remembered, not heard",
        "lower", _LSE, Source.LAGS, Summary.BEST_LAG, setups=UNHEARD, shown=Shown.TABLE,
    ),
    Family(
        "LSE-C_{own}@worst",
        _FLOOR + ": the worst clip, above all that unrelated speech gives",
        "{driven}, the lips of this clip agree with its own speech: it was seen or remembered, not heard",
        "lower", _LSE, Source.LAGS, Summary.WORST_CLIP, Question.CLIPS, UNHEARD, shown=Shown.TABLE,
    ),
    Family(
        "LipCorr_{own}",
        _LIPS,
        "{driven}, the lips move as the clip's own lips do: its own speech is in the lips",
        "lower", "correlation, 0 to 1", Source.LIPS, Summary.BEST_LAG, setups=UNHEARD, shown=Shown.TABLE,
    ),
    Family(
        "LipCorr_{own}@worst",
        _LIPS + ": the worst clip, above all that unrelated lips give",
        "{driven}, the lips of this clip move as its own lips do: its own speech is in the lips",
        "lower", "correlation, 0 to 1", Source.LIPS, Summary.WORST_CLIP, Question.CLIPS, UNHEARD, shown=Shown.TABLE,
    ),
    Family(
        "SSIM[{condition}]", "structural similarity to the real frames, whole picture", _PICTURES_DIFFER,
        "higher", "-1 to 1", Source.PICTURES, asks=Question.OTHER, digits=3,
    ),
    Family(
        "SSIM_mouth[{condition}]", "structural similarity to the real frames, mouth region", _PICTURES_DIFFER,
        "higher", "-1 to 1", Source.PICTURES, asks=Question.OTHER, digits=3,
    ),
    Family(
        "PSNR[{condition}]", "peak signal-to-noise ratio to the real frames, whole picture", _PICTURES_DIFFER,
        "higher", "dB", Source.PICTURES, asks=Question.OTHER, digits=3, unbounded=True,
    ),
    Family(
        "PSNR_mouth[{condition}]", "peak signal-to-noise ratio to the real frames, mouth region", _PICTURES_DIFFER,
        "higher", "dB", Source.PICTURES, asks=Question.OTHER, digits=3, unbounded=True,
    ),
    Family(
        "LPIPS[{condition}]", "learned perceptual distance to the real frames (AlexNet)", _PICTURES_DIFFER,
        "lower", "distance", Source.PICTURES, asks=Question.OTHER, digits=3,
    ),
    Family(
        "FID[{condition}]", "Fréchet inception distance of all generated to all real frames", _FRAMES_DIFFER,
        "lower", "squared feature distance", Source.FRAME_SETS, Summary.ALL_FRAMES, Question.OTHER, digits=3,
    ),
    Family(
        "KID[{condition}]", "kernel inception distance, unbiased for few frames", _FRAMES_DIFFER,
        "lower", "squared feature distance", Source.FRAME_SETS, Summary.ALL_FRAMES, Question.OTHER, digits=3,
    ),
    Family(
        "LSE-C[{condition}]", _HEARD, _FOLLOWS,
        "higher", _LSE, Source.SYNC, asks=Question.FOLLOWS, setups=HEARD, real=True,
    ),
    Family(
        "LSE-D[{condition}]", _HEARD, _FOLLOWS,
        "lower", _LSE, Source.SYNC, asks=Question.FOLLOWS, setups=HEARD, real=True,
    ),
    Family(
        "CSIM[{condition}]", "ArcFace cosine to the real face", "the face does not look like the same person",
        "higher", "cosine, -1 to 1", Source.PICTURES, asks=Question.OTHER, digits=3,
    ),
    Family(
        "LMD[{condition}]", "mouth landmark distance to the real frames", _LIPS_ELSEWHERE,
        "lower", "pixels", Source.PICTURES, asks=Question.OTHER, digits=3,
    ),
    Family(
        "LMD_face[{condition}]", "mouth landmark distance to the real frames, for faces of any size", _LIPS_ELSEWHERE,
        "lower", "share of the face size", Source.PICTURES, asks=Question.OTHER, digits=3,
    ),
    Family(
        "MAR[{condition}]", "mean mouth aspect ratio under silence", _NO_REST,
        "lower", "height by width", Source.PICTURES, asks=Question.OTHER, setups=SILENT, digits=3,
    ),
    Family(
        "MAR_open[{condition}]", "share of frames with an open mouth under silence", _NO_REST,
        "lower", "share, 0 to 1", Source.PICTURES, asks=Question.OTHER, setups=SILENT, digits=3,
    ),
    Family(
        "MAR_motion[{condition}]", "motion energy of the mouth under silence", _NO_REST,
        "lower", "(MAR per second)^2", Source.PICTURES, asks=Question.OTHER, setups=SILENT, digits=3,
    ),
    Family(
        "MAR_slope[{condition}]", "output opening per reference opening under silence; CR only", _NO_REST,
        "lower", "ratio", Source.PICTURES, asks=Question.OTHER, setups=SILENT, references=CR_ONLY, digits=3,
    ),
    Family(
        "LipLeak[{condition}]", "KeySync's LipLeak: share of frames with a mouth aspect ratio above .25 under silence",
        _NO_REST, "lower", "share, 0 to 1", Source.PICTURES, asks=Question.OTHER, setups=SILENT, digits=3,
    ),
    Family(
        "LipLeak@real[{condition}]", "KeySync's LipLeak over that of the real clip in its own speech", _NO_REST,
        "lower", _OF_REAL, Source.PICTURES, Summary.SHARE, Question.OTHER, SILENT, digits=3,
    ),
    Family(
        "SLS[{condition}]",
        "THEval's Silent Lip Stability: median deviation of the lip opening in pauses of the driving audio",
        _NO_REST, "lower", "distance between the eyes", Source.PICTURES, asks=Question.OTHER,
        setups=(*ALL, Setup.PA), digits=4,
    ),
    Family(
        "SLS@real[{condition}]",
        "THEval's Silent Lip Stability over the deviation of the real clip in its own speech", _NO_REST,
        "lower", _OF_REAL, Source.PICTURES, Summary.SHARE, Question.OTHER, (*ALL, Setup.PA), digits=3,
    ),
    Family(
        "Closed[{condition}]", "HighSync's silence test: share of frames with closed lips under silence", _NO_REST,
        "higher", "share, 0 to 1", Source.PICTURES, asks=Question.OTHER, setups=SILENT, digits=3,
    ),
    Family(
        "Closed@real[{condition}]", "share of frames with lips that are not closed, over that of the real clip",
        _NO_REST, "lower", _OF_REAL, Source.PICTURES, Summary.SHARE, Question.OTHER, SILENT, digits=3,
    ),
    Family(
        "PauseMotion@own[{condition}]", "{driven}: motion of the mouth in pauses, over this output's in speech",
        _MOVES_IN_PAUSES, "lower", _OF_SPEECH, Source.PICTURES, Summary.SHARE, Question.OTHER, WITH_PAUSES, digits=3,
    ),
    Family(
        "PauseMotion@real[{condition}]", "{driven}: motion of the mouth in pauses, over the real clip's in speech",
        _MOVES_IN_PAUSES, "lower", _OF_SPEECH, Source.PICTURES, Summary.SHARE, Question.OTHER, WITH_PAUSES, digits=3,
    ),
    Family(
        "PauseOpen@own[{condition}]", "{driven}: mean mouth opening in pauses, over this output's in speech",
        _OPEN_IN_PAUSES, "lower", _OF_SPEECH, Source.PICTURES, Summary.SHARE, Question.OTHER, WITH_PAUSES, digits=3,
    ),
    Family(
        "PauseOpen@real[{condition}]", "{driven}: mean mouth opening in pauses, over the real clip's in speech",
        _OPEN_IN_PAUSES, "lower", _OF_SPEECH, Source.PICTURES, Summary.SHARE, Question.OTHER, WITH_PAUSES, digits=3,
    ),
    Family(
        "success[{condition}]", "share of the clips of which there is a video that can be scored",
        "videos are missing, cannot be read or show no face",
        "higher", "share, 0 to 1", Source.TRIALS, asks=Question.OTHER, shown=Shown.ASKED,
    ),
    Family(
        "REF_shift[{condition}]",
        "how much comes 8 frames earlier as the reference's mouths do: in lips, cheeks and chin, in movement or sync",
        "lips change with the mouths of the reference when those come earlier: they come from the reference",
        "lower", "0 to 1", Source.PROBES, Summary.LARGEST_SHARE, Question.REFERENCE, PROBED, CR_ONLY,
    ),
    Family(
        "FRAME_shift[{condition}]",
        "how much of the lips, of their movement or sync, comes 8 frames earlier as the mouths of the frames do",
        "lips change with the mouths of the input frames when those come earlier: they come from the input frames",
        "lower", "0 to 1", Source.PROBES, Summary.LARGEST_SHARE, Question.FRAMES, (Setup.SI, Setup.XM, Setup.PA),
    ),
    Family(
        "FRAME_shift[{condition}]",
        "how much of the lips, of their movement or sync, comes 8 frames earlier as the mouths of the frames do, of "
        "which the reference is taken, too",
        "lips change with the mouths of input frames and reference when those come earlier: they come from these "
        "pictures",
        "lower", "0 to 1", Source.PROBES, Summary.LARGEST_SHARE, Question.EITHER, (Setup.AM,),
    ),
    Family(
        "REF_swap[{condition}]",
        "share of a change of the reference's mouth that arrives in the output, all else equal",
        "another mouth in the reference makes another mouth in the output: it is copied",
        "lower", "share, 0 to 1", Source.PROBES, Summary.SHARE, Question.REFERENCE, PROBED,
    ),
)  # fmt: skip
"""Every metric there is. The order is that of tables' columns and of reports."""
