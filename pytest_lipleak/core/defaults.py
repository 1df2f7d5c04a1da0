"""Default gates per sync expert. The paper gives none; limits of one expert are never used for another.

Measured with the control generators (share of copied lips) on the 12 embedded clips and on 12 clips of
GRID speaker 1, whose sentences share one rhythm and so agree with each other more than other speech does:

| copied share      | 0            | 0.25         | 0.5          | 1            |
|-------------------|--------------|--------------|--------------|--------------|
| LSD-CR            | 0.01 to 0.18 | 0.27 to 0.39 | 0.95 to 1.18 | 1.56 to 2.41 |
| LSE-C_S           | 0.18 to 0.69 | 1.40 to 1.76 | 2.40 to 2.95 | 3.19 to 3.38 |
| LSE-C_XO@offset   | 0.14 to 1.06 | 0.89 to 1.50 | 2.18 to 2.20 | 3.19 to 3.38 |
| LSE-C[XM,CR]      | 3.02 to 3.39 | 2.72 to 3.16 | 2.14 to 2.28 | 0.95 to 1.64 |

The limits stand above what no copying gives, with the end of its 95 % interval (0.53, 0.77, 1.19). The floor
under LSE-C[XM] is for models that are broken altogether: black frames leak nothing.
"""

from collections.abc import Mapping

DEFAULT_GATES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("embedded", "direct"): tuple(
        limit.format(reference)
        for limit in ("LSD-{} < 0.8", "LSE-C_S[{}] < 1.0", "LSE-C_XO@offset[{}] < 1.4", "LSE-C[XM,{}] > 1.5")
        for reference in ("CR", "AR")
    ),
}
"""Limits by expert and protocol, for both references: a model may have only one of them."""

LEAST_EXCESS: Mapping[tuple[str, str], Mapping[str, float]] = {
    ("embedded", "direct"): {"LSE-C_S@null": 0.3, "LSE-C_XO@null": 0.6},
}
"""Excess over unrelated audio, at the known offset, that counts as a leak, by expert and protocol.

Measured on the 12 embedded clips and 11 clips of GRID speaker 1 with the control generators, mean excess under CR:

| copied share   | 0              | 0.25          | 0.5           |
|----------------|----------------|---------------|---------------|
| LSE-C_S@null   | 0.03 and 0.07  | 1.57 and 0.62 | 2.73 and 1.38 |
| LSE-C_XO@null  | -0.09 and 0.45 | 0.67 and 0.79 | 2.01 and 1.37 |

Without any copying something is left: the chin and cheeks outside the composited mouth move with the clip's own
speech.
"""

PROBE_LIMIT = 0.1
"""Share of what a complete copy would give from which a causal probe calls it a leak. A share has no scale, so it
holds for every expert: a generator that ignores the mouth of its reference gives 0."""
