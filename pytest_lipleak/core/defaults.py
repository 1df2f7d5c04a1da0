"""Default gates per sync expert. The paper gives none; limits of one expert are never used for another.

Measured with the control generators (share of copied lips) on the 12 embedded clips and on 12 clips of
GRID speaker 1, whose sentences share one rhythm and so agree with each other more than other speech does:

| copied share      | 0            | 0.25         | 0.5          | 1            |
|-------------------|--------------|--------------|--------------|--------------|
| LSD-CR            | 0.01 to 0.02 | 0.14 to 0.26 | 0.52 to 1.09 | 1.06 to 2.24 |
| LSE-C_S           | 0.18 to 0.60 | 1.06 to 1.47 | 1.75 to 2.67 | 2.39 to 3.12 |
| LSE-C_XO@offset   | 0.31 to 0.94 | 1.00 to 1.26 | 1.73 to 2.05 | 2.39 to 3.12 |
| LSE-C[XM,CR]      | 2.35 to 3.12 | 2.17 to 2.87 | 1.73 to 2.03 | 0.85 to 1.25 |

The limits stand above what no copying gives, with the end of its 95 % interval (0.29, 0.67, 1.18). The floor
under LSE-C[XM] is for models that are broken altogether: black frames leak nothing.
"""

from collections.abc import Mapping

DEFAULT_GATES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("embedded", "direct"): tuple(
        limit.format(reference)
        for limit in ("LSD-{} < 0.5", "LSE-C_S[{}] < 1.0", "LSE-C_XO@offset[{}] < 1.4", "LSE-C[XM,{}] > 1.5")
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
