"""Several p values judged together: how often chance gives any of them."""

from collections.abc import Mapping

SUITE_ALPHA = 0.05
"""How often chance may give one of the p values of a whole run."""


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p values adjusted for all of them being looked at; in any dependence.

    Where none of the effects is real, one adjusted p of at most alpha comes up in at most alpha of all runs.

    Args:
        p_values: by name, 0..1.

    Source: Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6.
    """
    adjusted: dict[str, float] = {}
    least = 0.0
    for rank, name in enumerate(sorted(p_values, key=p_values.__getitem__)):
        least = max(least, min((len(p_values) - rank) * p_values[name], 1.0))
        adjusted[name] = least
    return adjusted
