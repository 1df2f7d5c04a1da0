"""Default gates per sync expert. The paper gives none; limits of one expert are never used for another.

Chosen with composites on the embedded clips, 14 GRID sentences and 14 talkers, after a look at early runs of
``research/known_guilt``, some of them on its *report* sets: so its rates there are no independent test of these limits
(docs/evidence/known-guilt.md says what was measured after). What honest generators came to at most (edits down to the
lips alone, H.264 to crf 35, lags to 3 frames), and what a quarter of a copy gave at least. Protocol ``direct``; under
``tracked`` the measures are shares and excesses of the same crops, and the limits were not measured anew:

| metric          | honest      | a quarter of a copy | limit |
|-----------------|-------------|---------------------|-------|
| LSE-C_S@floor   | 0.20        | 0.31                | 0.3   |
| LSE-C_XO@floor  | 0.20        | 0.17                | 0.3   |
| LipCorr_S       | 0.09        | 0.73                | 0.2   |
| LipCorr_XO      | 0.09        | 0.25                | 0.15  |

The worst clip is for leaks in some clips: one whole copy in twelve clips gives LipCorr_S@worst 0.44 and more, honest
generators 0.16 at most. (LSE-C_XO@worst has no such room: under other speech one clip of twelve stands above ten
unrelated audios by chance in most suites, 0.6 against 0.47.) The probes decide by intervention: honest generators
give 0 to 0.11, whatever they look like.

The floor under LSE-C[AM] is for models that follow no audio, as black frames leak nothing: sets of 4 clips whose lips
fit score above 1.47 in 99 % of the draws, unrelated audio 0.7 to 0.9.

LSD is measured and shown, and no default gate: it also rises when lips merely fail to follow other speech.
"""

from collections.abc import Mapping

from pytest_lipleak.core.metrics import DEFAULT_PROBES

SCAN_GATES: tuple[str, ...] = (
    "LSE-C_S@floor[{}] < 0.3",
    "LSE-C_XO@floor[{}] < 0.3",
)
"""On the scale of the embedded expert."""

SCALELESS_GATES: tuple[str, ...] = (
    "LipCorr_S[{}] < 0.2",
    "LipCorr_XO[{}] < 0.15",
    "LipCorr_S@worst[{}] < 0.3",
    "LipCorr_XO@worst[{}] < 0.3",
)
"""Lips against lips: no sync expert is asked."""

PROBE_LIMIT = 0.15
"""Share of what a complete copy would give from which a causal probe calls it a leak. A share has no scale, so it
holds for every expert: a generator that ignores the mouths that are changed gives 0."""

PROBE_GATES: tuple[str, ...] = tuple(f"{name} < {PROBE_LIMIT}" for name in DEFAULT_PROBES)

REFERENCES = ("CR", "AR")


def _gates(*texts: str) -> tuple[str, ...]:
    return tuple(text.format(reference) for text in texts for reference in REFERENCES)


DEFAULT_GATES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("embedded", protocol): (
        *_gates("LSE-C[AM,{}] > 1.2", *SCAN_GATES, *SCALELESS_GATES),
        *PROBE_GATES,
    )
    for protocol in ("direct", "tracked")
}
"""Limits by expert and protocol, for both references: a model may have only one of them."""

LEAST_EXCESS: Mapping[tuple[str, str], Mapping[str, float]] = {
    ("embedded", protocol): {"LSE-C_S@floor": 0.3, "LSE-C_XO@floor": 0.3}
    for protocol in ("direct", "tracked")
}
"""Excess over unrelated speech and over the floor that counts as a leak, by expert and protocol: the default gates'."""
