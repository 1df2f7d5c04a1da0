"""What is drawn for intervals: clips, or where clips are alike, the speakers and the speech that they share."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.conditions import OTHER_SPEECH, Setup
from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.metrics.formulas import Metric


@dataclass(frozen=True, eq=False)
class Units:
    """What an interval is drawn from.

    Args:
        rows: one row a clip, or a clip and a partner where clips have several; one column per quantity.
        clusters: one label per row; rows of one label are drawn together. None draws rows.
        crossed: where clips have several partners, whose speech drives each row; else None.
        weights: of the rows; None: all alike.
    """

    rows: NDArray[np.float64]
    clusters: list[str] | None
    crossed: list[str] | None = None
    weights: NDArray[np.float64] | None = None


def units_of(corpora: Sequence[Corpus], metric: Metric, clips: Sequence[str]) -> Units:
    """Return the units of one metric in corpora of the same clips and partners.

    Args:
        corpora: whose columns stand side by side.
        metric: the metric.
        clips: those that have every column in all of them.
    """
    about = corpora[-1].provenance
    columns = [(corpus, column) for corpus in corpora for column in metric.columns]
    under_xm = any(
        column.condition is not None and column.condition.setup is Setup.XM for _, column in columns
    )
    if not (under_xm and any(about.further_partners.get(clip) for clip in clips)):
        found = [corpus.column(column) for corpus, column in columns]
        rows = np.array([[values[clip] for values in found] for clip in clips], np.float64)
        return Units(rows, clusters(corpora[-1], metric, clips))
    values = [corpus.by_partner(column) for corpus, column in columns]
    pairs = [(clip, number, name) for clip in clips for number, name in enumerate(about.partners_of(clip))]
    return Units(
        # What no partner drives is the same beside each of them.
        np.array(
            [[each[clip][number % len(each[clip])] for each in values] for clip, number, _ in pairs],
            np.float64,
        ),
        _speakers(corpora[-1], [clip for clip, _, _ in pairs]),
        [name for _, _, name in pairs],
        np.array([1 / len(about.partners_of(clip)) for clip, _, _ in pairs]),
    )


def clusters(corpus: Corpus, metric: Metric, clips: Sequence[str]) -> list[str] | None:
    """Return which clips of a metric are alike: one label per clip, or None where each stands for itself.

    Clips of one speaker are. Under XM clips that the same speech drives are, too; and with them their speakers. A clip
    whose speaker is not known stands for itself.
    """
    labels = _speakers(corpus, clips)
    if any(condition.setup in OTHER_SPEECH for condition in metric.conditions):
        labels = _joined(labels, [corpus.provenance.pairing.get(clip, f"none of {clip}") for clip in clips])
    return labels if len(set(labels)) < len(labels) else None


def voices(corpus: Corpus, clips: Sequence[str]) -> list[str] | None:
    """Return whose clips are drawn together for a p value, or None where each clip is drawn alone.

    All unrelated speech of a set of one speaker is of that speaker: none of it is favoured, and each clip is drawn
    alone.
    """
    labels = _speakers(corpus, clips)
    return labels if 1 < len(set(labels)) < len(labels) else None


def complete(corpus: Corpus, labels: Sequence[str], clips: Sequence[str], lost: Collection[str]) -> list[str]:
    """Return the labels, in order, of which every planned clip is among ``clips`` or ``lost``."""
    label_of = dict(zip(clips, labels, strict=True))
    known = corpus.provenance.speakers
    waiting = {
        known[name]
        for name in corpus.provenance.clip_names
        if name in known and name not in label_of and name not in lost
    }
    started = {label for clip, label in label_of.items() if known.get(clip) in waiting}
    return [label for label in dict.fromkeys(labels) if label not in started]


def _speakers(corpus: Corpus, clips: Sequence[str]) -> list[str]:
    known = corpus.provenance.speakers
    return [f"speaker {known[clip]}" if clip in known else f"clip {clip}" for clip in clips]


def _joined(labels: Sequence[str], partners: Sequence[str]) -> list[str]:
    """Give one label to all that are linked by a common label or partner."""
    above = {label: label for label in labels}

    def top(label: str) -> str:
        while above[label] != label:
            label = above[label]
        return label

    first: dict[str, str] = {}
    for label, partner in zip(labels, partners, strict=True):
        above[top(label)] = top(first.setdefault(partner, label))
    return [top(label) for label in labels]
