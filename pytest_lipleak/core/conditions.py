"""The six conditions of the paper: three setups times two references (Yaman et al. 2025); and pauses, beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class Setup(StrEnum):
    """Which audio drives the generator."""

    AM = "AM"
    """Audio-matched: the clip's own speech."""
    XM = "XM"
    """Audio-mismatched: the speech of another clip."""
    SI = "SI"
    """Silent-input: silence."""
    PA = "PA"
    """Pauses: the speech of another clip, with silences of 0.6 to 1.0 s between its words. No setup of the paper's:
    what a model does between words, and whether it knows digital silence when it hears it, is seen in no other."""


SETUPS = (Setup.AM, Setup.XM, Setup.SI)
"""The paper's."""

OTHER_SPEECH = frozenset({Setup.XM, Setup.PA})
"""Setups in which another clip's speech drives."""


class Reference(StrEnum):
    """Which frames show the generator the identity."""

    CR = "CR"
    """Current reference: the very frame that is masked."""
    AR = "AR"
    """Alternative reference: other frames of the clip, chosen by a strategy."""


MEANINGS: Mapping[Setup | Reference, str] = {
    Setup.AM: "audio-matched: the clip's own speech drives the model",
    Setup.XM: "audio-mismatched: another clip's speech drives it",
    Setup.SI: "silent input: silence drives it, so no lips should speak",
    Setup.PA: "pauses: another clip's speech drives it, with silences between words",
    Reference.CR: "current reference: the model sees the very frame that it edits, mouth masked or not",
    Reference.AR: "alternative reference: the model sees other frames of the clip",
}
"""A line each, for people who read a report."""


@dataclass(frozen=True, order=True)
class Condition:
    """A setup with a reference, for example ``Condition(Setup.SI, Reference.CR)``.

    Args:
        setup: which audio drives.
        reference: which frames show the identity.
        partner: under XM, which of the clip's partners drives, from 0. A clip has one, unless several are asked for.
    """

    setup: Setup
    reference: Reference
    partner: int = 0

    def __str__(self) -> str:
        further = f",{self.partner + 1}" if self.partner else ""
        return f"{self.setup},{self.reference}{further}"

    @property
    def cell(self) -> "Condition":
        """The same, whichever partner drives: what metrics and tables speak of."""
        return replace(self, partner=0) if self.partner else self

    @classmethod
    def parse(cls, text: str) -> "Condition":
        """Read what ``str`` writes.

        Raises:
            ValueError: it is something else.
        """
        setup, reference, *further = text.split(",")
        return cls(Setup(setup), Reference(reference), int(further[0]) - 1 if further else 0)


CONDITIONS = tuple(Condition(setup, reference) for reference in Reference for setup in SETUPS)
"""All six, in the order of the reports."""

EVERY_CONDITION = tuple(Condition(setup, reference) for reference in Reference for setup in Setup)
"""Those of ``CONDITIONS`` and what only probes and measures of pauses look at: whatever a trial may be made under."""
