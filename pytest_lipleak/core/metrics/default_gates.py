"""Default gates per sync expert. The paper gives none; limits of one expert are never used for another.

Chosen on the sets that ``research/known_guilt`` marks *choose* (12 GRID sentences, 12 clips of 6 generated people, 12
real people; 3 s each), after a first look at early runs on others; docs/evidence/known-guilt.md reports them on other
sets. These had no part but for LSE-C_S@floor, whose limit was raised when all values were known.
What generators that leak nothing came to at most there (edits down to the lips alone, noise, lags,
half the frame rate, lips drawn anew at every call), and what .3 of a copy gave at least. Protocol ``direct``; under
``tracked`` the measures are shares and excesses of the same crops, and the limits were not measured anew:

| metric             | honest | .3 of a copy | limit |
|--------------------|--------|--------------|-------|
| LSE-C_S@floor      | 0.13   | 0.5          | 0.4   |
| LSE-C_XO@floor     | 0.34   | 0.31         | 0.5   |
| LipCorr_S          | 0.03   | 0.7          | 0.2   |
| LipCorr_XO         | 0.09   | 0.28         | 0.15  |
| LipCorr_S@worst    | 0.10   | (1)          | 0.3   |
| LipCorr_XO@worst   | 0.17   | 0.27         | 0.3   |
| probes             | 0.14   | 0.2          | 0.15  |
| REF_shift[PA,CR]   | 0.08   | 0.2          | 0.12  |
| probes under AM    | 0.26   | 0.2 (2)      | 0.3   |
| REF_swap[SI,CR]    | 0.15   | 0.2 (3)      | 0.2   |
| REF_swap[..,AR]    | 0.07   | 0.13 (3)     | 0.12  |

(1) The worst clip is for leaks in some clips: one whole copy in twelve gives 0.68 and more. (LSE-C_XO@worst has no such
room: under other speech one clip of twelve stands above ten unrelated audios by chance in most suites.)
(2) Under the clip's own speech the limit is for models that leak nowhere else: see ``OWN_LIMITS``. A whole copy gives
0.8 and more.
(3) What half of one still mouth gives: out of a reference video, and of a single picture, on any two clips. Honest ones
are 0.00 there unless they draw another mouth at every call. Of one that is shown for a part of the time (in pauses,
where it is loud or quiet, for half a second, ...) docs/evidence/known-guilt.md says in how many pairs it is found.

LSE-C_XO@floor parts the two least: lips that follow the partner's speech agree with the clip's own by its rhythm, and
chance (p .001) does not excuse it. It stands as high as honest lips need; lips against lips and the probes find what it
leaves. Lips that idle under silence may do the same, though none of the sets did: hence LSE-C_S@floor at .4. The probes
decide by intervention, whatever the lips look like.

The floor under LSE-C[AM] is for models that follow no audio, as black frames leak nothing: sets of 4 clips whose lips
fit score above 1.47 in 99 % of the draws, unrelated audio 0.7 to 0.9.

The floor under LSE-C[XM] is for lips that stand still in a small edit: under AM the jaw around them moves with the
clip's own speech, and they come to 1.7 on the sets for choosing. Other speech moves no jaw: they come to 0.79 there,
lips that follow to 1.0 and more.

LSD is measured and shown, and no default gate: it also rises when lips merely fail to follow other speech.
"""

from collections.abc import Mapping
from functools import cache

from pytest_lipleak.core.conditions import Reference
from pytest_lipleak.core.metrics.formulas import DEFAULT_PROBES, Metric, metric

SCAN_LIMITS: Mapping[str, float] = {"LSE-C_S@floor": 0.4, "LSE-C_XO@floor": 0.5}
"""Excess over unrelated speech and over the floor that counts as a leak, on the scale of the embedded expert."""

SCAN_GATES: tuple[str, ...] = tuple(f"{name}[{{}}] < {limit}" for name, limit in SCAN_LIMITS.items())
"""The same as gates, under either reference."""

LIP_LIMITS: Mapping[str, float] = {
    "LipCorr_S": 0.2,
    "LipCorr_XO": 0.15,
    "LipCorr_S@worst": 0.3,
    "LipCorr_XO@worst": 0.3,
}
"""Lips against lips: no sync expert is asked."""

SCALELESS_GATES: tuple[str, ...] = tuple(f"{name}[{{}}] < {limit}" for name, limit in LIP_LIMITS.items())
"""The same as gates, under either reference."""

PROBE_LIMIT = 0.15
"""What a causal probe must come to before it calls it a leak: of a swap the share of a complete copy, of a shift the
largest of several parts, each of which a complete copy takes to 1. It has no scale, so it holds for every expert: a
generator that ignores the mouths that are changed gives 0."""

OWN_LIMITS: Mapping[str, float] = {
    "REF_shift[PA,CR]": 0.12,
    "REF_shift[AM,CR]": 0.3,
    "REF_swap[SI,CR]": 0.2,
    "REF_swap[SI,AR]": 0.12,
    "REF_swap[PA,AR]": 0.12,
    "FRAME_shift[AM,CR]": 0.3,
    "FRAME_shift[AM,AR]": 0.3,
}
"""Likewise where honest models come to less or more. Under other speech moved mouths of a reference change next to
nothing (0.085 at most; frames 0.144, where a chewing mouth beats time with them). A model that looks its mouths up
among those of the reference, by what it hears, shows another picture of the same mouth, and leaks nothing: its own
speech finds its own mouths there (0.26 at most), and silence one that is shut (0.15). The same limit for frames under
its own speech."""


def default_limit(probe: str) -> float:
    """Return from which value on a probe, by its name, calls a leak where nobody says otherwise."""
    return OWN_LIMITS.get(probe, PROBE_LIMIT)


PROBE_GATES: tuple[str, ...] = tuple(f"{name} < {default_limit(name)}" for name in DEFAULT_PROBES)

REFERENCES = ("CR", "AR")


def stands_for(probe: Metric) -> Metric | None:
    """Return the default probe that says the same wherever a model takes both references; None where none does.

    The input frames are the same with either, and so is what a model makes of their lips. Nobody pays for both unless
    both are named: of twelve clips that would be 16 videos more. What another reference lets through of the input
    frames is still looked for by all gates that need no video of their own.
    """
    if probe.is_probe and not probe.of_reference and probe.conditions[-1].reference is Reference.AR:
        return metric(f"{probe.family.measure}[{probe.conditions[-1].setup},{Reference.CR}]")
    return None


def _gates(*texts: str) -> tuple[str, ...]:
    return tuple(text.format(reference) for text in texts for reference in REFERENCES)


DEFAULT_GATES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("embedded", protocol): (
        *_gates("LSE-C[AM,{}] > 1.2", "LSE-C[XM,{}] > 0.8", *SCAN_GATES, *SCALELESS_GATES),
        *PROBE_GATES,
    )
    for protocol in ("direct", "tracked")
}
"""Limits by expert and protocol, for both references: a model may have only one of them."""


@cache
def every_default() -> frozenset[str]:
    """Return all of them, as limits are written in reports: whoever judges by these alone has chosen none."""
    parts = (limit.partition(" ") for gates in DEFAULT_GATES.values() for limit in gates)
    return frozenset(f"{metric(name).name} {bound}" for name, _, bound in parts)


LEAST_EXCESS: Mapping[tuple[str, str], Mapping[str, float]] = {
    ("embedded", protocol): SCAN_LIMITS for protocol in ("direct", "tracked")
}
"""``SCAN_LIMITS`` by expert and protocol."""
