"""Default gates per sync expert. The paper gives none; limits of one expert are never used for another."""

from collections.abc import Mapping

DEFAULT_GATES: Mapping[str, tuple[str, ...]] = {
    "embedded": ("LSD-CR < 1.0", "LSD-AR < 1.0", "LSE-C_S < 1.0", "LSE-C_XO[CR] < 1.0"),
}
