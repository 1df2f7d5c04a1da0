"""A generator whose guilt is known: a way to make lips, what leaks into them, an edit, and a finish."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pytest_lipleak.core.clips import Audio, Clip, Frames
from research.known_guilt.edits import Cloned, Ellipse, LowerHalf, Whole, cloned, pasted
from research.known_guilt.finishes import FINISHES
from research.known_guilt.leaks import Leak
from research.known_guilt.lips import Lips
from research.known_guilt.scene import Scene

HONEST, LEAKS, WEAK = "honest", "leaks", "weak"
"""Guilt: a weak generator leaks nothing, but its lips do not follow the audio either."""

FULL = Ellipse()


@dataclass(frozen=True)
class Member:
    """One generator of the bench, declared.

    Args:
        name: unique.
        guilt: ``honest``, ``leaks`` or ``weak``.
        kind: the class that it stands for in tables.
        lips: how lips are made.
        leak: what of the clip's own lips comes through, or None.
        edit: what is repainted.
        finish: a key of ``FINISHES``, or "".
        needs_people: the clip set must show at least two people, or the member is another one.
        alternative: it is offered one still frame as its reference (AR), not the current one.
    """

    name: str
    guilt: str
    kind: str
    lips: Lips
    leak: Leak | None = None
    edit: Ellipse | LowerHalf | Whole | Cloned = FULL
    finish: str = ""
    needs_people: bool = False
    alternative: bool = False


class KnownGuilt:
    """Generates as a member says, through the public interface alone.

    Args:
        member: what it does.
        pairing: as the clip set wants it.

    ``calls`` counts the videos made.
    """

    def __init__(self, member: Member, pairing: str = "same-speaker") -> None:
        self.member = member
        self.pairing = pairing
        self.supports = ("AR",) if member.alternative else ("CR",)
        self.alternative_reference = "first"
        self.fingerprint = f"known guilt {member!r}"
        self._clips: Mapping[str, Clip] = {}
        self.calls = 0

    def use_clips(self, clips: Mapping[str, Clip]) -> None:
        """Remember whose speech may drive."""
        self._clips = clips

    def scene(self, frames: Frames, audio: Audio, reference: Frames) -> Scene:
        """Return what a call is about."""
        return Scene(frames, audio, reference, self._clips, self.calls)

    def generate(self, frames: Frames, audio: Audio, reference: Frames) -> Frames:
        """Make lips, let the leak in, paste and finish."""
        member = self.member
        scene = self.scene(frames, audio, reference)
        self.calls += 1
        openings = member.lips.openings(scene)
        if member.leak is not None:
            openings = member.leak.on_openings(scene, openings)
        faces = member.lips.faces(scene, openings)
        if member.leak is not None:
            faces = member.leak.on_faces(scene, faces)
        paste = cloned if isinstance(member.edit, Cloned) else pasted
        output = paste(scene, faces, member.edit.masks(scene))
        if member.finish:
            output = FINISHES[member.finish](output)
        return np.array(output, np.uint8)
