"""What the user chose of how clips are tried: protocol of the crops, seed, silence, references, pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_lipleak.sync.protocols import Protocol


@dataclass(frozen=True)
class Plan:
    """What the user chose of how clips are tried.

    Args:
        protocol: how frames become face crops.
        seed: of the XM pairing and of random references.
        silence: ``zeros`` or ``noise``; None takes the model's own, else zeros.
        alternative_reference: AR strategy; None takes the model's own, else ``first``.
        pairing: ``any`` or ``same-speaker``; None takes the model's own, else ``any``.
        pairs: pairs given by the user, partners by clip; None draws them.
        partners: how many are drawn for a clip.
        face: whose face under ``tracked`` where several are seen, ``largest`` or ``speaking``.
        retrack: track the face anew in every generated video instead of reusing the real clip's boxes.
        expert_reason: why the sync expert judges, for the reports.
        measured: names of the clips that are measured, copies of others among them; None measures all but copies,
            and where ``pairs`` are given, those.
        shard: measure part i of n of the clips, (i, n) with i from 1; XM partners are drawn over all clips.
    """

    protocol: Protocol
    seed: int = 0
    silence: str | None = None
    alternative_reference: str | None = None
    pairing: str | None = None
    pairs: Mapping[str, Sequence[str]] | None = None
    partners: int = 1
    face: str = "largest"
    retrack: bool = False
    expert_reason: str = "as asked"
    shard: tuple[int, int] | None = None
    measured: frozenset[str] | None = None
