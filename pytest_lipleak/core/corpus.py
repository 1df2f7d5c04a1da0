"""All scores of one model on one clip set, as plain data that travels between processes."""

import math
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.dose import DoseCurve
from pytest_lipleak.core.listing import Listing
from pytest_lipleak.core.metrics.families import Source
from pytest_lipleak.core.metrics.formulas import (
    FREE,
    FULL,
    LEAST_SLOPE,
    LIPS_SLOPE,
    PAUSE,
    SYNC,
    Audio,
    Column,
    Metric,
)
from pytest_lipleak.core.scores import (
    LAGS,
    LagScan,
    SetScore,
    SyncScore,
    TrialScore,
    Unscored,
    above_chance,
)

PROBED = 4
"""Clips at most that causal probes are taken on: each of them is generated a few times more. Half of them under their
own speech: of 54 honest suites and 147 of leaks on the sets for choosing, none is judged otherwise for it on average
(docs/evidence/known-guilt.md)."""

Key = tuple[str, Condition | None]
"""Clip name and condition; None stands for the real clip."""


@dataclass(frozen=True)
class Provenance:
    """What was measured, with what: everything that must agree before two results are compared.

    Args:
        model: as the user named it.
        clips: what the user named, and how many clips that is.
        clip_names: every clip, in order.
        expert: label of the sync expert.
        protocol: ``lrs``, ``direct`` or ``tracked``.
        alternative_reference: the AR strategy.
        silence: ``zeros`` or ``noise``.
        pairing: partner of each clip under XM, empty when XM was never needed.
        further_partners: those of each clip beyond the first, where several were asked for or given.
        seed: of pairing and random references.
        device: where the networks ran.
        version: of pytest-lipleak.
        notes: what readers must know (unverified weights, conversions).
        shard: of a run that measured a part of the clips: which part (``part``, ``of``) of which ``clips``; else
            empty.
        weights_sha256: of the sync expert's weights.
        verified_weights: whether that hash is the published one.
        clips_sha256: of names, speakers, words and file contents of all clips (``ClipSet.digest``).
        pairing_rule: who may be paired with whom under XM: ``any``, ``same-speaker`` or ``given`` by the user.
        face: under ``tracked``, whose face is followed, and whether anew in generated videos; else empty.
        expert_reason: why this expert judges, for example ``as asked``.
        speakers: who speaks in which clip, where known.
        sequential: whether clips were measured one by one until verdicts were settled; then a metric may rest on
            the first of ``in_order`` only, and its interval holds at any number of them.
        fingerprint: of the model's weights and code, None where it has none.
        arguments: of the model's factory, as Python writes them.
        libraries: versions of Python and of every package that makes pixels or embeddings.
        begun: when the measuring began, UTC, ISO 8601.
        listing: how many files were found for the clip set, and why some are no clips of it (``Listing.to_dict``).
        finished: whether finished videos were judged: nothing could be made anew.
    """

    model: str
    clips: str
    clip_names: tuple[str, ...]
    expert: str
    protocol: str
    alternative_reference: str
    silence: str
    pairing: Mapping[str, str]
    seed: int
    device: str
    version: str
    notes: tuple[str, ...] = ()
    shard: Mapping[str, Any] = field(default_factory=dict)
    weights_sha256: str = ""
    verified_weights: bool = True
    clips_sha256: str = ""
    pairing_rule: str = ""
    face: str = ""
    expert_reason: str = ""
    speakers: Mapping[str, str] = field(default_factory=dict)
    sequential: bool = False
    fingerprint: str | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)
    begun: str = field(default="", compare=False)
    listing: Mapping[str, Any] = field(default_factory=dict)
    further_partners: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    finished: bool = False

    def partners_of(self, clip: str) -> tuple[str, ...]:
        """Return whose speech drives a clip under XM, in order; empty when XM was never needed."""
        first = (self.pairing[clip],) if clip in self.pairing else ()
        return (*first, *self.further_partners.get(clip, ()))

    @property
    def partners(self) -> Mapping[str, tuple[str, ...]]:
        """``partners_of`` every clip that has one."""
        return {clip: self.partners_of(clip) for clip in self.pairing}

    def note_partners(self, partners: Mapping[str, Sequence[str]]) -> None:
        """Fill in who drives whom, as soon as that is known; what is known already stays."""
        for clip, names in partners.items():
            self.pairing.setdefault(clip, names[0])  # type: ignore[attr-defined]
            if names[1:]:
                self.further_partners.setdefault(clip, tuple(names[1:]))  # type: ignore[attr-defined]

    @property
    def reader_notes(self) -> tuple[str, ...]:
        """What readers must know: files that were left out first, then ``notes``."""
        left_out = [Listing.from_dict(self.listing).summary] if self.listing.get("left_out") else []
        return (*left_out, *self.notes)

    @property
    def in_order(self) -> tuple[str, ...]:
        """All clips in the seeded order in which a sequential run measures them, speaker by speaker; the same in every
        process.
        """
        names = list(self.clip_names)
        random.Random(f"lipleak order {self.seed}").shuffle(names)
        speakers = {name: self.speakers.get(name, f"clip {name}") for name in names}
        first = {speaker: place for place, speaker in enumerate(dict.fromkeys(speakers.values()))}
        return tuple(sorted(names, key=lambda name: first[speakers[name]]))

    def clips_of(self, metric: Metric) -> tuple[str, ...]:
        """Those clips that a metric is taken on."""
        if not metric.is_probe:
            return self.clip_names
        return self.probed(metric.family.measure, metric.conditions[-1])

    def probed(self, probe: str, condition: Condition) -> tuple[str, ...]:
        """Those clips of this part that a causal probe is taken on."""
        drawn = self._drawn(probe, condition)
        return tuple(name for name in self.clip_names if name in drawn)

    def _drawn(self, probe: str, condition: Condition) -> Sequence[str]:
        """A seeded draw from the whole set, the same in every part.

        Under their own speech it is the half of them that was drawn first. Where a mouth of the reference is swapped,
        silence takes that half, too, and of one still reference other speech the half drawn last: both ask the same,
        of models that know silence when they hear it.
        """
        every = sorted(self.shard.get("clips", self.clip_names))
        count = max(min(PROBED, 3 * len(every) // 4), 1)
        drawn = random.Random(f"lipleak probes {self.seed}").sample(every, min(count, len(every)))
        swap = probe == "REF_swap"
        if condition.setup is Setup.AM or (swap and condition.setup is Setup.SI):
            drawn = drawn[: (count + 1) // 2]
        elif swap and condition.reference is Reference.AR:
            drawn = drawn[count // 2 :]
        return drawn

    def swapped_beside(self, condition: Condition) -> tuple[tuple[str, Condition], ...]:
        """Those clips of the whole set in which a mouth of one still reference is swapped, and under what each."""
        spoken = Setup.PA if condition.setup is Setup.SI else condition.setup
        conditions = [Condition(setup, condition.reference) for setup in (Setup.SI, spoken)]
        return tuple((name, each) for each in conditions for name in self._drawn("REF_swap", each))


_NOTED_AS_PICTURES = frozenset({Source.PICTURES, Source.FRAME_SETS, Source.PROBES})


@dataclass
class Corpus:
    """Scores so far, filled as they are needed.

    Args:
        provenance: what was measured.
        trials: score of each trial.
        unscored: trials that could not be scored, with the reason.
        not_applicable: references that the model does not have, and conditions without finished videos, with the
            reason.
        pictures: picture measures of each trial (SSIM, LMD, ...) and what probes found (REF_shift, ...), by measure.
        sets: distances between sets of frames (FID), by measure and condition.
        unpictured: picture measures that could not be taken, with the reason.
        expert_unfit: why the sync expert cannot judge these clips, or None.
        unrelated: LSE-C of each real clip against other clips' audio, which this rests on.
        asked: limits that a part leaves to ``lipleak merge``, and whether clips may stay unscored.
        scans: of trials under silence and under other speech: the clip's own speech and lips at every lag, over the
            floor.
        remarks: what happened on the way and is no failure (a frame that was missing, a cache that was corrupt), and
            how often.
        curve: the scale on which results are read as a share of copied lips, where there is one; not written.
        costs: seconds by stage (generation, tracking, embedding, ...), of every process that measured.
    """

    provenance: Provenance
    trials: dict[Key, TrialScore] = field(default_factory=dict)
    unscored: dict[Key, Unscored] = field(default_factory=dict)
    not_applicable: dict[Reference | Condition, str] = field(default_factory=dict)
    pictures: dict[Key, dict[str, float]] = field(default_factory=dict)
    sets: dict[tuple[str, Condition], SetScore] = field(default_factory=dict)
    unpictured: dict[tuple[Key, str], Unscored] = field(default_factory=dict)
    expert_unfit: str | None = None
    unrelated: dict[str, tuple[float, ...]] = field(default_factory=dict)
    asked: dict[str, bool] = field(default_factory=dict)
    costs: dict[str, dict[str, float]] = field(default_factory=dict, compare=False)
    scans: dict[Key, LagScan] = field(default_factory=dict)
    remarks: dict[str, int] = field(default_factory=dict, compare=False)
    curve: DoseCurve | None = field(default=None, compare=False, repr=False)

    @property
    def reader_notes(self) -> tuple[str, ...]:
        """What readers must know of the whole run."""
        remarks = (f"{text} ({times} times)" if times > 1 else text for text, times in self.remarks.items())
        return (*self.provenance.reader_notes, *remarks)

    def column(self, column: Column) -> dict[str, float]:
        """Return the column's value for every clip that has it: of several partners the mean."""
        by_partner = self.by_partner(column)
        return {clip: fmean(values) if len(values) > 1 else values[0] for clip, values in by_partner.items()}

    def by_partner(self, column: Column) -> dict[str, list[float]]:
        """Return the column's value for every clip and each of its partners, in their order.

        Under other setups than XM that is one value. A clip that lacks one of its partners has none.
        """
        found: dict[str, dict[int, float]] = defaultdict(dict)
        for (clip, condition), value in self._noted(column):
            if _cell(condition) == column.condition:
                found[clip][condition.partner if condition else 0] = value
        of_all = column.condition is not None and column.condition.setup is Setup.XM
        # Probes are taken beside the first partner alone.
        several = of_all and column.source is not Source.PROBES
        further = self.provenance.further_partners if several else {}
        return {
            clip: [values[partner] for partner in sorted(values)]
            for clip, values in found.items()
            if len(values) == 1 + len(further.get(clip, ()))
        }

    def videos(self, clip: str, condition: Condition | None) -> list[Key]:
        """Return the keys of what was made of a clip in one of the six conditions: one for each partner."""
        partners = 1
        if condition is not None and condition.setup is Setup.XM:
            partners += len(self.provenance.further_partners.get(clip, ()))
        return [(clip, condition and replace(condition, partner=partner)) for partner in range(partners)]

    def _noted(self, column: Column) -> Iterator[tuple[Key, float]]:
        """Yield what a column is in every video of any condition, where it has a value."""
        if column.source in _NOTED_AS_PICTURES:
            for key, measures in self.pictures.items():
                if column.name in measures:
                    yield key, measures[column.name]
        elif column.source in (Source.LAGS, Source.LIPS):
            for key, scan in self.scans.items():
                if _cell(key[1]) == column.condition:
                    yield key, _of_scan(scan, column)
        elif column.source is Source.TRIALS:
            yield from ((key, 0.0) for key in self.unscored)
            yield from ((key, 1.0) for key in self.trials)
        else:
            for key, trial in self.trials.items():
                if _cell(key[1]) == column.condition:
                    yield key, _value(trial, column)

    def why_lacking(self, condition: Condition) -> str | None:
        """Return why the model does not have a condition, or None where it does."""
        return self.not_applicable.get(condition.reference) or self.not_applicable.get(condition)

    def unscored_in(self, columns: Iterable[Column]) -> tuple[Unscored, ...]:
        """Return what could not be scored among these columns; a real clip that was refused counts for all."""
        found: dict[tuple[Key, str], Unscored] = {}
        for column in columns:
            if column.source in _NOTED_AS_PICTURES:
                part = column.measure.removesuffix(FULL)
                wanted = (column.condition, part.removesuffix(SYNC).removesuffix(PAUSE))
                lost = {
                    key: entry
                    for key, entry in self.unpictured.items()
                    if (_cell(key[0][1]), key[1]) == wanted
                }
            elif column.source is Source.TRIALS:
                lost = {}  # that there is none is its value
            else:
                conditions = (column.condition, None)
                lost = {
                    (key, ""): entry for key, entry in self.unscored.items() if _cell(key[1]) in conditions
                }
            found.update(lost)
        return tuple(found.values())

    def absorb(self, other: "Corpus") -> None:
        """Take over the scores of another process that measured the same thing."""
        self.trials.update(other.trials)
        self.unscored.update(other.unscored)
        self.not_applicable.update(other.not_applicable)
        for key, measures in other.pictures.items():
            self.pictures.setdefault(key, {}).update(measures)
        self.sets.update(other.sets)
        self.unpictured.update(other.unpictured)
        self.expert_unfit = self.expert_unfit or other.expert_unfit
        self.curve = self.curve or other.curve
        self.unrelated.update(other.unrelated)
        for limit, allow_unscored in other.asked.items():
            # Allowed only where every process allows it.
            self.asked[limit] = self.asked.get(limit, True) and allow_unscored
        self.scans.update(other.scans)
        for text, times in other.remarks.items():
            self.remarks[text] = max(times, self.remarks.get(text, 0))
        # A process tells its totals, so what it said last counts.
        self.costs.update(other.costs)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready data; ``from_dict`` reads it back exactly."""
        further = self.provenance.further_partners
        provenance = vars(self.provenance) | {
            "pairing": dict(self.provenance.pairing),
            "further_partners": {clip: list(names) for clip, names in further.items()},
        }
        return {
            "provenance": {k: list(v) if isinstance(v, tuple) else v for k, v in provenance.items()},
            "trials": [_trial_to_dict(trial) for _, trial in sorted(self.trials.items(), key=_order)],
            "unscored": [_unscored_to_dict(entry) for _, entry in sorted(self.unscored.items(), key=_order)],
            "not_applicable": {str(reference): why for reference, why in self.not_applicable.items()},
            "pictures": [
                {"clip": key[0], "condition": _text(key[1]), "measures": _plain(measures)}
                for key, measures in sorted(self.pictures.items(), key=_order)
            ],
            "sets": [
                {
                    **vars(found),
                    "measure": measure,
                    "condition": str(condition),
                    "per_clip": dict(found.per_clip),
                }
                for (measure, condition), found in sorted(self.sets.items())
            ],
            "unpictured": [
                _unscored_to_dict(entry)
                for _, entry in sorted(
                    self.unpictured.items(), key=lambda item: (*_order((item[0][0], None)), item[0][1])
                )
            ],
            "expert_unfit": self.expert_unfit,
            "unrelated": {clip: list(scores) for clip, scores in sorted(self.unrelated.items())},
            "asked": dict(sorted(self.asked.items())),
            "scans": [
                {"clip": key[0], "condition": _text(key[1]), **scan.to_dict()}
                for key, scan in sorted(self.scans.items(), key=_order)
            ],
            "costs": {process: dict(seconds) for process, seconds in sorted(self.costs.items())},
            "remarks": dict(sorted(self.remarks.items())),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Corpus":
        """Read what ``to_dict`` wrote."""
        raw = data["provenance"]
        lists = {"clip_names": tuple(raw["clip_names"]), "notes": tuple(raw["notes"])}
        further = {clip: tuple(names) for clip, names in raw.get("further_partners", {}).items()}
        trials = [_trial_from_dict(entry) for entry in data["trials"]]
        unscored = [_unscored_from_dict(entry) for entry in data["unscored"]]
        unpictured = [_unscored_from_dict(entry) for entry in data.get("unpictured", ())]
        return cls(
            Provenance(**{**raw, **lists, "further_partners": further}),
            {(trial.clip, trial.condition): trial for trial in trials},
            {(entry.clip, entry.condition): entry for entry in unscored},
            {_lacking(name): why for name, why in data["not_applicable"].items()},
            {
                (entry["clip"], _condition(entry["condition"])): {
                    measure: float(value) for measure, value in entry["measures"].items()
                }
                for entry in data.get("pictures", ())
            },
            {_set_key(entry): _set_from_dict(entry) for entry in data.get("sets", ())},
            {((entry.clip, entry.condition), str(entry.measure)): entry for entry in unpictured},
            data.get("expert_unfit"),
            {clip: tuple(scores) for clip, scores in data.get("unrelated", {}).items()},
            dict(data.get("asked", {})),
            {process: dict(seconds) for process, seconds in data.get("costs", {}).items()},
            {
                (entry["clip"], _condition(entry["condition"])): LagScan.from_dict(entry)
                for entry in data.get("scans", ())
            },
            dict(data.get("remarks", {})),
        )


def _cell(condition: Condition | None) -> Condition | None:
    return condition and condition.cell


def _of_scan(scan: LagScan, column: Column) -> float:
    if column.measure == LIPS_SLOPE:
        assert column.lag is not None
        return scan.slope[column.lag - LAGS.start]
    heard = column.source is Source.LAGS
    own = scan.own_excess if heard else scan.own_lips
    if column.lag is not None:
        return own[column.lag - LAGS.start]
    if column.measure.endswith(FREE):
        alone = above_chance(scan.excess if heard else scan.lips, fmean)
    else:
        alone = scan.best_excess if heard else scan.best_lips
    if heard or scan.slope[own.index(max(own))] >= LEAST_SLOPE:
        return alone
    return min(alone, 0.0)


def _value(trial: TrialScore, column: Column) -> float:
    score = trial.own if column.audio is Audio.OWN or trial.driving is None else trial.driving
    return {"LSE-C": score.lse_c, "LSE-D": score.lse_d}[column.measure]


def _plain(measures: Mapping[str, float]) -> dict[str, float | str]:
    # JSON has no infinity, which is the PSNR of identical pictures; float() reads the word back.
    return {name: value if math.isfinite(value) else str(value) for name, value in measures.items()}


def _unscored_to_dict(entry: Unscored) -> dict[str, Any]:
    return {**vars(entry), "condition": _text(entry.condition)}


def _unscored_from_dict(data: Mapping[str, Any]) -> Unscored:
    return Unscored(data["clip"], _condition(data["condition"]), data["reason"], data.get("measure"))


def _set_key(data: Mapping[str, Any]) -> tuple[str, Condition]:
    return data["measure"], Condition.parse(data["condition"])


def _set_from_dict(data: Mapping[str, Any]) -> SetScore:
    return SetScore(data["value"], data["frames"], data["per_clip"], data["warning"])


def _order(item: tuple[Key, Any]) -> tuple[str, str]:
    (clip, condition), _ = item
    return clip, str(condition or "")


def _text(condition: Condition | None) -> str:
    return str(condition) if condition else "GT"


def _condition(text: str) -> Condition | None:
    return None if text == "GT" else Condition.parse(text)


def _lacking(text: str) -> Reference | Condition:
    return Condition.parse(text) if "," in text else Reference(text)


def _trial_to_dict(trial: TrialScore) -> dict[str, Any]:
    return {
        "clip": trial.clip,
        "condition": _text(trial.condition),
        "own": trial.own.to_dict(),
        "driving": trial.driving.to_dict() if trial.driving else None,
        "own_offset": trial.own_offset,
        "partner": trial.partner,
        "notes": list(trial.notes),
        "video": trial.video,
    }


def _trial_from_dict(data: Mapping[str, Any]) -> TrialScore:
    return TrialScore(
        clip=data["clip"],
        condition=_condition(data["condition"]),
        own=SyncScore.from_dict(data["own"]),
        driving=SyncScore.from_dict(data["driving"]) if data["driving"] else None,
        own_offset=data["own_offset"],
        partner=data["partner"],
        notes=tuple(data["notes"]),
        video=data["video"],
    )
