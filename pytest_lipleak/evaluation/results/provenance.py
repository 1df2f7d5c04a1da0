"""What an evaluation says of itself before anything is measured: the choices and versions that its numbers rest on."""

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pytest_lipleak.core.corpus import Provenance
from pytest_lipleak.core.version import __version__
from pytest_lipleak.evaluation.make.artefacts import EMBEDDING_LIBRARIES
from pytest_lipleak.evaluation.results.parts import part_of, shard_data
from pytest_lipleak.generators.contract import choose
from pytest_lipleak.generators.finished_model import finished_of
from pytest_lipleak.generators.registry import Model
from pytest_lipleak.machine.model_files import file_sha256
from pytest_lipleak.media.clipsets import ClipSet
from pytest_lipleak.plan.pairing import GIVEN
from pytest_lipleak.plan.user_choices import Plan
from pytest_lipleak.store.keys import versions_of
from pytest_lipleak.sync.expert import SyncExpert
from pytest_lipleak.sync.protocols import Protocol, protocol_notes


def provenance_of(
    clips: ClipSet,
    model: Model,
    expert: SyncExpert,
    plan: Plan,
    *,
    crop_notes: Sequence[str] = (),
    device: str = "cpu",
    arcface: Path | None = None,
    sequential: bool = False,
) -> Provenance:
    """Return who is measured, by whom, on what and how; what the user leaves open is the model's own choice.

    Args:
        clips: the real clips; those that a pair list does not name are partners only, and are not measured, nor are
            copies of others, which would count twice.
        model: the model under test.
        expert: the sync expert that judges.
        plan: what the user chose of how clips are tried.
        crop_notes: what readers must know of the face crops.
        device: as reported.
        arcface: an ArcFace ONNX file of the user's, or None.
        sequential: whether clips are measured until verdicts are settled.
    """
    every, copies, speakers = _measured(clips, plan)
    chosen = choose(plan, model.declared.choices)
    finished = finished_of(model)
    return Provenance(
        model=model.name,
        clips=clips.origin,
        clip_names=every if plan.shard is None else part_of(every, *plan.shard),
        expert=expert.identity.label,
        protocol=str(plan.protocol),
        alternative_reference=chosen.alternative_reference,
        silence=chosen.silence,
        pairing={},
        seed=plan.seed,
        device=device,
        version=__version__,
        notes=(
            *protocol_notes(plan.protocol),
            *_choices_to_know(plan, arcface),
            *crop_notes,
            *_silence_to_know(plan, chosen.silence),
            *(finished.notes if finished else ()),
        ),
        shard={} if plan.shard is None else shard_data(plan.shard, every),
        weights_sha256=expert.identity.weights_sha256,
        verified_weights=expert.identity.verified,
        clips_sha256=clips.digest,
        pairing_rule=chosen.pairing if plan.pairs is None else GIVEN,
        face="; ".join(filter(None, (_face(plan), *crop_notes))),
        expert_reason=plan.expert_reason,
        sequential=sequential,
        speakers=speakers,
        fingerprint=model.fingerprint,
        arguments={name: repr(value) for name, value in sorted(model.arguments.items())},
        libraries=_libraries(),
        begun=datetime.now(UTC).isoformat(timespec="seconds"),
        listing=clips.listing.without_copies(copies).to_dict(),
        finished=finished is not None,
    )


def _measured(clips: ClipSet, plan: Plan) -> tuple[tuple[str, ...], dict[str, str], dict[str, str]]:
    """Return the clips that are measured, copies that are not, and who speaks in each, where that is known."""
    speakers = {file.name: file.speaker for file in clips.files.values() if file.speaker}
    if plan.measured is not None:
        names = tuple(name for name in clips if name in plan.measured)
        if any(name not in speakers for name in names):
            # One clip, driven by several audios: of one person, whoever it is.
            speakers = {
                original: speakers.get(original, f"whoever is in {original}")
                for original in clips.copies.values()
            } | speakers
            speakers = {copy: speakers[original] for copy, original in clips.copies.items()} | speakers
        return names, {}, speakers
    chosen = [name for name in clips if plan.pairs is None or name in plan.pairs]
    copies = {name: clips.copies[name] for name in chosen if name in clips.copies}
    return tuple(name for name in chosen if name not in copies), copies, speakers


def _choices_to_know(plan: Plan, arcface: Path | None) -> tuple[str, ...]:
    """What a report must say of the user's choices beside protocol, seed and silence."""
    told = [f"the {_face(plan)}"] if _face(plan) else []
    if arcface is not None:
        told.append(f"CSIM by {arcface.name}, SHA-256 {file_sha256(arcface)[:8]}")
    return tuple(told)


def _silence_to_know(plan: Plan, kind: str) -> tuple[str, ...]:
    if kind == "zeros":
        return ()
    return (f"silence is white noise at -60 dBFS, {'as asked' if plan.silence else 'as the model declares'}",)


def _face(plan: Plan) -> str:
    if plan.protocol is not Protocol.TRACKED:
        return ""
    return f"{plan.face} face is tracked{', anew in generated videos' if plan.retrack else ''}"


def _libraries() -> dict[str, str]:
    found = {name: version for name, version in versions_of(*EMBEDDING_LIBRARIES).items() if version}
    return {"python": platform.python_version(), **found}
