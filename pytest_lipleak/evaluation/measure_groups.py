"""Measuring groups of metrics that no limit asks for."""

from collections.abc import Iterable

from pytest_lipleak.core.errors import (
    LipleakError,
    MissingExtraError,
    NotApplicableError,
    WeightsError,
)
from pytest_lipleak.core.metrics.formulas import Metric
from pytest_lipleak.core.metrics.groups import metrics_in
from pytest_lipleak.evaluation.evaluation import Evaluation


def measure_group(evaluation: Evaluation, group: str) -> list[str]:
    """Measure every metric of a group that the model has; one that fails does not keep the others.

    Args:
        evaluation: of the model.
        group: a name in ``core.metrics.groups.GROUPS``.

    Returns:
        What could not be measured, and why, one line for each reason.
    """
    return measure_each(evaluation, metrics_in(group))


def measure_each(evaluation: Evaluation, metrics: Iterable[Metric]) -> list[str]:
    """Like ``measure_group``, of any metrics; those that do not apply to the model are left out."""
    lost: dict[str, list[str]] = {}
    lacking: dict[str, str] = {}
    for each in metrics:
        # What is not installed, or cannot be downloaded, is not there for the family's other conditions, either.
        if known := lacking.get(each.family.pattern):
            lost[known].append(each.name)
            continue
        # Of a part of the clips there is no distance between whole sets of frames.
        if each.over_sets and evaluation.corpus.provenance.shard:
            lost.setdefault("whole sets of frames are not compared in a part of the clips", []).append(
                each.name
            )
            continue
        try:
            found = evaluation.measure(each)
            if not found.clips:
                # Each clip may lack it for a reason of its own; the first stands for all.
                why = next((entry.reason for entry in found.unscored), "no clip has it")
                lost.setdefault(f"no clip has a value; the first because {why}", []).append(each.name)
        except NotApplicableError:
            continue
        except LipleakError as error:
            why = str(error).partition("\n")[0]
            lost.setdefault(why, []).append(each.name)
            if isinstance(error, WeightsError | MissingExtraError):
                lacking[each.family.pattern] = why
    return [f"{', '.join(names)}: {why}" for why, names in lost.items()]
