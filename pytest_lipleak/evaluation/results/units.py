"""What is drawn for intervals: clips, or where clips are alike, the speakers and the speech that they share."""

from collections.abc import Collection, Sequence

from pytest_lipleak.core.conditions import OTHER_SPEECH
from pytest_lipleak.core.corpus import Corpus
from pytest_lipleak.core.metrics.formulas import Metric


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
