"""A corpus measured in parts, on several machines, and put together again."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_lipleak.core.corpus import Corpus, Provenance
from pytest_lipleak.core.errors import ConfigurationError, InputError, UnscorableError
from pytest_lipleak.core.metrics.default_gates import every_default, stands_for
from pytest_lipleak.core.metrics.formulas import Metric
from pytest_lipleak.evaluation.results import preconditions
from pytest_lipleak.evaluation.results.aggregate import measure
from pytest_lipleak.verdicts.limits import Limit, Measurement, Verdict
from pytest_lipleak.verdicts.value_against_limit import judge, shows_no_single_clip

AGREED = (
    "model", "fingerprint", "arguments", "expert", "weights_sha256", "verified_weights", "protocol", "face",
    "alternative_reference", "silence", "pairing_rule", "seed", "sequential", "clips_sha256", "version", "notes",
)  # fmt: skip
"""What all parts must have in common, besides the list of clips and the pairing; the notes name the JPEG encoder."""


def part_of(clips: Sequence[str], part: int, parts: int) -> tuple[str, ...]:
    """Return the clips of part ``part`` of ``parts``, counted from 1: every ``parts``-th one."""
    return tuple(clips[part - 1 :: parts])


def shard_data(shard: tuple[int, int], names: Sequence[str]) -> dict[str, Any]:
    """Return what a part says of itself and of the whole: ``Provenance.shard``."""
    return {"part": shard[0], "of": shard[1], "clips": list(names)}


def merged_parts(parts: Mapping[str, Corpus]) -> Corpus:
    """Put one model's parts together; the result is that of a run over all clips.

    Args:
        parts: by the name of their file, which errors name.

    Raises:
        InputError: a part is missing, is there twice or is no part, or parts disagree in what was measured.
    """
    ordered = _in_order(parts)
    (first, whole), *others = ordered
    for name, corpus in others:
        _check_agreement(first, whole, name, corpus)
    about = whole.provenance
    names = tuple(about.shard["clips"])
    for name, corpus in ordered:
        part, of = corpus.provenance.shard["part"], corpus.provenance.shard["of"]
        if corpus.provenance.clip_names != part_of(names, part, of):
            raise InputError(f"{name}: its clips are not those of part {part}/{of}; measure it again")
    corpus = Corpus(replace(about, clip_names=names, pairing={}, further_partners={}, shard={}))
    corpus.provenance.note_partners(
        next((c.provenance.partners for _, c in ordered if c.provenance.pairing), {})
    )
    for _, part in ordered:
        corpus.absorb(part)
    if corpus.unrelated:
        # A part speaks of its own clips alone, and names none that are not heard where it objects to all of them.
        corpus.expert_unfit = preconditions.expert_unfit_for(corpus)
        preconditions.mark_out_of_sync(corpus)
    return corpus


def judged_parts(corpus: Corpus, limits: Sequence[Limit], *, allow_unscored: bool = False) -> list[Verdict]:
    """Judge what ``merged_parts`` put together, as ``Evaluation.judge`` does a run over all clips.

    Args:
        corpus: of all parts.
        limits: to keep; none takes those that the parts were asked for. One that is about a reference which the
            model does not have is skipped, as in a run over all clips.
        allow_unscored: judge the rest when some clips have no score; the parts' own setting also counts.

    Raises:
        ConfigurationError: there is no limit.
    """
    limits = limits or _asked(corpus)
    if not limits:
        raise ConfigurationError(
            f"model {corpus.provenance.model!r}: the parts were asked for no limit; give one with --gate"
        )
    allow_unscored = allow_unscored or (bool(corpus.asked) and all(corpus.asked.values()))
    verdicts = [
        _judged(corpus, limit, allow_unscored) for limit in limits if not why_not_applicable(corpus, limit)
    ]
    return [verdict for verdict in verdicts if verdict is not None]


def _asked(corpus: Corpus) -> list[Limit]:
    """Return what the parts were asked for: who asked for every default gate named none."""
    limits = [Limit.parse(text) for text in corpus.asked]
    asked = {str(replace(limit, confidence=None)) for limit in limits}
    return [replace(limit, by_default=every_default() <= asked) for limit in limits]


def why_not_applicable(corpus: Corpus, limit: Limit) -> str | None:
    """Return why a limit says nothing about this model, or None where it does."""
    own = (column.condition for column in limit.metric.columns if column.condition is not None)
    return next(filter(None, map(corpus.why_lacking, own)), None)


def _judged(corpus: Corpus, limit: Limit, allow_unscored: bool) -> Verdict | None:
    """Judge one limit; None for a default gate on single clips where none can be accused, as in a run over all."""
    nothing = Measurement(limit.metric, math.nan, None, {}, (), corpus.provenance.expert)
    other = stands_for(limit.metric) if limit.by_default else None
    # What the parts did probe was asked for by name, in one gate or in a list of all of them.
    if other is not None and _was_probed(corpus, other) and not _was_probed(corpus, limit.metric):
        return None
    if corpus.expert_unfit and not limit.metric.is_picture:
        return Verdict(limit, nothing, corpus.expert_unfit)
    try:
        measurement = measure(corpus, limit.metric, limit.confidence)
        if limit.by_default and shows_no_single_clip(measurement):
            return None
        return judge(limit, measurement, allow_unscored=allow_unscored)
    except UnscorableError as error:
        return Verdict(limit, nothing, str(error))


def _was_probed(corpus: Corpus, probe: Metric) -> bool:
    return bool(corpus.column(probe.columns[0]) or corpus.unscored_in(probe.columns))


def _in_order(parts: Mapping[str, Corpus]) -> list[tuple[str, Corpus]]:
    by_number: dict[int, tuple[str, Corpus]] = {}
    for name, corpus in parts.items():
        shard = corpus.provenance.shard
        if not shard:
            raise InputError(f"{name}: was measured without --lipleak-shard; it is no part")
        number = int(shard["part"])
        if number in by_number:
            raise InputError(f"{by_number[number][0]} and {name} are both part {number}/{shard['of']}")
        by_number[number] = (name, corpus)
    if not by_number:
        raise InputError("0 parts; name the JSON files of all parts")
    count = max(int(corpus.provenance.shard["of"]) for corpus in parts.values())
    if missing := [f"{number}/{count}" for number in range(1, count + 1) if number not in by_number]:
        raise InputError(f"part {', '.join(missing)} is missing; name the JSON files of all {count} parts")
    return [by_number[number] for number in sorted(by_number)]


def check_alike(
    first: str, ours: Provenance, name: str, theirs: Provenance, words: Sequence[str] = AGREED
) -> None:
    """Refuse two provenances that disagree in one of ``words``; ``first`` and ``name`` are what errors call them.

    Raises:
        InputError: they disagree.
    """
    _check_equal(first, name, [(word, getattr(ours, word), getattr(theirs, word)) for word in words])


def _check_agreement(first: str, whole: Corpus, name: str, corpus: Corpus) -> None:
    ours, theirs = whole.provenance, corpus.provenance
    check_alike(first, ours, name, theirs)
    pairs: list[tuple[str, Any, Any]] = [
        (f"the {word}", ours.shard[word], theirs.shard[word]) for word in ours.shard if word != "part"
    ]
    if ours.pairing and theirs.pairing:
        pairs.append(("pairing", ours.partners, theirs.partners))
    pairs.append(("device", ours.device.partition(":")[0], theirs.device.partition(":")[0]))
    _check_equal(first, name, pairs)


def _check_equal(first: str, name: str, pairs: Sequence[tuple[str, Any, Any]]) -> None:
    for word, mine, other in pairs:
        if mine != other:
            raise InputError(
                f"{first} and {name} disagree in {word}: {_short(mine)} and {_short(other)}; parts of one corpus "
                "must be measured alike"
            )


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
