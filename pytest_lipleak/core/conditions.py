"""The six conditions of the protocol: three setups times two references (Yaman et al. 2025)."""

from dataclasses import dataclass
from enum import StrEnum


class Setup(StrEnum):
    """Which audio drives the generator."""

    AM = "AM"
    """Audio-matched: the clip's own speech."""
    XM = "XM"
    """Audio-mismatched: the speech of another clip."""
    SI = "SI"
    """Silent-input: silence."""


class Reference(StrEnum):
    """Which frames show the generator the identity."""

    CR = "CR"
    """Current reference: the very frame that is masked."""
    AR = "AR"
    """Alternative reference: other frames of the clip, chosen by a strategy."""


@dataclass(frozen=True, order=True)
class Condition:
    """One cell of the protocol, for example ``Condition(Setup.SI, Reference.CR)``."""

    setup: Setup
    reference: Reference

    def __str__(self) -> str:
        return f"{self.setup},{self.reference}"


CONDITIONS = tuple(Condition(setup, reference) for reference in Reference for setup in Setup)
"""All six, in the order of the reports."""
