"""Groups of metrics that are measured together: what a paper's tables need, what shows leaks, pictures."""

from collections.abc import Callable, Mapping

from pytest_lipleak.core.conditions import Reference, Setup
from pytest_lipleak.core.metrics.families import FAMILIES, SILENT, Family, Source
from pytest_lipleak.core.metrics.formulas import Metric, extra_metrics, metric, metrics_of

PAPER_PICTURES = ("SSIM", "PSNR", "FID", "CSIM")
"""Columns of the paper's Tables 3 to 5 beside LSE-C and LSE-D; LMD stands in Table 5 alone."""

LANDMARKS = ("LMD", "LMD_face")
"""Distances to the real lips, which are a target only where their own audio drives."""

AT_REST = ("SLS", "SLS@real", "PauseMotion@own", "PauseMotion@real", "PauseOpen@own", "PauseOpen@real")
"""Looked at under silence and under PA here; in natural pauses, under AM and XM, only when named."""


def metrics_in(group: str) -> tuple[Metric, ...]:
    """Return the metrics of a group, of ``GROUPS``, each once."""
    return tuple(dict.fromkeys(GROUPS[group]()))


def _conditions() -> list[Metric]:
    """What needs all six conditions: the paper's four, under both references."""
    names = ("LSD-{}", "LSE-C_S[{}]", "LSE-D_S[{}]")
    return [metric(name.format(of)) for of in Reference for name in names]


def _paper() -> list[Metric]:
    found = [each for each in _pictures() if each.family.measure in PAPER_PICTURES]
    return [*_conditions(), *found, *(metric(f"LMD[AM,{of}]") for of in Reference)]


def _pictures() -> list[Metric]:
    return [
        each
        for family in FAMILIES
        if family.is_picture and not _is_at_rest(family)
        for each in metrics_of(family)
        if family.measure not in LANDMARKS or each.conditions[-1].setup is Setup.AM
    ]


def _leak() -> list[Metric]:
    at_rest = [each for family in FAMILIES if _is_at_rest(family) for each in metrics_of(family)]
    return [
        *_conditions(),
        *map(metric, extra_metrics()),
        *(each for each in at_rest if each.conditions[-1].setup in (Setup.SI, Setup.PA)),
    ]


def _is_at_rest(family: Family) -> bool:
    """Whether it asks if the mouth rests under silence or in pauses."""
    return family.source is Source.PICTURES and (family.setups == SILENT or family.measure in AT_REST)


GROUPS: Mapping[str, Callable[[], list[Metric]]] = {
    "conditions": _conditions,
    "paper": _paper,
    "leak": _leak,
    "pictures": _pictures,
    "all": lambda: [*_leak(), *_pictures()],
}
"""What ``--lipleak-measure`` takes."""
