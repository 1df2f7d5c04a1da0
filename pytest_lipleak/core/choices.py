"""Names that people and models may choose, in the order in which they are listed; the standard library alone."""

SILENCES = ("zeros", "noise")
"""Kinds of silence under SI."""

STRATEGIES = ("first", "random", "multiple", "multiple-25", "silent-face", "most-dissimilar")
"""AR strategies: which frames are the alternative reference."""

PAIRINGS = ("any", "same-speaker")
"""Whose speech may drive a clip under XM."""

MEASURE_GROUPS = ("conditions", "paper", "leak", "pictures", "all")
"""Groups of metrics, see ``core.metrics.groups``."""
