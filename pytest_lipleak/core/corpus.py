"""All scores of one model on one clip set, as plain data that travels between processes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.metrics import Audio, Column
from pytest_lipleak.core.scores import SyncScore, TakeScore, Unscored

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
        seed: of pairing and random references.
        device: where the networks ran.
        version: of pytest-lipleak.
        notes: what readers must know (unverified weights, conversions).
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


@dataclass
class Corpus:
    """Scores so far, filled as they are needed.

    Args:
        provenance: what was measured.
        takes: score of each take.
        unscored: takes that could not be scored, with the reason.
        not_applicable: references that the model does not have, with the reason.
    """

    provenance: Provenance
    takes: dict[Key, TakeScore] = field(default_factory=dict)
    unscored: dict[Key, Unscored] = field(default_factory=dict)
    not_applicable: dict[Reference, str] = field(default_factory=dict)

    def column(self, column: Column) -> dict[str, float]:
        """Return the column's value for every clip that has it."""
        return {
            clip: _value(take, column)
            for (clip, condition), take in self.takes.items()
            if condition == column.condition
        }

    def unscored_in(self, conditions: Iterable[Condition | None]) -> tuple[Unscored, ...]:
        """Return what could not be scored among these conditions."""
        wanted = set(conditions)
        return tuple(entry for (_, condition), entry in self.unscored.items() if condition in wanted)

    def absorb(self, other: "Corpus") -> None:
        """Take over the scores of another process that measured the same thing."""
        self.takes.update(other.takes)
        self.unscored.update(other.unscored)
        self.not_applicable.update(other.not_applicable)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready data; ``from_dict`` reads it back exactly."""
        provenance = vars(self.provenance) | {"pairing": dict(self.provenance.pairing)}
        return {
            "provenance": {k: list(v) if isinstance(v, tuple) else v for k, v in provenance.items()},
            "takes": [_take_to_dict(take) for _, take in sorted(self.takes.items(), key=_order)],
            "unscored": [
                {"clip": entry.clip, "condition": _text(entry.condition), "reason": entry.reason}
                for _, entry in sorted(self.unscored.items(), key=_order)
            ],
            "not_applicable": {str(reference): why for reference, why in self.not_applicable.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Corpus":
        """Read what ``to_dict`` wrote."""
        raw = data["provenance"]
        lists = {"clip_names": tuple(raw["clip_names"]), "notes": tuple(raw["notes"])}
        takes = [_take_from_dict(entry) for entry in data["takes"]]
        unscored = [Unscored(e["clip"], _condition(e["condition"]), e["reason"]) for e in data["unscored"]]
        return cls(
            Provenance(**{**raw, **lists}),
            {(take.clip, take.condition): take for take in takes},
            {(entry.clip, entry.condition): entry for entry in unscored},
            {Reference(name): why for name, why in data["not_applicable"].items()},
        )


def _value(take: TakeScore, column: Column) -> float:
    score = take.own if column.audio is Audio.OWN or take.driving is None else take.driving
    return {
        "LSE-C": score.lse_c,
        "LSE-D": score.lse_d,
        "LSE-C@offset": score.confidence_at(take.own_offset),
    }[column.measure]


def _order(item: tuple[Key, Any]) -> tuple[str, str]:
    (clip, condition), _ = item
    return clip, str(condition or "")


def _text(condition: Condition | None) -> str:
    return str(condition) if condition else "GT"


def _condition(text: str) -> Condition | None:
    if text == "GT":
        return None
    setup, reference = text.split(",")
    return Condition(Setup(setup), Reference(reference))


def _take_to_dict(take: TakeScore) -> dict[str, Any]:
    return {
        "clip": take.clip,
        "condition": _text(take.condition),
        "own": take.own.to_dict(),
        "driving": take.driving.to_dict() if take.driving else None,
        "own_offset": take.own_offset,
        "partner": take.partner,
        "notes": list(take.notes),
        "video": take.video,
    }


def _take_from_dict(data: Mapping[str, Any]) -> TakeScore:
    return TakeScore(
        clip=data["clip"],
        condition=_condition(data["condition"]),
        own=SyncScore.from_dict(data["own"]),
        driving=SyncScore.from_dict(data["driving"]) if data["driving"] else None,
        own_offset=data["own_offset"],
        partner=data["partner"],
        notes=tuple(data["notes"]),
        video=data["video"],
    )
