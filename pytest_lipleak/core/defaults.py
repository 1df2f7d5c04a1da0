"""Default gates per sync expert. The paper gives none; limits of one expert are never used for another.

Measured with the control generators, which copy a known share of the lips, by release 3 of the embedded
expert on the 12 embedded clips and on sets of 16 of 48 clips of GRID speaker 1 (middle 98 % of 2000 sets;
docs/validity.md):

| copied share    | 0: embedded, GRID   | 0.25: GRID   | 0.5: embedded, GRID | 1: embedded, GRID  |
|-----------------|---------------------|--------------|---------------------|--------------------|
| LSD-CR          | 0.01, 0.01 to 0.21  | 0.02 to 0.35 | 1.09, 0.39 to 0.76  | 2.24, 0.87 to 1.23 |
| LSE-C_S@offset  | 0.16, 0.54 to 0.62  | 0.88 to 1.03 | 2.67, 1.42 to 1.75  | 3.12, 2.03 to 2.46 |
| LSE-C_XO@offset | 0.31, 0.62 to 1.02  | 0.94 to 1.33 | 2.05, 1.40 to 1.78  | 3.12, 2.03 to 2.46 |

The limits stand above what no copying gives on sets of 4 clips in 99 % of the draws (0.66, 1.28). GRID is the
hard case: its clips have 3 s, and short clips score higher by chance (against unrelated speech, the silent
output of the generator that copies nothing scores 0.56 there at the clip's offset, as much as against the
clip's own). The floor under LSE-C[AM] is for models that are broken altogether, as black frames leak nothing:
sets of 4 clips whose lips fit score above 1.47 in 99 % of the draws, unrelated audio 0.7 to 0.9.

LSD is measured and shown, and no default gate: it also rises when lips merely fail to follow other speech. On
clips with a moving camera, where the control generators do fail, it called every set a leak (docs/validity.md).
"""

from collections.abc import Mapping

DEFAULT_GATES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("embedded", "direct"): tuple(
        limit.format(reference)
        for limit in (
            "LSE-C_S@offset[{}] < 0.7",
            "LSE-C_XO@offset[{}] < 1.4",
            "LSE-C[AM,{}] > 1.2",
        )
        for reference in ("CR", "AR")
    ),
}
"""Limits by expert and protocol, for both references: a model may have only one of them."""

LEAST_EXCESS: Mapping[tuple[str, str], Mapping[str, float]] = {
    ("embedded", "direct"): {"LSE-C_S@null": 0.2, "LSE-C_XO@null": 0.4},
}
"""Excess over unrelated audio, at the known offset, that counts as a leak, by expert and protocol.

Measured with release 3 on the 12 embedded clips and 11 clips of GRID speaker 1, control generators under CR:

| copied share   | 0              | 0.25          | 0.5           |
|----------------|----------------|---------------|---------------|
| LSE-C_S@null   | 0.00 and 0.01  | 1.29 and 0.41 | 2.48 and 0.97 |
| LSE-C_XO@null  | 0.09 and 0.20  | 0.80 and 0.50 | 1.87 and 0.91 |

Without any copying something is left: the chin and cheeks outside the composited mouth move with the clip's own
speech.
"""

PROBE_LIMIT = 0.1
"""Share of what a complete copy would give from which a causal probe calls it a leak. A share has no scale, so it
holds for every expert: a generator that ignores the mouth of its reference gives 0."""
